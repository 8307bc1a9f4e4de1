"""Captures on disk, one file each, named by what was captured.

A capture is a `.npz` that numpy opens without pickle: ``capture.json`` says what it is,
``<kind>/<layer>`` is an array ``[head, query, key]``, float32, and ``image.png`` is what the model
saw, where it saw something. Its last 64 bytes, which the zip
format leaves to comments, are the SHA-256 of all bytes before them, so that no damage goes unseen.

Weights stay float32: halved they would be off by 0.0002 before a chart has packed them, and they
are what readers download.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import re
import secrets
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import StoreError, printable
from attention_gallery.terms import Attention, AttentionKind, Capture, Provenance, Token

_FORMAT = 1
_SUMMARY = "capture.json"
_IMAGE = "image.png"
_SEAL = 64  # bytes of a SHA-256 in hex digits


class Store:
    """A folder of captures.

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
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        try:
            capture = _unpack(content)
        except (ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise _damaged(path, str(error)) from error
        if capture.key != key:
            raise _damaged(path, f"it holds another capture, {printable(capture.key)}")
        return capture

    def put(self, capture: Capture) -> None:
        """Write a capture, over any file of the same key.

        Raises:
            StoreError: When it cannot be written.
        """
        path = self._path(capture.key)
        # Complete under another name first. The folder itself is not synced: a crash may lose the
        # new name, which costs one more capture, but can never leave half a file under it.
        draft = path.with_name(f".{capture.key}.{secrets.token_hex(8)}")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("xb") as file:
                    file.write(_pack(capture))
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"the capture cannot be stored in {self.root}: {error.strerror}",
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


def _damaged(path: Path, reason: str) -> StoreError:
    return StoreError(f"{path} is damaged: {reason}", hint="delete it to have it captured again")


def _pack(capture: Capture) -> bytes:
    """The file of a capture. The same capture always gives the same bytes."""
    summary = {
        "format": _FORMAT,
        "key": capture.key,
        "provenance": dataclasses.asdict(capture.provenance),
        "attentions": {
            kind: {
                "queries": [_fields(token) for token in attention.queries],
                "keys": [_fields(token) for token in attention.keys],
                "layers": attention.n_layers,
                "causal": attention.causal,
            }
            for kind, attention in capture.attentions.items()
        },
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b" " * _SEAL
        _add(archive, _SUMMARY, json.dumps(summary, ensure_ascii=False, indent=1).encode())
        for kind, attention in capture.attentions.items():
            for number, layer in enumerate(attention.layers):
                array = io.BytesIO()
                np.lib.format.write_array(array, layer, allow_pickle=False)
                _add(archive, f"{kind}/{number}.npy", array.getvalue())
        if capture.image:
            _add(archive, _IMAGE, capture.image)
    body = buffer.getvalue()[:-_SEAL]
    return body + hashlib.sha256(body).hexdigest().encode()


def _fields(token: Token) -> list[Any]:
    """A token as JSON has it; most are words, and have no patch to tell of."""
    fields = [token.text, token.special, token.id]
    return [*fields, token.patch] if token.patch else fields


def _token(text: str, special: bool, id_: int, patch: Sequence[int] | None = None) -> Token:
    """The token of `_fields`."""
    if patch is None:
        return Token(text, special, id_)
    row, column = patch
    return Token(text, special, id_, (row, column))


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # A ZipInfo of its own has a fixed date, where writestr(name) would take the time of day.
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _unpack(content: bytes) -> Capture:
    """The capture of a file.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile: When it is not as
            `_pack` left it.
    """
    body, seal = content[:-_SEAL], content[-_SEAL:]
    if hashlib.sha256(body).hexdigest().encode() != seal:
        raise ValueError("its checksum does not match")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        summary = json.loads(archive.read(_SUMMARY))
        if summary["format"] != _FORMAT:
            raise ValueError(f"it is of format {summary['format']}, not {_FORMAT}")
        return Capture(
            summary["key"],
            {
                kind: _attention(archive, kind, entry)
                for kind, entry in summary["attentions"].items()
            },
            Provenance(**summary["provenance"]),
            archive.read(_IMAGE) if _IMAGE in archive.namelist() else b"",
        )


def _attention(archive: zipfile.ZipFile, kind: AttentionKind, entry: dict[str, Any]) -> Attention:
    def layer(number: int) -> NDArray[np.float32]:
        member = io.BytesIO(archive.read(f"{kind}/{number}.npy"))
        array: NDArray[np.float32] = np.lib.format.read_array(member, allow_pickle=False)
        return array

    return Attention(
        kind,
        queries=tuple(_token(*fields) for fields in entry["queries"]),
        keys=tuple(_token(*fields) for fields in entry["keys"]),
        layers=tuple(layer(number) for number in range(entry["layers"])),
        causal=entry["causal"],
    )
