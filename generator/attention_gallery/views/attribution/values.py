"""What each token adds to an answer, by three methods, as a page prints it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery import charts
from attention_gallery.charts import token_names
from attention_gallery.errors import InputError
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Measured, Token
from attention_gallery.views.attribution.question import LITTLE, unit

LONGEST = 300
"""Tokens of the longest text: more lines would not be read."""

METHODS: Mapping[str, str] = {
    "integrated-gradients": marked("integrated gradients"),
    "input-x-gradient": marked("input × gradient"),
    "saliency": marked("saliency"),
}
"""What a sentence calls each method, the one first shown first."""

TITLES: Mapping[str, str] = {
    "integrated-gradients": marked("Integrated gradients"),
    "input-x-gradient": marked("Input × gradient"),
    "saliency": marked("Saliency"),
}
"""What a control calls them."""

SIGNED = ("integrated-gradients", "input-x-gradient")
"""Those whose numbers say which way."""

_TEXTS = {"encoder": marked("the text it reads"), "decoder": marked("what it has written")}
_HEADINGS = {"encoder": marked("The text it reads"), "decoder": marked("What it has written")}
ZEROS = "nothing at all, zeros,"
"""What a measure calls it when not even a token stands in place of words."""

NOT_YET = marked("not yet")
"""Stands in place of a number of what is written after the answer."""


class Values:
    """The tokens of all texts of a model, one text after the other, and their numbers.

    Attributes:
        answer: What was asked, and what the model answers.
        sides: Of each text what the measure tells of it, by the name of its side.
        words: All tokens.
        starts: Index of the first token of each text.
        names: What a sentence calls each token.
        numbers: By method, one for each token.
        in_both: Indices of the tokens that the text without words has too: their integrated
            gradients are 0 by construction.
        later: Indices of the tokens that are not yet written when the model answers.
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
        self.names: list[str] = []
        self.in_both: list[int] = []
        for side in self.sides:
            first = len(self.words)
            self.starts.append(first)
            self.in_both += [first + index for index in in_both(found, side)]
            self.words += tokens[side]
            named = token_names([Token(text) for text in tokens[side]])
            self.names += [f"“{name}”" for name in named]
        self.numbers: dict[str, NDArray[np.float64]] = {
            method: np.concatenate([found.arrays[f"{side}/{method}"] for side in self.sides])
            for method in METHODS
        }
        self.later = self._later()

    @property
    def unit(self) -> str:
        """Follows a number that says which way."""
        return unit(self.answer)

    @property
    def ends(self) -> list[int]:
        """Index after the last token of each text."""
        return [*self.starts[1:], len(self.words)]

    def _later(self) -> list[int]:
        """What comes after the place of the answer in its own text, and changes nothing."""
        if self.answer["kind"] not in ("next", "translation"):
            return []
        answered = self.starts[-1] + self.answer["at"]
        nothing = ~np.any(list(self.numbers.values()), axis=0)
        return [i for i in range(answered + 1, len(self.words)) if nothing[i]]

    def text_of(self, side: str) -> str:
        """What readers call one of two texts."""
        return _(_TEXTS[side])

    def heading_of(self, side: str) -> str:
        """The same above it."""
        return _(_HEADINGS[side])

    def largest(self, method: str) -> float:
        """The largest number, whichever way."""
        return float(np.abs(self.numbers[method]).max())

    def least(self, method: str) -> float:
        """Numbers below it are next to nothing; 0 where there is no unit to tell."""
        return LITTLE if method in SIGNED and self.unit else 0.0

    def shares(self, method: str) -> list[float]:
        """The numbers as parts of the largest, which stands for something at least."""
        whole = max(self.largest(method), self.least(method)) or 1.0
        return [round(float(number) / whole, 4) for number in self.numbers[method]]

    def printed(self, method: str) -> list[str]:
        """The numbers as they are printed, in so many digits as the largest needs."""
        printed = self._digits(method)
        for index in self.later:
            printed[index] = _(NOT_YET)
        return printed

    def _digits(self, method: str) -> list[str]:
        numbers, largest = self.numbers[method], self.largest(method) or 1.0
        n_places = min(4, max(2, 1 - math.floor(math.log10(largest))))
        sign = "+" if method in SIGNED else ""
        if largest < 0.001:
            return [_typeset(f"{number:{sign}.0e}" if number else "0") for number in numbers]
        return [_number(number, n_places, sign) for number in numbers]


def in_both(found: Measured, side: str) -> list[int]:
    """Tokens that stand in the text without words too, such as what a tokenizer added, or a gap.

    Args:
        found: What the measure ``attribution`` found.
        side: Which of its texts.
    """
    told, numbers = found.facts["sides"][side], found.arrays[f"{side}/integrated-gradients"]
    return [
        index
        for index, token in enumerate(found.facts["tokens"][side])
        if not numbers[index] and (index in told["kept"] or token == filler(told["baseline"]))
    ]


def filler(baseline: str) -> str:
    """What stands in place of every word of the text that says nothing, as a measure tells it."""
    return baseline.removeprefix("the same text with ").removesuffix(" in place of every word")


def signed(number: float) -> str:
    """A sum as it is printed."""
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
