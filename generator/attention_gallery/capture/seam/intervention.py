"""To change what heads hand on while a model runs, and see what comes of it.

What a layer's heads have gathered is one head's beside the other's until the output projection
mixes them. Before that it is replaced: where it comes out of the library's ``AttentionInterface``,
or, in a model that computes attention in line, out of the product of weights and values. A model
where that place is not found for certain is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.seam.gathering import gathering
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.sites import Site, UnobservableError, running

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True, eq=False)
class Handed:
    """What the heads of one layer hand on to the output projection.

    The tensors are the model's own, and must not be changed in place.

    Attributes:
        output: What each head has gathered, ``[batch, query, head, dimension]``.
        weights: What it was gathered with, ``[batch, head, query, key]``.
        value: What it was gathered from, ``[batch, head, key, dimension]``. Where heads share
            values there are fewer heads here, each for as many neighbouring heads.
    """

    output: Tensor
    weights: Tensor
    value: Tensor

    @property
    def n_heads(self) -> int:
        """How many heads the layer has."""
        return int(self.weights.shape[1])

    def row(self, number: int) -> Handed:
        """The part of one row of the batch, which is a batch of one."""
        own = slice(number, number + 1)
        return Handed(self.output[own], self.weights[own], self.value[own])

    def copy(self) -> Handed:
        """What stays as it is when the model goes on with its own."""
        return Handed(self.output.clone(), self.weights.clone(), self.value.clone())

    def gathered(self, head: int, weights: Tensor) -> Tensor:
        """What a head would hand on, had it other weights.

        Args:
            head: Which.
            weights: ``[batch, query, key]``; a batch of one stands for all.

        Returns:
            ``[batch, query, dimension]``.
        """
        sharing = self.n_heads // self.value.shape[1]
        return weights @ self.value[:, head // sharing]


Change = Callable[[Site, Handed], "Tensor"]
"""Gives what is handed on instead of `Handed.output`, of the same shape."""


@contextmanager
def changed(network: PreTrainedModel, change: Change) -> Iterator[None]:
    """Hand on something else than heads do, as long as the context lasts, in one run of a model.

    Args:
        network: A model whose attention is computed the eager way, in evaluation mode.
        change: Is asked of each layer, as it runs.

    Raises:
        RuntimeError: When attention is being watched or changed already.
    """
    from transformers import AttentionInterface

    original = AttentionInterface.get_interface
    if "<locals>" in original.__qualname__:
        raise RuntimeError("attention is being observed or changed already")

    n_rows = 1

    def begin(_: Module, args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        nonlocal n_rows
        n_rows = next(len(given) for given in (*args, *options.values()) if hasattr(given, "shape"))

    def gather(product: Tensor, weights: Tensor, value: Tensor) -> Tensor:
        site = site_of(None)
        if site is None or product.ndim not in (3, 4):
            return product
        output, weights, value = (_parted(tensor, n_rows) for tensor in (product, weights, value))
        handed = Handed(output.transpose(1, 2), weights, value)
        return change(site, handed).transpose(1, 2).reshape(product.shape)

    with running(network) as site_of, gathering(gather) as in_line:

        def get_interface(self: Any, implementation: str, default: Callable[..., Any]) -> Any:
            attend = original(self, implementation, default)

            def changing(
                module: Module,
                query: Tensor,
                key: Tensor,
                value: Tensor,
                *args: Any,
                **options: Any,
            ) -> tuple[Tensor, Tensor | None]:
                with in_line.closed():
                    output, weights = attend(module, query, key, value, *args, **options)
                    site = site_of(module)
                    if weights is None or site is None:
                        return output, weights
                    return change(site, Handed(output, weights, value)), weights

            return changing

        AttentionInterface.get_interface = get_interface
        begins = network.register_forward_pre_hook(begin, with_kwargs=True)
        try:
            yield
        finally:
            begins.remove()
            AttentionInterface.get_interface = original


def handed_on(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[Site, Handed]:
    """What every layer's heads hand on in an ordinary run, in the order in which layers run.

    It is proved that it can be changed: each attention of the run is seen there once, and what its
    heads hand on is the product of their weights and values.

    Args:
        network: A model whose attention is computed the eager way, in evaluation mode.
        inputs: What its ``forward`` takes, each ``[batch, ...]``.

    Raises:
        UnobservableError: When that is not so, or a model has no attention that can be had.
    """
    import torch

    name = type(network).__name__
    seen: list[Site] = []
    observe(network, inputs, lambda site, _: seen.append(site))
    handed: dict[Site, Handed] = {}
    n_changed = 0

    def keep(site: Site, passing: Handed) -> Tensor:
        nonlocal n_changed
        n_changed += 1
        handed[site] = passing.copy()
        return passing.output

    with torch.no_grad(), changed(network, keep):
        answer(network, inputs)
    unsure = [site for site in seen if site not in handed or not _is_product(handed[site])]
    if unsure or not len(handed) == n_changed == len(seen):
        where = unsure[0].path if unsure else "a layer"
        raise UnobservableError(
            f"heads of {name} cannot be changed: the weights of {where} cannot be followed to one "
            "product with values",
            hint="show what its heads attend to without a measure that changes them",
        )
    return handed


def answer(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Any:
    """Run a model once. Gradients are kept or not as the context says.

    Args:
        network: The model.
        inputs: What its ``forward`` takes, each ``[batch, ...]``.

    Returns:
        What the model answers, by name.
    """
    # What a model does not know it hands on, to layers that may refuse it.
    caches = "use_cache" in inspect.signature(network.forward).parameters
    return network(**inputs, **({"use_cache": False} if caches else {}))


def _parted(tensor: Tensor, n_rows: int) -> Tensor:
    """``[batch, head, ...]``, where some models join the first two axes."""
    return tensor if tensor.ndim == 4 else tensor.unflatten(0, (n_rows, -1))


def _is_product(handed: Handed) -> bool:
    """Whether what heads hand on is their weights times values, and of the known shape."""
    import torch

    batch, n_heads, n_queries, _ = handed.weights.shape
    if handed.output.ndim != 4 or handed.output.shape[:3] != (batch, n_queries, n_heads):
        return False
    if handed.value.ndim != 4 or n_heads % handed.value.shape[1]:
        return False
    products = [handed.gathered(head, handed.weights[:, head]) for head in range(n_heads)]
    own, product = handed.output, torch.stack(products, dim=2)
    if own.shape != product.shape:
        return False
    # Sums that are added in another order differ in their last digits: half of them must agree.
    rounding = torch.finfo(own.dtype).eps ** 0.5
    scale = float(own.abs().max())
    return bool(torch.allclose(own, product, rtol=rounding, atol=rounding * scale))
