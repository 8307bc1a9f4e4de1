"""The other way to see attention: by the softmax that every attention takes.

Families that do not use the library's interface compute attention in line. What they call of torch
can be watched: a softmax over the last axis, or one of torch's own attention functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Tap(Protocol):
    """A tap, which can be closed for a while."""

    def closed(self) -> AbstractContextManager[None]:
        """Make a context in which nothing is seen."""


@contextmanager
def tapped(see: Callable[[Tensor], None]) -> Iterator[Tap]:
    """See every softmax that may be attention, while the context lasts.

    Args:
        see: Is given weights ``[..., query, key]``, as they are computed. It knows which module is
            running, and so whether it is attention.

    Yields:
        What closes it for a while.
    """
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    def softmax(function: Callable[..., Tensor], *args: Any, **options: Any) -> Tensor:
        weights = function(*args, **options)
        axis = options["dim"] if "dim" in options else args[1]
        if axis in (-1, weights.ndim - 1):
            see(weights)
        return weights

    def fused(function: Callable[..., Tensor], *args: Any, **options: Any) -> Tensor:
        see(_softmax_of(*args, **options))
        return function(*args, **options)

    def multi_head(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        call = inspect.signature(function).bind(*args, **options)
        call.apply_defaults()
        wanted, averaged = call.arguments["need_weights"], call.arguments["average_attn_weights"]
        call.arguments |= {"need_weights": True, "average_attn_weights": False}
        output, weights = function(*call.args, **call.kwargs)
        see(weights)
        if not wanted:
            return output, None
        return output, weights.mean(dim=-3) if averaged else weights

    watched: dict[Callable[..., Any], Callable[..., Any]] = {
        functional.softmax: softmax,
        torch.softmax: softmax,
        torch.special.softmax: softmax,
        torch.Tensor.softmax: softmax,
        functional.scaled_dot_product_attention: fused,
        functional.multi_head_attention_forward: multi_head,
    }

    class Mode(TorchFunctionMode):  # type: ignore[misc]
        """Stands before every function of torch."""

        is_open = True

        def __torch_function__(
            self, function: Any, _: Any, args: Any = (), options: Any = None
        ) -> Any:
            watch = watched.get(function) if self.is_open else None
            if watch:
                return watch(function, *args, **options or {})
            return function(*args, **options or {})

        @contextmanager
        def closed(self) -> Iterator[None]:
            was_open, self.is_open = self.is_open, False
            try:
                yield
            finally:
                self.is_open = was_open

    with Mode() as mode:
        yield mode


def _softmax_of(
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001 - in its place among torch's parameters
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001 - nothing is dropped out in evaluation mode
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """The weights inside torch's ``scaled_dot_product_attention``, which never holds them.

    Source: the equivalent that torch's documentation of that function gives.
    """
    import torch

    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(dim=-1)
