"""How surprised a model is by each token of a text, and what it expected there instead.

The numbers are those of the measure ``predictions``, or were saved from an API: then there may be
no attention to show beside them, and none is looked at here.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.chances import number
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import ground
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.predictions import guesses, text
from attention_gallery.views.predictions.layout import Layout
from attention_gallery.views.predictions.places import Places

TITLE = marked("Surprise")

MEASURES = frozenset({"predictions"})
"""What has to be measured for this view."""


def fits(exhibit: Exhibit) -> bool:
    """What is no text has no words; whether a model has some to say is known when it is asked."""
    return exhibit.attention != "vision"


def draw(packed: Packed) -> alt.LayerChart:
    """The chart."""
    layout = Layout(Places(packed))
    layers: list[alt.Chart | alt.LayerChart] = [
        ground(layout.width, layout.height),
        text.surprise(layout),
        text.pinned(layout),
        text.words(layout),
        guesses.bars(layout),
        guesses.headings(layout),
    ]
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    return charts.stacked(layers, _params(layout), width=1, height=1)


def describe(packed: Packed) -> str:
    """The place first shown, and how surprising the text is on the whole."""
    places = Places(packed)
    return f"{places.in_words(places.start)} {places.on_the_whole()}"


def tabulate(packed: Packed) -> Table:
    """Each place in numbers."""
    places = Places(packed)
    rows = []
    for place in range(len(places)):
        first = [
            f"{guess} {number(chance)}"
            for guess, chance in zip(places.likely[place], places.chances[place], strict=True)
        ][:2]
        told = places.told(place)
        rows.append(
            (
                str(place),
                places.words[place],
                number(places.given[place]) if told else "",
                f"{places.bits[place]:.2f}" if told else "",
                *first,
                *[""] * (2 - len(first)),
            )
        )
    return Table(
        caption=_("How surprised the model was by each token, and what it held likeliest there"),
        columns=(
            _("position"),
            _("token"),
            _("probability"),
            _("surprisal in bits"),
            _("likeliest"),
            _("second"),
        ),
        rows=tuple(rows),
    )


def _params(layout: Layout) -> list[alt.Parameter]:
    """What is told of each place, and which is shown.

    ``said`` is what a screen reader is told of it.
    """
    places = layout.places
    every = range(len(places))
    data: dict[str, object] = {
        "words": places.words,
        "bits": places.bits,
        "likely": places.likely,
        "chances": places.chances,
        "given": places.given,
        "rests": places.rests,
        "ranks": places.ranks,
        "asks": [places.asks(place) for place in every],
        "expects": [places.expects(place) for place in every],
        "tells": [places.tells(place) for place in every],
        "places": places.names(),
    }
    slider = alt.binding_range(min=0, max=len(places) - 1, step=1, name=_("Token") + " ")
    return [
        *layout.params(),
        *(alt.param(name=name, value=value) for name, value in data.items()),
        alt.param(name="place", value=places.start, bind=slider),
        alt.param(name="said", expr="expects[place] + ' ' + tells[place]"),
    ]
