"""Blocks of Markdown pages that show exhibits: where they are, and what takes their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from attention_gallery.fences import fences
from attention_gallery.terms import BlockKind

_KINDS: dict[str, BlockKind] = {kind: kind for kind in get_args(BlockKind)}
_OPENING = re.compile(rf"(?:`{{3,}}|~{{3,}}) *(?P<word>{'|'.join(_KINDS)})(?: +(?P<rest>.*?))? *")
_FRONT_MATTER = re.compile(r"-{3}[ \t]*\n(?:.*\n)*?(?:-{3}|\.{3})[ \t]*(?:\n|$)")
_COMMENT = re.compile(r" {0,3}<!--")


@dataclass(frozen=True, slots=True)
class Found:
    """A block as it stands in a page.

    Attributes:
        kind: The word behind its ticks.
        rest: What else stands in that line; there should be nothing.
        text: What is in it.
        first: Index of the line with the word.
        last: Index of the line that closes it; None where nothing does.
    """

    kind: BlockKind
    rest: str
    text: str
    first: int
    last: int | None


def find_blocks(text: str) -> list[Found]:
    """The blocks of a page, in its order; none that stands in another block, or in a comment."""
    lines = _lines(text)
    visible = _visible(lines)
    ends = {fence.first: fence.last for fence in fences(visible)}
    inside = {i for first, last in ends.items() for i in range(first + 1, last + 1)}
    found = []
    for first, line in enumerate(visible):
        opening = _OPENING.fullmatch(line)
        if opening and (first in ends or first not in inside):
            last = ends.get(first)
            text = "\n".join(lines[first + 1 : last])
            rest = opening["rest"] or ""
            found.append(Found(_KINDS[opening["word"]], rest, text, first, last))
    return found


def replaced(text: str, found: Sequence[Found], by: Iterable[str]) -> str:
    """A page with other lines in place of its blocks, each apart from the text around it."""
    lines = _lines(text)
    for block, line in reversed([*zip(found, by, strict=True)]):
        n_lines = len(lines[block.first : block.last]) + 1
        # As many lines as before, so that what is wrong below them is told with the right line.
        lines[block.first : block.first + n_lines] = ["", line, *[""] * (n_lines - 2)]
    return "\n".join(lines)


def _lines(text: str) -> list[str]:
    """Lines as editors count them; other characters end a line for Python only."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _visible(lines: Sequence[str]) -> list[str]:
    """The lines of a page, empty where they are not Markdown that is shown."""
    visible = list(lines)
    if front := _FRONT_MATTER.match("\n".join(lines)):
        n_lines = front[0].count("\n")
        visible[:n_lines] = [""] * n_lines
    begin = 0
    while (first := _comment(visible, begin)) is not None:
        ends = (i for i in range(first, len(visible)) if "-->" in visible[i])
        last = next(ends, first)  # one that does not end is text
        begin = last + 1
        if last > first:
            visible[first:begin] = [""] * (begin - first)
    return visible


def _comment(lines: Sequence[str], begin: int) -> int | None:
    """Index of the next line that begins a comment, and does not stand in a block."""
    fenced = {i for fence in fences(lines) for i in range(fence.first, fence.last + 1)}
    found = (i for i in range(begin, len(lines)) if _COMMENT.match(lines[i]) and i not in fenced)
    return next(found, None)
