"""The attention weights of one pass of a model, and the checks that they are attention weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import CaptureError
from attention_gallery.terms import Attention, AttentionKind, Head, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Layers = tuple[NDArray[np.float32], ...]

# Float32 rows of a thousand weights sum to 1 within 1e-6; what is further off is not a softmax.
_TOLERANCE = 1e-3

_OUTPUTS: Mapping[str, AttentionKind | None] = {
    "encoder_attentions": "encoder",
    "decoder_attentions": "decoder",
    "cross_attentions": "cross",
    "attentions": None,  # a model of one stack does not say which kind it is
}


def observe(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[AttentionKind, Layers]:
    """Run a model once and keep its attention weights.

    This is the seam: whatever else comes to observe attention (a wrapper around each layer's own
    function, for models that return none, and for long sentences) replaces this one function.
    Here the model is asked to return its weights, which is exact by definition and simple, and
    holds all layers in memory at once.

    Args:
        network: A model whose attention is computed the eager way.
        inputs: What its ``forward`` takes, each ``[1, token]``.

    Returns:
        By kind, per layer float32 ``[head, query, key]``. A stack on its own is a decoder when no
        query of this run sees a later key. Layers without attention are not counted.

    Raises:
        CaptureError: When the model returns no attention weights.
    """
    import torch

    with torch.inference_mode():
        outputs = network(**inputs, output_attentions=True, use_cache=False, return_dict=True)
    found: dict[AttentionKind, Layers] = {}
    for name, kind in _OUTPUTS.items():
        layers = tuple(
            _array(weights) for weights in outputs.get(name) or () if weights is not None
        )
        if layers:
            found[kind or ("decoder" if _sees_no_later_key(layers) else "encoder")] = layers
    if not found:
        raise CaptureError(f"no attention can be had: {_why_none(network)}")
    return found


def _array(weights: Tensor) -> NDArray[np.float32]:
    """One layer's weights without the batch axis, laid out in order."""
    array: NDArray[np.float32] = weights.float().cpu().numpy()
    return np.ascontiguousarray(array[0])


def _sees_no_later_key(layers: Layers) -> bool:
    return not any(np.triu(layer, k=1).any() for layer in layers)


def _why_none(network: PreTrainedModel) -> str:
    name = type(network).__name__
    if any("attention" in type(module).__name__.lower() for module in network.modules()):
        return f"{name} has attention layers, but they do not return their weights"
    return f"{name} has no attention layers"


def has_sinks(network: PreTrainedModel) -> bool:
    """Whether heads have a learned sink: a key that is no token, and takes a share of each row."""
    return any("sink" in name for name, _ in network.named_parameters())


def checked(
    kind: AttentionKind,
    queries: tuple[Token, ...],
    keys: tuple[Token, ...],
    layers: Layers,
    *,
    sinks: bool,
) -> Attention:
    """Give weights their tokens, once they are seen to be what they should.

    Args:
        kind: Which attention.
        queries: Row labels.
        keys: Column labels.
        layers: Per layer float32 ``[head, query, key]``.
        sinks: Whether rows may sum to less than 1; the rest is the sink's.

    Raises:
        CaptureError: When a layer has another shape, holds what is no number, or has a row that is
            not a distribution.
    """
    wanted = (len(queries), len(keys))
    for number, layer in enumerate(layers):
        if layer.ndim != 3 or layer.shape[1:] != wanted:
            raise CaptureError(
                f"{kind} layer {number} is of shape {list(layer.shape)}, where [head, query, key] "
                f"should be [head, {wanted[0]}, {wanted[1]}]: the model returns something else "
                "than attention weights"
            )
        sums = layer.sum(axis=-1, dtype=np.float64)
        faults = {
            "are not numbers; are there NaN among the model's parameters?": ~np.isfinite(sums),
            "are negative": (layer < 0).any(axis=-1),
            "sum to more than 1": sums > 1 + _TOLERANCE,
            "sum to less than 1": (sums < 1 - _TOLERANCE) & (not sinks),
        }
        for fault, rows in faults.items():
            if rows.any():
                head, query = np.argwhere(rows)[0]
                raise CaptureError(
                    f"{kind} {Head(number, int(head))}: the weights from token {query} {fault}"
                )
    causal = kind == "decoder" and _sees_no_later_key(layers)
    return Attention(kind, queries, keys, layers, causal)
