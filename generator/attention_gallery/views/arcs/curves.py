"""The arcs: the thicker, the more weight.

Each is one mark, a symbol whose path an expression writes: half an ellipse over the way between two
tokens, or a loop for a token and itself.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import AT
from attention_gallery.views.arcs.layout import BOX, NUMBER, Layout

_BACKDROP = 0.1
_LOOP = 20
_STEEPNESS = 0.65  # below 1: near arcs are not flat beside far ones


def edges(layout: Layout, focus: str, name: str | None = None) -> alt.Chart:
    """A row for each token that `focus` looks at, with `side` 0, or that looks at it, with 1.

    Args:
        layout: Where the tokens are.
        focus: A Vega expression for a token; -1 for none.
        name: Of the rows, by which other expressions find them.
    """
    packed, n = layout.packed, layout.n
    # A causal model has no weights to print for later keys; a token and itself are told above.
    there = f"{focus} >= 0 && !(datum.side && datum.other == {focus})"
    if packed.triangle:
        there += " && datum.key <= datum.query"
    return (
        alt.Chart(alt.sequence(0, 2 * n, as_="i", name=name or alt.Undefined))
        .transform_calculate(side=f"floor(datum.i / {n})", other=f"datum.i % {n}")
        .transform_calculate(
            query=f"datum.side ? datum.other : {focus}", key=f"datum.side ? {focus} : datum.other"
        )
        .transform_filter(there)
        .transform_calculate(
            weight=charts.weight_expr(charts.cell_expr(packed, "datum.query", "datum.key"))
        )
    )


def selected(layout: Layout, selection: str, colour: str) -> alt.Chart:
    """The arcs of the selected token, on both sides."""
    focus = charts.selected(selection, "token")
    arcs = edges(layout, focus).transform_filter(f"datum.weight >= {charts.VISIBLE}")
    if selection == "hover":  # of the pinned token it would only repaint the same arcs
        arcs = arcs.transform_filter(f"{focus} != {charts.selected('pin', 'token')}")
    return _thick(arcs, colour, 0.8)


def backdrop(layout: Layout) -> alt.Chart:
    """All weights worth seeing, faint: what the head does, before anything is touched."""
    strong = charts.cells(layout.packed).transform_filter(f"datum.weight >= {_BACKDROP}")
    return _thick(strong.transform_calculate(side="0"), "currentColor", 0.14)


def known(layout: Layout) -> alt.Chart:
    """A dashed arc for what is known to be right."""
    links = [
        {"query": link.row, "key": key, "side": 0}
        for link in layout.packed.gold
        for key in link.columns
    ]
    return _arcs(alt.Chart(alt.InlineData(values=links))).encode(
        stroke=alt.value("currentColor"), strokeDash=alt.value([4, 3]), opacity=alt.value(0.75)
    )


def _thick(rows: alt.Chart, colour: str, opacity: float) -> alt.Chart:
    scale = alt.Scale(domain=[0, 1], range=[0.5, 10])
    return _arcs(rows).encode(
        stroke=alt.value(colour),
        opacity=alt.value(opacity),
        strokeWidth=alt.StrokeWidth("weight:Q", legend=None, scale=scale),
    )


def _arcs(rows: alt.Chart) -> alt.Chart:
    """A symbol for each `query`, `key` and `side`: its size is the way between the two, squared."""
    height = f"2 * rises[datum.side] * pow(datum.far / span, {_STEEPNESS}) / datum.far"
    # In the symbol's own units its middle is 0,0, and its ends are one to the left and the right.
    half_ellipse = f"'M-1,0A1,' + {height} + ',0,0,' + (datum.side ? 0 : 1) + ',1,0'"
    return (
        rows.transform_calculate(
            far="abs(places[datum.query][0] - places[datum.key][0])",
            x="(places[datum.query][0] + places[datum.key][0]) / 2",
            y=f"row + (datum.side ? {BOX + NUMBER} : {-NUMBER})",
        )
        .transform_calculate(
            path=f"datum.far ? {half_ellipse} : 'M0,0C-1.6,-2.4,1.6,-2.4,0,0'",
            size=f"pow(datum.far || {_LOOP}, 2)",
        )
        .mark_point(filled=False, aria=False, tooltip=None)
        .encode(**AT, shape=alt.Shape("path:N", scale=None), size=alt.Size("size:Q", scale=None))
    )
