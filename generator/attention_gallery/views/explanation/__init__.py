"""Attention as explanation: a weight beside three other ways to say that a word matters.

The keys of the query at which the model answers are rows. That columns differ does not say which of
them is right; it says that a weight alone is no explanation.

Source: Jain & Wallace 2019, "Attention is not Explanation", arXiv:1902.10186, section 4.1, which
compares weights with gradients by rank correlation and with what is left out; Serrano & Smith 2019,
"Is Attention Interpretable?", arXiv:1906.03731, section 3, which sets weights to zero.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import ground
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.explanation import cells, said
from attention_gallery.views.explanation.columns import NAMES, Columns
from attention_gallery.views.explanation.layout import Layout

TITLE = marked("Attention as explanation")

MEASURES = frozenset({"norms", "attribution", "knockout"})
"""What has to be measured for this view."""


def fits(exhibit: Exhibit) -> bool:
    """What is no text has no words; whether a model answers is known when it is asked."""
    return exhibit.attention != "vision"


def draw(packed: Packed) -> alt.LayerChart:
    """The chart."""
    layout = Layout(Columns(packed))
    layers: list[alt.Chart | alt.LayerChart] = [
        ground(layout.width, layout.height),
        cells.notes(layout),
        cells.headings(layout),
        cells.correlations(layout),
        cells.rows(layout),
    ]
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    params = (*charts.shared_params(packed), *_params(layout))
    return charts.stacked(layers, params, width=1, height=1)


def describe(packed: Packed) -> str:
    """The words that come first by each column, and how far the columns agree."""
    return said.in_words(Columns(packed), packed.start)


def tabulate(packed: Packed) -> Table:
    """The columns of the map first shown."""
    columns = Columns(packed)
    weight, norms, _gradients, loss = columns.all(packed.start)
    caption = _("What {map} looks at where the model answers, at {word}, and what that is worth")
    return Table(
        caption=caption.format(map=packed.slots[packed.start], word=columns.place),
        columns=(
            _("word"),
            _("weight"),
            _("share of norms"),
            _("integrated gradients"),
            _("loss without it"),
        ),
        rows=tuple(
            (
                columns.names[key],
                f"{weight[key]:.3f}",
                f"{norms[key]:.3f}",
                said.gradient_told(columns, key),
                said.signed(float(loss[key])),
            )
            for key in range(columns.n_keys)
        ),
    )


def _params(layout: Layout) -> list[alt.Parameter]:
    """What is told of each word, and by which column rows are sorted.

    ``said`` is what a screen reader is told of it: the same as `describe`, by other code.
    """
    order = alt.binding_select(
        options=list(range(1 + len(NAMES))),
        labels=[_("the text"), *map(_, NAMES)],
        # The column is what is chosen in it.
        name=_("Order of {column}").format(column=""),
    )
    return [
        *layout.params(),
        *said.params(layout.columns),
        alt.param(name="order", value=0, bind=order),
        alt.param(name="said", expr=said.expression(layout.columns)),
    ]
