"""Exhibits and figures -> typed contexts -> Jinja -> pages and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from attention_gallery import language, resources, sharing, transport, views
from attention_gallery.addresses import VEGA, file_path, page_path
from attention_gallery.citation import bibtex
from attention_gallery.downloads import Downloads, downloads
from attention_gallery.facts import facts, has_target
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.sprite import sprite, strip
from attention_gallery.templates import inline_script, render, render_block
from attention_gallery.terms import (
    UNPUBLISHED,
    Asset,
    Capture,
    Exhibit,
    Figure,
    Imprint,
    Page,
)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A page of the site, as another page names it."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a model read.

    Attributes:
        text: The text.
        lang: Its language, as a tag of BCP 47; empty where that is not known.
        direction: ``ltr``, ``rtl``, or ``auto`` where its own letters have to tell.
    """

    text: str
    lang: str
    direction: str


def exhibit_page(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    *,
    also: Sequence[Figure] = (),
    others: Sequence[Capture] = (),
    previous: Exhibit | None = None,
    following: Exhibit | None = None,
    imprint: Imprint = UNPUBLISHED,
    cache: Path | None = None,
) -> tuple[Page, tuple[Asset, ...]]:
    """The page of one exhibit and the files only it uses.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        packed: The part of it that is shown.
        figures: Its views, drawn.
        also: Figures that only other pages show; their charts have the same data file.
        others: The captures of what it is held against.
        previous: Its neighbour before.
        following: Its neighbour behind.
        imprint: What is known of the publication.
        cache: A folder for pictures that take long to draw; None to keep none.
    """
    offered = downloads(exhibit, capture, packed, figures, imprint, cache)
    url = sharing.page_url(exhibit, imprint)
    edit_path = repository_path(exhibit, imprint)
    # The author's own words are Markdown of the page, and are found by its search; ours are not.
    fragments = {} if exhibit.look_for else _look_for(figures)
    fragments |= _views(exhibit, packed, figures)
    fragments["about"] = _about(
        exhibit,
        capture,
        packed,
        figures,
        others=others,
        downloads=offered,
        citation=bibtex(exhibit, capture.provenance, imprint, url),
        edit_path=edit_path,
        edit_url=edit_url(exhibit, edit_path, imprint),
        previous=_link(previous),
        next=_link(following),
    )
    markdown = render(
        "pages/exhibit.md.j2",
        exhibit=exhibit,
        texts=_texts(exhibit, capture),
        look_for=exhibit.look_for.splitlines(),
        fragments=list(fragments),
    )
    page = Page(
        page_path(exhibit),
        exhibit.title,
        markdown,
        fragments,
        in_nav=False,
        contents=(
            *((figure.view, figure.title) for figure in figures),
            ("about", _("Behind this page")),
        ),
        head=sharing.head(exhibit, figures[0].summary, imprint),
    )
    # What a model saw is known at a glance; its patches in a row are not.
    thumbnail = packed.image or _thumbnail(packed)
    assets = [
        data_file(exhibit, packed, [*figures, *also]),
        Asset(file_path(exhibit, "thumbnail.png"), thumbnail),
        *offered.assets,
    ]
    if url:
        picture = sharing.share_image(exhibit, thumbnail, imprint)
        assets.append(Asset(file_path(exhibit, sharing.PICTURE), picture))
    return page, tuple(assets)


def lone_file(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    vega: str,
    *,
    others: Sequence[Capture] = (),
) -> str:
    """A whole exhibit in one HTML file that needs no other file and no network.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        packed: The part of it that is shown.
        figures: Its views, drawn.
        vega: What draws charts, as one script.
        others: The captures of what the exhibit is held against.
    """
    assets = resources.templates() / "assets"
    about = _about(exhibit, capture, packed, figures, others=others, standalone=True)
    return render(
        "pages/show.html.j2",
        exhibit=exhibit,
        code=language.current().code,
        direction=language.direction(language.current().code),
        texts=_texts(exhibit, capture),
        fragments=[
            *_look_for(figures).values(),
            *_views(exhibit, packed, figures, standalone=True).values(),
            about,
        ],
        css="\n".join((assets / n).read_text("utf-8") for n in ("show.css", "exhibit.css")),
        scripts=[
            inline_script(script)
            for script in (
                language.words(),
                vega,
                (assets / "attention-chart.js").read_text("utf-8"),
                data_script(figures, packed),
            )
            if script
        ],
    )


def _thumbnail(packed: Packed) -> bytes:
    """All heads; or, of a model that tells of none, how surprised it was by each token."""
    if packed.attention.layers:
        return sprite(packed.attention)
    bits = packed.measured["predictions"].arrays["surprisal"]
    return strip(bits / max(1.0, float(np.nanmax(bits, initial=0.0))))


def data_file(exhibit: Exhibit, packed: Packed, figures: Sequence[Figure]) -> Asset:
    """The data of an exhibit's charts."""
    return Asset(file_path(exhibit, "data.js"), data_script(figures, packed).encode("ascii"))


