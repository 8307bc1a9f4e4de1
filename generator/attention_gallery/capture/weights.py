"""The attention weights of one pass of a model, and the checks that they are attention weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, get_args
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.interface import watched_interface
from attention_gallery.capture.sites import Site, UnobservableError, attention_modules, running
from attention_gallery.capture.tap import tapped
from attention_gallery.errors import CaptureError
from attention_gallery.terms import Attention, AttentionKind, Head, Token

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

Layers = tuple[NDArray[np.float32], ...]

# Float32 rows of a thousand weights sum to 1 within 1e-6; what is further off is not a softmax.
_TOLERANCE = 1e-3

# Two runs of a model give one answer; only where torch's own attention is asked for its weights is
# it summed in another order.
_ROUNDING = 1e-4

_proven: WeakSet[PreTrainedModel] = WeakSet()


def observe(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[AttentionKind, Layers]:
    """Run a model once and keep its attention weights.

    This is the seam: how attention is seen is known below here only. Weights are taken as they
    pass, so the model itself never holds those of all layers.

    A model that is observed for the first time also runs unobserved, and must answer the same.

    Args:
        network: A model whose attention is computed the eager way, in evaluation mode.
        inputs: What its ``forward`` takes, each ``[1, token]``.

    Returns:
        By kind, per layer float32 ``[head, query, key]`` in the order in which they run, or
        ``[window, head, query, key]`` where a model cuts what it is fed into windows. A stack on
        its own is a decoder when no query of this run sees a later key. Layers without attention
        are not counted.

    Raises:
        UnobservableError: When no attention is seen, it cannot be told whose it is, or observing it
            changes the model's answer.
    """
    seen: list[tuple[Site, NDArray[np.float32]]] = []
    with _watched(network, seen):
        answer = _answer(network, inputs)
    if not seen:
        raise UnobservableError(f"no attention can be had: {_why_none(network)}")
    if network not in _proven:
        _check_same(network, _answer(network, inputs), answer)
        _proven.add(network)

    return _by_kind(network, seen)


def _by_kind(
    network: PreTrainedModel, seen: Iterable[tuple[Site, NDArray[np.float32]]]
) -> dict[AttentionKind, Layers]:
    """Sort weights by what attends to what.

    Raises:
        UnobservableError: When it cannot be told which layers of a decoder see the encoder.
    """
    found: dict[AttentionKind | None, list[NDArray[np.float32]]] = {}
    for site, weights in seen:
        found.setdefault(site.kind, []).append(weights)
    if alone := _without_pooling(tuple(found.pop(None, ()))):
        return {"decoder" if _sees_no_later_key(alone) else "encoder": alone}
    if "cross" not in found:
        raise UnobservableError(
            f"it cannot be told which layers of {type(network).__name__} attend to its encoder"
        )
    return {kind: tuple(found[kind]) for kind in get_args(AttentionKind) if kind in found}


def _without_pooling(layers: Layers) -> Layers:
    """The layers of a stack, without a head that pools what it puts out.

    Some models sum a stack up by attention: a learned query looks at all its tokens. That is told
    from a layer by its queries, which are not the tokens. Where keys differ too, nothing is left
    out: such a stack changes its tokens on the way, and is not shown in part.

    Args:
        layers: All that was seen of a model of one stack, each ``[..., head, query, key]``.
    """
    if not layers or layers[0].shape[-2] != (n_tokens := layers[0].shape[-1]):
        return layers
    return tuple(
        layer for layer in layers if layer.shape[-2] == n_tokens or layer.shape[-1] != n_tokens
    )


@contextmanager
def _watched(
    network: PreTrainedModel, seen: list[tuple[Site, NDArray[np.float32]]]
) -> Iterator[None]:
    """Keep all weights of a run, each with where it was seen.

    Both ways to see attention are open at once: a model may have parts of either sort, and which
    it has need not be known beforehand.
    """
    with running(network) as site_of, ExitStack() as watches:

        def see(weights: Tensor, asking: Module | None = None) -> None:
            site = site_of(asking)
            # Those of more axes are blocks of a sparse pattern, or another stream's.
            if site is None or weights.ndim not in (3, 4):
                return
            array = _array(weights)
            if seen and seen[-1][0] is site and np.array_equal(seen[-1][1], array):
                return  # computed twice, for two halves of the values
            seen.append((site, array))

        tap = watches.enter_context(tapped(see))
        watches.enter_context(watched_interface(see, tap.closed))
        yield


def _answer(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Mapping[str, Any]:
    """Run a model."""
    import torch

    with torch.inference_mode():
        answer: Mapping[str, Any] = network(**inputs, use_cache=False, return_dict=True)
    return answer


def _check_same(
    network: PreTrainedModel, plain: Mapping[str, Any], observed: Mapping[str, Any]
) -> None:
    """See that a model answers the same, observed or not.

    Raises:
        UnobservableError: When it does not.
    """
    import torch

    for name, values in plain.items():
        if not isinstance(values, torch.Tensor):
            continue
        if not torch.allclose(
            values, observed[name], rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True
        ):
            error = (values - observed[name]).abs().max()
            raise UnobservableError(
                f"{type(network).__name__} gives other {name} when its attention is observed, by "
                f"{error:.2g}",
                hint="a model that draws at random cannot be observed",
            )


def _array(weights: Tensor) -> NDArray[np.float32]:
    """One layer's weights without the batch axis, which some have joined to the heads'.

    A copy, for a model may go on to change its own.
    """
    array: NDArray[np.float32] = weights.float().cpu().numpy()
    return np.array(array[0] if array.ndim == 4 and len(array) == 1 else array, order="C")


def _sees_no_later_key(layers: Layers) -> bool:
    return not any(np.triu(layer, k=1).any() for layer in layers)


def _why_none(network: PreTrainedModel) -> str:
    name = type(network).__name__
    if attention_modules(network):
        return f"{name} has attention layers, but none that takes a softmax over its keys"
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
