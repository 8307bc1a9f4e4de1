"""What a block of a Markdown page says: which exhibit it shows, its own or that of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo

from attention_gallery.errors import (
    FaultsError,
    GalleryError,
    ManifestError,
    Where,
    choices,
    quoted,
    raise_faults,
)
from attention_gallery.manifest.exhibit_shape import ExhibitShape
from attention_gallery.manifest.faults import dotted, faults_of
from attention_gallery.manifest.inline import ELSEWHERE, Shelf, inline_exhibit
from attention_gallery.manifest.strict import Known, Shape, WrongValueError
from attention_gallery.manifest.values import Once, ViewName
from attention_gallery.manifest.yaml_source import Document
from attention_gallery.terms import Exhibit

REFERENCE = "exhibit"
"""The key of a block that names an exhibit; an id alone is its value."""

_OF_INLINE = {"model", "models", "sentence", "sentences"}


def _exhibit(name: str, info: ValidationInfo[Known]) -> str:
    known = info.context.exhibits
    if name not in known:
        raise WrongValueError(f"unknown exhibit {quoted(name)}", choices(name, known, "exhibits"))
    return name


class ReferenceShape(Shape):
    """A block that shows an exhibit of a manifest."""

    exhibit: Annotated[str, AfterValidator(_exhibit)] = Field(
        description="The id of an exhibit; or leave it out, and write model: and sentence:."
    )
    views: Annotated[list[ViewName], Once, Field(min_length=1)] = Field(
        default_factory=list,
        description="Which views to show, in this order. By default those of the exhibit.",
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What a block says.

    Attributes:
        exhibit: The exhibit it shows.
        inline: Whether that is its own.
        views: The views it shows of an exhibit of a manifest; empty for those of the exhibit.
        wheres: Where each of these is named.
        asked: What it says besides, in the shape of its kind.
        asked_at: Where it says each part of that, by key.
    """

    exhibit: Exhibit
    inline: bool
    views: tuple[str, ...] = ()
    wheres: tuple[Where, ...] = ()
    asked: Any = None
    asked_at: Mapping[str, Where] = field(default_factory=dict)


def read_said(
    document: Document,
    shelf: Shelf,
    base: Path,
    default_id: str,
    own: type[Shape] | None = None,
) -> Said:
    """Read and check what a block says.

    Args:
        document: The block.
        shelf: What it may refer to.
        base: Where relative paths start from.
        default_id: The id of an exhibit of its own, unless it has one.
        own: The shape of what a block of its kind says besides; such a block shows no charts.

    Raises:
        ManifestError: The only fault.
        FaultsError: All faults, when there are several.
    """
    faults: list[GalleryError] = list(document.faults)
    asked, rest = None, dict(document.data)
    is_inline = REFERENCE not in rest and not rest.keys().isdisjoint(_OF_INLINE)
    mine = {key: rest.pop(key) for key in own.model_fields if key in rest} if own else {}
    if own:
        try:
            asked = own.model_validate(mine)
        except ValidationError as error:
            faults += faults_of(error, document, own)
        if "views" in rest:
            del rest["views"]
            hint = "write a block attention for them, before or after"
            where = document.where_key(("views",))
            faults.append(ManifestError("views: this block shows no charts", where, hint))
    shape: type[Shape] = ExhibitShape if is_inline else ReferenceShape
    for key in rest.keys() - shape.model_fields.keys():
        del rest[key]
        faults.append(_unknown_key(key, document, shape, own))
    try:
        if is_inline:
            said = Said(inline_exhibit(rest, document, shelf, base, default_id), True)
        else:
            said = _reference(rest, document, shelf, base)
    except FaultsError as fault:
        raise_faults([*faults, *fault.faults])
        raise
    except GalleryError as fault:
        raise_faults([*faults, fault])
        raise
    raise_faults(faults)
    return replace(said, asked=asked, asked_at={key: document.where((key,)) for key in mine})


def _unknown_key(
    key: str, document: Document, shape: type[Shape], own: type[Shape] | None
) -> ManifestError:
    """What is told of a key that no block of this kind has."""
    elsewhere = {*ELSEWHERE, *(["views"] if own else [])}
    known = [key for key in shape.model_fields if key not in elsewhere]
    known += [key for key in (own.model_fields if own else ()) if key not in known]
    message, where = f"{dotted((key,))}: unknown key", document.where_key((key,))
    return ManifestError(message, where, choices(key, known, "known keys"))


def _reference(rest: Mapping[str, Any], document: Document, shelf: Shelf, base: Path) -> Said:
    """What a block says that names an exhibit.

    Raises:
        GalleryError: Its faults.
    """
    try:
        shape = ReferenceShape.model_validate(rest, context=Known(base, {}, (), shelf.exhibits))
    except ValidationError as error:
        raise_faults(faults_of(error, document, ReferenceShape))
        raise
    wheres = tuple(document.where(("views", i)) for i in range(len(shape.views)))
    return Said(shelf.exhibits[shape.exhibit], False, tuple(shape.views), wheres)
