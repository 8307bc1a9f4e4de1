"""What the `classifier` specimen gets right, where it looks, and which words its label hangs on.

The grammar knows which words decide a review's label. Four ways to ask the model for them are put
beside that truth, on reviews that training never saw: weights of attention, the gradient times the
input, integrated gradients, and changing a word to see whether the label changes. The untrained
model that training started from is measured beside it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import scoring
import torch
from grammar import (
    LABELS,
    NEGATIONS,
    POLARITY,
    SHOWN,
    Label,
    Split,
    neutralise,
    parse,
    read,
    reviews,
    without_opinions,
)
from saliency import gradient_times_input, integrated_gradients
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

SEED, N_REVIEWS, N_RANKED, BATCH_SIZE = 20_000, 600, 100, 200
Reviews = list[tuple[str, Label]]
# How often the opinion that counts is denied.
DENIALS = ("affirmed", "denied once", "denied twice")


def predict(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str]
) -> list[Label]:
    """Says what the model takes each text for."""
    found: list[Label] = []
    for start in range(0, len(texts), BATCH_SIZE):
        batch = tokenizer(texts[start : start + BATCH_SIZE], padding=True, return_tensors="pt")
        with torch.no_grad():
            found += [LABELS[i] for i in model(**batch).logits.argmax(dim=-1)]
    return found


def accuracy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, some: Reviews
) -> dict[str, float]:
    """Computes the share of right labels: of all reviews, of the neutral, and by denial."""
    n_right, n_all = Counter[str](), Counter[str]()
    for (text, label), found in zip(
        some, predict(model, tokenizer, [text for text, _ in some]), strict=True
    ):
        kind = "neutral" if label == "neutral" else DENIALS[len(read(text).negations)]
        n_all.update(["all", kind])
        if found == label:
            n_right.update(["all", kind])
    return {
        kind: n_right[kind] / n_all[kind] for kind in ("all", *DENIALS, "neutral") if n_all[kind]
    }


def attention(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str]
) -> dict[str, Tensor]:
    """Measures how far heads look at the words that decide.

    Args:
        model: a model with eager attention.
        tokenizer: its tokenizer: tokens are the grammar's words, with one more in front and behind.
        texts: reviews, some of them neutral.

    Returns:
        Scores by name, each float32 `[layer, head]`: shares of rows whose largest weight is on the
        words meant, and mean weights on these together.
    """
    found: dict[str, list[Tensor]] = {}

    def add(name: str, row: Tensor, wanted: list[int]) -> None:
        """Scores one row `[layer, head, key]`."""
        hit = torch.isin(row.argmax(dim=-1), torch.tensor(wanted)).float()
        found.setdefault(f"{name}, argmax", []).append(hit)
        found.setdefault(f"{name}, mass", []).append(row[..., wanted].sum(dim=-1))

    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids
        # In front of word 0 is [CLS].
        reading, (weights,) = read(text), scoring.attention_weights(model, ids)
        decisive, misleading = (
            [1 + i for i in places] for places in (reading.decisive, reading.misleading)
        )
        if reading.judgement is None:
            if misleading:
                add("neutral: [CLS] at a misleading word", weights[:, :, 0], misleading)
            continue
        add("[CLS] at a deciding word", weights[:, :, 0], decisive)
        for negation, denied in reading.denials.items():
            add("negation at what it denies", weights[:, :, 1 + negation], [1 + denied])
        if reading.negations:
            add("judgement at its negation", weights[:, :, decisive[-1]], decisive[:-1])
        for negation in misleading:
            if reading.words[negation - 1].text in NEGATIONS:
                add("other negation at the judgement", weights[:, :, negation], decisive[-1:])
    return {name: torch.stack(rows).mean(dim=0) for name, rows in found.items()}


def ranked(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str], head: str
) -> tuple[dict[str, list[float]], float]:
    """Compares methods by what they rank highest among the words of a review.

    Args:
        model: a model with eager attention.
        tokenizer: its tokenizer.
        texts: reviews with an opinion that counts.
        head: the head whose [CLS] row is one of the methods, as in "L1 H1".

    Returns:
        For each method two shares of reviews: the highest word decides; the k highest are the k
        words that decide. Then the largest error of completeness, in logits.
    """
    hits: dict[str, list[tuple[bool, bool]]] = {}
    errors = []
    layer, number = (int(part[1:]) for part in head.split())
    embed = model.get_input_embeddings()
    for text in texts:
        ids, neutral = (
            tokenizer(t, return_tensors="pt").input_ids for t in (text, without_opinions(text))
        )
        # From no words at all, only [CLS] and [SEP].
        nothing = torch.zeros_like(embed(ids))
        nothing[:, [0, -1]] = embed(ids)[:, [0, -1]].detach()
        from_nothing, error = integrated_gradients(model, ids, nothing)
        from_neutral, other_error = integrated_gradients(model, ids, embed(neutral).detach())
        errors += [error, other_error]
        weights = scoring.attention_weights(model, ids)[0]
        methods = {
            "gradient x input": gradient_times_input(model, ids),
            "integrated gradients, from nothing": from_nothing,
            "integrated gradients, from the neutral review": from_neutral,
            f"[CLS] row of {head}": weights[layer, number, 0],
            "[CLS] rows, mean of all heads": weights[:, :, 0].mean(dim=(0, 1)),
        }
        decisive = set(read(text).decisive)
        for name, values in methods.items():
            top = values[1:-1].abs().topk(len(decisive)).indices.tolist()
            hits.setdefault(name, []).append((top[0] in decisive, set(top) == decisive))
    shares = {
        name: [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        for name, rows in hits.items()
    }
    return shares, max(errors)


def deleted(text: str, position: int) -> str:
    """Leaves a word out, whether or not the rest is a review of the grammar."""
    spoken = [word.text for word in parse(text)]
    return " ".join(spoken[:position] + spoken[position + 1 :])


def one_changed(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: list[str],
    change: Callable[[str, int], str | None],
) -> tuple[float, float, float]:
    """Changes the words of reviews one at a time, to see which ones the prediction hangs on.

    Args:
        model: the classifier.
        tokenizer: its tokenizer.
        texts: reviews with an opinion that counts.
        change: gives a text with a word changed, or None where that word cannot be.

    Returns:
        The share of deciding words whose change changes the prediction, the share of the other
        words whose change does not, and the share of reviews where both hold for every word.
    """
    edits = [
        (review, position in read(text).decisive, edited)
        for review, text in enumerate(texts)
        for position in range(len(read(text).words))
        if (edited := change(text, position)) is not None
    ]
    before = predict(model, tokenizer, texts)
    after = predict(model, tokenizer, [edited for _, _, edited in edits])
    flipped, kept, wrong = [], [], set[int]()
    for (review, decides, _), label in zip(edits, after, strict=True):
        changed = label != before[review]
        (flipped if decides else kept).append(changed == decides)
        if changed != decides:
            wrong.add(review)
    return sum(flipped) / len(flipped), sum(kept) / len(kept), 1 - len(wrong) / len(texts)


def to_rank(texts: list[str]) -> list[str]:
    """Lists reviews in which an opinion or a negation misleads: in others there is no mistaking."""
    loaded = {*POLARITY, *NEGATIONS}
    readings = {text: read(text) for text in texts}
    return [
        text
        for text, reading in readings.items()
        if any(reading.words[i].text in loaded for i in reading.misleading)
    ][:N_RANKED]


def rows_of_accuracy(
    models: tuple[PreTrainedModel, PreTrainedModel],
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> Iterator[str]:
    """Writes the table of right labels."""
    yield "| right labels | reviews | trained | untrained |"
    yield "| --- | --- | --- | --- |"
    splits: tuple[tuple[str, Split, int], ...] = (
        ("seen in training", "train", seed),
        ("held out", "heldout", SEED),
        ("unseen combinations", "unseen", SEED),
    )
    for name, split, split_seed in splits:
        some = list(islice(reviews(split_seed, split), N_REVIEWS))
        after, before = (accuracy(model, tokenizer, some) for model in models)
        for kind, share in after.items():
            yield f"| {name} | {kind} | {share:.3f} | {before[kind]:.3f} |"


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
        seed: the seed of the reviews training saw.

    Returns:
        Tables (labels, heads, changed words, ranked words) and the texts that galleries show.
    """
    models = (trained, untrained)
    lines = [*rows_of_accuracy(models, tokenizer, seed), ""]

    everything = [text for text, _ in islice(reviews(SEED, "heldout"), N_REVIEWS)]
    texts = [text for text in everything if read(text).decisive]
    after, before = (attention(model, tokenizer, everything) for model in models)
    lines += ["| row, held-out reviews | best head | trained | untrained (its best) |"]
    lines.append("| --- " * 4 + "|")
    for name, table in after.items():
        best, value = scoring.best_head(table)
        lines.append(
            f"| {name} | {best} | {value:.3f} | {scoring.best_head(before[name])[1]:.3f} |"
        )
    lines += ["", f"| head | {' | '.join(after)} |", "| --- " * (1 + len(after)) + "|"]
    for layer, heads in enumerate(zip(*after.values(), strict=True)):
        for head, values in enumerate(zip(*heads, strict=True)):
            lines.append(f"| L{layer} H{head} | {' | '.join(f'{v:.3f}' for v in values)} |")

    lines += ["", "| one word changed | model | deciding words that change the label |"]
    lines[-1] += " other words that do not | reviews where all is so |"
    lines.append("| --- " * 5 + "|")
    for how, change in (("replaced", neutralise), ("left out", deleted)):
        for name, model in zip(("trained", "untrained"), models, strict=True):
            shares = one_changed(model, tokenizer, texts, change)
            lines.append(f"| {how} | {name} | {' | '.join(f'{share:.3f}' for share in shares)} |")

    head = scoring.best_head(after["[CLS] at a deciding word, argmax"])[0]
    methods, error = ranked(trained, tokenizer, to_rank(texts), head)
    methods_before, _ = ranked(untrained, tokenizer, to_rank(texts), head)
    lines += ["", "| words ranked by | the highest decides | the k highest are the k that decide |"]
    lines[-1] += " untrained: highest | untrained: all k |"
    lines.append("| --- " * 5 + "|")
    for name, shares in methods.items():
        cells = " | ".join(f"{share:.3f}" for share in (*shares, *methods_before[name]))
        lines.append(f"| {name} | {cells} |")
    lines += ["", f"Largest error of completeness: {error:.4f} logits", ""]

    written = predict(trained, tokenizer, list(SHOWN))
    lines += [f"> {text} → {label}" for text, label in zip(SHOWN, written, strict=True)]
    return "\n".join(lines)


