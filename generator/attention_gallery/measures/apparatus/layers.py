"""What a run has made of each layer, sorted by what attends to what, as captures are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture import recording
from attention_gallery.capture.recording import Kept
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site, UnobservableError
from attention_gallery.codes import encode
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.terms import AttentionKind

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Made = TypeVar("Made")

Maps = NDArray[np.floating[Any]]
"""One number for each pair of tokens and each head of a layer: ``[head, query, key]``."""

Layers = dict[AttentionKind, tuple[Maps, ...]]
"""Such numbers for each layer of each kind of attention; layers may differ in their heads."""


def weights(run: Run) -> Layers:
    """Attention weights of all layers, as exact as the model computes them.

    Raises:
        UnobservableError: When they cannot be had.
    """
    sites: list[Site] = []
    seen: list[Maps] = []

    def see(site: Site, passing: Passing) -> None:
        layer = array(of_one(passing.weights, site))
        if not is_repeat(site, layer, sites, seen):
            sites.append(site)
            seen.append(layer)

    observe(run.network, run.inputs, see)
    return by_kind(run.network, sites, seen, seen)


def by_kind(
    network: PreTrainedModel, sites: Sequence[Site], seen: Sequence[Maps], made: Sequence[Made]
) -> dict[AttentionKind, tuple[Made, ...]]:
    """Sort what was made of the layers of a run as a capture sorts their weights.

    Args:
        network: The model.
        sites: Who attended, in the order in which they did.
        seen: The weights of each, ``[head, query, key]``.
        made: What was made of each.

    Raises:
        UnobservableError: When it cannot be told what attends to what.
    """
    kept = [Kept(site, encode(layer)) for site, layer in zip(sites, seen, strict=True)]
    made_of = {id(layer): result for layer, result in zip(kept, made, strict=True)}
    return {
        kind: tuple(made_of[id(layer)] for layer in layers)
        for kind, layers in recording.by_kind(network, kept).items()
    }


def is_repeat(site: Site, layer: Maps, sites: Sequence[Site], seen: Sequence[Maps]) -> bool:
    """Whether an attention is the last one again.

    Some models take the same softmax twice, for two halves of the values.

    Args:
        site: Who attends.
        layer: Its weights.
        sites: Who attended before.
        seen: Their weights.
    """
    return bool(sites) and sites[-1] is site and np.array_equal(seen[-1], layer)


def of_one(tensor: Tensor, site: Site) -> Tensor:
    """What passes of a single sentence, without the axis of the batch.

    Args:
        tensor: ``[1, head, ...]``, or ``[head, ...]`` where a model joins the two axes.
        site: Who attends.

    Raises:
        UnobservableError: When a model cuts its input into windows, or several sentences.
    """
    if tensor.ndim == 3:
        return tensor
    if len(tensor) != 1:
        raise UnobservableError(
            f"{site.path} attends within {len(tensor)} windows, and a measure is of whole maps"
        )
    return tensor[0]


def array(tensor: Tensor) -> Maps:
    """A copy of a model's numbers, in single precision where they have less."""
    plain = tensor.detach().cpu()
    exact = plain if plain.dtype.itemsize >= 4 else plain.float()
    numbers: Maps = exact.numpy().copy()  # the model may change its own
    return numbers
