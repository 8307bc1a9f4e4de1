"""Heads as small pictures: all of them in one, as a thumbnail, or each in one of its own.

They are for recognising patterns; the numbers are in the charts. So a picture has fifteen colours,
and where a map is larger than the picture, a pixel has the largest of the weights it stands for: a
mean would wash out the one bright cell that makes a pattern.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from attention_gallery.charts import shades
from attention_gallery.terms import Attention

SIDE = 48
"""The longest side of a head's picture, pixels."""

LEVELS = 15
"""Colours of a picture. With the one that is seen through they fit four bits."""

_SEEN_THROUGH = 0
# Alpha of the first colours. The last two are opaque anyway: they are said so that what stands
# before the pixels is a multiple of three bytes, and can be written in base64 on its own.
_ALPHA = bytes([0, 255, 255])


@dataclass(frozen=True, slots=True)
class Miniatures:
    """Pictures of maps of one shape, as base64 of PNGs that begin alike.

    Attributes:
        head: What all of them begin with.
        tails: The rest of each.
        size: Width and height, pixels.
    """

    head: str
    tails: tuple[str, ...]
    size: tuple[int, int]


def miniatures(
    maps: Iterable[NDArray[np.float32]], *, causal: bool, side: int = SIDE
) -> Miniatures:
    """Draw each map in a picture of its own.

    Args:
        maps: Weights ``[query, key]``, all of one shape; at least one.
        causal: Whether no query sees a later key; those pixels are seen through.
        side: The longest side of a picture, pixels.
    """
    pictures = [_colours(weights, causal=causal, side=side) for weights in maps]
    pngs = [_png(picture) for picture in pictures]
    cut = pngs[0].index(b"IDAT") - 4  # a chunk begins with its length
    head = base64.b64encode(pngs[0][:cut]).decode("ascii")
    tails = tuple(base64.b64encode(png[cut:]).decode("ascii") for png in pngs)
    height, width = pictures[0].shape
    return Miniatures(head, tails, (width, height))


def sprite(attention: Attention) -> bytes:
    """Draw every head in one picture: rows are layers, columns are heads.

    Returns:
        A PNG with a palette.
    """
    rows = [
        [_colours(weights, causal=attention.causal, side=SIDE) for weights in layer]
        for layer in attention.layers
    ]
    n_queries, n_keys = rows[0][0].shape
    gap = max(1, n_keys // 12)  # still to be seen where the picture is shown small
    height, width = n_queries + gap, n_keys + gap
    canvas = np.full(
        (len(rows) * height - gap, max(map(len, rows)) * width - gap), _SEEN_THROUGH, np.uint8
    )
    for row, layer in enumerate(rows):
        for column, picture in enumerate(layer):
            top, left = row * height, column * width
            canvas[top : top + n_queries, left : left + n_keys] = picture
    return _png(canvas)


def strip(numbers: NDArray[np.float64]) -> bytes:
    """Draw numbers from 0 to 1 beside each other, as a thumbnail of what has no map.

    Returns:
        A PNG with a palette.
    """
    row = np.nan_to_num(numbers).astype(np.float32)[None]
    return _png(_colours(row, causal=False, side=SIDE))


def pooled(weights: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The largest weight of each block of a map, so that neither side is longer than `side`.

    Blocks are as equal as can be: `n` tokens become the fewest blocks of ``ceil(n / side)`` tokens.

    Args:
        weights: ``[query, key]``.
        side: Most blocks along an axis.
    """
    for axis, n in enumerate(weights.shape):
        n_blocks = -(-n // -(-n // side))
        weights = np.maximum.reduceat(weights, np.arange(n_blocks) * n // n_blocks, axis=axis)
    return weights


def palette() -> list[str]:
    """The colours of the levels, from no weight to a weight of 1, as CSS has them.

    Level `i` stands for a weight of ``(i / (LEVELS - 1)) ** 2``: by its square root, a pixel of a
    diffuse head still shows.
    """
    return ["#" + bytes(colour).hex() for colour in _palette()[1:]]


def _colours(weights: NDArray[np.float32], *, causal: bool, side: int) -> NDArray[np.uint8]:
    """The place of each pixel's colour in the palette, uint8 ``[row, column]``."""
    roots = np.sqrt(np.clip(pooled(weights, side), 0, 1))
    picture: NDArray[np.uint8] = (np.rint(roots * (LEVELS - 1)) + 1).astype(np.uint8)
    if causal:
        seen = np.tri(*weights.shape, dtype=np.float32)
        picture[pooled(seen, side) == 0] = _SEEN_THROUGH
    return picture


def _png(picture: NDArray[np.uint8]) -> bytes:
    image = Image.frombytes("P", picture.shape[::-1], picture.tobytes())
    image.putpalette(_palette().tobytes())
    out = BytesIO()
    image.save(out, "PNG", bits=4, compress_level=9, transparency=_ALPHA)
    return out.getvalue()


def _palette() -> NDArray[np.uint8]:
    """Colours, uint8 ``[level + 1, rgb]``; the first one is never seen."""
    return np.vstack([np.zeros((1, 3), np.uint8), shades(LEVELS)])
