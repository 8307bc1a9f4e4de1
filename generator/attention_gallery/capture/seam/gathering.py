"""Where attention that is computed in line gathers values: the product of weights and values.

A model that does not ask the library for attention takes a softmax, and multiplies what comes out
with its values. That product, and no other, can be exchanged on its way. Weights are followed to it
only through steps that leave them as they are; where the thread is lost, nothing is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.seam.product import (
    MASKS,
    PRODUCTS,
    SAME_NUMBERS,
    is_same_map,
    operands_of,
)
from attention_gallery.capture.seam.tap import Tap, before_torch

if TYPE_CHECKING:
    from torch import Tensor

Gather = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
"""Is given a product, its weights and its values, and gives what stands for the product."""


@contextmanager
def gathering(gather: Gather) -> Iterator[Tap]:
    """Exchange every product of a softmax and something else, while the context lasts.

    Args:
        gather: Is given the product ``[..., query, dimension]``, the weights ``[..., query, key]``
            and the values ``[..., key, dimension]``. It knows which module is running, and so
            whether it is attention.

    Yields:
        What closes it for a while.
    """
    import torch
    from torch.nn import functional

    softmaxes = {functional.softmax, torch.softmax, torch.special.softmax, torch.Tensor.softmax}
    weights: list[Tensor] = []  # the last softmax, and what has the same numbers

    def followed(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        result = function(*args, **options)
        step = getattr(function, "__name__", "").strip("_")
        if function in softmaxes:
            axis = options["dim"] if "dim" in options else args[1]
            weights[:] = [result] if axis in (-1, result.ndim - 1) else []
        elif weights and step in PRODUCTS:
            operands = operands_of(step, args, options)
            if operands and any(operands[0] is own for own in weights):
                left, right, is_plain = operands
                weights.clear()
                if is_plain and step != "baddbmm":  # which adds something to it
                    return gather(result, left, right.transpose(-2, -1))
        elif step in SAME_NUMBERS | MASKS and any(args[0] is own for own in weights):
            weights.extend([result] * is_same_map(result, args[0]))
        return result

    with before_torch(followed) as tap:
        yield tap
