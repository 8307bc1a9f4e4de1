"""Exhibits in the author's own pages: what blocks of Markdown ask for, and the HTML they become."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from attention_gallery import archives, pages, prediction, views
from attention_gallery.addresses import file_path, page_path
from attention_gallery.blocks import Found, find_blocks
from attention_gallery.errors import (
    FaultsError,
    GalleryError,
    InputError,
    ManifestError,
    Where,
    listing,
    quoted,
    raise_faults,
)
from attention_gallery.facts import facts
from attention_gallery.manifest.block import REFERENCE, Said, read_said
from attention_gallery.manifest.inline import Shelf, shelf_of
from attention_gallery.manifest.prediction_shape import PredictionShape
from attention_gallery.manifest.strict import Shape
from attention_gallery.manifest.values import slug
from attention_gallery.manifest.yaml_source import read_block
from attention_gallery.packing import Packed
from attention_gallery.templates import render
from attention_gallery.terms import (
    Asset,
    Block,
    BlockKind,
    Capture,
    Exhibit,
    Figure,
    Gallery,
    MarkdownPage,
)

WIDE = 680
"""Pixels above which a figure is wider than a column of prose."""

_SHAPES: Mapping[BlockKind, type[Shape] | None] = {"attention": None, "predict": PredictionShape}
"""What blocks of each kind say besides which exhibit they show."""


def read_blocks(
    markdown: Iterable[MarkdownPage], galleries: Sequence[Gallery]
) -> tuple[list[Gallery], tuple[Block, ...]]:
    """The blocks of an author's pages, and the exhibits that are written in them, page by page.

    Args:
        markdown: The pages.
        galleries: What blocks may refer to.

    Raises:
        GalleryError: What is wrong with the blocks, all of it at once.
    """
    shelf = shelf_of(galleries)
    embedded, blocks = [], []
    faults: list[GalleryError] = []
    for page in markdown:
        exhibits: list[Exhibit] = []
        for number, found in enumerate(find_blocks(page.text), 1):
            where = Where(page.file, found.first + 1)
            try:
                said = _said(found, page, shelf, len(exhibits) + 1)
            except FaultsError as fault:
                faults += fault.faults
                continue
            except GalleryError as fault:
                faults.append(fault)
                continue
            if said.inline:
                exhibits.append(said.exhibit)
            block = Block(
                found.kind,
                page.path,
                number,
                said.exhibit.id,
                said.views,
                said.asked,
                where,
                said.asked_at,
            )
            blocks.append(block)
        if exhibits:
            embedded.append(Gallery(page.path, "", page.file, tuple(exhibits), embedded=True))
    raise_faults(faults)
    return embedded, tuple(blocks)


def _said(found: Found, page: MarkdownPage, shelf: Shelf, number: int) -> Said:
    """What a block says, checked.

    Raises:
        GalleryError: Its faults.
    """
    where = Where(page.file, found.first + 1)
    if found.last is None:
        raise ManifestError(f"the block {found.kind} is not closed", where, "end it with ```")
    if found.rest:
        message = f"{quoted(found.rest)} stands behind the word {found.kind}"
        raise ManifestError(message, where, "write it in the lines below")
    document = read_block(page.file, found.text, found.first + 2, REFERENCE)
    default_id = _default_id(page.path, number)
    said = read_said(document, shelf, page.folder, default_id, _SHAPES[found.kind])
    raise_faults(list(_unshowable(said)))
    return said


def _default_id(path: str, number: int) -> str:
    """The id of an exhibit that has none: its page, and its number among those of the page.

    Pages whose names have letters that no address has, or which lie in folders, could not be told
    apart by what is left of them, so a digest tells them apart. It is the same on all machines,
    whichever way the file system composes letters.
    """
    if not path:
        return ""
    page = unicodedata.normalize("NFC", path.removesuffix(".md"))
    name = (slug(page.removesuffix("/index")) or "page")[:80].rstrip("-")
    if name != page:
        digest = hashlib.sha256(page.encode(errors="surrogatepass")).hexdigest()
        name += f"-{digest[:6]}"
    return f"{name}-{number}"


def _unshowable(said: Said) -> Iterator[InputError]:
    """A fault for each view that a block cannot show of an exhibit that says its own."""
    offered = views.offered(said.exhibit)
    shown = {*views.of(said.exhibit), *offered}
    for name, where in zip(said.views, said.wheres, strict=True):
        if name in shown:
            continue
        fits = name in views.fitting(said.exhibit)
        message = (
            f"the view {name} needs more than is captured for the exhibit {said.exhibit.id}"
            if fits
            else f"the view {name} cannot show the exhibit {said.exhibit.id}"
        )
        hint = listing(offered, "views that can")
        hint += f"; or name it in the exhibit's own views, at {said.exhibit.where}" * fits
        yield InputError(message, where, hint)


def also_shown(exhibit: Exhibit, blocks: Iterable[Block]) -> tuple[str, ...]:
    """Names of the views that blocks show of an exhibit besides its own."""
    named = [name for block in blocks if block.exhibit == exhibit.id for name in block.views]
    return tuple(dict.fromkeys(name for name in named if name not in exhibit.views))


def data_files(exhibit: Exhibit, packed: Packed, figures: Sequence[Figure]) -> list[Asset]:
    """The files of an exhibit that has no page: the data of its charts, and all its numbers."""
    data = [pages.data_file(exhibit, packed, figures)] if figures else []
    return [*data, *archives.files(exhibit, packed)]


def fragment(
    block: Block,
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    *,
    others: Sequence[Capture] = (),
    has_page: bool = True,
    nth: Mapping[str, int] = {},
    standalone: bool = False,
    linked: bool = True,
) -> str:
    """A block as HTML.

    Args:
        block: The block.
        exhibit: What it shows.
        capture: Its capture.
        packed: The part of it that is shown.
        figures: Its views, drawn: all that the block shows.
        others: The captures of what it is held against.
        has_page: Whether it has a page of its own, where all else is told.
        nth: How often its page has shown each view of the exhibit, with this block.
        standalone: Whether charts find their data by themselves.
        linked: Whether it may name other pages and files of the site.

    Raises:
        InputError: The exhibit cannot be shown so.
    """
    if block.kind == "predict":
        name = f"predict.{block.number}"  # no heading has a full stop in its id
        return prediction.render(
            exhibit,
            packed,
            block.asked,
            name=name,
            page=block.page,
            where=block.where,
            wheres=block.asked_at,
        )
    of_weights = next((each for each in figures if views.shows_weights(each.view)), None)
    again = {name: f"-{n}" for name, n in nth.items() if n > 1}
    return render(
        "pages/embedded.html.j2",
        figures=[
            pages.figure_html(
                exhibit,
                packed,
                _renamed(figure, again[figure.view]) if figure.view in again else figure,
                truth=figure.truth if figure is of_weights else "",
                standalone=standalone,
                anchor=f"{exhibit.id}.{figure.view}{again.get(figure.view, '')}",
                embedded=exhibit.title,
            )
            for figure in figures
        ],
        is_wide=any(figure.width > WIDE for figure in figures),
        title=exhibit.title,
        page_path=page_path(exhibit) if has_page and linked else "",
        tables=list(dict.fromkeys(figure.table for figure in figures)),
        facts=facts(exhibit, capture.provenance, packed, others),
        weights_path=file_path(exhibit, archives.WEIGHTS)
        if packed.attention.layers and linked
        else "",
        measures_path=file_path(exhibit, archives.MEASURES) if packed.measured and linked else "",
    )


def _renamed(figure: Figure, suffix: str) -> Figure:
    """A figure whose picture can stand a second time on a page: its ids are its own."""
    name = re.escape(f"{figure.exhibit}-{figure.view}")
    ids = rf'((?:id="|url\(#){name}-\d+)(?=["\)])'
    return replace(figure, svg=re.sub(ids, rf"\g<1>{suffix}", figure.svg))
