"""How heads of a layer are told apart: by hue, by the dashes of a line, and by name.

Eight hues, and four kinds of line: a head has the look of its number, so that no two of the first
32 heads of a layer look alike. At 12 heads eight lines are solid and four dashed; at 16 eight and
eight; at 32 each hue stands in all four kinds. Beyond 32 the looks repeat. Then the name at the
swatch, the name that a line tells when it is pointed at, and showing a head alone tell them apart.

The hues were searched for: of all colours with a contrast of at least 3:1 on white and on the dark
paper, the eight whose smallest distance is largest, for the usual colour vision and for the three
kinds of dichromacy as simulated by Machado et al. 2009 (doi:10.1109/TVCG.2009.113). Any two are at
least 10 apart in OKLab (times 100), where about 2 is just seen between large patches; neighbours in
the list are at least 13 apart. On a hair line that is not much: who cannot tell two of them apart
has the names.
"""

from __future__ import annotations

HUES = (
    "#4d69b6", "#c4850e", "#bd3877", "#a800fc", "#4d9ab6", "#707000", "#ee5485", "#a877fc",
)  # fmt: skip
"""In an order in which neighbours are far from each other."""

DASHES: tuple[tuple[int, ...], ...] = ((), (7, 3), (2, 2), (9, 3, 2, 3))
"""Pixels drawn and left out: solid, dashed, dotted, and both by turns."""

POOLED = "currentColor"
"""Several heads pooled into one are no head, and have the colour of text."""


def look(number: int) -> tuple[str, tuple[int, ...]]:
    """Colour and dashes of the head, or the map, of a number."""
    return HUES[number % len(HUES)], DASHES[number // len(HUES) % len(DASHES)]
