"""How one head's query and keys make its weights, from the vectors to the softmax.

The neuron view of the field (Source: Vig 2019, arXiv:1906.05714). The vectors are
those that enter the dot product: after rotary embedding, bias and normalisation. A row reads from
left to right, and every number is made from those before it.
"""

from __future__ import annotations

import altair as alt
import numpy as np

from attention_gallery import charts
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Exhibit, Part, Table
from attention_gallery.views.neuron import captions, formulas, rows
from attention_gallery.views.neuron.formulas import added, decimal, looks, scaling, signed
from attention_gallery.views.neuron.layout import Layout
from attention_gallery.views.neuron.vectors import MASKED, Vectors

TITLE = marked("Query and keys")

PARTS: frozenset[Part] = frozenset({"query", "key", "scores"})
"""What a capture has to hold for this view besides weights."""


def fits(exhibit: Exhibit) -> bool:
    """Rows are named by words: an image has too many patches, and they have no names."""
    return not exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. Without a query pinned it shows the vectors of all keys, and no numbers."""
    vectors = Vectors(packed)
    layout = Layout(vectors)
    _head, _row, key = vectors.opening
    controls = {
        end: alt.binding_select(
            options=list(range(-1, len(tokens))),
            labels=[_("nothing"), *charts.token_labels(tokens)],
            name=f"{name} ",
        )
        for end, name, tokens in (
            ("query", _("Pinned query"), packed.attention.queries),
            ("key", _("Pinned key"), packed.attention.keys),
        )
    }
    selections = (
        charts.pin({"query": packed.pin, "key": key}, controls),
        charts.hover("query", "key"),
    )
    layers = (
        rows.keys(layout, *selections),
        rows.preview(layout),
        rows.strips(layout),
        rows.query_strip(layout),
        captions.sentence(layout),
        captions.lines(layout),
    )
    params = (*formulas.params(vectors), *layout.params(), *_largest(layout))
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    title = alt.Title(alt.expr("slots[slot]"))
    return charts.stacked(layers, params, width=1, height=1, title=title)


def describe(packed: Packed) -> str:
    """How the pinned query and the key it looks at most make their weight."""
    vectors = Vectors(packed)
    head, row, key = vectors.opening
    names = (
        charts.row_names(packed.attention)[packed.pin],
        charts.token_names(packed.attention.keys),
    )
    products = head.query.numbers[packed.pin] * head.key.numbers[key]
    most = int(products.argmax())
    above = int((products > 0).sum())
    parts = [
        looks(head, row, key, (names[0], names[1][key])),
        _(
            "Of the {n} products that add up to q·k {above} are above zero; the largest, "
            "{largest}, is that of dimension {dimension}."
        ).format(n=len(products), above=above, largest=decimal(products[most]), dimension=most),
    ]
    if head.sink:
        parts.append(_("The head's sink takes {weight}.").format(weight=f"{row.weights[-1]:.3f}"))
    return " ".join([*parts, *captions.left_out(vectors)])


def tabulate(packed: Packed) -> Table:
    """How the pinned query comes by its weights; what it cannot see is not in the table."""
    vectors = Vectors(packed)
    head, row, _key = vectors.opening
    keys = charts.token_names(packed.attention.keys)
    adds = bool(head.adds)
    scaled = adds and bool(scaling(head))
    lines = []
    for key in np.flatnonzero(row.seen):
        if key == len(keys):
            parts = ["", *[""] * scaled, *[""] * adds]
        else:
            parts = [decimal(row.dots[key], head.dot_places)]
            parts += [decimal(row.scaled[key])] * scaled
            parts += [signed(row.added[key])] * adds
        name = _("sink") if key == len(keys) else keys[key]
        lines.append((name, *parts, decimal(row.scores[key]), f"{row.weights[key]:.3f}"))
    query = charts.row_names(packed.attention)[packed.pin]
    return Table(
        caption=_("How {query} comes by its weights in {head}").format(query=query, head=head.name),
        columns=(
            _("key"),
            "q·k",
            *[scaling(head)] * scaled,
            *[added(head)] * adds,
            _("score")
            if adds or not scaling(head)
            else _("score: q·k {scaling}").format(scaling=scaling(head)),
            _("weight"),
        ),
        rows=tuple(lines),
    )


def _largest(layout: Layout) -> list[alt.Parameter]:
    """What the fullest colours stand for: of each head's vectors, and of its products.

    They are the same for all queries of a head, so that those can be compared.
    """
    largest: dict[str, list[float]] = {"query": [], "key": [], "product": []}
    for head in layout.vectors.heads:
        q, k = head.query.numbers, head.key.numbers
        cells = np.arange(0, q.shape[1], layout.per_cell)
        products = np.add.reduceat(q[:, None] * k, cells, axis=2)
        seen = head.rest[:, : len(k)] != MASKED
        for name, numbers in (("query", q), ("key", k), ("product", products[seen])):
            largest[name].append(_stated(np.abs(numbers).max()))
    return [alt.param(name=f"largest_{name}", value=value) for name, value in largest.items()]


def _stated(largest: float) -> float:
    """The largest of some numbers, as it can be said: with three digits, and above zero."""
    return float(f"{max(largest, 1e-6):.3g}")
