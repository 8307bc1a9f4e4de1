"""Models on the Hugging Face hub, as folders on this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from threading import Thread
from typing import Any

from attention_gallery.capture.model.checkpoint import is_whole, pickled_fault
from attention_gallery.digests import MODEL_FILES
from attention_gallery.errors import ModelError
from attention_gallery.progress import Announce, unheard
from attention_gallery.terms import Model

_TIMEOUT = 10.0  # seconds for the one question that decides whether the hub can be reached
_GLANCE = 0.1  # seconds between two looks at what has arrived
_STEPS = 20  # how often it is told, at most: where there is no terminal, each time makes a line
_ELSEWHERE = "use a local folder, a model already downloaded, or captures already in the store"
_LOG_IN = "log in with: hf auth login"


def snapshot(model: Model, announce: Announce = unheard) -> Path:
    """The folder of a hub model's files at its commit, downloaded where it must be.

    Args:
        model: The model.
        announce: Told how far a download is, in a few words.

    Raises:
        ModelError: When it is neither on this machine nor to be had.
    """
    from huggingface_hub import HfApi, snapshot_download

    wanted: dict[str, Any] = {"repo_id": model.location, "revision": model.revision or None}
    try:
        # This is asked once, so where there is no network it fails at once. A download would first
        # be tried again for half a minute.
        info = HfApi().model_info(model.location, revision=wanted["revision"], timeout=_TIMEOUT)
        names = [file.rfilename for file in info.siblings or ()]
        return _download(wanted | _patterns(model, names), f"Fetching {model.source}", announce)
    except ModelError:
        raise
    except Exception as error:  # the errors of the network have no base class in common
        try:
            folder = Path(snapshot_download(**wanted | _patterns(model), local_files_only=True))
        except Exception:
            folder = None
        # What was broken off may be there in part.
        if folder is None or not is_whole(folder):
            raise _hub_fault(model, error) from error
        return folder


def _patterns(model: Model, names: Collection[str] = ()) -> dict[str, list[str]]:
    """Which of a model's files are fetched: one checkpoint, in one format, and what reads it.

    Args:
        model: The model.
        names: The files that the hub has.

    Raises:
        ModelError: When its weights are to be had as pickles only, and its author allows none.
    """
    pickles = sorted(name for name in names if _is_checkpoint(name, ".bin"))
    safe = any(_is_checkpoint(name, ".safetensors") for name in names)
    needs_pickles = bool(pickles) and not safe
    if needs_pickles and not model.allow_pickle:
        raise pickled_fault(model, pickles[0])
    return {
        "allow_patterns": [*MODEL_FILES, "*.json", "*.txt", "*.jinja", "*.py"],
        # Code only where the author allowed it, and never any other pickle.
        "ignore_patterns": ["*/*", "consolidated*", "*.pkl"]
        + ["*.bin"] * (not needs_pickles)
        + ["*.py"] * (not model.trust_remote_code),
    }


def _is_checkpoint(name: str, ending: str) -> bool:
    return name.startswith(("model", "pytorch_model")) and name.endswith(ending)


def _download(wanted: dict[str, Any], label: str, announce: Callable[[str], None]) -> Path:
    """Download what is not here yet, and tell meanwhile how much of it has arrived.

    It is measured where it is kept. The library can be told to draw its progress elsewhere, but
    counts some bytes twice, others not at all, and differently with every version.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.file_download import repo_folder_name

    missing = snapshot_download(**wanted, dry_run=True)
    total = sum(file.file_size or 0 for file in missing if file.will_download)
    if not total:
        return Path(snapshot_download(**wanted))
    cache = Path(constants.HF_HUB_CACHE)
    folder = cache / repo_folder_name(repo_id=wanted["repo_id"], repo_type="model")
    before = _size(folder)
    arrived: list[str] = []
    failed: list[BaseException] = []

    def fetch() -> None:
        try:
            arrived.append(snapshot_download(**wanted))
        except BaseException as error:
            failed.append(error)

    worker = Thread(target=fetch, daemon=True)
    worker.start()
    told = -1
    while worker.is_alive():
        done = min(_size(folder) - before, total)
        if told < (told := max(told, _STEPS * done // total)):
            announce(f"{label}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")
        worker.join(_GLANCE)
    for error in failed:
        raise error
    return Path(arrived[0])


def _size(folder: Path) -> int:
    """Bytes in a folder, those counted once that are linked to."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += 0 if path.is_symlink() else path.stat().st_size
        except OSError:  # a file that is whole is given another name meanwhile
            continue
    return total


def _hub_fault(model: Model, error: Exception) -> ModelError:
    """What it means for an author that the hub answered with `error`, or did not answer."""
    from huggingface_hub import errors

    name = f"{model.source} at {model.revision[:12]}" if model.revision else model.source
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"{model.source} is gated: its licence has to be accepted first",
            model.where,
            f"accept it on the model's page and {_LOG_IN}",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(f"{name}: the hub has no such revision", model.where)
    if isinstance(error, (errors.RepositoryNotFoundError, errors.HFValidationError)):
        return ModelError(
            f"{model.source} is not a model on the hub",
            model.where,
            f"write it as owner/name; for a private one {_LOG_IN}",
        )
    hint = _ELSEWHERE
    if isinstance(error, errors.DisabledRepoError):
        reason = "the hub has closed it"
    elif isinstance(error, errors.HfHubHTTPError) and error.response.status_code == 401:
        reason, hint = "the hub does not take this machine's token", f"{_LOG_IN}, or unset HF_TOKEN"
    elif isinstance(error, errors.HfHubHTTPError):
        reason = f"the hub answers with status {error.response.status_code}"
    elif isinstance(error, OSError) and error.strerror:  # such as a full disk
        reason = error.strerror
    else:
        reason = f"the hub cannot be reached ({type(error).__name__})"
    return ModelError(f"{name} cannot be fetched: {reason}", model.where, hint)
