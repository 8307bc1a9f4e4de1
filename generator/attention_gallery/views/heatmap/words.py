"""What the heatmap says in words: the pinned cell, and what kind of map it is in."""

from __future__ import annotations

from typing import cast

import altair as alt

from attention_gallery import charts, maps
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT
from attention_gallery.views.heatmap import totals
from attention_gallery.views.heatmap.layout import Layout

_LEAST = 320  # pixels of a line of text, below however small a map


def params(packed: Packed) -> list[alt.Parameter]:
    """`said` is what the page reads out."""
    query, key = (charts.selected("pin", end) for end in ("query", "key"))
    of_key, of_row = totals.told_of_key(packed, "pinned_key"), totals.told_of_row("pinned_query")
    of_key, of_row = (charts.spoken(_("{told}."), told=told) for told in (of_key, of_row))
    margins = f"(pinned_key < 0 ? '' : ' ' + {of_key}) + (pinned_query < 0 ? '' : ' ' + {of_row})"
    cell = charts.spoken(_("In {head}, {told}."), head="slots[slot]", told="pinned_cell")
    nothing = charts.spoken(_("{head}. No cell is pinned."), head="slots[slot]")
    return [
        alt.param(name="notes", value=[_note(packed, slot) for slot in range(len(packed.slots))]),
        alt.param(name="pinned_query", expr=query),
        alt.param(name="pinned_key", expr=key),
        alt.param(
            name="pinned_cell",
            expr="pinned_query < 0 || pinned_key < 0 ? '' : "
            + told_of_cell(packed, "pinned_query", "pinned_key"),
        ),
        alt.param(
            name="said",
            expr=f"(pinned_cell ? {cell} : {nothing}) + {margins}"
            " + (notes[slot] ? ' ' + notes[slot] : '')",
        ),
    ]


def told_of_cell(packed: Packed, query: str, key: str) -> str:
    """A Vega expression that says what a query gives to a key."""
    weight = charts.weight_expr(charts.cell_expr(packed, query, key))
    names = {"query": f"query_names[{query}]", "key": f"key_names[{key}]"}
    seen = charts.spoken(
        _("{query} looks at {key}: {weight}"), weight=f"format({weight}, '.3f')", **names
    )
    if not packed.triangle:
        return seen
    unseen = charts.spoken(_("{query} cannot look at {key}, which comes later"), **names)
    return f"({key} > {query} ? {unseen} : {seen})"


def lines(layout: Layout) -> alt.LayerChart:
    """Below the map: the pinned cell, and what is unusual about the map."""
    limit = alt.expr(f"max(map_right - map_x, {_LEAST})")
    said = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(text=text, x="map_x", y=layout.line(number))
        .mark_text(
            align="left", baseline="top", fontSize=size, limit=limit, aria=False
        )
        .encode(**AT, text="text:N", tooltip="text:N")
        for number, (text, size) in enumerate((("pinned_cell", 14), ("notes[slot]", 12)))
    )  # fmt: skip
    return cast(alt.LayerChart, alt.layer(*said))


def _note(packed: Packed, slot: int) -> str:
    """What readers must know of a map whose rows are no distributions; empty for all others."""
    shown = packed.slots[slot]
    if totals.add_up(maps.weights(packed.attention, shown)):
        return ""
    if shown.single is None and shown.pool == "max":
        return _("A maximum is no distribution: its rows exceed 1.")
    return _("Rows of this map do not add up to 1.")
