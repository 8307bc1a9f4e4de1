"""What weights are made of, in the precision in which a page prints it.

Each number is made from those printed before it: the sum of the products is rounded, the score is
made from the rounded sum, the weight from the rounded scores. So a reader with a calculator gets
what is printed, and `HeadVectors` is the reference for what the chart computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Head
from attention_gallery.views.neuron.digits import LARGEST, Decimals

LONGEST = 64
"""Tokens of the longest text: more rows would not be read."""

BUDGET = 200_000
"""Digits of vectors that travel where the author lists no heads: about 130 kB after gzip."""

PLACES = 3
"""Of a score, and of what is added to it."""

MASKED = LARGEST
"""Stands for what no query can see, among what is added to scores, in thousandths."""

# Lower than any bias, for a mask: what is left of e to it is nothing, in any precision.
_UNSEEN = -800.0
_UNEXPLAINED = 5e-3  # of a weight; half-precision models round as coarsely


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """How one query comes by its weights.

    Attributes:
        seen: Which keys it can see; the sink, where there is one, is the last.
        dots: ``[key]``, the sum of the products.
        scaled: Times the scale.
        added: What the model adds.
        scores: What the softmax is taken of.
        weights: What it makes of them; zero for what is not seen.
    """

    seen: NDArray[np.bool_]
    dots: NDArray[np.float64]
    scaled: NDArray[np.float64]
    added: NDArray[np.float64]
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]


class HeadVectors:
    """One head's vectors, and what it adds to their products.

    Attributes:
        name: The head.
        query: ``[query, dimension]``.
        key: ``[key, dimension]``.
        group: Layer and number of the key head, which several heads may share.
        scale: What products are multiplied by.
        dot_places: Of the sum of products: so many that scores do not suffer.
        dots: ``[query, key]``, the sums of products as they are printed.
        rest: What is added to the scaled products, in thousandths, int64 ``[query, key]``; `MASKED`
            for what is not seen. A sink is one key more.
        adds: What that is besides masks: nothing, ``""``; what the model adds, ``"added"``; or the
            effect of its computing in few digits, ``"rounding"``.
        sink: Whether it has a sink.
        error: Largest difference between a weight shown and the one the model used.
    """

    def __init__(self, attention: Attention, name: Head) -> None:
        """Take a head apart.

        Raises:
            InputError: When what it does cannot be told as vectors, scale and addition.
        """
        query, key, scores = (
            attention.parts[part][name.layer] for part in ("query", "key", "scores")
        )
        scale = attention.scales[name.layer]
        if scale is None:
            raise InputError(
                f"what {name} multiplies its dot products by is not known",
                hint="list heads of other layers, or take neuron out of the views",
            )
        self.name = name
        self.group = name.layer, name.head * len(key) // len(query)
        q, k = query[name.head].astype(np.float64), key[self.group[1]].astype(np.float64)
        self.query, self.key = Decimals.of(q), Decimals.of(k)
        self.scale = float(scale)
        self.dot_places = PLACES + max(0, int(np.ceil(np.log10(self.scale))))
        self.dots = self._dots()
        own = scores[name.head].astype(np.float64)
        self.sink = own.shape[1] > len(k)
        self.adds, self.rest = self._rest(own, q @ k.T * self.scale)
        self.error = self._error(attention.layers[name.layer][name.head])

    def _rest(
        self, scores: NDArray[np.float64], scaled: NDArray[np.float64]
    ) -> tuple[str, NDArray[np.int64]]:
        """What is added, and what kind of thing that is.

        Args:
            scores: ``[query, key]``, with the sink.
            scaled: Sums of products as exactly as they are known, times the scale; no sink.

        Raises:
            InputError: When it is too large, or a query sees nothing.
        """
        n_keys = scaled.shape[1]
        beyond = ((0, 0), (0, scores.shape[1] - n_keys))
        rest = scores - np.pad(scaled, beyond)
        seen = rest > _UNSEEN
        rest = np.where(seen, rest, 0)
        if not seen.any(axis=1).all() or np.abs(rest).max() * 10**PLACES >= MASKED:
            raise InputError(
                f"the scores of {self.name} are too far from its dot products to be shown",
                hint="list other heads, or take neuron out of the views",
            )
        largest = float(np.abs(scores[seen]).max())
        most = float(np.abs(rest[:, :n_keys]).max())
        adds = "" if most <= 1e-3 + 1e-5 * largest else "added"
        if adds and most < 0.01 * largest and _is_half(scores[seen]):
            adds = "rounding"
        if adds:
            # Counted from the printed sum, so that the printed score is the model's.
            rest = np.where(seen, scores - np.pad(self.dots * self.scale, beyond), 0)
        else:
            rest[:, :n_keys] = 0
        return adds, np.where(seen, np.rint(rest * 10**PLACES), MASKED).astype(np.int64)

    def _dots(self) -> NDArray[np.float64]:
        rounded: NDArray[np.float64] = np.floor(
            (self.query.whole @ self.key.whole.T) / self.dot_unit + 0.5
        )
        return rounded / 10.0**self.dot_places

    @property
    def dot_unit(self) -> float:
        """What the sum of products of whole numbers is divided by before it is rounded."""
        return float(10.0 ** (self.query.places + self.key.places - self.dot_places))

    def row(self, query: int) -> Row:
        """How a query comes by its weights."""
        rest = self.rest[query]
        seen = rest != MASKED
        dots = np.zeros(len(rest))
        dots[: len(self.key.whole)] = self.dots[query]
        thousand = 10.0**PLACES
        scores = np.floor(dots * self.scale * thousand + rest + 0.5) / thousand
        powers = np.where(seen, np.exp(np.where(seen, scores - scores[seen].max(), 0)), 0)
        return Row(
            seen,
            dots,
            np.floor(dots * self.scale * thousand + 0.5) / thousand,
            rest / thousand,
            scores,
            powers / powers.sum(),
        )

    def _error(self, weights: NDArray[np.float32]) -> float:
        """How far the weights shown are off those the model used, at most.

        Raises:
            InputError: When they are others: then they are not made as this view tells.
        """
        made = np.array([self.row(query).weights for query in range(len(weights))])
        error = float(np.abs(made[:, : weights.shape[1]] - weights).max())
        if error > _UNEXPLAINED:
            raise InputError(
                f"the weights of {self.name} are not the softmax of its scores: they differ by "
                f"{error:.3f}",
                hint="list other heads, or take neuron out of the views",
            )
        return error


def _is_half(scores: NDArray[np.float64]) -> bool:
    """Whether numbers have no more binary digits than half-precision ones."""
    return not (scores.astype(np.float32).view(np.uint32) & 0x1FFF).any()


class Vectors:
    """The heads of an exhibit whose vectors travel with the page.

    Attributes:
        packed: What the exhibit shows.
        heads: Those that travel.
        start: Index of the head first shown.
        n_left_out: How many heads of the exhibit do not.
    """

    def __init__(self, packed: Packed) -> None:
        """Choose heads and see that what they do can be told.

        Raises:
            InputError: When the text is too long, or a head does otherwise than is told here.
        """
        self.packed = packed
        n_tokens = max(packed.n_queries, packed.n_keys)
        if n_tokens > LONGEST:
            raise InputError(
                f"the view neuron shows at most {LONGEST} tokens, and here are {n_tokens}",
                hint="shorten the text, or take neuron out of the views",
            )
        self.attention = packed.attention
        heads = [slot.single for slot in packed.slots if slot.single]
        # What pools several heads has no vectors.
        first = packed.slots[packed.start].single or heads[0]
        chosen = heads if not packed.every_head else self._affordable(heads, first)
        self.heads = tuple(HeadVectors(self.attention, head) for head in chosen)
        self.start = chosen.index(first)
        self.n_left_out = len(heads) - len(chosen)

    def _affordable(self, heads: Sequence[Head], first: Head) -> list[Head]:
        """All heads, or else those of the layer shown first, as many as the budget allows."""
        query, key = (self.attention.parts[part] for part in ("query", "key"))

        def digits(head: Head) -> int:
            shape, others = query[head.layer].shape, key[head.layer].shape
            return 4 * (shape[1] * shape[2] + others[1] * others[2])

        if sum(map(digits, heads)) <= BUDGET:
            return list(heads)
        beside = [head for head in heads if head.layer == first.layer and head != first]
        return sorted([first, *beside[: max(0, BUDGET // digits(first) - 1)]])

    @cached_property
    def n_dims(self) -> int:
        """Dimensions of the longest vector; shorter ones are filled up with zeros."""
        return max(head.query.whole.shape[1] for head in self.heads)

    @property
    def n_rows(self) -> int:
        """Keys, and the sink where a head has one."""
        return self.packed.n_keys + any(head.sink for head in self.heads)

    def filled(self, whole: NDArray[np.int64]) -> NDArray[Any]:
        """Vectors with as many dimensions as the longest."""
        return np.pad(whole, ((0, 0), (0, self.n_dims - whole.shape[1])))

    @property
    def opening(self) -> tuple[HeadVectors, Row, int]:
        """The head first shown, its pinned row, and the key that is pinned in it."""
        head = self.heads[self.start]
        row = head.row(self.packed.pin)
        return head, row, int(row.weights[: self.packed.n_keys].argmax())
