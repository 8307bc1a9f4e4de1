"""Attention rollout: weights of several layers multiplied up, to see past the hidden states.

From the second layer on a model attends to hidden states, each of which is a mixture of tokens
already. Rollout follows the mixture back to the tokens that were read, under two assumptions: half
of each state is carried on unchanged by the residual connection, and heads count alike.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.codes import encode
from attention_gallery.errors import CaptureError
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.layers import weights
from attention_gallery.terms import AttentionKind, Reads

if TYPE_CHECKING:
    from attention_gallery.measures import Found
    from attention_gallery.measures.apparatus.case import Case

RESIDUAL = 0.5
"""The share of a state that is carried on past an attention."""

TITLE = marked("Attention rollout")
READS: Reads = "sentence"
ASKS = False
MAPS = True


def measure(case: Case) -> Found:
    """Rollout up to each layer.

    Returns:
        Arrays ``map/rollout/<kind>/<layer>``, `codes` of ``[1, query, key]``.

    Raises:
        CaptureError: When a model has no attention that can be rolled out.
    """
    found = weights(case.run())
    arrays: dict[str, NDArray[Any]] = {}
    for kind in can_roll(found):
        for number, rolled in enumerate(rollout(found[kind])):
            arrays[f"map/rollout/{kind}/{number}"] = encode(rolled[None])
    about = {
        "title": marked("rollout"),
        "says": marked(
            "From which tokens of the text each token's state has come through all layers up to "
            "this one, if heads count alike and half of each state passes a layer unchanged. Both "
            "are simplifications."
        ),
        "per_head": False,
    }
    return arrays, {"maps": {"rollout": about}}


def rollout(layers: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """How much of each token that was read is in each state, up to each layer.

    ``R[l] = A~[l] R[l - 1]``, where ``A~[l]`` is ``0.5 I + 0.5 mean over heads of A[l]`` with rows
    made to sum to one again, and ``R[-1]`` the identity.

    Args:
        layers: Weights of the self-attention of one stack, from its first layer on, per layer
            ``[head, token, token]``.

    Returns:
        ``[layer, query, key]``; each row sums to one. Where no query sees a later key in any layer,
        none does here.

    Raises:
        CaptureError: When a layer's keys are not its queries, as in cross-attention.

    Source: Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", section 3.
    """
    rolled: list[NDArray[np.float64]] = []
    for layer in layers:
        n_queries, n_keys = layer.shape[-2:]
        if n_queries != n_keys:
            raise CaptureError(
                f"a layer of {n_queries} queries and {n_keys} keys cannot be rolled out: what it "
                "looks at is not what it stands for"
            )
        mixed = (1 - RESIDUAL) * layer.mean(axis=0, dtype=np.float64) + RESIDUAL * np.eye(n_keys)
        mixed /= mixed.sum(axis=-1, keepdims=True)
        rolled.append(mixed @ rolled[-1] if rolled else mixed)
    return np.stack(rolled)


def can_roll(kinds: Collection[AttentionKind]) -> tuple[AttentionKind, ...]:
    """Of which kinds of attention a rollout says where a state comes from.

    Not of cross-attention, whose rows and columns are different texts. And not of the decoder
    beside it: each of its layers adds something of the other text to every state, which its own
    weights know nothing of, so that no row of theirs is the whole of a state.

    Args:
        kinds: All that a model has.
    """
    apart = {"cross", "decoder"} if "cross" in kinds else set()
    return tuple(kind for kind in kinds if kind not in apart)
