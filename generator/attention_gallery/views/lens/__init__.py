"""What a model would say after each of its layers: how an answer comes about.

The numbers are those of the measure ``lens``. Of a long text some columns are shown at a time: the
page of them that has the token that is chosen.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.chances import number
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import ground
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.lens import cells, guesses
from attention_gallery.views.lens.layout import Layout
from attention_gallery.views.lens.states import States

TITLE = marked("Logit lens")

MEASURES = frozenset({"lens"})
"""What has to be measured for this view."""


def fits(exhibit: Exhibit) -> bool:
    """What is no text has no words; whether a model has some to say is known when it is asked."""
    return exhibit.attention != "vision"


def draw(packed: Packed) -> alt.LayerChart:
    """The chart."""
    layout = Layout(States(packed))
    layers: list[alt.Chart | alt.LayerChart] = [
        ground(layout.width, str(layout.height)),
        guesses.bars(layout),
        guesses.headings(layout),
        cells.grid(layout),
        cells.pinned(layout),
        cells.labels(layout),
        cells.legend(layout),
    ]
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    return charts.stacked(layers, _params(layout), width=1, height=1)


def describe(packed: Packed) -> str:
    """The cell first shown, and from which layer on answers are there on the whole."""
    states = States(packed)
    return f"{states.in_words(states.start, states.place)} {states.on_the_whole()}"


def tabulate(packed: Packed) -> Table:
    """Each token, what the model says there in the end, and from where on."""
    states = States(packed)
    return Table(
        caption=_("What the model says at each token, and from which layer on it is the likeliest"),
        columns=(
            _("position"),
            _("token"),
            _("the model says"),
            _("probability"),
            _("the likeliest"),
        ),
        rows=tuple(
            (
                str(place),
                word,
                states.last(place),
                number(states.of_last[-1][place]),
                states.since(place),
            )
            for place, word in enumerate(states.words)
        ),
    )


def _params(layout: Layout) -> list[alt.Parameter]:
    """What is told of each cell, and which is shown.

    ``said`` is what a screen reader is told of it: the same as `describe`, by other code.
    """
    states = layout.states
    data: dict[str, object] = {
        "words": states.words,
        "vocabulary": states.vocabulary,
        "likely": states.likely,
        "chances": states.chances,
        "ranks": states.ranks,
        "of_last": states.of_last,
        "entropies": states.entropies,
        "places": states.place_names(),
        "states": states.names,
        "stages": [states.stage(state) for state in range(len(states.names))],
        "ends": [states.end(place) for place in range(len(states.words))],
    }
    layers = alt.binding_range(min=0, max=len(states.names) - 1, step=1, name=_("Layer") + " ")
    tokens = alt.binding_range(min=0, max=len(states.words) - 1, step=1, name=_("Token") + " ")
    return [
        *(alt.param(name=name, value=value) for name, value in data.items()),
        alt.param(name="state", value=states.start, bind=layers),
        alt.param(name="place", value=states.place, bind=tokens),
        *layout.params(),
        alt.param(name="said", expr=states.said("state", "place")),
    ]
