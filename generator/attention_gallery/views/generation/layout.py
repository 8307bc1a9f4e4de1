"""Where things stand in the view of generation, in CSS pixels.

From top to bottom: the likeliest next tokens, near the slider however long the text is; what is
looked at beside the text, where there is such a thing; the text. A document is the same for all
readers, so places are expressions of `narrow`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import ceil

import altair as alt

from attention_gallery import charts
from attention_gallery.chances import ROW
from attention_gallery.pixels import NARROW, paragraph, pick
from attention_gallery.views.generation.steps import Steps

LINE = 20
"""Of a heading, or a note."""

WORD = 22
"""Of a line of tokens, the token alone."""

BAR = 11
"""How far below a token the bar of a weight of 1 reaches."""

LOOKED_AT = 48
"""A line of tokens that are looked at: a token, its bar, a number, and air."""

N_LOOKED_AT = 5
"""How many patches are listed, those looked at most."""

_WIDTHS = 640, 340  # in a wide window, and on a phone
_READ = 27  # a line of tokens that are only read
_HEADING = LINE + 4
_GAP = 14
_WIDEST = 150  # a token's most room; what needs more ends in an ellipsis
_SIDE = 224  # of an image


class Layout:
    """Places; strings are Vega expressions.

    Attributes:
        steps: What is shown.
        packed: The maps.
        crossed: Whether what is looked at stands apart from the text.
        pictured: Whether that is an image.
        image, patch: Width and height of the image, and of a patch of it.
        bars: Top of the list of likeliest tokens.
        shown: Top of the part that holds what is looked at; `looked_at` is its first line.
        text: Top of the part that holds the text, the same where it is the text that is looked at;
            `top` is its first line, `line` the distance to the next.
        width, height: Of all.
        label, bar, longest: Right edge of names in the list, left edge of bars, and the length of
            that of a probability of 1.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps, self.packed = steps, steps.packed
        attention = self.packed.attention
        self.crossed = attention.kind == "cross"
        self.pictured = self.crossed and charts.has_patches(attention.keys)
        self.image, self.patch = self._picture() if self.pictured else ((0, 0), (0.0, 0.0))
        beside = [token.text for token in attention.keys] if self._has_source else []
        self._words = [paragraph(steps.words, width, _room) for width in _WIDTHS]
        self._keys = [paragraph(beside, width, _room) for width in _WIDTHS]
        self.line = _READ if self.crossed else LOOKED_AT
        # Names of parts, what comes, and a row each for what follows and for the rest.
        self.bars = 3 * LINE + 6
        self.shown = self.bars + ROW * (len(steps.likely[0]) + 2) + _GAP
        texts, ends = [], []
        for words, source in zip(self._words, self._keys, strict=True):
            shown = self.image[1] if self.pictured else LOOKED_AT * _n_lines(source)
            texts.append(self.shown + (_HEADING + shown + _GAP if self.crossed else 0))
            ends.append(texts[-1] + _HEADING + self.line * _n_lines(words))
        self.text = pick(*texts)
        self.top = pick(*(text + _HEADING for text in texts))
        self.looked_at = self.shown + _HEADING
        note = _HEADING if "model" in steps.by else 0
        self.width, self.height = pick(*_WIDTHS), pick(*(end + note for end in ends))
        self.label, self.bar, self.longest = pick(150, 112), pick(158, 120), pick(400, 160)

    def params(self) -> list[alt.Parameter]:
        """What the places depend on."""
        params = [
            alt.param(name="narrow", expr=NARROW),
            alt.param(name="word_places", value=self._words),
        ]
        if self._has_source:
            params.append(alt.param(name="key_places", value=self._keys))
        return params

    def word(self, index: str) -> str:
        """Left edge, line and width of a token of the text."""
        return f"word_places[narrow ? 1 : 0][{index}]"

    def key(self, index: str) -> str:
        """The same of a token that is looked at."""
        return f"key_places[narrow ? 1 : 0][{index}]" if self._has_source else self.word(index)

    @property
    def _has_source(self) -> bool:
        return self.crossed and not self.pictured

    def _picture(self) -> tuple[tuple[int, int], tuple[float, float]]:
        patches = [token.patch for token in self.packed.attention.keys if token.patch]
        n_rows, n_columns = (1 + max(place) for place in zip(*patches, strict=True))
        width, height = struct.unpack(">II", self.packed.image[16:24])  # of a PNG's header
        scale = _SIDE / max(width, height)
        image = ceil(width * scale), ceil(height * scale)
        return image, (image[0] / n_columns, image[1] / n_rows)


def _n_lines(places: Sequence[tuple[int, int, int]]) -> int:
    return places[-1][1] + 1 if places else 0


def _room(text: str) -> int:
    """Pixels for a token: a guess, and a generous one; what needs more ends in an ellipsis."""
    return min(max(36, 9 * charts.n_columns(text) + 14), _WIDEST)
