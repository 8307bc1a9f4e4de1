"""All that is known in numbers about each head: on the probe, on this sentence, and without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.head_scores import head_scores
from attention_gallery.packing import Packed
from attention_gallery.terms import Head, Measured

Group = Literal["probe", "sentence", "without", "pair"]
"""What a score is of: what a head does on the probe, or on the sentence of the exhibit; what
becomes of an answer without it; what it carries of the difference between two sentences."""

STANDS_OUT = 0.25
"""A head is named after a pattern that it gives so much more attention than its baselines."""

_PREFIXES: Mapping[Group, str] = {
    "probe": "probe",
    "sentence": "sentence",
    "without": "without the head",
    "pair": "two sentences",
}
_LARGE = 10  # effects from here on are told without decimals


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One score of all heads.

    Attributes:
        group: What it is of.
        title: What readers call it within its group.
        values: Of all heads, one layer after the other, float64 ``[head]``, as they are printed.
        unit: What it counts; empty for a share of attention, or of odds.
        signed: Whether it may be negative: an effect.
        digits: After the point; of effects, where they are small.
        gives: Of a pattern, what such a head gives its attention to.
        says: Of a pattern, what such a head does.
        untrained: Of a pattern, the most that a head of an untrained model gives.
        uniform: Of a pattern, what a head of each layer gives that looks at all it sees alike,
            ``[layer]``.
    """

    group: Group
    title: str
    values: NDArray[np.float64]
    unit: str = ""
    signed: bool = False
    digits: int = 3
    gives: str = ""
    says: str = ""
    untrained: float = 0.0
    uniform: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        """What readers choose it by."""
        return f"{_PREFIXES[self.group]}: {self.title}"

    def named(self, text: str) -> str:
        """A text that names it, with its unit."""
        return f"{text} ({self.unit})" if self.unit else text

    @property
    def limit(self) -> float:
        """The end of its colours: 1 of a share, else the largest size there is."""
        largest = float(np.abs(self.values).max())
        return max(largest, 0.001) if self.signed or self.unit else 1.0

    @property
    def span(self) -> tuple[float, float]:
        """The ends of an axis for it: 0, and all there is."""
        ends = [0.0, *self.values.tolist(), self.untrained, *self.uniform]
        low, high = min(ends), max(ends)
        return low, max(high, low + 0.001)

    @property
    def formats(self) -> tuple[str, str]:
        """How values are printed, as d3 has it: those below 10, and larger ones."""
        if self.signed:
            return f"+.{self.digits}f", "+,.0f"
        return f".{self.digits}f", f".{self.digits}f"

    def number(self, value: float) -> str:
        """A value as it is printed, without its unit."""
        if self.signed:
            return effect(value, self.digits)
        return f"{value:.{self.digits}f}"

    def told(self, value: float) -> str:
        """A value with its unit."""
        return f"{self.number(value)} {self.unit}".rstrip()


