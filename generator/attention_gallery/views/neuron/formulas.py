"""How Vega makes weights of the vectors in the document: those of `vectors`, to the digit."""

from __future__ import annotations

import altair as alt
import numpy as np

from attention_gallery import charts
from attention_gallery.views.neuron.digits import read_expr, written
from attention_gallery.views.neuron.vectors import MASKED, PLACES, HeadVectors, Row, Vectors

_THOUSAND = 10**PLACES


def params(vectors: Vectors) -> list[alt.Parameter]:
    """The document's data, the choice of a head, and what is pinned."""
    packed, heads = vectors.packed, vectors.heads
    keys = {head.group: head.key for head in heads}
    groups = list(keys)
    names = [str(head.name) for head in heads]
    data = {
        "slots": names,
        "queries": [token.text for token in packed.attention.queries],
        "keys": [token.text for token in packed.attention.keys],
        "query_names": charts.row_names(packed.attention),
        "key_names": charts.token_names(packed.attention.keys),
        "query_vectors": [written(vectors.filled(head.query.whole)) for head in heads],
        # Heads may share keys.
        "key_vectors": [written(vectors.filled(key.whole)) for key in keys.values()],
        "key_vector": [groups.index(head.group) for head in heads],
        "query_units": [10.0**head.query.places for head in heads],
        "key_units": [10.0**head.key.places for head in heads],
        "dot_units": [head.dot_unit for head in heads],
        "dot_places": [head.dot_places for head in heads],
        "scales": [head.scale for head in heads],
        "scalings": [scaling(head) for head in heads],
        "rests": [_rest(vectors, head) for head in heads],
        "adds": [head.adds for head in heads],
        "sinks": [head.sink for head in heads],
    }
    choice = alt.binding_select(options=list(range(len(names))), labels=names, name="Head ")
    return [
        *(alt.param(name=name, value=value) for name, value in data.items()),
        alt.param(name="slot", value=vectors.start, bind=choice),
        alt.param(name="row", expr=charts.selected("pin", "query")),
        alt.param(name="column", expr=charts.selected("pin", "key")),
        alt.param(name="said", expr=_said(vectors)),
    ]


def scaling(head: HeadVectors) -> str:
    """What is done to the sum of products; ``÷ √64`` where it is that, nothing where it is 1."""
    if head.scale == 1:
        return ""
    square = head.scale**-2
    if round(square) > 1 and abs(square - round(square)) < 1e-6 * square:
        return f"÷ √{round(square)}"
    return f"× {head.scale:.6g}"


def _rest(vectors: Vectors, head: HeadVectors) -> str:
    """What is added to each score; empty where that is nothing but the mask of later keys."""
    later = np.triu(np.ones(head.rest.shape, dtype=bool), 1) & vectors.packed.triangle
    plain = not head.sink and (head.rest == np.where(later, MASKED, 0)).all()
    return "" if plain else written(head.rest)


def products(vectors: Vectors, query: str, name: str) -> alt.Chart:
    """A row for each dimension of each key, with `query_whole`, `key_whole` and their `product`.

    Args:
        vectors: What is shown.
        query: A Vega expression for the query; -1 for none.
        name: Of the rows.
    """
    n, n_keys = vectors.n_dims, vectors.packed.n_keys
    own = read_expr("query_vectors[slot]", f"({query}) * {n} + datum.dim")
    key = read_expr("key_vectors[key_vector[slot]]", f"datum.key * {n} + datum.dim")
    return (
        alt.Chart(alt.sequence(0, vectors.n_rows * n, as_="i", name=name))
        .transform_calculate(key=f"floor(datum.i / {n})", dim=f"datum.i % {n}")
        .transform_calculate(
            query_whole=f"({query}) < 0 ? 0 : {own}",
            key_whole=f"datum.key < {n_keys} ? {key} : 0",
        )
        .transform_calculate(product="datum.query_whole * datum.key_whole")
    )


