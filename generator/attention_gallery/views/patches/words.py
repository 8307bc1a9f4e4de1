"""The words above the pictures of the view of patches, and the keys that are no patches."""

from __future__ import annotations

from typing import cast

import altair as alt

from attention_gallery import charts
from attention_gallery.charts import literal, spoken
from attention_gallery.language import _
from attention_gallery.views.patches.layout import LINE, MARGIN, ROW, WIDEST, WORDS, Layout
from attention_gallery.views.patches.pictures import X, Y

_BAR = 30  # the length of a weight of 1


def targets(layout: Layout) -> alt.Chart:
    """Boxes that are easy to hit; it is here that the selections live."""
    packed, names = layout.packed, charts.row_names(layout.packed.attention)
    queries = [_("query {token}").format(token=f"{i} {name}") for i, name in enumerate(names)]
    keys = [
        _("key {token}").format(token=label) for label in charts.token_labels(packed.attention.keys)
    ]
    control = alt.binding_select(
        options=list(range(-1, layout.n + packed.n_keys)),
        labels=[_("nothing"), *queries, *keys],
        name=_("Pinned token"),
    )
    pin = charts.pin({"token": packed.pin}, {"token": control})
    hover = charts.hover("token")
    return (
        _boxes(layout)
        .transform_calculate(
            x="datum.left",
            y="datum.top",
            x2="datum.left + datum.width",
            y2=f"datum.top + (datum.word ? {LINE - 4} : {ROW - 2})",
        )
        .mark_rect(cornerRadius=3, cursor="pointer", aria=False)
        .encode(
            x=X,
            y=Y,
            x2="x2:Q",
            y2="y2:Q",
            fill=alt.condition(pin, alt.value(charts.PIN_COLOUR), alt.value(charts.HOVER_COLOUR)),
            fillOpacity=alt.when(pin | hover).then(alt.value(0.25)).otherwise(alt.value(0)),
            tooltip="tip:N",
        )
        .add_params(pin, hover)
    )


def labels(layout: Layout) -> alt.Chart:
    """The words, and the keys that are no patches."""
    return (
        _boxes(layout)
        .transform_calculate(x="datum.left + 5", y=f"datum.top + {ROW / 2}")
        .mark_text(
            align="left", baseline="middle", fontSize=alt.expr("datum.word ? 15 : 13"),
            limit=alt.expr("datum.width - 8"), cursor="pointer", aria=False,
        )
        .encode(x=X, y=Y, text="text:N", tooltip="tip:N")
    )  # fmt: skip


def numbers(layout: Layout) -> alt.Chart:
    """Below a word its weight on what is asked for; beside another key what it is given."""
    # Where there is nothing else to look at, the patches together are given all.
    told = "true" if layout.others else "!datum.word || asked >= 0"
    return (
        _boxes(layout)
        .transform_filter(told)
        .transform_calculate(
            x="datum.word ? datum.left + 5 : datum.left + datum.width - 4",
            y=f"datum.top + (datum.word ? {ROW + 5} : {ROW / 2})",
            number="format(datum.weight, datum.word && asked < 0 ? '.2f' : '.3f')",
        )
        .mark_text(
            align=alt.expr("datum.word ? 'left' : 'right'"), baseline="middle", fontSize=13,
            cursor="pointer", aria=False, tooltip=None,
        )
        .encode(x=X, y=Y, text="number:N")
    )  # fmt: skip


def bars(layout: Layout) -> alt.LayerChart:
    """The numbers of the words as lengths, each on a line of length 1."""
    told = "datum.word" if layout.others else "datum.word && asked >= 0"
    words = (
        _boxes(layout)
        .transform_filter(told)
        .transform_calculate(x="datum.left + 5", y=f"datum.top + {LINE - 6}")
    )
    lines = (
        words.transform_calculate(x2=f"datum.x + {length}")
        .mark_rule(
            color="currentColor", strokeWidth=3, opacity=opacity, cursor="pointer", aria=False,
            tooltip=None,
        )
        .encode(x=X, y=Y, x2="x2:Q")
        for length, opacity in ((f"{_BAR}", 0.2), (f"{_BAR} * datum.weight", 0.7))
    )  # fmt: skip
    return cast(alt.LayerChart, alt.layer(*lines))


def headings(layout: Layout) -> alt.Chart:
    """What the words, the image and the map are, each above it."""
    if layout.looking:
        on_all = _("Not a patch; below, its weight on all patches together")
        on_one = _("Not a patch; below, its weight on {key}")
        mean = _("mean over all tokens")
    else:
        on_all = _("About to be written; below, its weight on all patches together")
        on_one = _("About to be written; below, its weight on {key}")
        mean = _("mean over all words")
    looks = spoken(_("where {query} looks"), query="query_names[focus]")
    looked_at = spoken(_("who looks at {key}"), key=f"key_names[focus - {layout.n}]")
    texts = (
        f"asked < 0 ? {literal(on_all)} : {spoken(on_one, key='key_names[asked]')}",
        literal(layout.pixels),
        f"focus < 0 ? {literal(mean)} : focus < {layout.n} ? {looks} : {looked_at}",
    )
    top = layout.top - MARGIN - 10
    return (
        alt.Chart(alt.sequence(0, len(texts), as_="heading"))
        .transform_calculate(
            text=f"[{', '.join(texts)}][datum.heading]",
            x=f"{[0, *layout.left]}[datum.heading]",
            y=f"{[WORDS - 14, top, top]}[datum.heading]",
        )
        .mark_text(
            align="left", baseline="middle", fontSize=13, opacity=0.8, aria=False, tooltip=None,
            limit=alt.expr(f"datum.heading ? {layout.image[0]} : {layout.width}"),
        )
        .encode(x=X, y=Y, text="text:N")
    )  # fmt: skip


def _boxes(layout: Layout) -> alt.Chart:
    """One row per word, then one per key that is no patch: its box, its text, its weight."""
    n_words = len(layout.words)
    on_others = " - ".join(
        charts.weight_expr(charts.cell_expr(layout.packed, "datum.token", str(key)))
        for key in layout.others
    )
    on_asked = charts.weight_expr(charts.cell_expr(layout.packed, "datum.token", "asked"))
    on_word = f"asked < 0 ? 1 - {on_others or 0} : {on_asked}"
    return (
        alt.Chart(alt.sequence(0, n_words + len(layout.others), as_="box"))
        .transform_calculate(
            word=f"datum.box < {n_words}",
            place="word_places[datum.box]",
            key=f"{layout.others}[datum.box - {n_words}]",
        )
        .transform_calculate(
            token=f"datum.word ? words[datum.box] : datum.key + {layout.n}",
            left=f"datum.word ? datum.place[0] : {layout.left[1]}",
            top=f"datum.word ? {WORDS} + {LINE} * datum.place[1]"
            f" : {layout.bottom + 8} + {ROW} * (datum.box - {n_words})",
            width=f"datum.word ? datum.place[2] : {layout.image[0]}",
            text="datum.word ? word_labels[datum.box] : keys[datum.key]",
        )
        .transform_calculate(
            # Only a word that may have been cut needs a tooltip; others would hide what is below.
            tip=f"datum.word && datum.width == {WIDEST} ? datum.text : ''",
            weight=f"datum.word ? ({on_word}) : ({layout.focused('datum.key')})",
        )
    )
