"""A product of queries and keys, and what becomes of it on its way to a softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Lead = tuple[int, ...]

# Calls by their names in torch, without the underscores of those that work in place.
PRODUCTS = {"matmul", "bmm", "baddbmm", "einsum"}
SAME_NUMBERS = {
    *("to", "type", "type_as", "float", "double", "half", "bfloat16"),
    *("contiguous", "clone", "detach", "dropout"),
    *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"),
}
MASKS = {"masked_fill", "where", "clamp", "clip", "clamp_min", "max", "maximum", "nan_to_num"}
STEPS = SAME_NUMBERS | MASKS | {"add", "sub", "mul", "div", "tanh", "cat"}


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """What a tensor ``query @ key.T * scale`` is made of, whatever was added to it since.

    Attributes:
        query: ``[*lead, query, dimension]``, or with axes of lead that broadcast.
        key: ``[*lead, key, dimension]``, likewise.
        lead: The product's axes before its last two.
        scale: None where it is not one number.
        shift: ``[..., query, 1]``: what was taken off all scores of a query alike; None for
            nothing.
    """

    query: Tensor
    key: Tensor
    lead: Lead
    scale: float | None = 1.0
    shift: Tensor | None = None

    def after(
        self,
        step: str,
        tensor: Tensor,
        operands: Sequence[Any],
        options: Mapping[str, Any],
        result: Any,
    ) -> Product | None:
        """What it is after one of `STEPS`; None where that cannot be told.

        Args:
            step: The function's name.
            tensor: The product as it was.
            operands: What the function was given by place, the product among them.
            options: What it was given by name.
            result: What it returned.
        """
        is_first = tensor is operands[0]
        if step == "cat":  # a sink's scores, after those of the keys
            at_end = options.get("dim") in (-1, tensor.ndim - 1)
            return self if is_first and at_end and self.shift is None else None
        if not is_same_map(result, tensor):
            return None
        if step in SAME_NUMBERS:
            return self if self.shift is None or result.shape == tensor.shape else None
        if step in MASKS:
            return self
        if step == "add":  # something to the product, or the product, taken some times, to it
            return self if is_first or "alpha" not in options else None
        if step == "tanh":  # of soft-capping, which leaves small scores as they are
            return self if self.shift is None else None
        if options or len(operands) != 2:
            return None
        other = operands[1] if is_first else operands[0]
        if step == "mul":
            return self._multiplied(other)
        if not is_first:
            return None
        return self._multiplied(1 / other) if step == "div" else self._shifted(other)

    def _multiplied(self, by: Any) -> Product:
        import torch

        if not isinstance(by, torch.Tensor) or by.numel() == 1:
            number = float(by)
            scale = None if self.scale is None else self.scale * number
            return replace(self, scale=scale, shift=None if self.shift is None else self.shift * by)
        if bool(((by == 0) | (by == 1)).all()):
            return self  # a mask, and no scale
        return replace(self, scale=None, shift=None if self.shift is None else self.shift * by)

    def _shifted(self, by: Any) -> Product:
        """Without what is the same for all keys, which changes no weights.

        Some models take off each query's largest score, lest the exponential overflow.
        """
        import torch

        if isinstance(by, torch.Tensor) and by.ndim > 1 and by.shape[-1] == 1:
            return replace(self, shift=by if self.shift is None else self.shift + by)
        return self


def operands_of(
    step: str, args: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Tensor, Tensor, bool] | None:
    """What one of `PRODUCTS` multiplies.

    Returns:
        ``[..., row, summed]``, ``[..., column, summed]``, and whether their product comes out as
        ``[..., row, column]``; None where it is no such product.
    """
    import torch

    if step == "einsum" and isinstance(args[-1], list | tuple):  # its tensors come in a list too
        args = (args[0], *args[-1])
    tensors = [x for x in (*args, *options.values()) if isinstance(x, torch.Tensor)]
    if len(tensors) < 2 or min(tensor.ndim for tensor in tensors[-2:]) < 2:
        return None
    left, right = tensors[-2:]
    if step != "einsum":
        return left, right.transpose(-2, -1), True
    if len(tensors) > 2 or not isinstance(args[0], str):
        return None

    inputs, _, output = args[0].replace(" ", "").partition("->")
    of_left, _, of_right = inputs.partition(",")
    both = [axis for axis in of_left if axis in of_right]
    summed = [axis for axis in both if axis not in output]
    row = [axis for axis in of_left if axis not in of_right]
    column = [axis for axis in of_right if axis not in of_left]
    is_plain = len(set(of_left)) == len(of_left) and len(set(of_right)) == len(of_right)
    if "." in inputs or not (is_plain and len(summed) == len(row) == len(column) == 1):
        return None
    lead = [axis for axis in both if axis in output]
    left = _ordered(left, of_left, lead + row + summed)
    right = _ordered(right, of_right, lead + column + summed)
    return left, right, list(output) == lead + row + column


def _ordered(tensor: Tensor, axes: str, wanted: list[str]) -> Tensor:
    """A tensor with its axes in an order: itself, where that is theirs."""
    if list(axes) == wanted:
        return tensor
    return tensor.permute([axes.index(axis) for axis in wanted])


def is_same_map(result: Any, tensor: Tensor) -> bool:
    """Whether a result can be the same, query by key, at most with other axes before these two."""
    import torch

    return (
        isinstance(result, torch.Tensor)
        and result.shape[-2:] == tensor.shape[-2:]
        and result.numel() == tensor.numel()
    )


def lead_of(left: Tensor, right: Tensor) -> Lead:
    """The axes before the last two of a product."""
    import torch

    return tuple(torch.broadcast_shapes(left.shape[:-2], right.shape[:-2]))


def led(tensor: Tensor, lead: Lead, wanted: Lead) -> Tensor:
    """An operand of a product, with the product's leading axes joined or parted as is wanted."""
    if lead == wanted:
        return tensor[(None,) * (len(lead) + 2 - tensor.ndim)]
    return tensor.expand(*lead, *tensor.shape[-2:]).reshape(*wanted, *tensor.shape[-2:])
