"""What the `fr-en` specimen translates, and where its cross-attention looks.

A row of cross-attention can be read in two ways, and the figures depend on it more than on anything
else. The decoder reads a word and predicts the next; its row may be named after the word it
*predicts* there, or after the *input* word it reads there. Everything is measured both ways, on
texts that training never saw, beside the untrained model that training started from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import scoring
import torch
from grammar import SHOWN, Split, gold_alignment, pairs
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

SEED, N_TEXTS, BATCH_SIZE = 20_000, 500, 100
MEAN = "mean"  # of a layer's heads, the last column of every [layer, head] table here


@dataclass(frozen=True)
class Agreement:
    """How far cross-attention agrees with the gold alignment.

    Every table is float32 `[layer, head]`, with the mean of the layer's heads as the last "head".
    `</s>` is among the keys but not among the words scored.

    Attributes:
        argmax: share of English words whose largest weight is on a gold word.
        moved: the same, over the words whose gold words do not stand at their own position.
        mass: mean weight on the gold words together.
        error: alignment error rate, with the largest weight of each row as the alignment. A word
            with one gold word is a sure link, one with several makes possible links.
            Source: Och & Ney 2003, "A Systematic Comparison of Various Statistical Alignment
            Models".
    """

    argmax: Tensor
    moved: Tensor
    mass: Tensor
    error: Tensor


def batches(texts: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Cuts a list into batches."""
    for start in range(0, len(texts), BATCH_SIZE):
        yield texts[start : start + BATCH_SIZE]


