"""The card of the head that is shown: each of its scores as a bar, with what chance would give."""

from __future__ import annotations

from math import ceil
from typing import Literal

import altair as alt

from attention_gallery import charts
from attention_gallery.charts import literal, n_columns, spoken
from attention_gallery.language import _
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.heads import words
from attention_gallery.views.heads.layout import LINE, PAIRED, PROBED, Layout
from attention_gallery.views.heads.matrices import Layer, text
from attention_gallery.views.heads.scores import effect


def card(layout: Layout) -> list[Layer]:
    """The name of the head, and a line for each score."""
    return [_title(), _rows(layout)]


def _title() -> alt.Chart:
    """Which head, and the pattern it stands out by."""
    parts = {"head": "slots[slot]", "pattern": "titles[best[slot]]"}
    named = spoken(_("{head}: {pattern}"), **parts)
    unnamed = spoken(_("{head}: no pattern stands out"), **parts)
    rows = alt.Chart(alt.sequence(0, 1, as_="one")).transform_calculate(
        text=f"best[slot] < 0 ? slots[slot] : named[slot] ? {named} : {unnamed}",
        x="card_x",
        y="card_y + 9",
    )
    return text(rows, align="left", fontSize=14, fontWeight=600, limit=alt.expr("part_width"))


def _rows(layout: Layout) -> alt.LayerChart:
    number = words.number_expr("datum.score", "slot")
    rows = (
        alt.Chart(alt.sequence(0, len(layout.rows), as_="row"))
        .transform_calculate(
            score="card_scores[datum.row]",
            top=f"card_y + 24 + {LINE} * card_lines[datum.row]",
        )
        .transform_calculate(
            value="datum.score < 0 ? 0 : values[datum.score][slot]",
            bar="datum.score >= 0 && barred[datum.score]",
            middle=f"datum.top + {LINE / 2}",
            text="card_texts[datum.row]",
        )
        .transform_calculate(number=f"datum.score < 0 ? '' : {number}")
    )
    return on_rows(
        rows, _bars("track"), _bars("bar"), _zero(), _line(), _uniform(),
        _texts("left"), _texts("right"), *_legend(layout),
    )  # fmt: skip


def _at(value: str) -> str:
    """A Vega expression for the place of a value on the scale of its bar."""
    low, high = (f"bars[datum.score][{end}]" for end in (0, 1))
    return f"bar_x + bar_width * clamp(({value} - {low}) / ({high} - {low}), 0, 1)"


def _bars(which: Literal["track", "bar"]) -> alt.Chart:
    """From zero, to the left what is negative; below it the room of each bar."""
    zero, value = _at("0"), _at("datum.value")
    ends = {
        "track": ("bar_x", "bar_x + bar_width"),
        "bar": (f"min({zero}, {value})", f"max({zero}, {value})"),
    }[which]
    rows = (
        alt.Chart()
        .transform_filter("datum.bar")
        .transform_calculate(x=ends[0], x2=ends[1], y="datum.middle - 4", y2="datum.middle + 4")
    )
    if which == "track":
        track = rows.mark_rect(color="currentColor", opacity=0.1, aria=False, tooltip=None)
        return track.encode(**CORNERS)
    rows = rows.transform_calculate(
        colour=f"datum.value < 0 ? '{charts.HOVER_COLOUR}' : '{charts.PIN_COLOUR}'"
    )
    bar = rows.mark_rect(stroke=None, aria=False, tooltip=None)
    return bar.encode(**CORNERS, fill=alt.Fill("colour:N", scale=None))


def _zero() -> alt.Chart:
    """Where the bars of effects begin."""
    rows = (
        alt.Chart()
        .transform_filter("datum.bar && signed[datum.score]")
        .transform_calculate(x=_at("0"), y="datum.middle - 6", y2="datum.middle + 6")
    )
    rule = rows.mark_rule(color="currentColor", opacity=0.5, aria=False, tooltip=None)
    return rule.encode(**AT, y2="y2:Q")


def _line() -> alt.Chart:
    """What a bar is held against: the best untrained head, or the total effect."""
    rows = (
        alt.Chart()
        .transform_filter("datum.bar && lines[datum.score] != null")
        .transform_calculate(
            x=_at("lines[datum.score]"), y="datum.middle - 7", y2="datum.middle + 7"
        )
    )
    rule = rows.mark_rule(color="currentColor", strokeWidth=1.5, aria=False, tooltip=None)
    return rule.encode(**AT, y2="y2:Q")


def _uniform() -> alt.Chart:
    """What a head gives that looks at all alike: a dot."""
    rows = (
        alt.Chart()
        .transform_filter("datum.bar && probed[datum.score]")
        .transform_calculate(x=_at("uniform[datum.score][slot_layers[slot]]"))
    )
    return rows.mark_point(
        filled=True, color=charts.HOVER_COLOUR, opacity=1, size=22, aria=False, tooltip=None
    ).encode(x=AT["x"], y=alt.Y("middle:Q", scale=None, axis=None))


def _texts(side: Literal["left", "right"]) -> alt.Chart:
    """What is scored before the bar, its number after it; headings go across."""
    heading = "datum.score < 0"
    rows = (
        alt.Chart()
        .transform_calculate(
            x=f"card_x + ({heading} ? 0 : 8)" if side == "left" else "card_x + part_width",
            written="datum.text" if side == "left" else "datum.number",
        )
        .mark_text(
            align=side,
            baseline="middle",
            fontSize=12,
            fontWeight=alt.expr(f"{heading} ? 600 : 400"),
            limit=alt.expr(f"{heading} ? part_width : bar_x - card_x - 14"),
            aria=False,
        )
    )
    return rows.encode(
        x=AT["x"], y=alt.Y("middle:Q", scale=None, axis=None), text="written:N",
        tooltip="written:N",
    )  # fmt: skip


def _legend(layout: Layout) -> list[alt.Chart]:
    """What the line and the dot beside bars mean."""
    total = _("total effect {effect}; bars begin at 0").format(effect=effect(layout.scores.total))
    untrained = _("best untrained head")
    y = alt.Y("middle:Q", scale=None, axis=None)
    parts: list[alt.Chart] = []
    for row, x, marked, said in (
        (PROBED, 12, "line", untrained),
        (PROBED, max(150, ceil(32 + 6.2 * n_columns(untrained))), "dot", _("looks at all alike")),
        (PAIRED, 12, "line", total),
    ):
        if row not in {each.score for each in layout.rows}:
            continue
        place = (
            alt.Chart()
            .transform_filter(f"datum.score == {row}")
            .transform_calculate(
                at=f"card_x + {x}", x=f"card_x + {x + 8}", y="datum.middle - 6",
                y2="datum.middle + 6", said=literal(said),
            )
        )  # fmt: skip
        at = alt.X("at:Q", scale=None, axis=None)
        if marked == "line":
            line = place.mark_rule(color="currentColor", strokeWidth=1.5, aria=False, tooltip=None)
            parts.append(line.encode(x=at, y=AT["y"], y2="y2:Q"))
        else:
            dot = place.mark_point(
                filled=True, color=charts.HOVER_COLOUR, opacity=1, size=22, aria=False,
                tooltip=None,
            )  # fmt: skip
            parts.append(dot.encode(x=at, y=y))
        label = place.mark_text(
            align="left", baseline="middle", fontSize=11, aria=False, tooltip=None
        )
        parts.append(label.encode(x=AT["x"], y=y, text="said:N"))
    return parts
