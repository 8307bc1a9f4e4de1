"""How much of each token a head writes: the lengths of weighted vectors, not weights alone.

A large weight on a short vector adds little. What a head adds to a query's state is a sum of
vectors, one for each key: the key's value, through the head's part of the output projection, times
the weight. These are their lengths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.projection import Written, observe_written
from attention_gallery.capture.seam.sites import Site, UnobservableError
from attention_gallery.codes import encode
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.layers import Layers, Maps, array, by_kind, of_one
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.terms import Reads

if TYPE_CHECKING:
    from attention_gallery.measures import Found
    from attention_gallery.measures.apparatus.case import Case

TITLE = marked("Norm-based weights")
READS: Reads = "sentence"
ASKS = False
MAPS = True


def measure(case: Case) -> Found:
    """Norms of a sentence: as shares of their rows, and beside the longest of all heads.

    Returns:
        Arrays ``map/norm-shares/<kind>/<layer>`` and ``map/norms/<kind>/<layer>``, `codes` of what
        each is of its row and of the longest; fact ``longest``, what that is, by kind, in units of
        the model's states.

    Raises:
        UnobservableError: When norms cannot be had.
    """
    arrays: dict[str, NDArray[Any]] = {}
    longest: dict[str, float] = {}
    for kind, layers in norms(case.run()).items():
        longest[kind] = max(float(layer.max()) for layer in layers)
        for number, layer in enumerate(layers):
            arrays[f"map/norm-shares/{kind}/{number}"] = encode(shares(layer))
            arrays[f"map/norms/{kind}/{number}"] = encode(layer / (longest[kind] or 1))
    maps = {
        "norm-shares": {
            "title": marked("norms, as shares"),
            "says": marked(
                "How much of what a head writes into each query is of each key, by the length of "
                "the vectors it writes. A large weight on a short vector writes little."
            ),
        },
        "norms": {
            "title": marked("norms, the longest 1"),
            "says": marked(
                "The same lengths as they are, where the longest of all heads is 1: a row of "
                "weights always adds up to 1, but a head may write next to nothing."
            ),
            "adds_up": False,
        },
    }
    return arrays, {"longest": longest, "maps": maps}


def norms(run: Run) -> Layers:
    """The length of the vector that each head writes of each key into each query.

    ``||alpha_ij f(x_j)||`` with ``f(x) = (x W_V + b_V) W_O``, where ``W_O`` are the rows of the
    output projection that are the head's. The projection's bias belongs to no key, and is left out.

    Args:
        run: A model and a sentence.

    Returns:
        For each kind of attention, per layer ``[head, query, key]``, in units of the model's
        states, from 0 up.

    Raises:
        UnobservableError: When values or the output projection of a layer cannot be told, or no
            attention can be had.

    Source: Kobayashi et al. 2020, "Attention is Not Only a Weight: Analyzing Transformers with
        Vector Norms", sections 2.2 and 3.
    """
    sites: list[Site] = []
    weights: list[Maps] = []
    lengths: list[Maps | None] = []

    def see(written: Written) -> None:
        sites.append(written.site)
        weights.append(array(of_one(written.weights, written.site)))
        vectors = written.vectors
        lengths.append(None if vectors is None else np.linalg.norm(array(vectors), axis=-1))

    observe_written(run.network, run.inputs, see)
    layers = list(zip(sites, weights, lengths, strict=True))
    found = by_kind(run.network, sites, weights, layers)
    return {kind: tuple(_norms(*layer) for layer in found[kind]) for kind in found}


def _norms(site: Site, weights: Maps, lengths: Maps | None) -> Maps:
    """The norms of one layer.

    Args:
        site: Who attends.
        weights: ``[head, query, key]``.
        lengths: Of what each head writes of each key, ``[head, key]``; None where it is unknown.

    Raises:
        UnobservableError: Where it is.
    """
    if lengths is None:
        raise UnobservableError(
            f"what the heads of {site.path} write cannot be told: no linear layer is fed what they "
            "gather, as it is",
            hint="norms can be had of attention with a plain output projection",
        )
    return weights * lengths[:, None]


def shares(norms: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Norms divided by the sum of their row, to lay beside weights.

    A row sums to one, like that of weights. It says nothing of how much a head writes at all.

    Args:
        norms: ``[..., query, key]``.

    Returns:
        The same shape.
    """
    sums = norms.sum(axis=-1, keepdims=True)
    found: NDArray[np.floating[Any]] = norms / np.where(sums > 0, sums, 1)
    return found
