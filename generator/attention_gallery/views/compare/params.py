"""What the comparison's document holds beside the maps, and how Vega reads it: its parameters."""

from __future__ import annotations

import altair as alt
import numpy as np

from attention_gallery import charts, comparison
from attention_gallery.language import _
from attention_gallery.packing import LEVELS, Packed


def params(packed: Packed) -> list[alt.Parameter]:
    """All parameters but those that every view has and those of the layout."""
    return [*_names(packed), *_changes(packed), *_colours(packed), *_pinned(packed)]


def weight(packed: Packed, query: str, key: str) -> str:
    """A Vega expression for a weight of the exhibit's own map."""
    return charts.weight_expr(charts.cell_expr(packed, query, key))


def other(packed: Packed, query: str, key: str) -> str:
    """A Vega expression for a weight of the map it is held against."""
    return charts.weight_expr(charts.cell_expr(packed, query, key), "other_weights[variant][slot]")


def told(query: str, key: str, own: str, others: str) -> str:
    """A Vega expression that says in words what a cell has in all three maps."""
    return charts.spoken(
        _("{query} looks at {key}: {own} {here}, {other} {there}, difference {change}"),
        query=f"pair_queries[variant][{query}]",
        key=f"pair_keys[variant][{key}]",
        own=f"format({own}, '.3f')",
        here="places[variant][0]",
        other=f"format({others}, '.3f')",
        there="places[variant][1]",
        change=_printed_change(own, others),
    )


def _names(packed: Packed) -> list[alt.Parameter]:
    """The choice of what is shown beside the exhibit's own, and what all of it is called."""
    others = packed.others
    slider = alt.binding_range(min=0, max=len(others) - 1, step=1, name=_("Compare with") + " ")
    several = len(others) > 1
    pairs = [comparison.pair_names(packed, each) for each in others]
    return [
        alt.param(name="other_weights", value=[]),  # put in by `charts.finish`
        alt.param(name="variants", value=[each.name for each in others]),
        alt.param(name="variant", value=0, bind=slider if several else alt.Undefined),
        alt.param(
            name="other_queries",
            value=[[token.text for token in each.attention.queries] for each in others],
        ),
        alt.param(
            name="other_keys",
            value=[[token.text for token in each.attention.keys] for each in others],
        ),
        alt.param(name="pair_queries", value=[queries for queries, _ in pairs]),
        alt.param(name="pair_keys", value=[keys for _, keys in pairs]),
        alt.param(name="sides", value=[comparison.sides(packed, each) for each in others]),
        alt.param(name="places", value=[comparison.places(packed, each) for each in others]),
    ]


def _changes(packed: Packed) -> list[alt.Parameter]:
    """How much each head changed, and where it stands among the others."""
    shares = np.array([comparison.moved(packed, each) for each in packed.others]).round(4)
    single = [i for i, slot in enumerate(packed.slots) if slot.single]
    heads = [-1 if slot.head is None else slot.head for slot in packed.slots]
    layers = [-1 if slot.layer is None else slot.layer for slot in packed.slots]
    return [
        alt.param(name="moved", value=shares.tolist()),
        alt.param(name="most_moved", value=max(float(shares[:, single].max()), 1e-4)),
        alt.param(name="slot_layers", value=layers),
        alt.param(name="slot_heads", value=heads),
    ]


def _colours(packed: Packed) -> list[alt.Parameter]:
    """The weight and the difference of the fullest colour.

    For one head they are the same against all others, so that a colour keeps its meaning while the
    slider moves.
    """
    weights, changes = [], []
    for slot, blob in enumerate(packed.blobs):
        own = packed.map(blob)
        others = np.array([packed.map(each.blobs[slot]) for each in packed.others])
        weights.append(round(float(max(own.max(), others.max())), 4))
        changes.append(round(max(float(np.abs(own - others).max()), 1 / LEVELS), 4))
    choice = alt.binding_select(
        options=[0, 1],
        labels=[_("weights 0 to 1"), _("stretched to this head")],
        name=_("Colours") + " ",
    )
    return [
        alt.param(name="largest", value=weights),
        alt.param(name="largest_change", value=changes),
        alt.param(name="stretched", value=0, bind=choice),
        alt.param(name="brightest", expr="stretched ? largest[slot] : 1"),
        alt.param(name="fullest", expr="stretched ? largest_change[slot] : 1"),
    ]


def _pinned(packed: Packed) -> list[alt.Parameter]:
    """The pinned cell, in numbers and in words; `said` is what the page reads out."""
    unseen = charts.spoken(
        _("{query} cannot look at {key}, which comes later"),
        query="pair_queries[variant][row]",
        key="pair_keys[variant][column]",
    )
    seen = told("row", "column", "pinned_own", "pinned_other")
    nothing = charts.spoken(_("{head}. No cell is pinned."), head="slots[slot]")
    pinned = charts.spoken(
        _("In {head}, {told}."), head="slots[slot]", told=f"(unseen ? {unseen} : {seen})"
    )
    numbers = (
        "[format(pinned_own, '.3f'), format(pinned_other, '.3f'), "
        f"{_printed_change('pinned_own', 'pinned_other')}]"
    )
    return [
        alt.param(name="row", expr=charts.selected("pin", "query")),
        alt.param(name="column", expr=charts.selected("pin", "key")),
        alt.param(name="unseen", expr="column > row" if packed.triangle else "false"),
        alt.param(name="pinned_own", expr=weight(packed, "row", "column")),
        alt.param(name="pinned_other", expr=other(packed, "row", "column")),
        alt.param(
            name="numbers",
            expr=f"row < 0 || column < 0 ? ['', '', ''] : unseen ? ['–', '–', '–'] : {numbers}",
        ),
        alt.param(
            name="said",
            expr=f"row < 0 || column < 0 ? {nothing} : {pinned}",
        ),
    ]


def _printed_change(own: str, others: str) -> str:
    """A Vega expression for a difference, of the numbers as they are printed beside it."""
    return f"format((round(1000 * {own}) - round(1000 * {others})) / 1000, '+.3f')"
