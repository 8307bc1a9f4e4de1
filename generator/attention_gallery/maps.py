"""The maps an exhibit can show: its heads, and what becomes of several that are pooled.

Pooled are the heads of each layer, and those of all layers, by their mean and by their maximum.
Behind the maps of weights come those that measures derive, in the same order each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import InputError, Where
from attention_gallery.language import _
from attention_gallery.terms import Attention, Exhibit, Head, HeadRule

Pool = Literal["max", "mean"]
POOLS: tuple[Pool, ...] = ("max", "mean")


@dataclass(frozen=True, slots=True)
class Slot:
    """One map a chart can show: a head, or several heads pooled into one.

    Attributes:
        layer: 0-based, or None for all of them.
        head: 0-based, or None for all heads of the layer, or of all layers.
        pool: How several heads become one map, weight by weight. A mean of distributions is one; a
            maximum is none: its rows may add up to more than 1. None for a map that a layer has by
            itself, whatever its heads.
        derived: Title of what is shown instead of weights; empty for weights.
    """

    layer: int | None
    head: int | None = None
    pool: Pool | None = "mean"
    derived: str = ""

    @property
    def single(self) -> Head | None:
        """The one head it is, or None for several that are pooled."""
        return None if self.layer is None or self.head is None else Head(self.layer, self.head)

    @property
    def is_pooled(self) -> bool:
        """Whether it is made of the maps of several heads."""
        return self.head is None and self.pool is not None

    def __str__(self) -> str:
        """What readers call it."""
        if self.single:
            name = str(self.single)
        elif self.layer is None:
            name = _("max of all heads") if self.pool == "max" else _("mean of all heads")
        else:
            name = f"L{self.layer}"
            if self.pool:
                said = _("{layer} max") if self.pool == "max" else _("{layer} mean")
                name = said.format(layer=name)
        return f"{name}, {self.derived}" if self.derived else name


def slots(exhibit: Exhibit, attention: Attention) -> tuple[Slot, ...]:
    """The maps of the heads an exhibit lists, or of all, with those that are pooled.

    Of all, each layer is led by its pooled maps, and those over all layers come last, where there
    are several.

    Raises:
        InputError: A head that the attention does not have.
    """
    heads = listed_heads(exhibit)
    for head in heads:
        check_head(head, attention, exhibit.where)
    found = list(_of(attention, heads))
    for derived in attention.derived:
        if derived.per_head:
            found += _of(attention, heads, derived.title)
        else:
            layers = range(attention.n_layers)
            found += (Slot(layer, pool=None, derived=derived.title) for layer in layers)
    return tuple(found)


def listed_heads(exhibit: Exhibit) -> tuple[Head, ...]:
    """The heads that an exhibit lists, a rule having been resolved; none for all."""
    if isinstance(exhibit.heads, HeadRule):
        raise TypeError(f"the heads of {exhibit.id} are still a rule")
    return exhibit.heads


def _of(attention: Attention, heads: Sequence[Head], derived: str = "") -> Iterator[Slot]:
    if heads:
        yield from (Slot(*head, derived=derived) for head in heads)
        return
    for layer, n_heads in enumerate(attention.n_heads):
        yield from _pooled(layer, derived)
        yield from (Slot(layer, head, derived=derived) for head in range(n_heads))
    if attention.n_layers > 1:
        yield from _pooled(None, derived)


def _pooled(layer: int | None, derived: str) -> Iterator[Slot]:
    return (Slot(layer, pool=pool, derived=derived) for pool in POOLS)


def check_head(head: Head, attention: Attention, where: Where | None) -> None:
    """See that an attention has a head.

    Raises:
        InputError: When it has not.
    """
    if head not in attention:
        raise InputError(f"{head} is not a head of this model", where, _head_range(attention))


def weights(attention: Attention, slot: Slot) -> NDArray[np.float32]:
    """The weights of one map, float32 ``[query, key]``."""
    every = attention.layers
    if slot.derived:
        every = next(each.layers for each in attention.derived if each.title == slot.derived)
    if slot.layer is not None and not slot.is_pooled:
        found: NDArray[np.float32] = every[slot.layer][slot.head or 0]
        return found
    layers = every if slot.layer is None else [every[slot.layer]]
    if slot.pool == "max":
        largest: NDArray[np.float32] = np.maximum.reduce([layer.max(axis=0) for layer in layers])
        return largest
    # Layers may have different numbers of heads, and each head counts as much as any other.
    total = sum(layer.sum(axis=0, dtype=np.float64) for layer in layers)
    return np.asarray(total / sum(len(layer) for layer in layers), np.float32)


def adds_up(attention: Attention, slot: Slot) -> bool:
    """Whether a row of a map is a distribution, but for what a learned sink takes."""
    derived = next((each for each in attention.derived if each.title == slot.derived), None)
    return not (slot.is_pooled and slot.pool == "max") and (derived is None or derived.adds_up)


def _head_range(attention: Attention) -> str:
    layers = attention.n_layers
    heads = sorted(set(attention.n_heads))
    span = f"H0 to H{heads[0] - 1}" if len(heads) == 1 else f"H0 to H{heads[-1] - 1} at most"
    return f"it has layers L0 to L{layers - 1} with heads {span}"
