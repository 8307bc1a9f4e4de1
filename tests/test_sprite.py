"""The picture of all heads."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from attention_gallery.charts import CIVIDIS
from attention_gallery.codes import Layers
from attention_gallery.sprite import sprite
from attention_gallery.terms import Attention, Token
from attentions import attention


def rgba(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(BytesIO(png)).convert("RGBA"))


def test_rows_are_layers_and_columns_are_heads() -> None:
    picture = rgba(sprite(attention(n_heads=(4, 4, 4))))
    assert picture.shape == (3 * 10 + 2, 4 * 10 + 3, 4)


def test_zero_and_one_are_the_ends_of_the_palette() -> None:
    tokens = (Token("a"), Token("b"))
    layer = np.array([[[1, 0], [0, 1]]], dtype=np.float32)
    picture = rgba(sprite(Attention("encoder", tokens, tokens, Layers.of([layer]), causal=False)))
    as_hex = ["#" + bytes(pixel[:3]).hex() for pixel in picture.reshape(-1, 4)]
    assert as_hex == [CIVIDIS[-1], CIVIDIS[0], CIVIDIS[0], CIVIDIS[-1]]


def test_what_cannot_be_seen_is_transparent() -> None:
    """Above the diagonal of causal attention, between heads, and where a layer has fewer heads."""
    picture = rgba(sprite(attention(n_heads=(1, 2))))
    alpha = picture[..., 3]
    assert alpha[0, 1] == 0
    assert alpha[1, 0] == 255
    assert (alpha[:, 10] == 0).all()
    assert (alpha[:10, 11:] == 0).all()


def test_heads_stay_apart_where_a_long_sentence_is_shown_small() -> None:
    picture = rgba(sprite(attention(tuple("x" * 48), n_heads=(2,))))
    assert picture.shape[1] == 2 * 48 + 4
