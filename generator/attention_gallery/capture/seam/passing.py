"""One attention on its way through a model, as either way to see attention hands it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """What a module attends with, while it does.

    Its parts fit each other: ``softmax(scores)`` are the weights, and ``scores`` are ``query @
    key.T * scale``, softly capped in some models, plus what the model adds: a bias for relative
    places, say, and a mask.

    The tensors are the model's own: they are free to go, or to be changed by it, as soon as whoever
    sees them returns. Only the weights are always there. The other parts are None when they were
    not asked for, and when they cannot be told for certain.

    Attributes:
        weights: After softmax, ``[batch, head, query, key]``; some models join the first two axes,
            which are then joined in all parts.
        scores: What the softmax was taken of, of the same shape, with every bias and mask in it,
            and with what some models take off all scores of a query alike, lest they overflow. A
            head with a learned sink has one key more here, the last.
        query: ``[batch, head, query, dimension]`` as it enters the dot product: after rotary
            embedding, bias and normalisation, and in some models scaled.
        key: ``[batch, head, key, dimension]`` likewise. Where heads share keys there are fewer
            heads here, each for as many neighbouring heads of the queries.
        value: ``[batch, head, key, dimension]``, shared likewise.
        scale: What the dot product is multiplied by to give scores, before biases and masks: 1
            where query or key were scaled before. None also where it differs between heads.
        in_line: Whether the model computes it where it needs it, and does not ask the library's
            interface.
        n_key_heads: How many heads the keys have, with or without parts; fewer than queries have
            where heads share them. None where it is not told.
        window: How many keys back, itself included, a query is told to see; None for no limit.
    """

    weights: Tensor
    scores: Tensor | None = None
    query: Tensor | None = None
    key: Tensor | None = None
    value: Tensor | None = None
    scale: float | None = None
    in_line: bool = False
    n_key_heads: int | None = None
    window: int | None = None
