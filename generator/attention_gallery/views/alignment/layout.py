"""Where things stand in the view of an alignment, in CSS pixels.

From left to right: the matrix; a verdict and a weight for each target word; the target words, which
are the rows of the matrix; lines; the source words. A document is the same for all readers, so what
a phone has less room for is an expression.
"""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import NARROW
from attention_gallery.views.alignment.translation import Translation

_MATRIX = 170  # of a phone's width
_LABELS = (150, 70)  # the most room for a word, on a page and on a phone
_KEYS = 110  # the same for a word above the matrix
_VERDICT = 18
_WEIGHT = 44
_LINES = (170, 52)
_NAMINGS = 64  # the lines that say what rows are named after, and the error of each


class Layout:
    """Places; those that a phone has elsewhere are parameters.

    ``step`` is the width of a cell; ``target_x`` is where target words end, and ``source_x`` where
    source words begin.

    Attributes:
        translation: What is shown.
        n_queries: Rows of the matrix.
        n_keys: Its columns.
        row: Height of a row, and of a source word.
        top: The upper edge of the matrix.
        above: Room for the labels of its columns.
    """

    def __init__(self, translation: Translation) -> None:
        self.translation = translation
        packed = translation.packed
        self.n_queries, self.n_keys = packed.n_queries, packed.n_keys
        longest = max(self.n_queries, self.n_keys)
        self.row = 24 if longest <= 40 else 16
        queries = [token.text for token in packed.attention.queries]
        keys = [token.text for token in packed.attention.keys]
        self._columns = [charts.n_columns(t) for t in queries], [charts.n_columns(t) for t in keys]
        self._labels = _room(queries, _LABELS[0]), _room(keys, _LABELS[0])
        self.above = _room(keys, _KEYS)
        self.top = max(self.above, _NAMINGS + 24)

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        n = self.n_keys
        wide = 30 if n <= 12 else 24 if n <= 24 else 16 if n <= 40 else 13
        narrow = max(13, min(wide, _MATRIX // n))
        beside = (_VERDICT if self.translation.packed.gold else 0) + _WEIGHT
        return [
            alt.param(name="query_columns", value=self._columns[0]),
            alt.param(name="key_columns", value=self._columns[1]),
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="step", expr=f"narrow ? {narrow} : {wide}"),
            alt.param(
                name="label_rooms",
                expr=f"narrow ? {[min(room, _LABELS[1]) for room in self._labels]}"
                f" : {list(self._labels)}",
            ),
            alt.param(name="target_x", expr=f"{n} * step + {beside} + label_rooms[0]"),
            alt.param(name="source_x", expr=f"target_x + (narrow ? {_LINES[1]} : {_LINES[0]})"),
        ]

    def x(self, key: str) -> str:
        """A Vega expression for the left edge of a column."""
        return f"({key}) * step"

    def y(self, query: str) -> str:
        """A Vega expression for the upper edge of a row, or of a source word."""
        return f"{self.top} + {self.row} * ({query})"

    @property
    def bottom(self) -> int:
        """The lower edge of the matrix."""
        return self.top + self.row * self.n_queries

    @property
    def verdict_x(self) -> str:
        """A Vega expression for the middle of the verdicts."""
        return f"{self.x(str(self.n_keys))} + {_VERDICT // 2 + 2}"

    @property
    def label_size(self) -> int:
        """Of the letters of words."""
        return min(14, self.row - 3)


def _room(texts: Iterable[str], most: int) -> int:
    """Pixels for labels: wide glyphs count double; longer labels end in an ellipsis."""
    longest = max(map(charts.n_columns, texts))
    return min(max(36, 9 * longest + 14), most)
