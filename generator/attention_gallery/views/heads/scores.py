"""All that is known in numbers about each head: on the probe, on this sentence, and without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import InputError
from attention_gallery.head_scores import head_scores
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Head, Measured

Group = Literal["probe", "sentence", "without", "pair"]
"""What a score is of: what a head does on the probe, or on the sentence of the exhibit; what
becomes of an answer without it; what it carries of the difference between two sentences."""

STANDS_OUT = 0.25
"""A head is named after a pattern that it gives so much more attention than its baselines."""

_SHORT: Mapping[str, str] = {
    "known": marked("sentence: to what is known"),
    "previous": marked("sentence: to previous token"),
    "next": marked("sentence: to next token"),
    "itself": marked("sentence: to itself"),
    "first": marked("sentence: to first token"),
    "special": marked("sentence: to special tokens"),
    "image": marked("sentence: to the image"),
    "same": marked("sentence: to the same word"),
    "largest": marked("sentence: largest weight"),
}
"""What scores of a sentence are called in a control, which has room for 28 letters."""

SIZES = (10, 1000)
"""From the first on effects are told with one decimal, from the second on with none."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One score of all heads.

    Attributes:
        group: What it is of.
        title: What readers call it within its group.
        label: What readers choose it by; no longer than a control is wide.
        values: Of all heads, one layer after the other, float64 ``[head]``, as they are printed.
        unit: What it counts; empty for a share of attention, or of odds.
        signed: Whether it may be negative: an effect.
        digits: After the point; of effects, where they are small.
        gives: Of a pattern, what such a head gives its attention to.
        says: Of a pattern, what such a head does.
        untrained: Of a pattern, the most that a head of an untrained model gives.
        uniform: Of a pattern, what a head of each layer gives that looks at all it sees alike,
            ``[layer]``.
        middle: Of an effect, what a head has that makes no difference: 0, or, where the effect is
            what is left without the head, the effect of all there is.
        of_all: Of an effect, that of all heads at once.
    """

    group: Group
    title: str
    label: str
    values: NDArray[np.float64]
    unit: str = ""
    signed: bool = False
    digits: int = 3
    gives: str = ""
    says: str = ""
    untrained: float = 0.0
    uniform: tuple[float, ...] = ()
    middle: float = 0.0
    of_all: float | None = None

    @property
    def sizes(self) -> NDArray[np.float64]:
        """By how much of it heads are ranked, and coloured: how far each is from the middle."""
        sizes: NDArray[np.float64] = np.abs(self.values - self.middle)
        return sizes

    def named(self, text: str) -> str:
        """A text that names it, with its unit."""
        return f"{text} ({self.unit})" if self.unit else text

    @property
    def limit(self) -> float:
        """The end of its colours: 1 of a share, else the largest size there is.

        From the middle in both directions, where there is one.
        """
        largest = float(self.sizes.max())
        return max(largest, 0.001) if self.signed or self.unit else 1.0

    @property
    def span(self) -> tuple[float, float]:
        """The ends of an axis for it: 0 or its middle, and all there is."""
        baselines = (self.untrained, *self.uniform) if self.group == "probe" else ()
        ends = [self.middle, *self.values.tolist(), *baselines]
        low, high = min(ends), max(ends)
        return low, max(high, low + 0.001)

    @property
    def formats(self) -> tuple[str, str, str]:
        """How values are printed, as d3 has it: those below each of `SIZES`, and larger ones."""
        if self.signed:
            return f"+.{self.digits}f", "+,.1f", "+,.0f"
        return (f".{self.digits}f",) * 3

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
        leading = int(self.all[self.first].sizes.argmax())
        self.start = self.heads.index(shown) if shown else leading

    def of(self, group: Group) -> list[int]:
        """Indices of the scores of a group."""
        return [i for i, score in enumerate(self.all) if score.group == group]

    @property
    def groups(self) -> list[Group]:
        """The groups there are scores of."""
        return list(dict.fromkeys(score.group for score in self.all))

    @property
    def total(self) -> float:
        """The total effect of what two sentences differ in; 0 where there is one only."""
        return rounded_effect(self.patching.facts["total"]) if self.patching else 0.0

    def bar(self, number: int) -> tuple[float, float] | None:
        """The ends of a score's bars in the card; None where there is nothing to hold it against.

        Effects of a group are compared, and so have one scale, on which 0 is, too.
        """
        score = self.all[number]
        if not score.signed:
            return None if score.unit else (0.0, 1.0)
        group = [self.all[i] for i in self.of(score.group)]
        ends = [0.0, *(each.middle for each in group), *np.concatenate([e.values for e in group])]
        low, high = float(min(ends)), float(max(ends))
        return low, max(high, low + 0.001)

    def _opening(self, margins: NDArray[np.float64]) -> tuple[int, int]:
        """What the author went to measure first; or the pattern that the head shown stands out by.

        Who names a second sentence asks which heads carry the difference, whatever else they do.
        Where no head is shown, or it stands out by nothing, it is the pattern that some head
        follows furthest.
        """
        if pair := self.of("pair"):
            return pair[0], pair[1]
        ranked = sorted(self.of("probe"), key=lambda i: -float(margins[i].max()))
        ranked += self.of("sentence")
        shown = self.packed.slots[self.packed.start].single
        at = self.heads.index(shown) if shown else -1
        if at >= 0 and self.named[at]:
            ranked.remove(self.best[at])
            ranked.insert(0, self.best[at])
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
        """What was measured of the heads that are shown.

        Raises:
            InputError: When it was measured of another attention's.
        """
        found = self.packed.measured.get(name)
        kind = self.packed.attention.kind
        if found is not None and found.facts["kind"] != kind:
            raise InputError(
                f"{name} is of {found.facts['kind']} attention, by which the model answers, and "
                f"the exhibit shows {kind} attention",
                hint=f"leave attention out, or {name}",
            )
        return found

    def _patterns(self) -> Iterator[Score]:
        found = self.packed.measured.get("patterns")
        if found is None:
            return
        kind = self.packed.attention.kind
        for pattern, told in found.facts["patterns"].get(kind, {}).items():
            folder = f"{kind}/{pattern}"
            untrained = _flat(found.layers(f"{folder}/untrained"), 3)
            title = _(told["title"])
            yield Score(
                "probe",
                title,
                _("probe: {pattern}").format(pattern=title),
                _flat(found.layers(f"{folder}/trained"), 3),
                gives=_(told["gives"]),
                says=_(told["says"]),
                untrained=float(untrained.max()),
                uniform=tuple(np.round(found.arrays[f"{folder}/uniform"], 3).tolist()),
            )

    def _sentence(self) -> Iterator[Score]:
        for name, score in head_scores(self.packed.attention, self.packed.gold).items():
            values = _flat(score.values, score.digits)
            label = (
                _(_SHORT[name])
                if name in _SHORT
                else _("sentence: {score}").format(score=score.title)
            )
            yield Score("sentence", score.title, label, values, score.unit, digits=score.digits)

    def _effects(self) -> Iterator[Score]:
        if self.ablation:
            unit = _(self.ablation.facts["answer"]["unit"])
            for name, title, label in (
                ("zero", _("nothing in its place"), _("without it: nothing instead")),
                ("mean", _("its mean over this sentence"), _("without it: its mean instead")),
            ):
                yield Score(
                    "without",
                    title,
                    label,
                    _effects(self.ablation, name),
                    unit,
                    signed=True,
                    of_all=rounded_effect(float(self.ablation.arrays[f"{name}/all"])),
                )
        if self.patching:
            facts = self.patching.facts
            for name, title, label in (
                ("indirect", _("indirect effect"), _("pair: indirect effect")),
                ("direct", _("direct effect"), _("pair: direct effect")),
            ):
                yield Score(
                    "pair",
                    title,
                    label,
                    _effects(self.patching, name),
                    signed=True,
                    # Beside a head that carries nothing, all of the difference has its effect.
                    middle=self.total if name == "direct" else 0.0,
                    of_all=rounded_effect(facts[f"{name}_of_all"]),
                )


def effect(value: float, digits: int = 3) -> str:
    """An effect as it is printed: with its sign, and large ones with fewer decimals."""
    return f"{value:+,.{_places(value, digits)}f}".replace("-", "−")


def rounded_effect(value: float, digits: int = 3) -> float:
    """What `effect` prints, as a number; zero has no sign."""
    return round(value, _places(value, digits)) + 0.0


def _places(value: float, digits: int) -> int:
    """How many decimals an effect is told with."""
    some, many = SIZES
    return digits if abs(value) < some else 1 if abs(value) < many else 0


def _effects(found: Measured, folder: str) -> NDArray[np.float64]:
    values = np.concatenate(found.layers(folder))
    return np.array([rounded_effect(float(value)) for value in values])


def _flat(layers: Sequence[NDArray[Any]], digits: int) -> NDArray[np.float64]:
    """Numbers of all heads, one layer after the other, as they are printed."""
    return np.asarray(np.round(np.concatenate(layers), digits) + 0.0, np.float64)
