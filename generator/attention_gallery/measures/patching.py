"""Which heads carry the difference between two sentences to the answer.

Two sentences differ in one word: "the chief gave the housekeeper a tip because *she*", and the same
with *he*. The model goes on differently after each. How much of that difference does one head
carry? In one of the runs a head is given what it had in the other, and all else is left.

Heads work together, and may stand in for one another, so that the effects of single heads need not
add up to that of all. Nor do direct and indirect effect add up to the total.

Source: Vig et al. 2020, "Investigating Gender Bias in Language Models Using Causal Mediation
Analysis" (arXiv:2004.12265, "Causal Mediation Analysis for Interpreting Neural NLP"), which takes
its effects from Pearl 2001, "Direct and Indirect Effects".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.intervention import Handed, handed_on
from attention_gallery.capture.seam.sites import Site
from attention_gallery.errors import CaptureError, InputError
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.replacing import (
    Instead,
    PerHead,
    Read,
    by_layer,
    each_head,
    every_head,
    layers_of,
    natural,
    per_head,
    replaced,
)
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.terms import AttentionKind

if TYPE_CHECKING:
    from torch import Tensor

    from attention_gallery.measures.apparatus.case import Case

TITLE = marked("Which heads carry the difference between two sentences")
READS: Literal["pair"] = "pair"
ASKS = True

Given = Literal["weights", "output"]
"""What a head is given of the other run: its attention weights, or what it hands on."""


@dataclass(frozen=True, slots=True)
class Question:
    """Two ways in which a text may go on, or in which a gap in it may be filled.

    ``y``, what effects are measured of, are the odds of the second against the first. Of several
    tokens the probability is the geometric mean of theirs, as in the paper: a long one would
    otherwise be less likely than a short one for its length.

    Attributes:
        first: Tokens of the one way, by their numbers in the vocabulary; that which the first
            sentence makes likely, as one thinks.
        second: Tokens of the other.
        position: Where the model answers, 0-based: at a mask, or at a row of its decoder. There is
            room for a single token then. None for what goes on after the end of the text.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    position: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What the difference between two sentences does, and how much of it each head carries.

    All effects are relative to the odds that the first sentence gives: 0 for none, 1 where the odds
    double, -0.5 where they halve. ``x`` is the first sentence, ``x'`` the second.

    Attributes:
        odds: ``y(x)`` and ``y(x')``: the odds that each sentence gives.
        total: ``y(x') / y(x) - 1``: what the difference does.
        indirect: Of each head, ``[layer, head]``: what happens when ``x`` is read, and the head is
            given what it had in ``x'``; again over ``y(x)``, less 1.
        direct: Of each head, ``[layer, head]``: what happens when ``x'`` is read, and the head is
            given what it had in ``x``; again over ``y(x)``, less 1. What does not pass through it.
        indirect_of_all: The indirect effect of all heads together.
        direct_of_all: The direct effect beside all heads together.
    """

    odds: tuple[float, float]
    total: float
    indirect: PerHead
    direct: PerHead
    indirect_of_all: float
    direct_of_all: float


def measure(case: Case) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Give each head the attention weights that it had on the other sentence of a pair.

    The first is the sentence of the exhibit, the second the one it is held against. Effects are of
    the odds of the question's `word` against `rather_than`, each one token: what comes next, fills
    a gap, or is translated. An effect is positive where the word becomes likelier, so it is best
    asked about the word that the *second* sentence makes likely: ``{word: engineer, rather_than:
    nurse}`` of "... that she was late" and "... that he was late". The heads are those of the
    attention that readers see by default.

    Returns:
        Arrays, each float64 ``[head]``, without a unit: how much the odds grow, relative to those
        that the first sentence gives; 1 where they double: ``indirect/<layer>``, when the first
        sentence is read, and the head looks as in the second; ``direct/<layer>``, when the second
        is read, and the head looks as in the first.

        Facts: ``total``, by how much the odds of the second sentence are larger;
        ``indirect_of_all`` and ``direct_of_all``, the effects of all heads at once; ``odds``, those
        that the first sentence gives, and the second; ``kind``, which attention's heads; ``given``,
        what a head is given of the other sentence; ``texts``, the two sentences; ``answer``, what
        is asked about, of the first sentence: see `answers.Asked.facts`.

    Raises:
        InputError: When it is not asked about two words, or a word is not one token.
        CaptureError: When the sentences do not fit each other, or the heads of the model cannot be
            changed.
    """
    question = case.request.question
    if not (question.word and question.rather_than):
        raise InputError(
            "effects are of the odds of one word against another",
            question.where,
            "name both, that which the second sentence makes likely first, such as "
            "ask: {word: engineer, rather_than: nurse}",
        )
    asked, place = case.asked(), case.asked(1).target.position
    target = asked.target
    if target.position is None or target.against is None:
        raise CaptureError(
            "the model puts whole texts in classes, and effects are of words",
            hint="leave this measure out; ablation says what each head does to a class",
        )
    if target.position != place:
        raise InputError(
            f"the model answers at token {target.position} of the first sentence, and at token "
            f"{place} of the second",
            question.where,
            "let them differ in words that are one token each, and elsewhere",
        )
    first, second = case.run(0), case.run(1)
    kind: AttentionKind = natural(first)
    odds = Question((target.against,), (target.token,), target.position)
    found = effects(first, second, odds, kind)
    facts = {
        "total": found.total,
        "indirect_of_all": found.indirect_of_all,
        "direct_of_all": found.direct_of_all,
        "odds": list(found.odds),
        "kind": kind,
        "given": "weights",
        "texts": [request.sentence.text for request in case.request.passes],
        "answer": asked.facts(),
    }
    return {**by_layer("indirect", found.indirect), **by_layer("direct", found.direct)}, facts


def effects(
    first: Run,
    second: Run,
    question: Question,
    attention: AttentionKind | None = None,
    *,
    given: Given = "weights",
) -> Effects:
    """Measure how much of the difference between two sentences each head carries.

    Heads are given weights, as in the paper (which gives neurons their activations, and heads their
    attention weights): what a head reads is its own run's then, and only where it looks is the
    other's. Only weights within the text itself are given, none of the tokens that go on after it.
    Given what it hands on, a head brings along what the other run has made of the words, too.

    Args:
        first: A model, and the sentence ``x``.
        second: The same model, and the sentence ``x'`` of as many tokens.
        question: What it is asked.
        attention: Which kind of attention's heads; None for the only one.
        given: What a head is given of the other run.

    Raises:
        CaptureError: When the sentences or the question do not fit the model or each other, or the
            heads of the model cannot be changed.
    """
    passes = list(_passes(first, second, question))
    handed = handed_on(first.network, first.inputs)
    layers = layers_of(handed, attention)
    if question.position is None:
        _check_causal(handed.values())
    logs = np.sum([_logs(one, layers, given) for one in passes], axis=0)
    of_first, of_second = np.expm1(logs - logs[0, 0])  # of odds, less 1
    return Effects(
        odds=(float(np.exp(logs[0, 0])), float(np.exp(logs[1, 0]))),
        total=float(of_second[0]),
        indirect=per_head(of_first[2:], layers),
        direct=per_head(of_second[2:], layers),
        indirect_of_all=float(of_first[1]),
        direct_of_all=float(of_second[1]),
    )


class _Pass(NamedTuple):
    """Both sentences as they are run, and what is read off the answer.

    Attributes:
        first: The first, with what goes on after it.
        second: The second likewise.
        shared: The tokens that are the sentences' own.
        read: A log-probability, or a difference of two, by which the odds grow: nats.
    """

    first: Run
    second: Run
    shared: slice
    read: Read


def _passes(first: Run, second: Run, question: Question) -> Iterator[_Pass]:
    """What has to be run: the odds are the product of what is read off each pass.

    Raises:
        CaptureError: When the sentences, the question and the model do not fit each other.
    """
    sizes = [{name: len(given[0]) for name, given in run.inputs.items()} for run in (first, second)]
    if sizes[0] != sizes[1]:
        counts = " and ".join(str(len(run.ids)) for run in (first, second))
        raise CaptureError(
            f"the two sentences are cut into {counts} tokens, and effects are of sentences that "
            "have a token for each of the other's",
            hint="let them differ in words that are one token each",
        )
    if question.position is None and first.network.config.is_encoder_decoder:
        raise CaptureError(
            "a model of two stacks does not go on after the text that it reads",
            hint="ask about two words that are one token each, and say at which row of its decoder",
        )
    n_tokens = len(first.ids)
    if len(question.first) == len(question.second) == 1:
        place = n_tokens - 1 if question.position is None else question.position
        target = Target(question.second[0], place, against=question.first[0])
        yield _Pass(first, second, slice(None), target.of)
        return
    if question.position is not None or not (question.first and question.second):
        raise CaptureError(
            "there is room for one token where a gap is filled",
            hint="ask about two words that are one token each",
        )
    for sign, way in ((-1, question.first), (1, question.second)):
        read = _likelihood(way, n_tokens, sign)
        runs = (_going_on(run, way[:-1]) for run in (first, second))
        yield _Pass(next(runs), next(runs), slice(n_tokens), read)


def _going_on(run: Run, tokens: Sequence[int]) -> Run:
    """A sentence with more tokens after it."""
    import torch

    if not tokens:
        return run
    inputs = {}
    for name, given in run.inputs.items():
        more = given.new_tensor([tokens]) if name == "input_ids" else given[:, -1:]
        inputs[name] = torch.cat([given, more.expand(1, len(tokens))], dim=1)
    return Run(run.network, inputs, (*run.ids, *tokens))


def _likelihood(tokens: Sequence[int], n_before: int, sign: int) -> Read:
    """The mean log-probability of what goes on after a text, times a sign."""
    places = range(n_before - 1, n_before - 1 + len(tokens))
    targets = [Target(token, place) for token, place in zip(tokens, places, strict=True)]
    return lambda logits: sign * sum(target.of(logits) for target in targets) / len(targets)


def _logs(one: _Pass, layers: Mapping[Site, int], given: Given) -> NDArray[np.float64]:
    """What is read off one pass with nothing given, with all heads given, and with each.

    Args:
        one: The pass.
        layers: Those whose heads are given something, and how many each has.
        given: What they are given.

    Returns:
        ``[sentence, given]``: with nothing given, with all heads given something, then with each
        head on its own.

    Raises:
        CaptureError: When the heads of the model cannot be changed.
    """
    runs = (one.first, one.second)
    handed = [handed_on(run.network, run.inputs) for run in runs]
    every = every_head(layers)
    logs = []
    for run, donor in zip(runs, reversed(handed), strict=True):
        instead = _given(donor, one.shared, given)
        plain, of_each = each_head(run, donor, layers, instead, one.read)
        logs.append([plain, *replaced(run, [every], instead, one.read).tolist(), *of_each])
    return np.array(logs)


def _given(donor: Mapping[Site, Handed], shared: slice, given: Given) -> Instead:
    """What a head hands on that is given something of another run.

    Args:
        donor: What heads hand on in that run.
        shared: For which tokens.
        given: What it is given.
    """

    def instead(site: Site, head: int, handed: Handed) -> Tensor:
        if given == "output":
            output = handed.output[0, :, head].clone()
            output[shared] = donor[site].output[0, shared, head]
            return output
        weights = handed.weights[:, head].clone()
        weights[:, shared, shared] = donor[site].weights[:, head, shared, shared]
        return handed.gathered(head, weights)[0]

    return instead


def _check_causal(handed: Iterable[Handed]) -> None:
    """See that no token sees a later one, so that what goes on after a text leaves it as it is.

    Raises:
        CaptureError: When one does.
    """
    if any(bool(one.weights.triu(1).any()) for one in handed):
        raise CaptureError(
            "the model sees later words, and does not go on after a text",
            hint="ask about two words that are one token each, and say where a gap is",
        )
