"""One row of tokens, with arcs: above it where a token looks, below it who looks at the token.

Made for short sentences and for teaching: the sentence stays one that can be read.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts, reading
from attention_gallery.errors import InputError
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.arcs import curves, said, words
from attention_gallery.views.arcs.layout import Layout

TITLE = marked("Arcs")

DERIVED = True

NAMED_ONLY = True
"""It shows what the edges show, of sentences that are short enough to stand in a row."""

_MOST = 32


def fits(exhibit: Exhibit) -> bool:
    """It takes one text that looks at itself: a row has no place for a second."""
    sentence = exhibit.sentence
    one_text = not (sentence.pair or sentence.image or sentence.audio)
    itself = exhibit.attention in ("encoder", "decoder") or not (
        exhibit.attention or sentence.target
    )
    return one_text and itself


def draw(packed: Packed) -> alt.LayerChart:
    """The chart.

    Raises:
        InputError: When there are two texts, or too many tokens.
    """
    _check(packed)
    layout = Layout(packed)
    layers: list[alt.Chart | alt.LayerChart] = [
        curves.backdrop(layout),
        curves.selected(layout, "pin", charts.PIN_COLOUR),
        curves.selected(layout, "hover", charts.HOVER_COLOUR),
        words.targets(layout),
        words.labels(layout),
        words.numbers(layout),
        words.headings(),
    ]
    if packed.gold:
        layers.append(curves.known(layout))
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    return charts.layered(packed, layers, 1, 1, (*layout.params(), said.param()))


def describe(packed: Packed) -> str:
    """Where the pinned token looks, who looks at it, and the head's pattern.

    Raises:
        InputError: Like `draw`.
    """
    _check(packed)
    names, pin = charts.token_names(packed.attention.keys), packed.pin
    asked = packed.shown[:, pin].copy()
    asked[pin] = 0  # told as what it gives to itself
    most = int(asked.argmax())
    looked = _("Of the others, {query} looks most at {key} ({weight}).")
    if asked[most] < charts.VISIBLE:
        looked = _("No other token looks at {key}.")
    looked = looked.format(query=names[most], key=names[pin], weight=f"{asked[most]:.3f}")
    return f"{reading.pinned_edges(packed)} {looked} {reading.pattern(packed)}"


def tabulate(packed: Packed) -> Table:
    """Where each token looks."""
    return reading.strongest_keys(packed)


def _check(packed: Packed) -> None:
    """See that there is one text, short enough to stand in a row.

    Raises:
        InputError: When there is not.
    """
    attention, n = packed.attention, packed.n_queries
    images = charts.has_patches(attention.keys)
    if attention.kind == "cross" or images:
        what = "an image" if images else "cross attention"
        raise InputError(
            f"the view arcs shows how one text looks at itself, and this is {what}",
            hint="choose patches"
            if images
            else "write attention: encoder or decoder, or choose alignment",
        )
    if n > _MOST:
        raise InputError(
            f"the view arcs shows at most {_MOST} tokens, and here are {n}",
            hint="shorten the sentence, or choose edges or heatmap",
        )
