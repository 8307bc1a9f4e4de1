"""The tokens a step held likeliest, as bars with their probabilities."""

from __future__ import annotations

from typing import Any

import altair as alt

from attention_gallery.pixels import AT, on_rows
from attention_gallery.views.generation.layout import LINE, ROW, Layout
from attention_gallery.views.generation.said import quoted
from attention_gallery.views.generation.steps import number_expr

_BAR: dict[str, Any] = {
    "x": alt.X("bar_left:Q", scale=None, axis=None),
    "x2": "bar_right:Q",
    "y": alt.Y("bar_top:Q", scale=None, axis=None),
    "y2": "bar_bottom:Q",
}


def bars(layout: Layout) -> alt.LayerChart:
    """A row for each of the likeliest tokens, then the one that follows, then all others together.

    What follows is mostly among the likeliest, and has no row of its own then.
    """
    n = len(layout.steps.likely[0])
    own = "ranks[step] < 0 && by[step] != ''"
    rows = (
        alt.Chart(alt.sequence(0, n + 2, as_="place"))
        .transform_filter(f"datum.place != {n} || ({own})")
        .transform_calculate(
            follows=f"datum.place == {n} || datum.place == ranks[step]",
            rest=f"datum.place == {n + 1}",
            row=f"datum.place == {n + 1} && !({own}) ? {n} : datum.place",
            text=f"datum.place < {n} ? likely[step][datum.place]"
            f" : datum.place == {n} ? words[step + 1] : 'all others'",
            chance=f"datum.place < {n} ? chances[step][datum.place]"
            f" : datum.place == {n} ? given[step] : rests[step]",
        )
        .transform_calculate(
            label_x=layout.label,
            y=f"{layout.bars} + {ROW} * (datum.row + 0.5)",
            bar_left=layout.bar,
            bar_right=f"{layout.bar} + {layout.longest} * datum.chance",
        )
        .transform_calculate(
            bar_top=f"datum.y - {ROW / 2 - 4}",
            bar_bottom=f"datum.y + {ROW / 2 - 4}",
            number_x="datum.bar_right + 6",
            number=number_expr("datum.chance"),
        )
    )
    bar = (
        alt.Chart()
        .mark_rect(
            fill="currentColor",
            opacity=alt.expr("datum.follows ? 0.8 : datum.rest ? 0.15 : 0.35"),
            aria=False,
            tooltip=None,
        )
        .encode(**_BAR)
    )
    weight = alt.expr("datum.follows ? 700 : 400")
    label = (
        alt.Chart()
        .mark_text(
            align="right",
            baseline="middle",
            fontSize=14,
            fontWeight=weight,
            fontStyle=alt.expr("datum.rest ? 'italic' : 'normal'"),
            limit=alt.expr(layout.label),
            aria=False,
        )
        .encode(
            x=alt.X("label_x:Q", scale=None, axis=None), y=AT["y"], text="text:N", tooltip="text:N"
        )
    )
    number = (
        alt.Chart()
        .mark_text(
            align="left", baseline="middle", fontSize=12, fontWeight=weight, aria=False,
            tooltip=None,
        )
        .encode(x=alt.X("number_x:Q", scale=None, axis=None), y=AT["y"], text="number:N")
    )  # fmt: skip
    return on_rows(rows, bar, label, number)


def headings(layout: Layout) -> alt.Chart:
    """What each part shows, above it; then what comes next, and who wrote it."""
    read, comes = quoted("words[step]"), quoted("words[step + 1]")
    looked_at = "image" if layout.pictured else "source" if layout.crossed else "text"
    lines = [
        (f"{LINE / 2}", f"'What may come after ' + {read}", 600),
        (
            f"{1.5 * LINE}",
            f"by[step] == '' ? 'No word follows.' : 'Next, by the ' + by[step] + ': ' + {comes}",
            400,
        ),
        (f"{2.5 * LINE}", "told[step]", 400),
        (
            f"{layout.shown + LINE / 2}",
            f"slots[slot] + ': where ' + {read} + ' looks in the {looked_at}'",
            600,
        ),
    ]
    if layout.crossed:
        lines.append((f"{layout.text} + {LINE / 2}", "'The target'", 600))
    if "model" in layout.steps.by:
        dashed = "'Dashed boxes: written by the model itself.'"
        lines.append((f"{layout.height} - {LINE / 2}", dashed, 400))
    each = ", ".join(f"{{y: {y}, text: {text}, weight: {w}}}" for y, text, w in lines)
    return (
        alt.Chart(alt.sequence(0, len(lines), as_="i"))
        .transform_calculate(line=f"[{each}][datum.i]")
        .transform_calculate(x="0", y="datum.line.y", text="datum.line.text")
        .mark_text(
            align="left",
            baseline="middle",
            fontSize=13,
            fontWeight=alt.expr("datum.line.weight"),
            opacity=0.85,
            limit=alt.expr(layout.width),
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="text:N")
    )
