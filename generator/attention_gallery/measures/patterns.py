"""What heads do: how much weight each gives to where a pattern looks, and how much chance would.

A number alone says little: among six keys a head that knows nothing gives each a sixth. So beside
each score stands what a head would get that looks at all it can see alike, and what the heads of
the same architecture get before any training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.language import marked
from attention_gallery.measures.apparatus import probes
from attention_gallery.measures.apparatus.layers import Maps, weights
from attention_gallery.measures.apparatus.probes import Probe
from attention_gallery.measures.apparatus.run import untrained
from attention_gallery.terms import AttentionKind, Head, Pattern

if TYPE_CHECKING:
    from attention_gallery.measures.apparatus.case import Case

TITLE = marked("What heads do, on a probe")
READS: Literal["model"] = "model"
ASKS = False

_SEED = 0

_TOLD: Mapping[Pattern, tuple[str, str, str]] = {
    "previous-token": (
        marked("previous token"),
        marked("the token just before"),
        marked("It looks one token back, and so brings what stands just before."),
    ),
    "next-token": (
        marked("next token"),
        marked("the token just behind"),
        marked("It looks one token ahead, and so brings what comes next."),
    ),
    "first-token": (
        marked("first token"),
        marked("the very first token"),
        marked(
            "It looks at the very first token, whatever that is: many heads rest there when they "
            "find nothing else. That is called a sink."
        ),
    ),
    "self": (
        marked("the token itself"),
        marked("the token itself"),
        marked("It looks at the token itself, and so hands on what is there already."),
    ),
    "duplicate-token": (
        marked("duplicate token"),
        marked("the same token elsewhere"),
        marked("It looks at the same token elsewhere, and so tells that a token comes twice."),
    ),
    "induction": (
        marked("induction"),
        marked("what followed the same token the last time"),
        marked(
            "It looks at what followed the same token the last time: with it a model can go on as "
            "a text went on before."
        ),
    ),
    "separator": (
        marked("separator"),
        marked("the special tokens that end the text"),
        marked(
            "It looks at the special tokens that end a text, such as [SEP], where many heads rest "
            "when they find nothing else."
        ),
    ),
    "same-word": (
        marked("same word"),
        marked("other pieces of the same word"),
        marked(
            "It looks at other pieces of the word that a token is a piece of, and so puts words "
            "together."
        ),
    ),
    "alignment": (
        marked("alignment"),
        marked("the word of the other text that is translated"),
        marked("It looks at the word of the other text that is being translated."),
    ),
}
"""What readers call each pattern, what a head of it gives its attention to, and what it does."""

PerHead = tuple[NDArray[np.float64], ...]
"""One number for each head, per layer ``[head]``."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How far each head follows a pattern, and how far one would by chance.

    Attributes:
        heads: Mean weight on the keys where the pattern looks, from 0 to 1.
        untrained: The same of an untrained model of the same architecture.
        uniform: What a head of each layer would get that looks alike at all keys that it can see,
            ``[layer]``.
        n_rows: Over how many queries means are taken.
    """

    heads: PerHead
    untrained: PerHead
    uniform: NDArray[np.float64]
    n_rows: int


def scores(of: Sequence[Probe], *, seed: int = 0) -> dict[AttentionKind, dict[Pattern, Score]]:
    """Score all heads of a model on all patterns that some probes are for.

    Of each query that has a key where the pattern looks, the weights on all such keys are summed;
    the score is the mean over queries. A query that may see none of them in any layer is not asked:
    there is no score for the next token where no query sees a later key.

    Args:
        of: Probes of one model; at least one.
        seed: Of the weights of the untrained model.

    Returns:
        By kind of attention, and by pattern.

    Raises:
        UnobservableError: When attention cannot be had.
    """
    twin = untrained(of[0].run.network, seed=seed)
    tallies: dict[tuple[AttentionKind, Pattern], _Tally] = {}
    for probe in of:
        trained, before = weights(probe.run), weights(replace(probe.run, network=twin))
        for kind, patterns in probe.wanted.items():
            for pattern, wanted in patterns.items() if kind in trained else ():
                tally = tallies.setdefault((kind, pattern), _Tally())
                tally.add(wanted, trained[kind], before[kind])
    found: dict[AttentionKind, dict[Pattern, Score]] = {}
    for (kind, pattern), tally in tallies.items():
        if tally.n_rows:
            found.setdefault(kind, {})[pattern] = tally.score()
    return found


def best(score: Score, top: int) -> tuple[Head, ...]:
    """The heads that follow a pattern furthest, the furthest first.

    That they come first does not make them good: a model may have no head that follows it at all.
    """
    heads = {
        Head(layer, head): float(weight)
        for layer, weights in enumerate(score.heads)
        for head, weight in enumerate(weights)
    }
    return tuple(sorted(heads, key=lambda head: -heads[head])[:top])


def measure(case: Case) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Score all heads of a model on the same seeded probes: random words said twice, sentences.

    Source: Clark et al. 2019, "What Does BERT Look At?", sections 3.1 and 3.2 (neighbours, itself,
        first token, separator); Xiao et al. 2024, "Efficient Streaming Language Models with
        Attention Sinks" (first token); Olsson et al. 2022, "In-context Learning and Induction
        Heads" (induction); Wang et al. 2023, "Interpretability in the Wild" (duplicate token).

    Returns:
        Arrays, each float64 and a share of attention from 0 to 1, for each kind of attention and
        each pattern that can be asked of it:

        - ``<kind>/<pattern>/trained/<layer>`` ``[head]``: what heads give to where it looks;
        - ``<kind>/<pattern>/untrained/<layer>`` ``[head]``: the same of an untrained model of the
          same architecture;
        - ``<kind>/<pattern>/uniform`` ``[layer]``: what one would give that looks alike at all keys
          that it can see.

        Facts: ``n_probes``, how many texts of random words; ``length``, the words of each, which
        are said twice; ``n_sentences``, how many real sentences; ``seed``, of the words and of the
        untrained weights; ``patterns``, by kind and pattern: ``n_rows``, over how many queries
        means are taken; ``title``, what readers call it; ``gives``, what such a head gives its
        attention to, as a phrase; ``says``, what such a head does, as a sentence.

    Raises:
        CaptureError: When the model is fed something else than text.
        ModelError: When it reads too few tokens, or knows too few words.
        UnobservableError: When its attention cannot be had.
    """
    random = probes.said_twice(case.loaded, seed=_SEED)
    real = probes.sentences(case.loaded)
    arrays: dict[str, NDArray[Any]] = {}
    patterns: dict[str, dict[str, Any]] = {}
    for kind, scored in scores([*random, *real], seed=_SEED).items():
        for pattern, score in scored.items():
            folder = f"{kind}/{pattern}"
            for name, layers in (("trained", score.heads), ("untrained", score.untrained)):
                for number, layer in enumerate(layers):
                    arrays[f"{folder}/{name}/{number}"] = layer.astype(np.float64)
            arrays[f"{folder}/uniform"] = score.uniform
            title, gives, says = _TOLD[pattern]
            patterns.setdefault(kind, {})[pattern] = {
                "n_rows": score.n_rows,
                "title": title,
                "gives": gives,
                "says": says,
            }
    facts = {
        "n_probes": len(random),
        "length": probes.n_words(case.loaded),
        "n_sentences": len(real),
        "seed": _SEED,
        "patterns": patterns,
    }
    return arrays, facts


