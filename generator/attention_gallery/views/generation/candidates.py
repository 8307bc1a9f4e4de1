"""The tokens a step held likeliest, as bars with their probabilities."""

from __future__ import annotations

import altair as alt

from attention_gallery import chances, charts
from attention_gallery.language import _
from attention_gallery.pixels import AT
from attention_gallery.views.generation.layout import LINE, Layout
from attention_gallery.views.generation.said import quoted, writer


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
            stands=f"datum.place == {n} || datum.place == ranks[step]",
            rest=f"datum.place == {n + 1}",
            at=f"datum.place == {n + 1} && !({own}) ? {n} : datum.place",
            text=f"datum.place < {n} ? likely[step][datum.place]"
            f" : datum.place == {n} ? words[step + 1] : {charts.literal(_('all others'))}",
            chance=f"datum.place < {n} ? chances[step][datum.place]"
            f" : datum.place == {n} ? given[step] : rests[step]",
        )
    )
    return chances.bars(rows, layout.bars, (layout.label, layout.bar, layout.longest))


def headings(layout: Layout) -> alt.Chart:
    """What each part shows, above it; then what comes next, and who wrote it."""
    read, comes = quoted("words[step]"), quoted("words[step + 1]")
    looked_at = _("{head}: where {token} looks in the text")
    if layout.crossed:
        looked_at = _("{head}: where {token} looks in the source")
    if layout.pictured:
        looked_at = _("{head}: where {token} looks in the image")
    following = charts.spoken(
        _("Next, by {writer}: {token}"), writer=writer("by[step]"), token=comes
    )
    nothing = charts.literal(_("No word follows."))
    lines = [
        (f"{LINE / 2}", charts.spoken(_("What may come after {token}"), token=read), 600),
        (f"{1.5 * LINE}", f"by[step] == '' ? {nothing} : {following}", 400),
        (f"{2.5 * LINE}", "told[step]", 400),
        (
            f"{layout.shown + LINE / 2}",
            charts.spoken(looked_at, head="slots[slot]", token=read),
            600,
        ),
    ]
    if layout.crossed:
        lines.append((f"{layout.text} + {LINE / 2}", charts.literal(_("The target")), 600))
    if "model" in layout.steps.by:
        dashed = charts.literal(_("Dashed boxes: written by the model itself."))
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
