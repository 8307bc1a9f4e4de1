"""An image as the model saw it, beside a map of what is given to each of its patches.

The image stays untouched: weights lie over it as hollow squares, each enclosing the share of its
patch that its weight is of 1. Beside it the same weights are colours on the same grid, so that none
has to be read through a tint. Words stand above, in the order of the caption.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts, maps, reading
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed, encode
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.patches import pictures, words
from attention_gallery.views.patches.layout import Layout

TITLE = marked("Patches")

DERIVED = True


def fits(exhibit: Exhibit) -> bool:
    """Only an image has patches, and the words of its caption do not see them by themselves.

    Where image and text are one sequence, a token gives a part of its attention to the text: over
    the image alone, what is left of it would look like all there is.
    """
    return exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. `token` in it counts the queries first and the keys after them."""
    layout = Layout(packed)
    layers: list[alt.Chart | alt.LayerChart] = [
        pictures.image(layout),
        pictures.grid(layout),
        pictures.squares(layout, "pin", charts.PIN_COLOUR),
        pictures.squares(layout, "hover", charts.HOVER_COLOUR),
        pictures.heatmap(layout),
        pictures.gold(layout),
        pictures.frames(layout, "hover", charts.HOVER_COLOUR),
        pictures.frames(layout, "pin", charts.PIN_COLOUR),
        pictures.ranks(layout),
        pictures.targets(layout),
        pictures.numbering(layout),
        pictures.strongest(layout),
        words.targets(layout),
        words.labels(layout),
        words.numbers(layout),
        words.bars(layout),
        words.headings(layout),
    ]
    return charts.layered(packed, layers, layout.width, layout.height, _params(layout))


def describe(packed: Packed) -> str:
    """The pinned row's strongest patches, the head's pattern, and what is marked."""
    parts = [reading.pinned_edges(packed), reading.pattern(packed)]
    if any(packed.attention.keys[key].patch for link in packed.gold for key in link.columns):
        parts.append(_("A dashed line surrounds the patches that are known to be right."))
    return " ".join(parts)


def tabulate(packed: Packed) -> Table:
    """Where each token looks."""
    return reading.strongest_keys(packed)


def _params(layout: Layout) -> list[alt.Parameter]:
    """Where words stand, the means over all rows, and what is shown.

    ``focus`` is the token whose weights the map shows, or -1 for the mean over all rows; ``asked``
    is the key of which each word tells its weight, or -1 for all patches together. A pin comes
    before what the pointer is over.
    """
    n, packed = layout.n, layout.packed
    pinned, hovered = (charts.selected(name, "token") for name in ("pin", "hover"))
    # What only words look at has no map of its own.
    n_focused = n + packed.n_keys if layout.looking else n
    means = [maps.weights(packed.attention, slot).mean(axis=0) for slot in packed.slots]
    colours = alt.binding_select(
        options=[1, 0],
        labels=[_("stretched to what is shown"), _("weights 0 to 1")],
        name=_("Colours"),
    )
    return [
        alt.param(name="words", value=layout.words),
        alt.param(name="word_labels", value=layout.labels),
        alt.param(name="word_places", value=layout.places),
        alt.param(name="known", value=layout.known()),
        alt.param(name="means", value=[encode(mean) for mean in means]),
        alt.param(
            name="focus",
            expr=f"{pinned} >= 0 && {pinned} < {n_focused} ? {pinned}"
            f" : {hovered} < {n_focused} ? {hovered} : -1",
        ),
        alt.param(
            name="asked",
            expr=f"{pinned} >= {n} ? {pinned} - {n} : {hovered} >= {n} ? {hovered} - {n} : -1",
        ),
        alt.param(name="stretched", value=1, bind=colours),
    ]
