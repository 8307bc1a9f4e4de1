"""Where things stand in the view of arcs, in CSS pixels.

From top to bottom: a heading, arcs, numbers, the tokens, numbers, arcs, a heading. A document is
the same for all readers, so what a phone has less room for is an expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt

from attention_gallery import charts
from attention_gallery.packing import Packed
from attention_gallery.pixels import NARROW

BOX = 28
"""The height of a token."""

NUMBER = 18
"""Room for a number above a token, and below."""

_HEADING = 28
_GAP = 3


class Room(NamedTuple):
    """Room for a token.

    Attributes:
        letter: For a letter; wide ones count double.
        margin: For what surrounds them.
        least: For the shortest token: that of a number.
        most: For the longest: what needs more ends in an ellipsis.
    """

    letter: int
    margin: int
    least: int
    most: int


_WIDE, _NARROW = Room(9, 14, 46, 140), Room(8, 8, 38, 80)


class Layout:
    """Places, most of them parameters.

    ``places`` are the middle and the width of each token, ``span`` is from the first middle to the
    last, ``rises`` are the heights of the highest arc above and below, ``row`` is the upper edge of
    the tokens.

    Attributes:
        packed: What is shown.
        n: How many tokens there are.
    """

    def __init__(self, packed: Packed) -> None:
        self.packed, self.n = packed, packed.n_queries

    @property
    def most(self) -> str:
        """A Vega expression for the width of tokens that may end in an ellipsis."""
        return f"(narrow ? {_NARROW.most} : {_WIDE.most})"

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        texts = [token.text for token in self.packed.attention.queries]
        wide, narrow = places(texts, _WIDE), places(texts, _NARROW)
        return [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="places", expr=f"narrow ? {narrow} : {wide}"),
            alt.param(name="span", expr=f"max(1, abs(places[{self.n - 1}][0] - places[0][0]))"),
            alt.param(name="rise", expr="clamp(span / 4, 60, 190)"),
            alt.param(name="rises", expr="[rise, 0.6 * rise]"),
            alt.param(name="row", expr=f"{_HEADING + NUMBER} + rise"),
        ]


def places(texts: Sequence[str], room: Room) -> list[list[float]]:
    """The middle and the width of each token; the widths are guesses, and generous.

    Where most tokens run from right to left, so does the row.
    """
    found, x = [], 0
    for text in texts:
        wanted = room.letter * charts.n_columns(text) + room.margin
        width = min(max(room.least, wanted), room.most)
        found.append([x + width / 2, width])
        x += width + _GAP
    if 2 * sum(map(charts.right_to_left, texts)) > len(texts):
        return [[x - _GAP - middle, width] for middle, width in found]
    return found
