"""What each head writes: its values, through its part of the output projection.

Heads are joined and multiplied by one matrix, whose rows each belong to a head. Which layer of a
model holds it is not known by its name. It is the first linear layer that is fed what the attention
gave: weights times values, heads side by side. A model that does something else to that first, such
as to gate it, feeds its projection other numbers, and what its heads write is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What the heads of one attention write.

    ``sum over heads and keys of weights * vectors``, plus the bias of the projection, is what the
    attention adds to the state of a query.

    Attributes:
        site: Who attends.
        weights: ``[head, query, key]``.
        vectors: What a head writes of a key that it gives all its weight, ``[head, key,
            dimension]``; None where that cannot be told.
    """

    site: Site
    weights: Tensor
    vectors: Tensor | None


def observe_written(
    network: PreTrainedModel, inputs: Mapping[str, Tensor], see: Callable[[Written], None]
) -> None:
    """Run a model once and see what all of its heads write.

    Args:
        network: A model whose attention is computed the eager way, in evaluation mode.
        inputs: What its ``forward`` takes, each ``[1, ...]``: one sentence.
        see: Is given what each attention writes, in the order in which they run.

    Raises:
        UnobservableError: When no attention is seen, it cannot be told whose it is, or observing it
            changes the model's answer.
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    waiting: list[_Joined] = []  # for its projection; at most one

    def note(site: Site, passing: Passing) -> None:
        unprojected()
        weights, value = _of_one(passing.weights), passing.value
        if weights is None or value is None or (value := _of_one(value)) is None:
            see(Written(site, passing.weights, None))
            return
        waiting.append(_Joined(site, weights.clone(), _for_each_head(value, len(weights))))

    def fed(linear: Module, args: tuple[Any, ...]) -> None:
        if waiting and args and waiting[0].is_fed_to(linear, args[0]):
            joined = waiting.pop()
            see(Written(joined.site, joined.weights, joined.through(linear)))

    def unprojected() -> None:
        if waiting:
            joined = waiting.pop()
            see(Written(joined.site, joined.weights, None))

    linears = [module for module in network.modules() if isinstance(module, nn.Linear | Conv1D)]
    hooks = [module.register_forward_pre_hook(fed) for module in linears]
    try:
        observe(network, inputs, note, parts=True)
        unprojected()
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True, slots=True, eq=False)
class _Joined:
    """An attention whose projection has not run yet.

    Attributes:
        site: Who attends.
        weights: ``[head, query, key]``.
        value: ``[head, key, dimension]``.
    """

    site: Site
    weights: Tensor
    value: Tensor

    def is_fed_to(self, linear: Module, given: Tensor) -> bool:
        """Whether a linear layer that can be read is given what this attention gave."""
        import torch

        matrix: Tensor = linear.weight
        if matrix.ndim != 2 or matrix.is_meta or not matrix.is_floating_point():
            return False
        n_heads, n_queries, _ = self.weights.shape
        n_dims = n_heads * self.value.shape[-1]
        if given.shape[-1] != n_dims or given.numel() != n_queries * n_dims:
            return False
        output = (self.weights @ self.value).transpose(0, 1).flatten(1)
        # The model's own sums may be taken in another order; half of the digits are enough to know
        # them by.
        tolerance = torch.finfo(output.dtype).eps ** 0.5 * float(output.abs().max())
        same = torch.allclose(given.reshape(output.shape), output, rtol=0, atol=tolerance)
        return bool(same)

    def through(self, linear: Module) -> Tensor:
        """What is written: each head's values times its own rows of the matrix."""
        import torch
        from torch import nn

        matrix: Tensor = linear.weight.detach()
        if isinstance(linear, nn.Linear):  # a Conv1D of the library keeps it the other way round
            matrix = matrix.T
        exact = torch.promote_types(matrix.dtype, torch.float32)
        rows = matrix.to(exact).unflatten(0, (len(self.value), -1))
        return self.value.to(exact) @ rows


def _of_one(tensor: Tensor) -> Tensor | None:
    """What passes of one sentence, without the axis of the batch; None for that of windows."""
    if tensor.ndim == 3:
        return tensor
    return tensor[0] if len(tensor) == 1 else None


def _for_each_head(value: Tensor, n_heads: int) -> Tensor:
    """Values of all heads, of which neighbours may share one; a copy, safe from the model."""
    return value.repeat_interleave(n_heads // len(value), dim=0)
