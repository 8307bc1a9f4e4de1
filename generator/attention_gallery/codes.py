"""Weights in sixteen bits: what is held while a model runs, and what the store keeps.

A weight w becomes ``round(65535 * sqrt(w))``. Decoded, it is off by at most 0.000016, and by less
the smaller it is: a weight of 0.0001 by 0.00000015. Reasons, against the other codes of two bytes:

- A float16 is off by up to 0.00024 where weights are large, which is seen in the third digit.
- Levels of 1/65535 are off by 0.000008 everywhere, so all that is smaller is lost; over a
  thousand keys that adds up to rows that miss nearly one percent, and to wrong entropies.

Where no query sees a later key, only the lower triangle is held: half the memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

LEVELS = 65535
"""The code of a weight of 1."""

ERROR = 1 - ((LEVELS - 0.5) / LEVELS) ** 2
"""How far a decoded weight may be off: half a level, where levels are furthest apart."""

Codes = NDArray[np.uint16]

_BLOCK = 1 << 18  # weights that are coded at once: these stay in a core's cache


def encode(weights: NDArray[np.floating[Any]]) -> Codes:
    """The codes of weights in [0, 1].

    Args:
        weights: ``[head, query, key]``, with any axes before them.

    Returns:
        ``[head, cell]``, the lower triangle row by row, where `weights` are ``[head, token,
        token]`` and zero above the diagonal; otherwise of the same shape.
    """
    if weights.ndim != 3 or weights.shape[1] != weights.shape[2]:
        return _coded(weights)
    n_heads, n_tokens, _ = weights.shape
    packed = np.empty((n_heads, n_tokens * (n_tokens + 1) // 2), np.uint16)
    step = max(1, _BLOCK // n_tokens**2)
    for first in range(0, n_heads, step):
        some = _coded(weights[first : first + step])
        if _above_diagonal(some):
            return _coded(weights)
        for row in range(n_tokens):
            start = row * (row + 1) // 2
            packed[first : first + step, start : start + row + 1] = some[:, row, : row + 1]
    return packed


def _coded(weights: NDArray[np.floating[Any]]) -> Codes:
    """The codes of weights, of the same shape."""
    flat = np.ascontiguousarray(weights).reshape(-1)
    codes = np.empty(flat.size, np.uint16)
    # Memory that is asked for anew is slower than what is computed in it.
    room = np.empty(min(_BLOCK, flat.size), flat.dtype)
    for start in range(0, flat.size, _BLOCK):
        given = flat[start : start + _BLOCK]
        block = np.sqrt(given, out=room[: given.size])
        block *= LEVELS
        block += 0.5  # what follows cuts off
        np.minimum(block, LEVELS, out=block)
        codes[start : start + _BLOCK] = block
    return codes.reshape(weights.shape)


def _above_diagonal(codes: Codes) -> bool:
    """Whether anything is above the diagonal of ``[head, token, token]``."""
    side = 64
    for start in range(0, codes.shape[-1], side):
        rows = codes[:, start : start + side]
        if rows[:, :, start + side :].any() or np.triu(rows[:, :, start : start + side], 1).any():
            return True
    return False


def decode(codes: Codes) -> NDArray[np.float32]:
    """The weights of `encode`, within `ERROR`; float32, ``[head, query, key]``."""
    weights = codes.astype(np.float32)
    weights /= LEVELS
    weights *= weights
    if not is_triangle(codes):
        return weights
    n_heads, n_tokens, _ = shape(codes)
    whole = np.zeros((n_heads, n_tokens, n_tokens), np.float32)
    for row in range(n_tokens):
        start = row * (row + 1) // 2
        whole[:, row, : row + 1] = weights[:, start : start + row + 1]
    return whole


def is_triangle(codes: Codes) -> bool:
    """Whether only a lower triangle is held."""
    return codes.ndim == 2


def shape(codes: Codes) -> tuple[int, ...]:
    """The shape of the weights: heads, queries, keys."""
    if not is_triangle(codes):
        return codes.shape
    n_heads, n_cells = codes.shape
    n_tokens = math.isqrt(2 * n_cells)  # n (n + 1) / 2 cells
    return n_heads, n_tokens, n_tokens


class Layers(Sequence[NDArray[np.float32]]):
    """The weights of a stack, each layer decoded when it is asked for.

    Attributes:
        codes: Of each layer, as `encode` makes them.
    """

    def __init__(self, codes: Iterable[Codes]) -> None:
        self.codes = tuple(codes)
        self._last: tuple[int, NDArray[np.float32]] | None = None

    @classmethod
    def of(cls, layers: Iterable[NDArray[np.floating[Any]]]) -> Layers:
        """Encode the weights of each layer, ``[head, query, key]``."""
        return cls(encode(layer) for layer in layers)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Heads, queries and keys of each layer."""
        return tuple(shape(codes) for codes in self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice) -> Layers: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.float32] | Layers:
        if isinstance(index, slice):
            return Layers(self.codes[index])
        index = range(len(self))[index]
        # The heads of a layer are mostly asked for one after the other.
        if self._last is None or self._last[0] != index:
            weights = decode(self.codes[index])
            weights.flags.writeable = False
            self._last = index, weights
        return self._last[1]
