# ruff: noqa: TID253 - the libraries are what is tested here
"""What becomes of one architecture: how what is captured compares with what it reports itself.

The reference is the same network, asked for its attentions while it computes them the eager way.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import torch
from transformers import AttentionInterface, PreTrainedModel

from architectures.comparison import Array, compared, holds_shares
from architectures.configurations import networks
from architectures.inputs import Inputs, inputs_of
from architectures.mending import mended
from architectures.verdict import Outcome, Verdict, Way
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.errors import CaptureError

SECONDS = 20  # of computing, for one model type to be built, run and compared

_NEEDED = re.compile(r"requires the (\w+) library|No module named '(?!transformers)(\w+)'")


class OutOfTime(BaseException):
    """Not an error of the model's, so that none of its handlers stops it."""


class NotBuiltError(Exception):
    """Why there is no small model of a type that runs, in a few words."""


def verdict_of(model_type: str) -> Verdict:
    """Build a model of a type, run it, and compare."""
    try:
        with limited(SECONDS):
            network, inputs = running_model(model_type)
            return held_against_itself(model_type, network, inputs)
    except NotBuiltError as error:
        return Verdict(model_type, "not built", reason=str(error))
    except OutOfTime:
        return Verdict(model_type, "not built", reason=f"takes more than {SECONDS} s")


def running_model(model_type: str) -> tuple[PreTrainedModel, Inputs]:
    """A small model and what it runs on.

    Raises:
        NotBuiltError: When none of the ways to build and to feed one works.
    """
    unbuilt: list[Exception] = []
    unfed: list[Exception] = []
    try:
        for build in networks(model_type):
            try:
                network = build()
            except Exception as error:  # other people's code may raise anything
                unbuilt.append(error)
                continue
            inputs = fed(network, unfed)
            if inputs is not None:
                return network, inputs
    except Exception as error:  # of the configuration itself
        unbuilt.append(error)
    raise NotBuiltError(why_not_built(unbuilt, unfed))


def fed(network: PreTrainedModel, unfed: list[Exception]) -> Inputs | None:
    """The first inputs that a model runs on; what stood in the way of others is added."""
    try:
        for inputs in inputs_of(network):
            try:
                return accepted(network, inputs)
            except Exception as error:
                unfed.append(error)
    except Exception as error:  # a configuration without what its inputs are made from
        unfed.append(error)
    return None


def why_not_built(unbuilt: list[Exception], unfed: list[Exception]) -> str:
    """The kind of obstacle that stood in the way of the likeliest attempt."""
    errors = [*unbuilt, *unfed]
    for error in errors:
        if needed := _NEEDED.search(str(error)):
            return f"needs the library {needed[1] or needed[2]}"
    if any(isinstance(error, LookupError) and "no model class" in str(error) for error in errors):
        return "has no model class"
    if unfed:
        return "takes input that no rule here makes"
    if all("parameters" in str(error) for error in unbuilt):
        return "does not become small by the names of its sizes"
    return "has sizes that must fit each other in a way no rule here knows"


def held_against_itself(model_type: str, network: PreTrainedModel, inputs: Inputs) -> Verdict:
    """Compare what is captured with what a network reports."""
    reference = reported(network, inputs)
    if any(np.isnan(array).any() for arrays in reference.values() for array in arrays):
        raise NotBuiltError("makes no numbers of random weights")
    n_reported = sum(map(len, reference.values()))
    found = Verdict(model_type, "equal", read(inputs), reported=n_reported)
    arrays: list[Array] = []
    ways: list[Way] = []
    try:
        observe_into(arrays, ways, network, inputs)
    except CaptureError as error:
        if not reference:
            return replace(found, outcome="none", reason=str(error))
        outcome: Outcome = "refused" if holds_shares(reference) else "misreported"
        return replace(found, outcome=outcome, reason=str(error))
    except Exception as error:
        return replace(found, outcome="failed", reason=said(error))
    found = replace(
        found,
        way=ways[0] if len(set(ways)) == 1 else "both",
        captured=len(arrays),
    )
    return compared(found, arrays, reference) if reference else replace(found, outcome="unreported")


def accepted(network: PreTrainedModel, inputs: Inputs) -> Inputs:
    """Inputs that a model runs on, mended by what it says of them.

    Raises:
        Exception: What it says in the end.
    """
    for _ in range(3):
        try:
            answer(network, inputs)
        except TimeoutError:
            raise
        except Exception as error:
            better = mended(network, inputs, error)
            if better is None:
                raise
            inputs = better
    answer(network, inputs)
    return inputs


def answer(network: PreTrainedModel, inputs: Inputs, **options: Any) -> Any:
    """Run a model without a cache; what it draws at random is the same each time."""
    if "use_cache" in inspect.signature(network.forward).parameters:
        options["use_cache"] = False
    torch.manual_seed(0)
    with torch.inference_mode():
        return network(**inputs, **options)


def reported(network: PreTrainedModel, inputs: Inputs) -> dict[str, list[Array]]:
    """What a model says its attentions are, by the name it gives them."""
    try:
        said_to_be = answer(network, inputs, output_attentions=True)
    except TypeError:
        return {}
    return {name: list(arrays) for name, arrays in attentions_in(said_to_be) if arrays}


def attentions_in(outputs: Any, prefix: str = "") -> Iterator[tuple[str, list[Array]]]:
    """The attentions among outputs, of the towers of a model too."""
    if not isinstance(outputs, Mapping):
        return
    for name, value in outputs.items():
        if "attention" in name:
            nested = isinstance(value, tuple) and any(isinstance(part, tuple) for part in value)
            for part, layers in enumerate(value if nested else [value]):
                arrays = [array_of(t) for t in tensors_in(layers) if t.ndim in (3, 4, 5)]
                yield f"{prefix}{name}{f'[{part}]' if nested else ''}", arrays
        elif isinstance(value, Mapping):
            yield from attentions_in(value, f"{prefix}{name}.")


def tensors_in(value: Any) -> Iterator[Any]:
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)


def array_of(weights: Any) -> Array:
    """One layer's weights, a copy, without the batch axis where that is one."""
    array: Array = np.array(weights.float())
    return array[0] if array.ndim > 3 and len(array) == 1 else array


def observe_into(
    arrays: list[Array], ways: list[Way], network: PreTrainedModel, inputs: Inputs
) -> None:
    """Keep every attention that capture sees, in the order in which it runs, and how it was seen.

    A model that asks the library for attention does so just before it is seen.
    """
    n_asked = n_noted = 0
    original = AttentionInterface.get_interface

    def get_interface(self: Any, *args: Any) -> Any:
        nonlocal n_asked
        n_asked += 1
        return original(self, *args)

    def see(_: Any, passing: Passing) -> None:
        nonlocal n_noted
        arrays.append(array_of(passing.weights))
        ways.append("interface" if n_asked > n_noted else "softmax")
        n_noted = n_asked

    with mock.patch.object(AttentionInterface, "get_interface", get_interface):
        observe(network, inputs, see)


def read(inputs: Inputs) -> str:
    """What a model was fed."""
    names = " ".join(inputs)
    kinds = {
        "text": "input_ids" in names or "bbox" in names,
        "images": "pixel" in names or "grid" in names or "visual" in names,
        "sound": "input_features" in names or "input_values" in names,
        "series": "past_values" in names,
    }
    return " and ".join(kind for kind, fed in kinds.items() if fed) or "states"


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Stop what computes longer, however busy the machine is with other things."""

    def stop(*_: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def said(error: Exception) -> str:
    """An error in a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
