"""What each token adds to an answer: the text itself, each word with its number.

The numbers are those of the measure ``attribution``. They come from no head: a gradient follows all
ways through a model at once.
"""

from __future__ import annotations

from typing import Literal

import altair as alt

from attention_gallery import charts
from attention_gallery.charts import spoken
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT, CORNERS, ground, on_rows
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.attribution import said
from attention_gallery.views.attribution.layout import BAR, PLAIN, WORD, Layout
from attention_gallery.views.attribution.layout import TITLE as HEADING
from attention_gallery.views.attribution.question import asks
from attention_gallery.views.attribution.values import METHODS, SIGNED, TITLES, Values

TITLE = marked("Attribution")

MEASURES = frozenset({"attribution"})
"""What has to be measured for this view."""

_BOLD: Literal["bold"] = "bold"
_LIGHT: Literal["normal"] = "normal"
_FOR, _AGAINST, _NEITHER = charts.PIN_COLOUR, charts.HOVER_COLOUR, "#808080"


def fits(exhibit: Exhibit) -> bool:
    """What is no text has no words; whether a model answers is known when it is asked."""
    return exhibit.attention != "vision"


def draw(packed: Packed) -> alt.LayerChart:
    """The chart."""
    layout = Layout(Values(packed))
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    layers = (ground(*layout.size), _notes(layout), _words(layout))
    return charts.stacked(layers, _params(layout), width=1, height=1)


def describe(packed: Packed) -> str:
    """What is asked, which words speak for the answer, and what the numbers sum to."""
    return said.in_words(Values(packed), next(iter(METHODS)))


def tabulate(packed: Packed) -> Table:
    """Each token by each method."""
    values = Values(packed)
    printed = [values.printed(method) for method in METHODS]
    texts: list[str] = []
    for side, start, end in zip(values.sides, values.starts, values.ends, strict=True):
        texts += [values.text_of(side)] * (end - start)
    of = (_("text"),) if len(values.sides) > 1 else ()
    names = [
        f"{_(name)} ({values.unit.strip()})" if method in SIGNED and values.unit else _(name)
        for method, name in METHODS.items()
    ]
    rows = zip(texts, values.words, *printed, strict=True)
    return Table(
        caption=f"{_('What each token adds to the answer.')} {asks(values.answer)}",
        columns=(*of, _("token"), *names),
        rows=tuple(row if of else row[1:] for row in rows),
    )


def _params(layout: Layout) -> list[alt.Parameter]:
    """What is told of each token, and by which method.

    ``said`` is what a screen reader is told of it.
    """
    values = layout.values
    labels = [_(TITLES[method]) for method in METHODS]
    methods = alt.binding_select(
        options=list(range(len(labels))), labels=labels, name=_("Method") + " "
    )
    units = [values.unit if method in SIGNED else "" for method in METHODS]
    data: dict[str, object] = {
        "words": values.words,
        "in_both": [index in values.in_both for index in range(len(values.words))],
        "later": [index in values.later for index in range(len(values.words))],
        "shares": [values.shares(method) for method in METHODS],
        "printed": [values.printed(method) for method in METHODS],
        "methods": [_(name) for name in METHODS.values()],
        "units": units,
        "signed": [method in SIGNED for method in METHODS],
        "sayings": [said.in_words(values, method) for method in METHODS],
    }
    return [
        *layout.params(),
        *(alt.param(name=name, value=value) for name, value in data.items()),
        alt.param(name="method", value=0, bind=methods),
        alt.param(name="said", expr="sayings[method]"),
    ]


