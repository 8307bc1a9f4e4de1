"""Captures, and what measures found, on disk: one file each, named by what decides it.

A file is a sealed `archive`: `captures` and `measured` say what is in it.
"""

from __future__ import annotations

import os
import re
import secrets
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from attention_gallery.errors import StoreError, printable
from attention_gallery.store import archive, captures, measured
from attention_gallery.terms import Capture, Measured

_Entry = TypeVar("_Entry", Capture, Measured)


class Store:
    """A folder of captures and of what measures found.

    Many processes may use one at the same time: a file appears whole or not at all, and what two
    of them write under one key is the same.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __contains__(self, key: str) -> bool:
        """Whether there is a file for `key`; whether it is sound, `get` finds out."""
        return self._path(key).is_file()

    def get(self, key: str) -> Capture | None:
        """Read a capture.

        Args:
            key: A request's key.

        Returns:
            None when it was never stored.

        Raises:
            StoreError: When the file is damaged or cannot be read. It is left as it is, for it may
                be the only copy; whoever can capture it again may `put` it over the damage.
        """
        return self._read(key, captures.unpack, "capture")

    def put(self, capture: Capture) -> None:
        """Write a capture, over any file of the same key.

        Raises:
            StoreError: When it cannot be written.
        """
        self._write(capture.key, partial(captures.pack, capture), "capture")

    def get_measured(self, key: str) -> Measured | None:
        """Read what a measure found; as `get`."""
        return self._read(key, measured.unpack, "measure")

    def put_measured(self, found: Measured) -> None:
        """Write what a measure found; as `put`."""
        self._write(found.key, partial(measured.pack, found), "measure")

    def _read(
        self, key: str, unpack: Callable[[zipfile.ZipFile], _Entry], noun: str
    ) -> _Entry | None:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                entry = archive.read(file, unpack)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        except archive.BROKEN as error:
            raise _damaged(path, str(error), noun) from error
        if entry.key != key:
            raise _damaged(path, f"it holds another {noun}, {printable(entry.key)}", noun)
        return entry

    def _write(self, key: str, fill: Callable[[zipfile.ZipFile], None], noun: str) -> None:
        path = self._path(key)
        # Complete under another name first. The folder itself is not synced: a crash may lose the
        # new name, which costs one more capture, but can never leave half a file under it.
        draft = path.with_name(f".{key}.{secrets.token_hex(8)}")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("x+b") as file:
                    archive.write(file, fill)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"the {noun} cannot be stored in {self.root}: {error.strerror}",
                hint="see that the folder can be written and its disk is not full",
            ) from error

    def _path(self, key: str) -> Path:
        """The file of a key.

        Raises:
            StoreError: When `key` is no key, and so might lead out of the folder.
        """
        if not re.fullmatch(r"[0-9a-f]{64}", key):
            raise StoreError(f'"{printable(key)}" is not the key of a capture')
        return self.root / f"{key}.npz"


def _damaged(path: Path, reason: str, noun: str) -> StoreError:
    return StoreError(f"{path} is damaged: {reason}", hint=f"delete it to have it {noun}d again")
