"""All heads as dots, by one score across and another upwards, so that those that stand out show."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.charts import literal, spoken
from attention_gallery.language import _
from attention_gallery.pixels import CORNERS, ringed
from attention_gallery.views.heads.layout import NUMBERED, Layout
from attention_gallery.views.heads.matrices import Layer, fine, text

_ACROSS = (
    "plot_x + plot_width * (({value}) - spans[score][0]) / (spans[score][1] - spans[score][0])"
)
_UPWARDS = (
    "plot_y + plot_height * (1 - (({value}) - spans[beside][0]) / "
    "(spans[beside][1] - spans[beside][0]))"
)

_AT = {
    "x": alt.X("dot_x:Q", scale=None, axis=None),
    "y": alt.Y("dot_y:Q", scale=None, axis=None),
}


def dots(layout: Layout) -> list[Layer]:
    """The dots, their axes, and what heads that know nothing get."""
    return [
        *_headings(),
        _axes(),
        *_ticks(),
        *_baselines("untrained"),
        *_baselines("uniform"),
        _dots(layout),
        *_rings(),
        _name(layout),
    ]


def placed(rows: alt.Chart) -> alt.Chart:
    """Rows with the place of a head `at` among the dots, `dot_x` and `dot_y`."""
    return rows.transform_calculate(
        dot_x=_ACROSS.format(value="values[score][datum.at]"),
        dot_y=_UPWARDS.format(value="values[beside][datum.at]"),
    )


def _dots(layout: Layout) -> alt.Chart:
    rows = placed(alt.Chart(alt.sequence(0, layout.n, as_="at")))
    return rows.mark_point(
        filled=True, color="currentColor", opacity=0.55, size=layout.dot, aria=False, tooltip=None
    ).encode(**_AT)


def _rings() -> list[Layer]:
    """A ring around the head that is pointed at, and around the one that is shown."""
    rings: list[Layer] = []
    for which, colour in (("hovered", charts.HOVER_COLOUR), ("slot", charts.PIN_COLOUR)):
        rows = alt.Chart(alt.sequence(0, 1, as_="one")).transform_calculate(at=which)
        rings.append(ringed(placed(rows.transform_filter("datum.at >= 0")), 130, colour, _AT))
    return rings


def _name(layout: Layout) -> alt.Chart:
    """The name of the head that is shown, on the side where there is room for it.

    None where there are so many dots that it could not be read.
    """
    rows = (
        placed(alt.Chart(alt.sequence(0, 1, as_="one")).transform_calculate(at="slot"))
        .transform_filter(f"{layout.n} <= {NUMBERED}")
        .transform_calculate(right="datum.dot_x > plot_x + plot_width - 60")
        .transform_calculate(
            text="slots[slot]",
            x="datum.right ? datum.dot_x - 11 : datum.dot_x + 11",
            y="datum.dot_y + (datum.dot_y < plot_y + 20 ? 10 : -9)",
        )
    )
    return text(
        rows,
        align=alt.expr("datum.right ? 'right' : 'left'"),
        fontSize=12,
        fontWeight=600,
    )


def _headings() -> list[Layer]:
    """What is upwards above the axis, what is across below it."""
    baselines = literal(_("dashed: best untrained head, dotted: all keys alike"))
    middle = spoken(_("line: {effect}"), effect="middle_texts[middles[score] ? score : beside]")
    lines = [
        (literal(_("All heads as dots")), "0", "dots_y + 9", 13, 600),
        ("'↑ ' + captions[beside]", "0", "plot_y - 14", 11, 400),
        (
            "'→ ' + captions[score]", "plot_x", "plot_y + plot_height + 32", 11, 400,
        ),
        (
            f"probed[score] || probed[beside] ? {baselines} : ''",
            "plot_x", "plot_y + plot_height + 52", 11, 400,
        ),
        (
            f"middles[score] || middles[beside] ? {middle} : ''",
            "plot_x",
            "plot_y + plot_height + (probed[score] || probed[beside] ? 66 : 52)",
            11, 400,
        ),
    ]  # fmt: skip
    return [
        text(
            alt.Chart(alt.sequence(0, 1, as_="one")).transform_calculate(text=said, x=x, y=y),
            align="left",
            fontSize=size,
            fontWeight=weight,
            limit=alt.expr(f"part_width - {x}"),
        )
        for said, x, y, size, weight in lines
    ]


def _axes() -> alt.Chart:
    """The room of the dots, and lines where a head is that makes no difference to an answer."""
    return (
        alt.Chart(alt.sequence(0, 3, as_="i"))
        .transform_filter("datum.i == 0 || (datum.i == 1 ? signed[score] : signed[beside])")
        .transform_calculate(
            x=f"datum.i == 1 ? {_ACROSS.format(value='middles[score]')} : plot_x",
            x2=f"datum.i == 1 ? {_ACROSS.format(value='middles[score]')} : plot_x + plot_width",
            y=f"datum.i == 2 ? {_UPWARDS.format(value='middles[beside]')} : plot_y",
            y2=f"datum.i == 2 ? {_UPWARDS.format(value='middles[beside]')} : plot_y + plot_height",
        )
        .mark_rect(
            filled=False, stroke="currentColor", strokeOpacity=0.35, aria=False, tooltip=None
        )
        .encode(**CORNERS)
    )


def _ticks() -> list[Layer]:
    """Numbers at the ends of both axes."""
    rows = (
        alt.Chart(alt.sequence(0, 4, as_="i"))
        .transform_calculate(across="datum.i < 2", end="datum.i % 2")
        .transform_calculate(ends="spans[datum.across ? score : beside]")
        .transform_calculate(
            text=f"format(datum.ends[datum.end], {fine('datum.ends[1] - datum.ends[0]')})",
            x="datum.across ? plot_x + datum.end * plot_width : plot_x - 6",
            y="datum.across ? plot_y + plot_height + 13"
            " : plot_y + 5 + (1 - datum.end) * (plot_height - 10)",
        )
    )
    across = rows.transform_filter("datum.across")
    upwards = rows.transform_filter("!datum.across")
    return [
        text(across, align="center", fontSize=11),
        text(upwards, align="right", fontSize=11),
    ]


def _baselines(name: str) -> list[Layer]:
    """Lines at what the best untrained head gets, or what one that looks at all alike gets."""
    dash = [5, 3] if name == "untrained" else [1, 3]
    lines: list[Layer] = []
    for score, place in (("score", _ACROSS), ("beside", _UPWARDS)):
        value = f"untrained[{score}]" if name == "untrained" else f"peek(sort(uniform[{score}]))"
        across = score == "score"
        rows = (
            alt.Chart(alt.sequence(0, 1, as_="one"))
            .transform_filter(f"probed[{score}]")
            .transform_calculate(at=place.format(value=value))
            .transform_calculate(
                x="datum.at" if across else "plot_x",
                x2="datum.at" if across else "plot_x + plot_width",
                y="plot_y" if across else "datum.at",
                y2="plot_y + plot_height" if across else "datum.at",
            )
        )
        lines.append(
            rows.mark_rule(
                color="currentColor", strokeDash=dash, opacity=0.8, aria=False, tooltip=None
            ).encode(**CORNERS)
        )
    return lines
