"""The alignment error rate: how far what a head links is from what is known to belong together.

A head links each word of the target to the word of the source that gets most of its weight. Only
target words about which something is known make a link; others could be neither right nor wrong.

A row of cross-attention is that of a decoder which has read one token and is about to write the
next. It can be named after either, and on the name depends which row a word's is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.gold import Link
from attention_gallery.terms import Token

Naming = Literal["written", "read"]
"""What a row is named after: the token that is about to be written, or the one just read."""

NAMINGS: tuple[Naming, ...] = ("written", "read")
"""The first of them is that under which trained translators align words."""

Pair = tuple[int, int]
"""A word of the target and a word of the source, by their numbers."""


def error_rate(made: Set[Pair], sure: Set[Pair], possible: Set[Pair]) -> float:
    """Compute the alignment error rate: 0 where all is right, 1 where nothing is.

    AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|) of the links made, A, where a sure link, S, has to
    be made, and a possible one, P, may be. Sure links are possible too.

    Source: Och, Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models",
    doi:10.1162/089120103321337421.
    """
    return 1 - (len(made & sure) + len(made & possible)) / (len(made) + len(sure))


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known about a translation, in words.

    Attributes:
        tokens: For each target word that something is known of, the queries that are the word.
        partners: For each of them, the numbers of the source words it goes with.
        first_keys: Of each source word, the key that begins it.
    """

    tokens: tuple[tuple[int, ...], ...]
    partners: tuple[frozenset[int], ...]
    first_keys: tuple[int, ...]

    @classmethod
    def of(cls, gold: Sequence[Link], keys: Sequence[Token]) -> Reference:
        """Put what is known of tokens in words.

        Args:
            gold: What is known; the words are as their author wrote them.
            keys: The source. Tokens of one word count as one, unless something is known of only
                one of them: *l'accord* is a word as words are cut here, and *l'* has a partner of
                its own.
        """
        known = [frozenset(i for i, link in enumerate(gold) if k in link.columns)
                 for k in range(len(keys))]  # fmt: skip
        first_keys = [0]
        for a, b in pairwise(range(len(keys))):
            if keys[a].word < 0 or keys[a].word != keys[b].word or known[a] != known[b]:
                first_keys.append(b)
        words = np.searchsorted(first_keys, range(len(keys)), side="right") - 1
        return cls(
            tuple(link.tokens for link in gold),
            tuple(frozenset(words[list(link.columns)].tolist()) for link in gold),
            tuple(first_keys),
        )

    def made(self, weights: NDArray[np.floating[Any]], naming: Naming) -> tuple[int, ...]:
        """The source word that each target word is linked to.

        A source word of several tokens gets what they get together; a target word of several gives
        the mean of what they give (Source: Clark et al. 2019, section 4.1,
        doi:10.18653/v1/W19-4828).

        Args:
            weights: Of one map, ``[query, key]``.
            naming: Decides which rows are a word's.

        Returns:
            The numbers of source words, one for each of `tokens`.
        """
        by_word = np.add.reduceat(weights.astype(np.float64), self.first_keys, axis=1)
        before = 1 if naming == "written" else 0
        share = np.zeros((len(self.tokens), len(weights)))
        for i, tokens in enumerate(self.tokens):
            share[i, [token - before for token in tokens]] = 1 / len(tokens)
        return tuple((share @ by_word).argmax(axis=1).tolist())

    def right(self, made: Iterable[int]) -> tuple[bool, ...]:
        """Which of the links made are known to be right."""
        return tuple(word in partners for word, partners in zip(made, self.partners, strict=True))

    def error(self, made: Iterable[int]) -> float:
        """The alignment error rate of links: what goes with one source word makes a sure link.

        Where it goes with several, be they partners of their own or the words of one, each is a
        possible link, for a word is linked once and cannot reach them all: for *New York* either
        half is right.
        """
        possible = {(i, word) for i, partners in enumerate(self.partners) for word in partners}
        sure = {(i, word) for i, word in possible if len(self.partners[i]) == 1}
        return error_rate(set(enumerate(made)), sure, possible)
