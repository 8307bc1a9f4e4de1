"""An exhibit held against another: what the two are called, and what changes between them.

Everything here is computed from the maps as a chart decodes them, like all that `reading` says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attention_gallery.charts import isolated, row_names, short, token_names
from attention_gallery.language import _
from attention_gallery.packing import Other, Packed
from attention_gallery.terms import Table, Token

_TOP = 3
_ROWS = 12


def same_words(packed: Packed, other: Other) -> bool:
    """Whether both read the same tokens: then it is the models that differ."""
    own, others = packed.attention, other.attention
    return _texts(own.queries) == _texts(others.queries) and _texts(own.keys) == _texts(others.keys)


def sides(packed: Packed, other: Other) -> tuple[str, str]:
    """What readers call the exhibit's own side and the other: models, or the words that differ."""
    if other.of_model:
        return packed.name, other.name
    if same_words(packed, other):  # of another part of the sentence than the one that is seen here
        return _("this sentence"), f"“{isolated(short(other.name))}”"
    own, others = packed.attention, other.attention
    ends = (own.keys, others.keys), (own.queries, others.queries)
    pairs = next(pairs for pairs in map(_differing, ends) if pairs)
    first, second = (" … ".join(texts) for texts in zip(*pairs, strict=True))
    return f"“{isolated(short(first))}”", f"“{isolated(short(second))}”"


def places(packed: Packed, other: Other) -> tuple[str, str]:
    """Where a weight of either side is found: "in a model", or "with a word"."""
    with_word = not (other.of_model or same_words(packed, other))
    place = _("with {place}") if with_word else _("in {place}")
    own, others = sides(packed, other)
    return place.format(place=own), place.format(place=others)


def pair_names(packed: Packed, other: Other) -> tuple[list[str], list[str]]:
    """What a sentence calls each row and each column of both maps, with both words if they differ.

    Returns:
        The names of the queries, and those of the keys.
    """
    own, others = packed.attention, other.attention
    return (
        _joined(row_names(own), row_names(others)),
        _joined(token_names(own.keys), token_names(others.keys)),
    )


def pair_texts(packed: Packed, other: Other) -> tuple[list[str], list[str]]:
    """The label of each row and each column of both maps, with both words if they differ."""
    own, others = packed.attention, other.attention
    return (
        _joined(_texts(own.queries), _texts(others.queries)),
        _joined(_texts(own.keys), _texts(others.keys)),
    )


def moved(packed: Packed, other: Other) -> NDArray[np.float64]:
    """How much attention each map would have to move to become the other one.

    Half of the sum of all differences of a row is the share of its mass that lies elsewhere in the
    other map: the total variation distance (Source: Levin, Peres 2017, Markov Chains and Mixing
    Times, proposition 4.2). Unlike a mean over cells it does not shrink as sentences grow. It is
    averaged over the rows; a causal model's first row is left out, since it has no choice.

    Returns:
        Float64 ``[slot]``, from 0, where nothing changed, to 1.
    """
    first = 1 if packed.triangle and packed.n_queries > 1 else 0
    return np.array(
        [
            np.abs(packed.map(own) - packed.map(others))[first:].sum(axis=1).mean() / 2
            for own, others in zip(packed.blobs, other.blobs, strict=True)
        ]
    )


def pinned_key(packed: Packed) -> int:
    """The exhibit's own strongest key in the row that is pinned first, as in its other views."""
    return int(packed.shown[packed.pin].argmax())


def pinned_change(packed: Packed) -> str:
    """One sentence on the cell that is pinned when the chart opens, in both maps."""
    other = packed.others[0]
    rows, columns = pair_names(packed, other)
    here, there = places(packed, other)
    row, column = packed.pin, pinned_key(packed)
    own = packed.shown[row, column]
    others = packed.map(other.blobs[packed.start])[row, column]
    change = (round(1000 * own) - round(1000 * others)) / 1000  # of the numbers as they are printed
    return _(
        "In {head}, {query} looks at {key}: {own} {here}, {other} {there}, difference {change}."
    ).format(
        head=packed.slots[packed.start],
        query=rows[row],
        key=columns[column],
        own=f"{own:.3f}",
        here=here,
        other=f"{others:.3f}",
        there=there,
        change=f"{change:+.3f}".replace("-", "−"),
    )


def most_changed(packed: Packed) -> str:
    """One sentence on the heads that changed most against the first of the others."""
    other = packed.others[0]
    shares = moved(packed, other)
    parts = ", ".join(
        f"{packed.slots[i]} ({shares[i]:.0%})" for i in _ranked(packed, shares)[:_TOP]
    )
    return _(
        "Of the attention of a token, this much goes elsewhere than {there}: {heads}, the heads "
        "that changed most."
    ).format(there=places(packed, other)[1], heads=parts)


def changed_heads(packed: Packed) -> Table:
    """The heads that changed most, with how much of each token's attention they moved.

    They are ranked by the largest change against any of the others.
    """
    shares = np.array([moved(packed, other) for other in packed.others])
    ranked = _ranked(packed, shares.max(axis=0))[:_ROWS]
    names = (sides(packed, other)[1] for other in packed.others)
    return Table(
        caption=_(
            "How much each head changed: the share of a token's attention that goes elsewhere"
        ),
        columns=(_("head"), *(_("against {name}").format(name=name) for name in names)),
        rows=tuple((str(packed.slots[i]), *(f"{s:.1%}" for s in shares[:, i])) for i in ranked),
    )


def _ranked(packed: Packed, shares: NDArray[np.float64]) -> list[int]:
    """Indices of heads, most changed first; a mean over heads is no head."""
    order: list[int] = np.argsort(-shares, kind="stable").tolist()
    return [i for i in order if packed.slots[i].head is not None]


def _texts(tokens: tuple[Token, ...]) -> list[str]:
    return [token.text for token in tokens]


def _differing(ends: tuple[tuple[Token, ...], tuple[Token, ...]]) -> list[tuple[str, str]]:
    pairs = zip(*map(_texts, ends), strict=True)
    return [(own, other) for own, other in pairs if own != other]


def _joined(own: list[str], other: list[str]) -> list[str]:
    return [a if a == b else f"{a}/{b}" for a, b in zip(own, other, strict=True)]
