"""The chart: lines over the layers, and below each state its numbers.

Places are in CSS pixels. A document is the same for all readers, so those that depend on the width
of the window are expressions of `narrow`.
"""

from __future__ import annotations

from math import ceil
from typing import Any, cast

import altair as alt

from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR, literal, spoken
from attention_gallery.language import _
from attention_gallery.pixels import AT, CORNERS, NARROW, on_rows
from attention_gallery.views.probing.findings import Findings

_PLACE: dict[str, Any] = {**AT}
_BOX: dict[str, Any] = {**CORNERS}

_WIDTHS = 640, 340  # in a wide window, and on a phone
_LEFT = 92  # room for numbers of the axis, and names of rows
_LINE = 22  # of the legend, or a row of numbers
_SAMPLE = 34  # a piece of line in the legend
_TOP = 5 * _LINE + 14
_HEIGHT = 230  # of an accuracy of 1
_BOTTOM = _TOP + _HEIGHT
_ROWS = _BOTTOM + 20  # the names of states, and numbers below them
_END = _ROWS + 4 * _LINE
_NUMBER = 40  # room for a number in a row
_CROWDED = 24  # nearer states have smaller points
_TELLING = 0.1  # a smaller difference has no room between two lines


def params(findings: Findings) -> list[alt.Parameter]:
    """What places depend on: the distance of states, and how many of them have numbers."""
    n = len(findings.states)
    rooms = [width - _LEFT for width in _WIDTHS]
    # The numbers of the first and the last state have to find room, however near states are.
    margins = [max(room / n, _NUMBER + 4) / 2 for room in rooms]
    steps = [(room - 2 * margin) / (n - 1) for room, margin in zip(rooms, margins, strict=True)]
    every = [ceil(_NUMBER / step) for step in steps]
    return [
        alt.param(name="narrow", expr=NARROW),
        *(
            alt.param(name=name, expr=f"narrow ? {narrow:g} : {wide:g}")
            for name, (wide, narrow) in (
                ("first", [_LEFT + margin for margin in margins]),
                ("step", steps),
                ("every", every),
            )
        ),
    ]


def chart(findings: Findings) -> alt.LayerChart:
    """All layers, the last on top."""
    n = len(findings.states)
    layers: list[alt.Chart | alt.LayerChart] = [
        _grid(),
        _pinned(),
        _band(n, "real", PIN_COLOUR),
        _band(n, "control", HOVER_COLOUR),
        _guess(),
        _line(n, "control", HOVER_COLOUR, "square"),
        _line(n, "real", PIN_COLOUR, "circle"),
        _difference(),
        _legend(findings),
        _headings(),
        _numbers(n),
        _columns(n),
    ]
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    return cast(alt.LayerChart, alt.layer(*layers, width=1, height=1))


def _x(state: str) -> str:
    return f"first + step * ({state})"


def _y(share: str) -> str:
    return f"{_BOTTOM} - {_HEIGHT} * ({share})"


def _rows(n: int, **fields: str) -> alt.Chart:
    """Rows 0 to n - 1 with fields, each a Vega expression of ``datum.i``."""
    rows = alt.Chart(alt.sequence(0, n, as_="i"))
    return rows.transform_calculate(**fields)


def _grid() -> alt.LayerChart:
    """Lines at quarters of all tests, over all the room there is, so that nothing moves."""
    right = f"narrow ? {_WIDTHS[1]} : {_WIDTHS[0]}"
    rows = _rows(
        5, x=str(_LEFT), x2=right, y=_y("datum.i / 4"), label_x=str(_LEFT - 8),
        label="format(datum.i / 4, '.2f')",
    )  # fmt: skip
    line = alt.Chart().mark_rule(opacity=0.15, stroke="currentColor", aria=False, tooltip=None)
    label = _text(align="right", opacity=0.75, fontSize=12)
    return on_rows(
        rows,
        line.encode(**_PLACE, x2="x2:Q"),
        label.encode(x=alt.X("label_x:Q", scale=None, axis=None), y=_PLACE["y"], text="label:N"),
    )


