"""Words of a text, found as an author names them."""

from __future__ import annotations

import re
import unicodedata

from attention_gallery.errors import InputError, Where, choices, printable, quoted

_OCCURRENCE = re.compile(r"(.+) \(([1-9][0-9]{0,3})\)", re.DOTALL)


def find(word: str, text: str, where: Where) -> tuple[int, int]:
    """Where a word stands in a text.

    Raises:
        InputError: When it does not, or it is not clear which of several is meant.
    """
    if not word.strip():
        raise InputError("the word is empty", where, "write a word of the text")
    found, which = _places(word, text), None
    if not found and (numbered := _OCCURRENCE.fullmatch(word)):
        word, which = numbered[1], int(numbered[2])
        found = _places(word, text)
    if not found:
        hint = choices(word, dict.fromkeys(re.findall(r"\w+", text)), "its words are")
        raise InputError(f"{quoted(word)} is not in {quoted(text)}", where, hint)
    if which is None and len(found) > 1:
        hint = f"write {printable(word)} (1) for the first of them, and so on"
        raise InputError(f"{quoted(word)} is {len(found)} times in {quoted(text)}", where, hint)
    if which is not None and which > len(found):
        times = "once" if len(found) == 1 else f"{len(found)} times"
        message = f"there is no {quoted(word)} number {which} in {quoted(text)}"
        raise InputError(message, where, f"it is there {times}")
    return found[(which or 1) - 1]


def _places(word: str, text: str) -> list[tuple[int, int]]:
    """Where a word stands by itself, and not as a part of a longer one."""
    spans = [match.span() for match in re.finditer(re.escape(word), text)]
    return [
        (start, end)
        for start, end in spans
        if not _joined(text[max(0, start - 1) : start + 1]) and not _joined(text[end - 1 : end + 1])
    ]


def _joined(pair: str) -> bool:
    """Whether two neighbouring characters are of one word, in scripts that part words by spaces."""
    return len(pair) == 2 and all(
        unicodedata.category(char)[0] in "LMN" and unicodedata.east_asian_width(char) not in "WF"
        for char in pair
    )
