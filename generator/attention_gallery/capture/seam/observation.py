"""The seam: how attention is seen while a model runs is known below here only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from attention_gallery.capture.seam.interface import watched_interface
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site, UnobservableError, attention_modules, running
from attention_gallery.capture.seam.tap import tapped

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

# Two runs of a model give one answer; only where torch's own attention is asked for its weights is
# it summed in another order.
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the first run of a model on one sort of input has shown.

    Attributes:
        n_seen: How often it attends.
        in_line: Whether some of that does not go through the library's interface.
    """

    n_seen: int
    in_line: bool


_Sort = frozenset[str]  # names of inputs: a model may leave parts out that it is fed nothing for
_proofs: WeakKeyDictionary[PreTrainedModel, dict[_Sort, _Proof]] = WeakKeyDictionary()


def observe(
    network: PreTrainedModel,
    inputs: Mapping[str, Tensor],
    see: Callable[[Site, Passing], None],
    *,
    parts: bool = False,
) -> None:
    """Run a model once and see all of its attention as it passes.

    Nothing is kept here, and the model gets no weights to collect: a layer's are free to go before
    the next layer runs. A model that is observed for the first time on such inputs also runs
    unobserved, and must answer the same.

    Args:
        network: A model whose attention is computed the eager way, in evaluation mode.
        inputs: What its ``forward`` takes, each ``[batch, ...]``.
        see: Is given each attention in the order in which they run, and who attends. A model that
            takes the same softmax twice, for two halves of the values, shows it twice.
        parts: Whether to see what weights are made of, and not the weights alone.

    Raises:
        UnobservableError: When no attention is seen, it cannot be told whose it is, or observing it
            changes the model's answer.
    """
    proofs, sort = _proofs.setdefault(network, {}), frozenset(inputs)
    proof = proofs.get(sort)
    n_seen = n_in_line = 0

    def note(site: Site, passing: Passing) -> None:
        nonlocal n_seen, n_in_line
        n_seen += 1
        n_in_line += passing.in_line
        see(site, passing)

    with watched(network, note, tap=not proof or proof.in_line, parts=parts):
        answer = _answer(network, inputs)
    if not n_seen:
        raise UnobservableError(f"no attention can be had: {_why_none(network)}")
    if proof is None:
        _check_same(network, _answer(network, inputs), answer)
        proofs[sort] = _Proof(n_seen, in_line=n_in_line > 0)
    elif n_seen < proof.n_seen and not proof.in_line:
        raise UnobservableError(
            f"{type(network).__name__} attends {n_seen} times, where it did {proof.n_seen} times "
            "before: not all of its attention is seen"
        )


@contextmanager
def watched(
    network: PreTrainedModel, note: Callable[[Site, Passing], None], *, tap: bool, parts: bool
) -> Iterator[None]:
    """See all attention of a run, each with where it was seen.

    Both ways to see attention are open at once: a model may have parts of either sort, and which
    it has need not be known beforehand. Once it is, a tap that sees nothing is left out, for every
    function of torch is held up by it.
    """
    with running(network) as site_of, ExitStack() as watches:

        def through_interface(passing: Passing, asking: Module) -> None:
            if site := site_of(asking):
                note(site, passing)

        def in_line(passing: Passing) -> None:
            site = site_of(None)
            # Those of more axes are blocks of a sparse pattern, or another stream's.
            if site is not None and passing.weights.ndim in (3, 4):
                note(site, replace(passing, in_line=True))

        closed = watches.enter_context(tapped(in_line, parts=parts)).closed if tap else nullcontext
        watches.enter_context(watched_interface(through_interface, closed, parts=parts))
        yield


def _answer(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """Run a model, and give its answer by name. Parts of larger models answer without names."""
    import torch

    # What a model does not know it hands on, to layers that may refuse it.
    caches = "use_cache" in inspect.signature(network.forward).parameters
    with torch.inference_mode():
        answer = network(**inputs, **({"use_cache": False} if caches else {}))
    if isinstance(answer, Mapping):
        return dict(answer)
    values = answer if isinstance(answer, tuple) else [answer]
    return {f"answer {number}": value for number, value in enumerate(values)}


def _check_same(
    network: PreTrainedModel, plain: Mapping[str, Any], observed: Mapping[str, Any]
) -> None:
    """See that a model answers the same, observed or not.

    Raises:
        UnobservableError: When it does not.
    """
    import torch

    for name, values in plain.items():
        if not isinstance(values, torch.Tensor):
            continue
        if not torch.allclose(
            values, observed[name], rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True
        ):
            error = (values - observed[name]).abs().max()
            raise UnobservableError(
                f"{type(network).__name__} gives other {name} when its attention is observed, by "
                f"{error:.2g}",
                hint="a model that draws at random cannot be observed",
            )


def _why_none(network: PreTrainedModel) -> str:
    name = type(network).__name__
    if attention_modules(network):
        return f"{name} has attention layers, but none that takes a softmax over its keys"
    return f"{name} has no attention layers"