def data_script(figures: Sequence[Figure], packed: Packed) -> str:
    """The documents of an exhibit as one script, pure ASCII.

    What several of them hold in common, most of all the packed weights, is written once. All is
    compressed, since a page on a USB stick is not compressed by anyone else. The element that draws
    a chart undoes both.
    """
    shared = _shared(figures)
    views = {}
    for figure in figures:
        params = [
            {**param, "value": None} if _is_shared(param, shared) else param
            for param in figure.spec["params"]
        ]
        views[figure.view] = {**figure.spec, "params": params}
    parts = transport.encode({"params": shared, "views": views}, packed)
    arguments = json.dumps([figures[0].exhibit, parts], separators=(",", ":"))
    return f"AttentionGallery.exhibit({arguments[1:-1]});\n"


def _shared(figures: Sequence[Figure]) -> dict[str, Any]:
    """The lists that parameters of one name hold in more than one document."""
    seen: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for figure in figures:
        for param in figure.spec["params"]:
            name, value = param["name"], param.get("value")
            if not isinstance(value, list):
                continue
            if name in seen and seen[name] == value:
                shared[name] = value
            seen.setdefault(name, value)
    return shared


def _is_shared(param: Mapping[str, Any], shared: Mapping[str, Any]) -> bool:
    return param["name"] in shared and param.get("value") == shared[param["name"]]


def _texts(exhibit: Exhibit, capture: Capture) -> list[Text]:
    """What the model read, in the order of the page."""
    sentence = exhibit.sentence
    # A target that no decoder read is no part of the exhibit.
    target = sentence.target if has_target(exhibit, capture) else ""
    # A translation is in another language, which nobody has told.
    of_target = "" if sentence.text else sentence.lang
    texts = [(sentence.text, sentence.lang), (sentence.pair, sentence.lang), (target, of_target)]
    return [
        Text(text, lang, language.direction(lang) if lang else "auto")
        for text, lang in texts
        if text
    ]


def _look_for(figures: Sequence[Figure]) -> dict[str, str]:
    """What readers may ask themselves before each view, as HTML; nothing where no view asks."""
    asked = (
        render_block(f"views/{figure.view}.html.j2", "ask", figure=figure) for figure in figures
    )
    questions = [question for question in dict.fromkeys(asked) if question]
    return {"look-for": render("pages/look_for.html.j2", questions=questions)} if questions else {}


def repository_path(exhibit: Exhibit, imprint: Imprint) -> str:
    """The file that an exhibit is written in, as seen from the publication's sources."""
    if not (imprint.root and exhibit.where):
        return ""
    file, root = Path(exhibit.where.file).resolve(), Path(imprint.root).resolve()
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else ""


def edit_url(exhibit: Exhibit, path: str, imprint: Imprint) -> str:
    """Where the lines of an exhibit are seen, and may be changed; empty where nobody can."""
    if not (path and imprint.edit_url and exhibit.where):
        return ""
    line = str(max(1, exhibit.where.line))
    return imprint.edit_url.replace("{line}", line).replace("{path}", quote(path))


def _views(
    exhibit: Exhibit, packed: Packed, figures: Sequence[Figure], *, standalone: bool = False
) -> dict[str, str]:
    """The figures as HTML, by view."""
    of_weights = next((each for each in figures if views.shows_weights(each.view)), None)
    return {
        figure.view: figure_html(
            exhibit,
            packed,
            figure,
            # Said once: it is about the head that all charts open with.
            truth=figure.truth if figure is of_weights else "",
            standalone=standalone,
        )
        for figure in figures
    }


def figure_html(
    exhibit: Exhibit,
    packed: Packed,
    figure: Figure,
    *,
    truth: str = "",
    standalone: bool = False,
    anchor: str = "",
    embedded: str = "",
) -> str:
    """A figure with its chart, and how to read it.

    Args:
        exhibit: The exhibit.
        packed: The part of it that is shown.
        figure: One of its views, drawn.
        truth: What is known beforehand, where it is said here.
        standalone: Whether the chart finds its data and Vega by itself.
        anchor: The figure's id in its page; by default the view's name.
        embedded: What the exhibit is called in a page of the author's; empty on its own page.
    """
    return render(
        f"views/{figure.view}.html.j2",
        figure=figure,
        truth=truth,
        cross=packed.attention.kind == "cross",
        derived=packed.attention.derived if views.shows_derived(figure.view) else (),
        standalone=standalone,
        data_path=file_path(exhibit, "data.js"),
        vega_path=VEGA,
        anchor=anchor or figure.view,
        embedded=embedded,
    )


def _about(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    *,
    others: Sequence[Capture],
    downloads: Downloads | None = None,
    citation: str = "",
    edit_path: str = "",
    edit_url: str = "",
    previous: Neighbour | None = None,
    next: Neighbour | None = None,  # noqa: A002  what the template calls it
    standalone: bool = False,
) -> str:
    """What is behind the figures, as HTML."""
    return render(
        "pages/about.html.j2",
        # Views that say the same in numbers share a table.
        tables=list(dict.fromkeys(figure.table for figure in figures)),
        facts=facts(exhibit, capture.provenance, packed, others),
        downloads=downloads,
        citation=citation,
        edit_path=edit_path,
        edit_url=edit_url,
        previous=previous,
        next=next,
        standalone=standalone,
    )


def _link(exhibit: Exhibit | None) -> Neighbour | None:
    return Neighbour(page_path(exhibit), exhibit.title) if exhibit else None
