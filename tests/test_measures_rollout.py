"""Rollout multiplies layers up as the paper says, and only where that means something."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attention_gallery.errors import CaptureError
from attention_gallery.measures.apparatus.layers import weights
from attention_gallery.measures.rollout import can_roll, rollout
from attention_gallery.terms import AttentionKind
from runs import random, trained

Map = NDArray[np.float64]


def softmaxed(*shape: int, seed: int = 0) -> Map:
    """Rows of distributions, some of them sharp."""
    powers: Map = np.exp(np.random.default_rng(seed).normal(scale=3, size=shape))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


def along_all_paths(layers: list[Map], layer: int, query: int, key: int) -> float:
    """The share of a token in a state: the sum over all paths to it, of the product of its steps.

    Section 3 of the paper tells of rollout as such a sum before it tells of a product of matrices.
    """
    if layer < 0:
        return float(query == key)
    n_tokens = layers[layer].shape[-1]
    total = 0.0
    for between in range(n_tokens):
        step = sum(float(head[query, between]) for head in layers[layer]) / len(layers[layer])
        step = (step + (query == between)) / (
            1 + sum(float(head[query].sum()) for head in layers[layer]) / len(layers[layer])
        )
        total += step * along_all_paths(layers, layer - 1, between, key)
    return total


def test_it_is_the_sum_over_all_paths() -> None:
    layers = [softmaxed(n_heads, 4, 4, seed=n_heads) for n_heads in (3, 1, 2)]
    rolled = rollout(layers)
    assert rolled.shape == (3, 4, 4)
    for layer, query, key in np.ndindex(3, 4, 4):
        expected = along_all_paths(layers, layer, query, key)
        assert rolled[layer, query, key] == pytest.approx(expected)


def test_of_the_identity_it_is_the_identity() -> None:
    assert np.array_equal(rollout([np.eye(5)[None].repeat(2, axis=0)] * 3), [np.eye(5)] * 3)


def test_rows_sum_to_one_even_where_a_sink_took_a_share() -> None:
    layers = [0.4 * softmaxed(2, 6, 6, seed=seed) for seed in range(4)]
    assert np.allclose(rollout(layers).sum(axis=-1), 1)
    assert along_all_paths(layers[:2], 1, 3, 2) == pytest.approx(rollout(layers)[1, 3, 2])


@pytest.mark.parametrize("model", ["story", "minilm"])
def test_on_real_models_it_is_a_product_of_matrices(model: str) -> None:
    layers = next(iter(weights(trained(model, "the cat sat on the mat")).values()))
    rolled = rollout(layers)
    n_tokens = layers[0].shape[-1]
    product = np.eye(n_tokens)
    for layer, found in zip(layers, rolled, strict=True):
        product = (layer.astype(np.float64).mean(axis=0) + np.eye(n_tokens)) / 2 @ product
        assert np.allclose(found, product, atol=1e-6)
    assert np.allclose(rolled.sum(axis=-1), 1, atol=1e-9)


def test_where_no_query_sees_a_later_key_none_does_in_the_end() -> None:
    (layers,) = weights(trained("story", "the cat sat on the mat")).values()
    rolled = rollout(layers)
    assert not np.triu(rolled, 1).any()
    assert np.array_equal(rolled[:, 0, 0], np.ones(len(layers)))


def test_cross_attention_cannot_be_rolled_out() -> None:
    with pytest.raises(CaptureError, match=r"a layer of 7 queries and 9 keys"):
        rollout(weights(random("t5"))["cross"])


def test_of_a_pair_only_the_encoder_is_rolled_out() -> None:
    of_pair: tuple[AttentionKind, ...] = ("encoder", "decoder", "cross")
    assert can_roll(of_pair) == ("encoder",)
    assert can_roll(of_pair[1:2]) == ("decoder",)
    assert can_roll(weights(trained("minilm", "hello"))) == ("encoder",)
