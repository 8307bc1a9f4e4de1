"""What takes long to make and is quickly kept: files that may be deleted at any time."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_NOT_COMMITTED = "*\n"

UNUSED = 30 * 24 * 3600
"""Seconds after which a file that nobody has asked for is removed."""


def kept(file: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a file below a cache; what is missing or damaged is made.

    Args:
        file: Where it is kept, under a name that is made of all that decides it.
        make: Makes it.
    """
    content = found(file)
    if content is None:
        content = make()
        keep(file, content)
    return content


def found(file: Path) -> bytes | None:
    """The content of a file below a cache; None when there is none, or it was damaged."""
    content = _unsealed(file)
    if content is not None:
        with suppress(OSError):
            os.utime(file)
    return content


def keep(file: Path, content: bytes) -> None:
    """Put a file into a cache.

    Its folder is one of its own, and tells Git to leave it alone: captures beside it are often
    committed. A folder that cannot be written costs time, and nothing else.
    """
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / ".gitignore").write_text(_NOT_COMMITTED, "utf-8")
        try:
            draft.write_bytes(_seal(content) + content)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)


def clean(folder: Path) -> None:
    """Remove what nobody has asked for in a month."""
    oldest = time.time() - UNUSED
    with suppress(OSError):
        for file in folder.iterdir():
            if file.name != ".gitignore" and file.is_file() and file.stat().st_mtime < oldest:
                file.unlink()


def _unsealed(file: Path) -> bytes | None:
    """What is below a seal; None when there is no such file, or it was damaged."""
    try:
        seal, content = file.read_bytes().split(b"\n", 1)
    except (OSError, ValueError):
        return None
    return content if seal + b"\n" == _seal(content) else None


def _seal(content: bytes) -> bytes:
    """A first line that tells whether what follows is still what was written."""
    return f"{hashlib.sha256(content).hexdigest()}\n".encode()
