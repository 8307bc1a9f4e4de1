"""What went wrong with the sentences of one model: each thing said once, where it can be mended."""

from __future__ import annotations

from collections.abc import Sequence

from attention_gallery.capture.seam.sites import UnobservableError
from attention_gallery.errors import GalleryError, InputError, Where, quoted
from attention_gallery.terms import CaptureRequest


class Failures:
    """Collects what fails, while one model runs over its sentences."""

    def __init__(self, requests: Sequence[CaptureRequest]) -> None:
        """Begin with all of the model's sentences."""
        self._left = list(requests)
        self._any_passed = False
        self._alike: dict[tuple[str, Where | None], tuple[GalleryError, list[CaptureRequest]]] = {}

    def passed(self, request: CaptureRequest) -> None:
        """Note that a sentence was captured."""
        self._left.remove(request)
        self._any_passed = True

    def failed(self, request: CaptureRequest, fault: GalleryError) -> bool:
        """Note that one was not.

        Returns:
            Whether no other sentence can be captured either; all that are left have failed then.
        """
        self._left.remove(request)
        # An author mends input at each of its places; what a model does is said once.
        place = _where(request) if isinstance(fault, InputError) else None
        alike = self._alike.setdefault((fault.message, place), (without_frames(fault), []))[1]
        alike.append(request)
        hopeless = isinstance(fault, UnobservableError) and not self._any_passed
        if hopeless:
            alike += self._left
        return hopeless

    def placed(self) -> list[GalleryError]:
        """The faults, each with its place: the model, and the sentences, of which one is named."""
        return [_placed(fault, requests) for fault, requests in self._alike.values()]


def without_frames(fault: GalleryError) -> GalleryError:
    """A fault that can be kept: its traceback would keep the model it is about."""
    fault.__cause__ = fault.__context__ = None
    return fault.with_traceback(None)


def _where(request: CaptureRequest) -> Where | None:
    """The place nearest to what an author can mend."""
    return request.sentence.where or next(iter(request.wheres), request.model.where)


def _placed(fault: GalleryError, requests: Sequence[CaptureRequest]) -> GalleryError:
    first, *others = requests
    more = f" and {len(others)} more" if others else ""
    # What no sentence can help is mended at the model.
    of_model = first.model.where if isinstance(fault, UnobservableError) else None
    return type(fault)(
        f"{first.model.source} on sentence {quoted(first.sentence.id)}{more}: {fault.message}",
        of_model or _where(first),
        fault.hint,
    )
