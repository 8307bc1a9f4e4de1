"""Where things stand in the view of patches, in CSS pixels."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.pixels import paragraph

WORDS = 30
"""Where words start, below their heading."""

LINE = 40
"""A line of words: a word, its number below it, and air."""

WIDEST = 150
"""A word's most room; what needs more ends in an ellipsis."""

ROW = 20
"""A row of the lists below the pictures."""

MARGIN = 18
"""Room for the numbers of rows and columns."""

_SIDE = 224  # of a picture: two of them side by side fit a phone
_PATCH = 12  # or as large as patches need to be hit with a pointer
_GAP = 16
_HEADING = 24
_LEGEND = 56

Segment = tuple[int, int, int, int, int]
"""Index of a row of the map; then a line, from x, y to x, y, in the first picture's own x."""


class Layout:
    """The words as a paragraph, and below it two pictures side by side with a list under each.

    Attributes:
        packed: What is shown.
        n: How many queries there are: tokens are numbered queries first, keys after them.
        pixels: The size of the image, in words.
        n_patches: How many patches there are.
        n_columns: Patches side by side; `n_rows` of them stand below each other.
        first_key: Index of the key that is the first patch; the rest follow row by row.
        looking: Whether patches are queries too, in the same places as among the keys.
        words: Queries that are no patches.
        others: Keys that are no patches.
        labels: What each word is shown as. A captioner's row is about the word it is about to
            write, which is the one that the next row reads.
        places: Left edge, line and width of each word.
        left: Left edges of the two pictures.
        top: Their upper edge; `bottom` is their lower one.
        image: Width and height of a picture; `step` is that of a patch.
        width: Of all.
        height: Of all.
    """

    def __init__(self, packed: Packed) -> None:
        self.packed, self.n = packed, packed.n_queries
        queries, keys = packed.attention.queries, packed.attention.keys
        patches = [token.patch for token in keys if token.patch]
        self.n_patches = len(patches)
        self.n_rows, self.n_columns = (last + 1 for last in patches[-1])
        self.first_key = next(i for i, token in enumerate(keys) if token.patch)
        self.looking = any(token.patch for token in queries)
        self.words = [i for i, token in enumerate(queries) if not token.patch]
        self.others = [i for i, token in enumerate(keys) if not token.patch]
        texts = [queries[i].text for i in self.words]
        self.labels = texts if self.looking else [*texts[1:], "…"]

        columns, rows = struct.unpack(">II", packed.image[16:24])  # of a PNG's header
        self.pixels = _("{width} × {height} pixels, {columns} × {rows} patches").format(
            width=columns, height=rows, columns=self.n_columns, rows=self.n_rows
        )
        side = max(_SIDE, _PATCH * max(self.n_rows, self.n_columns))
        longest = max(columns, rows)
        # Whole pixels, or cells would have seams.
        self.step = (
            side * columns // (longest * self.n_columns),
            side * rows // (longest * self.n_rows),
        )
        self.image = (self.step[0] * self.n_columns, self.step[1] * self.n_rows)
        self.left = (MARGIN, MARGIN + self.image[0] + _GAP)
        self.width = self.left[1] + self.image[0]

        self.places = paragraph(self.labels, self.width, _room)
        n_lines = self.places[-1][1] + 1 if self.places else 0
        self.top = WORDS + LINE * n_lines + _HEADING + MARGIN
        self.bottom = self.top + self.image[1]
        below = 8 + max(3 * ROW, len(self.others) * ROW + _LEGEND)
        self.height = self.bottom + below

    def given(self, token: str, key: str) -> str:
        """A Vega expression for what a query gives to a key.

        Args:
            token: The query. Where patches look too it may be a key: then the expression is for
                what this key is given by the patch in the place of the other one.
            key: The key.
        """
        weight = charts.weight_expr(charts.cell_expr(self.packed, token, key))
        if not self.looking:
            return weight
        received = charts.weight_expr(charts.cell_expr(self.packed, key, f"{token} - {self.n}"))
        return f"({token} < {self.n} ? {weight} : {received})"

    def focused(self, key: str) -> str:
        """A Vega expression for what is shown of a key: see `focus` among the parameters."""
        mean = charts.weight_expr(key, "means[slot]")
        return f"focus < 0 ? {mean} : {self.given('focus', key)}"

    def known(self) -> list[Segment]:
        """The borders of what is known to be right."""
        return [
            segment
            for link in self.packed.gold
            for segment in self._outline(link.row, link.columns)
        ]

    def _outline(self, row: int, columns: Collection[int]) -> Iterator[Segment]:
        """The border of some patches, for a row of the map: where inside and outside meet."""
        tokens = self.packed.attention.keys
        inside = {patch for key in columns if (patch := tokens[key].patch)}
        width, height = self.step
        for r, c in sorted(inside):
            left, right = c * width, (c + 1) * width
            top, bottom = self.top + r * height, self.top + (r + 1) * height
            sides = {
                (r - 1, c): (left, top, right, top),
                (r + 1, c): (left, bottom, right, bottom),
                (r, c - 1): (left, top, left, bottom),
                (r, c + 1): (right, top, right, bottom),
            }
            yield from ((row, *side) for beyond, side in sides.items() if beyond not in inside)


def _room(text: str) -> int:
    """Pixels for a word: a guess, and a generous one."""
    return min(max(40, 9 * charts.n_columns(text) + 12), WIDEST)
