"""The grid itself: the picture of each head, what frames and names it, and what can be pointed at.

The pictures never change. What is pointed at, pinned, or said of a score is drawn over them, from
the same rows: a head's place is computed once for all of them.
"""

from __future__ import annotations

from typing import Literal

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import AT, on_rows
from attention_gallery.views.grid.layout import BAR, NAMED, Layout
from attention_gallery.views.grid.params import score_expr


def grid(layout: Layout) -> alt.LayerChart:
    """All that is drawn for each head, or for some of them."""
    return on_rows(
        _rows(layout),
        _pictures(),
        _frame("pin", charts.PIN_COLOUR),
        _frame("hover", charts.HOVER_COLOUR),
        _tracks(),
        _bars(),
        _names(layout),
        _targets(),
    )


def _rows(layout: Layout) -> alt.Chart:
    """One row for each head, with its place; pooled maps have none."""
    choice = "{slot: datum.slot}"
    matrix = "false"
    if layout.matrix:
        choice = "{layer: slot_layers[datum.slot], head: slot_heads[datum.slot]}"
        matrix = "placed"
    return (
        alt.Chart(alt.sequence(0, len(layout.packed.slots), as_="slot"))
        .transform_filter("slot_heads[datum.slot] >= 0")
        .transform_calculate(
            layer="slot_layers[datum.slot]",
            head="slot_heads[datum.slot]",
            choice=choice,
            score="order ? scores[order - 1][datum.slot] : 0",
            url="picture_head + picture_tails[datum.slot]",
        )
        .transform_calculate(
            part="order ? datum.score / most[order - 1] : 0",
            after="placed ? datum.slot : -datum.score",
        )
        .transform_window(
            rank="row_number()", sort=[alt.SortField("after"), alt.SortField("slot")]
        )
        .transform_calculate(
            column=f"{matrix} ? datum.head : (datum.rank - 1) % {layout.columns}",
            line=f"{matrix} ? datum.layer : floor((datum.rank - 1) / {layout.columns})",
        )
        .transform_calculate(
            x=f"{layout.left} + datum.column * pitch_x", x2="datum.x + tile_width",
            y=f"{layout.above} + datum.line * pitch_y", y2="datum.y + tile_height",
        )
    )  # fmt: skip


def _pictures() -> alt.Chart:
    """A change of order moves them; none is drawn anew."""
    return (
        alt.Chart()
        .mark_image(
            align="left",
            baseline="top",
            width=alt.expr("tile_width"),
            height=alt.expr("tile_height"),
            aspect=False,
            smooth=False,
            aria=False,
            tooltip=None,
        )
        .encode(**AT, url="url:N")
    )


def _frame(selection: Literal["hover", "pin"], colour: str) -> alt.Chart:
    """Around the head that is pointed at, or chosen; around all of a layer that is pooled.

    It lies beside the picture, on the paper, where its colour is to be seen in light and in dark.
    """
    of_layer = "slot_layers[slot] < 0 || datum.layer == slot_layers[slot]"
    framed = {
        "hover": "datum.slot == hovered",
        "pin": f"slot_heads[slot] < 0 ? {of_layer} : datum.slot == slot",
    }
    return (
        alt.Chart()
        .transform_filter(framed[selection])
        .transform_calculate(
            left="datum.x - frame",
            right="datum.x2 + frame",
            top="datum.y - frame",
            bottom="datum.y2 + frame",
        )
        .mark_rect(filled=False, stroke=colour, strokeWidth=2.5, aria=False, tooltip=None)
        .encode(
            x=alt.X("left:Q", scale=None, axis=None), x2="right:Q",
            y=alt.Y("top:Q", scale=None, axis=None), y2="bottom:Q",
        )
    )  # fmt: skip


def _tracks() -> alt.Chart:
    """The room of each bar, so that its length can be read."""
    return _bar("datum.x2").mark_rect(color="currentColor", opacity=0.14, aria=False, tooltip=None)


def _bars() -> alt.Chart:
    return _bar("datum.x + tile_width * datum.part").mark_rect(
        color="currentColor", opacity=0.85, aria=False, tooltip=None
    )


def _bar(end: str) -> alt.Chart:
    """Below a picture, as long as its score; none where heads are not scored."""
    return (
        alt.Chart()
        .transform_filter("order > 0")
        .transform_calculate(end=end, top="datum.y2 + frame + 1", bottom=f"datum.top + {BAR}")
        .encode(
            x=alt.X("x:Q", scale=None, axis=None), x2="end:Q",
            y=alt.Y("top:Q", scale=None, axis=None), y2="bottom:Q",
        )
    )  # fmt: skip


def _names(layout: Layout) -> alt.Chart:
    """Below a picture whose place does not say which head it is, its name; else its score."""
    named = "!placed" if layout.matrix else "true"
    rows = (
        alt.Chart()
        .transform_filter(f"{NAMED} && ({named} || order > 0)")
        .transform_calculate(
            middle="datum.x + tile_width / 2",
            below=f"datum.y2 + {BAR + 10}",
            text=f"{named} ? slots[datum.slot] : format(datum.score, '.2f')",
        )
    )
    return rows.mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None).encode(
        x=alt.X("middle:Q", scale=None, axis=None),
        y=alt.Y("below:Q", scale=None, axis=None),
        text="text:N",
    )


def _targets() -> alt.Chart:
    """What is pointed at, without gaps: the panel would flicker on the way to the next head."""
    scored = f"score_titles[order - 1] + ' ' + {score_expr('order - 1', 'datum.slot')}"
    pin = alt.selection_point(
        name="pin",
        fields=["slot"],
        on="click",
        clear="window:keydown[event.key === 'Escape']",
        empty=False,
    )
    return (
        alt.Chart()
        .transform_calculate(
            chosen="slot",
            right="datum.x + pitch_x",
            bottom="datum.y + pitch_y",
            told=f"slots[datum.slot] + (order ? ': ' + {scored} : '')",
        )
        .mark_rect(fillOpacity=0, cursor="pointer", aria=False)
        .encode(
            x=alt.X("x:Q", scale=None, axis=None), x2="right:Q",
            y=alt.Y("y:Q", scale=None, axis=None), y2="bottom:Q",
            tooltip="told:N",
        )
        .add_params(pin, charts.hover("slot", "chosen"))
    )  # fmt: skip
