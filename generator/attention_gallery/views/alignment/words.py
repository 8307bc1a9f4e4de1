"""The words of an alignment, what rows are named after, and which words a head links as known."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.alignment.layout import Layout


def labels(layout: Layout) -> alt.LayerChart:
    """Each word on a box that is easy to hit: rows, columns above the matrix, and the source."""
    boxes = (
        _boxed(layout, _words(layout))
        .transform_calculate(
            text=f"datum.place ? keys[datum.index] : {_row_text(layout)}",
            query="datum.place ? -1 : datum.index",
            key="datum.place ? datum.index : -1",
            label_x=f"[target_x - 6, source_x + 6, {layout.x('datum.index + 0.5')}][datum.place]",
            label_y=f"datum.place < 2 ? {layout.y('datum.index + 0.5')} : {layout.top - 6}",
            room=f"(datum.place < 2 ? label_rooms[datum.place] : {layout.above}) - 8",
        )
        .transform_calculate(
            # Only a label that may have been cut needs a tooltip; others would hide the lines.
            tip="8 * (datum.place ? key_columns[datum.index]"
            " : query_columns[datum.index + 1 - naming]) > datum.room ? datum.text : ''"
        )
    )
    target = (
        alt.Chart()
        .mark_rect(fillOpacity=0, cursor="pointer", aria=False)
        .encode(**CORNERS, tooltip="tip:N")
    )
    label = (
        alt.Chart()
        .mark_text(
            align=alt.expr("datum.place ? 'left' : 'right'"),
            angle=alt.expr("datum.place < 2 ? 0 : 270"),
            baseline="middle",
            fontSize=alt.expr(f"datum.place < 2 ? {layout.label_size} : min(13, step - 1)"),
            limit=alt.expr("datum.room"),
            cursor="pointer",
            aria=False,
        )
        .encode(
            x=alt.X("label_x:Q", scale=None, axis=None),
            y=alt.Y("label_y:Q", scale=None, axis=None),
            text="text:N",
            tooltip="tip:N",
        )
    )
    return on_rows(boxes, target, label)


def marked(layout: Layout, selection: str, colour: str) -> alt.Chart:
    """What is selected, on a coloured ground wherever it stands."""
    index = f"datum.place ? {charts.selected(selection, 'key')} : "
    index += charts.selected(selection, "query")
    rows = (
        alt.Chart(alt.sequence(0, 3, as_="place"))
        .transform_calculate(index=index)
        .transform_filter("datum.index >= 0")
    )
    return (
        _boxed(layout, rows)
        .mark_rect(color=colour, opacity=0.25, cornerRadius=3, aria=False, tooltip=None)
        .encode(**CORNERS)
    )


def verdicts(layout: Layout) -> alt.Chart:
    """A tick where a target word is linked to a word it is known to go with, a cross elsewhere."""
    gold = layout.translation.packed.gold
    known = [{"link": i, "token": link.tokens[0]} for i, link in enumerate(gold)]
    return (
        alt.Chart(alt.InlineData(values=known))
        .transform_calculate(
            verdict="substring(right[naming][slot], datum.link, datum.link + 1) == '1' ? '✓' : '✗'",
            x=layout.verdict_x,
            y=layout.y("datum.token - 0.5 + naming"),
        )
        .mark_text(baseline="middle", fontSize=min(14, layout.row - 3), aria=False, tooltip=None)
        .encode(**AT, text="verdict:N")
    )


def headings(layout: Layout) -> alt.Chart:
    """Which words are which."""
    source, target = charts.literal(_("source")), charts.literal(_("target"))
    return (
        alt.Chart(alt.sequence(0, 2, as_="side"))
        .transform_calculate(
            text=f"datum.side ? {source} : {target}",
            x="datum.side ? source_x + 6 : target_x - 6",
            y=f"{layout.top - 10}",
        )
        .mark_text(
            align=alt.expr("datum.side ? 'left' : 'right'"), baseline="middle", fontSize=12,
            opacity=0.75, aria=False, tooltip=None,
        )
        .encode(**AT, text="text:N")
    )  # fmt: skip


def namings(layout: Layout) -> alt.Chart:
    """Both names that rows can have, and the error rate under each; a click on a page chooses."""
    text = "named[datum.i]"
    if layout.translation.packed.gold:
        rate = "format(errors[datum.i][slot], '.2f')"
        text = charts.spoken(_("{named} · error rate {rate}"), named=text, rate=rate)
    each = charts.literal(_("each row is the word"))
    tip = charts.spoken(_("name the rows after the word {named}"), named="named[datum.i]")
    return (
        alt.Chart(alt.sequence(-1, 2, as_="i"))
        .transform_calculate(
            text=f"datum.i < 0 ? {each} : (datum.i == naming ? '▸ ' : '') + {text}",
            choice="datum.i < 0 ? {} : {naming: datum.i}",
            tip=f"datum.i < 0 ? '' : {tip}",
            # A click here counts as one on what is pinned, which so stays pinned.
            query="row",
            key="column",
            x=f"{layout.x(str(layout.n_keys))} + 8",
            y="28 + 20 * datum.i",
        )
        .mark_text(
            align="left", baseline="middle", fontSize=13, aria=False,
            cursor=alt.expr("datum.i < 0 ? 'default' : 'pointer'"),
            fontWeight=alt.expr("datum.i == naming ? 600 : 400"),
            opacity=alt.expr("datum.i == naming ? 1 : 0.75"),
        )
        .encode(**AT, text="text:N", tooltip="tip:N")
    )  # fmt: skip


def _words(layout: Layout) -> alt.Chart:
    """One row for each word in each place: 0 is a row, 1 the source, 2 a column of the matrix."""
    n, m = layout.n_queries, layout.n_keys
    return alt.Chart(alt.sequence(0, n + 2 * m, as_="i")).transform_calculate(
        place=f"datum.i < {n} ? 0 : datum.i < {n + m} ? 1 : 2",
        index=f"datum.i < {n} ? datum.i : (datum.i - {n}) % {m}",
    )


def _boxed(layout: Layout, words: alt.Chart) -> alt.Chart:
    """Corners of the box of each word."""
    x, y = layout.x, layout.y
    return words.transform_calculate(
        x=f"[target_x - label_rooms[0], source_x, {x('datum.index')}][datum.place]",
        x2=f"[target_x, source_x + label_rooms[1], {x('datum.index + 1')}][datum.place]",
        y=f"datum.place < 2 ? {y('datum.index')} : {layout.top - layout.above}",
        y2=f"datum.place < 2 ? {y('datum.index + 1')} : {layout.top}",
    )


def _row_text(layout: Layout) -> str:
    """A Vega expression for the label of a row."""
    n = layout.n_queries
    written = f"datum.index + 1 < {n} ? queries[datum.index + 1] : '…'"
    return f"(naming ? queries[datum.index] : {written})"
