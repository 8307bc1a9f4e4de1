"""The tokens that were held likeliest at the place shown, as bars with their probabilities."""

from __future__ import annotations

import altair as alt

from attention_gallery import chances
from attention_gallery.charts import literal
from attention_gallery.language import _
from attention_gallery.pixels import AT
from attention_gallery.views.predictions.layout import LINE, Layout


def bars(layout: Layout) -> alt.LayerChart:
    """A row for each of the likeliest tokens, then the one that stands there, then all others.

    What stands there is mostly among the likeliest, and has no row of its own then.
    """
    n = layout.n_rows
    own, listed = "ranks[place] < 0 && bits[place] >= 0", "length(likely[place])"
    rows = (
        alt.Chart(alt.sequence(0, n + 2, as_="row"))
        .transform_filter(
            f"datum.row < {n} ? datum.row < {listed} : datum.row == {n} ? {own}"
            f" : {listed} > 0 || bits[place] >= 0"
        )
        .transform_calculate(
            stands=f"datum.row == {n} || datum.row == ranks[place]",
            rest=f"datum.row == {n + 1}",
            at=f"datum.row < {n} ? datum.row : {listed} + (datum.row > {n} && {own} ? 1 : 0)",
            text=f"datum.row < {n} ? likely[place][datum.row]"
            f" : datum.row == {n} ? words[place] : {literal(_('all others'))}",
            chance=f"datum.row < {n} ? chances[place][datum.row]"
            f" : datum.row == {n} ? given[place] : rests[place]",
        )
    )
    return chances.bars(rows, layout.bars, (layout.label, layout.bar, layout.longest))


def headings(layout: Layout) -> alt.Chart:
    """What was asked, and what is told of the token that stands there."""
    return (
        alt.Chart(alt.sequence(0, 2, as_="i"))
        .transform_calculate(
            x="0", y=f"{LINE} * (datum.i + 0.5)", text="datum.i ? tells[place] : asks[place]"
        )
        .mark_text(
            align="left",
            baseline="middle",
            fontSize=13,
            fontWeight=alt.expr("datum.i ? 400 : 600"),
            limit=alt.expr(layout.width),
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="text:N")
    )
