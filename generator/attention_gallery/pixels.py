"""What charts share that place their marks in pixels, and not on scales."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import altair as alt

from attention_gallery.charts import right_to_left

AT = {"x": alt.X("x:Q", scale=None, axis=None), "y": alt.Y("y:Q", scale=None, axis=None)}
"""Encodes a place in pixels."""

CORNERS = {**AT, "x2": "x2:Q", "y2": "y2:Q"}
"""Encodes a rectangle in pixels."""


NARROW = "windowSize()[0] < 700"
"""A Vega expression for a window with less room, such as a phone's."""


def pick(wide: float, narrow: float) -> str:
    """A Vega expression for what depends on the width of the window, by the parameter `narrow`."""
    return str(wide) if wide == narrow else f"(narrow ? {narrow} : {wide})"


def ground(width: str, height: str, name: str = "i") -> alt.Chart:
    """All the room there is, unseen, so that nothing moves when something else is shown.

    Args:
        width: Of the picture, as an expression.
        height: Likewise.
        name: Of the field that its only row has.
    """
    unseen = (
        alt.Chart(alt.sequence(0, 1, as_=name))
        .transform_calculate(x="0", y="0", x2=width, y2=height)
        .mark_rect(fillOpacity=0, aria=False, tooltip=None)
        .encode(**CORNERS)
    )
    return cast(alt.Chart, unseen)


def on_rows(rows: alt.Chart, *layers: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """Layers that draw the same rows, which are made once."""
    layered = alt.layer(*layers, data=rows.data, transform=rows.transform)
    return cast(alt.LayerChart, layered)


def framed(rows: alt.Chart, colour: str, widths: tuple[float, float] = (5, 2.5)) -> alt.LayerChart:
    """A frame around each rectangle, on a white one, to be seen on dark cells and on bright ones.

    Args:
        rows: Have the corners.
        colour: Of the frame.
        widths: Of the white frame, and of the coloured one on it.
    """
    frames = (
        alt.Chart()
        .mark_rect(filled=False, stroke=stroke, strokeWidth=width, aria=False, tooltip=None)
        .encode(**CORNERS)
        for stroke, width in zip(("white", colour), widths, strict=True)
    )
    return on_rows(rows, *frames)


def ringed(
    rows: alt.Chart,
    size: float | alt.ExprRef,
    colour: str = "black",
    at: Mapping[str, Any] = AT,
) -> alt.LayerChart:
    """A ring around each place, on a white one.

    Args:
        rows: Have the places.
        size: Of the ring, as a point mark has it.
        colour: Of the ring.
        at: Encodes the places.
    """
    rings = (
        alt.Chart()
        .mark_point(
            size=size, stroke=stroke, strokeWidth=width, opacity=1, aria=False, tooltip=None
        )
        .encode(**at)
        for stroke, width in (("white", 4), (colour, 2))
    )
    return on_rows(rows, *rings)


def paragraph(
    texts: Sequence[str], width: int, room: Callable[[str], int]
) -> list[tuple[int, int, int]]:
    """Where words stand that run on line by line: left edge, line and width of each.

    Where most words run from right to left, so does the paragraph.

    Args:
        texts: The words.
        width: Of a line.
        room: What a word needs of it.
    """
    mirrored = 2 * sum(map(right_to_left, texts)) > len(texts)
    places = []
    x, line = 0, 0
    for text in texts:
        wide = room(text)
        if x and x + wide > width:
            x, line = 0, line + 1
        places.append((width - x - wide if mirrored else x, line, wide))
        x += wide + 2
    return places
