"""The text as far as it is written, and the tokens that are looked at to write on."""

from __future__ import annotations

from typing import Any

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.pixels import AT, on_rows
from attention_gallery.views.generation.layout import BAR, LOOKED_AT, WORD, Layout

_TOLD = 0.01  # a smaller weight has its number in the tooltip only
_MIDDLE: dict[str, Any] = {**AT}
_BOX: dict[str, Any] = {
    "x": alt.X("left:Q", scale=None, axis=None),
    "y": alt.Y("above:Q", scale=None, axis=None),
    "x2": "right:Q",
    "y2": "below:Q",
}


def words(layout: Layout) -> alt.LayerChart:
    """All tokens of the text; a click on one goes to the step that chose it."""
    tip = "datum.text + (datum.told ? ': ' + told[datum.word - 1] : '')"
    if not layout.crossed:
        weight = f"format({_weight(layout, 'datum.word')}, '.3f')"
        read = charts.spoken(_("{token}, looked at: {weight}"), token=tip, weight=weight)
        tip = f"datum.word > step ? {tip} : {read}"
    rows = (
        _placed(alt.Chart(alt.sequence(0, len(layout.steps.words), as_="word")), layout, "word")
        .transform_calculate(
            text="words[datum.word]",
            choice="{step: max(0, datum.word - 1)}",
            told="datum.word > 0 && told[datum.word - 1] != ''",
        )
        .transform_calculate(tip=tip)
    )
    own = (
        alt.Chart()
        .transform_filter("datum.word && by[datum.word - 1] == 'model'")
        .mark_rect(
            cornerRadius=4, filled=False, stroke="currentColor", strokeDash=[2, 3], opacity=0.7,
            aria=False, tooltip=None,
        )
        .encode(**_BOX)
    )  # fmt: skip
    label = _label().encode(
        **_MIDDLE,
        text="text:N",
        # What is still to come is there to be clicked, and pale.
        opacity=alt.condition("datum.word > step + 1", alt.value(0.6), alt.value(1)),
    )
    return on_rows(rows, own, label, _target())


def chosen(layout: Layout) -> alt.Chart:
    """A frame around the token that the step chooses."""
    return (
        _placed(
            alt.Chart(alt.sequence(0, 1, as_="i")).transform_calculate(word="step + 1"),
            layout,
            "word",
        )
        .mark_rect(
            cornerRadius=4, filled=False, stroke="currentColor", strokeWidth=2, opacity=1,
            aria=False, tooltip=None,
        )
        .encode(**_BOX)
    )  # fmt: skip


def keys(layout: Layout) -> alt.LayerChart:
    """The tokens of another text that are looked at."""
    rows = _placed(
        alt.Chart(alt.sequence(0, layout.packed.n_keys, as_="key")), layout, "key"
    ).transform_calculate(
        text="keys[datum.key]",
        tip=f"keys[datum.key] + ': ' + format({_weight(layout, 'datum.key')}, '.3f')",
    )
    return on_rows(rows, _label().encode(**_MIDDLE, text="text:N"), _target())


def weights(layout: Layout) -> alt.LayerChart:
    """How much each token is looked at: a tint, a bar that hangs below it, and a number."""
    rows = alt.Chart(alt.sequence(0, layout.packed.n_keys, as_="key"))
    if layout.packed.triangle:
        rows = rows.transform_filter("datum.key <= step")
    rows = rows.transform_calculate(weight=_weight(layout, "datum.key")).transform_filter(
        f"datum.weight >= {charts.VISIBLE}"
    )
    rows = _placed(rows, layout, "key").transform_calculate(
        bar_left="datum.left + 2",
        bar_right="datum.right - 2",
        bar_end=f"datum.below + {BAR} * datum.weight",
        number_y=f"datum.below + {BAR} * datum.weight + 7",
    )
    tint = (
        alt.Chart()
        .mark_rect(cornerRadius=4, fill=charts.PIN_COLOUR, aria=False, tooltip=None)
        .encode(
            **_BOX,
            fillOpacity=alt.Opacity(
                "weight:Q", scale=alt.Scale(domain=[0, 1], range=[0, 0.4]), legend=None
            ),
        )
    )
    bar = (
        alt.Chart()
        .mark_rect(fill=charts.PIN_COLOUR, aria=False, tooltip=None)
        .encode(
            x=alt.X("bar_left:Q", scale=None, axis=None),
            x2="bar_right:Q",
            y=alt.Y("below:Q", scale=None, axis=None),
            y2="bar_end:Q",
        )
    )
    number = (
        alt.Chart()
        .transform_filter(f"datum.weight >= {_TOLD}")
        .mark_text(baseline="middle", fontSize=11, aria=False, tooltip=None)
        .encode(
            x=AT["x"],
            y=alt.Y("number_y:Q", scale=None, axis=None),
            text=alt.Text("weight:Q", format=".2f"),
        )
    )
    return on_rows(rows, tint, bar, number)


def _weight(layout: Layout, key: str) -> str:
    return charts.weight_expr(charts.cell_expr(layout.packed, "step", key))


def _placed(rows: alt.Chart, layout: Layout, field: str) -> alt.Chart:
    """Rows with the box of a token of the text, or of one that is looked at."""
    if field == "word":
        at, top, line = layout.word("datum.word"), layout.top, layout.line
    else:
        at, top, line = layout.key("datum.key"), str(layout.looked_at), LOOKED_AT
    return rows.transform_calculate(at=at).transform_calculate(
        left="datum.at[0] + 2",
        right="datum.at[0] + datum.at[2] - 2",
        above=f"{top} + {line} * datum.at[1]",
        below=f"{top} + {line} * datum.at[1] + {WORD}",
        x="datum.at[0] + datum.at[2] / 2",
        y=f"{top} + {line} * datum.at[1] + {WORD / 2}",
    )


def _label() -> alt.Chart:
    return alt.Chart().mark_text(
        baseline="middle", fontSize=14, limit=alt.expr("datum.at[2] - 8"), aria=False, tooltip=None
    )


def _target() -> alt.Chart:
    """Transparent, on top: what is pointed at and clicked."""
    return (
        alt.Chart()
        .mark_rect(fillOpacity=0, cursor="pointer", aria=False)
        .encode(**_BOX, tooltip="tip:N")
    )
