"""An exhibit's heads, packed into strings that a chart can decode.

Passing one row per cell through Altair would take seconds and megabytes, so every head travels as a
string of digits in a parameter, and the chart decodes the head it shows.

The code is two base-36 digits per weight, 1,296 linear levels: the error is at most 1/2590
(0.0004) everywhere, and Vega's own expression language can read it; `transport` takes about 0.7
bytes for a weight. Eight bits are not enough: as linear levels of 1/255 uniform attention over 256
tokens would be level one, and as square roots they err by up to 0.004 where weights are large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery import codes, maps
from attention_gallery.errors import InputError, quoted
from attention_gallery.gold import Link
from attention_gallery.maps import Slot
from attention_gallery.opening import most_telling, opening
from attention_gallery.terms import Attention, Exhibit, Measured

LEVELS = 1295
"""The largest level; a weight of 1."""

BUDGET = 6_000_000
"""Digits that an exhibit packs where its author lists no heads: a page that loads at once."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = np.array([a + b for a in _DIGITS for b in _DIGITS])
_VALUES = np.zeros(128)  # of each digit, at its ASCII code
_VALUES[[ord(digit) for digit in _DIGITS]] = range(36)


@dataclass(frozen=True, slots=True, eq=False)
class Other:
    """What an exhibit is held against, packed alike.

    Attributes:
        name: What readers call it.
        of_model: Whether it is another model, and not another sentence.
        attention: What was packed, of the same shape as the exhibit's own.
        blobs: One for each slot of the exhibit.
    """

    name: str
    of_model: bool
    attention: Attention
    blobs: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """The maps of one attention, packed for a chart.

    Attributes:
        attention: What was packed.
        slots: What each blob is.
        blobs: Per slot two base-36 digits a cell, in the order of rows. Causal attention has its
            lower triangle only, since the rest is zero.
        every_head: True when all heads of all layers travel, and the pooled maps with them.
        start: Index of the slot first shown.
        pin: Index of the query token first pinned.
        error: Largest difference between a decoded weight and the one the model used.
        gold: What is known about the sentence beforehand.
        image: What the model saw, as a PNG; empty for a text.
        others: What the exhibit is held against; mostly nothing.
        name: What readers call the exhibit's own model, beside those of the others.
        measured: What was measured besides, by the names of measures.
        sent: The blobs that travel, where other views of the page draw more than these: see `own`.
    """

    attention: Attention
    slots: tuple[Slot, ...]
    blobs: tuple[str, ...]
    every_head: bool
    start: int
    pin: int
    error: float
    gold: tuple[Link, ...] = ()
    image: bytes = b""
    others: tuple[Other, ...] = ()
    name: str = ""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    sent: tuple[str, ...] = ()

    @property
    def own(self) -> Packed:
        """The maps of weights alone, for views that show nothing derived from them.

        They are the first of those that travel, so the charts of a page can share one list.
        """
        n_own = sum(not slot.derived for slot in self.slots)
        if n_own == len(self.slots):
            return self
        return replace(
            self,
            attention=replace(self.attention, derived=()),
            slots=self.slots[:n_own],
            blobs=self.blobs[:n_own],
            sent=self.blobs,
        )

    @property
    def triangle(self) -> bool:
        """Whether blobs hold the lower triangle only."""
        return self.attention.causal

    @property
    def n_queries(self) -> int:
        """Rows of a map."""
        return len(self.attention.queries)

    @property
    def n_keys(self) -> int:
        """Columns of a map."""
        return len(self.attention.keys)

    @property
    def n_cells(self) -> int:
        """Cells in a blob."""
        return _n_cells(self.attention)

    @property
    def shown(self) -> NDArray[np.float64]:
        """The map first shown, float64 ``[query, key]``, as the chart decodes it.

        Text is written from these and not from the captured weights, so that the last digit on a
        page is the same wherever it is printed.
        """
        return self.map(self.blobs[self.start])

    def map(self, blob: str) -> NDArray[np.float64]:
        """The weights of a blob, float64 ``[query, key]``, as a chart decodes them."""
        cells = decode(blob)
        if not self.triangle:
            return cells.reshape(self.n_queries, self.n_keys)
        whole = np.zeros((self.n_queries, self.n_keys))
        whole[np.tril_indices(self.n_queries)] = cells
        return whole


def encode(weights: NDArray[np.floating[Any]]) -> str:
    """Pack weights in [0, 1], any shape, read in C order, into two base-36 digits each."""
    levels = np.rint(np.clip(weights, 0.0, 1.0).ravel().astype(np.float64) * LEVELS)
    return "".join(_PAIRS[levels.astype(np.intp)])


