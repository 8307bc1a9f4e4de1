"""What is drawn: the question, the names of columns, how far they agree, and the words."""

from __future__ import annotations

from typing import Any, cast

import altair as alt

from attention_gallery import charts
from attention_gallery.charts import literal, spoken
from attention_gallery.language import _, marked
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.explanation import said
from attention_gallery.views.explanation.columns import NAMES, PAIRS, SIGNED
from attention_gallery.views.explanation.layout import AGREEMENT, LARGEST, LINE, ROW, Layout

_FOR, _AGAINST = charts.PIN_COLOUR, charts.HOVER_COLOUR
_LEAST = 0.1  # nats that the longest bar stands for at least: less is noise
_SHARE = 0.42  # of a column, that a bar reaches from its middle
_SMALL, _PLAIN, _HEADING = 11, 12.5, 14
_HEADINGS = (
    marked("weight\nof attention"),
    marked("norms\nwritten"),
    marked("gradients\nintegrated"),
    marked("loss\nin all heads"),
)
_OF_TEXT_READ = marked("gradients\nof text read")
_IN_THIS_HEAD = marked("loss\nin this head")


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
            text=spoken(_("{map}, looking from {word}"), map="slots[slot]", word="place"),
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
    said = [_(heading).partition("\n") for heading in _HEADINGS]
    if layout.columns.is_of_pair:
        said[NAMES.index("gradients")] = _(_OF_TEXT_READ).partition("\n")
    under = [literal(heading[2]) for heading in said]
    of_head = literal(_(_IN_THIS_HEAD).partition("\n")[2])
    under[-1] = f"(loss_of[slot] ? {of_head} : {under[-1]})"
    rows = alt.Chart(alt.sequence(0, len(NAMES), as_="i")).transform_calculate(
        x=layout.middle("datum.i"),
        y=f"{layout.heads} + {LINE / 2}",
        below=f"{layout.heads} + {1.5 * LINE - 3}",
        text=f"[{', '.join(literal(heading[0]) for heading in said)}][datum.i]",
        under=f"[{', '.join(under)}][datum.i]",
    )
    ranked = _("How far they rank the words alike, from −1 to 1")
    titles = (
        alt.Chart(alt.sequence(0, 2, as_="i"))
        .transform_calculate(
            x="0",
            y=f"(datum.i ? {layout.table} : {layout.agreement}) - {LINE / 2 + 2}",
            text=f"datum.i ? {_order(layout)} : {literal(ranked)}",
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


def _order(layout: Layout) -> str:
    """A Vega expression for which words have a row, and in which order."""
    n = layout.columns.n_keys
    by, unsorted = _("Words, by {column}"), _("Words, in the order of the text")
    if layout.n_rows < n:
        by = _("Words, by {column} (those {some} of {n} with the largest)")
        unsorted = _("Words, in the order of the text (those {some} of {n} with the largest)")
    parts = {"column": f"{_names()}[order - 1]", "some": str(LARGEST), "n": str(n)}
    return f"(order ? {spoken(by, **parts)} : {spoken(unsorted, **parts)})"


def _names() -> str:
    """A Vega expression for what readers call the columns."""
    return f"[{', '.join(literal(_(name)) for name in NAMES)}]"


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
            tip=spoken(
                _("{column} and {other}: rank correlation {number}"),
                column=f"{_names()}[datum.column]",
                other=f"{_names()}[datum.row]",
                number="datum.text",
            ),
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
            text=f"{_names()}[datum.i]",
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
            tip=spoken(
                _(
                    "{word}: weight {weight}, share of norms {norms}, integrated gradients "
                    "{gradients}, loss without it {loss}"
                ),
                word="rows[datum.key]",
                weight="format(datum.weight, '.3f')",
                norms="format(datum.norms, '.3f')",
                gradients=said.gradient_told_expr("datum.key"),
                loss=said.signed_expr("datum.loss"),
            ),
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
