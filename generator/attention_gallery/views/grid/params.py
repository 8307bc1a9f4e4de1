"""What the grid's document holds, and how Vega reads it: its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

import altair as alt

from attention_gallery import charts, maps
from attention_gallery.head_scores import HeadScore
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.sprite import SIDE, Miniatures, miniatures, palette
from attention_gallery.views.grid import words

_PIXELS = 1_000_000
"""Of all pictures of a document together."""


def pictures(packed: Packed) -> Miniatures:
    """Every map that can be shown as a small picture; smaller ones where there are many."""
    side = min(SIDE, isqrt(_PIXELS // len(packed.slots)))
    shown = (maps.weights(packed.attention, slot) for slot in packed.slots)
    return miniatures(shown, causal=packed.attention.causal, side=side)


def params(
    packed: Packed, scored: Mapping[str, HeadScore], drawn: Miniatures
) -> list[alt.Parameter]:
    """All parameters but those of the layout."""
    # The chart shows pictures, and needs neither weights nor the names of their rows.
    needless = ("weights", "query_names", "key_names")
    shared = [param for param in charts.shared_params(packed) if param.name not in needless]
    return [*shared, *_heads(packed, drawn), *_scores(packed, scored), *_shown(scored)]


def _heads(packed: Packed, drawn: Miniatures) -> list[alt.Parameter]:
    """Where the heads belong, what they look like, and what is particular to them."""
    return [
        alt.param(
            name="slot_layers",
            value=[-1 if slot.layer is None else slot.layer for slot in packed.slots],
        ),
        alt.param(
            name="slot_heads",
            value=[-1 if slot.head is None else slot.head for slot in packed.slots],
        ),
        alt.param(name="captions", value=words.captions(packed)),
        alt.param(name="picture_head", value=f"data:image/png;base64,{drawn.head}"),
        alt.param(name="picture_tails", value=list(drawn.tails)),
        alt.param(name="colours", value=palette()),
    ]


def _scores(packed: Packed, scored: Mapping[str, HeadScore]) -> list[alt.Parameter]:
    """The scores, and the choice of one to order heads by."""
    titles = [score.title for score in scored.values()]
    values = [
        [None if slot.single is None else score[slot.single] for slot in packed.slots]
        for score in scored.values()
    ]
    natural = _("layer and head") if packed.every_head else _("nothing: as listed")
    order = alt.binding_select(
        options=list(range(len(titles) + 1)), labels=[natural, *titles], name=_("Order by") + " "
    )
    place = alt.binding_checkbox(name=_("Keep every head in its place") + " ")
    return [
        alt.param(name="scores", value=values),
        alt.param(name="score_titles", value=titles),
        alt.param(
            name="score_labels",
            value=[f"{s.title} ({s.unit})" if s.unit else s.title for s in scored.values()],
        ),
        alt.param(name="score_formats", value=[f".{score.digits}f" for score in scored.values()]),
        alt.param(
            name="score_units", value=[f" {score.unit}".rstrip() for score in scored.values()]
        ),
        alt.param(
            name="most", value=[max(0.001, *(v for v in row if v is not None)) for row in values]
        ),
        alt.param(name="order", value=0, bind=order),
        alt.param(name="in_place", value=False, bind=place),
        alt.param(name="placed", expr="order == 0 || in_place"),
    ]


def _shown(scored: Mapping[str, HeadScore]) -> list[alt.Parameter]:
    """What the panel shows, and what is said of the head that is chosen.

    A click chooses a head and pins it: the panel then keeps to it. Otherwise it shows the head that
    is pointed at, until another is chosen while the pointer rests.
    """
    clicked, pointed, meanwhile = (
        charts.selected(name, field)
        for name, field in (("pin", "slot"), ("hover", "slot"), ("hover", "chosen"))
    )
    parts = (
        f"'{phrase} ' + {score_expr(str(i), 'slot')}"
        for i, phrase in enumerate(words.phrases(scored))
    )
    listed = " + ', ' + ".join(parts)
    ordered = charts.spoken(_("The heads are ordered by {score}."), score="score_titles[order - 1]")
    return [
        alt.param(name="pinned", expr=f"{clicked} == slot"),
        alt.param(name="hovered", expr=f"{meanwhile} == slot ? {pointed} : -1"),
        alt.param(name="focus", expr="pinned || hovered < 0 ? slot : hovered"),
        alt.param(
            name="said",
            expr=f"slots[slot] + (slot_heads[slot] < 0 ? '.' : ': ' + {listed} + '.')"
            f" + (placed ? '' : ' ' + {ordered})",
        ),
    ]


def score_expr(score: str, slot: str) -> str:
    """A Vega expression for a score of a head with its unit; both are expressions of an index."""
    return f"format(scores[{score}][{slot}], score_formats[{score}]) + score_units[{score}]"
