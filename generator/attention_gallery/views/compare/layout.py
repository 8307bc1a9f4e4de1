"""Where things stand in the comparison: three maps, and a square for each head.

A map is 0, the exhibit's own; 1, the other; or 2, their difference. Wide pages have room for two
or three maps side by side, a phone for one. A document is the same for all readers, so it is an
expression that decides, and every place is an expression too: of `columns`, how many stand side by
side, and of `step`, the pixels of a cell.
"""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt

from attention_gallery import charts, comparison
from attention_gallery.packing import Packed
from attention_gallery.pixels import NARROW

TITLE_ROW = 24
"""Room for a line above a map."""

NUMBER_ROW = 34
"""Room for the pinned number below a map."""

LEGEND_ROW = 54
"""Room for a legend."""

LEGEND_PITCH = 220
"""From a legend to the one beside it."""

GAP = 18
"""Room between maps, without their labels."""

_WIDEST = 1080  # of the widest pages
_PHONE = 340
_READABLE = 15  # a cell whose label is read without effort
_SQUARE = (24, 16)  # of a head, as long as the heads of a layer fit
_SQUARES = 384


class Layout:
    """Places in CSS pixels.

    Attributes:
        n_queries: Rows of a map.
        n_keys: Columns of a map.
        same: Whether all maps have the same labels; those of the queries then stand once.
        left: Room for the labels of queries.
        above: Room for the labels of keys, and the title above them.
        square: Width and height of the square of a head.
    """

    def __init__(self, packed: Packed) -> None:
        self.n_queries, self.n_keys = packed.n_queries, packed.n_keys
        pairs = [comparison.pair_texts(packed, other) for other in packed.others]
        self.same = all(comparison.same_words(packed, other) for other in packed.others)
        self.left = _room(text for queries, _ in pairs for text in queries)
        self.above = TITLE_ROW + _room(text for _, keys in pairs for text in keys)
        self.square = (min(_SQUARE[0], _SQUARES // max(packed.attention.n_heads)), _SQUARE[1])
        self._gap = GAP if self.same else GAP + self.left

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        columns, step = self._wide()
        narrow = max(13, min(step, (_PHONE - self.left) // self.n_keys))
        beside = self.left + 2 * LEGEND_PITCH
        below = f"bottom + {LEGEND_ROW} * (narrow ? 2 : 1)"
        return [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="columns", expr=f"narrow ? 1 : {columns}"),
            alt.param(name="step", expr=f"narrow ? {narrow} : {step}"),
            alt.param(name="bottom", expr=f"{self.y('2', str(self.n_queries))} + {NUMBER_ROW}"),
            # The heads stand below the maps, beside the legends, or where a fourth map would be.
            alt.param(
                name="heads_x",
                expr=f"[24, {self.x('1', '0')}, max({self.x('2', '0')}, {beside})][columns - 1]",
            ),
            alt.param(
                name="heads_y",
                expr=f"[{below}, {self.y('2', '0')} - {self.above}, bottom][columns - 1] + 36",
            ),
        ]

    def x(self, which: str, key: str) -> str:
        """The left edge of a column of map `which`; all three are Vega expressions."""
        pitch = f"({self.n_keys} * step + {self._gap})"
        return f"{self.left} + ({which}) % columns * {pitch} + ({key}) * step"

    def y(self, which: str, query: str) -> str:
        """The upper edge of a row of map `which`."""
        pitch = f"({self.n_queries} * step + {self.above + NUMBER_ROW})"
        return f"{self.above} + floor(({which}) / columns) * {pitch} + ({query}) * step"

    def _wide(self) -> tuple[int, int]:
        """How many maps stand side by side on a wide page, and the pixels of a cell."""
        for columns in (3, 2):
            room = _WIDEST - self.left - (columns - 1) * self._gap
            step = room // (columns * self.n_keys)
            if step >= _READABLE:
                return columns, min(step, 30)
        return 1, max(13, min(20, 600 // self.n_keys))


def _room(texts: Iterable[str]) -> int:
    """Pixels for labels: wide glyphs count double; longer labels end in an ellipsis."""
    longest = max(map(charts.n_columns, texts))
    return min(max(24, 8 * longest + 8), 110)
