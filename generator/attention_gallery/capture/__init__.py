"""Capture requests -> captures: the only part that runs models.

torch and transformers are imported here and below only, and only when something is captured: a
site built from stored captures never waits for them, and need not have them.

Conventions of what is captured:

- Weights are those of a model in evaluation mode, as it computes them, in float32 if the manifest
  does not say otherwise. They are held in sixteen bits, see `codes`.
- A row of decoder or cross attention belongs to the decoder's *input* token of that row, not to
  the token the model predicts there: ``[start, the, black, cat]`` for the target "the black cat".
- A target is fed to the decoder as it is (teacher forcing). Where the author gave none, the model
  writes one, always taking the likeliest token; its last token is only predicted, so has no row.
- A model of one stack writes on after its text where a sentence says so, taking the likeliest token
  until it comes to its end token; then it reads the whole of it, so that each token has a row.
- What it held likely to come next is kept where it is asked for: the likeliest tokens of a softmax
  over its whole vocabulary, and the surprisal of the one that does come.
- What an exhibit shows is the sentence as the model read it, with the tokens its tokenizer added.
- An image is shown as the model saw it, after its own resizing and cropping, with a token a patch.
- A sound is heard as its model's feature extractor makes it, all of it, with the silence that some
  are filled up with; each token is a moment, named by its beginning.
- A model that sees and reads has an attention of its own for each: `vision`, and what reads. Where
  the image stands in the text, its tokens there are patches too, or squares of merged ones. What
  lies between the two and attends by itself is left out, and so is the `vision` of an eye whose
  tokens cannot be told.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from attention_gallery.capture.batches import batched, run_batch
from attention_gallery.capture.failures import Failures, without_frames
from attention_gallery.capture.feeds import Feed, prepare
from attention_gallery.capture.libraries import explained, quiet, require_libraries
from attention_gallery.capture.model.devices import missing_operation
from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.capture.model.memory import out_of_memory
from attention_gallery.capture.passes import run
from attention_gallery.capture.seam.sites import UnobservableError
from attention_gallery.errors import CaptureError, GalleryError, ModelError, raise_faults
from attention_gallery.progress import Announce, unheard
from attention_gallery.terms import Capture, CaptureRequest, Model

__all__ = ["Load", "capture_all", "explain", "require_libraries"]

Load = Callable[..., LoadedModel]
"""How a model is had: called as `loading.load` is."""


def capture_all(
    requests: Iterable[CaptureRequest], announce: Announce = unheard, load: Load = load
) -> Iterator[Capture]:
    """Run every model over its sentences.

    Each model is loaded once, and let go before the next; once more with its language-model head,
    where it is also asked what it would write. A request that fails does not stop the others,
    unless its model can be captured on no sentence: all that can be captured is, and then all
    faults are raised.

    Args:
        requests: In any order.
        announce: Told what is being done now, in a few words, where it may take long.
        load: How models are had; by default from where they lie.

    Yields:
        Captures as they are done, those of one model after those of another.

    Raises:
        GalleryError: What could not be captured, and why; nothing that was yielded is affected.
    """
    groups: dict[tuple[Model, bool], list[CaptureRequest]] = {}
    for request in requests:
        # What it is called, and where, does not make it another model.
        same = dataclasses.replace(request.model, id="", source="", where=None)
        groups.setdefault((same, request.writes), []).append(request)
    if groups:
        require_libraries()

    faults: list[GalleryError] = []
    for (_, writes), group in groups.items():
        announce(f"Loading {group[0].model.source}")
        try:
            loaded = load(group[0].model, announce, head="writer" if writes else None)
        except ModelError as fault:
            faults.append(without_frames(fault))
            continue
        announce(f"Capturing {group[0].model.source}")
        failures = Failures(group)
        for request, done in _captured(loaded, group):
            if isinstance(done, Capture):
                failures.passed(request)
                yield done
            elif failures.failed(request, done):
                break
        faults += failures.placed()
        # Two models at once may be more than fits; a failure leaves cycles that hold the last one.
        del loaded
        gc.collect()
    raise_faults(faults)


def _captured(
    loaded: LoadedModel, requests: Iterable[CaptureRequest]
) -> Iterator[tuple[CaptureRequest, Capture | GalleryError]]:
    """Run one model over its sentences.

    Yields:
        Each request with its capture, or with what went wrong.
    """
    feeds: list[Feed] = []
    later: list[CaptureRequest] = []
    for request in requests:
        if _alone(loaded, request):
            later.append(request)
            continue
        try:
            with explain(loaded):
                feeds.append(prepare(loaded, request))
        except GalleryError as fault:
            yield request, fault
    for batch in batched(feeds):
        if len(batch) > 1:
            with quiet():
                together = run_batch(loaded, batch)
            yield from zip((feed.request for feed in batch), together, strict=False)
            if together:
                continue
        for feed in batch:
            yield _captured_alone(loaded, feed.request, feed)
    for request in later:
        yield _captured_alone(loaded, request)


def _alone(loaded: LoadedModel, request: CaptureRequest) -> bool:
    """Whether a sentence is made ready only when it is its turn.

    An image or a sound is large, and the model has to be run to write a target, or on after a text.
    """
    is_pair = loaded.network.config.is_encoder_decoder
    sentence = request.sentence
    written = bool(sentence.generate) or (is_pair and not sentence.target)
    return bool(sentence.image or sentence.audio) or written


def _captured_alone(
    loaded: LoadedModel, request: CaptureRequest, feed: Feed | None = None
) -> tuple[CaptureRequest, Capture | GalleryError]:
    try:
        with explain(loaded):
            (capture,) = run(loaded, [feed or prepare(loaded, request)])
    except GalleryError as fault:
        return request, fault
    return request, capture


@contextmanager
def explain(loaded: LoadedModel) -> Iterator[None]:
    """Say in one line why a model failed that was run.

    Raises:
        CaptureError: When it did.
    """
    with quiet(), explained(CaptureError, "the model failed", None):
        try:
            yield
        except Exception as error:
            if fault := out_of_memory(error, loaded.device):
                raise fault from error
            if operation := missing_operation(error):
                raise UnobservableError(
                    f"{loaded.device} cannot compute {operation} in {loaded.provenance.dtype}",
                    hint="write dtype: float32",
                ) from error
            raise
