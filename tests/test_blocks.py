"""Blocks are found where a reader of the rendered page would see one, and nowhere else."""

from __future__ import annotations

import pytest

from attention_gallery.blocks import find_blocks, replaced


def lines_of(text: str) -> list[tuple[int, int | None]]:
    return [(found.first, found.last) for found in find_blocks(text)]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("```attention\nfox\n```", [(0, 2)]),
        ("~~~ attention  \nfox\n~~~", [(0, 2)]),
        ("````attention\nfox\n```\n````", [(0, 3)]),
        ("a\r\n\r\n```attention\r\nfox\r\n```\r\n", [(2, 4)]),
        ("```predict\nfox\n```\n```attention\nfox\n```", [(0, 2), (3, 5)]),
        ("```attention\nfox", [(0, None)]),
        ("a\u2028b\x0cc\n```attention\nfox\n```", [(1, 3)]),
        # In a block of code, in a comment, or in front matter, there is none.
        ("````md\n```attention\nfox\n```\n````", []),
        ("~~~\n```attention\nfox\n```\n~~~", []),
        ("<!--\n```attention\nfox\n```\n-->\n", []),
        ("---\ntitle: |\n  x\n```attention\n---\n```attention\nfox\n```", [(5, 7)]),
        ("    ```attention\n    fox\n    ```", []),
        ("```attentions\nfox\n```", []),
        ("text ```attention\nfox\n```", []),
        # A comment that ends in its line, that never ends, or that is code, hides none.
        ("<!-- a -->\n```attention\nfox\n```", [(1, 3)]),
        ("<!-- a\n```attention\nfox\n```", [(1, 3)]),
        ("```html\n<!--\n```\n```attention\nfox\n```\n-->", [(3, 5)]),
        ("<!-- ```\n```\n-->\n```attention\nfox\n```", [(3, 5)]),
    ],
)
def test_a_block_is_found_with_its_lines(text: str, places: list[tuple[int, int | None]]) -> None:
    assert lines_of(text) == places


def test_a_block_is_found_with_what_it_holds() -> None:
    [found] = find_blocks("# A\n\n```attention fox, please\nexhibit: fox\nviews: [edges]\n```\n")
    assert (found.kind, found.rest) == ("attention", "fox, please")
    assert found.text == "exhibit: fox\nviews: [edges]"


def test_what_takes_the_place_of_blocks_stands_apart_and_no_line_moves() -> None:
    text = "one\n```attention\nfox\n```\ntwo\n```attention\nexhibit: fox\nviews: [a]\n```\nthree"
    after = replaced(text, find_blocks(text), ["A", "B"])
    assert after == "one\n\nA\n\ntwo\n\nB\n\n\nthree"
    assert after.count("\n") == text.count("\n")
