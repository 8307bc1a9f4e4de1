"""The whole map of a long text as a picture, which finds the place that is shown as marks.

A chart knows where a pointer is by the mark that is under it, and a million cells cannot be marks.
So the picture is covered by blocks, and pointing at one tells the largest weight in it: what is
bright in a picture is found without aiming at a pixel, with a thumb as well.
"""

from __future__ import annotations

from math import floor, log10
from typing import Any, cast

import altair as alt
import numpy as np

from attention_gallery import charts, maps
from attention_gallery.language import _
from attention_gallery.maps import Slot
from attention_gallery.pixels import AT, CORNERS, framed, on_rows, ringed
from attention_gallery.views.heatmap import raster, totals
from attention_gallery.views.heatmap.layout import GAP, Layout

_VIEW = "picture"
_MARKS = f"@{_VIEW}_marks"  # what Vega-Lite calls the marks of that view
_BLOCKS = 48  # along a side at most: about eight pixels each
_MOST_TICKS = 6
_SPOT = 70  # area of the ring around one cell, in square pixels


def params(layout: Layout) -> list[alt.Parameter]:
    """The pictures of each map: with keys by position, and sorted."""
    pictures = [[_drawn(layout, slot, by) for by in (False, True)] for slot in layout.packed.slots]
    return [alt.param(name="pictures", value=pictures)]


def layers(layout: Layout) -> list[alt.Chart | alt.LayerChart]:
    """The picture, and what lies over it."""
    one = alt.Chart(alt.sequence(0, 1, as_="i"))
    window = one.transform_calculate(first_row="first_row", first_column="first_column")
    pinned = one.transform_filter("pinned_query >= 0 && pinned_key >= 0").transform_calculate(
        row="pinned_query", column=totals.column("pinned_key")
    )
    pointed = one.transform_calculate(
        row=charts.selected("pointed", "row"), column=charts.selected("pointed", "column")
    ).transform_filter("datum.row >= 0")
    moved = pointed.transform_calculate(
        first_row=layout.first_shown("datum.row", "row"),
        first_column=layout.first_shown("datum.column", "column"),
    )
    return [
        _image(layout),
        _frame(layout, window, charts.PIN_COLOUR),
        _spot(layout, pinned, charts.PIN_COLOUR),
        _frame(layout, moved, charts.HOVER_COLOUR),
        _spot(layout, _largest(layout), charts.HOVER_COLOUR),
        _blocks(layout),
        _ticks(layout, "query"),
        _ticks(layout, "key"),
        *_told(layout),
    ]


def _drawn(layout: Layout, slot: Slot, by_received: bool) -> str:
    weights, seen = maps.weights(layout.packed.attention, slot), layout.seen
    if by_received:
        order = np.argsort(totals.received(weights))[::-1]
        weights, seen = weights[:, order], seen[:, order]
    return raster.overview(weights, seen)


def _x(layout: Layout, column: str) -> str:
    """A Vega expression for the left edge of a column in the picture."""
    return f"{layout.picture_x} + {column} / {layout.n_keys} * {layout.side[0]} * picture_scale"


def _y(layout: Layout, row: str) -> str:
    """A Vega expression for the upper edge of a row in the picture."""
    return f"{layout.picture_y} + {row} / {layout.n_queries} * {layout.side[1]} * picture_scale"


def _image(layout: Layout) -> alt.LayerChart:
    """The picture, on paper that shows through where a causal model cannot see."""
    rows = alt.Chart(alt.sequence(0, 1, as_="i")).transform_calculate(
        url="pictures[slot][sorted]",
        x=str(layout.picture_x), y=str(layout.picture_y), x2="picture_right", y2="picture_bottom",
    )  # fmt: skip
    paper = (
        alt.Chart()
        .mark_rect(color="currentColor", opacity=0.06, aria=False, tooltip=None)
        .encode(**CORNERS)
    )
    width, height = (alt.expr(f"{side} * picture_scale") for side in layout.side)
    # Enlarged pixels have edges. Others may be shown smaller, and then none must be left out.
    smooth = max(layout.side) == max(map(raster.reduced, (layout.n_queries, layout.n_keys)))
    image = (
        alt.Chart()
        .mark_image(
            align="left", baseline="top", width=width, height=height, aspect=False, smooth=smooth,
            aria=False, tooltip=None,
        )
        .encode(**AT, url="url:N")
    )  # fmt: skip
    return on_rows(rows, paper, image)


