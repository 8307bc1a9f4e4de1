"""What charts share that place their marks in pixels, and not on scales."""

from __future__ import annotations

from typing import cast

import altair as alt

AT = {"x": alt.X("x:Q", scale=None, axis=None), "y": alt.Y("y:Q", scale=None, axis=None)}
"""Encodes a place in pixels."""

CORNERS = {**AT, "x2": "x2:Q", "y2": "y2:Q"}
"""Encodes a rectangle in pixels."""


def on_rows(rows: alt.Chart, *layers: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """Layers that draw the same rows, which are made once."""
    layered = alt.layer(*layers, data=rows.data, transform=rows.transform)
    return cast(alt.LayerChart, layered)
