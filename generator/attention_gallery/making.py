"""What each exhibit adds to a site: its charts, its page and files, and blocks in other pages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from attention_gallery import embedding, pages
from attention_gallery.chart_files import chart_files
from attention_gallery.drawings import Gathered, draw
from attention_gallery.errors import FaultsError, GalleryError, StoreError
from attention_gallery.packing import Packed
from attention_gallery.store import Store
from attention_gallery.terms import (
    Asset,
    Block,
    Capture,
    Download,
    Exhibit,
    Figure,
    Imprint,
    Measured,
    Page,
    Plan,
)

PICTURES = "pictures"
"""The folder below a store for pictures of charts, which may be deleted at any time."""

DRAWINGS = "drawings"
"""The same for charts as they are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """All that the page of one exhibit, and the blocks that show it, are made of.

    Attributes:
        gathered: The exhibit, and what was captured for it.
        packed: The part of it that is shown.
        figures: Its views.
        also: Views that only blocks show.
    """

    gathered: Gathered
    packed: Packed
    figures: tuple[Figure, ...]
    also: tuple[Figure, ...] = ()

    def named(self, names: Sequence[str]) -> tuple[Figure, ...]:
        """The figures of some views, in their order; those of the exhibit where none are named."""
        by_view = {figure.view: figure for figure in (*self.figures, *self.also)}
        return tuple(by_view[name] for name in names) if names else self.figures


@dataclass(frozen=True, slots=True)
class Made:
    """What one exhibit adds to a site.

    Attributes:
        exhibit: The exhibit.
        page: Its page; None where it stands in one of the author's.
        files: The files only it uses.
        fragments: The HTML of blocks that show it.
    """

    exhibit: Exhibit
    page: Page | None
    files: tuple[Asset, ...]
    fragments: tuple[tuple[Block, str], ...]


def gather_stored(plan: Plan, exhibit: Exhibit, store: Store) -> Gathered:
    """All that is stored for an exhibit.

    Raises:
        StoreError: Something has gone.
    """
    return Gathered(
        exhibit,
        _stored(exhibit, plan.keys[exhibit.id], store),
        tuple(_stored(exhibit, key, store) for key in plan.others[exhibit.id]),
        {name: _measured(exhibit, key, store) for name, key in plan.measured[exhibit.id].items()},
        embedding.also_shown(exhibit, plan.blocks),
    )


def drawing_of(gathered: Gathered, figures: Sequence[Figure]) -> Drawing:
    """An exhibit with its figures, of which only some are its own."""
    packed = gathered.packed()
    own = gathered.own_views(packed)
    return Drawing(
        gathered,
        packed,
        tuple(figure for figure in figures if figure.view in own),
        tuple(figure for figure in figures if figure.view not in own),
    )


def drawn(
    plan: Plan,
    exhibits: Sequence[Exhibit],
    store: Store,
    faults: list[GalleryError],
    downloads: Sequence[Download] = (),
    n_processes: int = 1,
) -> Iterator[Drawing]:
    """Draw exhibits; what cannot be drawn is passed over, and why is added to `faults`.

    Args:
        plan: What they need.
        exhibits: The exhibits.
        store: Where their captures are, and drawings are kept.
        faults: Where it is added what is at fault.
        downloads: Which files of charts are made of them next, so that it can be begun.
        n_processes: How many draw at a time.
    """
    pictures = partial(_picture, wanted=tuple(downloads), folder=store.root / PICTURES)
    inline = inline_ids(plan)
    charts = {block.exhibit for block in plan.blocks if block.kind == "attention"}
    shown = [each for each in exhibits if each.id not in inline or each.id in charts]
    unseen = [each for each in exhibits if each.id in inline and each.id not in charts]

    def gathered(wanted: Iterable[Exhibit]) -> Iterator[Gathered]:
        for exhibit in wanted:
            try:
                found = gather_stored(plan, exhibit, store)
            except GalleryError as fault:
                faults.append(fault)
            else:
                yield found

    drawings = draw(gathered(shown), len(shown), store.root / DRAWINGS, n_processes, pictures)
    for each, figures in drawings:
        if isinstance(figures, GalleryError):
            faults.append(figures)
        else:
            yield drawing_of(each, figures)
    for each in gathered(unseen):
        with collected(faults):
            yield drawing_of(each, ())


