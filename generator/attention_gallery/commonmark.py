"""What pages teach, for generators that know nothing of our extensions of Markdown.

A question becomes a ``<details>`` with the Markdown of its answer in it, and a link to the glossary
an abbreviation, whose title is the definition. Code shows what it showed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attention_gallery.errors import InputError, Where
from attention_gallery.fences import fences
from attention_gallery.glossary import SCHEME, definition
from attention_gallery.questions import tags_of
from attention_gallery.templates import markdown_text

# Code and what is escaped come first, for a link in them is none.
_LINK = re.compile(
    r"(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)|\\."
    rf"|(?<!!)\[(?P<text>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]\(\s*<?{SCHEME}(?P<term>[^\s()<>]*)>?"
    r"(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)",
    re.DOTALL,
)
_ITEM = re.compile(r" {0,3}(?:[-+*]|\d{1,9}[.)])[ \t]")


def commonmark(text: str, page: str) -> str:
    """A page without blocks and links that only our extensions understand.

    Args:
        text: Its Markdown.
        page: Its path, which faults are told with.

    Raises:
        InputError: A question that is not whole, or a term that is not in the glossary.
    """
    lines = text.split("\n")
    try:
        tags = tags_of(lines)
        lines = _without_links(lines)
    except InputError as fault:
        line = fault.where.line if fault.where else 0
        raise InputError(fault.message, Where(page, line), fault.hint) from None
    parts = (_apart(tags[i]) if i in tags else [line] for i, line in enumerate(lines))
    return "\n".join(part for each in parts for part in each)


def _apart(tags: str) -> list[str]:
    """Tags with Markdown around them: of CommonMark's blocks, and of Python-Markdown's."""
    return ["", *re.sub(r"<(div|details)\b", r'<\1 markdown="1"', tags).split("\n"), ""]


def _without_links(lines: Sequence[str]) -> list[str]:
    """Lines with abbreviations in place of links to the glossary.

    Raises:
        InputError: A term is not in the glossary.
    """
    found: list[str] = []
    code = _code(lines)
    first = 0
    while first < len(lines):
        last = first + 1
        # A link, like code within a line, may go on in the next line of its paragraph.
        while last < len(lines) and not {first, last} & code and lines[last].strip():
            last += 1
        paragraph = "\n".join(lines[first:last])
        if first not in code:
            paragraph = _abbreviated(paragraph, first + 1)
        found += paragraph.split("\n")
        first = last
    return found


def _abbreviated(paragraph: str, line: int) -> str:
    def abbreviation(match: re.Match[str]) -> str:
        if match["term"] is None:
            return match[0]
        where = Where("page", line + paragraph.count("\n", 0, match.start("term")))
        title = markdown_text(definition(match["term"], where))
        # As many lines as before.
        rest = match[0][match.end("text") - match.start() :].count("\n")
        return f'<abbr title="{title}">{match["text"]}</abbr>' + "\n" * rest

    return _LINK.sub(abbreviation, paragraph)


def _code(lines: Sequence[str]) -> set[int]:
    """Indices of lines that are shown as they are, and of those that begin or end such."""
    code = set()
    for fence in fences([line.lstrip() for line in lines]):
        ends = {fence.first, fence.last}
        code |= ends if fence.word == "question" else set(range(fence.first, fence.last + 1))
    after_blank, in_list = True, False
    for i, line in enumerate(lines):
        indented = line.startswith(("    ", "\t"))
        if line.strip() and not indented and i not in code:
            in_list = bool(_ITEM.match(line)) or (in_list and line.startswith(" "))
        if indented and not in_list and (after_blank or i - 1 in code):
            code.add(i)
        after_blank = not line.strip()
    return code
