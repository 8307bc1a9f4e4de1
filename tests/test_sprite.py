"""Heads as small pictures."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attention_gallery.charts import CIVIDIS
from attention_gallery.codes import Layers
from attention_gallery.sprite import LEVELS, SIDE, Miniatures, miniatures, palette, pooled, sprite
from attention_gallery.terms import Attention, AttentionKind, Token
from attentions import attention


def rgba(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(png)).convert("RGBA"))


def pictures(drawn: Miniatures) -> list[NDArray[np.uint8]]:
    """What a browser makes of head and tail."""
    return [rgba(base64.b64decode(drawn.head + tail)) for tail in drawn.tails]


def weights_of(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The weight that each pixel's colour stands for; NaN where it is seen through."""
    level = {colour: i for i, colour in enumerate(palette())}
    found = np.full(picture.shape[:2], np.nan)
    for at in np.ndindex(*found.shape):
        if picture[at][3]:
            found[at] = (level["#" + bytes(picture[at][:3]).hex()] / (LEVELS - 1)) ** 2
    return found


def test_rows_are_layers_and_columns_are_heads() -> None:
    picture = rgba(sprite(attention(n_heads=(4, 4, 4))))
    assert picture.shape == (3 * 10 + 2, 4 * 10 + 3, 4)


def test_zero_and_one_are_the_ends_of_the_palette() -> None:
    tokens = (Token("a"), Token("b"))
    layer = np.array([[[1, 0], [0, 1]]], dtype=np.float32)
    picture = rgba(sprite(Attention("encoder", tokens, tokens, Layers.of([layer]), causal=False)))
    as_hex = ["#" + bytes(pixel[:3]).hex() for pixel in picture.reshape(-1, 4)]
    assert as_hex == [CIVIDIS[-1], CIVIDIS[0], CIVIDIS[0], CIVIDIS[-1]]
    assert (palette()[0], palette()[-1], len(palette())) == (CIVIDIS[0], CIVIDIS[-1], LEVELS)


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


def test_a_long_sentence_makes_no_larger_thumbnail() -> None:
    picture = rgba(sprite(attention(tuple("x" * 200), n_heads=(2,))))
    assert picture.shape[:2] == (40, 2 * 40 + 3), "five tokens a pixel"


@pytest.mark.parametrize("n", [1, 5, 47, 48, 49, 64, 96, 97, 200])
def test_a_pixel_is_the_largest_of_the_weights_it_stands_for(n: int) -> None:
    weights = np.random.default_rng(n).random((n, 3), np.float32)
    blocks = pooled(weights, SIDE)
    n_blocks, width = blocks.shape
    assert width == 3
    assert n_blocks <= SIDE
    size = -(-n // SIDE)
    assert n_blocks == -(-n // size)
    starts = [n * number // n_blocks for number in range(n_blocks)]
    for block, start, end in zip(blocks, starts, [*starts[1:], n], strict=True):
        assert 1 <= end - start <= size
        assert (block == weights[start:end].max(axis=0)).all()


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_each_picture_shows_its_map(kind: AttentionKind) -> None:
    """Within half a level, and nothing where a query cannot see."""
    source = attention(kind=kind)
    [layer, *_] = source.layers
    for picture, weights in zip(
        pictures(miniatures(layer, causal=source.causal)), layer, strict=True
    ):
        shown = weights_of(picture)
        unseen = np.isnan(shown)
        assert (unseen == (np.triu(np.ones_like(weights), 1) > 0 if source.causal else False)).all()
        off = np.abs(np.sqrt(shown) - np.sqrt(weights))[~unseen]
        assert off.max() <= 0.5 / (LEVELS - 1) + 1e-6


def test_a_block_across_the_diagonal_shows_what_can_be_seen_of_it() -> None:
    n = 3 * SIDE
    [picture] = pictures(miniatures([np.tri(n, dtype=np.float32)], causal=True))
    assert picture.shape[:2] == (SIDE, SIDE)
    assert (picture[..., 3] == 255 * np.tri(SIDE)).all()


def test_pictures_may_be_flat_or_tall_and_are_as_small_as_is_asked() -> None:
    drawn = miniatures([np.ones((4, 60), np.float32)], causal=False, side=20)
    assert drawn.size == (20, 4)
    assert pictures(drawn)[0].shape == (4, 20, 4)


def test_what_all_pictures_begin_with_is_written_once_and_ends_at_a_whole_byte() -> None:
    drawn = miniatures(attention().layers[0], causal=True)
    assert "=" not in drawn.head
    assert base64.b64decode(drawn.tails[0])[4:8] == b"IDAT"
    assert len(drawn.head) == 144
