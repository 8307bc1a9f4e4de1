"""The maps an exhibit can show: its heads, and the mean over each layer's heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import InputError, Where
from attention_gallery.terms import Attention, Exhibit, Head


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


def slots(exhibit: Exhibit, attention: Attention) -> tuple[Slot, ...]:
    """The maps of the heads an exhibit lists, or of all, each layer led by its mean.

    Raises:
        InputError: A head that the attention does not have.
    """
    if exhibit.heads:
        for head in exhibit.heads:
            check_head(head, attention, exhibit.where)
        return tuple(Slot(*head) for head in exhibit.heads)
    return tuple(
        Slot(layer, head) for layer, n in enumerate(attention.n_heads) for head in (None, *range(n))
    )


def check_head(head: Head, attention: Attention, where: Where | None) -> None:
    """See that an attention has a head.

    Raises:
        InputError: When it has not.
    """
    if head not in attention:
        raise InputError(f"{head} is not a head of this model", where, _head_range(attention))


def weights(attention: Attention, slot: Slot) -> NDArray[np.float32]:
    """The weights of one map, float32 ``[query, key]``."""
    layer = attention.layers[slot.layer]
    found: NDArray[np.float32] = (
        layer.mean(axis=0, dtype=np.float64).astype(np.float32)
        if slot.head is None
        else layer[slot.head]
    )
    return found


def _head_range(attention: Attention) -> str:
    layers = attention.n_layers
    heads = sorted(set(attention.n_heads))
    span = f"H0 to H{heads[0] - 1}" if len(heads) == 1 else f"H0 to H{heads[-1] - 1} at most"
    return f"it has layers L0 to L{layers - 1} with heads {span}"
