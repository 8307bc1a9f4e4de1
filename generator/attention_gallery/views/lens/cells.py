"""The grid: a row for each layer, a column for each token, in each cell what is likeliest."""

from __future__ import annotations

from math import ceil
from typing import cast

import altair as alt
import numpy as np

from attention_gallery import charts
from attention_gallery.charts import literal, spoken
from attention_gallery.language import _
from attention_gallery.pixels import AT, CORNERS, framed, on_rows
from attention_gallery.views.lens.layout import LINE, MOST, Layout

_DARK = 0.46  # cells of a lower probability have white letters: a contrast of 4.5 at least
_SHADES = alt.Scale(domain=np.linspace(0, 1, len(charts.CIVIDIS)).tolist(), range=charts.CIVIDIS)


def grid(layout: Layout) -> alt.LayerChart:
    """The cells; a click on one shows all that is likely there."""
    n_states = len(layout.states.names)
    rows = _boxed(
        layout,
        alt.Chart(alt.sequence(0, n_states * MOST, as_="i"))
        .transform_calculate(
            state=f"floor(datum.i / {MOST})",
            column=f"datum.i % {MOST}",
            place=f"first + datum.i % {MOST}",
        )
        .transform_filter("datum.column < columns")
        .transform_calculate(
            text="vocabulary[likely[datum.state][datum.place][0]]",
            chance="chances[datum.state][datum.place][0]",
            agrees="ranks[datum.state][datum.place] == 0",
            choice="{state: datum.state, place: datum.place}",
            tip=layout.states.said("datum.state", "datum.place"),
        ),
    ).transform_calculate(
        text_y=f"datum.y + {10 if layout.numbered else (layout.line - 6) / 2}",
        number_y="datum.y + 24",
    )
    shade = (
        alt.Chart()
        .mark_rect(cursor="pointer", aria=False)
        .encode(**CORNERS, fill=alt.Fill("chance:Q", scale=_SHADES, legend=None), tooltip="tip:N")
    )
    frame = (
        alt.Chart()
        .transform_filter("datum.agrees")
        # Around the cell: on a bright one, the letters of a dark page would not be seen.
        .transform_calculate(x="datum.x - 1", x2="datum.x2 + 1", y="datum.y - 1", y2="datum.y2 + 1")
        .mark_rect(filled=False, stroke="currentColor", strokeWidth=2, aria=False, tooltip=None)
        .encode(**CORNERS)
    )
    colour = alt.expr(f"datum.chance < {_DARK} ? 'white' : 'black'")
    label = (
        alt.Chart()
        .mark_text(
            baseline="middle",
            fontSize=12,
            fontWeight=alt.expr("datum.agrees ? 700 : 400"),
            color=colour,
            limit=alt.expr(f"{layout.cell} - 8"),
            aria=False,
            tooltip=None,
        )
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("text_y:Q", scale=None, axis=None),
            text="text:N",
        )
    )
    told = (
        alt.Chart()
        .mark_text(baseline="middle", fontSize=11, color=colour, aria=False, tooltip=None)
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("number_y:Q", scale=None, axis=None),
            text=alt.Text("chance:Q", format=".2f"),
        )
    )
    return on_rows(rows, shade, frame, label, *([told] if layout.numbered else []))


def pinned(layout: Layout) -> alt.LayerChart:
    """A frame around the cell shown."""
    rows = alt.Chart(alt.sequence(0, 1, as_="i")).transform_calculate(
        state="state", column="place - first"
    )
    return framed(_boxed(layout, rows), charts.HOVER_COLOUR, (6, 3.5))


def labels(layout: Layout) -> alt.LayerChart:
    """What each row is, and which token is read in each column."""
    n_states = len(layout.states.names)
    row = (
        alt.Chart(alt.sequence(0, n_states + 1, as_="state"))
        .transform_calculate(
            x=f"{layout.left} - 8",
            y=f"{layout.below} + {layout.line} * (datum.state ? 0.5 - datum.state : 0)"
            f" + (datum.state ? 0 : {LINE / 2})",
            text=f"datum.state ? states[datum.state - 1] : {literal(_('token read'))}",
            now="datum.state - 1 == state",
        )
        .mark_text(
            align="right",
            baseline="middle",
            fontSize=12,
            fontWeight=alt.expr("datum.now ? 700 : 400"),
            fontStyle=alt.expr("datum.state ? 'normal' : 'italic'"),
            aria=False,
            tooltip=None,
        )
        .encode(**AT, text="text:N")
    )
    column = (
        alt.Chart(alt.sequence(0, MOST, as_="column"))
        .transform_calculate(place="first + datum.column")
        .transform_filter("datum.column < columns")
        .transform_calculate(
            x=f"{layout.left} + {layout.cell} * (datum.column + 0.5)",
            y=f"{layout.below} + {LINE / 2}",
            text="words[datum.place]",
            now="datum.place == place",
        )
        .mark_text(
            baseline="middle",
            fontSize=13,
            fontWeight=alt.expr("datum.now ? 700 : 400"),
            limit=alt.expr(f"{layout.cell} - 4"),
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="text:N")
    )
    return cast(alt.LayerChart, alt.layer(row, column))


def legend(layout: Layout) -> alt.LayerChart:
    """What the colours mean, and which columns are shown where these are not all."""
    n, n_words = 30, len(layout.states.words)
    y = layout.height - LINE / 2
    least = _("probability 0")
    left = max(82, ceil(6.2 * charts.n_columns(least)))
    strip = (
        alt.Chart(alt.sequence(0, n, as_="i"))
        .transform_calculate(
            x=f"{left} + 3 * datum.i",
            x2=f"{left + 3.5} + 3 * datum.i",
            y=f"{y - 5}",
            y2=f"{y + 5}",
            chance=f"datum.i / {n - 1}",
        )
        .mark_rect(aria=False, tooltip=None)
        .encode(**CORNERS, fill=alt.Fill("chance:Q", scale=_SHADES, legend=None))
    )
    shown = spoken(
        _("tokens {first} to {last} of {n}"),
        first="first",
        last="(first + columns - 1)",
        n=str(n_words),
    )
    texts = [
        f"{{x: 0, text: {literal(least)}}}",
        f"{{x: {left + 96}, text: '1'}}",
        f"{{x: {left + 118}, text: columns < {n_words} ? {shown} : ''}}",
    ]
    told = (
        alt.Chart(alt.sequence(0, len(texts), as_="i"))
        .transform_calculate(line=f"[{', '.join(texts)}][datum.i]")
        .transform_calculate(x="datum.line.x", y=f"{y}", text="datum.line.text")
        .mark_text(align="left", baseline="middle", fontSize=12, aria=False, tooltip=None)
        .encode(**AT, text="text:N")
    )
    return cast(alt.LayerChart, alt.layer(strip, told))


def _boxed(layout: Layout, rows: alt.Chart) -> alt.Chart:
    """Rows of a state and a column, with the box of their cell."""
    return rows.transform_calculate(
        x=f"{layout.left} + {layout.cell} * datum.column + 3",
        x2=f"{layout.left} + {layout.cell} * (datum.column + 1) - 3",
        y=f"{layout.below} - {layout.line} * (datum.state + 1) + 3",
        y2=f"{layout.below} - {layout.line} * datum.state - 3",
        middle=f"{layout.left} + {layout.cell} * (datum.column + 0.5)",
    )
