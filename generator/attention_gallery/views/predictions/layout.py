"""Where things stand in the view of predictions, in CSS pixels.

From top to bottom: what was expected at the place shown, near the slider however long the text is;
the text. A document is the same for all readers, so places are expressions of `narrow`.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.chances import ROW
from attention_gallery.pixels import NARROW, paragraph, pick
from attention_gallery.views.predictions.places import Places

LINE = 20
"""Of a heading."""

WORD = 22
"""Of a line of tokens, the token alone."""

BAR = 14
"""How far below a token the bar of the most surprising one reaches."""

STEP = 54
"""From one line of tokens to the next: a token, its bar, a number, and air."""

_WIDTHS = 640, 340  # in a wide window, and on a phone
_GAP = 16
_WIDEST = 150  # a token's most room; what needs more ends in an ellipsis
_LEAST = 8.0  # bits that the longest bar stands for at least: what is expected has short ones


class Layout:
    """Places; strings are Vega expressions.

    Attributes:
        places: What is shown.
        most: The bits that the longest bar stands for.
        n_rows: How many tokens are listed at most, besides the one that stands there.
        bars: Top of the list of likeliest tokens.
        top: The first line of the text.
        width, height: Of all.
        label, bar, longest: Right edge of names in the list, left edge of bars, and the length of
            that of a probability of 1.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.most = max(_LEAST, *places.bits)
        self.n_rows = max(map(len, places.likely))
        self._words = [paragraph(places.words, width, _room) for width in _WIDTHS]
        self.bars = 2 * LINE + 6
        # A row each for what stands there and for all others.
        self.top = self.bars + ROW * (self.n_rows + 2) + _GAP
        ends = (self.top + STEP * (1 + words[-1][1]) for words in self._words)
        self.width, self.height = pick(*_WIDTHS), pick(*ends)
        self.label, self.bar, self.longest = pick(150, 112), pick(158, 120), pick(400, 160)

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        return [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="word_places", value=self._words),
        ]

    def word(self, index: str) -> str:
        """Left edge, line and width of a token."""
        return f"word_places[narrow ? 1 : 0][{index}]"


def _room(text: str) -> int:
    """Pixels for a token: a guess, and a generous one; what needs more ends in an ellipsis."""
    return min(max(40, 9 * charts.n_columns(text) + 14), _WIDEST)