def scores(
    trained: PreTrainedModel, untrained: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> list[scoring.Score]:
    """Computes the headline scores: of labels, then of heads, of changed words, of gradients.

    Args:
        trained: the model.
        untrained: the model its training started from.
        tokenizer: the tokenizer of both.
    """
    models = (trained, untrained)
    found = []
    for name, split in (("held-out reviews", "heldout"), ("unseen combinations", "unseen")):
        some = list(islice(reviews(SEED, split), N_REVIEWS))
        right = (accuracy(model, tokenizer, some)["all"] for model in models)
        found.append(scoring.Score(f"right labels, {name}", *right))
    everything = [text for text, _ in islice(reviews(SEED, "heldout"), N_REVIEWS)]
    texts = [text for text in everything if read(text).decisive]
    after, before = (attention(model, tokenizer, everything) for model in models)
    for name in ("[CLS] at a deciding word, argmax", "negation at what it denies, argmax"):
        head, score = scoring.best_head(after[name])
        found.append(scoring.Score(name, score, scoring.best_head(before[name])[1], head))
    all_so = (one_changed(model, tokenizer, texts, neutralise)[2] for model in models)
    found.append(scoring.Score("the label hangs on the deciding words alone", *all_so))
    some = to_rank(texts)
    after_ranks, before_ranks = (
        ranked(model, tokenizer, some, found[2].head)[0] for model in models
    )
    for name in ("from nothing", "from the neutral review"):
        name = f"integrated gradients, {name}"
        highest = (ranks[name][0] for ranks in (after_ranks, before_ranks))
        found.append(scoring.Score(f"{name}: the highest word decides", *highest))
    return found
