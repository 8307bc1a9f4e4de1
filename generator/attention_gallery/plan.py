"""Gallery -> Plan: the captures that are needed, each once, under keys that never go stale.

A key is made of everything that decides a capture and of nothing else. Titles, prose, heads and
views can change for ever without a model being run again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from attention_gallery.errors import InputError, ModelError, quoted, raise_faults
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
    "preprocessor_config.json",
    "processor_config.json",
    "image_processing_*.py",
)


def make_plan(galleries: Sequence[Gallery]) -> Plan:
    """Find out what has to be captured for the exhibits of a site.

    Raises:
        InputError: When exhibits of different galleries have the same id, or a model's files or
            an image cannot be read.
    """
    exhibits = [exhibit for gallery in galleries for exhibit in gallery.exhibits]
    raise_faults(repeated_ids((exhibit.id, exhibit.where) for exhibit in exhibits))
    # A folder and an image are read once for all their exhibits.
    digest_model, digest_image = cache(digest_folder), cache(_sha256_of_file)
    needed: dict[str, CaptureRequest] = {}
    keys: dict[str, str] = {}
    others: dict[str, tuple[str, ...]] = {}
    for exhibit in exhibits:
        own, *variants = (
            _need(needed, model, sentence, exhibit, digest_model, digest_image)
            for model, sentence in (
                (exhibit.model, exhibit.sentence),
                *((variant.model, variant.sentence) for variant in exhibit.against),
            )
        )
        keys[exhibit.id], others[exhibit.id] = own, tuple(variants)
    return Plan(tuple(galleries), needed, keys, others)


def _need(
    needed: dict[str, CaptureRequest],
    model: Model,
    sentence: Sentence,
    exhibit: Exhibit,
    digest_model: Callable[[Path], str],
    digest_image: Callable[[Path], str],
) -> str:
    """Note that an exhibit needs a capture, and return its key.

    Raises:
        InputError: When the model or the image cannot be read.
    """
    identity = {
        "format": CAPTURE_FORMAT,
        **_identity_of_model(model, digest_model),
        **_identity_of_sentence(sentence, digest_image),
    }
    key = _sha256(identity)
    request = needed.get(key) or CaptureRequest(
        key, model, sentence, image_digest=identity.get("image", "")
    )
    wheres = (*request.wheres, exhibit.where) if exhibit.where else request.wheres
    needed[key] = dataclasses.replace(request, wheres=wheres)
    return key


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


def _identity_of_model(model: Model, digest: Callable[[Path], str]) -> dict[str, Any]:
    """All of a model that decides what it makes of a sentence.

    Raises:
        ModelError: When its folder cannot be read.
    """
    if model.kind == "hub":
        identity = f"{model.location}@{model.revision}"
    else:
        try:
            identity = digest(Path(model.location))
        except OSError as error:
            message = f"the model {quoted(model.id)} cannot be read: {error.strerror}"
            raise ModelError(message, model.where) from None
    return {"model": identity, "trust_remote_code": model.trust_remote_code}


def _identity_of_sentence(sentence: Sentence, digest: Callable[[Path], str]) -> dict[str, str]:
    """All of a sentence that decides what a model makes of it.

    Raises:
        InputError: When its image cannot be read.
    """
    identity = {"text": sentence.text, "target": sentence.target}
    # A text says nothing of images, so that keys are what they were before there were any.
    if sentence.image:
        try:
            identity["image"] = digest(Path(sentence.image))
        except OSError as error:
            message = f"the image of {quoted(sentence.id)} cannot be read: {error.strerror}"
            raise InputError(message, sentence.where) from None
    return identity


def _sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(value: Any) -> str:
    """SHA-256 of plain data in its one canonical JSON form."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
