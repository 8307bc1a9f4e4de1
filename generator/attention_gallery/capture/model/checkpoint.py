"""The weights in a model's folder: in which files, in which form, and what they take in memory."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from attention_gallery.errors import ModelError
from attention_gallery.terms import Model

# What `from_pretrained` looks for, in this order; each may be cut into files that an index lists.
_NAMES = ("model.safetensors", "pytorch_model.bin")
_PICKLES = ("*.bin", "*.pt", "*.pth")

# What a folder holds that was cloned without Git LFS.
_POINTER = b"version https://git-lfs"

# Those that are turned into the data type a model runs in; others are quantised, and stay small.
_FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The files that hold the weights of a model.

    Attributes:
        files: Paths, whether or not they are there.
    """

    files: tuple[Path, ...]

    @property
    def is_pickled(self) -> bool:
        """Whether they are pickle files, which can do anything when they are opened."""
        return self.files[0].suffix == ".bin"

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the files that are not there."""
        return tuple(file.name for file in self.files if not file.is_file())


def find_checkpoint(folder: Path) -> Checkpoint | None:
    """The weights in a folder; None where there are none that can be loaded.

    Raises:
        OSError: When an index cannot be read.
        ValueError: When an index is not one.
    """
    for name in _NAMES:
        if (folder / name).is_file():
            return Checkpoint((folder / name,))
        index = folder / f"{name}.index.json"
        if index.is_file():
            content = json.loads(index.read_text(encoding="utf-8"))
            places = content.get("weight_map") if isinstance(content, dict) else None
            if not isinstance(places, dict) or not places:
                raise ValueError(f"{index.name} does not say which file holds which weight")
            return Checkpoint(tuple(folder / str(file) for file in sorted(set(places.values()))))
    return None


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a model's configuration and all of its weights."""
    try:
        found = find_checkpoint(folder)
    except (OSError, ValueError):
        return False
    return found is not None and not found.missing and (folder / "config.json").is_file()


def pickled_fault(model: Model, name: str) -> ModelError:
    """That a model has no weights but in a pickle file, which its author does not allow."""
    return ModelError(
        f"{model.source} has no weights in safetensors form, only pickled ones ({name})",
        model.where,
        "a pickle file can run any code when it is opened: convert it with save_pretrained, or "
        "write allow_pickle: true if you trust whoever made it",
    )


def check_checkpoint(model: Model, folder: Path) -> Checkpoint:
    """See that a folder holds weights that may be opened, all of them.

    Raises:
        ModelError: When it does not.
    """
    try:
        found = find_checkpoint(folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the list of the weights of {model.source} cannot be read: {error}", model.where
        ) from error
    if found is None:
        pickled = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        raise ModelError(
            f"{model.source} has no weights in safetensors form"
            + (f", only pickled ones ({pickled[0]})" if pickled else ""),
            model.where,
            f"convert them with save_pretrained: {_NAMES[0]} is what is loaded"
            if pickled
            else f"the folder needs a {_NAMES[0]}",
        )
    if found.is_pickled and not model.allow_pickle:
        raise pickled_fault(model, found.files[0].name)
    if missing := found.missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ModelError(
            f"the weights of {model.source} are not all here: of {len(found.files)} files "
            f"{missing[0]}{more} is missing",
            model.where,
            "copy or download the model again",
        )
    for file in found.files:
        with file.open("rb") as content:
            if content.read(len(_POINTER)) == _POINTER:
                raise ModelError(
                    f"{file.name} of {model.source} is not the weights, but a note of Git LFS "
                    "where they are",
                    model.where,
                    "fetch them with: git lfs pull",
                )
    return found


def weights_bytes(model: Model, checkpoint: Checkpoint, itemsize: int) -> int:
    """What weights take in memory, once their numbers are of `itemsize` bytes.

    Only the heads of the files are read. Of pickled weights it is their size on disk.

    Raises:
        ModelError: When a file is damaged or was cut short.
    """
    from safetensors import SafetensorError, safe_open

    if checkpoint.is_pickled:
        return sum(file.stat().st_size for file in checkpoint.files)
    total = 0
    for file in checkpoint.files:
        try:
            with safe_open(file, framework="numpy") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - it is no mapping
                    tensor = tensors.get_slice(name)
                    width = itemsize if tensor.get_dtype() in _FLOATS else 1
                    total += math.prod(tensor.get_shape()) * width
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"{file.name} of {model.source} is damaged, or was cut short: {error}",
                model.where,
                "copy or download it again",
            ) from error
    return total
