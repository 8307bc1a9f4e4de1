"""How the copying heads of the `story` specimen form, measured on its checkpoints."""

import copy

import measure
import scoring
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

# The longest segments of the first stage of training, and those of the model card.
PERIODS = (8, measure.PERIOD)


def without_head(model: PreTrainedModel, layer: int, head: int) -> PreTrainedModel:
    """Copies a model and silences a head in the copy: what it writes becomes zero."""
    silenced = copy.deepcopy(model)
    attention = silenced.model.layers[layer].self_attn
    columns = slice(head * attention.head_dim, (head + 1) * attention.head_dim)
    with torch.no_grad():
        attention.o_proj.weight[:, columns] = 0
    return silenced


def report(series: dict[int, PreTrainedModel], tokenizer: PreTrainedTokenizerBase) -> str:
    """Writes the figures of a series of checkpoints, in Markdown.

    Args:
        series: the model by the number of training steps it has taken, the finished one last.
        tokenizer: the tokenizer of all.

    Returns:
        A table for each length of segments, and one for stories. The head silenced is always the
        finished model's best at the previous token.
    """
    finished = list(series.values())[-1]
    lines: list[str] = []
    for period in PERIODS:
        ids = measure.segments(tokenizer, period)
        looking_back = scoring.previous_token_scores(scoring.attention_weights(finished, ids))
        layer, head = divmod(int(looking_back.argmax()), looking_back.shape[1])
        lines += [
            f"| step, segments of {period} | previous token | induction "
            f"| induction without L{layer} H{head} | copies (nats) |",
            "| --- " * 5 + "|",
        ]
        for step, model in series.items():
            weights = scoring.attention_weights(model, ids)
            silenced = scoring.attention_weights(without_head(model, layer, head), ids)
            previous_head, previous = scoring.best_head(scoring.previous_token_scores(weights))
            copying_head, copying = scoring.best_head(scoring.induction_scores(weights, period))
            _, left = scoring.best_head(scoring.induction_scores(silenced, period))
            lines.append(
                f"| {step:,} | {previous:.2f} ({previous_head}) | {copying:.2f} ({copying_head}) "
                f"| {left:.2f} | {measure.copy_loss(model, ids, period):.2f} |"
            )
        lines.append("")

    name = "held-out stories (nats)"
    losses = (measure.measure(model, tokenizer).losses[name] for model in series.values())
    lines += [
        f"| step | {' | '.join(f'{step:,}' for step in series)} |",
        "| --- " * (1 + len(series)) + "|",
        f"| {name} | {' | '.join(f'{loss:.2f}' for loss in losses)} |",
    ]
    return "\n".join(lines)
