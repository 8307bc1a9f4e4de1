"""The tokens that are likeliest in the cell shown, as bars with their probabilities."""

from __future__ import annotations

import altair as alt

from attention_gallery import chances
from attention_gallery.charts import literal, spoken
from attention_gallery.language import _
from attention_gallery.pixels import AT
from attention_gallery.views.lens.layout import LINE, Layout
from attention_gallery.views.lens.states import quoted_expr


def bars(layout: Layout) -> alt.LayerChart:
    """A row for each of the likeliest tokens, then what is said in the end, then all others.

    Where what is said in the end is among the likeliest, it has no row of its own.
    """
    n = layout.n_rows
    own, of_last = "ranks[state][place] < 0", "of_last[state][place]"
    listed = " + ".join(f"chances[state][place][{i}]" for i in range(n))
    rows = (
        alt.Chart(alt.sequence(0, n + 2, as_="row"))
        .transform_filter(f"datum.row != {n} || {own}")
        .transform_calculate(
            stands=f"datum.row == {n} || datum.row == ranks[state][place]",
            rest=f"datum.row == {n + 1}",
            at=f"datum.row - (datum.row == {n + 1} && !({own}) ? 1 : 0)",
            text=f"datum.row < {n} ? vocabulary[likely[state][place][datum.row]] : "
            f"datum.row == {n} ? vocabulary[peek(likely)[place][0]] : {literal(_('all others'))}",
            chance=f"datum.row < {n} ? chances[state][place][datum.row] : datum.row == {n}"
            f" ? {of_last} : max(0, 1 - ({listed}) - ({own} ? {of_last} : 0))",
        )
    )
    return chances.bars(rows, layout.bars, (layout.label, layout.bar, layout.longest))


def headings(layout: Layout) -> alt.Chart:
    """Which cell is shown, what is said there in the end, and how undecided the model is."""
    lines = (
        spoken(_("At {token}, {stage}"), token=quoted_expr("words[place]"), stage="stages[state]"),
        "ends[place]",
        spoken(_("Entropy: {bits} bits"), bits="format(entropies[state][place], '.2f')"),
    )
    return (
        alt.Chart(alt.sequence(0, len(lines), as_="i"))
        .transform_calculate(
            x="0", y=f"{LINE} * (datum.i + 0.5)", text=f"[{', '.join(lines)}][datum.i]"
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
