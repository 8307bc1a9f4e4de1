"""The margins of a map: what each key receives, and what can be said of each row.

A row of a head mostly adds up to 1, so its total says nothing; over how many keys it spreads does.
Where rows do not add up to 1 the total stands there: in a maximum, and in models that let weight go
to no token.

What a key receives is also the order that keys can be sorted in. Both travel in one code for each
key, since Vega can sort a list, but not by another. Margins are made of the captured weights, and
not in the chart: a thousand weights that each round to nothing may add up to something.
"""

from __future__ import annotations

from typing import Any, cast

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attention_gallery import charts, maps
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.heatmap.layout import GAP, MARGIN, Layout

_PER_UNIT = 100  # totals are rounded to the two decimals that a page prints
_ADDS_UP = 0.01  # rows that are off by less do add up to 1, but for rounding
_HALF = 0.35  # of a cell: half the thickness of a bar


def received(weights: NDArray[np.floating[Any]]) -> list[str]:
    """For each key a number: what it receives in all, in hundredths, and its place from the end.

    Sorted as texts and downwards, these put first what receives most, and of equals the first.
    """
    n_queries, n = weights.shape
    hundredths = np.rint(weights.sum(axis=0, dtype=np.float64) * _PER_UNIT).astype(int)
    digits = len(str(_PER_UNIT * n_queries * n + n))
    return [f"{total * n + n - 1 - key:0{digits}}" for key, total in enumerate(hundredths)]


def totals(weights: NDArray[np.floating[Any]]) -> list[float]:
    """What each row adds up to."""
    found: list[float] = weights.sum(axis=1, dtype=np.float64).round(2).tolist()
    return found


def spreads(weights: NDArray[np.floating[Any]]) -> list[float]:
    """Over how many keys each row spreads: as many as would have its entropy with equal weights.

    Source: the exponential of the entropy that Clark et al. 2019, section 3.3, average over rows
    (doi:10.18653/v1/W19-4828).
    """
    cells = weights.astype(np.float64)
    entropy = -(cells * np.log(np.where(cells > 0, cells, 1))).sum(axis=1)
    found: list[float] = np.exp(entropy).round(1).tolist()
    return found


def add_up(weights: NDArray[np.floating[Any]]) -> bool:
    """Whether each row is a distribution."""
    return bool(np.abs(weights.sum(axis=1, dtype=np.float64) - 1).max() < _ADDS_UP)


def params(packed: Packed) -> list[alt.Parameter]:
    """The margins of all maps, and the order of the columns of the one shown.

    ``order`` has a code for each column of the map: see `received`; by position, without totals.
    """
    shown = [maps.weights(packed.attention, slot) for slot in packed.slots]
    whole = [add_up(weights) for weights in shown]
    rows = [
        spreads(weights) if is_whole else totals(weights)
        for weights, is_whole in zip(shown, whole, strict=True)
    ]
    control = alt.binding_select(
        options=[0, 1],
        labels=[_("position"), _("attention received")],
        name=_("Sort keys by") + " ",
    )
    return [
        # Texts, since Altair would look at each number of a list again and again.
        alt.param(name="received", value=[" ".join(received(weights)) for weights in shown]),
        alt.param(name="rows", value=[" ".join(map(str, values)) for values in rows]),
        alt.param(name="longest_row", value=[max(*values, 0.01) for values in rows]),
        alt.param(name="whole", value=whole),
        alt.param(name="sorted", value=0, bind=control),
        alt.param(name="by_key", expr="split(received[slot], ' ')"),
        alt.param(name="ranked", expr="reverse(sort(by_key))"),
        # By position it stays the same list for all maps, so that cells need not move.
        alt.param(name="in_place", expr=f"sequence({packed.n_keys - 1}, -1, -1)"),
        alt.param(name="order", expr="sorted ? ranked : in_place"),
        alt.param(name="by_query", expr="split(rows[slot], ' ')"),
        alt.param(name="most_received", expr=f"max({_total('ranked[0]', packed)}, 0.01)"),
        *_reaches(packed),
    ]


