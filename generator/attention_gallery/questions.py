"""A question with a hidden answer, as an extension of Python-Markdown.

    ```question
    Which head looks at the *first* token?
    ---
    L0 H3: see its row.
    ```

Question and answer are Markdown of the page itself: only the tags around them are put in, so that
all extensions, footnotes and references of the page work in them. The answer is a native
``<details>``: it opens without a script, and on paper it is open.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from markdown import Markdown
from markdown.preprocessors import Preprocessor

from attention_gallery.errors import InputError, Where
from attention_gallery.fences import QUESTION, Fence, fences, word_of
from attention_gallery.language import _
from attention_gallery.teaching import TeachingExtension

_SEPARATOR = re.compile(r"-{3,}[ ]*")


class QuestionsExtension(TeachingExtension):
    """The extension; see its base for what can be configured."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Have questions opened before other fences are looked for, which may stand in them."""
        super().extendMarkdown(md)
        md.preprocessors.register(_Questions(md, self), "attention_gallery_questions", 28)


def makeExtension(**options: Any) -> QuestionsExtension:  # noqa: N802  Python-Markdown's name
    """What Python-Markdown calls for ``attention_gallery.questions``."""
    return QuestionsExtension(**options)


class _Questions(Preprocessor):
    """Puts the tags of questions in place of their fences."""

    def __init__(self, md: Markdown, extension: QuestionsExtension) -> None:
        super().__init__(md)
        self._extension = extension

    def run(self, lines: list[str]) -> list[str]:
        with self._extension.working():
            tags = tags_of(lines)
            return [part for i, line in enumerate(lines) for part in self._put(line, tags.get(i))]
        return lines  # with its faults, where these were not raised

    def _put(self, line: str, tags: str | None) -> list[str]:
        # Blank lines, so that lists and paragraphs end before the tags.
        return [line] if tags is None else ["", self.md.htmlStash.store(tags), ""]


def tags_of(lines: Sequence[str]) -> dict[int, str]:
    """The tags that come in place of lines, by the indices of these.

    Args:
        lines: A page.

    Raises:
        InputError: A question that is not closed, or lacks its answer.
    """
    blocks = fences(lines)
    _check_closed(lines, blocks)
    begin = f'<div class="ag-question">\n<p class="ag-block-name">{html.escape(_("Question"))}</p>'
    middle = f'<details class="ag-answer">\n<summary>{html.escape(_("Answer"))}</summary>'
    tags: dict[int, str] = {}
    for block in blocks:
        if block.word == QUESTION:
            tags[block.first] = begin
            tags[_separator(lines, block, blocks)] = middle
            tags[block.last] = "</details>\n</div>"
    return tags


def _check_closed(lines: Sequence[str], blocks: Sequence[Fence]) -> None:
    """See that each question has an end.

    Raises:
        InputError: One has none.
    """
    known = {block.first for block in blocks} | _within(b for b in blocks if b.word != QUESTION)
    for i, line in enumerate(lines):
        if word_of(line) == QUESTION and i not in known:
            raise InputError(
                "this question is not closed",
                Where("page", i + 1),
                "end it with a line ```; a block of code within it needs a word behind its ticks, "
                "such as ```text",
            )


def _separator(lines: Sequence[str], question: Fence, blocks: Sequence[Fence]) -> int:
    """Index of the line between a question and its answer.

    Raises:
        InputError: It is missing, or there is nothing on one of its sides.
    """
    body = range(question.first + 1, question.last)
    code = _within(block for block in blocks if block.first in body)
    middle = next((i for i in body if i not in code and _SEPARATOR.fullmatch(lines[i])), None)
    if middle is None or not any(lines[i].strip() for i in body if i > middle):
        missing = "an answer"
    elif not any(lines[i].strip() for i in body if i < middle):
        missing = "a question before the answer"
    else:
        return middle
    raise InputError(
        f"{missing} is missing",
        Where("page", question.first + 1),
        "between ```question and ``` write the question, a line ---, and the answer",
    )


def _within(blocks: Iterable[Fence]) -> set[int]:
    """Indices of all lines of some blocks."""
    return {i for block in blocks for i in range(block.first, block.last + 1)}
