"""What a measure found as the content of an archive, and back.

``measure.json`` says what it is, and holds its facts; each array stands under its own name.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile

from attention_gallery.store.archive import add, add_array, read_array
from attention_gallery.terms import Measured, Provenance

_FORMAT = 1
_SUMMARY = "measure.json"


def pack(measured: Measured, archive: zipfile.ZipFile) -> None:
    """Add all of it to its archive."""
    summary = {
        "format": _FORMAT,
        "key": measured.key,
        "measure": measured.measure,
        "arrays": list(measured.arrays),
        "facts": measured.facts,
        "provenance": dataclasses.asdict(measured.provenance),
    }
    add(archive, _SUMMARY, json.dumps(summary, ensure_ascii=False, indent=1).encode())
    for name, array in measured.arrays.items():
        add_array(archive, name, array)


def unpack(archive: zipfile.ZipFile) -> Measured:
    """What was found.

    Raises:
        Exception: One of `archive.BROKEN`, when it is not as `pack` left it.
    """
    summary = json.loads(archive.read(_SUMMARY))
    if summary["format"] != _FORMAT:
        raise ValueError(f"it is of format {summary['format']}, not {_FORMAT}")
    return Measured(
        summary["key"],
        summary["measure"],
        {name: read_array(archive, name) for name in summary["arrays"]},
        summary["facts"],
        Provenance(**summary["provenance"]),
    )
