"""Each head on its own made to hand on something else, many heads at a time.

All rows of a batch read the same sentence, and in each another head is replaced: see `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.intervention import Handed, answer, changed
from attention_gallery.capture.seam.sites import Site
from attention_gallery.errors import CaptureError, listing
from attention_gallery.measures.apparatus import rows
from attention_gallery.measures.apparatus.layers import weights
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.terms import AttentionKind

if TYPE_CHECKING:
    from torch import Tensor

PerHead = NDArray[np.float64] | tuple[NDArray[np.float64], ...]
"""A number for each head, ``[layer, head]``; where layers differ in their heads, one array each."""

Instead = Callable[[Site, int, Handed], "Tensor"]
"""Gives what a head hands on instead, ``[query, dimension]``, of what its layer does in one row."""

Read = Callable[["Tensor"], "Tensor"]
"""Takes what is asked for, ``[row]``, out of logits, ``[row, ...]``."""


def natural(run: Run) -> AttentionKind:
    """The kind of attention that readers see where nobody says which, as a capture has it.

    Raises:
        UnobservableError: When attention cannot be had.
    """
    kinds = weights(run)
    return "cross" if "cross" in kinds else min(kinds, key=lambda kind: kind == "vision")


def layers_of(handed: Mapping[Site, Handed], attention: AttentionKind | None) -> dict[Site, int]:
    """The layers of one kind of attention, in the order in which they run, and their heads.

    Args:
        handed: What `handed_on` tells of a run.
        attention: Which kind; None for the only one there is. Of a model of one stack it need not
            be known whether that is an encoder or a decoder.

    Returns:
        How many heads each layer has.

    Raises:
        CaptureError: When the model has none of that kind, or several and none is named.
    """
    kinds = dict.fromkeys(site.kind for site in handed)
    found = {
        site: one.n_heads
        for site, one in handed.items()
        if attention in (None, site.kind) or (site.kind is None and attention != "vision")
    }
    if not found or (attention is None and len(kinds) > 1):
        named = f"no {attention} attention" if attention else "several kinds of attention"
        hint = listing([kind or "encoder" for kind in kinds], "name one of")
        raise CaptureError(f"the model has {named}", hint=hint)
    return found


def per_head(numbers: NDArray[np.float64], layers: Mapping[Site, int]) -> PerHead:
    """Numbers of all heads, one layer after the other, as ``[layer, head]``."""
    rows = tuple(np.split(numbers, np.cumsum(list(layers.values()))[:-1]))
    return np.stack(rows) if len(set(layers.values())) == 1 else rows


def by_layer(folder: str, numbers: PerHead) -> dict[str, NDArray[np.float64]]:
    """Numbers of heads as a measure names them: an array of each layer, ``[head]``."""
    return {f"{folder}/{layer}": row for layer, row in enumerate(numbers)}


def every_head(layers: Mapping[Site, int]) -> list[tuple[Site, int]]:
    """All heads of some layers, one layer after the other."""
    return [(site, head) for site, n_heads in layers.items() for head in range(n_heads)]


def each_head(
    run: Run,
    handed: Mapping[Site, Handed],
    layers: Mapping[Site, int],
    instead: Instead,
    read: Read,
) -> tuple[float, NDArray[np.float64]]:
    """Replace what one head after the other hands on, and read what the model answers then.

    Args:
        run: The model, and the sentence.
        handed: What its heads hand on.
        layers: Those whose heads are replaced, and how many each has.
        instead: What a head hands on instead.
        read: What is read off the answer.

    Returns:
        What is read where nothing is replaced; and for each head, one layer after the other.

    Raises:
        CaptureError: When the model predicts nothing.
    """
    import torch

    with torch.no_grad():
        plain = read(run.logits()[None])[0]
    found = rows.each(
        every_head(layers),
        plain,
        lambda heads: replaced(run, [[head] if head else [] for head in heads], instead, read),
        rows.affordable(longest(handed)),
    )
    return float(plain), found.cpu().numpy()


def longest(handed: Mapping[Site, Handed]) -> int:
    """How many tokens attention is among, at most: the inputs of an image or sound do not tell."""
    return max(side for one in handed.values() for side in map(int, one.weights.shape[2:]))


def replaced(
    run: Run, heads: Sequence[Collection[tuple[Site, int]]], instead: Instead, read: Read
) -> Tensor:
    """Run a model once, on one sentence in several rows, with other heads replaced in each.

    Args:
        run: The model, and the sentence.
        heads: For each row the heads that are replaced in it.
        instead: What a head hands on instead.
        read: What is read off the answer.

    Returns:
        What was read, ``[row]``.
    """
    import torch

    def change(site: Site, handed: Handed) -> Tensor:
        here = [(row, head) for row, own in enumerate(heads) for at, head in own if at == site]
        output = handed.output.clone() if here else handed.output
        for row, head in here:
            output[row, :, head] = instead(site, head, handed.row(row))
        return output

    with torch.no_grad(), changed(run.network, change):
        return read(answer(run.network, rows.repeated(run, len(heads))).logits)
