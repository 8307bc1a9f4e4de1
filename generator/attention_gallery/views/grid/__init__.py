"""Every layer and head at a glance: a small picture of each, in the matrix of layers and heads.

The model view of the field. Pointing at a head shows it large, a click keeps it, and heads can be
ordered by what they do with the sentence.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.language import marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import ground
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.grid import heads, margins, panel, params, words
from attention_gallery.views.grid.layout import Layout

TITLE = marked("Grid of heads")


def fits(exhibit: Exhibit) -> bool:
    """A single head is no grid, and patches in a row make no picture that anyone could read."""
    return exhibit.n_listed_heads != 1 and not exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. What is clicked in it is shown by the other charts of a page as well."""
    scored, drawn = words.scores(packed), params.pictures(packed)
    notes = words.notes(packed, drawn)
    layout = Layout(
        packed,
        brackets=bool(packed.attention.kv_heads),
        n_notes=len(notes),
        n_scores=len(scored),
    )
    layers: list[alt.Chart | alt.LayerChart] = [
        ground("whole_width", "whole_height", "one"),
        heads.grid(layout),
        margins.legend(notes),
        panel.title(),
        panel.picture(),
        panel.labels(layout, "query"),
        panel.labels(layout, "key"),
        panel.scores(layout),
    ]
    if packed.every_head:
        layers += [margins.labels(layout), margins.brackets(layout), margins.windows(layout)]
    return charts.stacked(
        layers,
        [
            *params.params(packed, scored, drawn),
            *margins.params(layout, notes),
            *layout.params(),
        ],
        # What is drawn widens the chart as far as it needs, on a page and on a phone.
        width=1,
        height=1,
        usermeta={"leads": True},
    )


def describe(packed: Packed) -> str:
    """The heads that stand out, the one shown, and what is particular to the model."""
    scored = words.scores(packed)
    parts = (words.told(packed, scored), words.outline(packed, scored), *words.facts(packed))
    return " ".join(part for part in parts if part)


def tabulate(packed: Packed) -> Table:
    """The heads with most of each score."""
    return words.table(packed, words.scores(packed))
