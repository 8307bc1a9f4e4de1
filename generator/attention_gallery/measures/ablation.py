"""Does a head matter? What becomes of an answer when one head is silenced.

A head that looks at something need not be heard. Ablation asks what the model answers without what
one head hands on: with nothing in its place, or with what it hands on on average, which takes away
only what is particular to a place. A mean over the sentence itself can hide what a head does: where
all of its rows look at the same word, the mean is what it hands on everywhere, and nothing is taken
away. Heads work together, and may stand in for one another, so that the effects of single heads
need not add up to that of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.intervention import Handed, handed_on
from attention_gallery.capture.seam.sites import Site
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.replacing import (
    PerHead,
    by_layer,
    each_head,
    every_head,
    layers_of,
    natural,
    per_head,
    replaced,
)
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.terms import AttentionKind

if TYPE_CHECKING:
    from torch import Tensor

    from attention_gallery.measures.apparatus.case import Case
    from attention_gallery.measures.apparatus.run import Run

TITLE = marked("What becomes of an answer without a head")
READS: Literal["sentence"] = "sentence"
ASKS = True

By = Literal["zero", "mean"]
"""What a head hands on instead of its own: nothing, or its mean over places."""


@dataclass(frozen=True, slots=True, eq=False)
class Ablation:
    """What becomes of a target when each head is silenced on its own.

    Attributes:
        plain: The target as the model answers it; nats, or logits of a class.
        effects: The target without a head, less `plain`, ``[layer, head]``: what is negative was
            helped by the head, what is positive was held back by it.
        of_all: The target without all of these heads at once, less `plain`.
    """

    plain: float
    effects: PerHead
    of_all: float


def measure(case: Case) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Silence each head of the attention that readers see by default, and all of them at once.

    That is cross-attention where a model has it, or else that of the text.

    Returns:
        Arrays, each float64 and the change of what is asked about, in nats, or, where that is a
        class, in logits: ``zero/<layer>`` and ``mean/<layer>`` ``[head]``, of each head on its own,
        which hands on nothing, or its mean over the sentence; ``zero/all`` and ``mean/all``
        without axes, of all heads at once.

        Facts: ``kind``, which attention's heads; ``answer``, what is asked about: see
        `answers.Asked.facts`.

    Raises:
        CaptureError: When the heads of the model cannot be changed, or it predicts nothing.
        InputError: When it gives no such answer.
    """
    run, asked = case.run(), case.asked()
    kind = natural(run)
    ways: tuple[By, ...] = ("zero", "mean")
    arrays: dict[str, NDArray[Any]] = {}
    for by in ways:
        found = ablation(run, asked.target, kind, by=by)
        arrays |= by_layer(by, found.effects)
        arrays[f"{by}/all"] = np.array(found.of_all)
    return arrays, {"kind": kind, "answer": asked.facts()}


def ablation(
    run: Run,
    target: Target,
    attention: AttentionKind | None = None,
    *,
    by: By = "zero",
    over: Sequence[Mapping[str, Tensor]] = (),
) -> Ablation:
    """Silence each head on its own, at all places of a sentence at once.

    Source: Michel et al. 2019, "Are Sixteen Heads Really Better than One?", arXiv:1905.10650,
    section 3.2 (zero: heads are masked when a trained model runs, one at a time); Wang et al. 2022,
    "Interpretability in the Wild", arXiv:2211.00593, section 2.1 (mean: over a reference
    distribution of sentences).

    Args:
        run: The model, and the sentence.
        target: What is asked about.
        attention: Which kind of attention's heads; None for the only one.
        by: What a head hands on instead.
        over: Inputs of the sentences that a mean is taken over, all their places alike; the
            sentence itself where there are none, whose mean can hide what a head does.

    Raises:
        CaptureError: When the heads of the model cannot be changed, it is not said of which kind of
            attention, or the model predicts nothing.
    """
    handed = handed_on(run.network, run.inputs)
    layers = layers_of(handed, attention)
    silence = _means([handed_on(run.network, other) for other in over] or [handed])

    def instead(site: Site, head: int, handed: Handed) -> Tensor:
        row = silence[site][head] if by == "mean" else handed.output.new_zeros(1)
        return row.expand_as(handed.output[0, :, head])

    plain, found = each_head(run, handed, layers, instead, target.of)
    [of_all] = replaced(run, [every_head(layers)], instead, target.of).tolist()
    return Ablation(plain, per_head(found - plain, layers), of_all - plain)


def _means(handed: Sequence[Mapping[Site, Handed]]) -> dict[Site, Tensor]:
    """What heads hand on on average over all places of all sentences, ``[head, dimension]``."""
    import torch

    return {
        site: torch.cat([one[site].output[0] for one in handed]).mean(dim=0) for site in handed[0]
    }
