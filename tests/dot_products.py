"""Attention with the vectors it is made of, of random numbers, for tests that need no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attention_gallery.codes import Layers
from attention_gallery.terms import Attention, AttentionKind, Token
from attentions import FOX


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row."""
    powers: NDArray[np.float64] = np.exp(scores - scores.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


def made_of(
    tokens: Sequence[str] = FOX,
    *,
    kind: AttentionKind = "decoder",
    keys: Sequence[str] | None = None,
    n_layers: int = 2,
    n_heads: int = 2,
    n_key_heads: int | None = None,
    n_dims: int = 8,
    scale: float | None = None,
    bias: float = 0.0,
    window: int | None = None,
    sink: bool = False,
    spread: float = 1.5,
    seed: int = 0,
) -> Attention:
    """Weights from random vectors, by the formula.

    Args:
        tokens: Queries.
        kind: Of attention; only that of a decoder is causal.
        keys: Of cross-attention.
        n_layers: How many there are.
        n_heads: In each layer.
        n_key_heads: Fewer where heads share keys.
        n_dims: Of a vector.
        scale: Of products; by default one through the root of the dimensions.
        bias: How much lower a score is for each place that two tokens are apart.
        window: How many tokens back a query sees.
        sink: Whether there is one in each head.
        spread: Of the numbers in vectors.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    ends = tuple(Token(text, text == "<s>", i) for i, text in enumerate(tokens))
    others = ends if keys is None else tuple(Token(text, id=i) for i, text in enumerate(keys))
    n, m = len(ends), len(others)
    scale = n_dims**-0.5 if scale is None else scale
    distance = np.arange(n)[:, None] - np.arange(m)
    seen = np.ones((n, m), dtype=bool)
    if kind == "decoder":
        seen &= distance >= 0
    if window is not None:
        seen &= distance < window
    layers, queries, key_vectors, scores = [], [], [], []
    for _ in range(n_layers):
        q = rng.normal(scale=spread, size=(n_heads, n, n_dims)).astype(np.float32)
        k = rng.normal(scale=spread, size=(n_key_heads or n_heads, m, n_dims)).astype(np.float32)
        shared = np.repeat(k, n_heads // len(k), axis=0)
        made = np.einsum("hqd,hkd->hqk", q.astype(np.float64), shared.astype(np.float64)) * scale
        made = np.where(seen, made - bias * np.abs(distance), np.finfo(np.float32).min)
        if sink:
            learned = rng.normal(size=(n_heads, 1, 1)) + np.zeros((n_heads, n, 1))
            made = np.concatenate([made, learned], axis=2)
        layers.append(softmax(made)[:, :, :m])
        queries.append(q)
        key_vectors.append(k)
        scores.append(made.astype(np.float32))
    return Attention(
        kind,
        ends,
        others,
        Layers.of(layers),
        causal=kind == "decoder",
        parts={"query": tuple(queries), "key": tuple(key_vectors), "scores": tuple(scores)},
        scales=(scale,) * n_layers,
    )
