"""An exhibit's heads, packed into strings that a chart can decode.

Passing one row per cell through Altair would take seconds and megabytes, so every head travels as a
string of digits in a parameter, and the chart decodes the head it shows.

The code is two base-36 digits per weight, 1,296 linear levels: the error is at most 1/2590
(0.0004) everywhere, about 0.6 bytes a weight after gzip, and Vega's own expression language can
read it. Eight bits are not enough: as linear levels of 1/255 uniform attention over 256 tokens
would be level one, and as square roots they err by up to 0.004 where weights are large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import InputError, quoted
from attention_gallery.gold import Link
from attention_gallery.terms import Attention, Exhibit, Head

LEVELS = 1295
"""The largest level; a weight of 1."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = np.array([a + b for a in _DIGITS for b in _DIGITS])


@dataclass(frozen=True, slots=True)
class Slot:
    """One map a chart can show: a head, or the mean over a layer's heads.

    Attributes:
        layer: 0-based.
        head: 0-based, or None for the mean over the layer's heads.
    """

    layer: int
    head: int | None

    def __str__(self) -> str:
        return f"L{self.layer} mean" if self.head is None else str(Head(self.layer, self.head))


@dataclass(frozen=True, slots=True, eq=False)
class Other:
    """What an exhibit is held against, packed alike.

    Attributes:
        name: What readers call it.
        attention: What was packed, of the same shape as the exhibit's own.
        blobs: One for each slot of the exhibit.
    """

    name: str
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
        every_head: True when all heads of all layers travel, each layer led by its mean.
        start: Index of the slot first shown.
        pin: Index of the query token first pinned.
        error: Largest difference between a decoded and a captured weight.
        gold: What is known about the sentence beforehand.
        image: What the model saw, as a PNG; empty for a text.
        others: What the exhibit is held against; mostly nothing.
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
        n = self.n_queries
        return n * (n + 1) // 2 if self.triangle else n * self.n_keys

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


def _map(attention: Attention, slot: Slot) -> NDArray[np.float32]:
    layer = attention.layers[slot.layer]
    weights: NDArray[np.float32] = (
        layer.mean(axis=0, dtype=np.float64).astype(np.float32)
        if slot.head is None
        else layer[slot.head]
    )
    return weights


def encode(weights: NDArray[np.floating[Any]]) -> str:
    """Pack weights in [0, 1], any shape, read in C order, into two base-36 digits each."""
    levels = np.rint(np.clip(weights, 0.0, 1.0).ravel().astype(np.float64) * LEVELS)
    return "".join(_PAIRS[levels.astype(np.intp)])


def decode(blob: str) -> NDArray[np.float64]:
    """The weights of a blob, flat: the reference for what a chart's expression computes."""
    pairs = (blob[i : i + 2] for i in range(0, len(blob), 2))
    return np.array([int(pair, 36) for pair in pairs], dtype=np.float64) / LEVELS


