"""Weights come back from sixteen bits within the stated error, and small ones stay small."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attention_gallery import codes
from attention_gallery.codes import ERROR, Layers, decode, encode


def softmaxed(shape: tuple[int, ...], *, scale: float = 3, seed: int = 0) -> NDArray[np.float32]:
    scores = np.random.default_rng(seed).normal(scale=scale, size=shape)
    weights: NDArray[np.float64] = np.exp(scores - scores.max(axis=-1, keepdims=True))
    rows: NDArray[np.float32] = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    return rows


def lower(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    kept: NDArray[np.float32] = np.tril(weights)
    kept /= kept.sum(axis=-1, keepdims=True)
    return kept


@pytest.mark.parametrize("scale", [0, 1, 10])
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 9, 9), (3, 7, 12), (2, 3, 4, 4), (12, 200, 200)])
def test_weights_come_back_within_the_error(shape: tuple[int, ...], scale: float) -> None:
    weights = softmaxed(shape, scale=scale)
    decoded = decode(encode(weights))
    assert decoded.dtype == np.float32
    assert decoded.shape == shape
    assert np.abs(decoded.astype(np.float64) - weights).max() <= ERROR * 1.01  # float32's own


def test_the_error_is_what_the_text_says() -> None:
    """And is reached: half a level below 1 is as far from a level as a weight can be."""
    assert 0.000015 < ERROR < 0.000016
    weights = np.linspace(0.99, 1, 1_000_001, dtype=np.float64)
    error = np.abs(decode(encode(weights)).astype(np.float64) - weights).max()
    assert error == pytest.approx(ERROR, rel=0.01)
    small = np.linspace(0, 0.0001, 100_001, dtype=np.float64)
    assert np.abs(decode(encode(small)).astype(np.float64) - small).max() < 0.00000016


def test_uniform_attention_over_thousands_of_keys_keeps_its_sum() -> None:
    weights = np.full((1, 1, 5000), 1 / 5000, np.float32)
    assert decode(encode(weights)).sum() == pytest.approx(1, abs=0.003)


def test_zero_and_one_are_exact() -> None:
    assert decode(encode(np.array([[[0.0, 1.0]]]))).tolist() == [[[0, 1]]]


def test_what_rounding_puts_over_one_is_one() -> None:
    assert decode(encode(np.array([[[1 + 1e-6, 1.0009]]]))).tolist() == [[[1, 1]]]


@pytest.mark.parametrize("n_tokens", [1, 2, 63, 64, 65, 130])
def test_a_lower_triangle_takes_half_the_room_and_comes_back_whole(n_tokens: int) -> None:
    weights = lower(softmaxed((3, n_tokens, n_tokens)))
    packed = encode(weights)
    assert packed.size == 3 * n_tokens * (n_tokens + 1) // 2
    assert codes.is_triangle(packed)
    assert codes.shape(packed) == weights.shape
    assert np.abs(decode(packed) - weights).max() <= ERROR * 1.01


@pytest.mark.parametrize("n_tokens", [2, 64, 65, 130])
def test_one_weight_above_the_diagonal_is_enough_to_keep_all(n_tokens: int) -> None:
    for row, column in ((0, 1), (0, n_tokens - 1), (n_tokens - 2, n_tokens - 1)):
        weights = lower(softmaxed((3, n_tokens, n_tokens)))
        weights[1, row, column] = 0.01
        assert encode(weights).shape == weights.shape


def test_arrays_in_any_memory_order_are_read_right() -> None:
    weights = softmaxed((4, 9, 3)).transpose(2, 1, 0)
    assert np.abs(decode(encode(weights)) - weights).max() <= ERROR * 1.01


def test_layers_are_decoded_one_by_one_and_cannot_be_changed() -> None:
    arrays = [softmaxed((2, 5, 5)), lower(softmaxed((4, 5, 5))), softmaxed((1, 5, 5), seed=1)]
    layers = Layers.of(arrays)
    assert len(layers) == 3
    assert layers.shapes == ((2, 5, 5), (4, 5, 5), (1, 5, 5))
    for layer, array in zip(layers, arrays, strict=True):
        assert np.abs(layer - array).max() <= ERROR * 1.01
    assert layers[0] is layers[0]
    assert (layers[-1] == layers[2]).all()
    assert [layer.shape for layer in layers[1:]] == [(4, 5, 5), (1, 5, 5)]
    with pytest.raises(ValueError, match="read-only"):
        layers[0][0, 0, 0] = 1
    with pytest.raises(IndexError):
        layers[3]


def test_encoding_what_was_decoded_changes_nothing() -> None:
    once = encode(softmaxed((4, 30, 40)))
    assert (encode(decode(once)) == once).all()
