"""Gradient times attention: which weights an answer rests on, to first order.

A weight may be large and make no difference. Its gradient says how an answer would change with it;
weight times gradient is about how much of the answer would be lost without it. It is signed: a
negative number speaks against the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.observation import watched
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site, UnobservableError, attention_modules
from attention_gallery.codes import encode
from attention_gallery.errors import CaptureError
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.layers import (
    Layers,
    Maps,
    array,
    by_kind,
    is_repeat,
    of_one,
)
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.terms import Reads

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from attention_gallery.measures import Found
    from attention_gallery.measures.apparatus.case import Case

TITLE = marked("Gradient x attention")
READS: Reads = "sentence"
ASKS = True
MAPS = True

_FOR = (
    marked("gradient, for the answer"),
    marked(
        "Which weights speak for the answer {answer}: each weight times the gradient of the answer "
        "by it, where the largest of all heads is 1. What is small here may be large and make no "
        "difference."
    ),
)
_AGAINST = (
    marked("gradient, against the answer"),
    marked(
        "Which weights speak against the answer {answer}: each weight times the gradient of the "
        "answer by it, where the largest of all heads is 1. What is small here may be large and "
        "make no difference."
    ),
)


def measure(case: Case) -> Found:
    """What speaks for an answer and what speaks against it, on the scale of what does so most.

    Returns:
        Arrays ``map/gradient-for/<kind>/<layer>`` and ``map/gradient-against/<kind>/<layer>``,
        `codes` of what is positive, and of what is negative, over the largest of all; fact
        ``largest``, what that is, by kind, in units of the answer.

    Raises:
        GalleryError: When the model gives no such answer, or gradients cannot be had.
    """
    asked = case.asked()
    arrays: dict[str, NDArray[Any]] = {}
    largest: dict[str, float] = {}
    for kind, layers in gradient_x_attention(case.run(), asked.target).items():
        largest[kind] = max(float(np.abs(layer).max()) for layer in layers)
        for number, layer in enumerate(layers):
            scaled = layer / (largest[kind] or 1)
            arrays[f"map/gradient-for/{kind}/{number}"] = encode(np.maximum(scaled, 0))
            arrays[f"map/gradient-against/{kind}/{number}"] = encode(np.maximum(-scaled, 0))
    maps = {
        "gradient-for": {"title": _FOR[0], "says": _FOR[1], "adds_up": False},
        "gradient-against": {"title": _AGAINST[0], "says": _AGAINST[1], "adds_up": False},
    }
    return arrays, {"answer": asked.facts(), "largest": largest, "maps": maps}


def gradient_x_attention(run: Run, target: Target | None = None) -> Layers:
    """Each weight times the gradient of an answer with respect to it.

    ``A_ij * d y / d A_ij``, all other weights held fixed, as if a row need not sum to one.

    Args:
        run: A model that predicts something, and a sentence.
        target: Which number of its answer is asked about; None for the `likeliest`.

    Returns:
        For each kind of attention, per layer ``[head, query, key]``, signed, in units of the
        answer: nats for a word, logits for a class. Zero where a weight is, or where it does not
        reach the answer, as in rows of the last layer that nothing is read from.

    Raises:
        UnobservableError: When the weights that are seen are not those that the model goes on with,
            or no attention can be had.
        CaptureError: When the model predicts nothing, or it has to be said what is meant.
        ValueError: When the target is not one of such a model.

    Source: Serrano & Smith 2019, "Is Attention Interpretable?", the product of weight and gradient;
        for many heads and layers Chefer et al. 2021, "Generic Attention-model Explainability for
        Interpreting Bi-Modal and Encoder-Decoder Transformers", section 3, here neither averaged
        over heads nor cut off below zero.
    """
    sites: list[Site] = []
    seen: list[Tensor] = []

    def see(site: Site, passing: Passing) -> None:
        sites.append(site)
        seen.append(passing.weights)

    with _followed(run.network), _noted(run.network) as put_out:
        with watched(run.network, see, tap=True, parts=False):
            logits = run.logits()
        answer = (target or likeliest(run.network, logits)).of(logits[None])[0]
        gradients = _gradients(answer, seen)
        for number, (site, weights) in enumerate(zip(sites, seen, strict=True)):
            if gradients[number] is None and _leads_on(weights, put_out.get(site.path, ())):
                gradients[number] = weights.new_zeros(weights.shape)
    if not seen:
        raise UnobservableError(f"no attention of {type(run.network).__name__} can be had")
    return _products(run.network, sites, seen, gradients)


def _products(
    network: PreTrainedModel,
    sites: Sequence[Site],
    seen: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
) -> Layers:
    """Weights times gradients, each attention once, sorted by kind.

    Raises:
        UnobservableError: When one has no gradient.
    """
    attended: list[Site] = []
    layers: list[Maps] = []
    slopes: list[Maps | None] = []
    for site, weights, gradient in zip(sites, seen, gradients, strict=True):
        layer = array(of_one(weights, site))
        slope = None if gradient is None else array(of_one(gradient, site))
        earlier = slopes[-1] if is_repeat(site, layer, attended, layers) else None
        if slope is not None and earlier is not None:
            slopes[-1] = earlier + slope  # both are of the same weights
            continue
        attended.append(site)
        layers.append(layer)
        slopes.append(slope)
    found = by_kind(network, attended, layers, list(zip(attended, layers, slopes, strict=True)))
    return {kind: tuple(_product(*layer) for layer in found[kind]) for kind in found}


def _product(site: Site, weights: Maps, slope: Maps | None) -> Maps:
    """The product of one layer.

    Raises:
        UnobservableError: When it has no gradient.
    """
    if slope is None:
        raise UnobservableError(
            f"the weights of {site.path} have no gradient: those that are seen are not those that "
            "the model goes on with"
        )
    return weights * slope


def _gradients(answer: Tensor, weights: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradients of a number with respect to some weights; None where it has nothing of them."""
    import torch

    followed = [tensor for tensor in weights if tensor.requires_grad]
    if not (answer.requires_grad and followed):
        return [None for _ in weights]
    found = iter(torch.autograd.grad(answer, followed, retain_graph=True, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in weights]


def _leads_on(weights: Tensor, put_out: Sequence[Tensor]) -> bool:
    """Whether weights are part of what their module puts out, if not of the answer.

    Args:
        weights: ``[..., query, key]``.
        put_out: All tensors that it puts out; a map among them may be the weights themselves.
    """
    return any(
        _gradients(tensor.sum(), [weights])[0] is not None
        for tensor in put_out
        if tensor.shape[-2:] != weights.shape[-2:]
    )


def likeliest(network: PreTrainedModel, logits: Tensor) -> Target:
    """What a model thinks likeliest: the next word, or the class of a whole text.

    Args:
        network: The model.
        logits: As `Run.logits` gives them.

    Returns:
        The logarithm of the word's probability, or the logit of the class.

    Raises:
        CaptureError: When it predicts something of each token, so that one has to be chosen.
    """
    if logits.ndim == 1:
        return Target(int(logits.argmax()), normed=False)
    if not network.can_generate():
        raise CaptureError(
            f"{type(network).__name__} predicts something of each token, and of which one is asked "
            "is not said",
            hint="name a position, and a word or a label",
        )
    return Target(int(logits[-1].argmax()), len(logits) - 1)


@contextmanager
def _followed(network: PreTrainedModel) -> Iterator[None]:
    """Have a model's sums followed, whatever was frozen before, and leave it as it was."""
    import torch

    frozen = [
        parameter
        for parameter in network.parameters()
        if parameter.is_floating_point() and not parameter.requires_grad
    ]
    with torch.inference_mode(False), torch.enable_grad():
        for module in network.modules():
            for values in (vars(module), module._buffers):
                for name, value in values.items():
                    # Kept by the model from a run without gradients, and of no use in one with.
                    if isinstance(value, torch.Tensor) and value.is_inference():
                        values[name] = value.clone()
        try:
            for parameter in frozen:
                parameter.requires_grad_(True)
            yield
        finally:
            for parameter in frozen:
                parameter.requires_grad_(False)


@contextmanager
def _noted(network: PreTrainedModel) -> Iterator[Mapping[str, Sequence[Tensor]]]:
    """Note what attention modules put out, by their path."""
    import torch

    put_out: dict[str, list[Tensor]] = {}
    paths = attention_modules(network)

    def note(module: Module, _: object, output: Any) -> None:
        given = output if isinstance(output, tuple | list) else (output,)
        put_out.setdefault(paths[module], []).extend(
            tensor for tensor in given if isinstance(tensor, torch.Tensor)
        )

    hooks = [module.register_forward_hook(note) for module in paths]
    try:
        yield put_out
    finally:
        for hook in hooks:
            hook.remove()
