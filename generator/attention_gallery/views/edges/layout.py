"""Where things stand in the edges, in CSS pixels: two columns of labels, computed beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from attention_gallery import charts
from attention_gallery.terms import Attention
from attention_gallery.views.edges.heads import SWATCH_ROW, Heads

ROW = 22
"""From a token to the next."""

SCORE = 46
"""Room for a weight."""

_GAP = 170
_HEADER = 30


class Layout:
    """Places of the two columns.

    Attributes:
        label: Room for a label.
        left: Right edge of the queries.
        right: Left edge of the keys.
        width: Of the whole picture.
        swatches: Upper edge of the swatches.
        header: Middle of the line above the columns.
        mean: Middle of what may stand above that line.
        top: Upper edge of the first row.
    """

    def __init__(self, levels: Sequence[Attention], heads: Heads, least: int = 56) -> None:
        ends = [end for level in levels for end in (level.queries, level.keys)]
        texts = [token.text for end in ends for token in end]
        self.label = _label_width(texts, least)
        self._cut = [text for text in dict.fromkeys(texts) if _wanted(text) > self.label]
        self.left = SCORE + self.label
        self.right = self.left + _GAP
        self.width = self.right + self.label + SCORE
        self.swatches = 0
        swatches = heads.rows(self.width)
        self.header = SWATCH_ROW * swatches + (10 if swatches else 0) + 12
        self.mean = self.header - 14
        self.top = self.header + _HEADER - 12

    def params(self) -> list[alt.Parameter]:
        """The labels that may end in an ellipsis: of most texts none."""
        return [alt.param(name="cut", value=self._cut)]

    def tip(self, text: str) -> str:
        """A Vega expression for the tooltip of a label: those that are not cut hide no edges."""
        return f"indexof(cut, {text}) >= 0 ? {text} : ''"

    def row(self, index: str) -> str:
        """A Vega expression for the middle of a row."""
        return f"{self.top} + {ROW} * ({index} + 0.5)"

    def height(self, rows: int) -> int:
        """Of the whole picture, notes aside."""
        return self.top + ROW * rows


def _label_width(texts: list[str], least: int) -> int:
    """Pixels for a column of labels: wide glyphs count double; longer labels end in an ellipsis."""
    return min(max(least, *map(_wanted, texts)), 160)


def _wanted(text: str) -> int:
    return 8 * charts.n_columns(text) + 14
