"""What a token of a long text looks at: the keys with the largest weights, in the text's order.

A dotted line stands where others are left out; what those get is told below.
"""

from __future__ import annotations

from typing import cast

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.pixels import AT, on_rows
from attention_gallery.views.edges.formulas import Formulas
from attention_gallery.views.edges.layout import ROW, SCORE, Layout
from attention_gallery.views.edges.rules import rules

_KEYS = 24
_POSITION = 34  # pixels for the number of a token


class Listing:
    """The column of keys, and the edges that lead there.

    The parameter ``focus`` is the query whose keys are listed, ``preview`` another one that is
    pointed at; -1 for none.

    Attributes:
        n_keys: How many keys are listed at most.
        x: Left edge of their labels.
        scores: Right edge of their labels.
        width: Of the whole picture.
    """

    def __init__(self, formulas: Formulas, layout: Layout) -> None:
        self.formulas = formulas
        self.layout = layout
        self.n_keys = min(_KEYS, formulas.packed.n_keys)
        self.x = layout.right + _POSITION
        self.scores = self.x + layout.label
        self.width = self.scores + SCORE

    def draw(self, y_query: str) -> alt.LayerChart:
        """The column; `y_query` is a Vega expression for the place of ``datum.query``."""
        focus = f"pinned < 0 ? '{charts.HOVER_COLOUR}' : '{charts.PIN_COLOUR}'"
        return on_rows(
            self.listed(),
            self.gaps(),
            self.edges("focus", focus, y_query),
            self.edges("preview", f"'{charts.HOVER_COLOUR}'", y_query),
            self.labels(),
            self.numbers(),
            self.rest(),
        )

    def listed(self) -> alt.Chart:
        """One row for each key with one of the largest weights of the focus.

        `n` and `total` are of all its keys, `n_listed` and `told` of those that are listed.
        """
        return (
            self.formulas.mean(self.formulas.edges("focus", "pin"))
            .transform_calculate(
                within="datum.beyond ? 0 : datum.weight", counted="datum.kept ? datum.weight : 0"
            )
            .transform_window(
                rank="row_number()", sort=[alt.SortField("counted", order="descending")]
            )
            .transform_calculate(listed=f"datum.rank <= {self.n_keys} && datum.counted > 0 ? 1 : 0")
            .transform_calculate(own="datum.listed * datum.counted")
            .transform_joinaggregate(
                n="count()", n_listed="sum(listed)", total="sum(within)", told="sum(own)"
            )
            .transform_filter("datum.listed")
            .transform_window(
                index="row_number()",
                before="lag(key)",
                sort=[alt.SortField("key", order="ascending")],
            )
            .transform_calculate(
                y_listed=self.layout.row("datum.index"),
                gap="datum.key > (datum.index == 1 ? 0 : datum.before + 1)",
                # A click on what is looked at counts as one on the pinned token.
                token=charts.selected("pin", "token"),
            )
        )

    def edges(self, query: str, colour: str, y_query: str) -> alt.Chart:
        """Lines from a query to the keys that are listed, one for each map shown."""
        lanes = (
            alt.Chart()
            .transform_filter(f"{query} >= 0")
            .transform_calculate(lane="sequence(length(shown))")
            .transform_flatten(["lane"])
            .transform_calculate(place="indexof(swatch_words, shown[datum.lane])", query=query)
            .transform_calculate(slot="first_slot + datum.place")
        )
        if self.formulas.packed.triangle:
            lanes = lanes.transform_filter("datum.key <= datum.query")
        seen = self.formulas.options.weights(lanes).transform_filter(
            "!datum.beyond && datum.weight > 0"
        )
        return rules(
            seen,
            self.layout,
            y_query=y_query,
            y_key="datum.y_listed",
            colour=f"({colour})",
            opacity="alone ? 0.8 : 0.5 + 0.45 * datum.weight",
            told=self.formulas.line(),
        )

    def gaps(self) -> alt.Chart:
        """A dotted line where tokens of the text are left out."""
        return (
            alt.Chart()
            .transform_filter("datum.gap")
            .transform_calculate(y=f"datum.y_listed - {ROW / 2}")
            .mark_rule(
                color="currentColor", opacity=0.6, strokeDash=[1, 3], aria=False, tooltip=None
            )
            .encode(
                x=alt.value(self.layout.right + 4),
                x2=alt.value(self.scores),
                y=alt.Y("y:Q", scale=None, axis=None),
            )
        )

    def labels(self) -> alt.LayerChart:
        """The keys that are listed, with their places in the text."""
        rows = alt.Chart().transform_calculate(
            text="keys[datum.key]",
            tip=self.layout.tip("keys[datum.key]"),
            y="datum.y_listed",
        )
        label = rows.transform_calculate(x=str(self.x)).mark_text(
            align="left", baseline="middle", fontSize=14, limit=self.layout.label - 8, aria=False
        )
        position = rows.transform_calculate(x=str(self.x - 6)).mark_text(
            align="right", baseline="middle", fontSize=10, opacity=0.75, aria=False, tooltip=None
        )
        layers = (
            label.encode(**AT, text="text:N", tooltip="tip:N"),
            position.encode(**AT, text="key:N"),
        )
        return cast(alt.LayerChart, alt.layer(*layers))

    def numbers(self) -> alt.Chart:
        """The weight of each key that is listed."""
        return (
            alt.Chart()
            .transform_calculate(x=str(self.scores + 6), y="datum.y_listed")
            .mark_text(
                # Without any tooltip a click would go through it.
                align="left", baseline="middle", fontSize=12, aria=False, tooltip=alt.expr("''"),
            )
            .encode(**AT, text="number:N")
        )  # fmt: skip

    def rest(self) -> alt.Chart:
        """What all the keys get that are not listed."""
        return (
            alt.Chart()
            .transform_filter("datum.index == 1 && datum.n > datum.n_listed")
            .transform_calculate(
                text=charts.spoken(
                    _("the other {n}: {weight}"),
                    n="format(datum.n - datum.n_listed, ',')",
                    weight="format(max(0, datum.total - datum.told), '.3f')",
                ),
                x=str(self.width - 8),
                y=self.layout.row("datum.n_listed + 1"),
            )
            .mark_text(
                align="right", baseline="middle", fontSize=12, opacity=0.85, aria=False,
                tooltip=None,
            )
            .encode(**AT, text="text:N")
        )  # fmt: skip