def _picture(
    exhibit: Exhibit, figures: Sequence[Figure], wanted: Sequence[Download], folder: Path
) -> None:
    """Put pictures of charts into the cache where the page of the exhibit will look for them."""
    for figure in figures:
        chart_files(exhibit, figure, wanted, folder)


def made_of(
    drawings: Iterator[Drawing],
    plan: Plan,
    imprint: Imprint,
    cache: Path,
    faults: list[GalleryError],
) -> Iterator[Made]:
    """What exhibits add to the site, each page linked to its neighbours; one is drawn ahead.

    Exhibits that have no page come last, as in the plan, and are nobody's neighbours.

    What cannot be made of a block is passed over, and why is added to `faults`.
    """
    inline = inline_ids(plan)
    previous, current = None, next(drawings, None)
    while current:
        following = next(drawings, None)
        exhibit = current.gathered.exhibit
        fragments = tuple(fragments_of(current, plan, faults, has_page=exhibit.id not in inline))
        if exhibit.id in inline:
            files = embedding.data_files(exhibit, current.packed, current.figures)
            yield Made(exhibit, None, tuple(files), fragments)
        else:
            has_next = following and following.gathered.exhibit.id not in inline
            page, own_files = pages.exhibit_page(
                exhibit,
                current.gathered.capture,
                current.packed,
                current.figures,
                also=current.also,
                others=current.gathered.others,
                previous=previous,
                following=following.gathered.exhibit if following and has_next else None,
                imprint=imprint,
                cache=cache,
            )
            yield Made(exhibit, page, own_files, fragments)
        previous, current = (previous if exhibit.id in inline else exhibit), following


def inline_ids(plan: Plan) -> set[str]:
    """Ids of the exhibits that stand in pages of the author's."""
    embedded = (gallery for gallery in plan.galleries if gallery.embedded)
    return {exhibit.id for gallery in embedded for exhibit in gallery.exhibits}


def fragments_of(
    drawing: Drawing,
    plan: Plan,
    faults: list[GalleryError],
    *,
    has_page: bool,
    linked: bool | None = None,
) -> Iterator[tuple[Block, str]]:
    """The HTML of the blocks that show an exhibit; by default for a site that is built here."""
    gathered = drawing.gathered
    times: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for block in plan.blocks:
        if block.exhibit != gathered.exhibit.id:
            continue
        figures = drawing.named(block.views) if block.kind == "attention" else ()
        times[block.page].update(figure.view for figure in figures)
        with collected(faults):
            yield (
                block,
                embedding.fragment(
                    block,
                    gathered.exhibit,
                    gathered.capture,
                    drawing.packed,
                    figures,
                    others=gathered.others,
                    has_page=has_page,
                    nth=times[block.page],
                    standalone=linked is not None,
                    linked=linked is not False,
                ),
            )


def embedded_html(plan: Plan, made: Iterable[Made]) -> dict[str, dict[str, str]]:
    """The HTML of all blocks, by page and name; of one that was left out, nothing."""
    html = {(block.page, block.name): text for each in made for block, text in each.fragments}
    found: dict[str, dict[str, str]] = {}
    for block in plan.blocks:
        found.setdefault(block.page, {})[block.name] = html.get((block.page, block.name), "")
    return found


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


@contextmanager
def collected(faults: list[GalleryError]) -> Iterator[None]:
    """Go on after what exhibits are at fault for; a full disk is none of it."""
    try:
        yield
    except StoreError:
        raise
    except FaultsError as fault:
        faults += fault.faults
    except GalleryError as fault:
        faults.append(fault)
