"""What stands around the pictures: names of layers and heads, brackets, windows, and a legend."""

from __future__ import annotations

from typing import Literal, cast

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT, CORNERS
from attention_gallery.sprite import LEVELS
from attention_gallery.views.grid.layout import LINE, Layout


def labels(layout: Layout) -> alt.LayerChart:
    """Layers at the left and heads above, as long as heads stand in their places."""
    counts = layout.packed.attention.n_heads
    rows = (
        alt.Chart(alt.sequence(0, len(counts), as_="i"))
        .transform_filter("placed && datum.i % ceil(13 / pitch_y) == 0")
        .transform_calculate(
            text="'L' + datum.i", x=f"{layout.left - 10}",
            y=f"{layout.above} + datum.i * pitch_y + tile_height / 2",
        )
    )  # fmt: skip
    columns = (
        alt.Chart(alt.sequence(0, max(counts), as_="i"))
        .transform_filter("placed && datum.i % ceil(24 / pitch_x) == 0")
        .transform_calculate(
            text="'H' + datum.i", x=f"{layout.left} + datum.i * pitch_x + tile_width / 2", y="6"
        )
    )
    return cast(alt.LayerChart, alt.layer(_text(rows, "right"), _text(columns, "center")))


def brackets(layout: Layout) -> alt.Chart:
    """A bracket holds heads that share their keys; above the grid, where all layers are alike.

    It is three lines: along the heads, and towards them at both of its ends.
    """
    places = _shared(layout.packed)
    return (
        alt.Chart(alt.sequence(0, 3 * len(places), as_="line"))
        .transform_filter("placed")
        .transform_calculate(place="shared[floor(datum.line / 3)]", side="datum.line % 3")
        .transform_calculate(
            above="datum.place[0] < 0",
            first=f"{layout.left} + datum.place[1] * pitch_x + 1",
            last=f"{layout.left} + datum.place[2] * pitch_x + tile_width - 1",
        )
        .transform_calculate(
            along=f"{layout.above} + (datum.above ? -9 : datum.place[0] * pitch_y "
            "+ tile_height + 5)",
        )
        .transform_calculate(
            x="datum.side == 2 ? datum.last : datum.first",
            x2="datum.side == 1 ? datum.first : datum.last",
            y="datum.along",
            y2="datum.side ? datum.along + (datum.above ? 4 : -4) : datum.along",
        )
        .mark_rule(color="currentColor", strokeWidth=1.2, opacity=0.7, aria=False, tooltip=None)
        .encode(**CORNERS)
    )


def windows(layout: Layout) -> alt.Chart:
    """A bar before each layer in which a token sees only so far."""
    return (
        alt.Chart(alt.sequence(0, layout.rows, as_="layer"))
        .transform_filter("placed && windows[datum.layer]")
        .transform_calculate(
            x=f"{layout.left - 6}", x2=f"{layout.left - 3}",
            y=f"{layout.above} + datum.layer * pitch_y", y2="datum.y + tile_height",
        )
        .mark_rect(color="currentColor", opacity=0.55, aria=False, tooltip=None)
        .encode(**CORNERS)
    )  # fmt: skip


def legend(notes: list[str]) -> alt.LayerChart:
    """The colours and what they stand for, and below them how to read the rest."""
    weight = _("weight")
    bar = max(48, 8 * charts.n_columns(weight))
    colours = (
        alt.Chart(alt.sequence(0, LEVELS, as_="level"))
        .transform_calculate(
            colour="colours[datum.level]",
            x=f"{bar} + 12 * datum.level",
            x2=f"{bar + 12} + 12 * datum.level",
            y="legend_y",
            y2="legend_y + 10",
        )
        .mark_rect(aria=False, tooltip=None)
        .encode(**CORNERS, fill=alt.Fill("colour:N", scale=None))
    )
    marks = (
        alt.Chart(alt.sequence(0, 4, as_="i"))
        .transform_calculate(
            text=f"[{charts.literal(weight)}, '0', '0.25', '1'][datum.i]",
            x=f"[0, {bar + 6}, {bar + 90}, {bar + 174}][datum.i]",
            y="legend_y + (datum.i ? 18 : 5)",
        )
        .mark_text(
            align=alt.expr("datum.i ? 'center' : 'left'"),
            baseline="middle", fontSize=11, aria=False, tooltip=None,
        )
        .encode(**AT, text="text:N")
    )  # fmt: skip
    lines = (
        alt.Chart(alt.sequence(0, len(notes), as_="line"))
        .transform_calculate(
            text="notes[datum.line]", x="0", y=f"legend_y + 38 + {LINE} * datum.line"
        )
        .mark_text(
            align="left", baseline="middle", fontSize=12, opacity=0.8, aria=False, tooltip=None
        )
        .encode(**AT, text="text:N")
    )
    return cast(alt.LayerChart, alt.layer(colours, marks, lines))


def params(layout: Layout, notes: list[str]) -> list[alt.Parameter]:
    """What brackets, windows and lines are drawn from."""
    return [
        alt.param(name="shared", value=_shared(layout.packed)),
        alt.param(name="windows", value=list(layout.packed.attention.windows)),
        alt.param(name="notes", value=notes),
    ]


def _shared(packed: Packed) -> list[tuple[int, int, int]]:
    """The layer of each bracket, -1 for all of them, and its first and last head."""
    attention = packed.attention
    if not (packed.every_head and attention.kv_heads):
        return []
    layers = list(enumerate(zip(attention.n_heads, attention.kv_heads, strict=True)))
    if len(set(dict(layers).values())) == 1:
        layers = [(-1, layers[0][1])]
    return [
        (layer, first, first + n // n_keys - 1)
        for layer, (n, n_keys) in layers
        if n_keys < n
        for first in range(0, n, n // n_keys)
    ]


def _text(rows: alt.Chart, align: Literal["left", "center", "right"]) -> alt.Chart:
    return rows.mark_text(
        align=align, baseline="middle", fontSize=11, aria=False, tooltip=None
    ).encode(**AT, text="text:N")
