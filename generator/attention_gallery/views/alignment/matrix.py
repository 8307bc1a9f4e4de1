"""The matrix of an alignment: a row for each target word, a column for each source word."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.pixels import CORNERS, framed, ringed
from attention_gallery.views.alignment.layout import Layout


def cells(layout: Layout) -> alt.Chart:
    """Brighter is more. The selections live here; every word knows its row or its column too."""
    translation = layout.translation
    packed = translation.packed
    legend = alt.Legend(
        title=_("weight"), orient="none", direction="horizontal", legendX=0,
        legendY=layout.bottom + 12, gradientLength=140, tickCount=3,
    )  # fmt: skip
    scale = alt.Scale(domainMin=0, domainMax=1, range=list(charts.CIVIDIS))
    told = (
        f"{translation.moment('datum.query')} + ': ' + key_names[datum.key] + ' ' "
        "+ format(datum.weight, '.3f')"
    )
    controls = {
        end: alt.binding_select(
            options=list(range(-1, len(labels))), labels=[_("nothing"), *labels], name=name + " "
        )
        for end, name, labels in (
            ("query", _("Pinned row"), _row_labels(layout)),
            ("key", _("Pinned source word"), charts.token_labels(packed.attention.keys)),
        )
    }
    return (
        charts.cells(packed)
        .transform_calculate(told=told)
        .transform_calculate(
            x=layout.x("datum.key"),
            x2=layout.x("datum.key + 1"),
            y=layout.y("datum.query"),
            y2=layout.y("datum.query + 1"),
        )
        # A cell reaches below the next ones: where a page shrinks the matrix, no seam is seen.
        .mark_rect(x2Offset=1, y2Offset=1, cursor="pointer", aria=False)
        .encode(
            **CORNERS, color=alt.Color("weight:Q", scale=scale, legend=legend), tooltip="told:N"
        )
        .add_params(
            charts.pin({"query": packed.pin, "key": -1}, controls), charts.hover("query", "key")
        )
    )


def rings(layout: Layout) -> alt.LayerChart:
    """A ring on each cell that is known to be right: they move when rows change their names."""
    known = layout.translation.known()
    rows = known.transform_calculate(x=layout.x("datum.key + 0.5"), y=layout.y("datum.query + 0.5"))
    return ringed(rows, alt.expr(f"pow(min(step, {layout.row}) / 2, 2)"))


def frames(layout: Layout, selection: str, colour: str) -> alt.LayerChart:
    """A frame around the selected cell, row or column, to be seen on dark and on bright."""
    rows = (
        alt.Chart(alt.sequence(0, 1, as_="frame"))
        .transform_calculate(
            query=charts.selected(selection, "query"), key=charts.selected(selection, "key")
        )
        .transform_filter("datum.query >= 0 || datum.key >= 0")
        .transform_calculate(
            x=layout.x("max(datum.key, 0)"),
            x2=layout.x(f"datum.key < 0 ? {layout.n_keys} : datum.key + 1"),
            y=layout.y("max(datum.query, 0)"),
            y2=layout.y(f"datum.query < 0 ? {layout.n_queries} : datum.query + 1"),
        )
    )
    return framed(rows, colour)


def _row_labels(layout: Layout) -> list[str]:
    """Rows in a control bear both names, since a control cannot change its own."""
    read = [charts.short(t.text) for t in layout.translation.packed.attention.queries]
    return [f"{i} {a} → {b}" for i, (a, b) in enumerate(zip(read, [*read[1:], "…"], strict=True))]
