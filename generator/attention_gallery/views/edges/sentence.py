"""The edges of a text that fits on a page: all its tokens left and right."""

from __future__ import annotations

from typing import Any

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT, on_rows
from attention_gallery.views.edges import captions
from attention_gallery.views.edges.formulas import Formulas
from attention_gallery.views.edges.heads import Heads
from attention_gallery.views.edges.layout import ROW, SCORE, Layout
from attention_gallery.views.edges.options import Options
from attention_gallery.views.edges.rules import rules

_FAINT = 0.1
_FEW = 4  # maps; the faint lines of more would be a haze
_MOST_FAINT = 20_000  # cells whose weights are looked at to draw the faint lines


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. `token` in it counts the queries first and the keys after them."""
    return _Drawing(packed).chart()


class _Drawing:
    """The layers of the chart."""

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        self.heads = Heads(packed)
        self.options = Options(packed)
        self.formulas = Formulas(packed, self.heads, self.options)
        self.layout = Layout(self.options.levels, self.heads)

    def chart(self) -> alt.LayerChart:
        packed, layout = self.packed, self.layout
        height = layout.height(max(packed.n_queries, packed.n_keys))
        layers: list[alt.Chart | alt.LayerChart] = [
            self.backdrop(),
            self.pinned(),
            self.lines(self.formulas.edges("hovered", "hover"), charts.HOVER_COLOUR),
            self.targets(),
            self.labels(),
            captions.headers(layout, layout.right + 6),
            captions.mean(self.formulas, layout, layout.width - SCORE),
        ]
        if self.heads.several:
            layers.append(self.heads.draw(0, layout.swatches, layout.width))
        properties: dict[str, Any] = {}
        if self.options.words:
            # A chart of fewer rows is less high: the page need not have a hole.
            properties["autosize"] = alt.AutoSizeParams(type="pad", resize=True)
            height = 1
        params = (*self.formulas.params(), *layout.params())
        return charts.layered(
            packed, layers, layout.width, height, params, "shown_title", **properties
        )

    def lines(self, edges: alt.Chart, colour: str) -> alt.Chart:
        """The edges that are kept, if they can be seen."""
        seen = edges.transform_filter(f"datum.kept && datum.weight >= {charts.VISIBLE}")
        # What is hovered over leaves with the pointer: there is no pointing at its edges.
        told = self.formulas.line() if colour == charts.PIN_COLOUR else "null"
        return self.rules(seen, colour, "alone ? 0.8 : 0.5 + 0.45 * datum.weight", told)

    def rules(self, edges: alt.Chart, colour: str, opacity: str, told: str = "null") -> alt.Chart:
        row = self.layout.row
        return rules(
            edges,
            self.layout,
            y_query=row("datum.query"),
            y_key=row("datum.key"),
            colour=f"'{colour}'",
            opacity=opacity,
            told=told,
        )

    def pinned(self) -> alt.LayerChart:
        """The pinned token's edges, and its weights, one in each row of the far side."""
        rows = self.formulas.edges("pinned", "pin")
        return on_rows(rows, self.lines(alt.Chart(), charts.PIN_COLOUR), self.scores(alt.Chart()))

    def backdrop(self) -> alt.Chart:
        """All edges worth seeing, faint: what the maps do, before anything is touched."""
        edges = self.formulas.cells(
            f"length(shown) <= {_FEW} && length(shown) * {self.options.n_cells} <= {_MOST_FAINT}"
        ).transform_filter(f"!datum.beyond && datum.weight >= {_FAINT}")
        return self.rules(edges, "currentColor", "alone ? 0.13 : 0.3 / length(shown)")

    def scores(self, edges: alt.Chart) -> alt.Chart:
        row = self.layout.row
        hidden = " && !datum.hidden" if self.options.specials else ""
        return (
            self.formulas.mean(edges)
            .transform_filter(f"!datum.beyond{hidden}")
            .transform_calculate(
                x=f"datum.from_query ? {self.layout.width - SCORE + 6} : {SCORE - 6}",
                y=f"datum.from_query ? {row('datum.key')} : {row('datum.query')}",
                # A click on a weight counts as one on the pinned token, which so stays pinned.
                token=charts.selected("pin", "token"),
            )
            .mark_text(
                align=alt.expr("datum.from_query ? 'left' : 'right'"),
                baseline="middle",
                fontSize=12,
                aria=False,
                # Without any tooltip a click would go through it.
                tooltip=alt.expr("''"),
            )
            .encode(
                **AT,
                text="number:N",
                opacity=alt.condition(
                    f"datum.kept && datum.weight >= {charts.VISIBLE}", alt.value(1), alt.value(0.7)
                ),
            )
        )

    def tokens(self) -> alt.Chart:
        """One row for each unit that has a label."""
        layout, options = self.layout, self.options
        n = options.n_queries
        gone = f"hide && !datum.is_query && {options.named('special_keys')}[datum.index]"
        return (
            alt.Chart(alt.sequence(0, self.packed.n_queries + self.packed.n_keys, as_="unit"))
            .transform_filter(f"datum.unit < {n} + {options.n_keys}")
            .transform_calculate(
                token=options.token("datum.unit"),
                is_query=f"datum.unit < {n}",
                index=f"datum.unit < {n} ? datum.unit : datum.unit - {n}",
            )
            .transform_calculate(
                text=f"datum.is_query ? {options.named('queries')}[datum.index]"
                f" : {options.named('keys')}[datum.index]",
                y=layout.row("datum.index"),
                x=f"datum.is_query ? {layout.left - 6} : {layout.right + 6}",
                x1=f"datum.is_query ? {SCORE} : {layout.right}",
                x2=f"datum.is_query ? {layout.left} : {layout.right + layout.label}",
                gone=gone if options.specials else "false",
            )
            .transform_calculate(tip=layout.tip("datum.text"))
        )

    def targets(self) -> alt.Chart:
        """Transparent, as wide as the column: easy to hit with a mouse and with a thumb."""
        n = self.packed.n_queries
        queries = charts.token_labels(self.packed.attention.queries)
        keys = charts.token_labels(self.packed.attention.keys)
        control = alt.binding_select(
            options=list(range(-1, n + self.packed.n_keys)),
            labels=[
                _("nothing"),
                *(_("query {token}").format(token=query) for query in queries),
                *(_("key {token}").format(token=key) for key in keys),
            ],
            name=_("Pinned token") + " ",
        )
        pin = charts.pin({"token": self.packed.pin}, {"token": control})
        hover = charts.hover("token")
        return (
            self.tokens()
            .mark_rect(height=ROW - 2, cornerRadius=3, cursor="pointer", aria=False)
            .encode(
                x=alt.X("x1:Q", scale=None, axis=None),
                x2="x2:Q",
                y=alt.Y("y:Q", scale=None, axis=None),
                # What is pinned may be a token within the word that is shown.
                fill=alt.when("datum.unit == pinned")
                .then(alt.value(charts.PIN_COLOUR))
                .otherwise(alt.value(charts.HOVER_COLOUR)),
                fillOpacity=alt.when("datum.unit == pinned || datum.unit == hovered")
                .then(alt.value(0.25))
                .otherwise(alt.value(0)),
                tooltip=alt.Tooltip("tip:N"),
            )
            .add_params(pin, hover)
        )

    def labels(self) -> alt.Chart:
        return (
            self.tokens()
            .mark_text(
                align=alt.expr("datum.is_query ? 'right' : 'left'"),
                baseline="middle",
                fontSize=14,
                limit=self.layout.label - 8,
                opacity=alt.expr("datum.gone ? 0.4 : 1"),
                cursor="pointer",
                aria=False,
            )
            .encode(**AT, text="text:N", tooltip=alt.Tooltip("tip:N"))
        )
