"""Who attends: which module runs, for which time, and which kind of attention that is."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attention_gallery.errors import CaptureError
from attention_gallery.terms import AttentionKind

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel


class UnobservableError(CaptureError):
    """A model whose attention cannot be had, whatever it is fed."""


@dataclass(frozen=True, slots=True)
class Site:
    """One run of one attention module.

    Attributes:
        path: The module's, inside the model: ``encoder.layer.3.attention.self``.
        run: Which of its runs in this pass, 0-based: layers may share a module.
        kind: Which attention; None in a model of one stack, which need not say.
    """

    path: str
    run: int
    kind: AttentionKind | None


def attention_modules(network: PreTrainedModel) -> dict[Module, str]:
    """The modules that may attend, with their paths.

    The library names its classes so; one inside another is the one that attends. Those few that
    are named otherwise are known only once they ask the library for attention.
    """
    return {
        module: path
        for path, module in network.named_modules()
        if "att" in type(module).__name__.lower()
    }


@contextmanager
def running(network: PreTrainedModel) -> Iterator[Callable[[Module | None], Site | None]]:
    """Follow a model as it runs.

    Yields:
        What tells the site that is running. Where none is, it makes one of the module it is given,
        which is known to attend whatever its name; and without a module there is none.
    """
    paths = attention_modules(network)
    is_pair = network.config.is_encoder_decoder
    of_encoder = set(network.get_encoder().modules()) if is_pair else set()
    runs: Counter[Module] = Counter()
    stack: list[Site] = []
    read: list[Any] = []  # by the decoder: what the encoder has put out

    def read_by_decoder(decoder: Module, args: Any, options: Mapping[str, Any]) -> None:
        call = inspect.signature(decoder.forward).bind_partial(*args, **options)
        read[:] = [call.arguments.get("encoder_hidden_states")]

    def kind_of(module: Module, inputs: Any) -> AttentionKind | None:
        if not is_pair:
            return None
        if module in of_encoder:
            return "encoder"
        # What differs is where its keys come from. All else that one could go by is a name.
        crosses = any(_same_numbers(states, given) for states in read for given in inputs)
        return "cross" if crosses else "decoder"

    def enter(module: Module, args: Any, options: Mapping[str, Any]) -> None:
        kind = kind_of(module, [*args, *options.values()])
        stack.append(Site(paths[module], runs[module], kind))
        runs[module] += 1

    def leave(*_: Any) -> None:
        stack.pop()

    def site_of(asking: Module | None) -> Site | None:
        if stack or asking is None:
            return stack[-1] if stack else None
        if is_pair and asking not in of_encoder:
            # What it was fed, by which the kinds of a decoder are told apart, has passed unseen.
            raise UnobservableError(
                f"it cannot be told whether {type(asking).__name__} attends to the encoder"
            )
        path = next((path for path, module in network.named_modules() if module is asking), "")
        runs[asking] += 1
        return Site(path, runs[asking] - 1, "encoder" if is_pair else None)

    hooks = [module.register_forward_pre_hook(enter, with_kwargs=True) for module in paths]
    hooks += [module.register_forward_hook(leave) for module in paths]
    if is_pair:
        decoder = network.get_decoder()
        hooks.append(decoder.register_forward_pre_hook(read_by_decoder, with_kwargs=True))
    try:
        yield site_of
    finally:
        for hook in hooks:
            hook.remove()


def _same_numbers(states: Any, given: Any) -> bool:
    """Whether two tensors are one, or a view of it."""
    import torch

    if not (isinstance(states, torch.Tensor) and isinstance(given, torch.Tensor)):
        return False
    return bool(states.untyped_storage().data_ptr() == given.untyped_storage().data_ptr())
