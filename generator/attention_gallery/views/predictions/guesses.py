"""The tokens that were held likeliest at the place shown, as bars with their probabilities."""

from __future__ import annotations

import altair as alt

from attention_gallery.pixels import AT, on_rows
from attention_gallery.views.predictions.layout import LINE, ROW, Layout
from attention_gallery.views.predictions.places import number_expr


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
            f" : datum.row == {n} ? words[place] : 'all others'",
            chance=f"datum.row < {n} ? chances[place][datum.row]"
            f" : datum.row == {n} ? given[place] : rests[place]",
        )
    )
    return drawn(rows, layout.bars, (layout.label, layout.bar, layout.longest))


def drawn(rows: alt.Chart, top: int, places: tuple[str, str, str]) -> alt.LayerChart:
    """A list of tokens with their probabilities.

    Args:
        rows: Have ``at``, the line; ``text``; ``chance``; ``stands`` for the one that is in bold,
            and ``rest`` for all others together.
        top: Of the list, in pixels.
        places: Right edge of names, left edge of bars, and the length of that of a probability of
            1, as expressions.
    """
    label_x, bar_x, longest = places
    rows = rows.transform_calculate(
        x=label_x,
        y=f"{top} + {ROW} * (datum.at + 0.5)",
        bar_left=bar_x,
        bar_right=f"{bar_x} + {longest} * datum.chance",
    ).transform_calculate(
        bar_top=f"datum.y - {ROW / 2 - 4}",
        bar_bottom=f"datum.y + {ROW / 2 - 4}",
        number_x="datum.bar_right + 6",
        number=number_expr("datum.chance"),
    )
    bar = (
        alt.Chart()
        .mark_rect(
            fill="currentColor",
            opacity=alt.expr("datum.stands ? 0.8 : datum.rest ? 0.15 : 0.35"),
            aria=False,
            tooltip=None,
        )
        .encode(
            x=alt.X("bar_left:Q", scale=None, axis=None),
            x2="bar_right:Q",
            y=alt.Y("bar_top:Q", scale=None, axis=None),
            y2="bar_bottom:Q",
        )
    )
    weight = alt.expr("datum.stands ? 700 : 400")
    label = (
        alt.Chart()
        .mark_text(
            align="right",
            baseline="middle",
            fontSize=14,
            fontWeight=weight,
            fontStyle=alt.expr("datum.rest ? 'italic' : 'normal'"),
            limit=alt.expr(label_x),
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="text:N")
    )
    told = (
        alt.Chart()
        .mark_text(
            align="left", baseline="middle", fontSize=12, fontWeight=weight, aria=False,
            tooltip=None,
        )
        .encode(x=alt.X("number_x:Q", scale=None, axis=None), y=AT["y"], text="number:N")
    )  # fmt: skip
    return on_rows(rows, bar, label, told)


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