def translate(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str]
) -> list[str]:
    """Translates texts, taking the likeliest word at every step."""
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    ids = model.generate(**inputs, do_sample=False, num_beams=1, max_length=32)
    return [str(text) for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def exact_match(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[tuple[str, str]]
) -> float:
    """Computes the share of texts whose translation is right to the letter."""
    n_right = 0
    for batch in batches(texts):
        french, english = zip(*batch, strict=True)
        n_right += sum(map(str.__eq__, translate(model, tokenizer, list(french)), english))
    return n_right / len(texts)


def cross_attention(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[tuple[str, str]]
) -> Iterator[tuple[Tensor, list[tuple[int, ...]]]]:
    """Feeds the decoder the right translations and keeps its cross-attention.

    Args:
        model: an encoder-decoder with eager attention.
        tokenizer: its tokenizer, whose tokens are the grammar's words and a `</s>`.
        texts: pairs of French and English.

    Yields:
        For each pair: weights, float32 `[layer, head, query, key]`, with the mean of the layer's
        heads as the last "head", and the gold alignment. Query q predicts English word q and
        reads word q - 1; query 0 reads the start token, and the last one predicts `</s>`.
    """
    for batch in batches(texts):
        french, english = zip(*batch, strict=True)
        inputs = tokenizer(list(french), padding=True, return_tensors="pt")
        labels = tokenizer(list(english), padding=True, return_tensors="pt").input_ids
        with torch.no_grad():
            outputs = model(**inputs, labels=labels, output_attentions=True)
        weights = torch.stack(outputs.cross_attentions, dim=1)
        weights = torch.cat([weights, weights.mean(dim=2, keepdim=True)], dim=2)
        for row, (source, target) in zip(weights, batch, strict=True):
            yield row, gold_alignment(source, target)


def agreement(rows: list[tuple[Tensor, list[tuple[int, ...]]]], *, predicted: bool) -> Agreement:
    """Compares cross-attention with the gold alignment.

    Args:
        rows: what `cross_attention` yields.
        predicted: whether a row is the word's that it predicts, or the word's that it reads.
    """
    argmax, moved, mass, sure = [], [], [], []
    for weights, gold in rows:
        for place, reasons in enumerate(gold):
            row = weights[:, :, place if predicted else place + 1]
            hit = torch.isin(row.argmax(dim=-1), torch.tensor(reasons)).float()
            argmax.append(hit)
            mass.append(row[:, :, list(reasons)].sum(dim=-1))
            if place not in reasons:
                moved.append(hit)
            if len(reasons) == 1:
                sure.append(hit)
    hits, sure_hits = torch.stack(argmax).sum(0), torch.stack(sure).sum(0)
    return Agreement(
        argmax=hits / len(argmax),
        moved=torch.stack(moved).mean(0),
        mass=torch.stack(mass).mean(0),
        # Every row makes one link, so there are as many links as words.
        error=1 - (sure_hits + hits) / (len(argmax) + len(sure)),
    )


def head_name(layer: int, head: int, n_heads: int) -> str:
    """Names a row of the tables here."""
    return f"L{layer} {MEAN}" if head == n_heads else f"L{layer} H{head}"


def same_position(texts: list[tuple[str, str]]) -> float:
    """Computes the argmax score of a head that always looks at the word's own position."""
    hits = [i in reasons for pair in texts for i, reasons in enumerate(gold_alignment(*pair))]
    return sum(hits) / len(hits)


def report(
    trained: PreTrainedModel,
    untrained: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> str:
    """Writes the figures of a trained model beside those of the untrained one, in Markdown.

    Args:
        trained: the model.
        untrained: the model its training started from.
        tokenizer: the tokenizer of both.
        seed: the seed of the texts training saw.

    Returns:
        Three tables (translations, best heads, every head) and the texts that galleries show.
    """
    splits: tuple[tuple[str, Split, int], ...] = (
        ("seen in training", "train", seed),
        ("held out", "heldout", SEED),
        ("unseen combinations", "unseen", SEED),
    )
    texts = {name: list(islice(pairs(s, split), N_TEXTS)) for name, split, s in splits}
    lines = ["| translations | trained | untrained |", "| --- | --- | --- |"]
    for name, some in texts.items():
        scores = [exact_match(model, tokenizer, some) for model in (trained, untrained)]
        lines.append(f"| exact match, {name} | {scores[0]:.3f} | {scores[1]:.3f} |")

    found = {}
    lines += ["", "| texts | row is named after | score | best head | mean of a layer's heads |"]
    lines[-1] += " untrained (its best head) |"
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name in ("held out", "unseen combinations"):
        rows, rows_before = (
            list(cross_attention(model, tokenizer, texts[name])) for model in (trained, untrained)
        )
        for convention in ("predicted", "input"):
            after, before = (
                agreement(some, predicted=convention == "predicted") for some in (rows, rows_before)
            )
            found[name, convention] = after
            for score in ("argmax", "moved", "mass", "error"):
                # Of errors, the smallest is the best.
                sign = -1 if score == "error" else 1
                table, table_before = sign * getattr(after, score), sign * getattr(before, score)
                best, value = scoring.best_head(table[:, :-1])
                mean, mean_value = scoring.best_head(table[:, -1:])
                _, baseline = scoring.best_head(table_before[:, :-1])
                lines.append(
                    f"| {name} | {convention} | {score} | {sign * value:.3f} ({best}) | "
                    f"{sign * mean_value:.3f} ({mean.split()[0]}) | {sign * baseline:.3f} |"
                )
    lines += ["", f"The word's own position: {same_position(texts['held out']):.3f}", ""]

    by_word, by_input = found["held out", "predicted"], found["held out", "input"]
    lines.append("| head, held-out texts | argmax | moved | mass | error | argmax, input |")
    lines.append("| --- " * 6 + "|")
    n_layers, n_columns = by_word.argmax.shape
    for layer in range(n_layers):
        for head in range(n_columns):
            cells = (by_word.argmax, by_word.moved, by_word.mass, by_word.error, by_input.argmax)
            values = " | ".join(f"{table[layer, head]:.3f}" for table in cells)
            lines.append(f"| {head_name(layer, head, n_columns - 1)} | {values} |")

    lines.append("")
    written = translate(trained, tokenizer, list(SHOWN))
    lines += [f"> {french} → {english}" for french, english in zip(SHOWN, written, strict=True)]
    return "\n".join(lines)


def scores(
    trained: PreTrainedModel, untrained: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> list[scoring.Score]:
    """Computes the headline scores on held-out texts: the task's, then the best head's.

    Args:
        trained: the model.
        untrained: the model its training started from.
        tokenizer: the tokenizer of both.
    """
    texts = list(islice(pairs(SEED, "heldout"), N_TEXTS))
    models = (trained, untrained)
    right = (exact_match(model, tokenizer, texts) for model in models)
    found = [scoring.Score("exact match", *right)]
    for convention in ("predicted", "input"):
        after, before = (
            agreement(
                list(cross_attention(model, tokenizer, texts)),
                predicted=convention == "predicted",
            ).argmax[:, :-1]
            for model in models
        )
        head, score = scoring.best_head(after)
        name = f"strongest key is the gold word, {convention} rows"
        found.append(scoring.Score(name, score, scoring.best_head(before)[1], head))
    return found
