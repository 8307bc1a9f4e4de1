"""How far heads do what they are said to do.

Weights of attention are laid out `[layer, head, query, key]`, after an axis for the sequence where
several are measured at once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Score:
    """A figure a model card answers for, on data that training never saw.

    Attributes:
        name: what is measured, as the model card calls it.
        trained: the figure of the trained model, between 0 and 1; larger is more.
        untrained: the same of the model that training started from, in its own best head.
        head: the head of the trained model that has the figure; empty where no head is meant.
    """

    name: str
    trained: float
    untrained: float
    head: str = ""


def attention_weights(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Runs sequences of one length through a model and keeps its attention.

    Args:
        model: a model whose attention implementation is "eager": the others return no weights.
        ids: token ids, int64 `[sequence, position]`.

    Returns:
        Weights, float32 `[sequence, layer, head, query, key]`.
    """
    with torch.no_grad():
        return torch.stack(model(input_ids=ids, output_attentions=True).attentions, dim=1)


def induction_scores(weights: Tensor, period: int) -> Tensor:
    """Says how far each head looks from a repeated token to what followed it the first time.

    Source: Olsson et al. 2022, "In-context Learning and Induction Heads", prefix matching.

    Args:
        weights: `[sequence, layer, head, query, key]`, of one leading token and a segment of
            `period` tokens said at least twice.
        period: the length of the segment.

    Returns:
        The mean weight from a token of the later sayings to the token after its previous
        occurrence, float32 `[layer, head]`.
    """
    # On this diagonal the key lies period - 1 before the query; its first entries have queries
    # inside the first saying (the last token of it looks at position 1), which repeat nothing.
    return weights.diagonal(1 - period, dim1=-2, dim2=-1)[..., 2:].mean(dim=(0, -1))


def previous_token_scores(weights: Tensor) -> Tensor:
    """Says how far each head looks at the token before the query.

    Args:
        weights: `[sequence, layer, head, query, key]`.

    Returns:
        The mean weight one position back, float32 `[layer, head]`. The query at position 1 is
        left out: its previous token is the first one, to which heads look for other reasons.
    """
    return weights.diagonal(-1, dim1=-2, dim2=-1)[..., 1:].mean(dim=(0, -1))


def first_token_mass(weights: Tensor) -> Tensor:
    """Says how much weight each head puts on the first position.

    Args:
        weights: `[sequence, layer, head, query, key]`.

    Returns:
        The mean weight on key 0 over the queries after the fourth, float32 `[layer, head]`: the
        earliest queries see so few tokens that any head puts much there.
    """
    return weights[..., 4:, 0].mean(dim=(0, -1))


def best_head(scores: Tensor) -> tuple[str, float]:
    """Names the head with the highest score.

    Args:
        scores: `[layer, head]`.

    Returns:
        Its 0-based name, as in "L1 H2", and its score.
    """
    layer, head = divmod(int(scores.argmax()), scores.shape[1])
    return f"L{layer} H{head}", scores[layer, head].item()
