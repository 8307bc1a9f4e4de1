"""The places of a text, in words, and in the precision in which a page prints them."""

from __future__ import annotations

import numpy as np

from attention_gallery import charts
from attention_gallery.chances import LEAST, number
from attention_gallery.charts import quoted
from attention_gallery.errors import InputError
from attention_gallery.language import _, ngettext
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
        """What the model was asked there: the heading of a list."""
        word = quoted(self.words[place])
        if not (self.likely[place] or self.told(place)):
            if self.kind == "api":
                return _("About {word} nothing was told").format(word=word)
            return _("About {word} nothing was asked").format(word=word)
        if self.words[place] == NOTHING and place == len(self) - 1 and not self.told(place):
            return _("After the end, the model expected")
        if self.kind == "gap":
            if self.told(place):
                return _("With {word} hidden, the model expected").format(word=word)
            return _("In the gap {word}, the model expected").format(word=word)
        return _("Where {word} stands, the model expected").format(word=word)

    def expects(self, place: int) -> str:
        """The same with what it held likeliest there, as a sentence."""
        asks = self.asks(place)
        if not self.likely[place]:
            told = _("{asked}: others are not told.") if self.told(place) else _("{asked}.")
            return told.format(asked=asks)
        first, *others = (
            f"{quoted(guess)} {number(chance)}"
            for rank, (guess, chance) in enumerate(
                zip(self.likely[place], self.chances[place], strict=True)
            )
            if rank < _SAID and (not rank or chance >= LEAST)
        )
        told = _("{asked}: {first}, then {others}.") if others else _("{asked}: {first}.")
        return told.format(asked=asks, first=first, others=", ".join(others))

    def tells(self, place: int) -> str:
        """How likely and how surprising what stands there is, or why that is not told."""
        word = quoted(self.words[place])
        if self.told(place):
            chance = number(self.given[place])
            return _("{word} had probability {chance}, a surprisal of {surprisal} bits.").format(
                word=word, chance=chance, surprisal=f"{self.bits[place]:.2f}"
            )
        if self.kind == "api":
            return _("How likely {word} was is not told.").format(word=word)
        if self.likely[place]:
            return _("Nothing stands there to be surprised by.")
        if self.kind == "gap":
            return _("The tokenizer added it.")
        return _("No token stands before it.")

    def in_words(self, place: int) -> str:
        """All that is told of a place."""
        return f"{self.expects(place)} {self.tells(place)}"

    def on_the_whole(self) -> str:
        """How surprising the text is, and its most surprising tokens.

        Source of pseudo-perplexity: Salazar et al. 2020, arXiv:1910.14659, section 2.
        """
        told = [place for place in range(len(self)) if self.told(place)]
        if not told:
            return self._saved() + _("Of no token it is told how surprising it was.")
        mean = float(np.nanmean(self._surprisals))
        most = sorted(told, key=lambda place: -self.bits[place])[:_SAID]
        listed = ", ".join(
            _("“{token}” ({surprisal} bits)").format(
                token=self._calls[place], surprisal=f"{self.bits[place]:.2f}"
            )
            for place in most
        )
        if self.kind == "gap":
            on_average = ngettext(
                "The surprisal of the token is {mean} bits on average: as much as of a choice "
                "among {amount} tokens that are equally likely (the pseudo-perplexity of the "
                "text).",
                "The surprisal of the {n} tokens is {mean} bits on average: as much as of a choice "
                "among {amount} tokens that are equally likely (the pseudo-perplexity of the "
                "text).",
                len(told),
            )
        else:
            on_average = ngettext(
                "The surprisal of the token is {mean} bits on average: as much as of a choice "
                "among {amount} tokens that are equally likely (the perplexity of the text).",
                "The surprisal of the {n} tokens is {mean} bits on average: as much as of a choice "
                "among {amount} tokens that are equally likely (the perplexity of the text).",
                len(told),
            )
        whole = on_average.format(n=len(told), mean=f"{mean:.2f}", amount=_amount(2**mean))
        return f"{self._saved()}{whole} " + _("Most surprising: {listed}.").format(listed=listed)

    def _saved(self) -> str:
        """Where the numbers are from, if they are not from here."""
        if self.kind != "api":
            return ""
        if self.model:
            saved = _("Saved from an API, of the model {model}.").format(model=quoted(self.model))
        else:
            saved = _("Saved from an API.")
        return f"{saved} "

    def _start(self, pin: int) -> int:
        """The place that is pinned, where something was asked; else the most surprising one."""
        if self.kind != "api" and pin < len(self) and self.likely[pin]:
            return pin
        return max(range(len(self)), key=lambda place: self.bits[place])


def _amount(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"
