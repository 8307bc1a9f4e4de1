"""What validation found wrong with a manifest, in words for its author and with the place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from attention_gallery.errors import (
    InputError,
    ManifestError,
    Where,
    choices,
    printable,
    quoted,
)
from attention_gallery.manifest.shape import ManifestShape
from attention_gallery.manifest.strict import WrongValueError
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


def faults_of(
    error: ValidationError,
    document: Document,
    root: type[BaseModel] = ManifestShape,
    shown: Callable[[Place], Place] = lambda place: place,
) -> list[ManifestError]:
    """All that pydantic found, without a word of pydantic's.

    Args:
        error: What it found.
        document: What was validated.
        root: The shape of its top level.
        shown: Where authors see what is at a place.
    """
    return [_fault(detail, document, root, shown) for detail in error.errors(include_url=False)]


def faults_of_values(error: ValidationError) -> list[InputError]:
    """The same of values that stand in no file: keys of an exhibit, given one by one."""
    faults = []
    for detail in error.errors(include_url=False):
        place = tuple(part for part in detail["loc"] if part not in ("[list]", "[rule]"))
        wrong = detail.get("ctx", {}).get("error")
        hint = ""
        if isinstance(wrong, WrongValueError):
            place, message, hint = (*place, *wrong.at), wrong.message, wrong.hint
        elif detail["type"] == "extra_forbidden":
            known = _shape_at(ManifestShape, ("exhibits", 0, *place[:-1])).model_fields
            message, hint = "unknown key", choices(str(place[-1]), known, "known keys")
        elif expected := _EXPECTED.get(detail["type"]):
            message = f"must be {expected}"
        else:
            message = "missing" if detail["type"] == "missing" else "is not allowed here"
        faults.append(InputError(f"{dotted(place)}: {message}", hint=hint))
    return faults


def repeated_ids(claims: Iterable[tuple[str, Where | None]]) -> list[ManifestError]:
    """A fault for each exhibit id that was claimed before, naming both places."""
    first: dict[str, Where | None] = {}
    faults = []
    for name, where in claims:
        if name in first:
            hint = f"first at {first[name]}; give one of the two another `id:`"
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


def _fault(
    detail: ErrorDetails,
    document: Document,
    root: type[BaseModel],
    shown: Callable[[Place], Place],
) -> ManifestError:
    # Where a value may have two shapes, pydantic tells which one it took.
    place = tuple(part for part in detail["loc"] if part not in ("[list]", "[rule]"))
    if detail["type"] == "extra_forbidden":
        known = _shape_at(root, place[:-1]).model_fields
        hint = choices(str(place[-1]), known, "known keys")
        message = f"{dotted(shown(place))}: unknown key"
        return ManifestError(message, document.where_key(place), hint)

    on_key = place[-1] == "[key]"
    if on_key:
        place = place[:-1]
    message, hint = _words(detail, place, document, root)
    wrong = detail.get("ctx", {}).get("error")
    if isinstance(wrong, WrongValueError):
        message, hint, place = wrong.message, wrong.hint, (*place, *wrong.at)
    nearest = document.nearest(place)
    if document.written(nearest) is not None:
        place = nearest  # a sentence written as plain text has no `text` below it
    where = document.where_key(place) if on_key else document.where(place)
    return ManifestError(f"{dotted(shown(place))}: {message}", where, hint)


def _words(
    detail: ErrorDetails, place: Place, document: Document, root: type[BaseModel]
) -> tuple[str, str]:
    """Message and hint for what is wrong at a place."""
    match detail["type"]:
        case "missing":
            field = _shape_at(root, place[:-1]).model_fields[str(place[-1])]
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


def _shape_at(root: type[BaseModel], place: Place) -> type[BaseModel]:
    """The shape of the mapping at a place below another."""
    shape, inside = root, False
    for part in place:
        if inside:  # the name or the number of one of several
            inside = False
        elif field := shape.model_fields.get(str(part)):
            shape = _shape_in(field.annotation) or shape
            inside = _is_of_several(field.annotation)
    return shape


def _shape_in(annotation: Any) -> type[BaseModel] | None:
    """The shape that a type is made of, if it is of any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_shape_in, get_args(annotation))), None)


def _is_of_several(annotation: Any) -> bool:
    """Whether a type is one of lists or mappings of shapes."""
    if get_origin(annotation) in (list, dict):
        return _shape_in(annotation) is not None
    return any(map(_is_of_several, get_args(annotation)))
