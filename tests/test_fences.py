"""Where fenced blocks are."""

from __future__ import annotations

import pytest

from attention_gallery.fences import fences, word_of


def found(text: str) -> list[tuple[str, int, int]]:
    return [(f.word, f.first, f.last) for f in fences(text.split("\n"))]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```\nx\n```", [("", 0, 2)]),
        ("a\n~~~ python hl_lines='1'\nx\n~~~\nb", [("python", 1, 3)]),
        ("````markdown\n```question\nx\n```\n````", [("markdown", 0, 4)]),
        ("~~~\n```a\n~~~\n```b\n```", [("", 0, 2), ("b", 3, 4)]),
        ("    ```a\n    ```", []),
        ("```a\nnever closed", []),
        ("```a `b` c```\n```d\n```", [("d", 1, 2)]),
        ("", []),
    ],
)
def test_a_block_begins_in_the_first_column_and_holds_no_other(
    text: str, blocks: list[tuple[str, int, int]]
) -> None:
    assert found(text) == blocks


def test_a_question_is_markdown_and_what_is_in_it_needs_no_more_ticks() -> None:
    text = (
        "```question\nWhy?\n```python\nx\n```\n---\n~~~\n```\n~~~\n```attention\nfox\n```\n```\nz"
    )
    assert found(text) == [
        ("question", 0, 12),
        ("python", 2, 4),
        ("", 6, 8),
        ("attention", 9, 11),
    ]


def test_a_question_of_more_ticks_may_hold_code_without_a_word() -> None:
    text = "````question\nWhy?\n```\n---\n```\n---\nSo.\n````"
    assert found(text) == [("question", 0, 7), ("", 2, 4)]


@pytest.mark.parametrize("line", ["```x", "```question", "~~~~", "````"])
def test_blocks_that_are_never_closed_do_not_stop_the_others(line: str) -> None:
    text = "\n".join(["```a", "```", *[line] * 1_001, "~~~b", "~~~"])
    blocks = found(text)
    assert blocks[0] == ("a", 0, 1)
    assert blocks[-1] == ("b", 1_003, 1_004)


def test_the_word_of_a_line() -> None:
    assert [word_of(line) for line in ("```question", "~~~ a b", "```", "text", " ```a")] == [
        "question", "a", "", "", "",
    ]  # fmt: skip
