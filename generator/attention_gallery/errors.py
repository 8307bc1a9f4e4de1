"""What can go wrong, said once and clearly.

Every error carries where it was seen and what would be right; `cli` turns them into exit codes.
Tracebacks are for our own bugs only.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file an author wrote.

    Attributes:
        file: Path as the author would type it.
        line: 1-based line, or 0 for the file as a whole.
        column: 1-based column, or 0 for the line as a whole.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


class GalleryError(Exception):
    """The root of all errors this package raises on purpose.

    Attributes:
        message: What is wrong, in one sentence, without the place.
        where: The place, where one is known.
        hint: What would be right: the legal choices, or the next step.
    """

    exit_code = 1

    def __init__(self, message: str, where: Where | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f"; {self.hint}" if self.hint else "")


class InputError(GalleryError):
    """Something the author wrote cannot be right. The build has not touched anything."""

    exit_code = 2


class ManifestError(InputError):
    """One fault of a manifest."""


class FaultsError(GalleryError):
    """Several faults, collected and raised once so that an author can mend them in one go.

    Attributes:
        faults: Sorted by place.
        exit_code: That of bad input when all of them are.
    """

    def __init__(self, faults: Sequence[GalleryError]) -> None:
        self.faults = tuple(
            sorted(
                faults,
                key=lambda f: astuple(f.where) if f.where else ("", 0, 0),
            )
        )
        super().__init__("\n".join(str(fault) for fault in self.faults))
        self.exit_code = min(fault.exit_code for fault in self.faults)

    def __reduce__(self) -> tuple[type[FaultsError], tuple[tuple[GalleryError, ...]]]:
        return FaultsError, (self.faults,)  # on its way from a process that draws


class ModelError(InputError):
    """A model or tokenizer that cannot be loaded, or does not fit the sentence."""


class CaptureError(GalleryError):
    """Attention that could not be had from a model, or that failed its own check."""


class StoreError(GalleryError):
    """A stored capture that is damaged, or a store that cannot be written."""


class SiteError(GalleryError):
    """The site could not be assembled or written."""


def raise_faults(faults: Sequence[GalleryError]) -> None:
    """Raise what was collected, if anything was.

    Raises:
        GalleryError: The only fault.
        FaultsError: All faults, when there are several.
    """
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise FaultsError(faults)


def printable(text: str, limit: int = 60) -> str:
    """What an author wrote, safe to print in one line of any terminal.

    Control characters, marks that turn the direction of a line, and lone surrogates are escaped;
    what lies beyond `limit` characters is left out.
    """
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in shown
    )


def quoted(text: str) -> str:
    """What an author wrote, printable and in double quotes."""
    return f'"{printable(text)}"'


def listing(legal: Iterable[str], label: str = "known") -> str:
    """A hint: the legal words, the first twenty of them."""
    words = list(legal)
    listed = ", ".join(printable(word) for word in words[:20]) or "none"
    more = f" and {len(words) - 20} more" if len(words) > 20 else ""
    return f"{label}: {listed}{more}"


def choices(wrong: str, legal: Iterable[str], label: str = "known") -> str:
    """A hint: the one legal word that `wrong` nearly is, or else all legal words."""
    words = list(legal)
    if near := difflib.get_close_matches(wrong[:100], words, n=1):
        return f"did you mean {quoted(near[0])}?"
    return listing(words, label)


def as_bytes(size: float) -> str:
    """Bytes as people say them, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if round(size) < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
