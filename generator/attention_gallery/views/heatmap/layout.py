"""Where things stand in the heatmap, in CSS pixels.

A short text is one map of marks. A long one is a picture of the whole map, and beside it a window
of marks; on a phone the window is smaller and stands below. A document is the same for all
readers, so it is an expression that decides, and many places are expressions too: of `map_x` and
`map_y`, the upper left corner of the marks, and of `step`, the pixels of a cell.
"""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attention_gallery import charts
from attention_gallery.packing import Packed
from attention_gallery.pixels import NARROW
from attention_gallery.views.heatmap.raster import reduced

LONGEST = 80
"""Tokens of a text whose cells all are marks: no page is wide enough for more."""

MARGIN = 40
"""Length of the longest bar in the margins."""

GAP = 8
"""From the map to what stands beside it."""

_MANY = 900
_TITLE = 24
_HEADING = 72  # room for what the bars beside the map are called, which stands among the keys
_LINE = 20
_LEGEND = 50
_TICKS = 34  # room for the numbers of tokens beside the picture
_WINDOW = (32, 13)  # cells a side, pixels a cell
_PHONE_WINDOW = 20
_PICTURE = 400  # pixels of the picture's side on a page; one with more of its own is shown smaller
_PHONE = 340


class Layout:
    """Places and sizes; those that readers' screens decide are Vega expressions.

    Attributes:
        packed: What is shown.
        long: Whether the text is a long one.
        n_queries: Rows of the whole map.
        n_keys: Columns of it.
        rows: Rows of marks at most; `columns` of them side by side.
        left: Room for the labels of queries.
        above: Room for the title and the labels of keys.
        side: Width and height of the picture of a long text, before `picture_scale`.
        many: Whether there are so many marks that one picture stands for all of them where nobody
            can point at any.
        first: Row and column the window of a long text starts at when the page opens.
    """

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        self.n_queries, self.n_keys = packed.n_queries, packed.n_keys
        self.long = max(self.n_queries, self.n_keys) > LONGEST
        most = _WINDOW[0] if self.long else LONGEST
        self.rows, self.columns = min(self.n_queries, most), min(self.n_keys, most)
        self.many = self.rows * self.columns > _MANY
        self.left = _room(token.text for token in packed.attention.queries)
        above = _room(token.text for token in packed.attention.keys)
        self.above = _TITLE + max(above, _HEADING)
        self.side = (_shown(self.n_keys), _shown(self.n_queries))
        self.pinned_key = int(packed.shown[packed.pin].argmax())
        self.first = (
            _start(packed.pin, self.rows, self.n_queries),
            _start(self.pinned_key, self.columns, self.n_keys),
        )

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        step = _WINDOW[1] if self.long else _step(max(self.n_queries, self.n_keys))
        places = {"narrow": NARROW}
        if self.long:
            across = [min(_PHONE_WINDOW, n) for n in (self.rows, self.columns)]
            places |= {
                "step": str(step),
                "rows_shown": f"narrow ? {across[0]} : {self.rows}",
                "columns_shown": f"narrow ? {across[1]} : {self.columns}",
                "first_row": self.first_shown(charts.selected("focus", "row"), "row"),
                "first_column": self.first_shown(charts.selected("focus", "column"), "column"),
                "picture_scale": f"min(1, (narrow ? {_PHONE - _TICKS} : {_PICTURE})"
                f" / {max(self.side)})",
                "picture_right": f"{_TICKS} + {self.side[0]} * picture_scale",
                "picture_bottom": f"{self.picture_y} + {self.side[1]} * picture_scale",
                "map_x": f"narrow ? {self.left} : picture_right + {3 * GAP + self.left}",
                "map_y": f"narrow ? picture_bottom + {2 * _LINE + _LEGEND + self.above} "
                f": {self.above}",
            }
        else:
            narrow = max(12, min(step, (_PHONE - self.left) // self.n_keys))
            places |= {
                "step": f"narrow ? {narrow} : {step}",
                "rows_shown": str(self.rows),
                "columns_shown": str(self.columns),
                "first_row": "0",
                "first_column": "0",
                "map_x": str(self.left),
                "map_y": str(self.above),
            }
        places |= {
            "map_right": "map_x + columns_shown * step",
            "map_bottom": "map_y + rows_shown * step",
        }
        return [alt.param(name=name, expr=expr) for name, expr in places.items()]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which keys each query can see, bool ``[query, key]``."""
        shape = (self.n_queries, self.n_keys)
        return np.tri(*shape, dtype=np.bool_) if self.packed.triangle else np.ones(shape, np.bool_)

    picture_x = _TICKS
    """Left edge of the picture."""

    @property
    def picture_y(self) -> int:
        """Upper edge of the picture: that of the map beside it."""
        return self.above

    @property
    def legend(self) -> tuple[str, str]:
        """Place of the legend: below the picture, or below the map."""
        if self.long:
            return str(self.picture_x), f"picture_bottom + {_LINE + GAP}"
        return "map_x", self.line(2)

    def room(self, end: str) -> int:
        """Pixels for the labels of one side."""
        return self.left if end == "query" else self.above - _TITLE

    def line(self, number: int) -> str:
        """A Vega expression for the upper edge of a line of text below map and margin."""
        return f"map_bottom + {GAP + MARGIN + 18 + _LINE * number}"

    def x(self, column: str) -> str:
        """A Vega expression for the left edge of a column of the map; 0.5 more is its middle."""
        return f"map_x + ({column} - first_column) * step"

    def y(self, row: str) -> str:
        """A Vega expression for the upper edge of a row of the map."""
        return f"map_y + ({row} - first_row) * step"

    def first_shown(self, focus: str, end: str) -> str:
        """A Vega expression for the first row or column of the window around one."""
        n = self.n_queries if end == "row" else self.n_keys
        return f"clamp({focus} - floor({end}s_shown / 2), 0, {n} - {end}s_shown)"

    def shows(self, row: str, column: str) -> str:
        """A Vega expression for whether a cell of the map is among the marks."""
        return (
            f"{row} >= first_row && {row} < first_row + rows_shown"
            f" && {column} >= first_column && {column} < first_column + columns_shown"
        )


def _start(focus: int, shown: int, n: int) -> int:
    """The first of those the window shows around a row or column, when it is on a wide page."""
    return int(np.clip(focus - shown // 2, 0, n - shown))


def _step(n_tokens: int) -> int:
    """Pixels a cell: generous for a sentence, never below what a label needs to be read."""
    return 30 if n_tokens <= 12 else 24 if n_tokens <= 24 else 16 if n_tokens <= 40 else 12


def _shown(n_tokens: int) -> int:
    """Pixels of a picture's side: whole ones for each of its own, so that none is lost."""
    n = reduced(n_tokens)
    return n * min(_WINDOW[1], max(1, _PICTURE // n))


def _room(texts: Iterable[str]) -> int:
    """Pixels for labels: wide glyphs count double; longer labels end in an ellipsis."""
    longest = max(map(charts.n_columns, texts))
    return min(max(24, 8 * longest + 12), 110)
