"""What a figure shows, in words and in numbers: for screen readers, print and search.

Everything here is computed from the map a chart opens with, so text and picture cannot disagree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attention_gallery.charts import short
from attention_gallery.packing import Packed
from attention_gallery.terms import Table

_TOP = 3


def pattern(packed: Packed) -> str:
    """One sentence on where the map shown puts its mass, averaged over its rows.

    Self, previous and first token are the places where most heads of trained models look
    (Source: Clark et al. 2019, section 3.1, doi:10.18653/v1/W19-4828). The first row is left out:
    it has no previous token, and in a causal model it has no choice.
    """
    weights = packed.shown
    slot = packed.slots[packed.start]
    if packed.attention.kind == "cross":
        strongest = weights.max(axis=1).mean()
        return (
            f"In {slot}, each target token gives {strongest:.0%} of its attention to one source"
            " token, on average over the sentence."
        )
    if len(weights) == 1:
        return f"In {slot}, the only token looks at itself."
    first = short(packed.attention.keys[0].text)
    places = {
        "the token itself": np.diagonal(weights)[1:].mean(),
        "the token before it": np.diagonal(weights, -1).mean(),
        f"the first token of all, {first}": weights[1:, 0].mean(),
    }
    parts = ", ".join(f"{share:.0%} to {place}" for place, share in places.items())
    return f"In {slot}, attention goes {parts}, on average over the tokens after the first."


def pinned_edges(packed: Packed) -> str:
    """One sentence on the strongest edges of the token that is pinned when the chart opens."""
    row: NDArray[np.float64] = packed.shown[packed.pin]
    query = short(packed.attention.queries[packed.pin].text)
    parts = ", ".join(
        f"{short(packed.attention.keys[key].text)} ({row[key]:.3f})" for key in _strongest(row)
    )
    return f"{query} looks most at {parts}."


def strongest_keys(packed: Packed) -> Table:
    """For each query of the map shown the keys with the largest weights."""
    keys = packed.attention.keys
    rows = tuple(
        (
            str(i),
            query.text,
            *(f"{keys[key].text} {row[key]:.3f}" for key in _strongest(row, pad=True)),
        )
        for i, (query, row) in enumerate(zip(packed.attention.queries, packed.shown, strict=True))
    )
    ranks = ("strongest key", "second", "third")[: min(_TOP, len(keys))]
    return Table(
        caption=f"Where each token looks in {packed.slots[packed.start]}, with its weights",
        columns=("position", "query", *ranks),
        rows=rows,
    )


def _strongest(row: NDArray[np.float64], pad: bool = False) -> list[int]:
    """Indices of the largest weights, largest first; without `pad` only those that show."""
    order = np.argsort(-row, kind="stable")[:_TOP].tolist()
    return [key for key in order if pad or row[key] >= 0.0005]