def _pinned() -> alt.Chart:
    """A stripe behind the state that is told."""
    rows = _rows(1, x=_x("state - 0.5"), x2=_x("state + 0.5"), y=str(_TOP - 6), y2=str(_END))
    return rows.mark_rect(
        fill="currentColor", opacity=0.08, cornerRadius=4, aria=False, tooltip=None
    ).encode(**_BOX)


def _band(n: int, curve: str, colour: str) -> alt.Chart:
    """From the worst repeat to the best one."""
    rows = _rows(
        n, x=_x("datum.i"), y=_y(f"{curve}_lowest[datum.i]"), y2=_y(f"{curve}_highest[datum.i]")
    )
    return rows.mark_area(fill=colour, opacity=0.18, aria=False, tooltip=None).encode(
        **_PLACE, y2="y2:Q"
    )


def _line(n: int, curve: str, colour: str, shape: str) -> alt.LayerChart:
    """The mean over repeats."""
    rows = _rows(n, x=_x("datum.i"), y=_y(f"{curve}[datum.i]"))
    line = alt.Chart().mark_line(
        stroke=colour, strokeWidth=2.5, aria=False, tooltip=None, strokeDash=_dash(shape)
    )
    return on_rows(rows, line.encode(**_PLACE), _point(colour, shape).encode(**_PLACE))


def _point(colour: str, shape: str) -> alt.Chart:
    """Filled for labels as they are, hollow for random ones."""
    return alt.Chart().mark_point(
        shape=shape, size=alt.expr(f"step < {_CROWDED} ? 14 : 60"), stroke=colour, strokeWidth=2,
        opacity=1, fillOpacity=1, fill=colour if shape == "circle" else "white", aria=False,
        tooltip=None,
    )  # fmt: skip


def _dash(shape: str) -> list[int]:
    return [1, 0] if shape == "circle" else [6, 4]


def _guess() -> alt.Chart:
    """What always saying the commonest label gets."""
    rows = _rows(1, x=str(_LEFT), x2=f"narrow ? {_WIDTHS[1]} : {_WIDTHS[0]}", y=_y("majority"))
    return _dotted(rows).encode(**_PLACE, x2="x2:Q")


def _dotted(rows: alt.Chart) -> alt.Chart:
    return rows.mark_rule(
        stroke="currentColor", strokeWidth=2, strokeDash=[1, 4], strokeCap="round", opacity=0.8,
        aria=False, tooltip=None,
    )  # fmt: skip


def _difference() -> alt.LayerChart:
    """How far labels are told better than random ones, or worse, at the state that is told."""
    rows = _rows(
        1, x=_x("state"), y=_y("real[state]"), y2=_y("control[state]"),
        middle=_y("(real[state] + control[state]) / 2"),
        room=f"step >= {_CROWDED} && abs(real[state] - control[state]) >= {_TELLING}",
    ).transform_calculate(
        # Beside the last state there is no room to the right of it.
        side="state == length(states) - 1 ? -1 : 1", label="datum.room ? more[state] : ''",
    ).transform_calculate(label_x="datum.x + 8 * datum.side")  # fmt: skip
    rule = alt.Chart().mark_rule(stroke="currentColor", strokeWidth=2, aria=False, tooltip=None)
    labels = [
        _text(align=align, fontWeight=700)
        .transform_filter(f"datum.side == {side}")
        .encode(
            x=alt.X("label_x:Q", scale=None, axis=None),
            y=alt.Y("middle:Q", scale=None, axis=None),
            text="label:N",
        )
        for align, side in (("left", 1), ("right", -1))
    ]
    return on_rows(rows, rule.encode(**_PLACE, y2="y2:Q"), *labels)


