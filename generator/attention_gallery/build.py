"""The whole pipeline on one page.

    manifest -> Gallery -> Plan -> Capture and Measured -> store -> Figure -> Page -> site

Two clocks: capturing (torch, minutes, stored for ever) and everything else (milliseconds an
exhibit). Only a miss in the store opens the module that knows torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attention_gallery import api_model, cache, embedding, measures, pages, site, views
from attention_gallery.api_answer import read_answer
from attention_gallery.drawings import Gathered
from attention_gallery.errors import (
    FaultsError,
    GalleryError,
    InputError,
    StoreError,
    listing,
    raise_faults,
)
from attention_gallery.gallery_index import index_page
from attention_gallery.labels import read_labels
from attention_gallery.making import (
    DRAWINGS,
    PICTURES,
    collected,
    drawing_of,
    drawn,
    embedded_html,
    fragments_of,
    gather_stored,
    inline_ids,
    made_of,
)
from attention_gallery.manifest import read_manifest
from attention_gallery.plan import make_plan
from attention_gallery.progress import Track, silently
from attention_gallery.store import Store
from attention_gallery.terms import (
    UNPUBLISHED,
    CaptureRequest,
    Exhibit,
    Gallery,
    Imprint,
    MarkdownPage,
    MeasureRequest,
    Need,
    Plan,
    Site,
)

if TYPE_CHECKING:
    from attention_gallery.capture import Load


@dataclass(frozen=True, slots=True)
class Built:
    """What came of a plan.

    Attributes:
        site: What an adapter writes.
        made: How many captures were made for it.
        shown: Exhibits that are on the site, in its order.
        left_out: Exhibits that are not, in the order of their manifests.
        faults: Why they are not, sorted by place.
    """

    site: Site
    made: int
    shown: tuple[Exhibit, ...]
    left_out: tuple[Exhibit, ...]
    faults: tuple[GalleryError, ...]

    @property
    def shortfall(self) -> str:
        """Why which exhibits or blocks were left out, fault by fault; empty when none was."""
        told = [str(fault) for fault in self.faults]
        if self.left_out:
            missing, total = len(self.left_out), len(self.left_out) + len(self.shown)
            names = (exhibit.id for exhibit in self.left_out)
            told.append(listing(names, f"{missing} of {total} exhibits left out"))
        return "\n".join(told)


def read(manifests: Sequence[Path], markdown: Iterable[MarkdownPage] = ()) -> Plan:
    """Read manifests and blocks, and plan what they need, with the faults of all at once.

    Args:
        manifests: In the order of the site.
        markdown: The author's pages that may hold blocks.

    Raises:
        GalleryError: Whatever an author has to mend.
    """
    galleries: list[Gallery] = []
    faults: list[GalleryError] = []
    for manifest in manifests:
        try:
            galleries.append(read_manifest(manifest))
        except GalleryError as error:
            faults.append(error)
    raise_faults(faults)
    embedded, blocks = embedding.read_blocks(markdown, galleries)
    plan = make_plan([*galleries, *embedded], views.parts, _needs)
    return _checked(dataclasses.replace(plan, blocks=blocks))


def read_page(markdown: MarkdownPage, galleries: Sequence[Gallery]) -> Plan:
    """Plan what the blocks of one page show, and nothing else.

    Args:
        markdown: The page.
        galleries: What its blocks may refer to.

    Raises:
        GalleryError: Whatever an author has to mend in it.
    """
    embedded, blocks = embedding.read_blocks([markdown], galleries)
    named = {block.exhibit for block in blocks}
    shown = [
        dataclasses.replace(
            gallery, exhibits=tuple(each for each in gallery.exhibits if each.id in named)
        )
        for gallery in galleries
    ]
    plan = make_plan([*shown, *embedded], views.parts, _needs)
    return _checked(dataclasses.replace(plan, blocks=blocks))


def blocks_from_store(plan: Plan, store: Store, *, linked: bool) -> dict[str, str]:
    """The HTML of blocks by name, for a site that is put together elsewhere; no model is run.

    Args:
        plan: What the blocks of a page need.
        store: Where that has to be.
        linked: Whether blocks may name other pages and files of the site.

    Raises:
        GalleryError: What is missing or cannot be drawn, all of it at once.
    """
    lacking = {request.key for request in missing(plan, store)}
    lacking |= {request.key for request in unmeasured(plan, store)}
    there = {exhibit.id for exhibit in _without(plan, lacking)}
    faults: list[GalleryError] = [
        StoreError(
            f"what {block.exhibit} shows is not in {store.root}",
            block.where,
            "run `attention-gallery capture`, on a machine with torch",
        )
        for block in plan.blocks
        if block.exhibit not in there
    ]
    raise_faults(faults)
    inline = inline_ids(plan)
    found = {
        block.name: html
        for drawing in drawn(plan, plan.exhibits, store, faults)
        for block, html in fragments_of(
            drawing, plan, faults, has_page=drawing.gathered.exhibit.id not in inline, linked=linked
        )
    }
    raise_faults(faults)
    return found


def _checked(plan: Plan) -> Plan:
    """A plan of exhibits that can be shown, from files that can be read.

    Raises:
        InputError: When they cannot.
    """
    views.check(plan.exhibits)
    _check_shown(plan)
    _check_files(plan)
    return plan


def _check_shown(plan: Plan) -> None:
    """See that what is measured is also shown.

    Raises:
        InputError: When it is not; of several, all at once.
    """
    faults = [
        InputError(
            f"the measure {name} is shown by no view of this exhibit",
            exhibit.where,
            listing(showing, "views that show it"),
        )
        for exhibit in plan.exhibits
        for name in exhibit.measures
        if (showing := views.showing(name, maps=measures.need(name).maps))
        and not set(showing) & set(views.of(exhibit))
    ]
    raise_faults(faults)


def _check_files(plan: Plan) -> None:
    """See that files which authors made are as they should be, before a model is loaded.

    Raises:
        InputError: When one is not; of several, all at once.
    """
    faults: list[GalleryError] = []
    labelled = dict.fromkeys(exhibit.labels for exhibit in plan.exhibits if exhibit.labels)
    models = (exhibit.model for exhibit in plan.exhibits)
    answers = dict.fromkeys(model.location for model in models if model.kind == "api")
    for path in labelled:
        with collected(faults):
            read_labels(Path(path))
    for path in answers:
        with collected(faults):
            read_answer(Path(path))
    raise_faults(faults)


def _needs(exhibit: Exhibit) -> list[Need]:
    return [measures.need(name) for name in views.measures(exhibit)]


def missing(plan: Plan, store: Store) -> list[CaptureRequest]:
    """The captures that the store does not hold yet."""
    return [request for key, request in plan.requests.items() if key not in store]


def unmeasured(plan: Plan, store: Store) -> list[MeasureRequest]:
    """The measures that the store does not hold yet."""
    return [request for key, request in plan.measures.items() if key not in store]


def obtain(plan: Plan, store: Store, track: Track = silently, load: Load | None = None) -> int:
    """Capture and measure what the store misses; a cached build never gets past the first lines.

    Args:
        plan: What is needed.
        store: Where it goes.
        track: What shows progress.
        load: How models are had; by default from where they lie.

    Returns:
        How many captures and measures were made.

    Raises:
        GalleryError: A model or a sentence that cannot be captured or measured. What was before is
            kept.
    """
    requests, wanted = missing(plan, store), unmeasured(plan, store)
    n_made = len(requests) + len(wanted)
    had = [load] if load else []
    faults: list[GalleryError] = []
    for capture_request in [each for each in requests if each.model.kind == "api"]:
        requests.remove(capture_request)
        with collected(faults):
            store.put(api_model.captured(capture_request))
    for measure_request in [each for each in wanted if each.model.kind == "api"]:
        wanted.remove(measure_request)
        with collected(faults):
            store.put_measured(api_model.measured(measure_request))
    if requests:
        from attention_gallery.capture import capture_all

        with collected(faults):
            for capture in track(
                lambda announce: capture_all(requests, announce, *had),
                "Capturing attention",
                len(requests),
            ):
                store.put(capture)
    if wanted:
        with collected(faults):
            for found in track(
                lambda announce: measures.measure_all(wanted, announce, *had),
                "Measuring",
                len(wanted),
            ):
                store.put_measured(found)
    raise_faults(faults)
    return n_made


def build_site(
    plan: Plan,
    store: Store,
    *,
    index_path: str = "index.md",
    track: Track = silently,
    keep_going: bool = False,
    imprint: Imprint = UNPUBLISHED,
    n_processes: int = 1,
) -> Built:
    """Capture what the store misses, draw every exhibit, and gather the site.

    Args:
        plan: What the site is to show.
        store: Where captures are kept.
        index_path: Where the page that lists all exhibits goes.
        track: What shows progress.
        keep_going: Whether an exhibit that cannot be captured or drawn is left out. A reader then
            finds no trace of it: no page, no card, and no link from its neighbours.
        imprint: What is known of the publication.
        n_processes: How many draw at a time. More than one start this program's main module anew,
            which has to be made for that.

    Raises:
        GalleryError: What is wrong with the exhibits, all of them at once. When going on, that no
            exhibit is left, or that captures cannot be stored.
    """
    n_wanted = len(missing(plan, store)) + len(unmeasured(plan, store))
    faults: list[GalleryError] = []
    lost: list[CaptureRequest | MeasureRequest] = []
    try:
        obtain(plan, store, track)
    except StoreError:
        raise  # a full disk is no fault of an exhibit
    except GalleryError as fault:
        if not keep_going:
            raise
        faults.append(fault)
        lost = [*missing(plan, store), *unmeasured(plan, store)]
    exhibits = _without(plan, {request.key for request in lost})
    made = list(
        track(
            lambda _announce: made_of(
                drawn(plan, exhibits, store, faults, imprint.downloads, n_processes),
                plan,
                imprint,
                store.root / PICTURES,
                faults,
            ),
            "Drawing exhibits",
            len(exhibits),
        )
    )
    if not (keep_going and made):
        raise_faults(faults)
    shown = tuple(each.exhibit for each in made)
    ids = {exhibit.id for exhibit in shown}
    listed = _only(plan.galleries, ids)
    # A home page says what the site is; elsewhere the author's own home page does.
    introduction = imprint.description if index_path == "index.md" else ""
    for folder in (DRAWINGS, PICTURES, site.BUNDLES):
        cache.clean(store.root / folder)
    return Built(
        site.assemble(
            [
                *([index_page(listed, index_path, introduction)] if listed else []),
                *(each.page for each in made if each.page),
            ],
            [file for each in made for file in each.files],
            site.vega_bundle(store.root),
            embedded_html(plan, made),
        ),
        made=n_wanted - len(lost),
        shown=shown,
        left_out=tuple(each for each in plan.exhibits if each.id not in ids),
        faults=_by_place(faults),
    )


def _without(plan: Plan, lost: set[str]) -> list[Exhibit]:
    """The exhibits that need none of what is stored under some keys."""
    return [
        exhibit
        for exhibit in plan.exhibits
        if lost.isdisjoint(
            (
                plan.keys[exhibit.id],
                *plan.others[exhibit.id],
                *plan.measured[exhibit.id].values(),
            )
        )
    ]


def _only(galleries: Iterable[Gallery], ids: set[str]) -> list[Gallery]:
    """Galleries of the index with what is shown of them; without that one would be a bare title."""
    kept = (
        dataclasses.replace(
            gallery, exhibits=tuple(each for each in gallery.exhibits if each.id in ids)
        )
        for gallery in galleries
        if not gallery.embedded
    )
    return [gallery for gallery in kept if gallery.exhibits]


def _by_place(faults: Sequence[GalleryError]) -> tuple[GalleryError, ...]:
    single = [
        each
        for fault in faults
        for each in (fault.faults if isinstance(fault, FaultsError) else (fault,))
    ]
    return FaultsError(single).faults if single else ()


def gather(
    exhibit: Exhibit, store: Store, track: Track = silently, load: Load | None = None
) -> Gathered:
    """Capture and measure what one exhibit needs, as far as the store misses it.

    Args:
        exhibit: The exhibit.
        store: Where captures are kept.
        track: What shows progress.
        load: How models are had; by default from where they lie.

    Raises:
        GalleryError: The exhibit asks for what cannot be shown, or it cannot be captured.
    """
    plan = _checked(make_plan([Gallery(exhibit.title, "", "", (exhibit,))], views.parts, _needs))
    obtain(plan, store, track, load)
    return gather_stored(plan, exhibit, store)


def lone_file(gathered: Gathered, vega: str) -> str:
    """One exhibit as one HTML file.

    Args:
        gathered: The exhibit.
        vega: What draws charts, as one script.

    Raises:
        GalleryError: It cannot be drawn.
    """
    drawing = drawing_of(gathered, gathered.figures())
    return pages.lone_file(
        gathered.exhibit,
        gathered.capture,
        drawing.packed,
        drawing.figures,
        vega,
        others=gathered.others,
    )


def show(exhibit: Exhibit, store: Store, track: Track = silently) -> str:
    """One exhibit as one HTML file.

    Raises:
        GalleryError: The model or the sentence cannot be captured or shown.
    """
    return lone_file(gather(exhibit, store, track), site.vega_bundle(store.root))