class _Tally:
    """What is given, probe by probe, to where one pattern looks.

    Attributes:
        n_rows: Over how many queries.
    """

    def __init__(self) -> None:
        self.n_rows = 0
        self._trained: list[PerHead] = []  # of each probe, summed over queries
        self._untrained: list[PerHead] = []
        self._uniform: list[NDArray[np.float64]] = []

    def add(
        self, wanted: NDArray[np.bool_], trained: Sequence[Maps], before: Sequence[Maps]
    ) -> None:
        """Count one probe.

        Args:
            wanted: Where the pattern looks, ``[query, key]``.
            trained: The weights of the model's layers.
            before: Those of the untrained one's.
        """
        # Nothing but a mask keeps an untrained head from giving a key any weight at all.
        visible = [(layer > 0).any(axis=0) for layer in before]
        rows = np.any([(wanted & seen).any(axis=-1) for seen in visible], axis=0)
        self.n_rows += int(rows.sum())
        asked = wanted & rows[:, None]
        self._trained.append(tuple(layer[:, asked].sum(axis=-1) for layer in trained))
        self._untrained.append(tuple(layer[:, asked].sum(axis=-1) for layer in before))
        shares = (seen / seen.sum(axis=-1, keepdims=True) for seen in visible)
        self._uniform.append(np.array([share[asked].sum() for share in shares]))

    def score(self) -> Score:
        """The means over queries."""
        return Score(
            self._means(self._trained),
            self._means(self._untrained),
            np.sum(self._uniform, axis=0) / self.n_rows,
            self.n_rows,
        )

    def _means(self, sums: Sequence[PerHead]) -> PerHead:
        return tuple(np.sum(layer, axis=0) / self.n_rows for layer in zip(*sums, strict=True))
