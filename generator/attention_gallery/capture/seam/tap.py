"""The other way to see attention: by the softmax that every attention takes.

Families that do not use the library's interface compute attention in line. What they call of torch
can be watched: a softmax over the last axis, or one of torch's own attention functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from attention_gallery.capture.seam.dataflow import Dataflow
from attention_gallery.capture.seam.passing import Passing

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Tap(Protocol):
    """A tap, which can be closed for a while."""

    def closed(self) -> AbstractContextManager[None]:
        """Make a context in which nothing is seen."""


@contextmanager
def tapped(see: Callable[[Passing], None], *, parts: bool = False) -> Iterator[Tap]:
    """See every softmax that may be attention, while the context lasts.

    Args:
        see: Is given what passes, with weights ``[..., query, key]``. It knows which module is
            running, and so whether it is attention.
        parts: Whether to look for all that weights are made of. They are then seen when they
            multiply the value, or at the latest when the module ends that computes them; without,
            as they are computed. Torch's own multi-head attention shows its weights only.

    Yields:
        What closes it for a while.
    """
    import torch
    from torch.nn import functional

    flow = Dataflow(see) if parts else None
    run = flow.run if flow else _run

    def softmax(function: Callable[..., Tensor], *args: Any, **options: Any) -> Tensor:
        weights = function(*args, **options)
        axis = options["dim"] if "dim" in options else args[1]
        if axis in (-1, weights.ndim - 1):
            if flow:
                flow.softmax(args[0] if args else options["input"], weights)
            else:
                see(Passing(weights))
        return weights

    def fused(function: Callable[..., Tensor], *args: Any, **options: Any) -> Tensor:
        passing = _passing_of(*args, **options)
        see_whole(passing if parts else Passing(passing.weights))
        return function(*args, **options)

    def multi_head(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        call = inspect.signature(function).bind(*args, **options)
        call.apply_defaults()
        wanted, averaged = call.arguments["need_weights"], call.arguments["average_attn_weights"]
        call.arguments |= {"need_weights": True, "average_attn_weights": False}
        output, weights = function(*call.args, **call.kwargs)
        see_whole(Passing(weights))
        if not wanted:
            return output, None
        return output, weights.mean(dim=-3) if averaged else weights

    def see_whole(passing: Passing) -> None:
        if flow:
            flow.settle()
        see(passing)

    watched: dict[Callable[..., Any], Callable[..., Any]] = {
        functional.softmax: softmax,
        torch.softmax: softmax,
        torch.special.softmax: softmax,
        torch.Tensor.softmax: softmax,
        functional.scaled_dot_product_attention: fused,
        functional.multi_head_attention_forward: multi_head,
    }

    def answer(function: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        if watch := watched.get(function):
            return watch(function, *args, **options)
        return run(function, args, options)

    with before_torch(answer) as tap, _settled_with_modules(flow, tap) if flow else nullcontext():
        yield tap


@contextmanager
def before_torch(
    answer: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any],
) -> Iterator[Tap]:
    """Stand before every function of torch, while the context lasts.

    Args:
        answer: Is asked in place of a function: given that, its arguments and its options.

    Yields:
        What closes it for a while.
    """
    from torch.overrides import TorchFunctionMode

    class Mode(TorchFunctionMode):  # type: ignore[misc]
        is_open = True

        def __torch_function__(
            self, function: Any, _: Any, args: Any = (), options: Any = None
        ) -> Any:
            if not self.is_open:
                return function(*args, **options or {})
            return answer(function, args, options or {})

        @contextmanager
        def closed(self) -> Iterator[None]:
            was_open, self.is_open = self.is_open, False
            try:
                yield
            finally:
                self.is_open = was_open

    with Mode() as mode:
        yield mode


def _run(function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    return function(*args, **options)


@contextmanager
def _settled_with_modules(flow: Dataflow, tap: Tap) -> Iterator[None]:
    """Hand on what still waits when its module ends: the module is known only as long as it runs.

    Modules without children are steps of an attention, such as a softmax or a dropout.
    """
    from torch.nn.modules.module import register_module_forward_hook

    def end(module: Module, *_: Any) -> None:
        if any(True for _ in module.children()):
            settle()

    def settle() -> None:
        with tap.closed():
            flow.settle()

    ends = register_module_forward_hook(end)
    try:
        yield
        settle()
    finally:
        ends.remove()


def _passing_of(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001 - nothing is dropped out in evaluation mode
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Passing:
    """What passes inside torch's ``scaled_dot_product_attention``, which never holds its weights.

    Source: the equivalent that torch's documentation of that function gives.
    """
    import torch

    if scale is None:
        scale = query.shape[-1] ** -0.5
    keys = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3) if enable_gqa else key
    scores = query @ keys.transpose(-2, -1) * scale
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return Passing(scores.softmax(dim=-1), scores, query, key, value, scale)
