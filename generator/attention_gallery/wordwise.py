"""Attention of tokens -> attention of words, for readers who do not think in pieces of words."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from attention_gallery.codes import Layers
from attention_gallery.terms import Attention, Token


def splits_words(attention: Attention) -> bool:
    """Whether some word is more than one token, on either side."""
    return any(len(_runs(side)) < len(side) for side in (attention.queries, attention.keys))


def words_of(tokens: tuple[Token, ...]) -> list[int]:
    """For each token, which of the words it is a part of, as `by_word` lists them."""
    return [word for word, run in enumerate(_runs(tokens)) for _ in run]


def by_word(attention: Attention) -> Attention:
    """The attention of words: looked at as the sum of their tokens, and looking as their mean.

    Rows that add up to 1 still do, and a triangle stays one. What belongs to no word, such as a
    special token, stays itself (Source: Clark et al. 2019, section 4.1, doi:10.18653/v1/W19-4828).

    Returns:
        Its layers are ``[head, query word, key word]``. What weights are made of is left behind,
        and so is what is counted in tokens: predictions and windows.
    """
    queries, keys = _runs(attention.queries), _runs(attention.keys)
    sizes = np.array([len(run) for run in queries])
    return replace(
        attention,
        queries=tuple(map(_word, queries)),
        keys=tuple(map(_word, keys)),
        layers=_layers(attention.layers, sizes, _starts(keys)),
        derived=tuple(
            replace(derived, layers=_layers(derived.layers, sizes, _starts(keys)))
            for derived in attention.derived
        ),
        parts={},
        scales=(),
        predictions=None,
        windows=(),
    )


def _layers(layers: Layers, sizes: NDArray[np.intp], keys: list[int]) -> Layers:
    return Layers.of(_pooled(layer, sizes, keys) for layer in layers)


def _pooled(
    weights: NDArray[np.float32], sizes: NDArray[np.intp], keys: list[int]
) -> NDArray[np.float64]:
    """Sum over the tokens of each key word, mean over those of each query word."""
    summed = np.add.reduceat(weights.astype(np.float64), keys, axis=2)
    queries = [0, *np.cumsum(sizes)[:-1].tolist()]
    pooled: NDArray[np.float64] = np.add.reduceat(summed, queries, axis=1) / sizes[:, None]
    return np.minimum(pooled, 1.0)  # what a sum of rounded weights may exceed by a hair


def _runs(tokens: tuple[Token, ...]) -> list[list[Token]]:
    """Tokens that follow each other and belong to one word, together."""

    def part_of(place: int) -> tuple[int, int, int]:
        token = tokens[place]
        alone = token.special or token.word < 0
        return token.segment, token.word, place if alone else -1

    return [[tokens[i] for i in run] for _, run in groupby(range(len(tokens)), part_of)]


def _starts(runs: list[list[Token]]) -> list[int]:
    return [0, *np.cumsum([len(run) for run in runs])[:-1].tolist()]


def _word(run: list[Token]) -> Token:
    first, last = run[0], run[-1]
    if first is last:
        return first
    span = (first.span[0], last.span[1]) if first.span and last.span else None
    # WordPiece writes two signs before what continues a word, and tokens show them.
    text = first.text + "".join(token.text.removeprefix("##") for token in run[1:])
    return replace(first, text=text, id=-1, span=span)
