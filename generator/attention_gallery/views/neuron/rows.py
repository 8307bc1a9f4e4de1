"""The rows of the neuron view: cells for vectors and products, numbers, a bar for the weight."""

from __future__ import annotations

from typing import Any

import altair as alt

from attention_gallery import charts
from attention_gallery.charts import literal, spoken
from attention_gallery.language import _
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.neuron import formulas
from attention_gallery.views.neuron.digits import read_expr
from attention_gallery.views.neuron.layout import TALL, Layout
from attention_gallery.views.neuron.vectors import MASKED, PLACES

# No number is the paper of the page; the fuller, the further from zero. Up and orange is above it,
# down and blue is below, so that signs are seen without colours too, however narrow a cell is.
_SIGNED = f"datum.share > 0 ? '{charts.HOVER_COLOUR}' : '{charts.PIN_COLOUR}'"
_FAINTEST = 0.02  # of the full colour; what is fainter is not seen


def strips(layout: Layout) -> alt.LayerChart:
    """The vector of each key, and its products with the query's."""
    rows = (
        formulas.products(layout.vectors, "row", "products")
        .transform_calculate(cell=f"floor(datum.dim / {layout.per_cell})")
        .transform_aggregate(
            product="sum(product)",
            key_mean="mean(key_whole)",
            query_mean="mean(query_whole)",
            groupby=["key", "cell"],
        )
        .transform_calculate(rest=formulas.rest_expr(layout.vectors, "row"))
        .transform_filter(
            f"datum.key < {layout.vectors.packed.n_keys} && (row < 0 || datum.rest != {MASKED})"
        )
        .transform_calculate(
            query="row",
            middle=layout.strip_y("datum.key"),
            product_number="datum.product / query_units[slot] / key_units[slot]",
            key_number="datum.key_mean / key_units[slot]",
            query_number="datum.query_mean / query_units[slot]",
        )
        .transform_calculate(
            told=f"{_dimensions(layout)} + ': ' + (row < 0 ? 'k ' + format(datum.key_number, '.3f')"
            " : 'q ' + format(datum.query_number, '.3f') + ', k ' + "
            "format(datum.key_number, '.3f') + ', q × k ' + format(datum.product_number, '.3f'))",
        )
    )
    return on_rows(
        rows,
        _cells(layout, layout.key, "datum.key_number / largest_key[slot]"),
        _cells(layout, layout.product, "datum.product_number / largest_product[slot]"),
    )


def query_strip(layout: Layout) -> alt.Chart:
    """The vector of the pinned query, above those of the keys."""
    n = layout.vectors.n_dims
    rows = (
        alt.Chart(alt.sequence(0, n, as_="dim"))
        .transform_filter("row >= 0")
        .transform_calculate(
            cell=f"floor(datum.dim / {layout.per_cell})",
            whole=read_expr("query_vectors[slot]", f"row * {n} + datum.dim"),
        )
        .transform_aggregate(mean="mean(whole)", groupby=["cell"])
        .transform_calculate(number="datum.mean / query_units[slot]", middle="query_y")
        .transform_calculate(
            told=f"{_dimensions(layout)} + ': q ' + format(datum.number, '.3f')",
            query="row",
            key="column",
        )
    )
    return _cells(layout, layout.key, "datum.number / largest_query[slot]", rows)


def _dimensions(layout: Layout) -> str:
    """A Vega expression that names the dimensions of a cell."""
    per = layout.per_cell
    if per == 1:
        return spoken(_("dimension {number}"), number="datum.cell")
    last = f"min({per} * datum.cell + {per - 1}, {layout.vectors.n_dims - 1})"
    return spoken(_("dimensions {first} to {last}"), first=f"{per} * datum.cell", last=last)


def _cells(layout: Layout, left: str, share: str, rows: alt.Chart | None = None) -> alt.Chart:
    """Coloured cells; a share is what a number is of the largest."""
    return (
        (rows or alt.Chart())
        .transform_calculate(share=share)
        .transform_calculate(fullness="abs(datum.share)")
        .transform_filter(f"datum.fullness >= {_FAINTEST}")
        .transform_calculate(
            x=f"{left} + {layout.cell} * datum.cell",
            x2=f"{left} + {layout.cell} * (datum.cell + 1) - (narrow ? 0.3 : 0.5)",
            y="datum.middle",
            y2=f"datum.middle + (datum.share > 0 ? -{TALL} : {TALL})",
        )
        .mark_rect(color=alt.expr(_SIGNED), aria=False, cursor="pointer")
        .encode(**CORNERS, fillOpacity=alt.FillOpacity("fullness:Q", scale=None), tooltip="told:N")
    )


def keys(layout: Layout, *params: alt.Parameter) -> alt.LayerChart:
    """What is told of each key: its name, its numbers, its weight; and the sink's."""
    n = layout.vectors.packed.n_keys
    rows = (
        formulas.sums(layout.vectors, "row", "sums")
        .transform_filter(f"datum.key < {n} || datum.seen")
        .transform_calculate(
            query="row",
            is_key=f"datum.key < {n}",
            middle=layout.number_y("datum.key"),
            shown=f"datum.key < {n} ? keys[datum.key] : {literal(_('sink'))}",
        )
        .transform_calculate(
            told=f"datum.is_key && datum.seen ? key_names[datum.key] + ': ' + "
            f"{formulas.told('datum')} : datum.shown",
        )
    )
    return on_rows(
        rows,
        _targets(layout, *params),
        _zero(layout),
        _labels(layout),
        _unseen(layout),
        _numbers(layout),
        _weight(layout, filled=True),
    )


