"""Measures: what is derived from a running model, so that a pretty pattern does not mislead.

A measure is one module here. Its functions are formulas over a model and a sentence, or over
weights, each with its source and with arrays whose axes are named. For the pipeline it has

- ``TITLE``, for readers;
- ``READS``, what it is of: a ``sentence``, a ``pair`` of sentences that differ in a word, a
  ``model``, or ``labels``, a file of labelled sentences;
- ``ASKS``, whether it is about an answer of the model: see `terms.Question`;
- ``MAPS = True``, where it has maps that views draw as they draw weights;
- ``measure(case)``, which returns arrays by name, and facts: see `terms.Measured`. Its docstring
  says which.

torch, transformers and what computes for a measure are imported inside functions: what is declared
here is known without them. What measures have in common is in `apparatus`.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from attention_gallery.errors import GalleryError, ModelError, quoted, raise_faults
from attention_gallery.progress import Announce, unheard
from attention_gallery.terms import Measured, MeasureRequest, Model, Need, Reads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attention_gallery.capture import Load
    from attention_gallery.measures.apparatus.case import Case

Found = tuple[Mapping[str, "NDArray[Any]"], Mapping[str, Any]]
"""Arrays by name, and facts as JSON has them."""


class Measure(Protocol):
    """What the module of a measure offers."""

    TITLE: str
    READS: Reads
    ASKS: bool

    def measure(self, case: Case, /) -> Found:
        """Measure.

        Raises:
            GalleryError: When the model or the sentence is not of a kind that can be measured.
        """


def load(name: str) -> Measure:
    """The measure of a name that `resources.measure_names` lists."""
    return cast(Measure, import_module(f"{__name__}.{name.replace('-', '_')}"))


def need(name: str) -> Need:
    """What of a measure decides what is computed."""
    measure = load(name)
    return Need(name, measure.READS, measure.ASKS, getattr(measure, "MAPS", False))


def measure_all(
    requests: Iterable[MeasureRequest], announce: Announce = unheard, load_model: Load | None = None
) -> Iterator[Measured]:
    """Take measures of models.

    Each model is loaded once, with the head that answers, where it has one. A measure that fails
    does not stop the others: all faults are raised in the end.

    Args:
        requests: In any order.
        announce: Told what is being done now, in a few words, where it may take long.
        load_model: How models are had; by default from where they lie.

    Yields:
        What was measured, as it is done, that of one model after that of another.

    Raises:
        GalleryError: What could not be measured, and why; nothing that was yielded is affected.
    """
    from attention_gallery.capture import explain, require_libraries
    from attention_gallery.capture.failures import without_frames
    from attention_gallery.capture.model import loading
    from attention_gallery.measures.apparatus.case import Case

    groups: dict[Model, list[MeasureRequest]] = {}
    for request in requests:
        # What it is called, and where, does not make it another model.
        same = dataclasses.replace(request.model, id="", source="", where=None)
        groups.setdefault(same, []).append(request)
    if groups:
        require_libraries()
    faults: list[GalleryError] = []
    failed: dict[tuple[str, str], tuple[GalleryError, list[MeasureRequest]]] = {}
    for group in groups.values():
        announce(f"Loading {group[0].model.source}")
        try:
            loaded = (load_model or loading.load)(group[0].model, announce, head="any")
        except ModelError as fault:
            faults.append(without_frames(fault))
            continue
        for request in group:
            announce(f"Measuring {request.measure} of {request.model.source}")
            try:
                with explain(loaded):
                    measure = load(request.measure)
                    arrays, facts = measure.measure(Case(loaded, request))
            except GalleryError as fault:
                # What is wrong with a sentence, or with a model, is wrong for several measures.
                alike = failed.setdefault((str(fault), fault.hint), (without_frames(fault), []))
                alike[1].append(request)
                continue
            yield Measured(
                request.key,
                request.measure,
                arrays,
                {"title": measure.TITLE, **facts},
                dataclasses.replace(loaded.provenance, source=request.model.source),
            )
        # Two models at once may be more than fits; a failure leaves cycles that hold the last one.
        del loaded
        gc.collect()
    raise_faults([*faults, *(_placed(fault, requests) for fault, requests in failed.values())])


def _placed(fault: GalleryError, requests: Sequence[MeasureRequest]) -> GalleryError:
    """A fault that some measures have in common, with their names and the place of the first."""
    names = ", ".join(dict.fromkeys(request.measure for request in requests))
    sentences = dict.fromkeys(one.sentence.id for each in requests for one in each.passes[:1])
    of = f" of sentence {quoted(next(iter(sentences)))}" if sentences else ""
    more = f" and {len(sentences) - 1} more" if len(sentences) > 1 else ""
    first = next(iter(requests[0].wheres), None)
    return type(fault)(f"{names}{of}{more}: {fault.message}", fault.where or first, fault.hint)
