"""What a model would say after each layer, in words, and in the precision of a page."""

from __future__ import annotations

import numpy as np

from attention_gallery import charts
from attention_gallery.chances import LEAST, number, number_expr
from attention_gallery.charts import quoted, spoken
from attention_gallery.errors import InputError
from attention_gallery.language import _
from attention_gallery.packing import Packed

LONGEST = 300
"""Tokens of the longest text: more pages would not be turned."""

_PLACES = 3  # of a probability; a number of bits has one less
_SAID = 3  # of the likeliest tokens
_NAME = 12  # letters of a token beside a slider
_CELLS = 4000  # more of them tell of fewer tokens each


class States:
    """What is likeliest at each token after each layer; state 0 is before the first.

    Attributes:
        layers: The layer before each state but the first, which has none.
        names: What each state is called, the words themselves first.
        words: The token that the model reads at each place.
        vocabulary: All tokens that it would say somewhere.
        likely: The likeliest, by their numbers in `vocabulary`: ``[state][place][guess]``.
        chances: Of these, the probabilities.
        of_last: The probability of what is said in the end, ``[state][place]``.
        ranks: Which of the likeliest that is; -1 for none.
        entropies: How undecided the model is, in bits: ``[state][place]``.
        place, start: The place and the state first shown.
    """

    def __init__(self, packed: Packed) -> None:
        """Round what is told.

        Raises:
            InputError: When the text is too long.
        """
        measured = packed.measured["lens"]
        facts, arrays = measured.facts, measured.arrays
        self.layers = layers(facts["states"])
        self.names = names(self.layers)
        self.words: list[str] = facts["tokens"]
        if len(self.words) > LONGEST:
            raise InputError(
                f"the view lens shows at most {LONGEST} tokens, and here are {len(self.words)}",
                hint="shorten the text, or take lens out of the views",
            )
        n_guesses = 5 if len(self.names) * len(self.words) <= _CELLS else _SAID
        logs, last = arrays["log_probability"][..., :n_guesses], arrays["of_last"]
        texts = np.array(facts["guesses"], dtype=object)[..., :n_guesses]
        self.vocabulary: list[str] = sorted(set(texts.flat))
        numbers = {text: number for number, text in enumerate(self.vocabulary)}
        self.likely: list[list[list[int]]] = np.vectorize(numbers.__getitem__)(texts).tolist()
        self.chances: list[list[list[float]]] = np.round(np.exp(logs), _PLACES).tolist()
        self.of_last: list[list[float]] = np.round(np.exp(last), _PLACES).tolist()
        # Two tokens may be written alike; no two have the same number but one.
        same = logs == last[..., None]
        self.ranks: list[list[int]] = np.where(same.any(-1), same.argmax(-1), -1).tolist()
        bits = np.abs(np.round(arrays["entropy"], _PLACES - 1))  # and no -0
        self.entropies: list[list[float]] = bits.tolist()
        self.place = min(packed.pin, len(self.words) - 1)
        self.start = self.settled(self.place)

    def first(self, place: int) -> int:
        """The first state in which what is said in the end is the likeliest."""
        return next(state for state, row in enumerate(self.ranks) if row[place] == 0)

    def settled(self, place: int) -> int:
        """The first state from which on it always is."""
        others = [state for state, row in enumerate(self.ranks) if row[place] != 0]
        return others[-1] + 1 if others else 0

    def last(self, place: int) -> str:
        """What is said in the end."""
        return self.vocabulary[self.likely[-1][place][0]]

    def place_names(self) -> list[str]:
        """What a control calls each token."""
        return [f"{place} {charts.short(word, _NAME)}" for place, word in enumerate(self.words)]

    def stage(self, state: int) -> str:
        """When it is, within a sentence."""
        return self.names[state] if state else _("before the first layer")

    def since(self, place: int) -> str:
        """From which layer on what is said in the end is the likeliest."""
        first, settled = self.first(place), self.settled(place)
        if not settled:
            return _("from the words on")
        layer = self.layers[settled]
        if first == settled:
            return _("from {layer} on").format(layer=layer)
        return _("first {stage}, for good from {layer} on").format(
            stage=self.stage(first), layer=layer
        )

    def end(self, place: int) -> str:
        """What is said in the end, and since when."""
        return _("In the end: {token} {chance}, the likeliest {since}.").format(
            token=quoted(self.last(place)),
            chance=number(self.of_last[-1][place]),
            since=self.since(place),
        )

    def in_words(self, state: int, place: int) -> str:
        """All that is told of a cell."""
        first, *others = (
            f"{quoted(self.vocabulary[guess])} {number(chance)}"
            for rank, (guess, chance) in enumerate(
                zip(self.likely[state][place], self.chances[state][place], strict=True)
            )
            if rank < _SAID and (not rank or chance >= LEAST)
        )
        told = _said(several=bool(others)).format(
            token=quoted(self.words[place]),
            stage=self.stage(state),
            first=first,
            others=", ".join(others),
        )
        return f"{told} {self.end(place)}"

    def said(self, state: str, place: str) -> str:
        """A Vega expression for the same."""
        cell = f"[{state}][{place}]"
        first, *others = (
            f"{quoted_expr(f'vocabulary[likely{cell}[{i}]]')} + ' ' + "
            + number_expr(f"chances{cell}[{i}]")
            for i in range(min(_SAID, len(self.likely[0][0])))
        )
        parts = {"token": quoted_expr(f"words[{place}]"), "stage": f"stages[{state}]"}
        told = spoken(_said(several=False), first=first, **parts)
        if others:
            more = " + ".join(
                f"(chances{cell}[{i}] < {LEAST} ? '' : ', ' + {other})" if i > 1 else other
                for i, other in enumerate(others, 1)
            )
            listed = spoken(_said(several=True), first=first, others=more, **parts)
            told = f"(chances{cell}[1] < {LEAST} ? {told} : {listed})"
        return f"{told} + ' ' + ends[{place}]"

    def on_the_whole(self) -> str:
        """From which layer on half of the answers are there."""
        settled = sorted(map(self.settled, range(len(self.words))))
        half = settled[(len(settled) - 1) // 2]
        if len(settled) == 1:
            return ""
        if half:
            told = _(
                "Only from {layer} on, at least half of the {n} tokens have their final answer."
            )
        else:
            told = _(
                "Before the first layer, at least half of the {n} tokens have their final answer."
            )
        return told.format(layer=self.layers[half], n=len(settled))


def layers(states: list[str]) -> list[str]:
    """The layer that left each of some states, as a measure tells them: none left the first."""
    return ["", *(state.removeprefix("after ") for state in states[1:])]


def names(layers: list[str]) -> list[str]:
    """What readers call the states that these layers left."""
    return [_("words"), *(_("after {layer}").format(layer=layer) for layer in layers[1:])]


def quoted_expr(text: str) -> str:
    """A Vega expression for `quoted`."""
    return f"'“\u2068' + truncate({text}, 30) + '\u2069”'"


def _said(*, several: bool) -> str:
    """What is said of a cell, to be filled in by the build, or by the chart."""
    if several:
        return _("At {token}, {stage}: {first}, then {others}.")
    return _("At {token}, {stage}: {first}.")
