"""Tokens left and right; the edges of a token are as thick as its weights.

The head view of the field (Source: Vig 2019, arXiv:1906.05714): hovering previews a token's edges,
a click pins them and prints the weights. Several heads can be shown at once. Positions are plain
pixels, so that rows can never overlap.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import reading
from attention_gallery.language import marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.edges import sentence, window

TITLE = marked("Edges")

DERIVED = True


def fits(exhibit: Exhibit) -> bool:
    """Only words can stand in a column: an image has too many patches, and they have no names."""
    return not exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart: of a long text a part of it."""
    whole = max(packed.n_queries, packed.n_keys) <= window.LONGEST
    return sentence.draw(packed) if whole else window.draw(packed)


def describe(packed: Packed) -> str:
    """The pinned token's strongest edges, and the head's pattern."""
    return f"{reading.pinned_edges(packed)} {reading.pattern(packed)}"


def tabulate(packed: Packed) -> Table:
    """Where each token looks."""
    return reading.strongest_keys(packed)
