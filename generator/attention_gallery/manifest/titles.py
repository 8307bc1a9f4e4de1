"""Texts of any length and shape, made to fit a heading."""

from __future__ import annotations

_LONGEST = 60


def one_line(text: str) -> str:
    """A text without line breaks and repeated spaces."""
    return " ".join(text.split())


def shortened(text: str) -> str:
    """A text in one line that is not too long for a heading."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1].rstrip() + "…"
