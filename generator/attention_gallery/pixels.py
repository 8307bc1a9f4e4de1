"""What charts share that place their marks in pixels, and not on scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import altair as alt

from attention_gallery.charts import right_to_left

AT = {"x": alt.X("x:Q", scale=None, axis=None), "y": alt.Y("y:Q", scale=None, axis=None)}
"""Encodes a place in pixels."""

CORNERS = {**AT, "x2": "x2:Q", "y2": "y2:Q"}
"""Encodes a rectangle in pixels."""


def on_rows(rows: alt.Chart, *layers: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """Layers that draw the same rows, which are made once."""
    layered = alt.layer(*layers, data=rows.data, transform=rows.transform)
    return cast(alt.LayerChart, layered)


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
