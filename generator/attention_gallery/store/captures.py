"""A capture as the content of an archive, and back.

``capture.json`` says what it is, ``<kind>/<layer>`` holds a layer's weights in sixteen bits, as
`codes` makes them, ``<kind>/<part>/<layer>`` what weights are made of, and ``<kind>/predictions/``
what the model held likely to come next, where these were asked for, and ``image.png`` is what the
model saw, where it saw something.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from attention_gallery.codes import Layers
from attention_gallery.store.archive import add, add_array, read_array
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
_OF_LAYERS = ("kv_heads", "windows")  # most models have nothing to tell of either
_NUMBERS = ("probabilities", "surprisals")  # of predictions; the rest of them is tokens


def pack(capture: Capture, archive: zipfile.ZipFile) -> None:
    """Add all of a capture to its archive."""
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
    add(archive, _SUMMARY, json.dumps(summary, ensure_ascii=False, indent=1).encode())
    for kind, attention in capture.attentions.items():
        for number, codes in enumerate(attention.layers.codes):
            add_array(archive, f"{kind}/{number}", codes)
        for part, layers in attention.parts.items():
            for number, layer in enumerate(layers):
                add_array(archive, f"{kind}/{part}/{number}", layer)
        if attention.predictions:
            for name in _NUMBERS:
                array = getattr(attention.predictions, name)
                add_array(archive, f"{kind}/predictions/{name}", array)
    if capture.image:
        add(archive, _IMAGE, capture.image)


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


def unpack(archive: zipfile.ZipFile) -> Capture:
    """The capture of an archive.

    Raises:
        Exception: One of `archive.BROKEN`, when it is not as `pack` left it.
    """
    summary = json.loads(archive.read(_SUMMARY))
    if summary["format"] != _FORMAT:
        raise ValueError(f"it is of format {summary['format']}, not {_FORMAT}")
    return Capture(
        summary["key"],
        {kind: _attention(archive, kind, entry) for kind, entry in summary["attentions"].items()},
        Provenance(**summary["provenance"]),
        archive.read(_IMAGE) if _IMAGE in archive.namelist() else b"",
    )


def _attention(archive: zipfile.ZipFile, kind: AttentionKind, entry: dict[str, Any]) -> Attention:
    def arrays(folder: str) -> Iterator[NDArray[Any]]:
        return (read_array(archive, f"{folder}/{number}") for number in range(entry["layers"]))

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
            **{name: read_array(archive, f"{kind}/predictions/{name}") for name in _NUMBERS},
        ),
        **{name: tuple(entry.get(name, ())) for name in _OF_LAYERS},
    )
