"""Where things stand in the view of the lens, in CSS pixels.

From top to bottom: what is likeliest in the cell shown, near the sliders however many layers there
are; the grid, with the last layer on top and the words at the bottom; what the colours mean. A
document is the same for all readers, so places are expressions of `narrow`.
"""

from __future__ import annotations

from math import ceil

import altair as alt

from attention_gallery.chances import ROW
from attention_gallery.pixels import NARROW, pick
from attention_gallery.views.lens.states import States

LINE = 20
"""Of a heading."""

MOST = 12
"""Columns in a wide window."""

_FEWER = 6  # on a phone
_CELLS = 63, 47  # their widths, in a wide window and on a phone
_LABELS = 64, 58
_WIDTHS = tuple(
    label + n * cell for label, n, cell in zip(_LABELS, (MOST, _FEWER), _CELLS, strict=True)
)
_MANY = 16  # states: of more, cells are lower, and have no room for numbers
_GAP = 14


class Layout:
    """Places; strings are Vega expressions.

    Attributes:
        states: What is shown.
        n_rows: How many tokens are listed, besides the one that is said in the end.
        bars: Top of the list of likeliest tokens.
        top: Of the grid.
        cell: Width of its cells.
        line: Height of its cells; `numbered` says whether that is enough for a number.
        left: Its left edge, right of the labels.
        below: Its bottom.
        width, height: Of all.
        label, bar, longest: Right edge of names in the list, left edge of bars, and the length of
            that of a probability of 1.
    """

    def __init__(self, states: States) -> None:
        self.states = states
        self.n_rows = len(states.likely[0][0])
        self.bars = 3 * LINE + 6
        self.top = self.bars + ROW * (self.n_rows + 2) + _GAP
        self.numbered = len(states.names) <= _MANY
        self.line = 38 if self.numbered else 24
        self.below = self.top + self.line * len(states.names)
        self.height = self.below + 2 * LINE + _GAP
        self.width, self.cell, self.left = pick(*_WIDTHS), pick(*_CELLS), pick(*_LABELS)
        self.label, self.bar, self.longest = pick(150, 112), pick(158, 120), pick(400, 160)

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        n = len(self.states.words)
        n_pages = pick(*(ceil(n / most) for most in (MOST, _FEWER)))
        # Pages as equal as can be: none has a lone column.
        return [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="n_pages", expr=n_pages),
            alt.param(name="page", expr=f"floor(((place + 1) * n_pages - 1) / {n})"),
            alt.param(name="first", expr=f"floor(page * {n} / n_pages)"),
            alt.param(name="columns", expr=f"floor((page + 1) * {n} / n_pages) - first"),
        ]
