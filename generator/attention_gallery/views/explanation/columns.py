"""Four numbers for each key of the query that answers, and how far they agree on its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery import maps
from attention_gallery.charts import row_names, token_names
from attention_gallery.codes import Layers
from attention_gallery.errors import InputError
from attention_gallery.language import marked
from attention_gallery.maps import Slot
from attention_gallery.packing import Packed
from attention_gallery.rank_correlation import spearman
from attention_gallery.views.attribution.values import in_both

Numbers = NDArray[np.float64]

NAMES = (marked("weight"), marked("norms"), marked("gradients"), marked("loss"))
"""What the columns are called, by readers and in the document."""

SIGNED = 2
"""From this column on numbers say which way."""

PAIRS = tuple(combinations(range(len(NAMES)), 2))
"""The columns that are compared, in the order of `Columns.alike`."""

PLACES = 3
"""Decimals of all numbers, which are compared as they are printed."""


class Columns:
    """What there is to say of each key that the query sees.

    Attributes:
        packed: The maps.
        query: Index of the query at which the model answers.
        answer: What was asked, and what the model answers.
        n_keys: How many keys the query sees: those up to itself, where it sees no later one.
        names: What a sentence calls each of them.
        place: What a sentence calls the query.
        gradients: Integrated gradients of each key as a token of the whole text.
        untold: Keys of which these say nothing: they stand in the text without words too, so that
            theirs are 0 by construction.
        converged: Whether these add up to what they should.
        everywhere: What the answer loses when no head may look at a key.
    """

    def __init__(self, packed: Packed) -> None:
        """Read what was measured.

        Raises:
            InputError: When it is about another attention than the exhibit shows.
        """
        knockout, attribution = packed.measured["knockout"], packed.measured["attribution"]
        attention, kind = packed.attention, knockout.facts["attention"]
        gradients = attribution.arrays.get("encoder/integrated-gradients", np.zeros(0))
        if kind != attention.kind or len(gradients) != len(attention.keys):
            raise InputError(
                f"the model answers by its {kind} attention, and the exhibit shows another",
                hint=f"let the exhibit show attention: {kind} over a text, or take explanation out "
                "of the views",
            )
        self.packed = packed
        self.query: int = knockout.facts["query"]
        self.answer: Mapping[str, Any] = knockout.facts["answer"]
        self.n_keys = self.query + 1 if packed.triangle else len(attention.keys)
        self.names = [f"“{name}”" for name in token_names(attention.keys)[: self.n_keys]]
        self.place = f"“{row_names(attention)[self.query]}”"
        self.gradients = _rounded(gradients[: self.n_keys])
        self.untold = [key for key in in_both(attribution, "encoder") if key < self.n_keys]
        self.converged: bool = attribution.facts["sides"]["encoder"]["converged"]
        self.everywhere = _rounded(-knockout.arrays["all"][: self.n_keys])
        self._heads: list[Numbers] = [
            _rounded(-layer[:, : self.n_keys]) for layer in knockout.layers("head")
        ]
        codes = packed.measured["norms"].layers(f"map/norm-shares/{kind}")
        self._norms = replace(attention, layers=Layers(codes))

    @property
    def is_of_pair(self) -> bool:
        """Whether the keys are a text that is read, and not the one that is written."""
        return self.packed.attention.kind == "cross"

    @property
    def slots(self) -> Sequence[Slot]:
        """The maps that can be shown."""
        return self.packed.slots

    def weight(self, slot: int) -> Numbers:
        """The weight of each key."""
        blob = self.packed.blobs[slot]
        return _rounded(self.packed.map(blob)[self.query, : self.n_keys])

    def norms(self, slot: int) -> Numbers:
        """How much is written of each key, as a share of what is written of all."""
        return _rounded(maps.weights(self._norms, self.slots[slot])[self.query, : self.n_keys])

    def is_of_head(self, slot: int) -> bool:
        """Whether it is known what is lost without a single head's edges."""
        return self.slots[slot].single is not None and bool(self._heads)

    def loss(self, slot: int) -> Numbers:
        """What the answer loses without the edge to each key: of one head, or else of all heads."""
        head = self.slots[slot].single
        if head is None or not self._heads:
            return self.everywhere
        return self._heads[head.layer][head.head]

    def all(self, slot: int) -> tuple[Numbers, ...]:
        """All columns, in the order of `NAMES`."""
        return self.weight(slot), self.norms(slot), self.gradients, self.loss(slot)

    def alike(self, slot: int) -> tuple[float | None, ...]:
        """How far each of `PAIRS` ranks the keys alike, by size whichever way, in two decimals.

        Keys without gradients are not ranked by them.
        """
        sizes = [np.abs(column) for column in self.all(slot)]
        told = np.delete(np.arange(self.n_keys), self.untold)
        gradients = NAMES.index("gradients")
        among = [told if gradients in pair else slice(None) for pair in PAIRS]
        found = (
            spearman(sizes[one][keys], sizes[other][keys])
            for (one, other), keys in zip(PAIRS, among, strict=True)
        )
        return tuple(None if each is None else round(each, 2) + 0.0 for each in found)

    def first(self, slot: int) -> tuple[int, ...]:
        """The key with the largest number of each column, whichever way."""
        return tuple(int(np.abs(column).argmax()) for column in self.all(slot))


def _rounded(numbers: NDArray[Any]) -> Numbers:
    whole = np.rint(numbers.astype(np.float64) * 10**PLACES)
    return np.asarray(whole / 10**PLACES + 0.0, np.float64)  # which has no -0
