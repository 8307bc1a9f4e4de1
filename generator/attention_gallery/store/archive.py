"""Sealed archives: `.npz` files that numpy opens without pickle, whose damage does not go unseen.

Their last 64 bytes, which the zip format leaves to comments, are the SHA-256 of all bytes before
them. The same content always makes the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

_Content = TypeVar("_Content")

_SEAL = 64  # bytes of a SHA-256 in hex digits

BROKEN = (ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile)
"""What reading raises of a file that is not as it was left."""


def write(file: BinaryIO, fill: Callable[[zipfile.ZipFile], None]) -> None:
    """Write an archive and seal it.

    Args:
        file: Open for writing and reading, and empty.
        fill: Adds what the archive holds.
    """
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = b" " * _SEAL
        fill(archive)
    seal = _checksum(file)
    file.seek(-_SEAL, os.SEEK_END)
    file.write(seal)


def read(file: BinaryIO, content: Callable[[zipfile.ZipFile], _Content]) -> _Content:
    """Read an archive whose seal is whole.

    Args:
        file: Open for reading.
        content: Takes what the archive holds.

    Raises:
        Exception: One of `BROKEN`, when it is not as it was left.
    """
    checksum = _checksum(file)
    if checksum != file.read():
        raise ValueError("its checksum does not match")
    with zipfile.ZipFile(file) as archive:
        return content(archive)


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file."""
    # A ZipInfo of its own has a fixed date, where writestr(name) would take the time of day.
    # Codes are nearly noise: what the best level saves beyond the fastest is one percent, and takes
    # longer than the model.
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, compresslevel=1)


def add_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    """Add an array under a name that numpy finds it by."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    add(archive, f"{name}.npy", buffer.getvalue())


def read_array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """The array of a name."""
    member = io.BytesIO(archive.read(f"{name}.npy"))
    found: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
    return found


def _checksum(file: BinaryIO) -> bytes:
    """The seal of a file's bytes before its seal, in hex digits."""
    left = file.seek(0, os.SEEK_END) - _SEAL
    file.seek(0)
    digest = hashlib.sha256()
    while left > 0:
        content = file.read(min(left, 1 << 20))
        digest.update(content)
        left -= len(content)
    return digest.hexdigest().encode()