def sums(vectors: Vectors, query: str, name: str) -> alt.Chart:
    """A row for each key, and the sink, with what a `Row` holds.

    Args:
        vectors: What is shown.
        query: A Vega expression for the query; -1 for none.
        name: Of the rows, by which other expressions find them.
    """
    return (
        products(vectors, query, name)
        .transform_aggregate(total="sum(product)", groupby=["key"])
        .transform_calculate(
            dot="floor(datum.total / dot_units[slot] + 0.5) / pow(10, dot_places[slot])",
            rest=rest_expr(vectors, query),
        )
        .transform_calculate(
            seen=f"datum.rest != {MASKED}",
            score=f"floor(datum.dot * scales[slot] * {_THOUSAND} + datum.rest + 0.5) / {_THOUSAND}",
        )
        .transform_calculate(reached="datum.seen ? datum.score : -1e9")
        .transform_joinaggregate(highest="max(reached)")
        .transform_calculate(power="datum.seen ? exp(datum.score - datum.highest) : 0")
        .transform_joinaggregate(powers="sum(power)")
        .transform_calculate(weight="datum.seen ? datum.power / datum.powers : 0")
    )


def rest_expr(vectors: Vectors, query: str) -> str:
    """A Vega expression for what is added to the score of ``datum.key``, as in `HeadVectors`."""
    columns = f"({vectors.packed.n_keys} + (sinks[slot] ? 1 : 0))"
    rest = read_expr("rests[slot]", f"({query}) * {columns} + datum.key")
    plain = f"datum.key > ({query}) ? {MASKED} : 0" if vectors.packed.triangle else "0"
    absent = f"({query}) < 0 || datum.key >= {columns}"
    return f"{absent} ? {MASKED} : rests[slot] ? {rest} : {plain}"


def told(of: str) -> str:
    """A Vega expression for how a key comes by its weight, for a row of `sums`: see `in_words`."""
    added = f"', ' + format({of}.rest / {_THOUSAND}, '+.{PLACES}f') + ' ' + adds[slot]"
    return (
        f"'q·k is ' + format({of}.dot, '.' + dot_places[slot] + 'f')"
        f" + ', the score ' + format({of}.score, '.{PLACES}f')"
        f" + ' (q·k' + (scalings[slot] ? ' ' + scalings[slot] : '')"
        f" + (adds[slot] ? {added} : '') + '), the weight ' + format({of}.weight, '.3f')"
    )


def in_words(head: HeadVectors, row: Row, key: int) -> str:
    """How a key comes by its weight."""
    done = f" {scaling(head)}" if scaling(head) else ""
    if head.adds:
        done += f", {signed(row.added[key])} {head.adds}"
    return (
        f"q·k is {decimal(row.dots[key], head.dot_places)}, the score {decimal(row.scores[key])}"
        f" (q·k{done}), the weight {row.weights[key]:.3f}"
    )


def decimal(number: float, places: int = PLACES) -> str:
    """A number as charts print it: with a minus sign, which is no hyphen."""
    return f"{number:.{places}f}".replace("-", "−")


def signed(number: float) -> str:
    """A number with its sign, also where it is positive."""
    return f"{number:+.{PLACES}f}".replace("-", "−")


def _said(vectors: Vectors) -> str:
    """A Vega expression for what is pinned, in words; `sums` of that name are its source."""
    names = "query_names[row] + ' {} ' + key_names[column]"
    unseen = f"{names.format('cannot look at')} + (column > row ? ', which comes later' : '')"
    if not vectors.packed.triangle:
        unseen = names.format("cannot look at")
    pinned = "data('sums')[column]"
    return (
        "row < 0 ? slots[slot] + '. No query is pinned.' : 'In ' + slots[slot] + ', ' + "
        "(column < 0 ? query_names[row] + ' is the query, and no key is pinned' : "
        f"!{pinned}.seen ? {unseen} : {names.format('looks at')} + ': ' + {told(pinned)}) + '.'"
    )
