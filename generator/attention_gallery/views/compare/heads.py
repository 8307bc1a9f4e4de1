"""A square for each head in the comparison: the fuller, the more the head changed."""

from __future__ import annotations

from typing import Literal, cast

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.compare.layout import Layout

_LEGIBLE = 24  # pixels a square needs for its name above it


def squares(packed: Packed, layout: Layout) -> alt.LayerChart:
    """Layers stand below each other, and their heads side by side; the head shown has a frame.

    On a page a click chooses a head. Elsewhere there are the controls.
    """
    width, height = layout.square
    choice = "{slot: datum.slot}"
    if packed.every_head:
        choice = "{layer: slot_layers[datum.slot], head: slot_heads[datum.slot]}"
    rows = (
        alt.Chart(alt.sequence(0, len(packed.slots), as_="slot"))
        .transform_filter("slot_heads[datum.slot] >= 0")
        .transform_calculate(
            share="moved[variant][datum.slot]",
            choice=choice,
            # A click on a square counts as one on the pinned cell, which so stays pinned.
            query="row",
            key="column",
            x=f"heads_x + {width} * slot_heads[datum.slot]",
            x2=f"heads_x + {width} * (slot_heads[datum.slot] + 1)",
            y=f"heads_y + {height} * slot_layers[datum.slot]",
            y2=f"heads_y + {height} * (slot_layers[datum.slot] + 1)",
        )
        .transform_calculate(
            fullness="datum.share / most_moved",
            told=charts.spoken(
                _("{head}: {share} of each token’s attention lies elsewhere"),
                head="slots[datum.slot]",
                share="format(datum.share, '.0%')",
            ),
        )
    )
    square = (
        alt.Chart()
        .mark_rect(
            color="currentColor",
            stroke="currentColor",
            strokeOpacity=0.3,
            cursor="pointer",
            aria=False,
        )
        .encode(
            **CORNERS,
            fillOpacity=alt.FillOpacity("fullness:Q", scale=None),
            tooltip="told:N",
        )
    )
    shown = (
        alt.Chart()
        .transform_filter("datum.slot == slot")
        .mark_rect(filled=False, stroke=charts.PIN_COLOUR, strokeWidth=2.5, aria=False)
        .encode(**CORNERS, tooltip="told:N")
    )
    return on_rows(rows, square, shown)


def labels(packed: Packed, layout: Layout) -> alt.LayerChart:
    """What the squares are, the layers at their left, and the heads above them."""
    width, height = layout.square
    counts = packed.attention.n_heads
    title = charts.spoken(
        _("how much each head changed, from 0 to {most}"), most="format(most_moved, '.0%')"
    )
    x, y = f"heads_x + {width} * (datum.i + 0.5)", f"heads_y + {height} * (datum.i + 0.5)"
    layers = [
        _texts(1, title, "heads_x", "heads_y - 26", "left"),
        _texts(len(counts), "'L' + datum.i", "heads_x - 5", y, "right"),
    ]
    if width >= _LEGIBLE:
        layers.append(_texts(max(counts), "'H' + datum.i", x, "heads_y - 9", "center"))
    return cast(alt.LayerChart, alt.layer(*layers))


def _texts(
    n: int, text: str, x: str, y: str, align: Literal["left", "center", "right"]
) -> alt.Chart:
    """Texts in a row or a column; expressions may use `datum.i`, which counts them."""
    return (
        alt.Chart(alt.sequence(0, n, as_="i"))
        .transform_calculate(text=text, x=x, y=y)
        .mark_text(align=align, baseline="middle", fontSize=11, aria=False, tooltip=None)
        .encode(**AT, text="text:N")
    )
