"""What services show of a link to a page that someone shares: Open Graph, and its picture."""

from __future__ import annotations

import io
import textwrap
from typing import cast
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageFont

from attention_gallery.addresses import file_path, page_path
from attention_gallery.templates import one_line, render
from attention_gallery.terms import Exhibit, Imprint

PICTURE = "share.png"
"""What the picture is called."""

SIZE = (1200, 630)
"""Of the picture, pixels; all services know this shape."""

_PAPER, _INK, _MUTED, _BAND = "#fdfcfa", "#1c2026", "#59616d", "#00224e"
_MARGIN, _GAP = 72, 48
_TITLE, _NAME = 52, 30  # heights of letters, pixels
_LETTERS = 40  # of a title's line
_LINES = 2  # of a title
_NAME_LETTERS = 60
_DESCRIPTION = 300  # letters; services cut it anyway

# Pillow brings a font along, with little more than ASCII in it.
_PLAIN = str.maketrans({"–": "-", "—": "-", "’": "'", "‘": "'", "„": '"', "…": "..."})


def page_url(exhibit: Exhibit, imprint: Imprint) -> str:
    """The address of an exhibit's page; empty where nobody knows where the site will be."""
    if not imprint.url:
        return ""
    path = page_path(exhibit).removesuffix(".md")
    return _absolute(f"{path}.html" if imprint.flat else f"{path}/", imprint)


def head(exhibit: Exhibit, description: str, imprint: Imprint) -> str:
    """HTML for the head of an exhibit's page.

    Args:
        exhibit: The exhibit.
        description: What is to be seen there, in words.
        imprint: What is known of the publication.
    """
    return render(
        "pages/sharing.html.j2",
        title=exhibit.title,
        description=_shortened(one_line(description), _DESCRIPTION),
        url=page_url(exhibit, imprint),
        site_name=imprint.site_name,
        image=_absolute(file_path(exhibit, PICTURE), imprint) if imprint.url else "",
        size=SIZE,
    )


def share_image(exhibit: Exhibit, thumbnail: bytes, imprint: Imprint) -> bytes:
    """The picture of a shared link: what is known of the exhibit at a glance, and its title.

    A title in letters that the font does not have is left to the service, which shows it anyway.

    Args:
        exhibit: The exhibit.
        thumbnail: Its heads, or its image.
        imprint: What is known of the publication.

    Returns:
        A PNG with a palette.
    """
    canvas = Image.new("RGB", SIZE, _PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, _MARGIN // 3, SIZE[1]), _BAND)
    top = bottom = _MARGIN
    title = _drawable(exhibit.title, _TITLE)
    lines = textwrap.wrap(title, _LETTERS, max_lines=_LINES, placeholder=" ...")
    for line in lines:
        draw.text((_MARGIN, top), line, _INK, _font(_TITLE))
        top += round(1.3 * _TITLE)
    if name := _shortened(_drawable(imprint.site_name, _NAME), _NAME_LETTERS, "..."):
        draw.text((_MARGIN, SIZE[1] - _MARGIN - _NAME), name, _MUTED, _font(_NAME))
        bottom += _NAME + _GAP
    top += _GAP // 2 if lines else 0
    picture = _fitted(thumbnail, SIZE[0] - 2 * _MARGIN, SIZE[1] - top - bottom)
    canvas.paste(picture, (_MARGIN, top), picture)
    out = io.BytesIO()
    few = canvas.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(out, "PNG", compress_level=9)
    return out.getvalue()


def _fitted(thumbnail: bytes, width: int, height: int) -> Image.Image:
    """A picture as large as there is room; its pixels stay squares, for they are weights."""
    picture = Image.open(io.BytesIO(thumbnail)).convert("RGBA")
    scale = min(width / picture.width, height / picture.height)
    if scale >= 1:
        return picture.resize(
            (picture.width * int(scale), picture.height * int(scale)), Image.Resampling.NEAREST
        )
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _shortened(text: str, n_letters: int, mark: str = "…") -> str:
    return text if len(text) <= n_letters else text[: n_letters - len(mark)].rstrip() + mark


def _drawable(text: str, height: int) -> str:
    """A text if the font has all of its letters, else nothing."""
    font = _font(height)
    plain = one_line(text).translate(_PLAIN)
    none = bytes(font.getmask("\uffff"))
    return plain if all(each == " " or bytes(font.getmask(each)) != none for each in plain) else ""


def _font(height: int) -> ImageFont.FreeTypeFont:
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(height))


def _absolute(path: str, imprint: Imprint) -> str:
    return f"{imprint.url.rstrip('/')}/{quote(path)}"
