"""The edges of a long text: a window of its tokens, and what one of them looks at.

Columns of all tokens would be long and slow, so of those that look only some are shown, around the
place where a reader is; and of those looked at, a list.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT
from attention_gallery.views.edges import captions
from attention_gallery.views.edges.formulas import Formulas
from attention_gallery.views.edges.heads import Heads
from attention_gallery.views.edges.layout import ROW, SCORE, Layout
from attention_gallery.views.edges.listing import Listing
from attention_gallery.views.edges.options import Options

LONGEST = 96
"""Tokens of the longest text that is shown whole: more would be higher than three screens."""

_ROWS = 25  # tokens of the window
_LABEL = 110  # pixels, for what leads to other tokens


def draw(packed: Packed) -> alt.LayerChart:
    """The chart. `token` in it is a query."""
    return _Drawing(packed).chart()


class _Drawing:
    """The layers of the chart.

    The *focus* is the query whose keys are listed: the pinned one, or else what is hovered over.
    """

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        self.heads = Heads(packed)
        self.options = Options(packed, wordwise=False)
        self.formulas = Formulas(packed, self.heads, self.options)
        self.layout = Layout(self.options.levels, self.heads, least=_LABEL)
        self.n_rows = min(_ROWS, packed.n_queries)
        self.listing = Listing(self.formulas, self.layout)

    def chart(self) -> alt.LayerChart:
        layers: list[alt.Chart | alt.LayerChart] = [
            self.listing.draw(self.row("datum.query")),
            self.targets(),
            self.labels(),
            self.positions(),
            captions.headers(self.layout, self.listing.x),
            captions.mean(self.formulas, self.layout, self.listing.scores),
        ]
        if self.heads.several:
            layers.append(self.heads.draw(0, self.layout.swatches, self.listing.width))
        height = self.layout.height(max(self.n_rows, self.listing.n_keys) + 2)
        params = (*self.formulas.params(), *self.layout.params(), *self.params())
        return charts.layered(
            self.packed, layers, self.listing.width, height, params, "shown_title"
        )

    def params(self) -> list[alt.Parameter]:
        """Where the window is."""
        last = self.packed.n_queries - self.n_rows
        control = alt.binding_range(
            min=0, max=self.packed.n_queries - 1, step=1, name=_("Tokens around") + " "
        )
        return [
            # What a slider `x` calls its values is the list `xs`.
            alt.param(name="arounds", expr="query_names"),
            alt.param(
                name="around", value=self.packed.pin, bind=control if last else alt.Undefined
            ),
            alt.param(name="first", expr=f"clamp(around - {self.n_rows // 2}, 0, {last})"),
            alt.param(name="focus", expr="pinned < 0 ? hovered : pinned"),
            # Without a pin the hovered token is the focus itself.
            alt.param(name="preview", expr="pinned < 0 ? -1 : hovered"),
        ]

    def row(self, query: str) -> str:
        """A Vega expression for the middle of a query's row; outside the window, of its edge."""
        return self.layout.row(f"clamp({query} - first, -1, {self.n_rows}) + 1")

    def tokens(self) -> alt.Chart:
        """The rows of the window, and one above and below it that lead on."""
        layout, n = self.layout, self.n_rows
        last = self.packed.n_queries - n
        above = "pinned >= 0 && pinned < first ? '▲ ' + query_names[pinned]"
        below = f"pinned >= first + {n} ? '▼ ' + query_names[pinned]"
        earlier, later = charts.literal(_("▲ earlier")), charts.literal(_("▼ later"))
        step = n - 1
        return (
            alt.Chart(alt.sequence(0, n + 2, as_="row"))
            .transform_calculate(
                edge=f"datum.row == 0 || datum.row == {n + 1}", query="first + datum.row - 1"
            )
            .transform_filter(f"!datum.edge || (datum.row == 0 ? first > 0 : first < {last})")
            .transform_calculate(
                # A click on what leads on counts as one on the pinned token, which stays pinned.
                token="datum.edge ? pinned : datum.query",  # noqa: S106  a field of that name
                text=f"!datum.edge ? queries[datum.query] : datum.row == 0"
                f" ? ({above} : {earlier}) : ({below} : {later})",
                choice="!datum.edge ? null : {around: datum.row == 0"
                f" ? (pinned >= 0 && pinned < first ? pinned : max(0, first + {n // 2 - step}))"
                f" : (pinned >= first + {n} ? pinned"
                f" : min({self.packed.n_queries - 1}, first + {n // 2 + step}))}}",
                y=layout.row("datum.row"),
                x=str(layout.left - 6),
                x1=str(SCORE),
                x2=str(layout.left),
            )
            .transform_calculate(tip=f"datum.edge ? datum.text : {layout.tip('datum.text')}")
        )

    def targets(self) -> alt.Chart:
        """Transparent, as wide as the column: easy to hit with a mouse and with a thumb."""
        n = self.packed.n_queries
        labels = charts.token_labels(self.packed.attention.queries)
        control = alt.binding_select(
            options=list(range(-1, n)), labels=[_("nothing"), *labels], name=_("Pinned token") + " "
        )
        pin = charts.pin({"token": self.packed.pin}, {"token": control})
        marked = "datum.query == {0} && !datum.edge || datum.edge && {0} >= 0 && ({1})"
        outside = f"datum.row ? pinned >= first + {self.n_rows} : pinned < first"
        return (
            self.tokens()
            .mark_rect(height=ROW - 2, cornerRadius=3, cursor="pointer", aria=False)
            .encode(
                x=alt.X("x1:Q", scale=None, axis=None),
                x2="x2:Q",
                y=alt.Y("y:Q", scale=None, axis=None),
                fill=alt.when(marked.format("pinned", outside))
                .then(alt.value(charts.PIN_COLOUR))
                .otherwise(alt.value(charts.HOVER_COLOUR)),
                fillOpacity=alt.when(
                    f"{marked.format('pinned', outside)} || {marked.format('hovered', 'false')}"
                )
                .then(alt.value(0.25))
                .otherwise(alt.value(0)),
                tooltip=alt.Tooltip("tip:N"),
            )
            .add_params(pin, charts.hover("token"))
        )

    def labels(self) -> alt.Chart:
        return (
            self.tokens()
            .mark_text(
                align="right",
                baseline="middle",
                fontSize=alt.expr("datum.edge ? 12 : 14"),
                limit=self.layout.label - 8,
                cursor="pointer",
                aria=False,
            )
            .encode(**AT, text="text:N", tooltip=alt.Tooltip("tip:N"))
        )

    def positions(self) -> alt.Chart:
        return (
            self.tokens()
            .transform_filter("!datum.edge")
            .transform_calculate(place_x=str(SCORE - 6))
            .mark_text(
                align="right", baseline="middle", fontSize=10, opacity=0.75, aria=False,
                tooltip=None,
            )
            .encode(
                x=alt.X("place_x:Q", scale=None, axis=None),
                y=alt.Y("y:Q", scale=None, axis=None),
                text="query:N",
            )
        )  # fmt: skip