def _legend(findings: Findings) -> alt.LayerChart:
    """What each line is, with its number at the state that is told."""
    if findings.of_texts:
        random = _("texts labelled at random: {accuracy} ({range})")
    else:
        random = _("words labelled at random: {accuracy} ({range})")
    said = [(_("labels as they are: {accuracy} ({range})"), "real"), (random, "control")]
    layer = spoken(_("Accuracy of linear probes after {layer}"), layer="brief[state]")
    alone = literal(_("Accuracy of linear probes of the words alone"))
    lines: list[alt.Chart | alt.LayerChart] = [_written(0, f"state ? {layer} : {alone}", 0, 700)]
    for line, (words, curve) in enumerate(said, 1):
        at = _rows(1, x=f"{_SAMPLE / 2}", left="0", right=str(_SAMPLE), y=str(_LINE * (line + 0.5)))
        colour, shape = (PIN_COLOUR, "circle") if line == 1 else (HOVER_COLOUR, "square")
        sample = alt.Chart().mark_rule(
            stroke=colour, strokeWidth=2.5, strokeDash=_dash(shape), aria=False, tooltip=None
        )
        ends: dict[str, Any] = {
            "x": alt.X("left:Q", scale=None, axis=None),
            "x2": "right:Q",
            "y": _PLACE["y"],
        }
        lines.append(on_rows(at, sample.encode(**ends), _point(colour, shape).encode(**_PLACE)))
        numbers = {"accuracy": f"format({curve}[state], '.2f')", "range": f"{curve}_range[state]"}
        lines.append(_written(line, spoken(words, **numbers)))
    dots = _dotted(_rows(1, x="0", x2=str(_SAMPLE), y=str(_LINE * 3.5)))
    commonest = spoken(
        _("always the commonest label: {accuracy}"), accuracy="format(majority, '.2f')"
    )
    difference = spoken(_("difference (selectivity): {difference}"), difference="more[state]")
    lines += [
        dots.encode(**_PLACE, x2="x2:Q"),
        _written(3, commonest),
        _written(4, difference, 0, 700),
    ]
    return cast(alt.LayerChart, alt.layer(*lines))


def _written(line: int, said: str, left: float = _SAMPLE + 8, weight: Any = 400) -> alt.Chart:
    rows = _rows(1, x=str(left), y=str(_LINE * (line + 0.5)), text=said)
    return cast(
        alt.Chart,
        rows.mark_text(
            align="left", baseline="middle", fontSize=13, fontWeight=weight, aria=False,
            tooltip=None,
        ).encode(**_PLACE, text="text:N"),
    )  # fmt: skip


def _headings() -> alt.LayerChart:
    """What the rows below the lines are."""
    names = [_("layer"), _("as they are"), _("at random"), _("difference")]
    rows = [_written_right(i, name) for i, name in enumerate(names)]
    return cast(alt.LayerChart, alt.layer(*rows))


def _written_right(row: int, name: str) -> alt.Chart:
    rows = _rows(1, x=str(_LEFT - 8), y=str(_ROWS + _LINE * row), text=literal(name))
    marked = rows.mark_text(
        align="right", baseline="middle", fontSize=12, opacity=0.75, aria=False, tooltip=None
    )
    return cast(alt.Chart, marked.encode(**_PLACE, text="text:N"))


def _numbers(n: int) -> alt.LayerChart:
    """Below each state its name and numbers; where states are many, below some, and the pinned."""
    near = "abs(datum.i - state) < every"
    shown = f"datum.i == state || (datum.i % every == 0 && !({near}))"
    rows = _rows(n, x=_x("datum.i")).transform_filter(shown)
    texts = ["brief[datum.i]", *(f"format({c}[datum.i], '.2f')" for c in ("real", "control"))]
    layers = []
    for row, text in enumerate([*texts, "more[datum.i]"]):
        layers.append(
            _text(
                align="center", fontSize=12,
                fontWeight=alt.expr("datum.i == state ? 700 : 400"),
            )
            .transform_calculate(y=str(_ROWS + _LINE * row), text=text)
            .encode(**_PLACE, text="text:N")
        )  # fmt: skip
    return on_rows(rows, *layers)


def _columns(n: int) -> alt.Chart:
    """What is pointed at and clicked: all of a state."""
    rows = _rows(
        n, x=_x("datum.i - 0.5"), x2=_x("datum.i + 0.5"),
        y=str(_TOP - 6), y2=str(_END), choice="{state: datum.i}",
        tip=spoken(
            _("{state}: {accuracy}, with random labels {control}"), state="states[datum.i]",
            accuracy="format(real[datum.i], '.2f')", control="format(control[datum.i], '.2f')",
        ),
    )  # fmt: skip
    return rows.mark_rect(fillOpacity=0, cursor="pointer", aria=False).encode(
        **_BOX, tooltip="tip:N"
    )


def _text(**style: Any) -> alt.Chart:
    return alt.Chart().mark_text(baseline="middle", aria=False, tooltip=None, **style)
