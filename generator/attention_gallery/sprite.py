"""All heads of a model at a glance, as one small picture: thumbnail and overview."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from attention_gallery.charts import CIVIDIS
from attention_gallery.terms import Attention

_TRANSPARENT = 255


def sprite(attention: Attention) -> bytes:
    """Draw every head, one pixel a weight: rows are layers, columns are heads.

    Colour is the square root of the weight, so that one pixel of a diffuse head still shows; the
    sprite is for recognising patterns, the numbers are in the charts.

    Returns:
        A PNG with a palette.
    """
    n_queries, n_keys = len(attention.queries), len(attention.keys)
    gap = max(1, n_keys // 12)  # still to be seen where the picture is shown small
    height, width = n_queries + gap, n_keys + gap
    canvas = np.full(
        (attention.n_layers * height - gap, max(attention.n_heads) * width - gap),
        _TRANSPARENT,
        dtype=np.uint8,
    )
    for row, layer in enumerate(attention.layers):
        for column, weights in enumerate(layer):
            tile = np.rint(np.sqrt(np.clip(weights, 0, 1)) * (_TRANSPARENT - 1)).astype(np.uint8)
            if attention.causal:
                tile[np.triu_indices(n_queries, 1)] = _TRANSPARENT
            top, left = row * height, column * width
            canvas[top : top + n_queries, left : left + n_keys] = tile
    image = Image.frombytes("P", canvas.shape[::-1], canvas.tobytes())
    image.putpalette(_palette().tobytes())
    out = BytesIO()
    image.save(out, "PNG", optimize=True, transparency=_TRANSPARENT)
    return out.getvalue()


def _palette() -> NDArray[np.uint8]:
    """256 colours, uint8 ``[level, rgb]``; the last one is never seen."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in CIVIDIS], dtype=float)
    at = np.linspace(0, len(stops) - 1, _TRANSPARENT)
    colours = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[:_TRANSPARENT] = np.rint(np.stack(colours, axis=1))
    return palette
