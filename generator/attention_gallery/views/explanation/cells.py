"""What is drawn: the question, the names of columns, how far they agree, and the words."""

from __future__ import annotations

from typing import Any, cast

import altair as alt

from attention_gallery import charts
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.explanation import said
from attention_gallery.views.explanation.columns import NAMES, PAIRS, SIGNED
from attention_gallery.views.explanation.layout import AGREEMENT, LARGEST, LINE, ROW, Layout

_FOR, _AGAINST = charts.PIN_COLOUR, charts.HOVER_COLOUR
_LEAST = 0.1  # nats that the longest bar stands for at least: less is noise
_SHARE = 0.42  # of a column, that a bar reaches from its middle
_SMALL, _PLAIN, _HEADING = 11, 12.5, 14
_UNDER = ("of attention", "written", "integrated", "")


def notes(layout: Layout) -> alt.LayerChart:
    """The question, the answer, and which map is shown."""
    rows = (
        alt.Chart(alt.sequence(0, max(map(len, layout.notes)), as_="i"))
        .transform_calculate(note="notes[narrow ? 1 : 0][datum.i]")
        .transform_filter("datum.note")
        .transform_calculate(x="0", y=f"{LINE} * (datum.i + 0.5)", text="datum.note[0]")
    )
    shown = (
        alt.Chart(alt.sequence(0, 1, as_="i"))
        .transform_calculate(
            x="0",
            y=f"{LINE} * (length(notes[narrow ? 1 : 0]) + 0.5)",
            text="slots[slot] + ', looking from ' + place",
        )
        .mark_text(**_text(_PLAIN, align="left", fontWeight=600))
        .encode(**AT, text="text:N")
    )
    question = on_rows(
        rows,
        alt.Chart()
        .transform_filter("datum.note[1]")
        .mark_text(**_text(_HEADING, align="left", fontWeight=600))
        .encode(**AT, text="text:N"),
        alt.Chart()
        .transform_filter("!datum.note[1]")
        .mark_text(**_text(_PLAIN, align="left", opacity=0.85))
        .encode(**AT, text="text:N"),
    )
    return _stacked(question, shown)


def headings(layout: Layout) -> alt.LayerChart:
    """The names of the columns, and what stands below them."""
    under = [f"'{text}'" for text in _UNDER]
    if layout.columns.is_of_pair:
        under[NAMES.index("gradients")] = "'of text read'"
    under[-1] = "(loss_of[slot] ? 'in this head' : 'in all heads')"
    rows = alt.Chart(alt.sequence(0, len(NAMES), as_="i")).transform_calculate(
        x=layout.middle("datum.i"),
        y=f"{layout.heads} + {LINE / 2}",
        below=f"{layout.heads} + {1.5 * LINE - 3}",
        text=f"{list(NAMES)}[datum.i]",
        under=f"[{', '.join(under)}][datum.i]",
    )
    n_keys = layout.columns.n_keys
    some = f" (those {LARGEST} of {n_keys} with the largest)" if layout.n_rows < n_keys else ""
    order = f"(order ? 'by ' + {list(NAMES)}[order - 1] : 'in the order of the text')"
    titles = (
        alt.Chart(alt.sequence(0, 2, as_="i"))
        .transform_calculate(
            x="0",
            y=f"(datum.i ? {layout.table} : {layout.agreement}) - {LINE / 2 + 2}",
            text=f"datum.i ? 'Words, ' + {order} + '{some}'"
            " : 'How far they rank the words alike, from −1 to 1'",
        )
        .mark_text(**_text(_PLAIN, align="left", fontWeight=600))
        .encode(**AT, text="text:N")
    )
    name = alt.Chart().mark_text(**_text(_PLAIN, fontWeight=600)).encode(**AT, text="text:N")
    small = (
        alt.Chart()
        .mark_text(**_text(_SMALL, opacity=0.85))
        .encode(x=AT["x"], y=alt.Y("below:Q", scale=None, axis=None), text="under:N")
    )
    return _stacked(on_rows(rows, name, small), titles)


def correlations(layout: Layout) -> alt.LayerChart:
    """How far each column ranks the words as those before it do, under the same names."""
    rows = (
        alt.Chart(alt.sequence(0, len(PAIRS), as_="pair"))
        .transform_calculate(
            column=f"{[one for one, _ in PAIRS]}[datum.pair]",
            row=f"{[other for _, other in PAIRS]}[datum.pair]",
            alike=said.alike("datum.pair"),
            text=said.correlation_expr("datum.pair"),
        )
        .transform_calculate(
            middle=layout.middle("datum.column"),
            top=f"{layout.agreement} + {AGREEMENT} * (datum.row - 1)",
        )
        .transform_calculate(
            x=f"datum.middle - {layout.column} * {_SHARE}",
            x2=f"datum.middle + {layout.column} * {_SHARE}",
            y="datum.top + 1",
            y2=f"datum.top + {AGREEMENT - 1}",
            centre=f"datum.top + {AGREEMENT / 2}",
            colour=f"datum.alike < 0 ? '{_AGAINST}' : '{_FOR}'",
            depth="0.5 * abs(datum.alike)",
            tip=f"{list(NAMES)}[datum.column] + ' and ' + {list(NAMES)}[datum.row] + ': rank "
            "correlation ' + datum.text",
        )
    )
    tint = (
        alt.Chart()
        .mark_rect(cornerRadius=3, aria=False)
        .encode(
            **CORNERS,
            fill=alt.Fill("colour:N", scale=None),
            fillOpacity=alt.FillOpacity("depth:Q", scale=None),
            tooltip="tip:N",
        )
    )
    number = (
        alt.Chart()
        .mark_text(**_text(_PLAIN))
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("centre:Q", scale=None, axis=None),
            text="text:N",
        )
    )
    names = (
        alt.Chart(alt.sequence(1, len(NAMES), as_="i"))
        .transform_calculate(
            x=f"{layout.names} - 8",
            y=f"{layout.agreement} + {AGREEMENT} * (datum.i - 0.5)",
            text=f"{list(NAMES)}[datum.i]",
        )
        .mark_text(**_text(_PLAIN, align="right"))
        .encode(**AT, text="text:N")
    )
    return _stacked(on_rows(rows, tint, number), names)