class Scores:
    """The scores of an exhibit, in the order in which readers are offered them.

    Attributes:
        packed: The exhibit.
        heads: All heads of the attention shown, one layer after the other.
        all: The scores.
        ablation, patching: What else was measured of these heads; None where it was not.
        best: For each head the index of the pattern by which it exceeds its baselines most; -1
            where heads are not probed.
        named: For each head whether it stands out by that pattern.
        first, second: Indices of the scores that are shown when the chart opens.
        start: Index of the head that is shown then.
    """

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        attention = packed.attention
        self.heads = [Head(i, j) for i, n in enumerate(attention.n_heads) for j in range(n)]
        self.ablation, self.patching = (self._of_shown(name) for name in ("ablation", "patching"))
        self.all = [*self._patterns(), *self._sentence(), *self._effects()]
        margins = np.array([self._margins(i) for i in self.of("probe")])
        self.best, self.named = [-1] * len(self.heads), [False] * len(self.heads)
        if len(margins):
            self.best = margins.argmax(axis=0).tolist()
            self.named = (margins.max(axis=0) >= STANDS_OUT).tolist()
        self.first, self.second = self._opening(margins)
        shown = packed.slots[packed.start].single
        leading = int(np.abs(self.all[self.first].values).argmax())
        self.start = self.heads.index(shown) if shown else leading

    def of(self, group: Group) -> list[int]:
        """Indices of the scores of a group."""
        return [i for i, score in enumerate(self.all) if score.group == group]

    def _opening(self, margins: NDArray[np.float64]) -> tuple[int, int]:
        """What the author went to measure; or the pattern that some head follows furthest, first.

        Who names a second sentence asks which heads carry the difference, whatever else they do.
        """
        if pair := self.of("pair"):
            return pair[0], pair[1]
        patterns = self.of("probe")
        ranked = sorted(patterns, key=lambda i: -float(margins[i].max()))
        ranked += self.of("sentence")
        effects = self.of("without")
        second = effects[0] if effects else ranked[min(1, len(ranked) - 1)]
        return ranked[0], second

    def _margins(self, number: int) -> NDArray[np.float64]:
        """By how much each head exceeds the larger of its baselines."""
        score = self.all[number]
        uniform = np.array([score.uniform[head.layer] for head in self.heads])
        margins: NDArray[np.float64] = score.values - np.maximum(uniform, score.untrained)
        return margins

    def _of_shown(self, name: str) -> Measured | None:
        """What was measured of the heads that are shown, and of no other attention's."""
        found = self.packed.measured.get(name)
        same = found is not None and found.facts["kind"] == self.packed.attention.kind
        return found if same else None

    def _patterns(self) -> Iterator[Score]:
        found = self.packed.measured.get("patterns")
        if found is None:
            return
        kind = self.packed.attention.kind
        for pattern, told in found.facts["patterns"].get(kind, {}).items():
            folder = f"{kind}/{pattern}"
            untrained = _flat(found.layers(f"{folder}/untrained"), 3)
            yield Score(
                "probe",
                told["title"],
                _flat(found.layers(f"{folder}/trained"), 3),
                gives=told["gives"],
                says=told["says"],
                untrained=float(untrained.max()),
                uniform=tuple(np.round(found.arrays[f"{folder}/uniform"], 3).tolist()),
            )

    def _sentence(self) -> Iterator[Score]:
        for score in head_scores(self.packed.attention, self.packed.gold).values():
            values = _flat(score.values, score.digits)
            yield Score("sentence", score.title, values, score.unit, digits=score.digits)

    def _effects(self) -> Iterator[Score]:
        if self.ablation:
            unit = self.ablation.facts["answer"]["unit"]
            for name, title in (
                ("mean", "its mean in its place"),
                ("zero", "nothing in its place"),
            ):
                yield Score("without", title, _effects(self.ablation, name), unit, signed=True)
        if self.patching:
            for name in ("indirect", "direct"):
                values = _effects(self.patching, name)
                yield Score("pair", f"{name} effect", values, signed=True)


def effect(value: float, digits: int = 3) -> str:
    """An effect as it is printed: with its sign, and large ones without decimals."""
    places = digits if abs(value) < _LARGE else 0
    return f"{value:+,.{places}f}".replace("-", "−")


def rounded_effect(value: float, digits: int = 3) -> float:
    """What `effect` prints, as a number; zero has no sign."""
    return round(value, digits if abs(value) < _LARGE else 0) + 0.0


def _effects(found: Measured, folder: str) -> NDArray[np.float64]:
    values = np.concatenate(found.layers(folder))
    return np.array([rounded_effect(float(value)) for value in values])


def _flat(layers: Sequence[NDArray[Any]], digits: int) -> NDArray[np.float64]:
    """Numbers of all heads, one layer after the other, as they are printed."""
    return np.asarray(np.round(np.concatenate(layers), digits) + 0.0, np.float64)
