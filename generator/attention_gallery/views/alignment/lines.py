"""The lines of an alignment, from target words to source words: the thicker, the more weight."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import AT, CORNERS
from attention_gallery.views.alignment.layout import Layout

_BACKDROP = 0.1


def backdrop(layout: Layout) -> alt.Chart:
    """All weights worth seeing, faint: what the head does, before anything is touched."""
    links = charts.cells(layout.translation.packed).transform_filter(f"datum.weight >= {_BACKDROP}")
    return _thick(layout, links, "currentColor", 0.16)


def selected(layout: Layout, selection: str, colour: str) -> alt.Chart:
    """The lines of the selected word, or that of the selected cell."""
    links = _links_of(layout, selection).transform_filter(f"datum.weight >= {charts.VISIBLE}")
    return _thick(layout, links, colour, 0.8)


def known(layout: Layout) -> alt.Chart:
    """A dashed line for each link that is known to be right."""
    return (
        _between(layout, layout.translation.known())
        .mark_rule(color="currentColor", strokeDash=[4, 3], opacity=0.75, aria=False, tooltip=None)
        .encode(**CORNERS)
    )


def weights(layout: Layout) -> alt.Chart:
    """The pinned weights: beside the source words, or where one of those is asked, the target's."""
    return (
        _links_of(layout, "pin")
        .transform_calculate(
            x="row >= 0 ? source_x + label_rooms[1] + 40 : target_x - label_rooms[0] - 2",
            y=f"row >= 0 ? {layout.y('datum.key + 0.5')} : {layout.y('datum.query + 0.5')}",
        )
        .mark_text(
            align="right", baseline="middle", fontSize=min(12, layout.row - 4), aria=False,
            tooltip=None,
        )
        .encode(
            **AT,
            text=alt.Text("weight:Q", format=".3f"),
            opacity=alt.when(f"datum.weight >= {charts.VISIBLE}")
            .then(alt.value(1))
            .otherwise(alt.value(0.7)),
        )
    )  # fmt: skip


def _links_of(layout: Layout, selection: str) -> alt.Chart:
    """One row for each link of what is selected."""
    query, key = (charts.selected(selection, end) for end in ("query", "key"))
    n_queries, n_keys = layout.n_queries, layout.n_keys
    # Hovering what is pinned would only repaint the same lines.
    once = f"({query} != row || {key} != column)" if selection == "hover" else "true"
    return (
        alt.Chart(alt.sequence(0, max(n_queries, n_keys), as_="other"))
        .transform_calculate(
            query=f"{query} >= 0 ? {query} : datum.other", key=f"{key} >= 0 ? {key} : datum.other"
        )
        .transform_filter(
            f"({query} >= 0 || {key} >= 0) && datum.query < {n_queries} && datum.key < {n_keys}"
            f" && ({query} < 0 || {key} < 0 || datum.other == 0) && {once}"
        )
        .transform_calculate(weight=layout.translation.weight("datum.query", "datum.key"))
    )


def _thick(layout: Layout, links: alt.Chart, colour: str, opacity: float) -> alt.Chart:
    thickness = alt.StrokeWidth(
        "weight:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.5, 12])
    )
    return (
        _between(layout, links)
        .mark_rule(color=colour, opacity=opacity, strokeCap="round", aria=False, tooltip=None)
        .encode(**CORNERS, strokeWidth=thickness)
    )


def _between(layout: Layout, links: alt.Chart) -> alt.Chart:
    """Ends of lines from the word of each `query` to that of each `key`."""
    return links.transform_calculate(
        x="target_x + 6",
        x2="source_x - 6",
        y=layout.y("datum.query + 0.5"),
        y2=layout.y("datum.key + 0.5"),
    )