def _block(n_tokens: int) -> int:
    """How many rows or columns of the map share a block."""
    return -(-n_tokens // _BLOCKS)


def _blocks(layout: Layout) -> alt.Chart:
    """What is pointed at and clicked; the cell in the middle of a block is where it leads."""
    down, across = _block(layout.n_queries), _block(layout.n_keys)
    n_rows, n_columns = -(-layout.n_queries // down), -(-layout.n_keys // across)
    return (
        alt.Chart(alt.sequence(0, n_rows * n_columns, as_="block"), name=_VIEW)
        # Where nobody can point there is no need for them.
        .transform_filter("windowSize()[0] > 0")
        .transform_calculate(
            top=f"floor(datum.block / {n_columns}) * {down}",
            left=f"datum.block % {n_columns} * {across}",
        )
        .transform_calculate(
            row=f"min(datum.top + {down // 2}, {layout.n_queries - 1})",
            column=f"min(datum.left + {across // 2}, {layout.n_keys - 1})",
            # A click here leaves the pin where it is.
            query="pinned_query",
            key="pinned_key",
            x=_x(layout, "datum.left"),
            y=_y(layout, "datum.top"),
            x2=_x(layout, f"min(datum.left + {across}, {layout.n_keys})"),
            y2=_y(layout, f"min(datum.top + {down}, {layout.n_queries})"),
        )
        .mark_rect(fillOpacity=0, cursor="crosshair", aria=False, tooltip=None)
        .encode(**CORNERS)
        .add_params(_pointed(), _focus(layout))
    )


def _largest(layout: Layout) -> alt.Chart:
    """The largest weight in the block that is pointed at; no row where there is none."""
    packed, down, across = layout.packed, _block(layout.n_queries), _block(layout.n_keys)
    row, column = (charts.selected("pointed", end) for end in ("row", "column"))
    cells = (
        alt.Chart(alt.sequence(0, down * across, as_="i"))
        .transform_filter(f"{row} >= 0")
        .transform_calculate(
            row=f"{row} - {down // 2} + floor(datum.i / {across})",
            column=f"{column} - {across // 2} + datum.i % {across}",
        )
        .transform_filter(f"datum.row < {layout.n_queries} && datum.column < {layout.n_keys}")
        .transform_calculate(query="datum.row", key=totals.key(packed, "datum.column"))
    )
    if packed.triangle:
        cells = cells.transform_filter("datum.key <= datum.query")
    weight = charts.weight_expr(charts.cell_expr(packed, "datum.query", "datum.key"))
    return (
        cells.transform_calculate(weight=weight)
        .transform_window(rank="row_number()", sort=[alt.SortField("weight", order="descending")])
        .transform_filter("datum.rank == 1")
    )


def _pointed() -> alt.Parameter:
    """The middle of the block under the pointer."""
    return alt.selection_point(
        name="pointed", fields=["row", "column"], on=f"{_MARKS}:pointerover",
        clear=f"{_MARKS}:pointerout", empty=False,
    )  # fmt: skip


def _focus(layout: Layout) -> alt.Parameter:
    """The row and the column that the window is around."""
    controls = {
        end: alt.binding_range(min=0, max=n - 1, step=1, name=name + " ")
        for end, name, n in (
            ("row", _("Window at row"), layout.n_queries),
            ("column", _("Window at column"), layout.n_keys),
        )
    }
    return alt.selection_point(
        name="focus",
        fields=["column", "row"],  # Vega makes controls from the last to the first
        on=f"{_MARKS}:click",
        clear=False,
        toggle=False,
        empty=False,
        value=[{"row": layout.packed.pin, "column": layout.pinned_key}],
        bind=cast(Any, controls),  # one control per field; Altair's types know one only
    )


def _frame(layout: Layout, rows: alt.Chart, colour: str) -> alt.LayerChart:
    """Around as many cells as the window shows, on white to be seen on all colours."""
    corners = rows.transform_calculate(
        x=_x(layout, "datum.first_column"),
        x2=_x(layout, "(datum.first_column + columns_shown)"),
        y=_y(layout, "datum.first_row"),
        y2=_y(layout, "(datum.first_row + rows_shown)"),
    )
    return framed(corners, colour, (4, 2))


def _spot(layout: Layout, rows: alt.Chart, colour: str) -> alt.LayerChart:
    """A ring around one cell."""
    places = rows.transform_calculate(
        x=_x(layout, "(datum.column + 0.5)"), y=_y(layout, "(datum.row + 0.5)")
    )
    return ringed(places, _SPOT, colour)


def _ticks(layout: Layout, end: str) -> alt.Chart:
    """Numbers of tokens beside the picture."""
    looking = end == "query"
    n = layout.n_queries if looking else layout.n_keys
    every = _every(n)
    number = "format(datum.token, ',')"
    rank, key = charts.spoken(_("rank {n}"), n=number), charts.spoken(_("key {n}"), n=number)
    rows = alt.Chart(alt.sequence(0, n, every, as_="token")).transform_calculate(
        text=number if looking else f"datum.token ? {number} : sorted ? {rank} : {key}",
        x=f"{layout.picture_x - GAP}" if looking else _x(layout, "datum.token"),
        y=_y(layout, "datum.token") if looking else f"{layout.picture_y - GAP}",
    )
    return rows.mark_text(
        align="right" if looking else "left", baseline="top" if looking else "bottom", fontSize=12,
        opacity=0.75, aria=False, tooltip=None,
    ).encode(**AT, text="text:N")  # fmt: skip


def _every(n: int) -> int:
    """A round number of tokens, so that few ticks are needed."""
    power = 10 ** floor(log10(n / _MOST_TICKS))
    return next(power * k for k in (1, 2, 5, 10) if n / (power * k) <= _MOST_TICKS)


def _told(layout: Layout) -> list[alt.Chart]:
    """Below the picture: the largest weight that is pointed at, or what a click does."""
    invite = charts.literal(_("Point at what is bright; click to go there."))
    hint = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_filter(f"{charts.selected('pointed', 'row')} < 0")
        .transform_calculate(text=invite)
    )
    told = charts.spoken(
        _("At most {weight}: {query} looks at {key}"),
        weight="format(datum.weight, '.3f')",
        query="query_names[datum.query]",
        key="key_names[datum.key]",
    )
    return [
        rows.transform_calculate(x=str(layout.picture_x), y=f"picture_bottom + {GAP}")
        .mark_text(
            align="left", baseline="top", fontSize=13, color=colour, aria=False, tooltip=None,
            limit=alt.expr(f"max(picture_right - {layout.picture_x}, 300)"),
        )
        .encode(**AT, text="text:N")
        for rows, colour in (
            (hint, "currentColor"),
            (_largest(layout).transform_calculate(text=told), charts.HOVER_COLOUR),
        )
    ]  # fmt: skip