def preview(layout: Layout) -> alt.LayerChart:
    """The weights of the query that the pointer is over, around those of the one pinned."""
    hovered = charts.selected("hover", "query")
    rows = formulas.sums(layout.vectors, f"({hovered} == row ? -1 : {hovered})", "previewed")
    rows = rows.transform_filter(f"datum.weight >= {charts.VISIBLE}").transform_calculate(
        middle=layout.number_y("datum.key")
    )
    return on_rows(rows, _weight(layout, filled=False))


def _targets(layout: Layout, *params: alt.Parameter) -> alt.Chart:
    """A whole row, to be pointed at."""
    of_key = "datum.key == {}"
    pinned = of_key.format(charts.selected("pin", "key"))
    hovered = of_key.format(charts.selected("hover", "key"))
    return (
        alt.Chart(name="rows")
        .transform_filter("datum.is_key")
        .transform_calculate(
            x="-6", x2=f"{layout.weight} + 4", y="top + pitch * datum.key",
            y2="top + pitch * (datum.key + 1) - 1",
        )
        # A frame, since a tint would mix with the colours of cells.
        .mark_rect(fillOpacity=0, strokeWidth=2, cornerRadius=3, cursor="pointer", aria=False)
        .encode(
            **CORNERS,
            stroke=alt.when(pinned)
            .then(alt.value(charts.PIN_COLOUR))
            .when(hovered)
            .then(alt.value(charts.HOVER_COLOUR))
            .otherwise(alt.value(None)),
            tooltip="told:N",
        )
        .add_params(*params)
    )  # fmt: skip


def _zero(layout: Layout) -> alt.Chart:
    """The line that cells stand on or hang from."""
    return (
        alt.Chart()
        .transform_filter("datum.is_key && (datum.seen || row < 0)")
        .transform_calculate(
            x=layout.key, x2=f"{layout.product} + {layout.strip}", y=layout.strip_y("datum.key")
        )
        .mark_rule(color="currentColor", opacity=0.2, aria=False, tooltip=None)
        .encode(**AT, x2="x2:Q")
    )


def _labels(layout: Layout) -> alt.Chart:
    return (
        alt.Chart()
        .transform_calculate(x=layout.label, y="datum.middle")
        .mark_text(
            align=alt.expr("narrow ? 'left' : 'right'"),
            baseline="middle",
            fontSize=14,
            limit=alt.expr(layout.label_room),
            fontStyle=alt.expr("datum.is_key ? 'normal' : 'italic'"),
            opacity=alt.expr("datum.seen || row < 0 ? 1 : 0.6"),
            cursor="pointer",
            aria=False,
        )
        .encode(**AT, text="shown:N", tooltip="told:N")
    )


def _unseen(layout: Layout) -> alt.Chart:
    """A key that the query cannot see has no numbers, and not a weight that happens to be 0."""
    why = literal(_("cannot be seen from here"))
    if layout.vectors.packed.triangle:
        why = f"datum.key > row ? {literal(_('comes later: cannot be seen'))} : {why}"
    return (
        alt.Chart()
        .transform_filter("row >= 0 && !datum.seen")
        .transform_calculate(x=layout.unseen, y="datum.middle", text=why)
        .mark_text(
            align="left", baseline="middle", fontSize=12, fontStyle="italic", opacity=0.75,
            cursor="pointer", aria=False,
        )
        .encode(**AT, text="text:N", tooltip="text:N")
    )  # fmt: skip


def _numbers(layout: Layout) -> alt.Chart:
    """What a row has in each column: the sum, what is added, the score, the weight."""
    columns = [
        (layout.dot, "datum.is_key", "format(datum.dot, '.' + dot_places[slot] + 'f')"),
        (layout.score, "true", f"format(datum.score, '.{PLACES}f')"),
        (layout.weight, "true", "format(datum.weight, '.3f')"),
    ]
    if layout.adds:
        added = f"format(datum.rest / 1000, '+.{PLACES}f')"
        columns.insert(1, (layout.added, "datum.is_key && adds[slot]", added))
    cells = ", ".join(f"{{x: {x}, text: {where} ? {text} : ''}}" for x, where, text in columns)
    return (
        alt.Chart()
        .transform_filter("datum.seen")
        .transform_calculate(number=f"[{cells}]")
        .transform_flatten(["number"])
        .transform_calculate(x="datum.number.x", y="datum.middle", text="datum.number.text")
        .mark_text(
            align="right",
            baseline="middle",
            fontSize=alt.expr("narrow ? 12 : 13"),
            fontWeight=alt.expr(f"datum.x == {layout.weight} ? 600 : 400"),
            cursor="pointer",
            aria=False,
        )
        .encode(**AT, text="text:N", tooltip="told:N")
    )


def _weight(layout: Layout, *, filled: bool) -> alt.Chart:
    """A bar as long as the weight; filled for the pinned query, an outline for another."""
    look: dict[str, Any] = {"color": charts.PIN_COLOUR, "cursor": "pointer"}
    if not filled:
        look = {"filled": False, "stroke": charts.HOVER_COLOUR, "strokeWidth": 2, "tooltip": None}
    return (
        alt.Chart()
        .transform_filter("datum.seen")
        .transform_calculate(
            x=layout.bar,
            x2=f"{layout.bar} + {layout.bar_length} * datum.weight",
            y=f"datum.middle - {6 if filled else 8}",
            y2=f"datum.middle + {6 if filled else 8}",
        )
        .mark_rect(aria=False, **look)
        .encode(**CORNERS, **({"tooltip": "told:N"} if filled else {}))
    )
