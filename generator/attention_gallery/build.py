"""The whole pipeline on one page.

    manifest -> Gallery -> Plan -> Capture and Measured -> store -> Figure -> Page -> site

Two clocks: capturing (torch, minutes, stored for ever) and everything else (milliseconds an
exhibit). Only a miss in the store opens the module that knows torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attention_gallery import api_model, measures, pages, site, views
from attention_gallery.addresses import page_path
from attention_gallery.api_answer import read_answer
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
from attention_gallery.manifest import read_manifest
from attention_gallery.packing import Packed
from attention_gallery.plan import make_plan
from attention_gallery.progress import Track, silently
from attention_gallery.store import Store
from attention_gallery.terms import (
    Asset,
    Capture,
    CaptureRequest,
    Exhibit,
    Figure,
    Gallery,
    Measured,
    MeasureRequest,
    Need,
    Page,
    Plan,
    Site,
)


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
        """Why which exhibits were left out, fault by fault; empty when none was."""
        if not self.left_out:
            return ""
        missing, total = len(self.left_out), len(self.left_out) + len(self.shown)
        names = (exhibit.id for exhibit in self.left_out)
        last = listing(names, f"{missing} of {total} exhibits left out")
        return "\n".join([*map(str, self.faults), last])


def read(manifests: Sequence[Path]) -> Plan:
    """Read manifests and plan what they need, with the faults of all of them at once.

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
    plan = make_plan(galleries, views.parts, _needs)
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
        with _collected(faults):
            read_labels(Path(path))
    for path in answers:
        with _collected(faults):
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


def obtain(plan: Plan, store: Store, track: Track = silently) -> int:
    """Capture and measure what the store misses; a cached build never gets past the first lines.

    Returns:
        How many captures and measures were made.

    Raises:
        GalleryError: A model or a sentence that cannot be captured or measured. What was before is
            kept.
    """
    requests, wanted = missing(plan, store), unmeasured(plan, store)
    n_made = len(requests) + len(wanted)
    faults: list[GalleryError] = []
    for capture_request in [each for each in requests if each.model.kind == "api"]:
        requests.remove(capture_request)
        with _collected(faults):
            store.put(api_model.captured(capture_request))
    for measure_request in [each for each in wanted if each.model.kind == "api"]:
        wanted.remove(measure_request)
        with _collected(faults):
            store.put_measured(api_model.measured(measure_request))
    if requests:
        from attention_gallery.capture import capture_all

        with _collected(faults):
            for capture in track(
                lambda announce: capture_all(requests, announce),
                "Capturing attention",
                len(requests),
            ):
                store.put(capture)
    if wanted:
        with _collected(faults):
            for found in track(
                lambda announce: measures.measure_all(wanted, announce), "Measuring", len(wanted)
            ):
                store.put_measured(found)
    raise_faults(faults)
    return n_made


@contextmanager
def _collected(faults: list[GalleryError]) -> Iterator[None]:
    """Go on after what exhibits are at fault for; a full disk is none of it."""
    try:
        yield
    except StoreError:
        raise
    except FaultsError as fault:
        faults += fault.faults
    except GalleryError as fault:
        faults.append(fault)