def most_received(packed: Packed) -> tuple[int, float]:
    """The key that receives most in the map first shown, and how much."""
    code = max(received(maps.weights(packed.attention, packed.slots[packed.start])))
    hundredths, behind = divmod(int(code), packed.n_keys)
    return packed.n_keys - 1 - behind, hundredths / _PER_UNIT


def key(packed: Packed, column: str) -> str:
    """A Vega expression for the key in a column of the map."""
    return f"{packed.n_keys - 1} - order[{column}] % {packed.n_keys}"


def column(key: str) -> str:
    """A Vega expression for the column that a key is in."""
    return f"(sorted ? indexof(order, by_key[{key}]) : {key})"


def told_of_key(packed: Packed, key: str) -> str:
    """A Vega expression that says what a key receives.

    In a causal model early keys are seen by more queries than late ones, and so receive more; the
    mean over those that can see them allows for that. So it does for the ends of a text where a
    window lets queries look only so far.
    """
    total = _total(f"by_key[{key}]", packed)
    n, seeing = str(packed.n_queries), False
    if packed.triangle:
        n, seeing = f"({packed.n_queries} - {key})", True
    if packed.attention.windows:
        last = f"min({packed.n_queries}, {key} + reaches[slot])"
        first = key if packed.triangle else f"max(0, {key} - reaches[slot] + 1)"
        n, seeing = f"({last} - {first})", True
    one = _("{key} receives {total} in all: {mean} from each of {n} token, on average")
    several = _("{key} receives {total} in all: {mean} from each of {n} tokens, on average")
    if seeing:
        one = _(
            "{key} receives {total} in all: {mean} from each of {n} token that can see it, on "
            "average"
        )
        several = _(
            "{key} receives {total} in all: {mean} from each of {n} tokens that can see it, on "
            "average"
        )
    parts = {
        "key": f"key_names[{key}]",
        "total": f"format({total}, '.2f')",
        "mean": f"format({total} / {n}, '.2f')",
        "n": n,
    }
    return f"({n} == 1 ? {charts.spoken(one, **parts)} : {charts.spoken(several, **parts)})"


def _reaches(packed: Packed) -> list[alt.Parameter]:
    """For each map how many keys a query sees to a side, itself included, where that is limited.

    What is pooled over layers sees as far as the one that sees farthest.
    """
    windows = packed.attention.windows
    if not windows:
        return []
    far = [window or packed.n_queries for window in windows]
    reaches = [max(far) if slot.layer is None else far[slot.layer] for slot in packed.slots]
    return [alt.param(name="reaches", value=reaches)]


def told_of_row(query: str) -> str:
    """A Vega expression that says how a row is spread, or what it adds up to."""
    value, name = f"by_query[{query}]", f"query_names[{query}]"
    one, several = (
        charts.spoken(said, query=name, n=f"format({value}, '.1f')")
        for said in (
            _("{query} spreads its attention over about {n} token"),
            _("{query} spreads its attention over about {n} tokens"),
        )
    )
    total = charts.spoken(
        _("{query} gives {total} in all"), query=name, total=f"format({value}, '.2f')"
    )
    return f"(whole[slot] ? ({value} == 1 ? {one} : {several}) : {total})"


def key_bars(layout: Layout) -> alt.LayerChart:
    """Below the map: what each key in it receives."""
    packed = layout.packed
    rows = (
        alt.Chart(alt.sequence(0, layout.columns, as_="i"))
        .transform_filter("datum.i < columns_shown")
        .transform_calculate(column="datum.i + first_column", query=charts.selected("pin", "query"))
        .transform_calculate(key=key(packed, "datum.column"))
        .transform_calculate(
            told=told_of_key(packed, "datum.key"),
            share=f"{_total('by_key[datum.key]', packed)} / most_received",
            middle=layout.x("(datum.column + 0.5)"),
        )
        .transform_calculate(
            x=f"datum.middle - {_HALF} * step",
            x2=f"datum.middle + {_HALF} * step",
            y=f"map_bottom + {GAP}",
            y2=f"map_bottom + {GAP} + {MARGIN} * datum.share",
            end=f"map_bottom + {GAP + MARGIN}",
        )
    )
    return _bars(rows, x2="x2:Q", y2="end:Q")


