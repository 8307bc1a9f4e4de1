"""What the arcs say in words, as the page reads it out."""

from __future__ import annotations

from typing import Any

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.views.arcs.curves import edges
from attention_gallery.views.arcs.layout import Layout

_ROWS = "told"


def ranked(layout: Layout) -> alt.Chart:
    """The pinned token's edges; each knows in words the strongest of all of them.

    The parameter ``said`` finds them by their name. In what order they are is not known: that of
    rows which come back is another one.
    """
    strongest = [_value("nth_value", "told", f"told_{rank}", param=rank) for rank in (1, 2, 3)]
    of_sides = [
        *(_value("first_value", f"told_{rank}", f"looks_{rank}") for rank in (1, 2, 3)),
        _value("last_value", "side", "asked"),
        _value("last_value", "told_1", "looked"),
    ]
    looked = charts.spoken(
        _("Of the others, {query} looks most at {key} ({weight})."),
        query="query_names[datum.query]",
        key="key_names[datum.key]",
        weight="format(datum.weight, '.3f')",
    )
    return (
        edges(layout, charts.selected("pin", "token"), _ROWS)
        .transform_calculate(
            told=f"datum.weight < {charts.VISIBLE} ? '' : datum.side ? {looked}"
            " : key_names[datum.key] + ' (' + format(datum.weight, '.3f') + ')'"
        )
        .transform_window(
            window=strongest,
            sort=[alt.SortField("weight", order="descending")],
            groupby=["side"],
            frame=[None, None],
        )
        .transform_window(
            window=of_sides, sort=[alt.SortField("side", order="ascending")], frame=[None, None]
        )
    )


def param() -> alt.Parameter:
    """Where the pinned token looks, and who looks at it most: `said`."""
    pinned = charts.selected("pin", "token")
    row = f"data('{_ROWS}')[0]"
    others = "".join(f" + ({row}.looks_{i} ? ', ' + {row}.looks_{i} : '')" for i in (2, 3))
    nothing = charts.spoken(_("{head}. No token is pinned."), head="slots[slot]")
    looks = charts.spoken(
        _("In {head}, {query} looks most at {keys}."),
        head="slots[slot]", query=f"query_names[{pinned}]", keys=f"{row}.looks_1{others}",
    )  # fmt: skip
    nowhere = charts.spoken(
        _("In {head}, {query} looks most at no token in particular."),
        head="slots[slot]", query=f"query_names[{pinned}]",
    )  # fmt: skip
    nobody = charts.spoken(_("No other token looks at {key}."), key=f"key_names[{pinned}]")
    return alt.param(
        name="said",
        expr=f"!{row} ? {nothing} : ({row}.looks_1 ? {looks} : {nowhere}) + ' '"
        f" + ({row}.asked && {row}.looked ? {row}.looked : {nobody})",
    )


def _value(op: str, of: str, name: str, **options: Any) -> alt.WindowFieldDef:
    """A field `name`: one of the values that rows in their order have of another field."""
    return alt.WindowFieldDef(**{"op": op, "field": of, "as": name, **options})
