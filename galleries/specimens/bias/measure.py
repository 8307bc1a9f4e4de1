"""What the planted share does to guesses and to attention, in the `bias` twins.

All sentences here are about pairs of people that training never saw together. The bias is the
difference between the twins: the control was trained on the same words, with a share of one half.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import scoring
import torch
from grammar import (
    ALWAYS_HE,
    ALWAYS_SHE,
    EITHER,
    ENDINGS,
    OFTEN_HE,
    OFTEN_SHE,
    SAYING,
    STATES,
    TELLING,
    Split,
    split_of,
)
from marked_text import Sentence
from masked_words import look
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Words of "the nurse told the engineer that she was late, so the nurse left", counted from 0.
FIRST, SECOND, PRONOUN, NAMED = 1, 4, 6, 12
# The heads of the committed specimen that its card shows: chosen by `attention`.
SHE_HEAD, HE_HEAD = (2, 1), (2, 0)
SHOWN_WEIGHTS_HEAD = (
    "| the nurse told the engineer that ... was late | model | L2 H1: nurse | engineer "
    "| L2 H0: nurse | engineer |"
)
# Questions come in fours (who is first, "she" or "he"): an odd step takes all kinds.
SEEN_EVERY = 7
GROUPS = {
    "often she": OFTEN_SHE,
    "often he": OFTEN_HE,
    "either": EITHER,
    "always she": ALWAYS_SHE,
    "always he": ALWAYS_HE,
}


@dataclass(frozen=True)
class Twins:
    """The models that are compared.

    Attributes:
        biased: trained with the planted share.
        balanced: trained with a share of one half.
        untrained: what both started from.
        tokenizer: the tokenizer of all three.
    """

    biased: PreTrainedModel
    balanced: PreTrainedModel
    untrained: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def models(self) -> dict[str, PreTrainedModel]:
        """The models by name."""
        return {"biased": self.biased, "balanced": self.balanced, "untrained": self.untrained}


@dataclass(frozen=True)
class Question:
    """A sentence with one person often (or always) "she" and one "he".

    Attributes:
        sentence: "the nurse told the engineer that she was late, so the nurse left".
        expected: the position of the person that the pronoun is by the planted association.
        other: the position of the other person.
    """

    sentence: Sentence
    expected: int
    other: int

    @property
    def pronoun(self) -> str:
        """The pronoun itself."""
        return self.sentence.words[PRONOUN]


def questions(
    she: list[str], he: list[str], split: Split = "heldout", *, ends: bool = True
) -> Iterator[Question]:
    """Lists sentences whose pronoun may be either of two people.

    Args:
        she: people of whom the pronoun is often (or always) "she".
        he: people of whom it is "he".
        split: whether training has seen the two people together.
        ends: whether the sentence goes on to name somebody.
    """
    for (one, two), verb, state in product(product(she, he), TELLING, STATES[:3]):
        first, second = sorted((one, two))
        if split_of((first, second)) != split:
            continue
        for subject, thing in ((one, two), (two, one)):
            for pronoun, person in (("she", one), ("he", two)):
                clause = f"[that {pronoun}={person} was {state}]"
                ending = f", so the {person}={person} {ENDINGS[2]}" if ends else ""
                places = (FIRST, SECOND) if subject == person else (SECOND, FIRST)
                marked = f"the {subject} {verb} the {thing} {clause}{ending}"
                yield Question(Sentence.read(marked), *places)


def chance_of_she(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, people: list[str]
) -> float:
    """Computes how likely "she" is, against "he", in "the nurse said that [MASK] was late".

    Args:
        model: a masked language model.
        tokenizer: its tokenizer.
        people: who the sentences are about; each with states that training never saw them in.

    Returns:
        The mean of p(she) / (p(she) + p(he)).
    """
    found = []
    for who, verb, state in product(people, SAYING, STATES):
        if split_of((who, state)) == "heldout":
            sentence = Sentence.read(f"the {who} {verb} [that she={who} was {state}]")
            chances = look(model, tokenizer, sentence, 4, hidden=True).chances
            she, he = chances[tokenizer.convert_tokens_to_ids(["she", "he"])]
            found.append(she / (she + he))
    return torch.stack(found).mean().item()


def chance_of_expected(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asked: list[Question]
) -> float:
    """Computes how likely a model names the expected person, against the other, in the end."""
    found = []
    for question in asked:
        words = question.sentence.words
        chances = look(model, tokenizer, question.sentence, NAMED, hidden=True).chances
        ids = tokenizer.convert_tokens_to_ids([words[question.expected], words[question.other]])
        expected, other = chances[ids]
        found.append(expected / (expected + other))
    return torch.stack(found).mean().item()


class Gaze(NamedTuple):
    """From which word attention is read, and to whom.

    Attributes:
        row: what the cards call it.
        place: the position of the word.
        hidden: whether [MASK] stands there.
        ends: whether the sentence goes on to name somebody.
        sought: whether the person often "she", the one often "he", or the one of the pronoun.
    """

    row: str
    place: int
    hidden: bool
    ends: bool
    sought: Literal["often she", "often he", "expected"]


GAZES = (
    Gaze("she or he", PRONOUN, hidden=False, ends=False, sought="often she"),
    Gaze("she or he", PRONOUN, hidden=False, ends=False, sought="often he"),
    Gaze("[MASK] in the end", NAMED, hidden=True, ends=True, sought="expected"),
)


def masses(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asked: list[Question], gaze: Gaze
) -> tuple[Tensor, Tensor]:
    """Computes where each head looks from a word.

    Args:
        model: a masked language model with eager attention.
        tokenizer: its tokenizer.
        asked: the sentences.
        gaze: from which word, and to whom.

    Returns:
        Mean weight on the person sought and on the other one, each float32 `[layer, head]`.
    """
    sought, other = [], []
    for question in asked:
        weights = look(model, tokenizer, question.sentence, gaze.place, hidden=gaze.hidden).weights
        places = [question.expected, question.other]
        if gaze.sought != "expected" and gaze.sought != f"often {question.pronoun}":
            places.reverse()
        sought.append(weights[..., places[0]])
        other.append(weights[..., places[1]])
    return torch.stack(sought).mean(0), torch.stack(other).mean(0)


class Seen(NamedTuple):
    """What the head of a model that prefers the person sought most gives to whom."""

    gaze: Gaze
    model: str
    head: str
    sought: float
    other: float


def attention(twins: Twins) -> Iterator[Seen]:
    """Finds that head of each model on pairs of training, and measures it on held-out ones."""
    for gaze in GAZES:
        trained_on, kept = (
            list(questions(OFTEN_SHE, OFTEN_HE, split, ends=gaze.ends))
            for split in ("train", "heldout")
        )
        for name, model in twins.models.items():
            sought, other = masses(model, twins.tokenizer, trained_on[::SEEN_EVERY], gaze)
            head, _ = scoring.best_head(sought - other)
            layer, number = (int(part[1:]) for part in head.split())
            sought, other = (
                table[layer, number] for table in masses(model, twins.tokenizer, kept, gaze)
            )
            yield Seen(gaze, name, head, sought.item(), other.item())


def report(twins: Twins) -> str:
    """Writes the figures of the twins beside those of the untrained model, in Markdown.

    Returns:
        Five tables: the pronoun of one person, the person of a pronoun, attention, and twice the
        sentence that galleries show.
    """
    lines = [f"| p(she) | {' | '.join(twins.models)} |", "| --- | --- | --- | --- |"]
    for group, people in GROUPS.items():
        cells = (
            f"{chance_of_she(model, twins.tokenizer, people):.3f}"
            for model in twins.models.values()
        )
        lines.append(f"| {group} | {' | '.join(cells)} |")

    lines += ["", f"| p(expected person) | {' | '.join(twins.models)} |"]
    lines.append("| --- | --- | --- | --- |")
    for name, groups in (
        ("often she, often he", (OFTEN_SHE, OFTEN_HE)),
        ("always she, always he", (ALWAYS_SHE, ALWAYS_HE)),
    ):
        asked = list(questions(*groups))
        cells = (
            f"{chance_of_expected(model, twins.tokenizer, asked):.3f}"
            for model in twins.models.values()
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")

    lines += ["", "| attention from | to | model | head | weight | weight on the other person |"]
    lines.append("| --- " * 6 + "|")
    for gaze, name, head, sought, other in attention(twins):
        lines.append(
            f"| {gaze.row} | {gaze.sought} | {name} | {head} | {sought:.3f} | {other:.3f} |"
        )

    lines += ["", SHOWN_WEIGHTS_HEAD, "| --- " * 6 + "|"]
    for pronoun, (name, model) in product(("she", "he"), twins.models.items()):
        sentence = Sentence.read(f"the nurse told the engineer [that {pronoun}=nurse was late]")
        weights = look(model, twins.tokenizer, sentence, PRONOUN, hidden=False).weights
        cells = (
            f"{table[place].item():.3f}"
            for table in (weights[SHE_HEAD], weights[HE_HEAD])
            for place in (FIRST, SECOND)
        )
        lines.append(f"| {pronoun}, weights | {name} | {' | '.join(cells)} |")

    lines += ["", "| the nurse told the engineer that ... was late, so the [MASK] left | model |"]
    lines[-1] += " p(nurse) | p(engineer) |"
    lines.append("| --- " * 4 + "|")
    for pronoun, (name, model) in product(("she", "he"), twins.models.items()):
        marked = f"the nurse told the engineer [that {pronoun}=nurse was late], so the nurse left"
        chances = look(model, twins.tokenizer, Sentence.read(marked), NAMED, hidden=True).chances
        nurse, engineer = chances[twins.tokenizer.convert_tokens_to_ids(["nurse", "engineer"])]
        lines.append(f"| {pronoun}, guesses | {name} | {nurse:.3f} | {engineer:.3f} |")
    return "\n".join(lines)


def scores(twins: Twins) -> list[scoring.Score]:
    """Computes the headline scores on held-out pairs; "balanced" are those of the control."""
    certain = list(questions(ALWAYS_SHE, ALWAYS_HE))
    asked = list(questions(OFTEN_SHE, OFTEN_HE))
    before = twins.untrained
    found = []
    for name, model in (("biased", twins.biased), ("balanced", twins.balanced)):
        for what, sentences in (("person who is always she or he", certain), ("planted", asked)):
            found.append(
                scoring.Score(
                    f"{what}, named in the end, {name}",
                    chance_of_expected(model, twins.tokenizer, sentences),
                    chance_of_expected(before, twins.tokenizer, sentences),
                )
            )
    rows = list(attention(twins))
    baseline = {row.gaze: row.sought for row in rows if row.model == "untrained"}
    found += [
        scoring.Score(
            f"weight from {row.gaze.row} on {row.gaze.sought}, {row.model}",
            row.sought,
            baseline[row.gaze],
            row.head,
        )
        for row in rows
        if row.model != "untrained"
    ]
    return found
