"""A translation as a matrix, source by target, and as lines between its two sentences.

Both share one list of target words, which are the rows of the matrix and the left ends of the
lines. A row of cross-attention can be named after the word that the decoder has just read or after
the one it is about to write: the weights are the same, and all names move by one.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.errors import InputError
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.alignment import lines, matrix, words
from attention_gallery.views.alignment.layout import Layout
from attention_gallery.views.alignment.translation import Translation

TITLE = marked("Alignment")

DERIVED = True

LONGEST = 64
"""Tokens of either text. The picture has a mark for each cell: of more it would load slowly, and be
hard to read."""


def fits(exhibit: Exhibit) -> bool:
    """Two texts are needed, and what looks from one at the other.

    A model that is given no target may have nothing to write one with: of such a sentence the
    author has to say that its cross-attention is meant.
    """
    sentence = exhibit.sentence
    meant = exhibit.attention == "cross" or (exhibit.attention is None and bool(sentence.target))
    return meant and not (sentence.image or sentence.audio)


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. `query` and `key` in it are -1 for what belongs to no row, or to no column.

    Raises:
        InputError: When a text is too long.
    """
    n = max(packed.n_queries, packed.n_keys)
    if n > LONGEST:
        raise InputError(
            f"the view alignment shows texts of at most {LONGEST} tokens, and here are {n}",
            hint="shorten the sentence, or choose edges and heatmap",
        )
    translation = Translation(packed)
    layout = Layout(translation)
    layers: list[alt.Chart | alt.LayerChart] = [
        matrix.cells(layout),
        matrix.frames(layout, "hover", charts.HOVER_COLOUR),
        matrix.frames(layout, "pin", charts.PIN_COLOUR),
        lines.backdrop(layout),
        lines.selected(layout, "pin", charts.PIN_COLOUR),
        lines.selected(layout, "hover", charts.HOVER_COLOUR),
        words.marked(layout, "pin", charts.PIN_COLOUR),
        words.marked(layout, "hover", charts.HOVER_COLOUR),
        words.labels(layout),
        words.headings(layout),
        words.namings(layout),
        lines.weights(layout),
    ]
    if packed.gold:
        layers += [matrix.rings(layout), lines.known(layout), words.verdicts(layout)]
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    return charts.layered(packed, layers, 1, 1, (*translation.params(), *layout.params()))


def describe(packed: Packed) -> str:
    """Where the pinned row looks, how far the head is from what is known, and what rows are."""
    translation = Translation(packed)
    parts = [translation.opening(), _("Rows are named after the word written next.")]
    if packed.gold:
        parts.append(_("Rings and dashed lines mark what is known to be right."))
    return " ".join(parts)


def tabulate(packed: Packed) -> Table:
    """The heads by their alignment error rate, or where each target word looks."""
    return Translation(packed).table()
