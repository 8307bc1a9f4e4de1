"""The text, each token with how surprising it is: a tint, a bar that hangs below it, a number."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import CORNERS, on_rows
from attention_gallery.views.predictions.layout import BAR, STEP, WORD, Layout


def surprise(layout: Layout) -> alt.LayerChart:
    """What is told of each token; where nothing is, nothing is drawn."""
    rows = (
        _placed(layout, layout.word("datum.word"))
        .transform_filter("bits[datum.word] >= 0")
        .transform_calculate(bits="bits[datum.word]")
        .transform_calculate(bar_end=f"datum.y2 + {BAR / layout.most} * datum.bits")
        .transform_calculate(
            number_y="datum.bar_end + 8", bar_x="datum.x + 2", bar_x2="datum.x2 - 2"
        )
    )
    tint = (
        alt.Chart()
        .mark_rect(cornerRadius=4, fill=charts.HOVER_COLOUR, aria=False, tooltip=None)
        .encode(
            **CORNERS,
            fillOpacity=alt.Opacity(
                "bits:Q",
                scale=alt.Scale(domain=[0, layout.most], range=[0, 0.4]),
                legend=None,
            ),
        )
    )
    bar = (
        alt.Chart()
        .mark_rect(fill=charts.HOVER_COLOUR, aria=False, tooltip=None)
        .encode(
            x=alt.X("bar_x:Q", scale=None, axis=None),
            x2="bar_x2:Q",
            y=alt.Y("y2:Q", scale=None, axis=None),
            y2="bar_end:Q",
        )
    )
    told = (
        alt.Chart()
        .mark_text(baseline="middle", fontSize=11, aria=False, tooltip=None)
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("number_y:Q", scale=None, axis=None),
            text=alt.Text("bits:Q", format=".1f"),
        )
    )
    return on_rows(rows, tint, bar, told)


def pinned(layout: Layout) -> alt.Chart:
    """A frame around the token whose place is shown."""
    rows = _placed(layout, layout.word("place"), n_rows=1)
    return rows.mark_rect(
        cornerRadius=4, filled=False, stroke="currentColor", strokeWidth=2, aria=False, tooltip=None
    ).encode(**CORNERS)


def words(layout: Layout) -> alt.LayerChart:
    """The tokens; a click on one shows what was expected in its place."""
    rows = _placed(layout, layout.word("datum.word")).transform_calculate(
        text="words[datum.word]",
        choice="{place: datum.word}",
        tip="expects[datum.word] + ' ' + tells[datum.word]",
        pale="bits[datum.word] < 0",
    )
    label = (
        alt.Chart()
        .mark_text(
            baseline="middle", fontSize=14, limit=alt.expr("datum.at[2] - 8"), aria=False,
            tooltip=None, fontStyle=alt.expr("datum.pale ? 'italic' : 'normal'"),
        )
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("line:Q", scale=None, axis=None),
            text="text:N",
        )
    )  # fmt: skip
    target = (
        alt.Chart()
        .mark_rect(fillOpacity=0, cursor="pointer", aria=False)
        .encode(**CORNERS, tooltip="tip:N")
    )
    return on_rows(rows, label, target)


def _placed(layout: Layout, at: str, n_rows: int = 0) -> alt.Chart:
    """Rows with the box of a token: `n_rows`, or one for each."""
    return (
        alt.Chart(alt.sequence(0, n_rows or len(layout.places), as_="word"))
        .transform_calculate(at=at)
        .transform_calculate(
            x="datum.at[0] + 1",
            x2="datum.at[0] + datum.at[2] - 1",
            y=f"{layout.top} + {STEP} * datum.at[1]",
            y2=f"{layout.top} + {STEP} * datum.at[1] + {WORD}",
            middle="datum.at[0] + datum.at[2] / 2",
            line=f"{layout.top} + {STEP} * datum.at[1] + {WORD / 2}",
        )
    )
