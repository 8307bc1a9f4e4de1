"""One map as a small picture: a pixel a weight, or for long texts a pixel for the largest of some.

Pictures are for seeing where in a map something is; the numbers are in the chart.
"""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from attention_gallery.charts import shades

LARGEST = 512
"""Pixels of a picture's side at most."""

_SHADES = 255
_UNSEEN = 255  # the one entry of the palette that is transparent
_COARSE = 32  # shades of a large picture: enough to see where, and less than half the bytes


def reduced(n_tokens: int) -> int:
    """Pixels for a number of tokens: one each, or one for every two, three, ... of them."""
    return -(-n_tokens // pooled(n_tokens))


def exact(weights: NDArray[np.float64], seen: NDArray[np.bool_], *, root: bool) -> str:
    """A picture with a pixel a weight, in the colours of the chart, as a data URI.

    Args:
        weights: In [0, 1], float64 ``[row, column]``.
        seen: What is not, is transparent; bool ``[row, column]``.
        root: Whether colour is the square root of the weight, and not the weight.
    """
    shades = np.sqrt(weights) if root else weights
    return _png(np.rint(shades * (_SHADES - 1)), seen)


def overview(weights: NDArray[np.float32], seen: NDArray[np.bool_]) -> str:
    """A picture of at most `LARGEST` pixels a side, as a data URI.

    A pixel that stands for several weights shows the largest of them, so that thin diagonals and
    single bright cells stay. Colour is its square root, for otherwise long rows, whose weights are
    small, would be dark.
    """
    pooled = _largest(weights)
    shades = np.rint(np.sqrt(np.clip(pooled, 0, 1)) * (_COARSE - 1)) / (_COARSE - 1)
    return _png(np.rint(shades * (_SHADES - 1)), _largest(seen))


def pooled(n_tokens: int) -> int:
    """How many tokens share a row or column of pixels."""
    return -(-n_tokens // LARGEST)


def _largest(cells: NDArray[Any]) -> NDArray[Any]:
    """The largest of each block of cells that share a pixel."""
    for axis, n in enumerate(cells.shape):
        cells = np.maximum.reduceat(cells, np.arange(0, n, pooled(n)), axis=axis)
    return cells


def _png(shades: NDArray[np.floating[Any]], seen: NDArray[np.bool_]) -> str:
    pixels = np.where(seen, shades, _UNSEEN).astype(np.uint8)
    image = Image.frombytes("P", pixels.shape[::-1], pixels.tobytes())
    image.putpalette(_palette().tobytes())
    out = BytesIO()
    image.save(out, "PNG", transparency=_UNSEEN)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def _palette() -> NDArray[np.uint8]:
    """The colours of the charts, uint8 ``[shade, rgb]``, and one that is never seen."""
    return np.vstack([shades(_SHADES), np.zeros((1, 3), np.uint8)])
