"""Capture requests -> captures: the only part that runs models.

torch and transformers are imported here and below only, and only when something is captured: a
site built from stored captures never waits for them, and need not have them.

Conventions of what is captured:

- Weights are float32, from a model in evaluation mode, computed in float32 on the CPU.
- A row of decoder or cross attention belongs to the decoder's *input* token of that row, not to
  the token the model predicts there: ``[start, the, black, cat]`` for the target "the black cat".
- A target is fed to the decoder as it is (teacher forcing). Where the author gave none, the model
  writes one, always taking the likeliest token; its last token is only predicted, so has no row.
- What an exhibit shows is the sentence as the model read it, with the tokens its tokenizer added.
- An image is shown as the model saw it, after its own resizing and cropping, with a token a patch.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence

from attention_gallery.capture.libraries import explained, quiet, require_libraries
from attention_gallery.capture.loading import LoadedModel, load
from attention_gallery.capture.passes import run
from attention_gallery.capture.sites import UnobservableError
from attention_gallery.capture.weights import checked, has_sinks
from attention_gallery.errors import (
    CaptureError,
    GalleryError,
    InputError,
    ModelError,
    Where,
    quoted,
    raise_faults,
)
from attention_gallery.terms import Capture, CaptureRequest

__all__ = ["capture_all"]


def capture_all(requests: Iterable[CaptureRequest]) -> Iterator[Capture]:
    """Run every model over its sentences.

    Each model is loaded once, and let go before the next. A request that fails does not stop the
    others, unless its model can be captured on no sentence: all that can be captured is, and then
    all faults are raised.

    Args:
        requests: In any order.

    Yields:
        Captures as they are done, those of one model after those of another.

    Raises:
        GalleryError: What could not be captured, and why; nothing that was yielded is affected.
    """
    groups: dict[tuple[str, ...], list[CaptureRequest]] = {}
    for request in requests:
        model = request.model
        same = (model.kind, model.location, model.revision, str(model.trust_remote_code))
        groups.setdefault(same, []).append(request)
    if groups:
        require_libraries()

    faults: list[GalleryError] = []
    for group in groups.values():
        try:
            loaded = load(group[0].model)
        except ModelError as fault:
            faults.append(_without_frames(fault))
            continue
        failed: dict[tuple[str, Where | None], tuple[GalleryError, list[CaptureRequest]]] = {}
        for request in group:
            try:
                capture = _capture(loaded, request)
            except GalleryError as fault:
                # An author mends input at each of its places; what a model does is said once.
                place = _where(request) if isinstance(fault, InputError) else None
                alike = failed.setdefault((fault.message, place), (_without_frames(fault), []))
                alike[1].append(request)
                if isinstance(fault, UnobservableError):
                    break  # it would be said again of every sentence
            else:
                yield capture
        faults += (_placed(fault, requests) for fault, requests in failed.values())
        # Two models at once may be more than fits; a failure leaves cycles that hold the last one.
        del loaded
        gc.collect()
    raise_faults(faults)


def _without_frames(fault: GalleryError) -> GalleryError:
    """A fault that can be kept: its traceback would keep the model it is about."""
    fault.__cause__ = fault.__context__ = None
    return fault.with_traceback(None)


def _where(request: CaptureRequest) -> Where | None:
    """The place nearest to what an author can mend."""
    return request.sentence.where or next(iter(request.wheres), request.model.where)


def _placed(fault: GalleryError, requests: Sequence[CaptureRequest]) -> GalleryError:
    """A fault with its place: the model, and the sentences, of which one is named."""
    first, *others = requests
    more = f" and {len(others)} more" if others else ""
    return type(fault)(
        f"{first.model.source} on sentence {quoted(first.sentence.id)}{more}: {fault.message}",
        _where(first),
        fault.hint,
    )


def _capture(loaded: LoadedModel, request: CaptureRequest) -> Capture:
    """Run one model over one sentence.

    Raises:
        InputError: When its image cannot be read, or is no longer the one that was asked for.
        ModelError: When the sentence does not fit the model.
        CaptureError: When the model fails, gives no attention, or what it gives is none.
    """
    with quiet(), explained(CaptureError, "the model failed", None):
        done = run(loaded, request)
        sinks = has_sinks(loaded.network)
        attentions = {
            kind: checked(kind, *done.ends[kind], layers, sinks=sinks)
            for kind, layers in done.layers.items()
        }
    return Capture(request.key, attentions, loaded.provenance, done.picture)
