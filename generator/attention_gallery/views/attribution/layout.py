"""Where things stand in the view of attribution, in CSS pixels.

From top to bottom: the question, what colours mean, each text, and what the numbers sum to. A
document is the same for all readers, so there is a place for each thing in a wide window, and one
on a phone; which holds is told by `narrow`.
"""

from __future__ import annotations

from itertools import zip_longest

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import NARROW, paragraph
from attention_gallery.views.attribution import said
from attention_gallery.views.attribution.question import asks, gives
from attention_gallery.views.attribution.values import METHODS, Values, lines

WORD = 22
"""Of a line of tokens, the token alone."""

BAR = 12
"""How far below a token the bar of the largest number reaches."""

STEP = 52
"""From one line of tokens to the next: a token, its bar, a number, and air."""

TITLE, PLAIN = 14, 12.5
"""Sizes of letters."""

_WIDTHS = 640, 340
_LINE = 19
_GAP = 12
_WIDEST = 150  # a token's most room; what needs more ends in an ellipsis
_PER_COLUMN = 7.6, 6.8  # pixels of a letter in a question, and in what is said below


class Layout:
    """Places.

    Attributes:
        values: What is shown.
        words: In a wide window and on a phone, for each token its left edge, top and width.
        notes: Likewise, each line of text as what it says by each method, its middle, and whether
            it is a heading.
        height: Likewise.
    """

    def __init__(self, values: Values) -> None:
        self.values = values
        self.words: list[list[tuple[int, int, int]]] = []
        self.notes: list[list[tuple[list[str], int, bool]]] = []
        self.height: list[int] = []
        for width in _WIDTHS:
            self._lay(width)

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        return [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="word_places", value=self.words),
            alt.param(name="notes", value=self.notes),
        ]

    @property
    def size(self) -> tuple[str, str]:
        """Width and height, as Vega expressions."""
        wide, narrow = self.height
        return f"(narrow ? {_WIDTHS[1]} : {_WIDTHS[0]})", f"(narrow ? {narrow} : {wide})"

    @property
    def n_notes(self) -> int:
        """How many lines of text there are at most."""
        return max(map(len, self.notes))

    def _lay(self, width: int) -> None:
        values, y = self.values, 0
        words: list[tuple[int, int, int]] = []
        notes: list[tuple[list[str], int, bool]] = []

        def write(texts: list[list[str]], *, heading: bool = False) -> None:
            """Paragraphs of each method, which take the room of the longest."""
            nonlocal y
            n_columns = int(width / _PER_COLUMN[0 if heading else 1])
            broken = [[line for text in own for line in lines(text, n_columns)] for own in texts]
            for row in zip_longest(*broken, fillvalue=""):
                same = list(row) if len(set(row)) > 1 else [row[0]]
                notes.append((same, y + _LINE // 2, heading))
                y += _LINE

        write([[asks(values.answer)]], heading=True)
        write([[gives(values.answer)]])
        write([[said.legend(values, method)] for method in METHODS])
        for side, start, end in zip(values.sides, values.starts, values.ends, strict=True):
            y += _GAP
            if len(values.sides) > 1:
                write([[values.heading_of(side)]], heading=True)
                y += 4
            places = paragraph(values.words[start:end], width, _room)
            words += [(x, y + STEP * line, wide) for x, line, wide in places]
            y += STEP * (1 + places[-1][1])
        y += 4
        write([said.notes(values, method) for method in METHODS])
        self.words.append(words)
        self.notes.append(notes)
        self.height.append(y)


def _room(text: str) -> int:
    """Pixels for a token: a guess, and a generous one; what needs more ends in an ellipsis."""
    return min(max(50, 9 * charts.n_columns(text) + 14), _WIDEST)
