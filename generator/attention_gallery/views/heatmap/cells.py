"""The map as marks: cells, the labels around them, and what is marked in it."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.packing import decode
from attention_gallery.pixels import AT, CORNERS, framed, ringed
from attention_gallery.views.heatmap import raster, totals
from attention_gallery.views.heatmap.layout import GAP, Layout


def params(layout: Layout) -> list[alt.Parameter]:
    """Which weight is brightest, and whether cells stand as one picture.

    With 1 heads can be compared, for the same colour is the same weight; the other choice brings
    out the pattern of a head that spreads its weight thin. The picture of a long text has one scale
    for everything, and so has the window beside it.
    """
    packed = layout.packed
    scale = [alt.param(name="brightest", value=1)]
    if not layout.long:
        choice = alt.binding_select(
            options=[0, 1],
            labels=[_("weights 0 to 1"), _("stretched to this map")],
            name=_("Colours") + " ",
        )
        largest = [round(float(decode(blob).max()), 4) for blob in packed.blobs]
        scale = [
            alt.param(name="largest", value=largest),
            alt.param(name="stretched", value=0, bind=choice),
            alt.param(name="brightest", expr="stretched ? largest[slot] : 1"),
        ]
    # Only in a window of a browser can anyone point at a cell. Without one, the cells as they were
    # when the document was made may as well be one picture, a fiftieth of the bytes.
    untouched = [f"slot == {packed.start}", "!sorted", "brightest == 1"]
    if layout.long:
        untouched += [f"first_row == {layout.first[0]}", f"first_column == {layout.first[1]}"]
    still = " && ".join(["!(windowSize()[0] > 0)", *untouched])
    return [*scale, alt.param(name="still", expr=still if layout.many else "false")]


def cells(layout: Layout) -> alt.Chart:
    """A mark for each cell, with both selections."""
    packed = layout.packed
    rows = (
        alt.Chart(alt.sequence(0, layout.rows * layout.columns, as_="cell"), name="cells")
        .transform_filter("!still && datum.cell < rows_shown * columns_shown")
        .transform_calculate(
            query="first_row + floor(datum.cell / columns_shown)",
            column="first_column + datum.cell % columns_shown",
        )
        .transform_calculate(key=totals.key(packed, "datum.column"))
    )
    if packed.triangle:
        rows = rows.transform_filter("datum.key <= datum.query")
    weight = charts.weight_expr(charts.cell_expr(packed, "datum.query", "datum.key"))
    return (
        rows.transform_calculate(
            weight=weight,
            query_text="query_names[datum.query]",
            key_text="key_names[datum.key]",
            x=layout.x("(datum.column + 0.5)"),
            y=layout.y("(datum.query + 0.5)"),
        )
        # A cell reaches into the next ones: where a page shrinks the map, no seam is seen.
        .mark_rect(
            aria=False, cursor="pointer", width=alt.expr("step + 1"), height=alt.expr("step + 1")
        )
        .encode(
            **AT,
            color=_colour(layout),
            tooltip=[
                alt.Tooltip("query_text:N", title=_("query")),
                alt.Tooltip("key_text:N", title=_("key")),
                alt.Tooltip("weight:Q", title=_("weight"), format=".3f"),
            ],
        )
        .add_params(_pin(layout), charts.hover("query", "key"))
    )


def still(layout: Layout) -> alt.Chart:
    """The cells as one picture: see `params`."""
    packed, (row, column) = layout.packed, layout.first
    shown = np.s_[row : row + layout.rows, column : column + layout.columns]
    url = raster.exact(packed.shown[shown], layout.seen[shown], root=layout.long)
    return (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_filter("still")
        .transform_calculate(x="map_x", y="map_y")
        .mark_image(
            url=url, align="left", baseline="top", width=alt.expr("map_right - map_x"),
            height=alt.expr("map_bottom - map_y"), aspect=False, smooth=False, aria=False,
            tooltip=None,
        )
        .encode(**AT)
    )  # fmt: skip


def paper() -> alt.Chart:
    """What a causal model cannot see is paper, not the colour of zero."""
    return (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(x="map_x", y="map_y", x2="map_right", y2="map_bottom")
        .mark_rect(color="currentColor", opacity=0.06, aria=False, tooltip=None)
        .encode(**CORNERS)
    )


def frame(layout: Layout, selection: str, colour: str) -> alt.LayerChart:
    """A coloured frame on a white one, to be seen on dark cells and on bright ones.

    One row, or none: restyling every cell on every move of the pointer would be slow.
    """
    rows = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(
            query=charts.selected(selection, "query"), key=charts.selected(selection, "key")
        )
        .transform_filter("datum.query >= 0 && datum.key >= 0")
    )
    if selection == "hover":
        # Two frames around one cell would look like a third kind of frame.
        rows = rows.transform_filter("datum.query != pinned_query || datum.key != pinned_key")
    return framed(_placed(layout, rows), colour)


def gold(layout: Layout) -> alt.LayerChart:
    """A ring on each cell that is known to be right: few enough to stand in the document."""
    known = [{"query": link.row, "key": key} for link in layout.packed.gold for key in link.columns]
    rows = _placed(layout, alt.Chart(alt.InlineData(values=known))).transform_calculate(
        middle_x="(datum.x + datum.x2) / 2", middle_y="(datum.y + datum.y2) / 2"
    )
    middle = {
        "x": alt.X("middle_x:Q", scale=None, axis=None),
        "y": alt.Y("middle_y:Q", scale=None, axis=None),
    }
    return ringed(rows, alt.expr("pow(step / 2, 2)"), at=middle)


def labels(layout: Layout, end: str) -> alt.Chart:
    """The tokens along one side of the map; a click on one keeps its row or column."""
    looking = end == "query"
    rows = (
        alt.Chart(alt.sequence(0, layout.rows if looking else layout.columns, as_="i"))
        .transform_filter(f"datum.i < {'rows_shown' if looking else 'columns_shown'}")
        .transform_calculate(place=f"datum.i + {'first_row' if looking else 'first_column'}")
    )
    if looking:
        rows = rows.transform_calculate(query="datum.place", key=charts.selected("pin", "key"))
        x, y, text = f"map_x - {GAP}", layout.y("(datum.place + 0.5)"), "queries[datum.query]"
    else:
        rows = rows.transform_calculate(
            query=charts.selected("pin", "query"), key=totals.key(layout.packed, "datum.place")
        )
        x, y, text = layout.x("(datum.place + 0.5)"), f"map_y - {GAP}", "keys[datum.key]"
    return (
        rows.transform_calculate(text=text, x=x, y=y)
        .mark_text(
            align="right" if looking else "left", angle=0 if looking else 270, baseline="middle",
            fontSize=alt.expr("min(13, step)"), limit=layout.room(end) - GAP, cursor="pointer",
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="text:N")
    )  # fmt: skip


def _placed(layout: Layout, rows: alt.Chart) -> alt.Chart:
    """Corners of the cells of rows with a query and a key, as far as they are among the marks."""
    return (
        rows.transform_calculate(column=totals.column("datum.key"))
        .transform_filter(layout.shows("datum.query", "datum.column"))
        .transform_calculate(
            x=layout.x("datum.column"),
            x2=layout.x("(datum.column + 1)"),
            y=layout.y("datum.query"),
            y2=layout.y("(datum.query + 1)"),
        )
    )


def _colour(layout: Layout) -> alt.Color:
    x, y = layout.legend
    root: dict[str, Any] = {"type": "sqrt"} if layout.long else {}
    ticks = {"values": [0, 0.05, 0.2, 0.5, 1], "format": "~g"} if layout.long else {"tickCount": 5}
    return alt.Color(
        "weight:Q",
        scale=alt.Scale(
            domain=[0, alt.expr("brightest")], interpolate="rgb", range=list(charts.CIVIDIS), **root
        ),
        legend=alt.Legend(
            title=_("weight"),
            orient="none",
            direction="horizontal",
            legendX=alt.expr(x),
            legendY=alt.expr(y),
            gradientLength=160,
            **ticks,
        ),
    )


def _pin(layout: Layout) -> alt.Parameter:
    tokens = layout.packed.attention
    controls = {
        end: alt.binding_select(
            # Tuples, since Altair would copy long lists again and again.
            options=tuple(range(-1, len(labelled))),
            labels=(_("nothing"), *charts.token_labels(labelled)),
            name=name + " ",
        )
        for end, name, labelled in (
            ("query", _("Pinned query"), tokens.queries),
            ("key", _("Pinned key"), tokens.keys),
        )
    }
    return charts.pin({"query": layout.packed.pin, "key": layout.pinned_key}, controls)