def _notes(layout: Layout) -> alt.LayerChart:
    """Lines of text: the question above, and what the numbers sum to below."""
    rows = (
        alt.Chart(alt.sequence(0, layout.n_notes, as_="i"))
        .transform_calculate(note="notes[narrow ? 1 : 0][datum.i]")
        .transform_filter("datum.note")
        .transform_calculate(
            x="0", y="datum.note[1]", text="datum.note[0][min(method, length(datum.note[0]) - 1)]"
        )
    )
    lines = (
        alt.Chart()
        .transform_filter(which)
        .mark_text(
            align="left", baseline="middle", fontSize=size, fontWeight=weight, opacity=opacity,
            aria=False, tooltip=None,
        )
        .encode(**AT, text="text:N")
        for which, size, weight, opacity in (
            ("datum.note[2]", HEADING, _BOLD, 1),
            ("!datum.note[2]", PLAIN, _LIGHT, 0.85),
        )
    )  # fmt: skip
    return on_rows(rows, *lines)


def _tip() -> str:
    """A Vega expression for what is told of a token."""
    parts = {
        "token": "datum.text",
        "number": "datum.number + units[method]",
        "method": "methods[method]",
    }
    later = spoken(_("{token}: not yet written when the model answers"), **parts)
    told = spoken(_("{token}: {number}, by {method}"), **parts)
    in_both = spoken(_("{token}: {number}, by {method} (it stands in both texts)"), **parts)
    return f"later[datum.word] ? {later} : in_both[datum.word] && !method ? {in_both} : {told}"


def _words(layout: Layout) -> alt.LayerChart:
    """The tokens: a tint, a bar that hangs below each, and its number."""
    rows = (
        alt.Chart(alt.sequence(0, len(layout.values.words), as_="word"))
        .transform_calculate(
            at="word_places[narrow ? 1 : 0][datum.word]",
            text="words[datum.word]",
            share="shares[method][datum.word]",
            number="printed[method][datum.word]",
        )
        .transform_calculate(
            x="datum.at[0] + 2",
            y="datum.at[1]",
            x2="datum.at[0] + datum.at[2] - 2",
            y2=f"datum.at[1] + {WORD}",
            middle="datum.at[0] + datum.at[2] / 2",
            centre=f"datum.at[1] + {WORD / 2}",
            bar_x="datum.at[0] + 4",
            bar_x2="datum.at[0] + datum.at[2] - 4",
            bar_end=f"datum.at[1] + {WORD} + {BAR} * abs(datum.share)",
            number_y=f"datum.at[1] + {WORD} + {BAR} * abs(datum.share) + 8",
            colour=f"!signed[method] ? '{_NEITHER}' : datum.share < 0 ? '{_AGAINST}' : '{_FOR}'",
            opacity="later[datum.word] ? 0.6 : 1",
            tip=_tip(),
        )
    )
    tint = (
        alt.Chart()
        .mark_rect(cornerRadius=4, aria=False, tooltip=None)
        .transform_calculate(depth="0.4 * abs(datum.share)")
        .encode(
            **CORNERS,
            fill=alt.Fill("colour:N", scale=None),
            fillOpacity=alt.FillOpacity("depth:Q", scale=None),
        )
    )
    bar = (
        alt.Chart()
        .mark_rect(aria=False, tooltip=None)
        .encode(
            x=alt.X("bar_x:Q", scale=None, axis=None),
            x2="bar_x2:Q",
            y=alt.Y("y2:Q", scale=None, axis=None),
            y2="bar_end:Q",
            fill=alt.Fill("colour:N", scale=None),
        )
    )
    number = (
        alt.Chart()
        .mark_text(baseline="middle", fontSize=11, aria=False, tooltip=None)
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("number_y:Q", scale=None, axis=None),
            text="number:N",
            opacity=alt.Opacity("opacity:Q", scale=None),
        )
    )
    label = (
        alt.Chart()
        .mark_text(
            baseline="middle", fontSize=14, limit=alt.expr("datum.at[2] - 8"), aria=False,
            tooltip=None,
        )
        .encode(
            x=alt.X("middle:Q", scale=None, axis=None),
            y=alt.Y("centre:Q", scale=None, axis=None),
            text="text:N",
            opacity=alt.Opacity("opacity:Q", scale=None),
        )
    )  # fmt: skip
    target = alt.Chart().mark_rect(fillOpacity=0, aria=False).encode(**CORNERS, tooltip="tip:N")
    return on_rows(rows, tint, bar, number, label, target)
