"""One map of attention: rows are queries, columns are keys, colour is weight.

In the margins stands what each key receives, which keys can be sorted by, and what can be said of
each row. A long text is a picture of the whole map, with a window of marks around what a reader
points at.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts, reading
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.heatmap import cells, picture, totals, words
from attention_gallery.views.heatmap.layout import Layout

TITLE = marked("Heatmap")

DERIVED = True


def fits(exhibit: Exhibit) -> bool:
    """Words can name rows and columns; an image has too many patches, and they have a place."""
    return not exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. Causal attention draws no cells above the diagonal: those weights do not exist."""
    layout = Layout(packed)
    layers: list[alt.Chart | alt.LayerChart] = [
        cells.cells(layout),
        cells.frame(layout, "hover", charts.HOVER_COLOUR),
        cells.frame(layout, "pin", charts.PIN_COLOUR),
        cells.labels(layout, "query"),
        cells.labels(layout, "key"),
        totals.key_bars(layout),
        totals.row_bars(layout),
        totals.headings(),
        totals.numbers(layout, "hover", charts.HOVER_COLOUR),
        totals.numbers(layout, "pin", charts.PIN_COLOUR),
        words.lines(layout),
    ]
    params = [
        *layout.params(), *totals.params(packed), *cells.params(layout), *words.params(packed)
    ]  # fmt: skip
    if layout.many:
        layers.insert(0, cells.still(layout))
    if packed.triangle:
        layers.insert(0, cells.paper())
    if packed.gold:
        layers.append(cells.gold(layout))
    if layout.long:
        layers += picture.layers(layout)
        params += picture.params(layout)
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    return charts.layered(packed, layers, 1, 1, params)


def describe(packed: Packed) -> str:
    """The pinned row, the head's pattern, its favourite key, what is not seen, what is marked."""
    key, total = totals.most_received(packed)
    most = _("{key} receives most, {total} in all.").format(
        key=charts.token_names(packed.attention.keys)[key], total=f"{total:.2f}"
    )
    parts = [reading.pinned_edges(packed), reading.pattern(packed), most]
    if packed.triangle:
        parts.append(_("No token can look at a later one: those cells are left empty."))
    layout = Layout(packed)
    if layout.long:
        row, column = layout.first
        parts.append(
            _(
                "All {queries} by {keys} weights are a picture, and {rows} by {columns} of them "
                "are marks beside it, from query {row} and key {column} on."
            ).format(
                queries=packed.n_queries,
                keys=packed.n_keys,
                rows=layout.rows,
                columns=layout.columns,
                row=row,
                column=column,
            )
        )
    if packed.gold:
        parts.append(_("A ring marks the cells that are known to be right."))
    return " ".join(parts)


def tabulate(packed: Packed) -> Table:
    """Where each token looks."""
    return reading.strongest_keys(packed)
