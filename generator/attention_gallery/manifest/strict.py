"""What all of validation shares: strictness, what exhibits may refer to, how a fault is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """No key but the known ones, and no guessing what a value of another type may mean."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        model_title_generator=lambda shape: shape.__name__.removesuffix("Shape"),
    )


class WrongValueError(ValueError):
    """What is wrong with a value, in the words an author will read.

    Attributes:
        message: What is wrong.
        hint: What would be right.
        at: The way from the value down to the culprit inside it.
    """

    def __init__(self, message: str, hint: str = "", at: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.hint, self.at = message, hint, at


@dataclass(frozen=True, slots=True)
class Known:
    """What exhibits may refer to: the context of validation.

    Attributes:
        base: The manifest's folder.
        models: Folder of each model the manifest names; None where it is not on this machine.
        sentences: Names of the manifest's sentences.
        exhibits: Ids of exhibits, for what may refer to one.
    """

    base: Path
    models: Mapping[str, Path | None]
    sentences: Collection[str]
    exhibits: Collection[str] = ()
