"""Gallery -> Plan: the captures that are needed, each once, under keys that never go stale.

A key is made of everything that decides a capture and of nothing else. Titles, prose, heads and
views can change for ever without a model being run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from attention_gallery.errors import ModelError, quoted, raise_faults
from attention_gallery.manifest.faults import repeated_ids
from attention_gallery.terms import CaptureRequest, Exhibit, Gallery, Model, Plan, Sentence

CAPTURE_FORMAT = 1
"""Raised whenever `capture` comes to make something else of the same model and sentence."""

# What `from_pretrained` reads. Model cards and training scripts may change beside a model.
MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model*.bin.index.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
    "*.spm",
    "*.tiktoken",
    "configuration_*.py",
    "modeling_*.py",
    "tokenization_*.py",
)


def make_plan(galleries: Sequence[Gallery]) -> Plan:
    """Find out what has to be captured for the exhibits of a site.

    Raises:
        InputError: When exhibits of different galleries have the same id, or a model's files
            cannot be read.
    """
    exhibits = [exhibit for gallery in galleries for exhibit in gallery.exhibits]
    raise_faults(repeated_ids((exhibit.id, exhibit.where) for exhibit in exhibits))
    digest = cache(digest_folder)  # a folder is read once for all its exhibits
    needed: dict[str, list[Exhibit]] = {}
    for exhibit in exhibits:
        key = _capture_key(exhibit.model, exhibit.sentence, digest)
        needed.setdefault(key, []).append(exhibit)
    requests = {
        key: CaptureRequest(
            key,
            users[0].model,
            users[0].sentence,
            tuple(exhibit.where for exhibit in users if exhibit.where),
        )
        for key, users in needed.items()
    }
    keys = {exhibit.id: key for key, users in needed.items() for exhibit in users}
    return Plan(tuple(galleries), requests, keys)


def digest_folder(folder: Path) -> str:
    """SHA-256 of the files in a model's folder that decide what the model does, 64 hex digits.

    Two folders with the same model have the same digest, wherever they lie.

    Raises:
        OSError: When a file cannot be read.
    """
    files = sorted(
        (path for path in folder.iterdir() if _is_model_file(path)), key=lambda path: path.name
    )
    return _sha256([[path.name, _sha256_of_file(path)] for path in files])


def _is_model_file(path: Path) -> bool:
    return any(fnmatchcase(path.name, pattern) for pattern in MODEL_FILES) and path.is_file()


def _capture_key(model: Model, sentence: Sentence, digest: Callable[[Path], str]) -> str:
    """SHA-256 of all that decides what a model makes of a sentence.

    Raises:
        ModelError: When the model's folder cannot be read.
    """
    if model.kind == "hub":
        identity = f"{model.location}@{model.revision}"
    else:
        try:
            identity = digest(Path(model.location))
        except OSError as error:
            message = f"the model {quoted(model.id)} cannot be read: {error.strerror}"
            raise ModelError(message, model.where) from None
    return _sha256(
        {
            "format": CAPTURE_FORMAT,
            "model": identity,
            "trust_remote_code": model.trust_remote_code,
            "text": sentence.text,
            "target": sentence.target,
        }
    )


def _sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(value: Any) -> str:
    """SHA-256 of plain data in its one canonical JSON form."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
