"""A grammar's truth in the form that manifests take: `gold: {black: noir, the [3]: le}`.

On a page the tokens are counted from 0, and a word that stands there twice is named with its place.
"""

from collections.abc import Iterable, Sequence


def named(words: Sequence[str], places: Iterable[int], *, first: int) -> list[str]:
    """Names words as a page does.

    Args:
        words: all words of the text.
        places: which of them are meant, counted from 0.
        first: the place of the first word on the page: 1 after a token that starts the text.

    Returns:
        For each place its word, with the place on the page where the word stands there twice.
    """
    return [
        words[place] if words.count(words[place]) == 1 else f"{words[place]} [{place + first}]"
        for place in places
    ]


def rectangles(patches: Iterable[tuple[int, int]]) -> list[str]:
    """Names patches by rectangles, such as `r2c1-r3c3` for rows 2 to 3 and columns 1 to 3.

    Args:
        patches: row and column of each, no patch twice.

    Returns:
        One rectangle for all rows that have the same columns below each other, row by row.
    """
    rows: dict[int, list[int]] = {}
    for row, column in sorted(patches):
        rows.setdefault(row, []).append(column)
    found: list[tuple[int, int, int, int]] = []  # first row, first column, last row, last column
    for row, columns in rows.items():
        starts = [c for c in columns if c - 1 not in columns]
        ends = [c for c in columns if c + 1 not in columns]
        for left, right in zip(starts, ends, strict=True):
            above = next((r for r in found if r[1:] == (left, row - 1, right)), None)
            if above:
                found.remove(above)
            found.append((above[0] if above else row, left, row, right))
    return [f"r{top}c{left}-r{bottom}c{right}" for top, left, bottom, right in sorted(found)]
