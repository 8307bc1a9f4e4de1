"""The maps an exhibit can show: its heads, and what becomes of several that are pooled.

Pooled are the heads of each layer, and those of all layers, by their mean and by their maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import InputError, Where
from attention_gallery.terms import Attention, Exhibit, Head

Pool = Literal["max", "mean"]
POOLS: tuple[Pool, ...] = ("max", "mean")


@dataclass(frozen=True, slots=True)
class Slot:
    """One map a chart can show: a head, or several heads pooled into one.

    Attributes:
        layer: 0-based, or None for all of them.
        head: 0-based, or None for all heads of the layer, or of all layers.
        pool: How several heads become one map, weight by weight. A mean of distributions is one; a
            maximum is none: its rows may add up to more than 1.
    """

    layer: int | None
    head: int | None = None
    pool: Pool = "mean"

    @property
    def single(self) -> Head | None:
        """The one head it is, or None for several that are pooled."""
        return None if self.layer is None or self.head is None else Head(self.layer, self.head)

    def __str__(self) -> str:
        if self.single:
            return str(self.single)
        return f"{self.pool} of all heads" if self.layer is None else f"L{self.layer} {self.pool}"


def slots(exhibit: Exhibit, attention: Attention) -> tuple[Slot, ...]:
    """The maps of the heads an exhibit lists, or of all, with those that are pooled.

    Of all, each layer is led by its pooled maps, and those over all layers come last, where there
    are several.

    Raises:
        InputError: A head that the attention does not have.
    """
    if exhibit.heads:
        for head in exhibit.heads:
            check_head(head, attention, exhibit.where)
        return tuple(Slot(*head) for head in exhibit.heads)
    return (
        *(
            slot
            for layer, n in enumerate(attention.n_heads)
            for slot in (*_pooled(layer), *(Slot(layer, head) for head in range(n)))
        ),
        *(_pooled(None) if attention.n_layers > 1 else ()),
    )


def _pooled(layer: int | None) -> tuple[Slot, ...]:
    return tuple(Slot(layer, pool=pool) for pool in POOLS)


def check_head(head: Head, attention: Attention, where: Where | None) -> None:
    """See that an attention has a head.

    Raises:
        InputError: When it has not.
    """
    if head not in attention:
        raise InputError(f"{head} is not a head of this model", where, _head_range(attention))


def weights(attention: Attention, slot: Slot) -> NDArray[np.float32]:
    """The weights of one map, float32 ``[query, key]``."""
    if slot.single:
        found: NDArray[np.float32] = attention.layers[slot.single.layer][slot.single.head]
        return found
    layers = attention.layers if slot.layer is None else [attention.layers[slot.layer]]
    if slot.pool == "max":
        largest: NDArray[np.float32] = np.maximum.reduce([layer.max(axis=0) for layer in layers])
        return largest
    # Layers may have different numbers of heads, and each head counts as much as any other.
    total = sum(layer.sum(axis=0, dtype=np.float64) for layer in layers)
    return np.asarray(total / sum(len(layer) for layer in layers), np.float32)


def _head_range(attention: Attention) -> str:
    layers = attention.n_layers
    heads = sorted(set(attention.n_heads))
    span = f"H0 to H{heads[0] - 1}" if len(heads) == 1 else f"H0 to H{heads[-1] - 1} at most"
    return f"it has layers L0 to L{layers - 1} with heads {span}"