def build_site(
    plan: Plan,
    store: Store,
    *,
    index_path: str = "index.md",
    track: Track = silently,
    keep_going: bool = False,
) -> Built:
    """Capture what the store misses, draw every exhibit, and gather the site.

    Args:
        plan: What the site is to show.
        store: Where captures are kept.
        index_path: Where the page that lists all exhibits goes.
        track: What shows progress.
        keep_going: Whether an exhibit that cannot be captured or drawn is left out. A reader then
            finds no trace of it: no page, no card, and no link from its neighbours.

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
            lambda _announce: _pages(_drawn(plan, exhibits, store, faults)),
            "Drawing exhibits",
            len(exhibits),
        )
    )
    if not (keep_going and made):
        raise_faults(faults)
    paths = {page.path for page, _ in made}
    shown = tuple(each for each in plan.exhibits if page_path(each) in paths)
    index = index_page(_only(plan.galleries, shown), index_path)
    return Built(
        site.assemble([(index, ()), *made], site.vega_bundle(store.root)),
        made=n_wanted - len(lost),
        shown=shown,
        left_out=tuple(each for each in plan.exhibits if each not in shown),
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


def _only(galleries: Iterable[Gallery], shown: Sequence[Exhibit]) -> list[Gallery]:
    """Galleries with what is shown of them; one of which nothing is shown would be a bare title."""
    kept = (
        dataclasses.replace(
            gallery, exhibits=tuple(each for each in gallery.exhibits if each in shown)
        )
        for gallery in galleries
    )
    return [gallery for gallery in kept if gallery.exhibits]


def _by_place(faults: Sequence[GalleryError]) -> tuple[GalleryError, ...]:
    single = [
        each
        for fault in faults
        for each in (fault.faults if isinstance(fault, FaultsError) else (fault,))
    ]
    return FaultsError(single).faults if single else ()


@dataclass(frozen=True, slots=True, eq=False)
class _Drawing:
    """All that the page of one exhibit is made of."""

    exhibit: Exhibit
    capture: Capture
    others: tuple[Capture, ...]
    packed: Packed
    figures: tuple[Figure, ...]


def _draw(plan: Plan, exhibit: Exhibit, store: Store) -> _Drawing:
    """Draw an exhibit from its stored captures.

    Raises:
        GalleryError: It asks for what its captures do not have, or they cannot be read.
    """
    capture = _stored(exhibit, plan.keys[exhibit.id], store)
    others = tuple(_stored(exhibit, key, store) for key in plan.others[exhibit.id])
    measured = {
        name: _measured(exhibit, key, store) for name, key in plan.measured[exhibit.id].items()
    }
    packed = views.pack(exhibit, capture, others, measured)
    return _Drawing(exhibit, capture, others, packed, views.figures(exhibit, packed))


def _drawn(
    plan: Plan, exhibits: Iterable[Exhibit], store: Store, faults: list[GalleryError]
) -> Iterator[_Drawing]:
    """Draw exhibits; what cannot be drawn is passed over, and why is added to `faults`."""
    for exhibit in exhibits:
        try:
            drawing = _draw(plan, exhibit, store)
        except GalleryError as fault:
            faults.append(fault)
        else:
            yield drawing


def _pages(drawings: Iterator[_Drawing]) -> Iterator[tuple[Page, tuple[Asset, ...]]]:
    """The pages of exhibits, each linked to its neighbours; only the next is drawn ahead."""
    previous, current = None, next(drawings, None)
    while current:
        following = next(drawings, None)
        yield pages.exhibit_page(
            current.exhibit,
            current.capture,
            current.packed,
            current.figures,
            others=current.others,
            previous=previous,
            following=following.exhibit if following else None,
        )
        previous, current = current.exhibit, following


def _stored(exhibit: Exhibit, key: str, store: Store) -> Capture:
    capture = store.get(key)
    if capture is None:
        raise StoreError(f"the capture of {exhibit.id} has gone from {store.root}", exhibit.where)
    return capture


def _measured(exhibit: Exhibit, key: str, store: Store) -> Measured:
    found = store.get_measured(key)
    if found is None:
        raise StoreError(f"a measure of {exhibit.id} has gone from {store.root}", exhibit.where)
    return found


def show(exhibit: Exhibit, store: Store, track: Track = silently) -> str:
    """One exhibit as one HTML file.

    Raises:
        GalleryError: The model or the sentence cannot be captured or shown.
    """
    views.check([exhibit])
    plan = make_plan([Gallery(exhibit.title, "", "", (exhibit,))], views.parts, _needs)
    obtain(plan, store, track)
    drawing = _draw(plan, exhibit, store)
    return pages.lone_file(
        exhibit,
        drawing.capture,
        drawing.packed,
        drawing.figures,
        site.vega_bundle(store.root),
        others=drawing.others,
    )
