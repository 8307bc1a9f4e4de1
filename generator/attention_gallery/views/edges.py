"""Tokens left and right; the edges of a token are as thick as its weights.

The head view of the field: hovering previews a token's edges, a click pins them and prints the
weights. Positions are plain pixels computed here, so that rows can never overlap.
"""

from __future__ import annotations

import unicodedata

import altair as alt

from attention_gallery import charts, reading
from attention_gallery.packing import Packed
from attention_gallery.terms import Exhibit, Table, Token

TITLE = "Edges"

_ROW = 22
_GAP = 170
_SCORE = 46
_HEADER = 30
# The backdrop shows what a head does at a glance.
_BACKDROP = 0.1


def fits(exhibit: Exhibit) -> bool:
    """Only words can stand in a column: an image has too many patches, and they have no names."""
    return not exhibit.shows_patches


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. `token` in it counts the queries first and the keys after them."""
    return _Drawing(packed).chart()


def describe(packed: Packed) -> str:
    """The pinned token's strongest edges, and the head's pattern."""
    return f"{reading.pinned_edges(packed)} {reading.pattern(packed)}"


def tabulate(packed: Packed) -> Table:
    """Where each token looks."""
    return reading.strongest_keys(packed)


def _label_width(tokens: tuple[Token, ...]) -> int:
    """Pixels for a column of labels: wide glyphs count double; longer labels end in an ellipsis."""
    longest = max(
        sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in token.text)
        for token in tokens
    )
    return min(max(56, 8 * longest + 14), 160)


class _Drawing:
    """The chart's geometry, in CSS pixels, and its layers."""

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        self.label = max(
            _label_width(packed.attention.queries), _label_width(packed.attention.keys)
        )
        self.left = _SCORE + self.label
        self.right = self.left + _GAP
        self.width = self.right + self.label + _SCORE
        self.height = _HEADER + _ROW * max(packed.n_queries, packed.n_keys)

    def chart(self) -> alt.LayerChart:
        packed = self.packed
        layers: list[alt.Chart | alt.LayerChart] = [
            self.backdrop(),
            self.lines("pin", charts.PIN_COLOUR),
            self.lines("hover", charts.HOVER_COLOUR),
            self.targets(),
            self.labels(),
            self.scores(),
            self.headers(),
        ]
        return charts.layered(packed, layers, self.width, self.height)

    def row(self, index: str) -> str:
        """A Vega expression for the middle of a row."""
        return f"{_HEADER} + {_ROW} * ({index} + 0.5)"

    def edges_of(self, selection: str) -> alt.Chart:
        """One row per edge of the selected token, whichever side it is on."""
        packed = self.packed
        focus = charts.selected(selection, "token")
        is_query = f"{focus} < {packed.n_queries}"
        masked = " && datum.key <= datum.query" if packed.triangle else ""
        # Hovering the pinned token would only repaint the same edges.
        once = f" && {focus} != {charts.selected('pin', 'token')}" if selection == "hover" else ""
        return (
            alt.Chart(alt.sequence(0, max(packed.n_queries, packed.n_keys), as_="other"))
            .transform_calculate(
                query=f"{is_query} ? {focus} : datum.other",
                key=f"{is_query} ? datum.other : {focus} - {packed.n_queries}",
                from_query=is_query,
            )
            .transform_filter(
                f"{focus} >= 0 && datum.query < {packed.n_queries}"
                f" && datum.key < {packed.n_keys}{masked}{once}"
            )
            .transform_calculate(
                weight=charts.weight_expr(charts.cell_expr(packed, "datum.query", "datum.key"))
            )
        )

    def rules(self, edges: alt.Chart, colour: str, opacity: float) -> alt.Chart:
        return (
            edges.transform_calculate(y_query=self.row("datum.query"), y_key=self.row("datum.key"))
            .mark_rule(color=colour, opacity=opacity, strokeCap="round", aria=False, tooltip=None)
            .encode(
                x=alt.value(self.left + 6),
                x2=alt.value(self.right - 6),
                y=alt.Y("y_query:Q", scale=None, axis=None),
                y2="y_key:Q",
                strokeWidth=alt.StrokeWidth(
                    "weight:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.5, 12])
                ),
            )
        )

    def lines(self, selection: str, colour: str) -> alt.Chart:
        edges = self.edges_of(selection).transform_filter(f"datum.weight >= {charts.VISIBLE}")
        return self.rules(edges, colour, 0.8)

    def backdrop(self) -> alt.Chart:
        """All edges worth seeing, faint: what the head does, before anything is touched."""
        edges = charts.cells(self.packed).transform_filter(f"datum.weight >= {_BACKDROP}")
        return self.rules(edges, "currentColor", 0.13)

    def scores(self) -> alt.Chart:
        """The pinned token's weights, one in each row of the far side."""
        return (
            self.edges_of("pin")
            .transform_calculate(
                x=f"datum.from_query ? {self.width - _SCORE + 6} : {_SCORE - 6}",
                y=f"datum.from_query ? {self.row('datum.key')} : {self.row('datum.query')}",
            )
            .mark_text(
                align=alt.expr("datum.from_query ? 'left' : 'right'"),
                baseline="middle",
                fontSize=12,
                aria=False,
                tooltip=None,
            )
            .encode(
                x=alt.X("x:Q", scale=None, axis=None),
                y=alt.Y("y:Q", scale=None, axis=None),
                text=alt.Text("weight:Q", format=".3f"),
                opacity=alt.condition(
                    f"datum.weight >= {charts.VISIBLE}", alt.value(1), alt.value(0.7)
                ),
            )
        )

    def tokens(self) -> alt.Chart:
        n = self.packed.n_queries
        return (
            alt.Chart(alt.sequence(0, n + self.packed.n_keys, as_="token"))
            .transform_calculate(
                is_query=f"datum.token < {n}",
                index=f"datum.token < {n} ? datum.token : datum.token - {n}",
            )
            .transform_calculate(
                text="datum.is_query ? queries[datum.index] : keys[datum.index]",
                y=self.row("datum.index"),
                x=f"datum.is_query ? {self.left - 6} : {self.right + 6}",
                x1=f"datum.is_query ? {_SCORE} : {self.right}",
                x2=f"datum.is_query ? {self.left} : {self.right + self.label}",
                # Only a label that may have been cut needs a tooltip; others would hide the edges.
                tip=f"length(datum.text) * 8 > {self.label - 14} ? datum.text : ''",
            )
        )

    def targets(self) -> alt.Chart:
        """Transparent, as wide as the column: easy to hit with a mouse and with a thumb."""
        n = self.packed.n_queries
        queries = charts.token_labels(self.packed.attention.queries)
        keys = charts.token_labels(self.packed.attention.keys)
        control = alt.binding_select(
            options=list(range(-1, n + self.packed.n_keys)),
            labels=["nothing", *(f"query {q}" for q in queries), *(f"key {k}" for k in keys)],
            name="Pinned token",
        )
        pin = charts.pin({"token": self.packed.pin}, {"token": control})
        hover = charts.hover("token")
        return (
            self.tokens()
            .mark_rect(height=_ROW - 2, cornerRadius=3, cursor="pointer", aria=False)
            .encode(
                x=alt.X("x1:Q", scale=None, axis=None),
                x2="x2:Q",
                y=alt.Y("y:Q", scale=None, axis=None),
                fill=alt.condition(
                    pin, alt.value(charts.PIN_COLOUR), alt.value(charts.HOVER_COLOUR)
                ),
                fillOpacity=alt.when(pin | hover).then(alt.value(0.25)).otherwise(alt.value(0)),
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
                limit=self.label - 8,
                cursor="pointer",
                aria=False,
            )
            .encode(
                x=alt.X("x:Q", scale=None, axis=None),
                y=alt.Y("y:Q", scale=None, axis=None),
                text="text:N",
                tooltip=alt.Tooltip("tip:N"),
            )
        )

    def headers(self) -> alt.Chart:
        return (
            alt.Chart(alt.sequence(0, 2, as_="side"))
            .transform_calculate(
                text="datum.side ? 'key: is looked at' : 'query: looks'",
                x=f"datum.side ? {self.right + 6} : {self.left - 6}",
            )
            .mark_text(
                align=alt.expr("datum.side ? 'left' : 'right'"),
                baseline="middle", fontSize=12, opacity=0.75, aria=False, tooltip=None, y=12,
            )
            .encode(x=alt.X("x:Q", scale=None, axis=None), text="text:N")
        )  # fmt: skip
