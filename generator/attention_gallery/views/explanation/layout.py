"""Where things stand in the view of attention as explanation, in CSS pixels.

From top to bottom: the question; the names of four columns; how far each two of them agree, under
the same names; and the words, one row each. A document is the same for all readers, so places are
expressions of `narrow`.
"""

from __future__ import annotations

import altair as alt

from attention_gallery.pixels import NARROW, pick
from attention_gallery.views.attribution.question import asks, gives
from attention_gallery.views.attribution.values import lines
from attention_gallery.views.explanation.columns import Columns

LINE = 19
"""Of a line of text."""

ROW = 29
"""Of a word: a number, and its bar below it."""

AGREEMENT = 23
"""Of a row of correlations."""

SHOWN = 64
"""Words that have a row where there are no more."""

LARGEST = 40
"""Rows where there are more: those of the words with the largest numbers."""

_WIDTHS = 640, 340
_PER_COLUMN = 7.6, 6.8  # pixels of a letter in a question, and in what is said below
_GAP = 14
_NAMES = 156, 88  # room of a word
_COLUMN = 116, 62


class Layout:
    """Places; strings are Vega expressions.

    Attributes:
        columns: What is shown.
        notes: In a wide window and on a phone, each line of text and whether it is a heading.
        n_rows: Words that have a row.
        heads, agreement, table: Tops of the names of columns, of the correlations, of the words.
        width, height: Of all.
        names, column: Room of a word's name, and of a column.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.notes = [_notes(columns, width) for width in _WIDTHS]
        self.n_rows = columns.n_keys if columns.n_keys <= SHOWN else LARGEST
        tops = [LINE * (len(notes) + 1) + _GAP for notes in self.notes]
        self.heads = pick(*tops)
        self.agreement = f"({self.heads} + {2 * LINE + 4 + LINE})"
        under = 2 * LINE + 4 + LINE + 3 * AGREEMENT + _GAP + LINE
        self.table = f"({self.heads} + {under})"
        self.height = f"({self.heads} + {under + ROW * self.n_rows})"
        self.width, self.names, self.column = pick(*_WIDTHS), pick(*_NAMES), pick(*_COLUMN)

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        return [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="notes", value=self.notes),
        ]

    def middle(self, column: str) -> str:
        """The middle of a column."""
        return f"({self.names} + {self.column} * ({column} + 0.5))"


def _notes(columns: Columns, width: int) -> list[tuple[str, bool]]:
    heading, plain = (int(width / pixels) for pixels in _PER_COLUMN)
    return [
        *((line, True) for line in lines(asks(columns.answer), heading)),
        *((line, False) for line in lines(gives(columns.answer), plain)),
    ]
