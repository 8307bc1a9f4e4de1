"""What is kept of the attention of a run: codes, layer by layer, of each sentence its own part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site, Stack, UnobservableError
from attention_gallery.codes import Codes, Layers, encode, is_triangle, shape
from attention_gallery.errors import CaptureError
from attention_gallery.terms import Attention, AttentionKind, Head, Part, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

# Float32 rows of a thousand weights sum to 1 within 1e-6, half as precise ones within 0.004; what
# is further off is not a softmax.
_TOLERANCES = {"torch.float32": 1e-3, "torch.float64": 1e-3}
_ROUGH = 2e-2

Sizes = Mapping[Stack, tuple[int, int]]
"""How many queries and keys each kind of attention has."""


class UnbatchableError(CaptureError):
    """A model that does not keep the sentences of a batch apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """One layer's attention over one sentence.

    Attributes:
        site: Who attends.
        codes: Its weights, as `codes.encode` makes them. Where a model cuts what it is fed into
            windows, ``[window, head, query, key]``.
        parts: What else was asked for, float32: ``[head, token, dimension]``, scores ``[head,
            query, key]``.
        scale: What dot products are multiplied by; None where it was not asked for, or is unknown.
        fault: What is wrong with the weights, and of which head and query; None for none.
        unseen: What was asked for and cannot be seen.
        n_key_heads: How many heads the keys have; None where it is not told.
        window: How many keys back, itself included, a query sees, and where it may look ahead, as
            many ahead; None for no limit.
    """

    site: Site
    codes: Codes
    parts: Mapping[Part, NDArray[np.float32]] = field(default_factory=dict)
    scale: float | None = None
    fault: tuple[str, int, int] | None = None
    unseen: frozenset[Part] = frozenset()
    n_key_heads: int | None = None
    window: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Heads, queries and keys; windows before them."""
        return shape(self.codes)

    @property
    def causal(self) -> bool:
        """Whether no query sees a later key."""
        return is_triangle(self.codes)


class Recorder:
    """Sees a run and keeps what was asked for.

    Attributes:
        kept: For each sentence its layers, in the order in which they ran.
    """

    def __init__(
        self,
        sizes: Sequence[Sizes] = ({},),
        parts: frozenset[Part] = frozenset(),
        *,
        sinks: bool = False,
    ) -> None:
        """Make a recorder for one run.

        Args:
            sizes: Of each sentence of the batch. A sentence on its own needs none: all that
                passes is its own.
            parts: What to keep besides weights, of a sentence on its own.
            sinks: Whether rows may sum to less than 1; the rest is the sink's.
        """
        self.kept: tuple[list[Kept], ...] = tuple([] for _ in sizes)
        self._sizes = sizes
        self._parts = parts
        self._sinks = sinks

    def __call__(self, site: Site, passing: Passing) -> None:
        """Keep one attention.

        Raises:
            UnbatchableError: When it cannot be told which part of it is which sentence's.
        """
        layers = [self._layer(site, passing, number) for number in range(len(self.kept))]
        if all(map(_same_again, self.kept, layers)):
            # Some take the same softmax twice, for two halves of the values; neither is the value.
            if "value" in self._parts:
                for kept in self.kept:
                    kept[-1] = replace(kept[-1], unseen=kept[-1].unseen | {"value"})
            return
        for kept, layer in zip(self.kept, layers, strict=True):
            kept.append(layer)

    def _layer(self, site: Site, passing: Passing, number: int) -> Kept:
        rows, columns = self._own(site, passing, number)
        weights = self._part_of(passing.weights, number, rows, columns)
        tolerance = _TOLERANCES.get(str(passing.weights.dtype), _ROUGH)
        parts = {}
        for name in self._parts:
            tensor: Tensor | None = getattr(passing, name)
            if tensor is not None:  # copied, for the model may change its own
                parts[name] = np.array(self._part_of(tensor, number))
        return Kept(
            site,
            encode(weights),
            parts,
            passing.scale if self._parts else None,
            _fault(weights, tolerance, sinks=self._sinks),
            self._parts - parts.keys(),
            passing.n_key_heads,
            passing.window if _keeps_to(passing.window, weights) else None,
        )

    def _own(self, site: Site, passing: Passing, number: int) -> tuple[slice, slice]:
        """The rows and columns of a padded map that are a sentence's own.

        Raises:
            UnbatchableError: When the map is not as large as the longest sentence.
        """
        if len(self._sizes) == 1:
            return slice(None), slice(None)
        if any(site.kind not in sizes for sizes in self._sizes):
            raise UnbatchableError(f"what {site.path} attends to is of no known length")
        of_all = [sizes[site.kind] for sizes in self._sizes]
        longest = [max(lengths) for lengths in zip(*of_all, strict=True)]
        if list(passing.weights.shape[-2:]) != longest:
            raise UnbatchableError(f"{site.path} merges tokens")
        n_queries, n_keys = of_all[number]
        return slice(n_queries), slice(n_keys)

    def _part_of(
        self, tensor: Tensor, number: int, rows: slice = slice(None), columns: slice = slice(None)
    ) -> NDArray[np.float32]:
        """A sentence's part of a batch, without the batch axis, which some have joined to heads'.

        Returns:
            A view of the model's own numbers where that can be.
        """
        n_sentences = len(self._sizes)
        if tensor.ndim == 3:
            if tensor.shape[0] % n_sentences:
                raise UnbatchableError(f"{list(tensor.shape)} is of no {n_sentences} sentences")
            tensor = tensor.unflatten(0, (n_sentences, -1))
        if n_sentences > 1 or tensor.shape[0] == 1:
            if tensor.shape[0] != n_sentences:
                raise UnbatchableError(f"{list(tensor.shape)} is of no {n_sentences} sentences")
            tensor = tensor[number]
        array: NDArray[np.float32] = tensor[..., rows, columns].float().cpu().numpy()
        return array


def _keeps_to(window: int | None, weights: NDArray[np.float32]) -> bool:
    """Whether a text's queries see no further back than they are told: not all models keep to it.

    Args:
        window: How many keys back, itself included; None for no limit.
        weights: ``[..., query, key]``.
    """
    return window is None or (
        weights.shape[-2] == weights.shape[-1] and not np.tril(weights, -window).any()
    )


def _same_again(kept: Sequence[Kept], layer: Kept) -> bool:
    """Whether a layer was kept already."""
    return (
        bool(kept)
        and kept[-1].site is layer.site
        and bool(np.array_equal(kept[-1].codes, layer.codes))
    )


def _fault(
    weights: NDArray[np.float32], tolerance: float, *, sinks: bool
) -> tuple[str, int, int] | None:
    """What keeps numbers from being attention weights, and the head and query where it does.

    Args:
        weights: ``[..., query, key]``.
        tolerance: How far the sum of a row may be off 1.
        sinks: Whether rows may sum to less.
    """
    sums = weights.sum(axis=-1)
    # Of numbers that are none, the least is none either.
    least = weights.min(initial=0)
    if least >= 0 and sums.max() <= 1 + tolerance and (sinks or sums.min() >= 1 - tolerance):
        return None
    faults = {
        "are not numbers": ~np.isfinite(sums),
        "are negative": (weights < 0).any(axis=-1),
        "sum to more than 1": sums > 1 + tolerance,
        "sum to less than 1": (sums < 1 - tolerance) & (not sinks),
    }
    for fault, rows in faults.items():
        if rows.any():
            *_, head, query = np.argwhere(rows)[0]
            return fault, int(head), int(query)
    return None


def by_kind(network: PreTrainedModel, kept: Iterable[Kept]) -> dict[AttentionKind, list[Kept]]:
    """Sort the layers of a run by what attends to what.

    A stack that does not say is a decoder when no query of this run sees a later key. What lies
    between an eye and what reads is left out: its keys are no tokens that could be named.

    Raises:
        UnobservableError: When it cannot be told which layers of a decoder see the encoder, or
            nothing is left.
    """
    found: dict[Stack, list[Kept]] = {}
    for layer in kept:
        found.setdefault(layer.site.kind, []).append(layer)
    found.pop("between", None)
    name = type(network).__name__
    if network.config.is_encoder_decoder and "cross" not in found:
        raise UnobservableError(f"it cannot be told which layers of {name} attend to its encoder")
    for kind in ("vision", None):
        if kind in found:
            found[kind] = _without_pooling(found[kind])
    if alone := found.pop(None, []):
        looks_back = all(_looks_back(network, layer) for layer in alone)
        found["decoder" if looks_back else "encoder"] = alone
    if not found:
        raise UnobservableError(f"{name} attends only between what it sees and what it reads")
    return {kind: found[kind] for kind in get_args(AttentionKind) if kind in found}


def _looks_back(network: PreTrainedModel, layer: Kept) -> bool:
    """Whether a layer lets no query see a later key: of a single token, its module has to say."""
    if layer.shape[-1] > 1:
        return layer.causal
    return bool(getattr(network.get_submodule(layer.site.path), "is_causal", True))


def _without_pooling(layers: list[Kept]) -> list[Kept]:
    """The layers of a stack, without a head that pools what it puts out.

    Some models sum a stack up by attention: a learned query looks at all its tokens. That is told
    from a layer by its queries, which are not the tokens. Where keys differ too, nothing is left
    out: such a stack changes its tokens on the way, and is not shown in part.

    Args:
        layers: All that was seen of a stack.
    """
    if not layers or layers[0].shape[-2] != (n_tokens := layers[0].shape[-1]):
        return layers
    return [layer for layer in layers if layer.shape[-2] == n_tokens or layer.shape[-1] != n_tokens]


def checked(
    kind: AttentionKind,
    queries: tuple[Token, ...],
    keys: tuple[Token, ...],
    kept: Sequence[Kept],
) -> Attention:
    """Give weights their tokens, once they are seen to be what they should.

    Args:
        kind: Which attention.
        queries: Row labels.
        keys: Column labels.
        kept: Its layers.

    Raises:
        CaptureError: When a layer has another shape, holds what is no number, has a row that is
            not a distribution, or lacks a part that was asked for.
    """
    wanted = (len(queries), len(keys))
    for number, layer in enumerate(kept):
        if len(layer.shape) != 3 or layer.shape[1:] != wanted:
            raise CaptureError(
                f"{kind} layer {number} is of shape {list(layer.shape)}, where [head, query, key] "
                f"should be [head, {wanted[0]}, {wanted[1]}]: the model returns something else "
                "than attention weights"
            )
        if layer.unseen:  # not said before: what pools a stack is left out, seen or not
            raise CaptureError(
                f"the {min(layer.unseen)} of {layer.site.path} cannot be seen",
                hint="a view of the exhibit needs it; take neuron out of its views",
            )
        if layer.fault:
            fault, head, query = layer.fault
            raise CaptureError(
                f"{kind} {Head(number, head)}: the weights from token {query} {fault}",
                hint="a model that runs in half precision may do better with dtype: float32",
            )
    names = kept[0].parts.keys()
    return Attention(
        kind,
        queries,
        keys,
        Layers(layer.codes for layer in kept),
        causal=kind == "decoder" and all(layer.causal for layer in kept),
        parts={name: tuple(layer.parts[name] for layer in kept) for name in names},
        scales=tuple(layer.scale for layer in kept) if names else (),
        kv_heads=_kv_heads(kept),
        windows=_windows(kept),
    )


def _kv_heads(kept: Sequence[Kept]) -> tuple[int, ...]:
    """How many key/value heads each layer has; empty where none are shared, or it is not told."""
    told = tuple(layer.n_key_heads for layer in kept if layer.n_key_heads is not None)
    shared = any(layer.n_key_heads != layer.shape[0] for layer in kept)
    return told if shared and len(told) == len(kept) else ()


def _windows(kept: Sequence[Kept]) -> tuple[int | None, ...]:
    """How many keys back a query of each layer sees; empty where all see as far as they can."""
    windows = tuple(layer.window for layer in kept)
    return windows if any(windows) else ()
