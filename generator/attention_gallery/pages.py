"""Exhibits and figures -> typed contexts -> Jinja -> pages and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attention_gallery import archives, resources, transport, views
from attention_gallery.addresses import VEGA, file_path, page_path
from attention_gallery.facts import facts, has_target
from attention_gallery.packing import Packed
from attention_gallery.sprite import sprite, strip
from attention_gallery.templates import inline_script, render
from attention_gallery.terms import Asset, Capture, Exhibit, Figure, Page


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A page of the site, as another page names it."""

    path: str
    title: str


def exhibit_page(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    *,
    others: Sequence[Capture] = (),
    previous: Exhibit | None = None,
    following: Exhibit | None = None,
) -> tuple[Page, tuple[Asset, ...]]:
    """The page of one exhibit and the files only it uses.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        packed: The part of it that is shown.
        figures: Its views, drawn.
        others: The captures of what it is held against.
        previous: Its neighbour before.
        following: Its neighbour behind.
    """
    fragments = _fragments(
        exhibit,
        capture,
        packed,
        figures,
        others=others,
        previous=_link(previous),
        following=_link(following),
    )
    markdown = render(
        "pages/exhibit.md.j2",
        exhibit=exhibit,
        # A target that no decoder read is no part of the exhibit.
        target=exhibit.sentence.target if has_target(exhibit, capture) else "",
        fragments=list(fragments),
    )
    page = Page(page_path(exhibit), exhibit.title, markdown, fragments, in_nav=False)
    assets = (
        Asset(file_path(exhibit, "data.js"), data_script(figures, packed).encode("ascii")),
        *(
            [Asset(file_path(exhibit, "weights.npz"), archives.weights(packed))]
            if packed.attention.layers
            else []
        ),
        *(
            [Asset(file_path(exhibit, "measures.npz"), archives.measures(packed))]
            if packed.measured
            else []
        ),
        # What a model saw is known at a glance; its patches in a row are not.
        Asset(file_path(exhibit, "thumbnail.png"), packed.image or _thumbnail(packed)),
    )
    return page, assets


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
    return render(
        "pages/show.html.j2",
        exhibit=exhibit,
        target=exhibit.sentence.target if has_target(exhibit, capture) else "",
        fragments=_fragments(
            exhibit, capture, packed, figures, others=others, standalone=True
        ).values(),
        css="\n".join((assets / n).read_text("utf-8") for n in ("show.css", "exhibit.css")),
        scripts=[
            inline_script(script)
            for script in (
                vega,
                (assets / "attention-chart.js").read_text("utf-8"),
                data_script(figures, packed),
            )
        ],
    )


def _thumbnail(packed: Packed) -> bytes:
    """All heads; or, of a model that tells of none, how surprised it was by each token."""
    if packed.attention.layers:
        return sprite(packed.attention)
    bits = packed.measured["predictions"].arrays["surprisal"]
    return strip(bits / max(1.0, float(np.nanmax(bits, initial=0.0))))


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


def _fragments(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    *,
    others: Sequence[Capture] = (),
    previous: Neighbour | None = None,
    following: Neighbour | None = None,
    standalone: bool = False,
) -> dict[str, str]:
    of_weights = next((each for each in figures if views.shows_weights(each.view)), None)
    fragments = {
        figure.view: render(
            f"views/{figure.view}.html.j2",
            figure=figure,
            # Said once: it is about the head that all charts open with.
            truth=figure.truth if figure is of_weights else "",
            cross=packed.attention.kind == "cross",
            derived=packed.attention.derived if views.shows_derived(figure.view) else (),
            standalone=standalone,
            data_path=file_path(exhibit, "data.js"),
            vega_path=VEGA,
        )
        for figure in figures
    }
    fragments["about"] = render(
        "pages/about.html.j2",
        # Views that say the same in numbers share a table.
        tables=list(dict.fromkeys(figure.table for figure in figures)),
        facts=facts(exhibit, capture.provenance, packed, others),
        weights_path=file_path(exhibit, "weights.npz") if packed.attention.layers else "",
        measures_path=file_path(exhibit, "measures.npz") if packed.measured else "",
        every_head=packed.every_head,
        previous=previous,
        next=following,
        standalone=standalone,
    )
    return fragments


def _link(exhibit: Exhibit | None) -> Neighbour | None:
    return Neighbour(page_path(exhibit), exhibit.title) if exhibit else None
