"""What stands around the rows of the neuron view: the sentence, headings, and notes."""

from __future__ import annotations

import textwrap
from typing import Literal, NamedTuple

import altair as alt

from attention_gallery import charts
from attention_gallery.charts import literal, spoken
from attention_gallery.language import _
from attention_gallery.pixels import AT, on_rows
from attention_gallery.views.neuron.layout import LINE, SENTENCE, WORD_LINE, Layout
from attention_gallery.views.neuron.vectors import Vectors

_NOTE = 50  # letters of a line that a phone has room for


def sentence(layout: Layout) -> alt.LayerChart:
    """The sentence, its pinned query marked: a click makes another word the query."""
    n = layout.vectors.packed.n_queries
    rows = (
        alt.Chart(alt.sequence(0, n, as_="query"))
        .transform_calculate(at="word_places[narrow ? 1 : 0][datum.query]")
        .transform_calculate(
            key="column",
            text="queries[datum.query]",
            x="datum.at[0] + datum.at[2] / 2",
            y=f"{SENTENCE} + {WORD_LINE} * datum.at[1]",
            room="datum.at[2] - 8",
        )
        .transform_calculate(
            left="datum.at[0]", right="datum.at[0] + datum.at[2]", above="datum.y - 11",
            below="datum.y + 11",
        )
    )  # fmt: skip
    pinned, hovered = (
        f"datum.query == {charts.selected(name, 'query')}" for name in ("pin", "hover")
    )
    target = (
        alt.Chart()
        .mark_rect(cornerRadius=3, cursor="pointer", aria=False)
        .encode(
            x=alt.X("left:Q", scale=None, axis=None),
            x2="right:Q",
            y=alt.Y("above:Q", scale=None, axis=None),
            y2="below:Q",
            fill=alt.when(pinned)
            .then(alt.value(charts.PIN_COLOUR))
            .otherwise(alt.value(charts.HOVER_COLOUR)),
            fillOpacity=alt.when(f"{pinned} || {hovered}")
            .then(alt.value(0.25))
            .otherwise(alt.value(0)),
            tooltip="text:N",
        )
    )
    label = (
        alt.Chart()
        .mark_text(
            baseline="middle", fontSize=14, limit=alt.expr("datum.room"), cursor="pointer",
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="text:N")
    )  # fmt: skip
    return on_rows(rows, target, label)


def left_out(vectors: Vectors) -> list[str]:
    """Says which heads are not here, where some are not."""
    if not vectors.n_left_out:
        return []
    n, layer = len(vectors.heads), vectors.heads[0].name.layer
    told = _(
        "Here are {n} heads of layer {layer}; the vectors of the other {others} heads are left out."
    )
    return [told.format(n=n, layer=f"L{layer}", others=vectors.n_left_out)]


class _Line(NamedTuple):
    """A line of text; all but its style are Vega expressions."""

    x: str
    y: str
    text: str
    style: Literal["left", "right", "bold left", "bold right"] = "left"
    limit: str = "0"  # of its length; 0 for none


def lines(layout: Layout) -> alt.Chart:
    """Headings and notes."""
    texts = [*_headings(layout), *_notes(layout)]
    each = ", ".join(
        f"{{x: {line.x}, y: {line.y}, text: {line.text}, align: '{line.style.split()[-1]}', "
        f"strong: {str(line.style.startswith('bold')).lower()}, limit: {line.limit}}}"
        for line in texts
    )
    return (
        alt.Chart(alt.sequence(0, len(texts), as_="i"))
        .transform_calculate(line=f"[{each}][datum.i]")
        .transform_calculate(x="datum.line.x", y="datum.line.y", text="datum.line.text")
        .mark_text(
            align=alt.expr("datum.line.align"),
            baseline="middle",
            limit=alt.expr("datum.line.limit"),
            fontSize=alt.expr("datum.line.strong ? 13 : 12"),
            fontWeight=alt.expr("datum.line.strong ? 600 : 400"),
            opacity=alt.expr("datum.line.strong ? 1 : 0.8"),
            aria=False,
            tooltip=None,
        )
        .encode(**AT, text="text:N")
    )


def _headings(layout: Layout) -> list[_Line]:
    """What each column holds, and below it what is done to get there."""
    # A phone has no room beside the vector, and the query is marked above.
    named = "narrow || row < 0 ? '' : query_names[row]"
    # The sum is scaled before anything is added: a row reads in the order in which it is computed.
    is_sum = literal(_("= sum"))
    below_dot = f"adds[slot] ? scalings[slot] : {is_sum}"
    below_score = f"adds[slot] ? {is_sum} : scalings[slot]"
    lines = [
        _Line("0", "10", literal(_("query: the word that looks"))),
        _Line(layout.label, "query_y", named, "bold right", layout.label_room),
        _Line(layout.key, "strip_heading", literal(_("q, and below it k")), "bold left"),
        _Line(layout.product, "strip_heading", literal(_("q × k, one by one")), "bold left"),
        _Line(layout.dot, "heading", "'q · k'", "bold right"),
        _Line(layout.dot, f"heading + {LINE}", below_dot, "right"),
        _Line(layout.score, "heading", literal(_("score")), "bold right"),
        _Line(layout.score, f"heading + {LINE}", below_score, "right"),
        _Line(layout.bar, "heading", literal(_("weight")), "bold left"),
        _Line(layout.bar, f"heading + {LINE}", literal(_("softmax")), "left"),
    ]
    if layout.adds:
        lines.append(_Line(layout.added, "heading", "'+'", "bold right"))
        lines.append(_Line(layout.added, f"heading + {LINE}", "adds[slot]", "right"))
    return lines


def _notes(layout: Layout) -> list[_Line]:
    """What colours mean, and what is left out."""
    heads = layout.vectors.heads
    notes = [_("Orange, above the line: more than 0. Blue: less.")]
    if layout.per_cell > 1:
        cell = _(
            "A cell stands for {n} neighbouring dimensions: the mean of q and of k, the sum of the "
            "products."
        )
        notes.append(cell.format(n=layout.per_cell))
    if any(head.adds == "added" for head in heads):
        notes.append(
            _(
                "Added: what the model adds to the scaled q · k, such as a bias for how far apart "
                "two tokens are, or a cap on large scores."
            )
        )
    if any(head.adds == "rounding" for head in heads):
        notes.append(_("Rounding: the model computes in fewer digits than are shown."))
    if any(head.sink for head in heads):
        notes.append(_("Sink: a learned score without a key; its weight goes to nothing."))
    notes += left_out(layout.vectors)
    fullest = spoken(
        _("The fullest colour is {query} of q, {key} of k, {product} of q × k."),
        query="format(largest_query[slot], '.3~r')",
        key="format(largest_key[slot], '.3~r')",
        product="format(largest_product[slot], '.3~r')",
    )
    wrapped = [line for note in notes for line in textwrap.wrap(note, _NOTE)]
    texts = [fullest, *map(literal, wrapped)]
    return [_Line("0", f"bottom + {LINE * i}", text) for i, text in enumerate(texts)]