def decode(blob: str) -> NDArray[np.float64]:
    """The weights of a blob, flat: the reference for what a chart's expression computes."""
    digits = _VALUES[np.frombuffer(blob.encode("ascii"), dtype=np.uint8)].reshape(-1, 2)
    return (36 * digits[:, 0] + digits[:, 1]) / LEVELS


def pack(
    exhibit: Exhibit,
    attention: Attention,
    gold: tuple[Link, ...] = (),
    image: bytes = b"",
    others: Sequence[Attention] = (),
    measured: Mapping[str, Measured] | None = None,
) -> Packed:
    """Pack the heads an exhibit lists, or all of them and the pooled maps.

    Where no heads are listed and all would be more than `BUDGET`, those most worth opening with
    travel, as many as it allows.

    Args:
        exhibit: Says which heads, and what is shown first.
        attention: The weights.
        gold: What is known about the sentence beforehand.
        image: What the model saw, as a PNG; empty for a text.
        others: The weights of each variant that the exhibit is held against.
        measured: What was measured besides, by the names of measures.

    Raises:
        InputError: A head or a start token outside what was captured, or a variant of another
            shape.
    """
    slots = maps.slots(exhibit, attention)
    for variant, other in zip(exhibit.against, others, strict=True):
        _check_alike(attention, other, variant.name, exhibit)
    start, pin = opening(exhibit, attention, slots, gold, others)
    affordable = BUDGET // (2 * _n_cells(attention) * (1 + len(others)))
    every_head = not exhibit.heads and len(slots) <= affordable
    if not exhibit.heads and not every_head:
        first = slots[start]
        telling = most_telling(attention, slots, gold, others)
        # What is derived from a head goes where the head goes.
        affordable //= 1 + len(attention.derived)
        chosen = {start, *[i for i in telling if i != start][: max(0, affordable - 1)]}
        heads = {slots[i].single for i in chosen}
        slots = tuple(slot for slot in slots if slot.single in heads or slot.pool is None)
        start = slots.index(first)
    blobs, error = encoded(attention, slots)
    packed_others = []
    for variant, other in zip(exhibit.against, others, strict=True):
        other_blobs, other_error = encoded(other, slots)
        error = max(error, other_error)
        of_model = variant.model != exhibit.model
        packed_others.append(Other(variant.name, of_model, other, other_blobs))
    return Packed(
        attention=attention,
        slots=slots,
        blobs=blobs,
        every_head=every_head,
        start=start,
        pin=pin,
        error=error,
        gold=gold,
        image=image,
        others=tuple(packed_others),
        name=exhibit.model.id,
        measured=measured or {},
    )


def _n_cells(attention: Attention) -> int:
    """Weights of a map that are not zero by its making."""
    n = len(attention.queries)
    return n * (n + 1) // 2 if attention.causal else n * len(attention.keys)


def encoded(attention: Attention, slots: tuple[Slot, ...]) -> tuple[tuple[str, ...], float]:
    """A blob for each slot, and the largest error among them."""
    n = len(attention.queries)
    cut = np.tril_indices(n) if attention.causal else (slice(None), slice(None))
    cells_of = [maps.weights(attention, slot)[cut] for slot in slots]
    blobs = tuple(encode(cells) for cells in cells_of)
    errors = (
        float(np.abs(decode(blob) - cells.ravel()).max())
        for blob, cells in zip(blobs, cells_of, strict=True)
    )
    return blobs, max(errors, default=0.0) + codes.ERROR


def _check_alike(own: Attention, other: Attention, name: str, exhibit: Exhibit) -> None:
    """See that two attentions can be held against each other cell by cell.

    Raises:
        InputError: When they cannot.
    """
    if len(own.queries) != len(other.queries) or len(own.keys) != len(other.keys):
        raise InputError(
            f"{quoted(name)} has {len(other.queries)} x {len(other.keys)} tokens, and the exhibit "
            f"{len(own.queries)} x {len(own.keys)}",
            exhibit.where,
            "only what has the same number of tokens can be compared cell by cell",
        )
    if own.n_heads != other.n_heads:
        raise InputError(
            f"{quoted(name)} has other heads than the exhibit's model",
            exhibit.where,
            "compare models of the same shape, such as checkpoints of one",
        )
    if own.causal != other.causal:
        raise InputError(
            f"in only one of {quoted(name)} and the exhibit can tokens look at later ones",
            exhibit.where,
            "compare models of the same kind",
        )
