"""Captures on disk, one file each, named by what was captured.

A capture is a `.npz` that numpy opens without pickle: ``capture.json`` says what it is,
``<kind>/<layer>`` holds a layer's weights in sixteen bits, as `codes` makes them, ``<kind>/<part>/
<layer>`` what weights are made of, and ``<kind>/predictions/`` what the model held likely to come
next, where these were asked for, and ``image.png`` is what the model saw, where it saw something.
Its last 64 bytes, which the zip format leaves to comments, are the SHA-256 of all bytes before
them, so that no damage goes unseen.
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from attention_gallery.codes import Layers
from attention_gallery.errors import StoreError, printable
from attention_gallery.terms import (
    Attention,
    AttentionKind,
    Capture,
    Predictions,
    Provenance,
    Token,
)

_FORMAT = 2
_SUMMARY = "capture.json"
_IMAGE = "image.png"
_SEAL = 64  # bytes of a SHA-256 in hex digits
_OF_LAYERS = ("kv_heads", "windows")  # most models have nothing to tell of either
_NUMBERS = ("probabilities", "surprisals")  # of predictions; the rest of them is tokens


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
            with path.open("rb") as file:
                capture = _unpack(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
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
                with draft.open("x+b") as file:
                    _pack(capture, file)
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


def _pack(capture: Capture, file: BinaryIO) -> None:
    """Write the file of a capture. The same capture always gives the same bytes."""
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
                **(
                    {"parts": [*attention.parts], "scales": attention.scales}
                    if attention.parts
                    else {}
                ),
                **({"predictions": _words(attention.predictions)} if attention.predictions else {}),
                **{name: facts for name in _OF_LAYERS if (facts := getattr(attention, name))},
            }
            for kind, attention in capture.attentions.items()
        },
    }
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = b" " * _SEAL
        _add(archive, _SUMMARY, json.dumps(summary, ensure_ascii=False, indent=1).encode())
        for kind, attention in capture.attentions.items():
            for number, codes in enumerate(attention.layers.codes):
                _add_array(archive, f"{kind}/{number}", codes)
            for part, layers in attention.parts.items():
                for number, layer in enumerate(layers):
                    _add_array(archive, f"{kind}/{part}/{number}", layer)
            if attention.predictions:
                for name in _NUMBERS:
                    array = getattr(attention.predictions, name)
                    _add_array(archive, f"{kind}/predictions/{name}", array)
        if capture.image:
            _add(archive, _IMAGE, capture.image)
    seal = _checksum(file)
    file.seek(-_SEAL, os.SEEK_END)
    file.write(seal)


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


def _add_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    _add(archive, f"{name}.npy", buffer.getvalue())


_OPTIONAL = {
    field.name: field.default
    for field in dataclasses.fields(Token)
    if field.name not in ("text", "special", "id")
}


def _fields(token: Token) -> list[Any]:
    """A token as JSON has it: what all tokens have, and by name what is particular to this one."""
    own = {name: getattr(token, name) for name in _OPTIONAL}
    own = {name: value for name, value in own.items() if value != _OPTIONAL[name]}
    return [token.text, token.special, token.id, *([own] if own else [])]


def _token(text: str, special: bool, id_: int, own: Mapping[str, Any] | None = None) -> Token:
    """The token of `_fields`."""
    # JSON has lists where Python has tuples.
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in (own or {}).items()
    }
    return Token(text, special, id_, **fields)


def _words(predictions: Predictions) -> dict[str, Any]:
    """The tokens of predictions as JSON has them."""
    return {
        "likeliest": [[_fields(token) for token in row] for row in predictions.likeliest],
        "follows": [token and _fields(token) for token in predictions.follows],
    }


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # A ZipInfo of its own has a fixed date, where writestr(name) would take the time of day.
    # Codes are nearly noise: what the best level saves beyond the fastest is one percent, and takes
    # longer than the model.
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, compresslevel=1)


def _unpack(file: BinaryIO) -> Capture:
    """The capture of a file.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile: When it is not as
            `_pack` left it.
    """
    checksum = _checksum(file)
    if checksum != file.read():
        raise ValueError("its checksum does not match")
    with zipfile.ZipFile(file) as archive:
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
    def array(name: str) -> NDArray[Any]:
        member = io.BytesIO(archive.read(f"{name}.npy"))
        found: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return found

    def arrays(folder: str) -> Iterator[NDArray[Any]]:
        return (array(f"{folder}/{number}") for number in range(entry["layers"]))

    words = entry.get("predictions")
    return Attention(
        kind,
        queries=tuple(_token(*fields) for fields in entry["queries"]),
        keys=tuple(_token(*fields) for fields in entry["keys"]),
        layers=Layers(arrays(kind)),
        causal=entry["causal"],
        parts={part: tuple(arrays(f"{kind}/{part}")) for part in entry.get("parts", ())},
        scales=tuple(entry.get("scales", ())),
        predictions=words
        and Predictions(
            likeliest=tuple(tuple(_token(*fields) for fields in row) for row in words["likeliest"]),
            follows=tuple(fields and _token(*fields) for fields in words["follows"]),
            **{name: array(f"{kind}/predictions/{name}") for name in _NUMBERS},
        ),
        **{name: tuple(entry.get(name, ())) for name in _OF_LAYERS},
    )
