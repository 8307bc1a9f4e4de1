"""What validation found wrong with a manifest, in words for its author and with the place."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from attention_gallery.errors import ManifestError, Where, choices, printable, quoted
from attention_gallery.manifest.exhibit_shape import (
    AgainstShape,
    AskShape,
    ExhibitShape,
    StartShape,
)
from attention_gallery.manifest.shape import ManifestShape, ModelShape, SentenceShape, TurnShape
from attention_gallery.manifest.strict import WrongValueError
from attention_gallery.manifest.values import HeadRuleShape
from attention_gallery.manifest.yaml_source import Document, Place

_EXPECTED = {
    "string_type": "text",
    "literal_error": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def faults_of(error: ValidationError, document: Document) -> list[ManifestError]:
    """All that pydantic found, without a word of pydantic's."""
    return [_fault(detail, document) for detail in error.errors(include_url=False)]


def repeated_ids(claims: Iterable[tuple[str, Where | None]]) -> list[ManifestError]:
    """A fault for each exhibit id that was claimed before, naming both places."""
    first: dict[str, Where | None] = {}
    faults = []
    for name, where in claims:
        if name in first:
            hint = f"first at {first[name]}"
            faults.append(ManifestError(f"the id {quoted(name)} is taken", where, hint))
        first.setdefault(name, where)
    return faults


def dotted(place: Place) -> str:
    """A place as authors read it: ``exhibits[1].heads``."""
    path = ""
    for part in place:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            name = printable(part) if re.fullmatch(r"[\w-]+", part) else quoted(part)
            path += f".{name}" if path else name
    return path


def _fault(detail: ErrorDetails, document: Document) -> ManifestError:
    # Where a value may have two shapes, pydantic tells which one it took.
    place = tuple(part for part in detail["loc"] if part not in ("[list]", "[rule]"))
    if detail["type"] == "extra_forbidden":
        hint = choices(str(place[-1]), _shape_at(place[:-1]).model_fields, "known keys")
        return ManifestError(f"{dotted(place)}: unknown key", document.where_key(place), hint)

    on_key = place[-1] == "[key]"
    if on_key:
        place = place[:-1]
    message, hint = _words(detail, place, document)
    wrong = detail.get("ctx", {}).get("error")
    if isinstance(wrong, WrongValueError):
        message, hint, place = wrong.message, wrong.hint, (*place, *wrong.at)
    nearest = document.nearest(place)
    if document.written(nearest) is not None:
        place = nearest  # a sentence written as plain text has no `text` below it
    where = document.where_key(place) if on_key else document.where(place)
    return ManifestError(f"{dotted(place)}: {message}", where, hint)


def _words(detail: ErrorDetails, place: Place, document: Document) -> tuple[str, str]:
    """Message and hint for what is wrong at a place."""
    match detail["type"]:
        case "missing":
            field = _shape_at(place[:-1]).model_fields[str(place[-1])]
            means = (field.description or "").removesuffix(".")
            return "missing", means[:1].lower() + means[1:]
        case "too_short":
            return "is empty", "name at least one"
        case "greater_than_equal":
            return "is negative", "write 0 or more"
        case "less_than_equal":
            return "is larger than any sentence", "tokens are counted from 0"
        case kind if kind in _EXPECTED:
            return _wrong_type(_EXPECTED[kind], document.nearest(place), document)
        case _:
            return "is not allowed here", ""


def _wrong_type(expected: str, place: Place, document: Document) -> tuple[str, str]:
    found, written = document.described(place), document.written(place)
    if found == "nothing":
        return "has no value", f"write {expected} after it"
    if expected == "text" and written is not None:
        message = f"must be text, and YAML reads {printable(written)} as {found}"
        return message, f"write it in quotes: {quoted(written)}"
    hint = f"write [{printable(written)}]" if expected == "a list" and written else ""
    return f"must be {expected}, not {found}", hint


def _shape_at(place: Place) -> type[BaseModel]:
    """The shape of the mapping at a place."""
    match place:
        case ("models", _):
            return ModelShape
        case ("sentences", _):
            return SentenceShape
        case ("sentences", _, "chat", _):
            return TurnShape
        case ("exhibits", _):
            return ExhibitShape
        case ("exhibits", _, "start"):
            return StartShape
        case ("exhibits", _, "against"):
            return AgainstShape
        case ("exhibits", _, "ask"):
            return AskShape
        case ("exhibits", _, "heads"):
            return HeadRuleShape
        case _:
            return ManifestShape
