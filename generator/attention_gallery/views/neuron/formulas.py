"""How Vega makes weights of the vectors in the document: those of `vectors`, to the digit."""

from __future__ import annotations

import altair as alt
import numpy as np

from attention_gallery import charts
from attention_gallery.charts import spoken
from attention_gallery.language import _, marked
from attention_gallery.views.neuron.digits import read_expr, written
from attention_gallery.views.neuron.vectors import MASKED, PLACES, HeadVectors, Row, Vectors

_THOUSAND = 10**PLACES
_ADDS = {"added": marked("added"), "rounding": marked("rounding")}


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
        "adds": [added(head) for head in heads],
        "sinks": [head.sink for head in heads],
    }
    choice = alt.binding_select(options=list(range(len(names))), labels=names, name=_("Head") + " ")
    return [
        *(alt.param(name=name, value=value) for name, value in data.items()),
        alt.param(name="slot", value=vectors.start, bind=choice),
        alt.param(name="row", expr=charts.selected("pin", "query")),
        alt.param(name="column", expr=charts.selected("pin", "key")),
        alt.param(name="said", expr=_said(vectors)),
    ]


def added(head: HeadVectors) -> str:
    """What readers call what is added to scores; nothing where nothing is."""
    return _(_ADDS[head.adds]) if head.adds else ""


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
    """A Vega expression for how a key comes by its weight, for a row of `sums`: see `looks`."""
    added = f"', ' + format({of}.rest / {_THOUSAND}, '+.{PLACES}f') + ' ' + adds[slot]"
    return spoken(
        _made(),
        dot=f"format({of}.dot, '.' + dot_places[slot] + 'f')",
        score=f"format({of}.score, '.{PLACES}f')",
        done="(scalings[slot] ? ' ' + scalings[slot] : '') + " + f"(adds[slot] ? {added} : '')",
        weight=f"format({of}.weight, '.3f')",
    )


def looks(head: HeadVectors, row: Row, key: int, names: tuple[str, str]) -> str:
    """How a key comes by its weight, in words; names are those of query and key."""
    done = f" {scaling(head)}" if scaling(head) else ""
    if head.adds:
        done += f", {signed(row.added[key])} {added(head)}"
    made = _made().format(
        dot=decimal(row.dots[key], head.dot_places),
        score=decimal(row.scores[key]),
        done=done,
        weight=f"{row.weights[key]:.3f}",
    )
    return _looks().format(head=head.name, query=names[0], key=names[1], made=made)


def _looks() -> str:
    return _("In {head}, {query} looks at {key}: {made}.")


def _made() -> str:
    """In it ``done`` is what is done to the product, from scaling to adding."""
    return _("q·k is {dot}, the score {score} (q·k{done}), the weight {weight}")


def decimal(number: float, places: int = PLACES) -> str:
    """A number as charts print it: with a minus sign, which is no hyphen."""
    return f"{number:.{places}f}".replace("-", "−")


def signed(number: float) -> str:
    """A number with its sign, also where it is positive."""
    return f"{number:+.{PLACES}f}".replace("-", "−")


def _said(vectors: Vectors) -> str:
    """A Vega expression for what is pinned, in words; `sums` of that name are its source."""
    pinned = "data('sums')[column]"
    parts = {
        "head": "slots[slot]",
        "query": "query_names[row]",
        "key": "key_names[column]",
        "made": told(pinned),
    }
    nothing = spoken(_("{head}. No query is pinned."), **parts)
    query = spoken(_("In {head}, {query} is the query, and no key is pinned."), **parts)
    unseen = spoken(_("In {head}, {query} cannot look at {key}."), **parts)
    if vectors.packed.triangle:
        later = spoken(_("In {head}, {query} cannot look at {key}, which comes later."), **parts)
        unseen = f"column > row ? {later} : {unseen}"
    return (
        f"row < 0 ? {nothing} : column < 0 ? {query} : !{pinned}.seen ? ({unseen})"
        f" : {spoken(_looks(), **parts)}"
    )