def pack(
    exhibit: Exhibit,
    attention: Attention,
    gold: tuple[Link, ...] = (),
    image: bytes = b"",
    others: Sequence[Attention] = (),
) -> Packed:
    """Pack the heads an exhibit lists, or all of them with each layer's mean.

    Args:
        exhibit: Says which heads, and what is shown first.
        attention: The weights.
        gold: What is known about the sentence beforehand.
        image: What the model saw, as a PNG; empty for a text.
        others: The weights of each variant that the exhibit is held against.

    Raises:
        InputError: A head or a start token outside what was captured, or a variant of another
            shape.
    """
    every_head = not exhibit.heads
    slots: tuple[Slot, ...]
    if every_head:
        slots = tuple(
            Slot(layer, head)
            for layer, n in enumerate(attention.n_heads)
            for head in (None, *range(n))
        )
    else:
        slots = tuple(Slot(*head) for head in exhibit.heads)
    first, start_where = exhibit.start.head, exhibit.start.where or exhibit.where
    named = [(head, exhibit.where) for head in exhibit.heads]
    for head, where in (*named, *([(first, start_where)] if first else [])):
        if head not in attention:
            raise InputError(f"{head} is not a head of this model", where, _head_range(attention))
    try:
        start = (
            slots.index(Slot(*first))
            if first
            else _most_telling(attention, slots, gold)
            if every_head
            else 0
        )
    except ValueError:
        raise InputError(
            f"start head {first} is not among the exhibit's heads",
            start_where,
            "choose one of " + ", ".join(map(str, exhibit.heads)),
        ) from None
    n = len(attention.queries)
    pin = _first_row(attention, gold) if exhibit.start.token is None else exhibit.start.token
    if not 0 <= pin < n:
        raise InputError(
            f"start token {pin} is outside the sentence",
            start_where,
            f"its {n} tokens are numbered 0 to {n - 1}",
        )
    blobs, error = _encoded(attention, slots)
    packed_others = []
    for variant, other in zip(exhibit.against, others, strict=True):
        _check_alike(attention, other, variant.name, exhibit)
        other_blobs, other_error = _encoded(other, slots)
        error = max(error, other_error)
        packed_others.append(Other(variant.name, other, other_blobs))
    return Packed(
        attention, slots, blobs, every_head, start, pin, error, gold, image, tuple(packed_others)
    )


def _encoded(attention: Attention, slots: tuple[Slot, ...]) -> tuple[tuple[str, ...], float]:
    """A blob for each slot, and the largest error among them."""
    n = len(attention.queries)
    cut = np.tril_indices(n) if attention.causal else (slice(None), slice(None))
    maps = [_map(attention, slot)[cut] for slot in slots]
    blobs = tuple(encode(cells) for cells in maps)
    errors = (
        float(np.abs(decode(blob) - cells.ravel()).max())
        for blob, cells in zip(blobs, maps, strict=True)
    )
    return blobs, max(errors)


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
    if own.n_heads != other.n_heads or own.causal != other.causal:
        raise InputError(
            f"{quoted(name)} has other heads than the exhibit's model",
            exhibit.where,
            "compare models of the same shape, such as checkpoints of one",
        )


def _most_telling(attention: Attention, slots: tuple[Slot, ...], gold: tuple[Link, ...]) -> int:
    """Index of the head worth opening with.

    Where it is known what belongs together, that is the head that gives it the most. Otherwise it
    is the one that looks most decidedly at other words; special tokens and the token itself do not
    count, since most heads rest there.
    """
    heads = [i for i, slot in enumerate(slots) if slot.head is not None]
    if gold:

        def found(slot: Slot) -> float:
            weights = _map(attention, slot)
            return float(sum(weights[link.row, list(link.columns)].sum() for link in gold))

        return max(heads, key=lambda i: found(slots[i]))
    words = np.array([not token.special for token in attention.keys])
    others = np.broadcast_to(words, (len(attention.queries), len(words))).copy()
    if attention.kind != "cross":
        np.fill_diagonal(others, val=False)

    def decided(slot: Slot) -> float:
        return float(np.where(others, _map(attention, slot), 0).max(axis=1).mean())

    return max(heads, key=lambda i: decided(slots[i]))


def _first_row(attention: Attention, gold: tuple[Link, ...]) -> int:
    """The row worth pinning first: of a word about which something is known, or the last word."""
    if gold:
        return gold[0].row
    words = [i for i, token in enumerate(attention.queries) if not token.special]
    return words[-1] if words else len(attention.queries) - 1


def _head_range(attention: Attention) -> str:
    layers = attention.n_layers
    heads = sorted(set(attention.n_heads))
    span = f"H0 to H{heads[0] - 1}" if len(heads) == 1 else f"H0 to H{heads[-1] - 1} at most"
    return f"it has layers L0 to L{layers - 1} with heads {span}"
