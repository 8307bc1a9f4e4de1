"""What each head does with one sentence, in a few numbers: the scores by which heads are ordered.

A score is the mean, over the queries that have a choice, of something that can be read off a row of
weights. It describes a head on this sentence: a sentence where the previous token happens to be
what a head is after makes a previous-token head of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attention_gallery.gold import Link
from attention_gallery.language import _
from attention_gallery.terms import Attention, Head

Weights = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HeadScore:
    """One score of all heads.

    Attributes:
        title: What it is, as a phrase: ``attention to the previous token``.
        values: Per layer float64 ``[head]``; NaN for heads it was not computed of.
        unit: What it counts; of a share of attention, from 0 to 1, nothing.
    """

    title: str
    values: tuple[Values, ...]
    unit: str = ""

    @property
    def digits(self) -> int:
        """After the point, where it is printed."""
        return 2 if self.unit else 3

    def __getitem__(self, head: Head) -> float:
        """The score of a head as it is printed: what reads the same counts as the same."""
        return round(float(self.values[head.layer][head.head]), self.digits)

    def told(self, value: float) -> str:
        """A value of this score with its unit."""
        number = f"{value:.{self.digits}f}"
        return f"{number} {self.unit}" if self.unit else number


def head_scores(
    attention: Attention, gold: Iterable[Link] = (), heads: Sequence[Head] | None = None
) -> Mapping[str, HeadScore]:
    """Compute all scores that make sense for an attention.

    Args:
        attention: The weights.
        gold: What is known about the sentence beforehand.
        heads: The heads to compute them of; None for all.

    Returns:
        The scores by name, in the order in which readers are offered them.
    """
    measures = list(_measures(attention, tuple(gold)))
    wanted = None if heads is None else {head.layer for head in heads}
    found: dict[str, list[Values]] = {name: [] for name, *_ in measures}
    for number, n_heads in enumerate(attention.n_heads):
        of_interest = wanted is None or number in wanted
        weights = attention.layers[number] if of_interest else None
        for name, *_told, measure in measures:
            unknown = np.full(n_heads, np.nan)
            found[name].append(unknown if weights is None else measure(weights))
    return {name: HeadScore(title, tuple(found[name]), unit) for name, title, unit, _ in measures}


_Measure = tuple[str, str, str, Callable[[Weights], Values]]


def _measures(attention: Attention, gold: tuple[Link, ...]) -> Iterator[_Measure]:
    """The name, title, unit and formula of each score that makes sense."""
    if gold:
        yield "known", _("attention to what is known to be right"), "", partial(known, links=gold)
    within = attention.kind != "cross"
    first = 1 if attention.causal and len(attention.queries) > 1 else 0
    if within and len(attention.keys) > 1:
        yield "previous", _("attention to the previous token"), "", previous_token
        if not attention.causal:
            yield "next", _("attention to the next token"), "", next_token
        yield "itself", _("attention to the token itself"), "", partial(itself, first=first)
        yield "first", _("attention to the first token"), "", first_token
    special = [i for i, token in enumerate(attention.keys) if token.special]
    if special and not (within and special == [0]):  # of the first there is a score already
        title = _("attention to special tokens")
        yield "special", title, "", partial(share_of, keys=special, first=first)
    patches = [i for i, token in enumerate(attention.keys) if token.patch]
    if patches:
        title = _("attention to the image")
        yield "image", title, "", partial(share_of, keys=patches, first=first)
    if within:
        same = _same_token(attention)
        if same.any():
            title = _("attention to the same word elsewhere")
            yield "same", title, "", partial(same_token, same=same)
        yield "distance", _("mean distance"), _("tokens"), partial(distance, first=first)
    yield "entropy", _("entropy"), _("bits"), partial(entropy, first=first)
    yield "largest", _("largest weight of a row"), "", partial(largest, first=first)


def previous_token(weights: Weights) -> Values:
    """Attention to the token just before: the mean of ``a[i, i - 1]``.

    Source: Clark et al. 2019, section 3.1, doi:10.18653/v1/W19-4828.
    """
    return _mean(np.diagonal(weights, -1, axis1=-2, axis2=-1))


def next_token(weights: Weights) -> Values:
    """Attention to the token just behind: the mean of ``a[i, i + 1]``.

    Source: Clark et al. 2019, section 3.1.
    """
    return _mean(np.diagonal(weights, 1, axis1=-2, axis2=-1))


def itself(weights: Weights, *, first: int = 0) -> Values:
    """Attention of each token to itself: the mean of ``a[i, i]``.

    Source: Clark et al. 2019, section 3.1.
    """
    return _mean(np.diagonal(weights, axis1=-2, axis2=-1)[..., first:])


def first_token(weights: Weights) -> Values:
    """Attention of all other tokens to the first one: the mean of ``a[i, 0]`` over ``i > 0``.

    Source: Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks", section
    3.1, arXiv:2309.17453.
    """
    return _mean(weights[..., 1:, 0])


def share_of(weights: Weights, *, keys: Sequence[int], first: int = 0) -> Values:
    """Attention to some keys together: the mean of the sum of ``a[i, j]`` over these ``j``.

    Source: Clark et al. 2019, section 3.2, of separators and full stops.
    """
    return _mean(weights[..., first:, list(keys)].sum(axis=-1, dtype=np.float64))


def same_token(weights: Weights, *, same: NDArray[np.bool_]) -> Values:
    """Attention to the same word elsewhere: the mean of the sum of ``a[i, j]`` over equal tokens.

    Only tokens count that can see an equal one. Heads that look there are duplicate-token heads.

    Source: Wang et al. 2023, "Interpretability in the Wild", section 3, arXiv:2211.00593.

    Args:
        weights: ``[..., query, key]``.
        same: Which pairs are equal, and seen, ``[query, key]``.
    """
    rows = same.any(axis=-1)
    return _mean(np.where(same, weights, 0).sum(axis=-1, dtype=np.float64)[..., rows])


def known(weights: Weights, *, links: Sequence[Link]) -> Values:
    """Attention to what is known beforehand: the mean over words of what their partners get."""
    gains = [weights[..., link.row, list(link.columns)].sum(axis=-1) for link in links]
    return _mean(np.stack(gains, axis=-1))


def distance(weights: Weights, *, first: int = 0) -> Values:
    """How far away attention goes: the mean of the sum of ``a[i, j] * |i - j|``, in tokens.

    Source: Vig, Belinkov 2019, "Analyzing the Structure of Attention in a Transformer Language
    Model", doi:10.18653/v1/W19-4808; they divide by the sum of all weights, the number of rows.
    """
    n_queries, n_keys = weights.shape[-2:]
    apart = np.abs(np.arange(n_queries)[:, None] - np.arange(n_keys))
    return _mean(np.einsum("...ij,ij->...i", weights.astype(np.float64), apart)[..., first:])


def entropy(weights: Weights, *, first: int = 0) -> Values:
    """How widely attention is spread: the mean of ``-sum(a[i, j] * log2(a[i, j]))``, in bits.

    Spread evenly over 8 keys it is 3 bits. What a learned sink takes away counts as nothing.

    Source: Clark et al. 2019, section 3.3.
    """
    some = np.maximum(weights[..., first:, :], np.finfo(np.float32).tiny)
    return _mean(-np.einsum("...ij,...ij->...i", some, np.log2(some), dtype=np.float64))


def largest(weights: Weights, *, first: int = 0) -> Values:
    """How decided a head is: the mean of the largest weight of each row, its confidence.

    Source: Voita et al. 2019, section 4, doi:10.18653/v1/P19-1580; they leave out the end of the
    sentence as a key.
    """
    return _mean(weights[..., first:, :].max(axis=-1))


def _mean(rows: NDArray[np.floating]) -> Values:
    """The mean over the last axis."""
    means: Values = rows.mean(axis=-1, dtype=np.float64)
    return means


def _same_token(attention: Attention) -> NDArray[np.bool_]:
    """Which pairs of query and key are the same token at two places, ``[query, key]``.

    Capitals make no difference; what is no part of the text repeats for reasons of its own.
    """
    tokens = attention.keys
    texts = np.array([token.text.casefold() for token in tokens])
    of_text = np.array([not (token.special or token.patch) for token in tokens])
    same: NDArray[np.bool_] = (texts[:, None] == texts) & of_text[:, None] & of_text
    np.fill_diagonal(same, val=False)
    return np.tril(same) if attention.causal else same
