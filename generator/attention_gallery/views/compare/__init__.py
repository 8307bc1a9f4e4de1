"""The exhibit's map, the map it is held against, and their difference, under one selection.

Where it is held against several, a slider steps through them. As in the edges, positions are plain
pixels and not scales: whatever stands in a map knows its query and its key, so that one selection
serves all three.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from attention_gallery import charts, comparison
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT, CORNERS, framed, on_rows
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.compare import heads, params
from attention_gallery.views.compare.layout import (
    GAP,
    LEGEND_PITCH,
    LEGEND_ROW,
    TITLE_ROW,
    Layout,
)

TITLE = marked("Comparison")

# No difference is the paper of the page, light or dark; more is orange and less is blue. Either
# has a contrast of at least 3:1 on both papers, and the two stay apart in every kind of colour
# vision. For those who see no colours, and for print, the cells have signs.
_DIVERGING = (
    charts.PIN_COLOUR, f"{charts.PIN_COLOUR}00", f"{charts.HOVER_COLOUR}00", charts.HOVER_COLOUR,
)  # fmt: skip
_SIGNED = 0.2  # of the full colour: what is fainter has no sign


def fits(exhibit: Exhibit) -> bool:
    """There has to be something to compare with, and patches have no names to stand at a map."""
    return bool(exhibit.against) and not exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. It opens on the first of what the exhibit is held against."""
    return _Drawing(packed).chart()


def describe(packed: Packed) -> str:
    """The pinned cell in both maps, and the heads that changed most."""
    return f"{comparison.pinned_change(packed)} {comparison.most_changed(packed)}"


def tabulate(packed: Packed) -> Table:
    """The heads that changed most."""
    return comparison.changed_heads(packed)


