"""One head, large, with some of its tokens, and its scores as bars."""

from __future__ import annotations

from typing import Literal

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.grid.layout import LINE, Layout

_LABEL = 12  # pixels that a label of a token takes
_BAR = 60  # the longest bar of a score
_VALUE = 50  # room for its number


def title() -> alt.Chart:
    """Which map is shown, and below it what is particular to it."""
    pinned = charts.spoken(_("{head}, pinned"), head="slots[focus]")
    rows = alt.Chart(alt.sequence(0, 2, as_="line")).transform_calculate(
        text=f"datum.line ? captions[focus] : pinned ? {pinned} : slots[focus]",
        x="panel_x",
        y=f"panel_y + 11 + {LINE} * datum.line",
    )
    return rows.mark_text(
        align="left",
        baseline="middle",
        fontSize=alt.expr("datum.line ? 12 : 14"),
        fontWeight=alt.expr("datum.line ? 400 : 600"),
        aria=False,
        tooltip=None,
    ).encode(**AT, text="text:N")


def picture() -> alt.Chart:
    """Of all that is drawn here the one thing that changes with the pointer and is large."""
    return (
        alt.Chart(alt.sequence(0, 1, as_="one"))
        .transform_calculate(url="picture_head + picture_tails[focus]", x="shown_x", y="shown_y")
        .mark_image(
            align="left",
            baseline="top",
            width=alt.expr("shown_width"),
            height=alt.expr("shown_height"),
            aspect=False,
            smooth=False,
            aria=False,
            tooltip=None,
        )
        .encode(**AT, url="url:N")
    )


def labels(layout: Layout, end: Literal["query", "key"]) -> alt.Chart:
    """The tokens at one end, or as many of them as there is room for."""
    looking = end == "query"
    names = "queries" if looking else "keys"
    n = layout.packed.n_queries if looking else layout.packed.n_keys
    length = "shown_height" if looking else "shown_width"
    along = f"(datum.i + 0.5) * {length} / {n}"
    rows = (
        alt.Chart(alt.sequence(0, n, as_="i"))
        .transform_filter(f"datum.i % ceil({_LABEL} * {n} / {length}) == 0")
        .transform_calculate(
            text=f"{names}[datum.i]",
            x="shown_x - 5" if looking else f"shown_x + {along}",
            y=f"shown_y + {along}" if looking else "shown_y - 5",
        )
    )
    return rows.mark_text(
        align="right" if looking else "left",
        angle=0 if looking else 270,
        baseline="middle",
        fontSize=11,
        limit=layout.label[0 if looking else 1] - 6,
        aria=False,
    ).encode(**AT, text="text:N", tooltip="text:N")


def scores(layout: Layout) -> alt.LayerChart:
    """Each score of the map, as a bar that is full for the head with most of it."""
    end = f"panel_x + {layout.scores_width}"
    rows = (
        alt.Chart(alt.sequence(0, layout.n_scores, as_="score"))
        .transform_calculate(
            value="scores[datum.score][focus]",
            top=f"scores_y + {LINE} * datum.score",
        )
        .transform_calculate(
            title="score_labels[datum.score]",
            number="isValid(datum.value) ? format(datum.value, score_formats[datum.score]) : '–'",
            y="datum.top + 5", y2="datum.top + 12",
            x=f"{end} - {_VALUE + _BAR}", x2="datum.x + "
            f"{_BAR} * (isValid(datum.value) ? datum.value / most[datum.score] : 0)",
            middle="datum.top + 8", left="panel_x", right=end,
        )
    )  # fmt: skip
    bar = (
        alt.Chart()
        .mark_rect(color="currentColor", opacity=0.6, aria=False, tooltip=None)
        .encode(**CORNERS)
    )
    room = layout.scores_width - _BAR - _VALUE - 6
    return on_rows(rows, bar, _column("title", "left", room), _column("number", "right", _VALUE))


def _column(field: str, align: Literal["left", "right"], limit: int) -> alt.Chart:
    """Texts below each other; bold where heads are ordered by what they tell."""
    return (
        alt.Chart()
        .mark_text(
            align=align,
            baseline="middle",
            fontSize=12,
            fontWeight=alt.expr("datum.score == order - 1 ? 600 : 400"),
            limit=limit,
            aria=False,
        )
        .encode(
            x=alt.X(f"{align}:Q", scale=None, axis=None),
            y=alt.Y("middle:Q", scale=None, axis=None),
            text=f"{field}:N",
            tooltip=f"{field}:N",
        )
    )
