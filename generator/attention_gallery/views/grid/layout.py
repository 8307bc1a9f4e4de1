"""Where things stand in the grid of heads, in CSS pixels.

Heads stand in the matrix of layers and heads, or, where only some are listed or they are ordered,
one after the other. A panel that shows one of them large stands beside the grid, on a phone below
it. As in the comparison it is an expression that decides, so most places are expressions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, sqrt

import altair as alt

from attention_gallery import charts
from attention_gallery.packing import Packed
from attention_gallery.pixels import NARROW
from attention_gallery.terms import Token

BAR = 3
"""The height of the bar of a score."""

LINE = 17
"""A line of text."""

_WIDE, _TALL = 640, 700  # of the grid
_PHONE = 336
_LARGEST, _SMALLEST = 96, 9  # pictures of heads
_NAMED = 40  # what the name of a head takes
_NAME = 13
_SHOWN = 300  # the head that is shown large
_SCORES = 336  # the bars of its scores, with their titles


@dataclass(frozen=True, slots=True)
class _Tile:
    """The picture of a head, and from it to the next one."""

    width: int
    height: int
    pitch_x: int
    pitch_y: int


class Layout:
    """Places in CSS pixels; what the window decides are names of parameters.

    Attributes:
        packed: What is shown.
        matrix: Whether rows are layers and columns heads, as long as readers do not order them.
        columns: Heads side by side.
        rows: And below each other.
        left: Room for the names of layers.
        above: Room for the names of heads, and for brackets.
        label: Room for labels of queries and of keys in the panel.
        title: Room above that for what the panel shows, and for what is particular to it.
        n_notes: Lines below the grid, besides the colours.
        n_scores: Lines below the head that is shown large.
    """

    def __init__(self, packed: Packed, *, brackets: bool, n_notes: int, n_scores: int) -> None:
        self.packed = packed
        self.matrix = packed.every_head
        counts = packed.attention.n_heads
        n = sum(counts) if self.matrix else len(packed.slots)
        self.columns = max(counts) if self.matrix else min(12, ceil(sqrt(1.6 * n)))
        self.rows = len(counts) if self.matrix else ceil(n / self.columns)
        self.left = 34 if self.matrix else 0
        self.above = (18 + (8 if brackets else 0)) if self.matrix else 0
        self.label = _room(packed.attention.queries), _room(packed.attention.keys)
        self.title = 22 + (LINE if packed.attention.kv_heads or packed.attention.windows else 0)
        self.n_notes, self.n_scores = n_notes, n_scores

    def params(self) -> list[alt.Parameter]:
        """The places the window decides."""
        wide, phone = self._tile(_WIDE - self.left, _TALL), self._tile(_PHONE - self.left)
        left, above = self.label
        width, height = self._shown(_SHOWN)
        narrow_width, narrow_height = self._shown(min(_SHOWN, _PHONE - left))
        beside = f"max({self.left} + {self.columns} * pitch_x, 250) + 36"
        expressions = {
            "narrow": NARROW,
            "tile_width": f"narrow ? {phone.width} : {wide.width}",
            "tile_height": f"narrow ? {phone.height} : {wide.height}",
            "pitch_x": f"narrow ? {phone.pitch_x} : {wide.pitch_x}",
            "pitch_y": f"narrow ? {phone.pitch_y} : {wide.pitch_y}",
            "frame": "pitch_x < 16 ? 0.5 : 1.5",
            "legend_y": f"{self.above} + {self.rows} * pitch_y + 14",
            "grid_bottom": f"legend_y + {LINE * (self.n_notes + 2)}",
            "panel_x": f"narrow ? 0 : {beside}",
            "panel_y": "narrow ? grid_bottom + 12 : 0",
            "shown_x": f"panel_x + {left}",
            "shown_y": f"panel_y + {self.title + above}",
            "shown_width": f"narrow ? {narrow_width} : {width}",
            "shown_height": f"narrow ? {narrow_height} : {height}",
            "scores_y": "shown_y + shown_height + 12",
            "whole_width": f"panel_x + max({_SCORES}, {left} + shown_width)",
            "whole_height": f"max(grid_bottom, scores_y + {LINE * self.n_scores})",
        }
        return [alt.param(name=name, expr=expr) for name, expr in expressions.items()]

    @property
    def scores_width(self) -> int:
        """Of a line below the head that is shown large."""
        return _SCORES

    def _tile(self, width: int, height: int | None = None) -> _Tile:
        """As large as can be, while all of them fit; a page may scroll below the smallest."""
        for pitch in range(_LARGEST, _SMALLEST, -1):
            tile = self._sized(pitch)
            fits_below = height is None or self.rows * tile.pitch_y <= height
            if fits_below and self.columns * tile.pitch_x <= width:
                return tile
        return self._sized(_SMALLEST + 1)

    def _sized(self, pitch: int) -> _Tile:
        gap = 1 if pitch < 16 else 2 if pitch < 30 else 5
        side = pitch - gap
        n_queries, n_keys = self.packed.n_queries, self.packed.n_keys
        # Cells are squares, unless the picture would be a mere line.
        ratio = min(2.0, max(0.5, n_queries / n_keys))
        width, height = round(side * min(1, 1 / ratio)), round(side * min(1, ratio))
        named = pitch >= _NAMED
        return _Tile(
            width,
            height,
            max(width + gap, _NAMED if named else 0),
            height + gap + BAR + 1 + (_NAME if named else 0),
        )

    def _shown(self, side: int) -> tuple[int, int]:
        """Width and height of the head that is shown large."""
        ratio = min(3.0, max(1 / 3, self.packed.n_queries / self.packed.n_keys))
        return round(side * min(1, 1 / ratio)), round(side * min(1, ratio))


NAMED = f"pitch_x >= {_NAMED}"
"""A Vega expression: whether there is room for the name of each head below its picture."""


def _room(tokens: Iterable[Token]) -> int:
    """Pixels for labels: wide glyphs count double; longer labels end in an ellipsis."""
    longest = max(charts.n_columns(token.text) for token in tokens)
    return min(max(24, 7 * longest + 10), 80)
