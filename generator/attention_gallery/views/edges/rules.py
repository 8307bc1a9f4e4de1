"""The lines of edges: as thick as their weights, and of several maps side by side."""

from __future__ import annotations

import altair as alt

from attention_gallery.views.edges.layout import Layout


def rules(
    edges: alt.Chart,
    layout: Layout,
    *,
    y_query: str,
    y_key: str,
    colour: str,
    opacity: str,
    told: str = "null",
) -> alt.Chart:
    """A line for each edge.

    Args:
        edges: Rows with the `weight`, `lane` and `place` of an edge.
        layout: Where the columns are.
        y_query: A Vega expression for the middle of the query's row.
        y_key: The same of the key.
        colour: A Vega expression for the colour of a map that is shown alone; of several, each has
            the look of its own.
        opacity: A Vega expression.
        told: A Vega expression for the tooltip; null for none.
    """
    aside = "pitch * (datum.lane - (length(shown) - 1) / 2)"
    return (
        edges.transform_calculate(
            y_query=f"{y_query} + {aside}",
            y_key=f"{y_key} + {aside}",
            thickness="thinnest + (thickest - thinnest) * datum.weight",
            colour=f"alone ? {colour} : swatch_colours[datum.place]",
        )
        .mark_rule(
            opacity=alt.expr(opacity),
            strokeCap=alt.expr("alone ? 'round' : 'butt'"),
            strokeDash=alt.expr("alone ? [] : swatch_dashes[datum.place]"),
            aria=False,
            tooltip=alt.expr(told),
        )
        .encode(
            x=alt.value(layout.left + 6),
            x2=alt.value(layout.right - 6),
            y=alt.Y("y_query:Q", scale=None, axis=None),
            y2="y_key:Q",
            stroke=alt.Stroke("colour:N", scale=None),
            strokeWidth=alt.StrokeWidth("thickness:Q", scale=None),
        )
    )
