"""Where things stand in the neuron view, in CSS pixels.

A row reads from left to right: a key, its vector, the products with the query above, their sum, the
score, the weight. On a phone a row has two lines, the numbers above the vectors. A document is the
same for all readers, so every place is an expression of `narrow`.
"""

from __future__ import annotations

from math import ceil

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import NARROW, paragraph
from attention_gallery.views.neuron.vectors import Vectors

TALL = 10
"""Of a cell, up or down."""

LINE = 17
"""From a line of text to the next."""

SENTENCE = 31
"""The first line of the sentence."""

WORD_LINE = 24
"""From a line of the sentence to the next."""

_PHONE = 340
_STRIP = 300  # of a vector
_CELLS = 64  # of a strip, at most
_OF_ALL = 2048  # of all strips of one kind, at most: a long text has fewer cells a strip
_NUMBER = 74  # room for a number
_BAR = 90  # a weight of 1


def pick(wide: float | str, narrow: float | str) -> str:
    """A Vega expression for what depends on the width of the window."""
    return str(wide) if wide == narrow else f"(narrow ? {narrow} : {wide})"


def n_cells(n_dims: int, n_keys: int) -> int:
    """How many cells a vector is drawn with; neighbouring dimensions share one where need be."""
    per_cell = ceil(n_dims / min(_CELLS, _OF_ALL // n_keys))
    return ceil(n_dims / per_cell)


class Layout:
    """Places.

    Attributes:
        vectors: What is shown.
        n_cells: Cells of a strip.
        per_cell: Neighbouring dimensions that share a cell.
        adds: Whether there is a column for what is added.
        cell, strip: Widths of a cell, and of all cells of a vector.
        key, product, unseen: Left edges of the strips of keys and products, and of what stands in
            their place where a key cannot be seen.
        label, label_room: Where labels end, or start on a phone, and how long they may be.
        dot, added, score, weight: Right edges of the columns of numbers.
        bar, bar_length: Left edge of the bar of a weight, and the length of that of a weight of 1.
        places: Left edge, line and width of each word of the sentence; wide, and narrow.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self.n_cells = n_cells(vectors.n_dims, vectors.packed.n_keys)
        self.per_cell = ceil(vectors.n_dims / self.n_cells)
        self.adds = any(head.adds for head in vectors.heads)
        keys, queries = vectors.packed.attention.keys, vectors.packed.attention.queries
        label = max(64, *(_room(token.text, 120) for token in (*keys, *queries)))
        cell = max(3, min(20, _STRIP // self.n_cells))
        gap = 10
        half = (_PHONE - gap) / 2
        strip = cell * self.n_cells
        self.cell = pick(cell, round(half / self.n_cells, 2))
        self.strip = pick(strip, half)
        self.key = pick(label + gap, 0)
        self.product = pick(label + 3 * gap + strip, half + gap)
        end = label + 3 * gap + 2 * strip
        # Numbers end where their column ends.
        self.dot = pick(end + _NUMBER, 158 if not self.adds else 138)
        more = _NUMBER if self.adds else 0
        self.added = pick(end + 2 * _NUMBER, 192)
        self.score = pick(end + 2 * _NUMBER + more, 238 if not self.adds else 246)
        bar = end + 2 * _NUMBER + more + 2 * gap
        self.bar, self.bar_length = pick(bar, 252), pick(_BAR, 46)
        self.unseen = pick(label + gap, 110)
        self.weight = pick(bar + _BAR + 48, _PHONE)
        self.label = pick(label, 0)
        self.label_room = pick(label, 100 if not self.adds else 84)
        texts = [token.text for token in queries]
        self.places = [
            paragraph(texts, width, lambda text: _room(text, 150))
            for width in (bar + _BAR + 48, _PHONE)
        ]

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        first = [SENTENCE + WORD_LINE * (places[-1][1] + 1) + 13 for places in self.places]
        return [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="word_places", value=self.places),
            # Headings of numbers, headings of vectors, and the vector of the query.
            alt.param(name="heading", expr=pick(*first)),
            alt.param(name="strip_heading", expr=f"heading + {pick(0, 2 * LINE + 4)}"),
            alt.param(name="query_y", expr=f"strip_heading + {pick(24, 22)}"),
            alt.param(name="top", expr=f"query_y + {pick(20, 18)}"),
            alt.param(name="pitch", expr=pick(26, 48)),
            alt.param(name="bottom", expr=f"top + pitch * {self.vectors.n_rows} + 18"),
        ]

    def number_y(self, key: str) -> str:
        """The line of a row on which its numbers stand."""
        return f"top + pitch * ({key}) + {pick(13, 12)}"

    def strip_y(self, key: str) -> str:
        """The middle of a row's vectors."""
        return f"top + pitch * ({key}) + {pick(13, 33)}"


def _room(text: str, widest: int) -> int:
    """Pixels for a token: wide glyphs count double; longer ones end in an ellipsis."""
    return min(max(24, 8 * charts.n_columns(text) + 14), widest)
