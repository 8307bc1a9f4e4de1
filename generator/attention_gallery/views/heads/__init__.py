"""What all heads do: on a probe made for it, on this sentence, and what becomes of answers without.

A pretty pattern on one sentence says little. Here it stands beside what the head does on words that
mean nothing, beside what chance would give, and beside the difference it makes to an answer.
"""

from __future__ import annotations

from typing import cast

import altair as alt

from attention_gallery import charts
from attention_gallery.language import marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import ground
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.heads import card, dots, matrices, params, words
from attention_gallery.views.heads.layout import Layout
from attention_gallery.views.heads.scores import Scores

TITLE = marked("What heads do")

MEASURES = frozenset({"patterns"})
"""What it needs; `ablation` and `patching` are shown where they are measured, too."""

ALSO = frozenset({"ablation", "patching"})
"""What else it shows where it was measured."""


def fits(exhibit: Exhibit) -> bool:
    """Heads are probed with words."""
    return not (exhibit.shows_patches or exhibit.sentence.audio)


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. What is clicked in it is shown by the other charts of a page as well."""
    scores = Scores(packed)
    layout = Layout(scores)
    chart = alt.layer(
        # Parameters belong to all of it; Altair copies all that they are added to.
        ground("whole_width", "whole_height", "one").add_params(*params.params(layout)),
        *matrices.matrices(layout),
        *dots.dots(layout),
        *card.card(layout),
        _targets(layout),
        # What is drawn widens the chart as far as it needs, on a page and on a phone.
        width=1,
        height=1,
        # Which groups of scores there are is what the page explains.
        usermeta={"leads": True, "groups": scores.groups},
    )
    return cast(alt.LayerChart, chart)


def describe(packed: Packed) -> str:
    """The card of the head that is shown, and the heads that stand out."""
    scores = Scores(packed)
    return f"{words.in_words(scores, scores.start)} {words.outline(scores)}".rstrip()


def tabulate(packed: Packed) -> Table:
    """The heads with most of each score."""
    return words.table(Scores(packed))


def _targets(layout: Layout) -> alt.Chart:
    """What is pointed at and clicked: the cells of both matrices, and the dots."""
    n = layout.n
    rows = (
        alt.Chart(alt.sequence(0, 3 * n, as_="target"))
        # Nobody points at a picture without a window; it is a third smaller without them.
        .transform_filter("windowSize()[0] > 0")
        .transform_calculate(panel=f"floor(datum.target / {n})", at=f"datum.target % {n}")
    )
    told = " + ".join(
        f"', ' + labels[{score}] + ' ' + {words.told_expr(score, 'datum.at')}"
        for score in ("score", "beside")
    )
    ends = {
        "left": ("x", "dot_x - 6"),
        "right": ("x2", "dot_x + 6"),
        "top": ("y", "dot_y - 6"),
        "bottom": ("y2", "dot_y + 6"),
    }
    return (
        dots.placed(matrices.placed(rows))
        .transform_calculate(
            **{
                side: f"datum.panel < 2 ? datum.{cell} : datum.{dot}"
                for side, (cell, dot) in ends.items()
            }
        )
        .transform_calculate(
            choice="{layer: slot_layers[datum.at], head: slot_heads[datum.at]}",
            told=f"slots[datum.at] + {told}",
        )
        .mark_rect(fillOpacity=0, cursor="pointer", aria=False)
        .encode(
            x=alt.X("left:Q", scale=None, axis=None), x2="right:Q",
            y=alt.Y("top:Q", scale=None, axis=None), y2="bottom:Q",
            tooltip="told:N",
        )
        .add_params(charts.hover("at"))
    )  # fmt: skip
