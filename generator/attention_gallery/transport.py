"""The documents of an exhibit on their way to its page, in far fewer bytes than as text.

A chart decodes its maps from digits, which is all a portable document can hold. But a compressor
makes little of digits: of 12 x 12 heads over 64 tokens, GPT-2-like, it makes 378 kB, or 504 as
text. Here the maps leave the documents and travel as bytes, and the script of the page puts them
back, character for character. That makes 249 kB, or 332 as text, in three steps:

- A pooled map is told by its heads. What is sent is by how much its levels differ from those that
  pooling the levels of the heads gives: by rounding, at most 1, and mostly nothing.
- A level is one byte, the few that are too large for it are two.
- A weight is about as large as those beside it. So a level stands in one of several queues, chosen
  by the sum of the level before it and the level of the same key in the row above; the page knows
  both by then. Levels in a queue are alike, so that a Huffman code fits them.

An arithmetic coder would save some more percent, and take the page longer.

Nothing here has to be guessed right. A list of strings that has the form of packed maps comes back
as it was, whatever it means; what counts as a row or a pool only decides how many bytes it takes.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.maps import Slot
from attention_gallery.packing import LEVELS, Packed, decode

Levels = NDArray[np.int64]

_WIDE = 251
"""Levels from here on take two bytes, of which the first says how many times 256 are above it."""

_RESIDUALS = (2 * LEVELS).bit_length() + 1
"""Number of the queue for pooled maps, after those for each length in bits of two neighbours."""

_SECOND = _RESIDUALS + 1
"""Number of the queue for second bytes."""

_MAP = re.compile("(?:[0-9a-z]{2}){8,}")  # what is shorter is not worth the telling


def encode(document: Mapping[str, Any], packed: Packed) -> list[str]:
    """Compress a document for `unpack` in ``attention-chart.js``.

    Args:
        document: Anything JSON can hold.
        packed: Says how the maps in it hang together.

    Returns:
        The document without its maps, and each queue; zlib streams in base64.
    """
    taken: list[dict[str, Any]] = []
    queues = [bytearray() for _ in range(_SECOND + 1)]

    def without_maps(value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, Mapping):
            return {key: without_maps(each, (*path, key)) for key, each in value.items()}
        if not isinstance(value, list):
            return value
        if not _are_maps(value, len(packed.slots)):
            return [without_maps(each, (*path, i)) for i, each in enumerate(value)]
        levels = np.array([np.rint(decode(each) * LEVELS) for each in value], np.int64)
        rows = _rows(levels.shape[1], packed)
        _enqueue(levels, rows, packed.slots, queues)
        taken.append({"path": path, "rows": rows})
        return None

    told = {
        "document": without_maps(document, ()),
        "taken": taken,
        "slots": [
            [slot.layer, slot.pool if slot.is_pooled else None, slot.derived]
            for slot in packed.slots
        ],
    }
    text = json.dumps(told, separators=(",", ":")).encode("ascii")
    return [_compressed(text), *map(_compressed, queues)]


def _are_maps(value: Sequence[Any], n_slots: int) -> bool:
    """Whether these are pairs of digits, as many for each slot."""
    return (
        len(value) == n_slots
        and all(isinstance(each, str) and _MAP.fullmatch(each) for each in value)
        and len(set(map(len, value))) == 1
    )


def _rows(n_cells: int, packed: Packed) -> list[int]:
    """How many cells each row of a map has, of tokens or of words; a guess where it must be."""
    n = isqrt(2 * n_cells)
    if packed.triangle and n_cells == n * (n + 1) // 2:
        return [*range(1, n + 1)]
    n_keys = isqrt(n_cells) if n_cells % packed.n_keys else packed.n_keys
    return [min(n_keys, n_cells - start) for start in range(0, n_cells, n_keys)]


def _enqueue(
    levels: Levels, rows: Sequence[int], slots: Sequence[Slot], queues: Sequence[bytearray]
) -> None:
    """Put the levels of maps, ``[slot, cell]``, where the reader will look for them."""
    heads = levels[[not slot.is_pooled for slot in slots]]
    lengths = np.frexp(_neighbours(heads, rows))[1]  # in bits; 0 has none
    for length in range(_RESIDUALS):
        queues[length].extend(_first(heads[lengths == length]))
    queues[_SECOND].extend(_second(heads))
    for slot, pooled in zip(slots, levels, strict=True):
        if slot.is_pooled:
            # One more than it is off by, since -1 would be the largest level.
            residuals = (pooled - _told(slot, slots, levels) + 1) % (LEVELS + 1)
            queues[_RESIDUALS].extend(_first(residuals))
            queues[_SECOND].extend(_second(residuals))


def _neighbours(heads: Levels, rows: Sequence[int]) -> Levels:
    """For each cell the level before it, and that above it where the row above is as long."""
    near = np.zeros_like(heads)
    near[:, 1:] = heads[:, :-1]
    start = 0
    for above, row in pairwise(rows):
        both = min(above, row)
        near[:, start + above :][:, :both] += heads[:, start:][:, :both]
        start += above
    return near


def _told(slot: Slot, slots: Sequence[Slot], levels: Levels) -> Levels:
    """What the levels of the heads say about those of a pooled map; a half is rounded up."""
    heads = levels[
        [
            not each.is_pooled and each.derived == slot.derived and slot.layer in (None, each.layer)
            for each in slots
        ]
    ]
    if slot.pool == "max":
        return np.asarray(heads.max(axis=0))
    return np.asarray((2 * heads.sum(axis=0) + len(heads)) // (2 * len(heads)))


def _first(levels: Levels) -> bytes:
    """The byte that a level begins with."""
    wide = _WIDE + (levels - _WIDE) // 256
    return np.where(levels < _WIDE, levels, wide).astype(np.uint8).tobytes()


def _second(levels: Levels) -> bytes:
    """The other byte of those levels that have one."""
    return ((levels[levels >= _WIDE] - _WIDE) % 256).astype(np.uint8).tobytes()


def _compressed(content: bytes | bytearray) -> str:
    """The shorter of two: to look for repetitions helps in text and zeros, and harms in noise."""
    made = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
        stream = zlib.compressobj(9, strategy=strategy)
        made.append(stream.compress(content) + stream.flush())
    return base64.b64encode(min(made, key=len)).decode("ascii")
