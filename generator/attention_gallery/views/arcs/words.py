"""The tokens between the arcs, the numbers at the feet of arcs, and what the arcs are."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.pixels import AT
from attention_gallery.views.arcs import said
from attention_gallery.views.arcs.layout import BOX, NUMBER, Layout


def targets(layout: Layout) -> alt.Chart:
    """Boxes that are easy to hit; it is here that the selections live."""
    labels = charts.token_labels(layout.packed.attention.queries)
    control = alt.binding_select(
        options=list(range(-1, layout.n)),
        labels=[_("nothing"), *labels],
        name=_("Pinned token") + " ",
    )
    pin = charts.pin({"token": layout.packed.pin}, {"token": control})
    hover = charts.hover("token")
    return (
        _tokens(layout)
        .transform_calculate(
            left="datum.x - places[datum.token][1] / 2",
            right="datum.x + places[datum.token][1] / 2",
            top="row",
            bottom=f"row + {BOX}",
        )
        .mark_rect(cornerRadius=3, cursor="pointer", aria=False)
        .encode(
            x=alt.X("left:Q", scale=None, axis=None),
            x2="right:Q",
            y=alt.Y("top:Q", scale=None, axis=None),
            y2="bottom:Q",
            fill=alt.condition(pin, alt.value(charts.PIN_COLOUR), alt.value(charts.HOVER_COLOUR)),
            fillOpacity=alt.when(pin | hover).then(alt.value(0.25)).otherwise(alt.value(0)),
            tooltip="tip:N",
        )
        .add_params(pin, hover)
    )


def labels(layout: Layout) -> alt.Chart:
    """The tokens, in their order."""
    return (
        _tokens(layout)
        .mark_text(
            baseline="middle",
            fontSize=alt.expr("narrow ? 13 : 15"),
            limit=alt.expr("places[datum.token][1] - 4"),
            cursor="pointer",
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="tip:N")
    )


def numbers(layout: Layout) -> alt.Chart:
    """The pinned token's weights: each has the room of a token, so that none can overlap."""
    return (
        said.ranked(layout)
        .transform_calculate(
            x="places[datum.other][0]",
            y=f"row + (datum.side ? {BOX + NUMBER / 2} : {-NUMBER / 2})",
        )
        .mark_text(baseline="middle", fontSize=12, aria=False, tooltip=None)
        .encode(
            **AT,
            text=alt.Text("weight:Q", format=".3f"),
            opacity=alt.when(f"datum.weight >= {charts.VISIBLE}")
            .then(alt.value(1))
            .otherwise(alt.value(0.7)),
        )
    )


def headings() -> alt.Chart:
    """What the arcs above are, and those below."""
    pinned = charts.selected("pin", "token")
    name = f"({pinned} < 0 ? {charts.literal(_('a token'))} : query_names[{pinned}])"
    below = charts.spoken(_("below: who looks at {token}"), token=name)
    above = charts.spoken(_("above: where {token} looks"), token=name)
    return (
        alt.Chart(alt.sequence(0, 2, as_="side"))
        .transform_calculate(
            text=f"datum.side ? {below} : {above}",
            y=f"datum.side ? row + rises[1] + {BOX + NUMBER + 14} : 8",
        )
        .mark_text(
            align="left", baseline="middle", fontSize=13, opacity=0.8, x=0, aria=False, tooltip=None
        )
        .encode(y=AT["y"], text="text:N")
    )


def _tokens(layout: Layout) -> alt.Chart:
    return alt.Chart(alt.sequence(0, layout.n, as_="token")).transform_calculate(
        text="queries[datum.token]",
        x="places[datum.token][0]",
        y=f"row + {BOX / 2}",
        # Only a label that may have been cut needs a tooltip; others would hide the arcs.
        tip=f"places[datum.token][1] < {layout.most} ? '' : queries[datum.token]",
    )
