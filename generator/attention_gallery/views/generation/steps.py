"""The steps in which a text is written, in the precision in which a page prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from attention_gallery import charts
from attention_gallery.chances import number
from attention_gallery.errors import InputError
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Predictions, Token

Writer = Literal["author", "model", "tokenizer", ""]
"""Who wrote a token; empty for none."""

WRITERS: Mapping[Writer, str] = {
    "author": marked("the author"),
    "model": marked("the model"),
    "tokenizer": marked("the tokenizer"),
}
"""What a sentence calls them."""

BY: Mapping[Writer, str] = {
    "author": marked("author"),
    "model": marked("model"),
    "tokenizer": marked("tokenizer"),
    "": "",
}
"""What a table calls them."""

LONGEST = 200
"""Tokens of the longest text: more lines would not be read."""

NOTHING = "…"
"""Stands where nothing follows."""

_PLACES = 3  # of a probability; a surprisal has one less


class Steps:
    """Each step reads one token more, and chooses the next.

    Attributes:
        packed: What the exhibit shows; step 0 belongs to row 0 of its maps.
        words: What is read, the start token first, and `NOTHING` where nothing follows the last.
        brief: The same, cut where a sentence would not hold them.
        by: Who wrote the token that follows each step: the author, the model, or, where it is one
            of the marks it adds, the tokenizer.
        likely: For each step the tokens it held likeliest.
        chances: Of these, the probabilities.
        ranks: For each step the place of the token that follows among these; -1 for none.
        given: For each step the probability of that token; 0 where nothing follows.
        rests: For each step what all others have together.
        bits: Its surprisal (Source: Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x, section
            6): minus the binary logarithm of the probability.
        start: The step first shown.
    """

    def __init__(self, packed: Packed) -> None:
        """Round what is told.

        Raises:
            InputError: When it is not known what the model held likely, or the text is too long.
        """
        found = _found(packed)
        # Patches of an image are no words, and take no line.
        n_keys = sum(token.patch is None for token in packed.attention.keys)
        n_tokens = max(packed.n_queries, n_keys)
        if n_tokens > LONGEST:
            raise InputError(
                f"the view generation shows at most {LONGEST} tokens, and here are {n_tokens}",
                hint="shorten the text, or take generation out of the views",
            )
        self.packed = packed
        read = packed.attention.queries
        last = found.follows[-1]
        self.words = [token.text for token in read] + [last.text if last else NOTHING]
        self.brief = [charts.short(word) for word in self.words]
        self.by = [_by(token) for token in found.follows]
        self.likely = [[token.text for token in row] for row in found.likeliest]
        self.chances = np.round(found.probabilities.astype(np.float64), _PLACES)
        self.ranks = [
            next((i for i, token in enumerate(row) if next_ and token.id == next_.id), -1)
            for row, next_ in zip(found.likeliest, found.follows, strict=True)
        ]
        surprisals = found.surprisals.astype(np.float64)
        follows = [token is not None for token in found.follows]
        self.given = np.round(np.where(follows, 2.0**-surprisals, 0), _PLACES)
        self.bits = np.round(surprisals, _PLACES - 1)
        told = self.chances.sum(axis=1) + np.where(np.array(self.ranks) < 0, self.given, 0)
        self.rests = np.round(np.maximum(0, 1 - told), _PLACES)
        self.start = packed.pin

    def __len__(self) -> int:
        return self.packed.n_queries

    def told(self, step: int) -> str:
        """What the token that follows was given; empty where nothing follows."""
        if not self.by[step]:
            return ""
        return _("probability {chance}, surprisal {bits} bits").format(
            chance=number(self.given[step]), bits=f"{self.bits[step]:.2f}"
        )

    def others(self, step: int) -> list[int]:
        """Places of the likeliest tokens that do not follow."""
        return [i for i in range(len(self.likely[step])) if i != self.ranks[step]]

    def names(self) -> list[str]:
        """What a control calls each step: by the place and the text of the token it chooses."""
        return [f"{i} {word}" for i, word in enumerate(self.brief[1:], 1)]


def _by(token: Token | None) -> Writer:
    if token is None:
        return ""
    if token.generated:
        return "model"
    return "tokenizer" if token.special else "author"


def _found(packed: Packed) -> Predictions:
    found = packed.attention.predictions
    if found is None:
        raise InputError(
            "what the model holds likely to come next is not told beside its "
            f"{packed.attention.kind} attention",
            hint="let the exhibit show attention: decoder, or take generation out of the views",
        )
    return found
