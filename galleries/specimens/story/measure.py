"""What the `story` specimen's heads do, measured on sequences and stories it has not seen.

Every figure is given beside that of the untrained model the training started from.
"""

import math
from dataclasses import dataclass
from itertools import islice

import scoring
import torch
import training
from grammar import SURNAMES, documents
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

SEED = 20_000
PERIOD, N_SEQUENCES, N_STORIES = 25, 64, 100
PUNCTUATION = set(".,?!\"'")
PROMPTS = ("Once upon a time,", "The quick brown fox")


@dataclass(frozen=True)
class Figures:
    """The figures of one model.

    Attributes:
        heads: scores by name, each float32 `[layer, head]`.
        losses: mean surprisal by name, in nats a token (the copies, the stories) or in bits (the
            surnames).
    """

    heads: dict[str, Tensor]
    losses: dict[str, float]


def surprisals(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Computes how surprising each token is after those before it.

    Args:
        model: a causal language model.
        ids: token ids, int64 `[sequence, position]`.

    Returns:
        Surprisal of the tokens from position 1 on, in nats, float32 `[sequence, position - 1]`.
    """
    with torch.no_grad():
        logits = model(input_ids=ids).logits[:, :-1]
    return cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")


def segments(tokenizer: PreTrainedTokenizerBase, period: int) -> Tensor:
    """Draws random segments said twice, with another seed than training.

    Args:
        tokenizer: whose tokens to draw from.
        period: the length of the segments.

    Returns:
        Token ids, int64 `[sequence, 1 + 2 * period]`, with the end-of-text token in front.
    """
    return training.repeated_random_tokens(
        torch.arange(1, len(tokenizer)),
        first=tokenizer.bos_token_id,
        periods=torch.full((N_SEQUENCES,), period),
        length=2 * period,
        generator=torch.Generator().manual_seed(SEED),
    ).ids


def copy_loss(model: PreTrainedModel, ids: Tensor, period: int) -> float:
    """Computes the mean surprisal of the second sayings, in nats a token.

    Their first token is left out, as a segment may have any length.
    """
    return surprisals(model, ids)[:, period + 1 :].mean().item()


def measure(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Figures:
    """Measures a model on repeated random tokens and on held-out fairy tales.

    Args:
        model: the model, with eager attention.
        tokenizer: its tokenizer.

    Returns:
        The figures. Stories count equally, however long they are. The score "first token" is taken
        where nothing has been repeated yet, so it shows where an induction head rests.
    """
    repeats = segments(tokenizer, PERIOD)
    weights = scoring.attention_weights(model, repeats)
    heads = {
        "induction": scoring.induction_scores(weights, PERIOD),
        "previous token": scoring.previous_token_scores(weights),
        "first token": scoring.first_token_mass(weights[..., : PERIOD + 1, : PERIOD + 1]),
    }

    marks = {i for token, i in tokenizer.get_vocab().items() if set(token) <= PUNCTUATION}
    surnames = {tokenizer.encode(f" {name}", add_special_tokens=False)[0] for name in SURNAMES}
    in_stories: dict[str, list[Tensor]] = {}
    losses, first_mentions, later_mentions = [], [], []
    for text in islice(documents(SEED, "heldout", pangram_share=0), N_STORIES):
        ids = torch.tensor([tokenizer.encode(text)])
        weights = scoring.attention_weights(model, ids)
        is_mark = torch.tensor([i in marks for i in ids[0].tolist()])
        for name, score in {
            "previous token, stories": scoring.previous_token_scores(weights),
            "first token, stories": scoring.first_token_mass(weights),
            "punctuation, stories": weights[..., 4:, is_mark].sum(-1).mean(dim=(0, -1)),
        }.items():
            in_stories.setdefault(name, []).append(score)
        surprisal = surprisals(model, ids)[0]
        losses.append(surprisal.mean())
        mentions = [p for p, i in enumerate(ids[0, 1:].tolist()) if i in surnames]
        first_mentions.append(surprisal[mentions[0]])
        later_mentions.extend(surprisal[mentions[1:]])

    heads |= {name: torch.stack(scores).mean(0) for name, scores in in_stories.items()}
    to_bits = 1 / math.log(2)
    return Figures(
        heads,
        {
            "copies of random tokens (nats)": copy_loss(model, repeats, PERIOD),
            "held-out stories (nats)": torch.stack(losses).mean().item(),
            "surname, first mention (bits)": torch.stack(first_mentions).mean().item() * to_bits,
            "surname, later mentions (bits)": torch.stack(later_mentions).mean().item() * to_bits,
        },
    )


def complete(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str) -> str:
    """Continues a prompt with the likeliest token at every step.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        prompt: how the text begins.

    Returns:
        The prompt and up to a hundred tokens more, without the end-of-text tokens.
    """
    inputs = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    ids = model.generate(
        **inputs, max_new_tokens=100, do_sample=False, pad_token_id=tokenizer.eos_token_id
    )
    return str(tokenizer.decode(ids[0], skip_special_tokens=True))


def report(
    trained: PreTrainedModel, untrained: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> str:
    """Writes the figures of a trained model beside those of the untrained one, in Markdown.

    Args:
        trained: the model.
        untrained: the model its training started from.
        tokenizer: the tokenizer of both.

    Returns:
        Three tables (best heads, losses, every head) and the completions of the prompts.
    """
    after, before = measure(trained, tokenizer), measure(untrained, tokenizer)
    lines = ["| score | best head | trained | untrained (its best) |", "| --- | --- | --- | --- |"]
    for name, scores in after.heads.items():
        best, score = scoring.best_head(scores)
        _, baseline = scoring.best_head(before.heads[name])
        lines.append(f"| {name} | {best} | {score:.2f} | {baseline:.2f} |")

    lines += ["", "| surprisal | trained | untrained |", "| --- | --- | --- |"]
    for name, loss in after.losses.items():
        lines.append(f"| {name} | {loss:.4f} | {before.losses[name]:.2f} |")

    lines += ["", f"| head | {' | '.join(after.heads)} |", "| --- " * (1 + len(after.heads)) + "|"]
    n_layers, n_heads = after.heads["induction"].shape
    for layer in range(n_layers):
        for head in range(n_heads):
            cells = (f"{scores[layer, head]:.2f}" for scores in after.heads.values())
            lines.append(f"| L{layer} H{head} | {' | '.join(cells)} |")

    lines += ["", *(f"> {complete(trained, tokenizer, prompt)}\n" for prompt in PROMPTS)]
    return "\n".join(lines)


def scores(
    trained: PreTrainedModel, untrained: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> list[scoring.Score]:
    """Computes the headline scores: the task's, then those of the heads.

    Args:
        trained: the model.
        untrained: the model its training started from.
        tokenizer: the tokenizer of both.
    """
    after, before = measure(trained, tokenizer), measure(untrained, tokenizer)
    copies = "copies of random tokens (nats)"
    found = [
        scoring.Score(
            "probability of the right copy",
            math.exp(-after.losses[copies]),
            math.exp(-before.losses[copies]),
        )
    ]
    for name in ("induction", "previous token"):
        head, score = scoring.best_head(after.heads[name])
        found.append(scoring.Score(name, score, scoring.best_head(before.heads[name])[1], head))
    return found
