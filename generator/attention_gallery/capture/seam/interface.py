"""The main way to see attention: at the door through which models call it.

Most models of the library do not compute attention where they need it. They ask its
``AttentionInterface`` for a function, handing in their own plain ("eager") one as the default, and
call what they get. Here they get a wrapper around that default, so the model's own code computes:
soft-capping, sinks, relative bias, grouped queries and windows are right without being known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.tap import tapped

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_WINDOW = "sliding_window"
"""What the library calls the number of keys back that a query sees, itself included."""


@contextmanager
def watched_interface(
    see: Callable[[Passing, Module], None],
    undisturbed: Callable[[], AbstractContextManager[None]],
    *,
    parts: bool = False,
) -> Iterator[None]:
    """See every attention that is computed through the interface.

    The model gets no weights back, which it would only collect: a layer's are free to go once seen.

    Args:
        see: Is given what passes, with weights ``[batch, head, query, key]``, as they are computed,
            and the module that asked for them.
        undisturbed: Makes the context in which the model's own function runs.
        parts: Whether to see what weights are made of too. Query, key and value are those that the
            function is handed; scores and scale are had from what it makes of them.

    Raises:
        RuntimeError: When it is watched already; the inner watch would see no weights.
    """
    from transformers import AttentionInterface

    original = AttentionInterface.get_interface
    if original.__qualname__.startswith(watched_interface.__name__):
        raise RuntimeError("attention is being observed already")

    def get_interface(self: Any, implementation: str, default: Callable[..., Any]) -> Any:
        attend = original(self, implementation, default)

        def wrapper(
            module: Module, query: Tensor, key: Tensor, value: Tensor, *args: Any, **options: Any
        ) -> tuple[Tensor, None]:
            with undisturbed():
                inside: list[Passing] = []
                with tapped(inside.append, parts=True) if parts else nullcontext():
                    output, weights = attend(module, query, key, value, *args, **options)
                if weights is not None:
                    passing = Passing(
                        weights,
                        n_key_heads=key.shape[1],
                        # Some tell their function, others their mask only.
                        window=options.get(_WINDOW, getattr(module, _WINDOW, None)),
                    )
                    if parts:
                        made = inside[-1] if inside else passing
                        passing = replace(
                            passing,
                            scores=made.scores,
                            query=query,
                            key=key,
                            value=value,
                            scale=made.scale,
                        )
                    inside.clear()  # a tap goes with the next collection of cycles only
                    see(passing, module)
            return output, None

        return wrapper

    AttentionInterface.get_interface = get_interface
    try:
        yield
    finally:
        AttentionInterface.get_interface = original