class _Drawing:
    """The layers of the chart."""

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        self.layout = Layout(packed)

    def chart(self) -> alt.LayerChart:
        layers: list[alt.Chart | alt.LayerChart] = [
            self.maps(),
            self.frames("hover", charts.HOVER_COLOUR),
            self.frames("pin", charts.PIN_COLOUR),
            self.labels("queries", "query"),
            self.labels("keys", "key"),
            self.titles(),
            self.numbers(),
            heads.squares(self.packed, self.layout),
            heads.labels(self.packed, self.layout),
        ]
        if self.packed.triangle:
            layers.insert(0, self.unseen())
        # What is drawn widens the chart as far as it needs, on a page and on a phone.
        added = (*params.params(self.packed), *self.layout.params())
        return charts.layered(self.packed, layers, 1, 1, added)

    def square(self, chart: alt.Chart, which: int | str) -> alt.Chart:
        """Corners of the cell that each row is about, in map `which`."""
        which = str(which)
        return chart.transform_calculate(
            x=self.layout.x(which, "datum.key"),
            x2=self.layout.x(which, "datum.key + 1"),
            y=self.layout.y(which, "datum.query"),
            y2=self.layout.y(which, "datum.query + 1"),
        )

    def maps(self) -> alt.LayerChart:
        """All three from the same rows, one per cell, with what a pointer is told there."""
        rows = (
            charts.cells(self.packed)
            .transform_calculate(other=params.other(self.packed, "datum.query", "datum.key"))
            .transform_calculate(
                change="datum.weight - datum.other",
                told=params.told("datum.query", "datum.key", "datum.weight", "datum.other"),
            )
        )
        layers = (self.weights(0, "weight"), self.weights(1, "other"), self.changes(), self.signs())
        return on_rows(rows, *layers)

    def weights(self, which: int, field: str) -> alt.Chart:
        return (
            self.square(alt.Chart(), which)
            # A cell reaches below the next ones: where a page shrinks the maps, no seam is seen.
            .mark_rect(x2Offset=1, y2Offset=1, cursor="pointer", aria=False)
            .encode(
                **CORNERS,
                color=alt.Color(
                    f"{field}:Q",
                    scale=alt.Scale(
                        domainMin=0, domainMax=alt.expr("brightest"), range=list(charts.CIVIDIS)
                    ),
                    legend=self.legend(_("weight"), 0),
                ),
                tooltip="told:N",
            )
        )

    def changes(self) -> alt.Chart:
        """The difference, and the selections: a cell of any map has a query and a key."""
        domain: list[Any] = [alt.expr("-fullest"), 0, 0, alt.expr("fullest")]
        return (
            self.square(alt.Chart(name="changes"), 2)
            .mark_rect(aria=False, cursor="pointer", stroke="currentColor", strokeOpacity=0.14)
            .encode(
                **CORNERS,
                fill=alt.Fill(
                    "change:Q",
                    scale=alt.Scale(domain=domain, range=list(_DIVERGING)),
                    legend=self.legend(_("difference: first minus second"), 1),
                ),
                tooltip="told:N",
            )
            .add_params(*self.selections())
        )

    def signs(self) -> alt.Chart:
        return (
            alt.Chart()
            .transform_filter(f"abs(datum.change) >= {_SIGNED} * fullest")
            .transform_calculate(
                x=self.layout.x("2", "datum.key + 0.5"),
                y=self.layout.y("2", "datum.query + 0.5"),
                sign="datum.change > 0 ? '+' : '−'",
            )
            .mark_text(
                baseline="middle",
                fontSize=alt.expr("0.7 * step"),
                fontWeight=600,
                aria=False,
                cursor="pointer",
            )
            .encode(**AT, text="sign:N", tooltip="told:N")
        )

    def selections(self) -> list[alt.Parameter]:
        tokens = self.packed.attention
        controls = {
            end: alt.binding_select(
                options=list(range(-1, len(labelled))),
                labels=[_("nothing"), *charts.token_labels(labelled)],
                name=name + " ",
            )
            for end, name, labelled in (
                ("query", _("Pinned query"), tokens.queries),
                ("key", _("Pinned key"), tokens.keys),
            )
        }
        start = {"query": self.packed.pin, "key": comparison.pinned_key(self.packed)}
        return [charts.pin(start, controls), charts.hover("query", "key")]

    def legend(self, title: str, place: int) -> alt.Legend:
        """Below the maps, and below each other on a phone."""
        return alt.Legend(
            title=title,
            orient="none",
            direction="horizontal",
            legendX=alt.expr(f"{self.layout.left} + (narrow ? 0 : {LEGEND_PITCH * place})"),
            legendY=alt.expr(f"bottom + (narrow ? {LEGEND_ROW * place} : 0)"),
            gradientLength=160,
            tickCount=5,
        )

    def unseen(self) -> alt.Chart:
        """What a causal model cannot see is a shade of the paper, not the colour of zero."""
        n = self.packed.n_queries
        rows = alt.Chart(alt.sequence(0, 3 * n, as_="row")).transform_calculate(
            map=f"floor(datum.row / {n})", query=f"datum.row % {n}"
        )
        return (
            rows.transform_calculate(
                x=self.layout.x("datum.map", "datum.query + 1"),
                x2=self.layout.x("datum.map", str(n)),
                y=self.layout.y("datum.map", "datum.query"),
                y2=self.layout.y("datum.map", "datum.query + 1"),
            )
            .mark_rect(color="currentColor", opacity=0.06, aria=False, tooltip=None)
            .encode(**CORNERS)
        )

    def frames(self, selection: str, colour: str) -> alt.LayerChart:
        """The selected cell in all three maps, framed to be seen on dark cells and bright ones."""
        rows = (
            alt.Chart(alt.sequence(0, 3, as_="map"))
            .transform_calculate(
                query=charts.selected(selection, "query"), key=charts.selected(selection, "key")
            )
            .transform_filter("datum.query >= 0 && datum.key >= 0")
        )
        return framed(self.square(rows, "datum.map"), colour)

    def labels(self, tokens: str, end: str) -> alt.Chart:
        """The tokens at one end of each map; those that differ between the two are bold."""
        looking = end == "query"
        n = self.packed.n_queries if looking else self.packed.n_keys
        x, y = self.layout.x, self.layout.y
        rows = (
            alt.Chart(alt.sequence(0, 3 * n, as_="label"))
            .transform_calculate(map=f"floor(datum.label / {n})", index=f"datum.label % {n}")
            .transform_calculate(
                own=f"{tokens}[datum.index]", other=f"other_{tokens}[variant][datum.index]"
            )
            .transform_calculate(
                text="datum.map == 0 || datum.own == datum.other ? datum.own : "
                "datum.map == 1 ? datum.other : datum.own + '/' + datum.other",
                x=f"{x('datum.map', '0')} - 6" if looking else x("datum.map", "datum.index + 0.5"),
                y=y("datum.map", "datum.index + 0.5") if looking else f"{y('datum.map', '0')} - 6",
            )
        )
        if looking and self.layout.same:
            rows = rows.transform_filter("datum.map % columns == 0")
        room = self.layout.left if looking else self.layout.above - TITLE_ROW
        return rows.mark_text(
            align="right" if looking else "left",
            angle=0 if looking else 270,
            baseline="middle",
            fontSize=alt.expr("min(13, step - 1)"),
            fontWeight=alt.expr("datum.own == datum.other ? 400 : 700"),
            limit=room - 6,
            aria=False,
        ).encode(**AT, text="text:N", tooltip="text:N")

    def titles(self) -> alt.Chart:
        difference = charts.literal(_("difference"))
        title = f"datum.map < 2 ? sides[variant][datum.map] : {difference}"
        return self.line(title, f"{self.layout.y('datum.map', '0')} - {self.layout.above - 8}", 13)

    def numbers(self) -> alt.Chart:
        """The pinned weight, and below the third map how much it changed."""
        bottom = self.layout.y("datum.map", str(self.packed.n_queries))
        return self.line("numbers[datum.map]", f"{bottom} + 14", 15)

    def line(self, text: str, y: str, size: int) -> alt.Chart:
        """A line of text for each map, not much wider than the map."""
        return (
            alt.Chart(alt.sequence(0, 3, as_="map"))
            .transform_calculate(text=text, x=self.layout.x("datum.map", "0"), y=y)
            .mark_text(
                align="left",
                baseline="middle",
                fontSize=size,
                fontWeight=600,
                limit=alt.expr(f"{self.packed.n_keys} * step + {GAP - 6}"),
                aria=False,
                tooltip=None,
            )
            .encode(**AT, text="text:N")
        )
