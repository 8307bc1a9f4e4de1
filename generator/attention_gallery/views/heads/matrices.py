"""The two matrices of layers and heads: a cell for each head, coloured by a score."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import AT, CORNERS, framed, on_rows
from attention_gallery.views.heads.layout import ABOVE, LEFT, LEGEND, Layout
from attention_gallery.views.heads.params import N_SHADES

Layer = alt.Chart | alt.LayerChart
"""A part of a chart; few are nested, since Altair copies all that is below."""

_SHADE = N_SHADES - 1
_HEIGHT = 8  # of the bar of colours
_TOP = f"{ABOVE} + datum.panel * beside_y"
_EDGE = f"{LEFT} + datum.panel * beside_x"


def matrices(layout: Layout) -> list[Layer]:
    """Cells with their numbers, their names at two sides, titles and colours."""
    return [_cells(layout), *_names(layout), _titles(), _colours(), *_ends(), _middle(), *_frames()]


def _cells(layout: Layout) -> alt.LayerChart:
    n = layout.n
    rows = placed(
        alt.Chart(alt.sequence(0, 2 * n, as_="cell")).transform_calculate(
            panel=f"floor(datum.cell / {n})", at=f"datum.cell % {n}"
        )
    )
    rows = rows.transform_calculate(
        shown="shown_scores[datum.panel]",
    ).transform_calculate(
        value="values[datum.shown][datum.at]",
        part="(values[datum.shown][datum.at] - middles[datum.shown]) / limits[datum.shown]",
    )
    rows = rows.transform_calculate(
        colour=_colour("datum.shown", "datum.part"),
        ink="!signed[datum.shown] && datum.part < 0.5 ? 'white' : 'black'",
        text=_brief("datum.value", "signed[datum.shown]"),
        middle="(datum.x + datum.x2) / 2",
        centre="(datum.y + datum.y2) / 2",
    )
    cell = (
        alt.Chart()
        .mark_rect(stroke=None, aria=False, tooltip=None)
        .encode(**CORNERS, fill=alt.Fill("colour:N", scale=None))
    )
    number = (
        alt.Chart()
        .transform_filter("numbered")
        .mark_text(
            fontSize=alt.expr("cell_width < 30 ? 9 : 11"), baseline="middle", aria=False,
            tooltip=None,
        )
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("centre:Q", scale=None, axis=None),
            text="text:N",
            color=alt.Color("ink:N", scale=None),
        )
    )  # fmt: skip
    return on_rows(rows, cell, number)


def placed(rows: alt.Chart) -> alt.Chart:
    """Rows with the corners of the cell of a head `at` in one of both `panel` s."""
    return rows.transform_calculate(
        x=f"{_EDGE} + slot_heads[datum.at] * cell_width",
        y=f"{_TOP} + slot_layers[datum.at] * cell_height",
    ).transform_calculate(
        # A gap between cells that are this small would be all that is seen of them.
        x2="datum.x + cell_width - (cell_width < 12 ? 0 : 1)",
        y2="datum.y + cell_height - (cell_height < 12 ? 0 : 1)",
    )


def _frames() -> list[Layer]:
    """Around the head that is pointed at, and around the one that is shown, in both matrices."""

    def framing(which: str, colour: str) -> alt.LayerChart:
        rows = alt.Chart(alt.sequence(0, 2, as_="panel")).transform_calculate(at=which)
        return framed(placed(rows.transform_filter("datum.at >= 0")), colour, (4, 2))

    return [framing("hovered", charts.HOVER_COLOUR), framing("slot", charts.PIN_COLOUR)]


def _names(layout: Layout) -> list[Layer]:
    """Layers at the left and heads above, or as many of them as there is room for."""
    lines = (
        alt.Chart(alt.sequence(0, 2 * layout.n_layers, as_="i"))
        .transform_calculate(
            panel=f"floor(datum.i / {layout.n_layers})", line=f"datum.i % {layout.n_layers}"
        )
        .transform_filter("datum.line % ceil(13 / cell_height) == 0")
        .transform_calculate(
            text="'L' + datum.line",
            x=f"{_EDGE} - 6",
            y=f"{_TOP} + (datum.line + 0.5) * cell_height",
        )
    )
    columns = (
        alt.Chart(alt.sequence(0, 2 * layout.n_columns, as_="i"))
        .transform_calculate(
            panel=f"floor(datum.i / {layout.n_columns})", column=f"datum.i % {layout.n_columns}"
        )
        .transform_filter("datum.column % ceil(24 / cell_width) == 0")
        .transform_calculate(
            text="'H' + datum.column",
            x=f"{_EDGE} + (datum.column + 0.5) * cell_width",
            y=f"{_TOP} - 9",
        )
    )
    return [
        text(lines, align="right", fontSize=11),
        text(columns, align="center", fontSize=11),
    ]


def _titles() -> alt.Chart:
    rows = alt.Chart(alt.sequence(0, 2, as_="panel")).transform_calculate(
        text="captions[shown_scores[datum.panel]]",
        x="datum.panel * beside_x",
        y="datum.panel * beside_y + 9",
    )
    return text(rows, align="left", fontSize=13, fontWeight=600, limit=alt.expr("part_width"))


def _colours() -> alt.Chart:
    """The scale of each matrix as a bar."""
    rows = (
        alt.Chart(alt.sequence(0, 2 * N_SHADES, as_="i"))
        .transform_calculate(panel=f"floor(datum.i / {N_SHADES})", shade=f"datum.i % {N_SHADES}")
        .transform_calculate(
            shown="shown_scores[datum.panel]",
            x=f"{_EDGE} + 44 + datum.shade * {LEGEND / N_SHADES}",
            y=f"{_TOP} + matrix_height - {ABOVE + 22}",
        )
        .transform_calculate(
            x2=f"datum.x + {LEGEND / N_SHADES + 0.3:.2f}",
            y2=f"datum.y + {_HEIGHT}",
            colour="signed[datum.shown] ? divergences[datum.shade] : magnitudes[datum.shade]",
        )
    )
    return rows.mark_rect(stroke=None, aria=False, tooltip=None).encode(
        **CORNERS, fill=alt.Fill("colour:N", scale=None)
    )


def _ends() -> list[Layer]:
    """The numbers at both ends of it."""
    sides: list[Layer] = []
    for align, value, x in (
        (
            "right", "signed[datum.shown] ? middles[datum.shown] - limits[datum.shown] : 0",
            f"{_EDGE} + 38",
        ),
        ("left", "middles[datum.shown] + limits[datum.shown]", f"{_EDGE} + {LEGEND + 50}"),
    ):  # fmt: skip
        rows = (
            alt.Chart(alt.sequence(0, 2, as_="panel"))
            .transform_calculate(shown="shown_scores[datum.panel]")
            .transform_calculate(value=value)
            .transform_calculate(
                text=f"format(datum.value, {fine('limits[datum.shown]')})",
                x=x,
                y=f"{_TOP} + matrix_height - {ABOVE + 18}",
            )
        )
        sides.append(text(rows, align=align, fontSize=11))
    return sides


def _middle() -> alt.Chart:
    """What the neutral colour of an effect stands for, below the bar of colours."""
    rows = alt.Chart(alt.sequence(0, 2, as_="panel")).transform_calculate(
        text="middle_texts[shown_scores[datum.panel]]",
        x=f"{_EDGE} + {44 + LEGEND // 2}",
        y=f"{_TOP} + matrix_height - {ABOVE + 6}",
    )
    return text(rows, align="center", fontSize=11)


def fine(size: str) -> str:
    """A Vega expression for how numbers at the ends of a scale of some size are printed."""
    return f"{size} < 10 ? ',.3~f' : ',.0f'"


def _colour(score: str, part: str) -> str:
    """A Vega expression for the colour of a share of the limit of a score, from its middle."""
    half = _SHADE // 2
    return (
        f"signed[{score}] ? divergences[round({half} + {half} * clamp({part}, -1, 1))]"
        f" : magnitudes[round({_SHADE} * clamp({part}, 0, 1))]"
    )


def _brief(value: str, signed: str) -> str:
    """A Vega expression for a number that fits a cell: .41, +41.2, 412, 4.1k."""
    whole, thousands = (f"({signed} ? '+{d3}' : '{d3}')" for d3 in (".0f", ".2s"))
    small = f"format({value}, {signed} ? '+.2f' : '.2f')"
    # Effects differ by less than what they are around: 60.6 and 61.2 of a total of 62.
    medium = f"abs({value}) < 99.95 && {signed} ? '+.1f'"
    large = f"format({value}, {medium} : abs({value}) < 999.5 ? {whole} : {thousands})"
    zero = f"{signed} && abs({value}) < 0.005"
    point = f"replace({small}, regexp('^([+−]?)0[.]'), '$1.')"
    return f"{zero} ? '0' : abs({value}) < 10 ? {point} : {large}"


def text(rows: alt.Chart, **mark: object) -> alt.Chart:
    """A text at each place."""
    marked = rows.mark_text(**{"baseline": "middle", "aria": False, "tooltip": None, **mark})  # type: ignore[arg-type]
    return marked.encode(**AT, text="text:N")
