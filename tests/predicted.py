"""Attention of a model that writes, with what it held likely: random numbers, no model."""

from __future__ import annotations

import dataclasses

import numpy as np

from attention_gallery.terms import Attention, Predictions, Token

N_WORDS = 50


def predicted(
    source: Attention, *, n_given: int | None = None, last: str = "", seed: int = 0
) -> Attention:
    """Attention with predictions: softmaxed noise over a vocabulary of `N_WORDS`.

    Args:
        source: The attention; its queries are what is read.
        n_given: How many tokens the author wrote; None for all of them.
        last: What follows the last token; empty for nothing.
        seed: Of the noise.
    """
    n = len(source.queries)
    given = n if n_given is None else n_given
    queries = tuple(
        dataclasses.replace(token, generated=i >= given) for i, token in enumerate(source.queries)
    )
    after = Token(last, special=last == "</s>", id=n, generated=given < n) if last else None
    follows = (*queries[1:], after)
    vocabulary = [*queries, after or Token("more", id=n)]
    vocabulary += [Token(f"word{i}", id=i) for i in range(len(vocabulary), N_WORDS)]
    logits = np.random.default_rng(seed).normal(scale=1.5, size=(n, N_WORDS))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    order = np.argsort(-chances, axis=1)[:, :5]
    return dataclasses.replace(
        source,
        queries=queries,
        keys=queries if source.kind == "decoder" else source.keys,
        predictions=Predictions(
            likeliest=tuple(tuple(vocabulary[i] for i in row) for row in order),
            probabilities=np.take_along_axis(chances, order, axis=1).astype(np.float32),
            follows=follows,
            surprisals=np.array(
                [
                    -np.log2(row[token.id]) if token else 0
                    for row, token in zip(chances, follows, strict=True)
                ],
                np.float32,
            ),
        ),
    )
