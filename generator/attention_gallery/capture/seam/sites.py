"""Who attends: which module runs, for which time, and which kind of attention that is."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from attention_gallery.capture.seam.towers import eye, image_id, reader, sees_and_reads
from attention_gallery.errors import CaptureError
from attention_gallery.terms import AttentionKind

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel


Stack = AttentionKind | Literal["between"] | None
"""Which attention of a model a site is part of.

``between`` is what neither sees nor reads in a model that does both. None is a stack that need not
say: the only one of its model, or the only one that reads.
"""


class UnobservableError(CaptureError):
    """A model whose attention cannot be had, whatever it is fed."""


@dataclass(frozen=True, slots=True)
class Site:
    """One run of one attention module.

    Attributes:
        path: The module's, inside the model: ``encoder.layer.3.attention.self``.
        run: Which of its runs in this pass, 0-based: layers may share a module.
        kind: Which attention.
    """

    path: str
    run: int
    kind: Stack


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


def connectors(network: PreTrainedModel) -> tuple[str, ...]:
    """Names of the parts of a model that attend, and neither see nor read.

    They turn what the eye puts out into fewer tokens, which no longer stand for a place, or let
    both sides look at each other: what their keys are cannot be named.
    """
    sees, reads = eye(network), reader(network)
    if sees is None or reads is None or not sees_and_reads(network):
        return ()
    known = {*sees.modules(), *reads.modules()}
    between = (path for module, path in attention_modules(network).items() if module not in known)
    return tuple(dict.fromkeys(path.split(".")[0] for path in between))


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
    both = sees_and_reads(network)
    sees, reads = (eye(network), reader(network)) if both else (None, None)
    of_eye, of_reader = (set(part.modules()) if part else set() for part in (sees, reads))
    # What has a place for images in its text goes on writing after it. The mask would not tell: an
    # image may be seen whole, and all that was given along with it.
    writes = is_pair or (both and image_id(network) is not None)
    runs: Counter[Module] = Counter()
    stack: list[Site] = []
    read: list[Any] = []  # by the decoder: what the encoder, or the eye, has put out

    def read_by_decoder(decoder: Module, args: Any, options: Mapping[str, Any]) -> None:
        call = inspect.signature(decoder.forward).bind_partial(*args, **options)
        given = {name: value for name, value in call.arguments.items() if _are_states(value)}
        given.pop("inputs_embeds", None)  # its own
        read[:] = [given.get("encoder_hidden_states")] if is_pair else given.values()

    def kind_of(module: Module, inputs: Any) -> Stack:
        if module in of_encoder:
            return "encoder"
        if module in of_eye:
            return "vision"
        if of_reader and module not in of_reader:
            return "between"
        # What differs is where its keys come from. All else that one could go by is a name.
        if any(_same_numbers(states, given) for states in read for given in inputs):
            return "cross"
        return "decoder" if writes else None

    def enter(module: Module, args: Any, options: Mapping[str, Any]) -> None:
        kind = kind_of(module, [*args, *options.values()])
        stack.append(Site(paths[module], runs[module], kind))
        runs[module] += 1

    def leave(*_: Any) -> None:
        stack.pop()

    def site_of(asking: Module | None) -> Site | None:
        if stack or asking is None:
            return stack[-1] if stack else None
        kind = kind_of(asking, ())
        if kind in ("decoder", None) and (is_pair or read):
            # What it was fed, by which the kinds of a decoder are told apart, has passed unseen.
            raise UnobservableError(
                f"it cannot be told whether {type(asking).__name__} attends to the encoder"
            )
        path = next((path for path, module in network.named_modules() if module is asking), "")
        runs[asking] += 1
        return Site(path, runs[asking] - 1, kind)

    hooks = [module.register_forward_pre_hook(enter, with_kwargs=True) for module in paths]
    hooks += [module.register_forward_hook(leave) for module in paths]
    if decoder := network.get_decoder() if is_pair else reads:
        hooks.append(decoder.register_forward_pre_hook(read_by_decoder, with_kwargs=True))
    try:
        yield site_of
    finally:
        for hook in hooks:
            hook.remove()


def _are_states(value: Any) -> bool:
    """Whether something is the states of tokens: ``[batch, token, dimension]``."""
    import torch

    return isinstance(value, torch.Tensor) and value.ndim == 3 and value.is_floating_point()


def _same_numbers(states: Any, given: Any) -> bool:
    """Whether two tensors are one, a view of it, or a copy, as a model split over GPUs makes."""
    import torch

    if not (isinstance(states, torch.Tensor) and isinstance(given, torch.Tensor)):
        return False
    if states.untyped_storage().data_ptr() == given.untyped_storage().data_ptr():
        return True
    return bool(states.shape == given.shape and torch.equal(states, given.to(states.device)))
