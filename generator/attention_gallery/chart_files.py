"""A chart as files that can be put on a slide, printed, or changed: Vega-Lite, SVG, PNG, PDF.

The static picture of a page takes the colour of its text from the page. On its own it is dark on
white, which is right on a slide, on paper, and before any reader's background.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import vl_convert
from PIL import Image

from attention_gallery.addresses import file_path
from attention_gallery.cache import kept
from attention_gallery.terms import Asset, Download, Exhibit, Figure

SUFFIXES: Mapping[Download, str] = {
    "vega-lite": "vl.json",
    "svg": "svg",
    "png": "png",
    "pdf": "pdf",
}
"""How the name of each ends."""

TITLES: Mapping[Download, str] = {
    "vega-lite": "Vega-Lite",
    "svg": "SVG",
    "png": "PNG",
    "pdf": "PDF",
}
"""What readers call each."""

_INK = "#1c2026"
_PAPER = "#ffffff"
_SCALE = 2  # of the pixels of a PNG: sharp on screens of today, and on a slide
_PRINTED = 3  # of those of a PDF, where there have to be pixels
_FORMAT = 2  # raised whenever the same SVG comes to be drawn in another way


def chart_files(
    exhibit: Exhibit, figure: Figure, wanted: Sequence[Download], cache: Path | None = None
) -> dict[Download, Asset]:
    """The files of one chart by their formats, in the order of `SUFFIXES`.

    Args:
        exhibit: The exhibit.
        figure: The chart.
        wanted: In which formats.
        cache: A folder for pictures that take long to draw; None to keep none.
    """
    picture = standalone_svg(figure.svg)
    makers: Mapping[Download, Callable[[], bytes]] = {
        "vega-lite": lambda: _document(figure),
        "svg": picture.encode,
        "png": lambda: _drawn(picture, "png", _png, cache),
        "pdf": lambda: _drawn(picture, "pdf", _pdf, cache),
    }
    return {
        name: Asset(file_path(exhibit, f"{figure.view}.{suffix}"), makers[name]())
        for name, suffix in SUFFIXES.items()
        if name in wanted
    }


def standalone_svg(svg: str) -> str:
    """The static picture of a page, as a file of its own."""
    # In an attribute: a text may hold the word.
    coloured = re.sub(r'="currentColor"', f'="{_INK}"', svg)
    paper = f'<rect width="100%" height="100%" fill="{_PAPER}"/>'
    return re.sub(r"<svg[^>]*>", lambda tag: tag[0] + paper, coloured, count=1)


def _document(figure: Figure) -> bytes:
    return json.dumps(figure.spec, ensure_ascii=False, separators=(",", ":")).encode()


def _drawn(svg: str, suffix: str, draw: Callable[[str], bytes], cache: Path | None) -> bytes:
    """A picture made of an SVG; each takes a tenth of a second, so it is kept.

    What is kept also stays the same: the parts of a PDF are in another order each time.
    """
    if cache is None:
        return draw(svg)
    made_by = f"{_FORMAT} {version('vl-convert-python')} {version('pillow')}\n"
    digest = hashlib.sha256(f"{made_by}{svg}".encode()).hexdigest()
    return kept(cache / f"{digest}.{suffix}", lambda: draw(svg))


def _pixels(svg: str, scale: int) -> Image.Image:
    """A picture of 256 colours, of which charts seldom have more: a sixth of the bytes."""
    drawn = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=scale))).convert("RGB")
    return drawn.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def _png(svg: str) -> bytes:
    out = io.BytesIO()
    _pixels(svg, _SCALE).save(out, "PNG", compress_level=9)
    return out.getvalue()


def _pdf(svg: str) -> bytes:
    try:
        drawn: bytes = vl_convert.svg_to_pdf(svg)
    except RuntimeError:  # it cannot take along the fonts of emoji, which are pictures
        return _pdf_of_pixels(svg)
    return drawn


def _pdf_of_pixels(svg: str) -> bytes:
    out = io.BytesIO()
    _pixels(svg, _PRINTED).convert("RGB").save(
        out,
        "PDF",
        resolution=72.0 * _PRINTED,
        quality=90,
        creationDate=time.gmtime(0),
        modDate=time.gmtime(0),
    )
    return out.getvalue()
