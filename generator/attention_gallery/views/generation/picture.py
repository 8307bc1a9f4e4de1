"""An image that is looked at to write its caption."""

from __future__ import annotations

import base64
from typing import cast

import altair as alt

from attention_gallery import charts
from attention_gallery.chances import ROW
from attention_gallery.pixels import AT, CORNERS
from attention_gallery.views.generation.layout import N_LOOKED_AT, Layout

_GAP = 14
_SQUARE = 0.01  # the square of a smaller weight would be a dot


def image(layout: Layout) -> alt.Chart:
    """What the model saw, each of its pixels a square."""
    png = base64.b64encode(layout.packed.image).decode("ascii")
    width, height = layout.image
    return alt.Chart(alt.sequence(0, 1, as_="i")).mark_image(
        url=f"data:image/png;base64,{png}", x=0, y=layout.looked_at, align="left",
        baseline="top", width=width, height=height, aspect=False, smooth=False, aria=False,
        tooltip=None,
    )  # fmt: skip


def squares(layout: Layout) -> alt.LayerChart:
    """A hollow square in each patch, enclosing the share of it that its weight is of 1."""
    width, height = layout.patch
    rows = (
        _weighted(layout)
        .transform_calculate(patch="key_patches[datum.key]")
        .transform_filter(f"datum.patch && datum.weight >= {_SQUARE}")
        .transform_calculate(side="sqrt(min(1, datum.weight))")
        .transform_calculate(
            x=f"{width} * (datum.patch[1] + (1 - datum.side) / 2)",
            x2=f"{width} * (datum.patch[1] + (1 + datum.side) / 2)",
            y=f"{layout.looked_at} + {height} * (datum.patch[0] + (1 - datum.side) / 2)",
            y2=f"{layout.looked_at} + {height} * (datum.patch[0] + (1 + datum.side) / 2)",
        )
    )
    # A coloured line on a white one is seen on any image.
    lines = (
        rows.mark_rect(filled=False, stroke=stroke, strokeWidth=w, opacity=1, aria=False).encode(
            **CORNERS, tooltip="tip:N"
        )
        for stroke, w in (("white", 4), (charts.PIN_COLOUR, 2))
    )
    return cast(alt.LayerChart, alt.layer(*lines))


def strongest(layout: Layout) -> alt.Chart:
    """What is looked at most, listed beside the image."""
    return (
        _weighted(layout)
        .transform_window(rank="row_number()", sort=[alt.SortField("weight", order="descending")])
        .transform_filter(f"datum.rank <= {N_LOOKED_AT} && datum.weight >= {charts.VISIBLE}")
        .transform_calculate(y=f"{layout.looked_at} + {ROW} * (datum.rank - 0.5)")
        .mark_text(
            align="left", baseline="middle", fontSize=13, x=layout.image[0] + _GAP,
            limit=alt.expr(f"{layout.width} - {layout.image[0] + _GAP}"), aria=False,
        )
        .encode(y=AT["y"], text="brief:N", tooltip="tip:N")
    )  # fmt: skip


def _weighted(layout: Layout) -> alt.Chart:
    """A row for each key: patches, and tokens that stand before them."""
    weight = charts.weight_expr(charts.cell_expr(layout.packed, "step", "datum.key"))
    return (
        alt.Chart(alt.sequence(0, layout.packed.n_keys, as_="key"))
        .transform_calculate(weight=weight)
        .transform_calculate(
            tip="key_names[datum.key] + ': ' + format(datum.weight, '.3f')",
            brief="keys[datum.key] + ' ' + format(datum.weight, '.3f')",
        )
    )