def row_bars(layout: Layout) -> alt.LayerChart:
    """Beside the map: over how many keys each row spreads, or what it adds up to."""
    rows = (
        alt.Chart(alt.sequence(0, layout.rows, as_="i"))
        .transform_filter("datum.i < rows_shown")
        .transform_calculate(query="datum.i + first_row", key=charts.selected("pin", "key"))
        .transform_calculate(
            told=told_of_row("datum.query"),
            share="by_query[datum.query] / longest_row[slot]",
            middle=layout.y("(datum.query + 0.5)"),
        )
        .transform_calculate(
            y=f"datum.middle - {_HALF} * step",
            y2=f"datum.middle + {_HALF} * step",
            x=f"map_right + {GAP}",
            x2=f"map_right + {GAP} + {MARGIN} * datum.share",
            end=f"map_right + {GAP + MARGIN}",
        )
    )
    return _bars(rows, x2="end:Q", y2="y2:Q")


def numbers(layout: Layout, selection: str, colour: str) -> alt.LayerChart:
    """The numbers of the selected cell, at the ends of its two bars."""
    packed = layout.packed
    query, key_ = (charts.selected(selection, end) for end in ("query", "key"))
    rows = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(query=query, key=key_)
        .transform_calculate(
            row="datum.query", column=f"datum.key < 0 ? -1 : {column('datum.key')}"
        )
    )
    total = _total("by_key[datum.key]", packed)
    below = (
        alt.Chart()
        .transform_filter(layout.shows("first_row", "datum.column"))
        .transform_calculate(
            x=layout.x("(datum.column + 0.5)"),
            y=f"map_bottom + {GAP + 8} + {MARGIN} * {total} / most_received",
            text=f"format({total}, '.2f')",
        )
    )
    beside = (
        alt.Chart()
        .transform_filter(layout.shows("datum.row", "first_column"))
        .transform_calculate(
            x=f"map_right + {GAP + 4} + {MARGIN} * by_query[datum.query] / longest_row[slot]",
            y=layout.y("(datum.row + 0.5)"),
            text="format(by_query[datum.query], whole[slot] ? '.1f' : '.2f')",
        )
    )
    style = {"color": colour, "fontWeight": 600}
    if selection == "hover":
        below = below.transform_filter("datum.key != pinned_key")
        beside = beside.transform_filter("datum.query != pinned_query")
    ends = _text(below, align="center", **style), _text(beside, align="left", **style)
    return on_rows(rows, *ends)


def headings() -> alt.LayerChart:
    """What the bars are."""
    one = alt.Chart(alt.sequence(0, 1, as_="i"))
    spread, total = charts.literal(_("spread over")), charts.literal(_("row total"))
    of_keys = one.transform_calculate(
        text=charts.literal(_("received")), x=f"map_x - {GAP}", y=f"map_bottom + {GAP + 6}"
    )
    of_rows = one.transform_calculate(
        text=f"whole[slot] ? {spread} : {total}",
        x=f"map_right + {GAP + 8}",
        y=f"map_y - {GAP}",
    )
    return cast(
        alt.LayerChart,
        alt.layer(
            _text(of_keys, align="right", opacity=0.75),
            _text(of_rows, align="left", angle=270, opacity=0.75),
        ),
    )


def _text(rows: alt.Chart, **style: Any) -> alt.Chart:
    mark = rows.mark_text(baseline="middle", fontSize=12, aria=False, tooltip=None, **style)
    return mark.encode(**AT, text="text:N")


def _bars(rows: alt.Chart, x2: str, y2: str) -> alt.LayerChart:
    """Bars, and over each the room of the longest, to be pointed at and to be clicked."""
    bars = alt.Chart().mark_rect(fill="currentColor", opacity=0.45, aria=False).encode(**CORNERS)
    room = (
        alt.Chart()
        .mark_rect(fillOpacity=0, cursor="pointer", aria=False)
        .encode(**{**CORNERS, "x2": x2, "y2": y2}, tooltip="told:N")
    )
    return on_rows(rows, bars, room)


def _total(code: str, packed: Packed) -> str:
    """A Vega expression for what a key of this number receives."""
    return f"floor({code} / {packed.n_keys}) / {_PER_UNIT}"
