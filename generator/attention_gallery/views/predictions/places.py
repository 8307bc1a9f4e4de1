"""The places of a text, in words, and in the precision in which a page prints them."""

from __future__ import annotations

import numpy as np

from attention_gallery import charts
from attention_gallery.chances import LEAST, number
from attention_gallery.charts import quoted
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import Token

LONGEST = 300
"""Tokens of the longest text: more lines would not be read."""

NOTHING = "…"
"""Stands after the end."""

_PLACES = 3  # of a probability; a surprisal has one less
_SAID = 3  # of the likeliest tokens, and of the most surprising ones
_NAME = 12  # letters of a token beside a slider


class Places:
    """What stands at each place of a text, and what a model expected there.

    Attributes:
        kind: What the model was asked: ``next``, ``translation``, ``gap``; or ``api``, what an API
            told of an answer of its own.
        model: What an API calls the model; empty for what was measured here.
        words: What stands there; `NOTHING` after the end.
        bits: How surprising that is; -1 where that is not told.
        given: The probability of it; 0 where that is not told.
        likely: The tokens held likeliest there; none where nothing was asked.
        chances: Of these, the probabilities.
        ranks: Which of these stands there; -1 for none.
        rests: What all other tokens have together.
        start: The place first shown.
    """

    def __init__(self, packed: Packed) -> None:
        """Round what is told.

        Raises:
            InputError: When the text is too long.
        """
        measured = packed.measured["predictions"]
        facts = measured.facts
        self.kind: str = facts["kind"]
        self.model: str = facts.get("model", "")
        self.words = [text or NOTHING for text in facts["tokens"]]
        n_tokens = sum(map(bool, facts["tokens"]))
        if n_tokens > LONGEST:
            raise InputError(
                f"the view predictions shows at most {LONGEST} tokens, and here are {n_tokens}",
                hint="shorten the text, or take predictions out of the views",
            )
        surprisals = self._surprisals = measured.arrays["surprisal"]
        told = ~np.isnan(surprisals)
        self.bits: list[float] = np.where(told, np.round(surprisals, _PLACES - 1), -1).tolist()
        given = np.exp2(-np.where(told, surprisals, np.inf))
        self.given: list[float] = np.round(given, _PLACES).tolist()
        self.likely: list[list[str]] = facts["guesses"]
        self.chances = [
            np.round(row[: len(texts)], _PLACES).tolist()
            for row, texts in zip(measured.arrays["probability"], self.likely, strict=True)
        ]
        self.ranks: list[int] = facts["ranks"]
        own = [
            0.0 if rank >= 0 else chance
            for rank, chance in zip(self.ranks, self.given, strict=True)
        ]
        self.rests = [
            round(max(0.0, 1 - sum(chances) - chance), _PLACES)
            for chances, chance in zip(self.chances, own, strict=True)
        ]
        self._calls = charts.token_names([Token(word) for word in self.words])
        self.start = self._start(packed.pin)

    def __len__(self) -> int:
        return len(self.words)

    def told(self, place: int) -> bool:
        """Whether it is told how surprising what stands there is."""
        return self.bits[place] >= 0

    def names(self) -> list[str]:
        """What a control calls each place."""
        return [f"{place} {charts.short(word, _NAME)}" for place, word in enumerate(self.words)]

    def asks(self, place: int) -> str:
        """What the model was asked there."""
        word = quoted(self.words[place])
        if not (self.likely[place] or self.told(place)):
            return f"About {word} nothing was {'told' if self.kind == 'api' else 'asked'}"
        if self.words[place] == NOTHING and place == len(self) - 1 and not self.told(place):
            return "After the end, the model expected"
        if self.kind == "gap":
            return (
                f"With {word} hidden, the model expected"
                if self.told(place)
                else (f"In the gap {word}, the model expected")
            )
        return f"Where {word} stands, the model expected"

    def gives(self, place: int) -> str:
        """What it held likeliest there, going on from `asks`."""
        if not self.likely[place]:
            return ": others are not told. " if self.told(place) else ". "
        first, *others = (
            f"{quoted(guess)} {number(chance)}"
            for rank, (guess, chance) in enumerate(
                zip(self.likely[place], self.chances[place], strict=True)
            )
            if rank < _SAID and (not rank or chance >= LEAST)
        )
        return f": {first}, then {', '.join(others)}. " if others else f": {first}. "

    def tells(self, place: int) -> str:
        """How likely and how surprising what stands there is, or why that is not told."""
        word = quoted(self.words[place])
        if self.told(place):
            chance = number(self.given[place])
            return f"{word} had probability {chance}, a surprisal of {self.bits[place]:.2f} bits."
        if self.kind == "api":
            return f"How likely {word} was is not told."
        if self.likely[place]:
            return "Nothing stands there to be surprised by."
        if self.kind == "gap":
            return "The tokenizer added it."
        return "No token stands before it."

    def in_words(self, place: int) -> str:
        """All that is told of a place."""
        return self.asks(place) + self.gives(place) + self.tells(place)

    def on_the_whole(self) -> str:
        """How surprising the text is, and its most surprising tokens.

        Source of pseudo-perplexity: Salazar et al. 2020, arXiv:1910.14659, section 2.
        """
        told = [place for place in range(len(self)) if self.told(place)]
        saved = "Saved from an API" + (
            f", of the model {quoted(self.model)}. " if self.model else ". "
        )
        before = saved if self.kind == "api" else ""
        if not told:
            return f"{before}Of no token it is told how surprising it was."
        mean = float(np.nanmean(self._surprisals))
        name = "pseudo-perplexity" if self.kind == "gap" else "perplexity"
        most = sorted(told, key=lambda place: -self.bits[place])[:_SAID]
        listed = ", ".join(
            f"“{self._calls[place]}” ({self.bits[place]:.2f} bits)" for place in most
        )
        tokens = "token" if len(told) == 1 else f"{len(told)} tokens"
        return (
            f"{before}The surprisal of the {tokens} is {mean:.2f} bits on average: as much as of a "
            f"choice among {_amount(2**mean)} tokens that are equally likely (the {name} of the "
            f"text). Most surprising: {listed}."
        )

    def _start(self, pin: int) -> int:
        """The place that is pinned, where something was asked; else the most surprising one."""
        if self.kind != "api" and pin < len(self) and self.likely[pin]:
            return pin
        return max(range(len(self)), key=lambda place: self.bits[place])


def _amount(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"
