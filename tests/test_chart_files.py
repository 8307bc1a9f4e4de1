"""A chart as a file of each format."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import vl_convert
from PIL import Image

from attention_gallery import chart_files, views
from attention_gallery.chart_files import standalone_svg
from attention_gallery.terms import DOWNLOADS, Figure
from attentions import HOSTILE, attention, capture, exhibit

# A font of emoji cannot go into a PDF.
PLAIN = tuple(token for token in HOSTILE if "🙂" not in token)


@cache
def figure(tokens: tuple[str, ...] = PLAIN) -> Figure:
    packed = views.pack(exhibit(views=("edges",)), capture(attention(tokens)))
    return views.figures(exhibit(views=("edges",)), packed)[0]


@cache
def files() -> dict[str, bytes]:
    made = chart_files.chart_files(exhibit(), figure(), DOWNLOADS)
    return {asset.path: asset.content for asset in made.values()}


def test_each_wanted_format_is_a_file_named_after_the_view() -> None:
    names = ["edges.vl.json", "edges.svg", "edges.png", "edges.pdf"]
    assert list(files()) == [f"exhibits/fox/{name}" for name in names]
    some = chart_files.chart_files(exhibit(), figure(), ("svg",))
    assert [asset.path for asset in some.values()] == ["exhibits/fox/edges.svg"]
    assert not chart_files.chart_files(exhibit(), figure(), ())


def test_the_document_is_the_whole_one() -> None:
    assert json.loads(files()["exhibits/fox/edges.vl.json"]) == json.loads(
        json.dumps(figure().spec)
    )


def test_the_svg_is_one_file_that_takes_no_colour_from_a_page() -> None:
    svg = files()["exhibits/fox/edges.svg"].decode()
    root = ET.fromstring(svg)  # noqa: S314  our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root[0].attrib == {"width": "100%", "height": "100%", "fill": "#ffffff"}
    colours = {value for each in root.iter() for name, value in each.items() if name == "fill"}
    assert "#1c2026" in colours
    assert "currentColor" not in svg


def test_a_token_that_is_called_like_a_colour_keeps_its_name() -> None:
    svg = '<svg width="9"><text fill="currentColor">currentColor &lt;svg&gt;</text></svg>'
    made = standalone_svg(svg)
    assert '<text fill="#1c2026">currentColor &lt;svg&gt;</text>' in made
    assert made.count("<rect") == 1


def test_the_png_is_twice_as_large_opaque_and_near_to_what_was_drawn() -> None:
    png = Image.open(io.BytesIO(files()["exhibits/fox/edges.png"]))
    assert png.width == 2 * figure().width
    assert png.mode == "P"
    assert "transparency" not in png.info
    pixels = np.asarray(png.convert("RGB"))
    assert (pixels[0] == 255).all()
    assert pixels.min() < 60


def test_the_pdf_is_one_with_text_in_it() -> None:
    pdf = files()["exhibits/fox/edges.pdf"]
    assert pdf.startswith(b"%PDF-1.")
    assert re.search(rb"/FontFile[23]", pdf)


def test_a_pdf_whose_fonts_cannot_be_taken_along_is_made_of_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(svg: str) -> bytes:
        raise RuntimeError("An error occurred while subsetting a font.")

    monkeypatch.setattr(vl_convert, "svg_to_pdf", refuse)
    made = chart_files.chart_files(exhibit(), figure(HOSTILE), ("pdf",))["pdf"].content
    assert made.startswith(b"%PDF-1.")
    assert b"/Image" in made
    size = re.search(rb"/MediaBox \[ *0 0 ([0-9.]+)", made)
    assert size is not None
    assert abs(float(size[1]) - figure(HOSTILE).width) < 2
    assert chart_files.chart_files(exhibit(), figure(HOSTILE), ("pdf",))["pdf"].content == made


def test_the_same_chart_makes_the_same_bytes() -> None:
    again = chart_files.chart_files(exhibit(), figure(), ("vega-lite", "svg", "png"))
    assert [asset.content for asset in again.values()] == list(files().values())[:3]


def test_pictures_are_drawn_once_and_documents_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = chart_files.chart_files(exhibit(), figure(), DOWNLOADS, tmp_path)
    kept = sorted(each.suffix for each in tmp_path.iterdir() if each.name != ".gitignore")
    assert kept == [".pdf", ".png"]
    monkeypatch.setattr(chart_files, "vl_convert", None)  # whoever draws now, fails
    assert chart_files.chart_files(exhibit(), figure(), DOWNLOADS, tmp_path) == drawn
