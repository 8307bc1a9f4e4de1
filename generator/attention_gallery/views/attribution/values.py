"""What each token adds to an answer, by three methods, as a page prints it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery import charts
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.views.attribution.question import asks, gives, quoted

LONGEST = 300
"""Tokens of the longest text: more lines would not be read."""

METHODS: Mapping[str, str] = {
    "integrated-gradients": "integrated gradients",
    "input-x-gradient": "input × gradient",
    "saliency": "saliency",
}
"""What readers call each method, the one first shown first."""

SIGNED = ("integrated-gradients", "input-x-gradient")
"""Those whose numbers say which way."""

_OF_SIDE = {"encoder": "the text it reads", "decoder": "what it has written"}
_MOST = 3  # tokens that are named


class Values:
    """The tokens of all texts of a model, one text after the other, and their numbers.

    Attributes:
        answer: What was asked, and what the model answers.
        sides: Of each text what the measure tells of it, by the name of its side.
        words: All tokens.
        starts: Index of the first token of each text.
        names: What a sentence calls each token.
        numbers: By method, one for each token.
        kept: Indices of the tokens that the text without words has too.
    """

    def __init__(self, packed: Packed) -> None:
        """Read what was measured.

        Raises:
            InputError: When the text is too long to be read.
        """
        found = packed.measured["attribution"]
        self.answer: Mapping[str, Any] = found.facts["answer"]
        self.sides: Mapping[str, Mapping[str, Any]] = found.facts["sides"]
        tokens: Mapping[str, list[str]] = found.facts["tokens"]
        longest = max(len(tokens[side]) for side in self.sides)
        if longest > LONGEST:
            raise InputError(
                f"the view attribution shows at most {LONGEST} tokens, and here are {longest}",
                hint="shorten the text, or take attribution out of the views",
            )
        self.words: list[str] = []
        self.starts: list[int] = []
        self.kept: list[int] = []
        for side, told in self.sides.items():
            self.starts.append(len(self.words))
            self.kept += [len(self.words) + index for index in told["kept"]]
            self.words += tokens[side]
        self.names = [quoted(word) for word in self.words]
        self.numbers: dict[str, NDArray[np.float64]] = {
            method: np.concatenate([found.arrays[f"{side}/{method}"] for side in self.sides])
            for method in METHODS
        }

    @property
    def unit(self) -> str:
        """Of the numbers that say which way; empty for a score, which has none."""
        return " nats" if self.answer["unit"] == "nats" else ""

    @property
    def question(self) -> str:
        """What is asked."""
        return asks(self.answer)

    @property
    def value(self) -> str:
        """What the model answers."""
        return gives(self.answer)

    def text_of(self, side: str) -> str:
        """What readers call one of two texts."""
        return _OF_SIDE[side]

    def largest(self, method: str) -> float:
        """The largest number, whichever way; what all others are shown against."""
        return float(np.abs(self.numbers[method]).max()) or 1.0

    def printed(self, method: str) -> list[str]:
        """The numbers as they are printed, in so many digits as the largest needs."""
        numbers, largest = self.numbers[method], self.largest(method)
        n_places = min(4, max(2, 1 - math.floor(math.log10(largest))))
        sign = "+" if method in SIGNED else ""
        if largest < 0.001:
            return [_typeset(f"{number:{sign}.0e}" if number else "0") for number in numbers]
        return [_number(number, n_places, sign) for number in numbers]

    def legend(self, method: str) -> str:
        """What colours and signs stand for."""
        if method not in SIGNED:
            return "The larger, the more the answer reacts to the token; which way is not told."
        return "Blue and + speak for the answer, orange and − against it."

    def adds_up(self, method: str) -> list[str]:
        """What the numbers sum to, and what that is worth."""
        if method == "saliency":
            return [
                "Saliency is how fast the answer changes when the embedding of a token does. It is "
                "never negative, and sums to nothing in particular."
            ]
        if method == "input-x-gradient":
            total = _signed(float(self.numbers[method].sum()))
            return [
                f"The numbers sum to {total}{self.unit}. They would sum to the answer if the model "
                "were a straight line; it is not, so they need not sum to anything."
            ]
        told = [self._completeness(i, side) for i, side in enumerate(self.sides)]
        if self.kept:
            told.append(
                "Tokens that the tokenizer added stand in both texts: theirs is 0 by making."
            )
        return told

    def in_words(self, method: str) -> str:
        """All that is told of a method, in sentences."""
        parts = [self.question, self.value, self._strongest(method), *self.adds_up(method)]
        return " ".join(parts)

    def _completeness(self, number: int, side: str) -> str:
        """What the numbers of a text sum to, and by how much that misses what it should be."""
        told = self.sides[side]
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.words)
        total = float(self.numbers["integrated-gradients"][self.starts[number] : end].sum())
        difference = told["end"] - told["start"]
        share = f" ({told['error'] / abs(difference):.1%})" if difference else ""
        of = f" of {self.text_of(side)}" if len(self.sides) > 1 else ""
        rough = "" if told["converged"] else " That is more than 1%: take them as rough."
        error = f"{told['error']:.2f}" if told["error"] >= 0.005 else "less than 0.01"
        return (
            f"The numbers{of} sum to {_signed(total)}{self.unit}. The answer differs from that to "
            f"{told['baseline']} by {_signed(difference)}: an error of {error}{share}, with "
            f"{told['steps']} steps.{rough}"
        )

    def _strongest(self, method: str) -> str:
        """The tokens with the largest numbers."""
        numbers, printed = self.numbers[method], self.printed(method)

        def listed(order: NDArray[np.intp]) -> str:
            return ", ".join(f"{self.names[i]} ({printed[i]})" for i in order[:_MOST])

        order = np.argsort(-numbers, kind="stable")
        label = METHODS[method]
        if method not in SIGNED:
            return f"By {label} it reacts most to {listed(order)}."
        speaks = order[numbers[order] > 0]
        against = order[::-1][numbers[order[::-1]] < 0]
        told = [
            f"most speaks for it {listed(speaks)}" if speaks.size else "nothing speaks for it",
            f"most against it {listed(against)}" if against.size else "nothing against it",
        ]
        return f"By {label}, {', '.join(told)}."


def _signed(number: float) -> str:
    return _number(number, 2, "+")


def _number(number: float, n_places: int, sign: str) -> str:
    """What is as good as zero has no sign."""
    rounded = round(number, n_places) + 0.0
    if not rounded:
        return "0" if not number else f"{0:.{n_places}f}"
    return _typeset(f"{rounded:{sign}.{n_places}f}")


def _typeset(number: str) -> str:
    return number.replace("-", "−")


def lines(text: str, n_columns: int) -> list[str]:
    """A text broken between words into lines of so many columns at most."""
    found: list[str] = [""]
    for word in text.split(" "):
        longer = f"{found[-1]} {word}" if found[-1] else word
        if found[-1] and charts.n_columns(longer) > n_columns:
            found.append(word)
        else:
            found[-1] = longer
    return found
