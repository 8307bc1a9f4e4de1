"""Where the fenced blocks of a Markdown text are.

A block begins in the first column, as in Python-Markdown. What stands inside one is text, and no
block. Only a question is Markdown itself, so the blocks in it count as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

QUESTION = "question"
"""The word of a block whose body is Markdown."""

_TICKS = re.compile(r"(?P<ticks>`{3,}(?=[^`]*$)|~{3,})[ ]*(?P<info>.*)")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block.

    Attributes:
        word: What follows the ticks of its first line, up to a space; mostly a language.
        first: Index of its first line, that with the word.
        last: Index of its last line, that with nothing but ticks.
    """

    word: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """A line that may begin or end a block: index, ticks, and the word behind them."""

    line: int
    ticks: str
    word: str


def fences(lines: Sequence[str]) -> list[Fence]:
    """The fenced blocks of a text, in the order of their first lines.

    One that is never closed is none, and so are those behind it which it might have held.

    Args:
        lines: The text.
    """
    marks = [_mark(i, line) for i, line in enumerate(lines)]
    return _blocks([mark for mark in marks if mark])


def word_of(line: str) -> str:
    """The word of a line that would begin a block; empty for any other line."""
    mark = _mark(0, line)
    return mark.word if mark else ""


def _mark(i: int, line: str) -> _Mark | None:
    found = _TICKS.fullmatch(line)
    return _Mark(i, found["ticks"], f"{found['info']} ".split(" ")[0]) if found else None


def _blocks(marks: Sequence[_Mark]) -> list[Fence]:
    found: list[Fence] = []
    unclosed: list[str] = []  # ticks for which there is no end in the rest of the text
    i = 0
    while i < len(marks):
        first = marks[i]
        is_question = first.word == QUESTION
        hopeless = any(first.ticks.startswith(ticks) for ticks in unclosed)
        last = None if hopeless else _last(marks, i)
        if last is None:
            if not is_question:
                unclosed.append(first.ticks)
            i += 1
            continue
        found.append(Fence(first.word, first.line, marks[last].line))
        if is_question:
            found += _blocks(marks[i + 1 : last])
        i = last + 1
    return found


def _last(marks: Sequence[_Mark], first: int) -> int | None:
    """Index of the mark that closes a block; None where there is none."""
    ticks, within = marks[first].ticks, ""
    for i in range(first + 1, len(marks)):
        mark = marks[i]
        if not mark.word and mark.ticks.startswith(within or ticks):
            if not within:
                return i
            within = ""
        elif marks[first].word == QUESTION and not within:
            # In a question, what cannot be its end opens a block: one need not count ticks.
            within = mark.ticks
    return None
