"""Files that a sentence names: their bytes, once it is seen that they are still the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

from attention_gallery.errors import InputError


def read_unchanged(path: Path, name: str, digest: str) -> bytes:
    """Read a file once: the bytes that are checked are those the model is fed.

    Args:
        path: The file.
        name: What an author is to read of it.
        digest: SHA-256 of the bytes it must have, in hex digits; empty when any will do.

    Raises:
        InputError: When it holds something else than it did.
        OSError: When it cannot be read.
    """
    content = path.read_bytes()
    if digest and hashlib.sha256(content).hexdigest() != digest:
        raise InputError(f"{name} changed while it was captured", hint="run again")
    return content
