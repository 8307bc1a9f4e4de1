"""SHA-256 of what decides a result: a model's folder, a file, plain data."""

from __future__ import annotations

import hashlib
import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

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
    "feature_extraction_*.py",
    "processing_*.py",
    "chat_template*",
)


def digest_folder(folder: Path, *, own_code: bool = False) -> str:
    """SHA-256 of the files in a model's folder that decide what the model does, 64 hex digits.

    Args:
        folder: The folder.
        own_code: Whether any of its Python files may run with the model.

    Two folders with the same model have the same digest, wherever they lie.

    Raises:
        OSError: When a file cannot be read.
    """
    files = sorted(
        (path for path in folder.iterdir() if _is_model_file(path, own_code)),
        key=lambda path: path.name,
    )
    return digest_of([[path.name, digest_file(path)] for path in files])


def _is_model_file(path: Path, own_code: bool) -> bool:
    patterns = (*MODEL_FILES, "*.py") if own_code else MODEL_FILES
    return any(fnmatchcase(path.name, pattern) for pattern in patterns) and path.is_file()


def digest_file(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits.

    Raises:
        OSError: When it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of plain data in its one canonical JSON form."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
