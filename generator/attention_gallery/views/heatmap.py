"""One head as a map: rows are queries, columns are keys, colour is weight."""

from __future__ import annotations

from typing import cast

import altair as alt

from attention_gallery import charts, reading
from attention_gallery.packing import Packed, decode
from attention_gallery.terms import Exhibit, Table

TITLE = "Heatmap"


def fits(exhibit: Exhibit) -> bool:
    """Words can name rows and columns; an image has too many patches, and they have a place."""
    return not exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. Causal attention draws no cells above the diagonal: those weights do not exist."""
    step = _step(max(packed.n_queries, packed.n_keys))
    width, height = step * packed.n_keys, step * packed.n_queries
    layers: list[alt.Chart | alt.LayerChart] = [
        _cells(packed, step),
        _frame("hover", charts.HOVER_COLOUR),
        _frame("pin", charts.PIN_COLOUR),
        _readout(packed, width, height),
    ]
    if packed.triangle:
        layers.insert(0, _paper(width, height))
    if packed.gold:
        layers.append(_gold(packed, step))
    return charts.layered(packed, layers, width, height).add_params(*_colours(packed))


def describe(packed: Packed) -> str:
    """The pinned row, the head's pattern, what cannot be seen, and what is marked."""
    parts = [reading.pinned_edges(packed), reading.pattern(packed)]
    if packed.triangle:
        parts.append("No token can look at a later one: those cells are left empty.")
    if packed.gold:
        parts.append("A ring marks the cells that are known to be right.")
    return " ".join(parts)


def tabulate(packed: Packed) -> Table:
    """Where each token looks."""
    return reading.strongest_keys(packed)


def _gold(packed: Packed, step: int) -> alt.LayerChart:
    """A ring on each cell that is known to be right: few enough to stand in the document."""
    cells = [{"query": link.row, "key": key} for link in packed.gold for key in link.columns]
    rings = (
        alt.Chart(alt.InlineData(values=cells))
        .mark_point(
            size=(step / 2) ** 2,
            stroke=stroke,
            strokeWidth=width,
            opacity=1,
            aria=False,
            tooltip=None,
        )
        .encode(x="key:O", y="query:O")
        for stroke, width in (("white", 4), ("black", 2))
    )
    return cast(alt.LayerChart, alt.layer(*rings))


def _step(n_tokens: int) -> int:
    """Pixels a cell: generous for a sentence, never below what a label needs to be read."""
    return 30 if n_tokens <= 12 else 24 if n_tokens <= 24 else 16 if n_tokens <= 40 else 12


def _cells(packed: Packed, step: int) -> alt.Chart:
    tokens = packed.attention
    pin = charts.pin(
        {"query": packed.pin, "key": int(packed.shown[packed.pin].argmax())},
        {
            "query": alt.binding_select(
                options=list(range(-1, packed.n_queries)),
                labels=["nothing", *charts.token_labels(tokens.queries)],
                name="Pinned query",
            ),
            "key": alt.binding_select(
                options=list(range(-1, packed.n_keys)),
                labels=["nothing", *charts.token_labels(tokens.keys)],
                name="Pinned key",
            ),
        },
    )
    font_size = min(13, step)
    return (
        charts.cells(packed)
        .transform_calculate(query_text="query_names[datum.query]", key_text="key_names[datum.key]")
        .mark_rect(aria=False, cursor="pointer")
        .encode(
            x=alt.X(
                "key:O",
                title="key: the token looked at",
                scale=alt.Scale(domain=list(range(packed.n_keys))),
                axis=alt.Axis(
                    orient="top",
                    labelExpr="keys[datum.value]",
                    labelAngle=-90,
                    labelLimit=120,
                    labelFontSize=font_size,
                ),
            ),
            y=alt.Y(
                "query:O",
                title="query: the token that looks",
                scale=alt.Scale(domain=list(range(packed.n_queries))),
                axis=alt.Axis(
                    labelExpr="queries[datum.value]", labelLimit=120, labelFontSize=font_size
                ),
            ),
            color=alt.Color(
                "weight:Q",
                scale=alt.Scale(
                    domainMin=0, domainMax=alt.expr("brightest"), range=list(charts.CIVIDIS)
                ),
                legend=alt.Legend(
                    title="weight", orient="bottom", offset=36, gradientLength=160, tickCount=5
                ),
            ),
            tooltip=[
                alt.Tooltip("query_text:N", title="query"),
                alt.Tooltip("key_text:N", title="key"),
                alt.Tooltip("weight:Q", title="weight", format=".3f"),
            ],
        )
        .add_params(pin, charts.hover("query", "key"))
    )


def _selected_cell(selection: str) -> alt.Chart:
    """One row, or none: restyling every cell on every move of the pointer would be slow."""
    return (
        alt.Chart(alt.sequence(0, 1, as_="cell"))
        .transform_calculate(
            query=charts.selected(selection, "query"), key=charts.selected(selection, "key")
        )
        .transform_filter("datum.query >= 0 && datum.key >= 0")
    )


def _frame(selection: str, colour: str) -> alt.LayerChart:
    """A coloured frame on a white one, to be seen on dark cells and on bright ones."""
    frames = (
        _selected_cell(selection)
        .mark_rect(filled=False, stroke=stroke, strokeWidth=width, aria=False, tooltip=None)
        .encode(x="key:O", y="query:O")
        for stroke, width in (("white", 5), (colour, 2.5))
    )
    return cast(alt.LayerChart, alt.layer(*frames))


def _readout(packed: Packed, width: int, height: int) -> alt.Chart:
    """The pinned weight in words, below the map."""
    weight = charts.weight_expr(charts.cell_expr(packed, "datum.query", "datum.key"))
    said = "query_names[datum.query] + ' looks at ' + key_names[datum.key] + ': '"
    said += f" + format({weight}, '.3f')"
    if packed.triangle:
        unseen = "query_names[datum.query] + ' cannot look at ' + key_names[datum.key]"
        said = f"datum.key > datum.query ? {unseen} + ', which comes later' : {said}"
    return (
        _selected_cell("pin")
        .transform_calculate(text=said)
        .mark_text(align="left", baseline="top", fontSize=14, limit=max(width, 320), aria=False)
        .encode(x=alt.value(0), y=alt.value(height + 10), text="text:N")
    )


def _colours(packed: Packed) -> list[alt.Parameter]:
    """Which weight is brightest.

    With 1 heads can be compared, for the same colour is the same weight; the other choice brings
    out the pattern of a head that spreads its weight thin.
    """
    choice = alt.binding_select(
        options=[0, 1], labels=["weights 0 to 1", "stretched to this head"], name="Colours"
    )
    largest = [round(float(decode(blob).max()), 4) for blob in packed.blobs]
    return [
        alt.param(name="largest", value=largest),
        alt.param(name="stretched", value=0, bind=choice),
        alt.param(name="brightest", expr="stretched ? largest[slot] : 1"),
    ]


def _paper(width: int, height: int) -> alt.Chart:
    """What a causal model cannot see is paper, not the colour of zero."""
    return (
        alt.Chart(alt.sequence(0, 1, as_="cell"))
        .mark_rect(color="currentColor", opacity=0.06, aria=False, tooltip=None)
        .encode(x=alt.value(0), x2=alt.value(width), y=alt.value(0), y2=alt.value(height))
    )
