"""Probabilities of tokens: as they are printed, and as a list with bars."""

from __future__ import annotations

import altair as alt

from attention_gallery.pixels import AT, on_rows

LEAST = 0.001
"""The smallest probability that is told as a number."""

ROW = 21
"""Pixels of a row of the list."""


def number(chance: float) -> str:
    """A probability as it is printed: what is small is not impossible."""
    return f"{chance:.3f}" if chance >= LEAST else f"< {LEAST}"


def number_expr(chance: str) -> str:
    """A Vega expression for the same."""
    return f"({chance} < {LEAST} ? '< {LEAST}' : format({chance}, '.3f'))"


def bars(rows: alt.Chart, top: int, places: tuple[str, str, str]) -> alt.LayerChart:
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
