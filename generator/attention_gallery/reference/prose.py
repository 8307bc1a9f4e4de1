"""Docstrings and descriptions as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields|Source):(.*)$")


def heading(level: int, title: str, anchor: str) -> str:
    """A heading with an address of its own, which stays when the title changes."""
    return f"{'#' * level} {title} {{ #{anchor} }}"


def code(text: str) -> str:
    """Text to be typed as it is."""
    return f"`{text}`"


def listed(words: Iterable[str], last: str = "or") -> str:
    """Words in a row: ``a, b or c``."""
    *firsts, final = words
    return f"{', '.join(firsts)} {last} {final}" if firsts else final


def markdown(text: str) -> str:
    """What docstrings and descriptions hold, with code and emphasis for all there is of markup."""
    text = re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)
    pieces = re.split(r"(`[^`]+`)", text)
    pieces[::2] = [
        re.sub(r"([_\[\]])", r"\\\1", piece).replace("<", "&lt;") for piece in pieces[::2]
    ]
    return "".join(pieces)


def sections(docstring: str | None) -> dict[str, str]:
    """A docstring by its sections; what is in none is under the empty name."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in inspect.cleandoc(docstring or "").splitlines():
        if begins := _SECTION.match(line):
            name = begins[1]
            found.setdefault(name, []).append(begins[2].strip())
        elif line and not line.startswith(" ") and not (name == "Source" and found[name][-1]):
            name = ""
            found[name].append(line)
        else:
            found[name].append(line)
    return {name: inspect.cleandoc("\n".join(lines)).strip() for name, lines in found.items()}


def attributes(docstring: str | None) -> dict[str, str]:
    """What a docstring says of each attribute of its class, in one line each."""
    told: dict[str, str] = {}
    name = ""
    for line in sections(docstring).get("Attributes", "").splitlines():
        if begins := re.match(r"^(\w+): (.*)$", line):
            name = begins[1]
            told[name] = begins[2]
        elif name and line.strip():
            told[name] += f" {line.strip()}"
    return told
