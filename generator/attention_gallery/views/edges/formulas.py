"""How Vega makes the edges of a token: one row for each map shown and each token they reach."""

from __future__ import annotations

from typing import Any

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.views.edges.heads import Heads
from attention_gallery.views.edges.options import Options


class Formulas:
    """The rows that the chart draws, as Vega generates them.

    A unit is a token, or a word where a reader chose those; queries are counted first, and keys
    after them.
    """

    def __init__(self, packed: Packed, heads: Heads, options: Options) -> None:
        self.packed = packed
        self.heads = heads
        self.options = options

    def params(self) -> list[alt.Parameter]:
        """The units that are pinned and hovered over, and what is pinned in words."""
        pinned, hovered = self.options.unit("pin"), self.options.unit("hover")
        nothing = charts.spoken(_("{head}. No token is pinned."), head="shown_title")
        return [
            *self.heads.params(),
            *self.options.params(),
            alt.param(name="pinned", expr=pinned),
            # Hovering the pinned token would only repaint the same edges.
            alt.param(name="hovered", expr=f"{hovered} == pinned ? -1 : {hovered}"),
            # Lines of several maps lie side by side, and have less room the more they are.
            alt.param(name="pitch", expr="alone ? 0 : min(6, 18 / length(shown))"),
            alt.param(name="thinnest", expr="alone ? 0.5 : 0.9"),
            alt.param(name="thickest", expr="alone ? 12 : max(2.5, 12 / length(shown))"),
            alt.param(name="said", expr=f"data('told')[0] ? data('told')[0].said : {nothing}"),
        ]

    def lanes(self, condition: str, name: str | None = None) -> alt.Chart:
        """One row for each map shown, under a condition."""
        rows = alt.sequence(0, len(self.heads.swatches), as_="lane", name=name or alt.Undefined)
        return (
            alt.Chart(rows)
            .transform_filter(f"datum.lane < length(shown) && {condition}")
            .transform_calculate(place="indexof(swatch_words, shown[datum.lane])")
            .transform_calculate(slot="first_slot + datum.place")
        )

    def edges(self, unit: str, selection: str, name: str | None = None) -> alt.Chart:
        """All edges of a unit, whichever side it is on, each with its weight.

        Args:
            unit: Name of the parameter that holds the unit.
            selection: Name of the selection it comes from.
            name: Of the rows, by which other expressions find them.
        """
        options = self.options
        edges = (
            self.lanes(f"{unit} >= 0", name)
            .transform_calculate(
                from_query=f"{unit} < {options.n_queries}",
                token=charts.selected(selection, "token"),
                other=f"sequence({unit} < {options.n_queries} ?"
                f" {options.n_keys} : {options.n_queries})",
            )
            .transform_flatten(["other"])
            .transform_calculate(
                query=f"datum.from_query ? {unit} : datum.other",
                key=f"datum.from_query ? datum.other : {unit} - {options.n_queries}",
            )
        )
        if self.packed.triangle:
            edges = edges.transform_filter("datum.key <= datum.query")
        return options.thin(options.weights(edges))

    def cells(self, condition: str) -> alt.Chart:
        """All cells of the maps shown, under a condition."""
        options = self.options
        query, key = f"floor(datum.cell / {options.n_keys})", f"datum.cell % {options.n_keys}"
        if self.packed.triangle:
            # The inverse of the triangular numbers; exact far beyond any length a page can draw.
            query = "floor((sqrt(8 * datum.cell + 1) - 1) / 2)"
            key = "datum.cell - datum.query * (datum.query + 1) / 2"
        return options.weights(
            self.lanes(condition)
            .transform_calculate(cell=f"sequence({options.n_cells})")
            .transform_flatten(["cell"])
            .transform_calculate(query=query)
            .transform_calculate(key=key)
        )

    def mean(self, edges: alt.Chart) -> alt.Chart:
        """One row for each edge: the mean over the maps shown."""
        whole: dict[str, Any] = {
            "weight": "mean(weight)",
            "kept": "max(kept)",
            "beyond": "max(beyond)",
        }
        if self.options.specials:
            whole |= {"left": "min(left)", "hidden": "max(hidden)"}
        return edges.transform_aggregate(
            **whole, groupby=["from_query", "query", "key"]
        ).transform_calculate(number=f"format(datum.weight, {self.options.digits()})")

    def line(self) -> str:
        """A Vega expression for the tooltip of an edge: of several maps it names the one."""
        query, key = (
            f"{self.options.named(f'{end}_names')}[datum.{end}]" for end in ("query", "key")
        )
        told = charts.spoken(
            _("{head}: {query} looks at {key}: {weight}"),
            head="swatch_labels[datum.place]",
            query=query,
            key=key,
            weight=f"format(datum.weight, {self.options.digits()})",
        )
        return f"alone ? null : {told}"

    def told(self) -> alt.Chart:
        """One row, if a token is pinned: `said` has its largest weights, and what is left out.

        The parameter ``said`` finds it by its name.
        """
        options = self.options
        queries, keys = (options.named(f"{end}_names") for end in ("query", "key"))
        edges = self.edges("pinned", "pin", name="told").transform_calculate(
            dropped="datum.kept || datum.beyond ? 0 : datum.weight",
            outside="datum.beyond ? datum.weight : 0",
            removed="datum.hidden ? datum.raw : 0" if options.specials else "0",
        )
        whole: dict[str, Any] = {
            "weight": "mean(weight)", "dropped": "mean(dropped)", "outside": "mean(outside)",
            "removed": "mean(removed)",
        }  # fmt: skip
        if options.specials:
            whole["left"] = "min(left)"
        strongest_first: list[alt.SortField | dict[str, str]] = [
            alt.SortField("within", order="descending")
        ]
        name = f"datum.from_query ? {keys}[datum.key] : {queries}[datum.query]"
        rows = (
            edges.transform_aggregate(**whole, groupby=["from_query", "query", "key"])
            .transform_calculate(within="datum.weight - datum.outside")
            .transform_calculate(
                label=f"datum.within < {charts.VISIBLE} ? ''"
                f" : ({name}) + ' (' + format(datum.within, {options.digits()}) + ')'"
            )
            .transform_joinaggregate(
                dropped="sum(dropped)", outside="sum(outside)", removed="sum(removed)"
            )
            .transform_window(rank="row_number()", next_1="lead(label)", sort=strongest_first)
            .transform_window(next_2="lead(next_1)", sort=strongest_first)
            .transform_filter("datum.rank == 1")
        )
        others = "".join(f" + (datum.next_{i} ? ', ' + datum.next_{i} : '')" for i in (1, 2))
        mean = charts.spoken(_("the mean of {heads}"), heads="shown_title")
        parts = {
            "head": f"(alone ? shown_title : {mean})",
            "query": f"{queries}[datum.query]",
            "key": f"{keys}[datum.key]",
            "keys": f"datum.label{others}",
            "others": f"datum.label{others}",
        }
        looks, nowhere, looked, nobody = (
            charts.spoken(said, **parts)
            for said in (
                _("In {head}, {query} looks most at {keys}."),
                _("In {head}, {query} looks most at no token in particular."),
                _("In {head}, {key} is looked at most by {others}."),
                _("In {head}, {key} is looked at most by no token in particular."),
            )
        )
        return rows.transform_calculate(
            said=f"(datum.from_query ? (datum.label ? {looks} : {nowhere})"
            f" : datum.label ? {looked} : {nobody}){self._left_out()}"
        )

    def _left_out(self) -> str:
        """A Vega expression for sentences on what the reader's choices leave out."""
        said = ""
        if self.options.thinned:
            one = _("Its weak edges are left out, with {weight} of attention.")
            several = _("Its weak edges are left out, with {weight} of attention, on average.")
            said += f" + (share ? ' ' + {_of_maps(one, several, 'datum.dropped')} : '')"
        if self.options.sentences:
            one = _("Edges between other texts are left out, with {weight} of attention.")
            several = _(
                "Edges between other texts are left out, with {weight} of attention, on average."
            )
            said += f" + (sentences ? ' ' + {_of_maps(one, several, 'datum.outside')} : '')"
        if self.options.specials:
            one = _(
                "Special tokens are hidden, with {weight}; the rest of each row is shared out anew."
            )
            several = _(
                "Special tokens are hidden, with {weight}, on average; the rest of each row is "
                "shared out anew."
            )
            of_key = charts.literal(
                _("Special tokens are hidden; the rest of each row is shared out anew.")
            )
            of_query = _of_maps(one, several, "datum.removed")
            said += f" + (hide ? ' ' + (datum.from_query ? {of_query} : {of_key}) : '')"
        return said


def _of_maps(one: str, several: str, weight: str) -> str:
    """A Vega expression for one of two sentences about a weight: of one map, or of several."""
    weight = f"format({weight}, '.3f')"
    alone, mean = (charts.spoken(said, weight=weight) for said in (one, several))
    return f"(alone ? {alone} : {mean})"
