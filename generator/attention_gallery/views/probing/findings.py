"""What probes found, in the precision in which a page prints it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_gallery.language import _
from attention_gallery.terms import Measured
from attention_gallery.views.lens.states import layers, names

_PLACES = 2  # a test of a hundred words tells no more


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The accuracy of probes at each state.

    Attributes:
        mean: Over repeats, ``[state]``.
        lowest: The worst repeat, ``[state]``.
        highest: The best one, ``[state]``.
    """

    mean: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]

    @classmethod
    def of(cls, shares: NDArray[np.float64]) -> Curve:
        """Round what was measured, ``[repeat, state]``."""
        each = (shares.mean(axis=0), shares.min(axis=0), shares.max(axis=0))
        return cls(*(np.round(numbers, _PLACES) for numbers in each))

    def range(self, state: int) -> str:
        """From the worst repeat to the best one."""
        low, high = number(self.lowest[state]), number(self.highest[state])
        return _("{low} to {high}").format(low=low, high=high)


class Findings:
    """What probes found.

    Attributes:
        layers: The layer before each state but the first, which has none.
        states: What each state is called.
        real: How well labels are told.
        control: How well random ones are.
        majority: How often the most frequent label is right.
        start: The state first shown: where labels are told best beyond random ones.
        labels: The labels, the most frequent first.
        n_labels: How many labels were given, all in all.
        n_sentences: In how many sentences.
        n_repeats: How often probes were trained.
        of_texts: Whether labels are of whole texts, and not of words.
        known: The share of tested words that are in training too.
        file: The name of the file of labels.
    """

    def __init__(self, measured: Measured) -> None:
        facts = measured.facts
        self.layers = layers(facts["states"])
        self.states = names(self.layers)
        self.real = Curve.of(measured.arrays["accuracy"])
        self.control = Curve.of(measured.arrays["control"])
        self.majority = round(float(measured.arrays["majority"].mean()), _PLACES)
        self.start = int(self._differences.argmax())
        self.labels = list(facts["labels"])
        self.n_labels = sum(facts["labels"].values())
        self.n_sentences = int(facts["n_sentences"])
        self.n_repeats = int(facts["repeats"])
        self.of_texts = facts["of"] == "texts"
        self.known = float(facts["known"])
        self.file = str(facts["file"])

    @property
    def _differences(self) -> NDArray[np.float64]:
        # Of what is printed, so that the numbers on a page add up.
        return np.round(self.real.mean - self.control.mean, _PLACES)

    def difference(self, state: int) -> float:
        """How much better labels are told than random ones."""
        return float(self._differences[state])

    def more(self, state: int) -> str:
        """The same with its sign."""
        return f"{self.difference(state):+.{_PLACES}f}".replace("-", "\u2212")


def number(share: float) -> str:
    """An accuracy as it is printed."""
    return f"{share:.{_PLACES}f}"