def rows(layout: Layout) -> alt.LayerChart:
    """The words, each with a number and a bar of every column."""
    name = (
        alt.Chart()
        .transform_calculate(x=f"{layout.names} - 8", text="rows[datum.key]")
        .mark_text(**_text(13, align="right", limit=alt.expr(f"{layout.names} - 12")))
        .encode(**AT, text="text:N")
    )
    target = (
        alt.Chart()
        .transform_calculate(
            x="0",
            x2=layout.width,
            top=f"datum.y - {ROW / 2}",
            bottom=f"datum.y + {ROW / 2}",
            tip="rows[datum.key] + ': weight ' + format(datum.weight, '.3f') + ', share of norms '"
            " + format(datum.norms, '.3f') + ', integrated gradients ' + "
            f"{said.gradient_told_expr('datum.key')} + ', loss without it ' + "
            f"{said.signed_expr('datum.loss')}",
        )
        .mark_rect(fillOpacity=0, aria=False)
        .encode(
            x=AT["x"],
            x2="x2:Q",
            y=alt.Y("top:Q", scale=None, axis=None),
            y2="bottom:Q",
            tooltip="tip:N",
        )
    )
    cells = [layer for i in range(len(NAMES)) for layer in (_bar(layout, i), _number(layout, i))]
    return on_rows(_words(layout), name, *cells, target)


def _words(layout: Layout) -> alt.Chart:
    """The words that have a row, with all their numbers and their place."""
    columns = layout.columns
    sizes = " : ".join(f"order == {i} ? abs(datum.{name})" for i, name in enumerate(NAMES, 1))
    words = (
        alt.Chart(alt.sequence(0, columns.n_keys, as_="key"))
        .transform_calculate(
            weight=said.weight_of(columns, "datum.key"),
            norms=said.norm("datum.key"),
            gradients=said.gradient("datum.key"),
            loss=said.loss("datum.key"),
        )
        .transform_calculate(size=f"{sizes} : datum.weight")
    )
    if layout.n_rows < columns.n_keys:
        words = words.transform_window(
            rank="row_number()", sort=[alt.SortField("size", order="descending")]
        ).transform_filter(f"datum.rank <= {LARGEST}")
    return (
        words.transform_calculate(first="order ? -datum.size : datum.key")
        .transform_window(row="row_number()", sort=[alt.SortField("first"), alt.SortField("key")])
        .transform_calculate(y=f"{layout.table} + {ROW} * (datum.row - 0.5)")
    )


def _number(layout: Layout, column: int) -> alt.Chart:
    name = NAMES[column]
    text = f"format(datum.{name}, '.3f')" if column < SIGNED else said.signed_expr(f"datum.{name}")
    if name == "gradients":
        text = said.gradient_told_expr("datum.key")
    return (
        alt.Chart()
        .transform_calculate(x=layout.middle(str(column)), above="datum.y - 5", text=text)
        .mark_text(**_text(_SMALL))
        .encode(x=AT["x"], y=alt.Y("above:Q", scale=None, axis=None), text="text:N")
    )


def _bar(layout: Layout, column: int) -> alt.Chart:
    """From the left; of what has a sign, from the middle of the column."""
    name = NAMES[column]
    middle, reach = layout.middle(str(column)), f"{layout.column} * {_SHARE}"
    # Weights and shares of norms are parts of one, and can be compared.
    start, end = f"{middle} - {reach}", f"{middle} - {reach} + 2 * {reach} * datum.{name}"
    if column >= SIGNED:
        start, end = middle, f"{middle} + {reach} * datum.{name} / max({_LEAST}, most_{name})"
    return (
        alt.Chart()
        .transform_filter(f"datum.{name}")
        .transform_calculate(
            x=start,
            x2=end,
            top="datum.y + 3",
            bottom="datum.y + 10",
            colour=f"datum.{name} < 0 ? '{_AGAINST}' : '{_FOR}'",
        )
        .mark_rect(aria=False, tooltip=None)
        .encode(
            x=AT["x"],
            x2="x2:Q",
            y=alt.Y("top:Q", scale=None, axis=None),
            y2="bottom:Q",
            fill=alt.Fill("colour:N", scale=None),
        )
    )


def _stacked(*layers: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    return cast(alt.LayerChart, alt.layer(*layers))


def _text(size: float, **options: Any) -> dict[str, Any]:
    return {"baseline": "middle", "fontSize": size, "aria": False, "tooltip": None, **options}
