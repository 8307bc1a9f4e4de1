"""What the weights of an attention are made of, followed from call to call of torch.

A model that computes attention in line multiplies query and key, adds and multiplies this and that,
takes a softmax, and multiplies the value. Every product is followed through the steps that are
known in `product`. Where the thread is lost, or two of them meet, nothing is said: what cannot be
told for certain is not given. A product that is shuffled before it is added is a bias, as those of
relative places are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.product import (
    MASKS,
    PRODUCTS,
    SAME_NUMBERS,
    STEPS,
    Product,
    is_same_map,
    lead_of,
    led,
    operands_of,
)

if TYPE_CHECKING:
    from torch import Tensor


class Dataflow:
    """Runs calls of torch, and tells of each softmax what went into it and came out of it."""

    def __init__(self, see: Callable[[Passing], None]) -> None:
        """Begin to follow.

        Args:
            see: Is given each attention once its value is known, or can no longer come.
        """
        from torch.utils.weak import WeakTensorKeyDictionary

        self._see = see
        # Nothing here keeps a tensor that the model itself lets go of, but for queries and keys.
        self._products: MutableMapping[Tensor, Product] = WeakTensorKeyDictionary()
        self._waiting: Passing | None = None
        self._weights: list[Tensor] = []  # those that wait, and what has the same numbers

    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Any:
        """Call a function of torch, and follow what it is given to what it returns."""
        name = getattr(function, "__name__", "")
        in_place = name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))
        if not args:
            return function(**options)
        if in_place and self._is_weights(args[0]):
            self.settle()  # while they are what they were
        result = function(*args, **options)

        step = name.strip("_")
        product = None
        if step in PRODUCTS:
            product = self._multiplied(step, args, options)
        elif step in SAME_NUMBERS | MASKS and self._is_weights(args[0]):
            if is_same_map(result, args[0]):
                self._weights.append(result)
        elif step in STEPS:
            product = self._followed(step, args, options, result)
        if product:
            self._products[result] = product
        elif in_place:
            self._products.pop(args[0], None)
        return result

    def softmax(self, scores: Tensor, weights: Tensor) -> None:
        """See a softmax, which may be an attention's."""
        self.settle()
        self._weights = [weights]
        self._waiting = Passing(weights, scores)
        if product := self._products.get(scores):
            lead = tuple(weights.shape[:-2])
            self._waiting = Passing(
                weights,
                scores if product.shift is None else scores + product.shift,
                led(product.query, product.lead, lead),
                led(product.key, product.lead, lead),
                scale=product.scale,
            )

    def settle(self, value: Tensor | None = None) -> None:
        """Hand on the attention that waits for its value, if one does."""
        waiting, self._waiting, self._weights = self._waiting, None, []
        if waiting:
            self._see(replace(waiting, value=value))

    def _is_weights(self, tensor: Any) -> bool:
        return any(tensor is weights for weights in self._weights)

    def _multiplied(
        self, step: str, args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Product | None:
        """See a product: of query and key, or of weights and value, or another."""
        operands = operands_of(step, args, options)
        if not operands:
            return None
        left, right, is_plain = operands
        lead = lead_of(left, right)
        if self._waiting and self._is_weights(left):
            known = math.prod(lead) == math.prod(left.shape[:-2])
            whole = tuple(self._waiting.weights.shape[:-2])
            self.settle(led(right.transpose(-2, -1), lead, whole) if known else None)
            return None
        return Product(left, right, lead, float(options.get("alpha", 1))) if is_plain else None

    def _followed(
        self, step: str, args: tuple[Any, ...], options: Mapping[str, Any], result: Any
    ) -> Product | None:
        """The product that a result comes from, as it is in there."""
        import torch

        if step == "cat":  # its tensors come in a list, and the axis mostly by place
            args, options = args[0], {"dim": args[1]} if len(args) > 1 else options
        tensors = [x for x in args if isinstance(x, torch.Tensor) and x in self._products]
        if len(tensors) != 1:
            return None
        [tensor] = tensors
        return self._products[tensor].after(step, tensor, args, options, result)
