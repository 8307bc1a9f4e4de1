"""What the `pronoun` specimen guesses, and whether a head of it finds antecedents.

Two readings of attention are kept apart: from a pronoun that can be *seen*, and from a [MASK] in
its place, *hidden*. Heads are chosen on sentences of training, and scored on held-out ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import scoring
import torch
from grammar import FORMS, MEASURED, RIVALS, TO_BE, Gender, Number, Split, sentences
from marked_text import Sentence
from masked_words import look
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

SEED, N_SENTENCES = 20_000, 200
# The sentences galleries show: none of them is in training, nor is their pair of nouns.
SHOWN = (
    "the animal did not cross the street [because it=animal was too tired]",
    "the animal did not cross the street [because it=street was too wide]",
    "the trophy did not fit in the suitcase [because it=trophy was too big]",
    "the trophy did not fit in the suitcase [because it=suitcase was too small]",
    "the keys to the cabinet are=keys old",
    "Anna annoyed Tom [because she=Anna was late]",
    "the girls said [that Adam hurt himself=Adam]",
)
ROWS = {"seen": False, "hidden": True}


@dataclass(frozen=True)
class Finding:
    """How well a model works out what words stand for, in one family.

    Attributes:
        argmax: share of sentences in which the largest weight of the word, [CLS] and [SEP]
            included, is on its antecedent, float32 `[layer, head]`.
        mass: mean weight on the antecedent, float32 `[layer, head]`.
        right: of the sentences where the grammar can decide the word, the share in which the
            right one is likelier than the one for the other candidate; a coin would get 0.5.
    """

    argmax: Tensor
    mass: Tensor
    right: float


def rival(sentence: Sentence, place: int) -> str | None:
    """Names what would stand there if the sentence were about its other candidate.

    Args:
        sentence: a sentence of a measured family.
        place: the position of a word that stands for another.

    Returns:
        None where that would be the same word, or where the verb behind a pronoun tells.
    """
    word, antecedent = sentence.words[place], sentence.antecedents[place]
    if sentence.words[place + 1 : place + 2] in (("was",), ("were",)):
        return None
    # The other candidate is the nearest to the antecedent; a third person comes long before.
    others = [
        i
        for i, w in enumerate(sentence.words[:place])
        if w in FORMS and w not in RIVALS and i != antecedent
    ]
    number, gender = FORMS[sentence.words[min(others, key=lambda i: abs(i - antecedent))]]
    (choice,) = [choice for choice in RIVALS[word] if fits(choice, number, gender)]
    return None if choice == word else choice


def fits(word: str, number: Number, gender: Gender | None) -> bool:
    """Whether a pronoun or verb can stand for a noun."""
    own_number, own_gender = FORMS[word]
    is_verb = any(word in pair for pair in TO_BE)
    # Only a pronoun for one has a gender.
    return own_number == number and (number == "plural" or is_verb or own_gender == gender)


def finding(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    family: str,
    split: Split = "heldout",
    *,
    hidden: bool,
) -> Finding:
    """Measures a model on one family.

    Args:
        model: a masked language model with eager attention.
        tokenizer: its tokenizer.
        family: one of `grammar.MEASURED`.
        split: which sentences.
        hidden: whether attention is read from a [MASK] in place of the word.
    """
    argmax, mass, right = [], [], []
    for sentence in islice(sentences(SEED, split, [family]), N_SENTENCES):
        ((place, antecedent),) = sentence.antecedents.items()
        weights = look(model, tokenizer, sentence, place, hidden=hidden).weights
        argmax.append((weights.argmax(dim=-1) == antecedent).float())
        mass.append(weights[..., antecedent])
        if other := rival(sentence, place):
            chances = look(model, tokenizer, sentence, place, hidden=True).chances
            good, bad = tokenizer.convert_tokens_to_ids([sentence.words[place], other])
            right.append(bool(chances[good] > chances[bad]))
    return Finding(torch.stack(argmax).mean(0), torch.stack(mass).mean(0), sum(right) / len(right))


def findings(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    split: Split = "heldout",
    *,
    hidden: bool,
) -> dict[str, Finding]:
    """Measures a model on every family, and on all together."""
    found = {family: finding(model, tokenizer, family, split, hidden=hidden) for family in MEASURED}
    return found | {
        "all families": Finding(
            torch.stack([f.argmax for f in found.values()]).mean(0),
            torch.stack([f.mass for f in found.values()]).mean(0),
            sum(f.right for f in found.values()) / len(found),
        )
    }


def at(scores: Tensor, head: str) -> float:
    """Reads the score of a head, as in "L1 H2"."""
    layer, place = (int(part[1:]) for part in head.split())
    return scores[layer, place].item()


def shown(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, head: str) -> Iterator[str]:
    """Writes what a head, and the best head, give the antecedents in sentences galleries show."""
    for marked in SHOWN:
        sentence = Sentence.read(marked)
        ((place, antecedent),) = sentence.antecedents.items()
        weights = look(model, tokenizer, sentence, place, hidden=False).weights[..., antecedent]
        best, weight = scoring.best_head(weights)
        yield (
            f"| {sentence.text} | {sentence.words[place]} = {sentence.words[antecedent]} "
            f"| {at(weights, head):.3f} | {weight:.3f} ({best}) |"
        )


def report(
    trained: PreTrainedModel, untrained: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> str:
    """Writes the figures of a trained model beside those of the untrained one, in Markdown.

    Args:
        trained: the model.
        untrained: the model its training started from.
        tokenizer: the tokenizer of both.

    Returns:
        Three tables: guesses and heads by family, every head, and the sentences galleries show.
    """
    lines = ["| family | row | score | best head | one head | untrained (its best head) |"]
    lines.append("| --- " * 6 + "|")
    tables: dict[str, Tensor] = {}
    heads: dict[str, str] = {}
    guesses: list[str] = []
    for row, hidden in ROWS.items():
        seen = findings(trained, tokenizer, "train", hidden=hidden)
        after = findings(trained, tokenizer, hidden=hidden)
        before = findings(untrained, tokenizer, hidden=hidden)
        # One head for all: that whose worst family is best.
        heads[row], _ = scoring.best_head(torch.stack([f.argmax for f in seen.values()]).amin(0))
        for family, found in after.items():
            for score in ("argmax", "mass"):
                table = getattr(found, score)
                best, _ = scoring.best_head(getattr(seen[family], score))
                _, baseline = scoring.best_head(getattr(before[family], score))
                lines.append(
                    f"| {family} | {row} | {score} | {at(table, best):.3f} ({best}) "
                    f"| {at(table, heads[row]):.3f} ({heads[row]}) | {baseline:.3f} |"
                )
                if score == "argmax":
                    tables[f"{family}, {row}"] = table
            if hidden:
                guesses.append(
                    f"| guess, {family} | {found.right:.3f} | {before[family].right:.3f} |"
                )

    lines += ["", "| right word likelier | trained | untrained |", "| --- | --- | --- |", *guesses]
    seen_tables = {name: t for name, t in tables.items() if name.endswith("seen")}
    lines += ["", f"| head | {' | '.join(seen_tables)} |", "| --- " * (1 + len(seen_tables)) + "|"]
    n_layers, n_heads = next(iter(tables.values())).shape
    for name in (f"L{layer} H{head}" for layer in range(n_layers) for head in range(n_heads)):
        cells = " | ".join(f"{at(table, name):.2f}" for table in seen_tables.values())
        lines.append(f"| {name} | {cells} |")

    lines += ["", f"| sentence | truth | {heads['seen']} gives it | most |", "| --- " * 4 + "|"]
    return "\n".join([*lines, *shown(trained, tokenizer, heads["seen"])])


def scores(
    trained: PreTrainedModel, untrained: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> list[scoring.Score]:
    """Computes the headline scores on held-out sentences: the task's, then one head's.

    Args:
        trained: the model.
        untrained: the model its training started from.
        tokenizer: the tokenizer of both.
    """
    seen = findings(trained, tokenizer, "train", hidden=False)
    after = findings(trained, tokenizer, hidden=False)
    before = findings(untrained, tokenizer, hidden=False)
    head, _ = scoring.best_head(torch.stack([f.argmax for f in seen.values()]).amin(0))
    found = [
        scoring.Score(
            "right word likelier than its rival",
            after["all families"].right,
            before["all families"].right,
        )
    ]
    for family in after:
        _, baseline = scoring.best_head(before[family].argmax)
        name = f"strongest key is the antecedent, {family}"
        found.append(scoring.Score(name, at(after[family].argmax, head), baseline, head))
    return found
