"""Models on the Hugging Face hub, as folders on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attention_gallery.errors import ModelError
from attention_gallery.plan import MODEL_FILES
from attention_gallery.terms import Model

_TIMEOUT = 10.0  # seconds for the one question that decides whether the hub can be reached
_ELSEWHERE = "use a local folder, a model already downloaded, or captures already in the store"


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights in a form that is safe to open."""
    return any(folder.glob("*.safetensors"))


def snapshot(model: Model) -> Path:
    """The folder of a hub model's files at its commit, downloaded where it must be.

    Raises:
        ModelError: When it is neither on this machine nor to be had.
    """
    from huggingface_hub import HfApi, snapshot_download

    wanted: dict[str, Any] = {
        "repo_id": model.location,
        "revision": model.revision or None,
        "allow_patterns": [*MODEL_FILES, "*.json", "*.txt", "*.jinja", "*.py"],
        # Never pickles; code only where the author allowed it; one checkpoint, in one format.
        "ignore_patterns": ["*/*", "consolidated*", "*.bin", "*.pkl"]
        + ["*.py"] * (not model.trust_remote_code),
    }
    try:
        # This is asked once, so where there is no network it fails at once. A download would first
        # be tried again for half a minute.
        HfApi().model_info(model.location, revision=wanted["revision"], timeout=_TIMEOUT)
        return Path(snapshot_download(**wanted))
    except Exception as error:  # the errors of the network have no base class in common
        try:
            folder = Path(snapshot_download(**wanted, local_files_only=True))
        except Exception:
            folder = None
        if folder is None or not has_weights(folder):
            raise _hub_fault(model, error) from error
        return folder


def _hub_fault(model: Model, error: Exception) -> ModelError:
    """What it means for an author that the hub answered with `error`, or did not answer."""
    from huggingface_hub import errors

    name = f"{model.source} at {model.revision[:12]}" if model.revision else model.source
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"{model.source} is gated: its licence has to be accepted first",
            model.where,
            "accept it on the model's page and log in with: hf auth login",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(f"{name}: the hub has no such revision", model.where)
    if isinstance(error, (errors.RepositoryNotFoundError, errors.HFValidationError)):
        return ModelError(
            f"{model.source} is not a model on the hub",
            model.where,
            "write it as owner/name; for a private one log in with: hf auth login",
        )
    if isinstance(error, errors.HfHubHTTPError):
        reason = f"the hub answers with status {error.response.status_code}"
    elif isinstance(error, OSError) and error.strerror:  # such as a full disk
        reason = error.strerror
    else:
        reason = f"the hub cannot be reached ({type(error).__name__})"
    return ModelError(f"{name} cannot be fetched: {reason}", model.where, _ELSEWHERE)
