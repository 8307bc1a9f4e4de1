"""Other people's code: that it is installed, keeps quiet, and fails in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger
from warnings import catch_warnings, simplefilter

from attention_gallery.errors import CaptureError, GalleryError, Where, printable


def require_libraries() -> None:
    """See that what runs models is installed.

    Raises:
        CaptureError: When it is not, or cannot be used.
    """
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise CaptureError(
            f"attention cannot be captured without {error.name or 'torch and transformers'}",
            hint='pip install "attention-gallery[compute]", or bring the folder .attention from '
            "where `attention-gallery capture` was run",
        ) from error
    except Exception as error:  # two libraries that do not fit each other may raise anything
        raise CaptureError(
            f"attention cannot be captured: {printable(str(error) or type(error).__name__, 200)}",
            hint='pip install --upgrade "attention-gallery[compute]"',
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' progress bars, log lines and warnings off the terminal for a while."""
    import huggingface_hub.utils.logging as hub
    from transformers.utils import logging

    levels = logging.get_verbosity(), hub.get_verbosity()
    splitter = getLogger("accelerate")
    level = splitter.level
    had_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    hub.set_verbosity_error()  # type: ignore[no-untyped-call]
    splitter.setLevel(ERROR)
    logging.disable_progress_bar()
    try:
        with catch_warnings():
            simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(levels[0])
        hub.set_verbosity(levels[1])
        splitter.setLevel(level)
        if had_bars:
            logging.enable_progress_bar()


@contextmanager
def explained(
    error_type: type[GalleryError], message: str, where: Where | None, hint: str = ""
) -> Iterator[None]:
    """Say in one line what other people's code said in many.

    A model's code and files are not ours and may raise anything.
    """
    try:
        yield
    except GalleryError:
        raise
    except Exception as error:
        lines = str(error).split("\n")
        reason = next((line.strip() for line in lines if line.strip()), type(error).__name__)
        raise error_type(f"{message}: {printable(reason, 200)}", where, hint) from error
