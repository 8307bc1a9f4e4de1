"""What the view of an alignment tells: in parameters of its document, in words and in numbers."""

from __future__ import annotations

from dataclasses import replace

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attention_gallery import charts, maps, reading
from attention_gallery.alignment_error import NAMINGS, Reference
from attention_gallery.errors import InputError
from attention_gallery.language import _, marked
from attention_gallery.packing import LEVELS, Packed, encode
from attention_gallery.terms import Table

_HEADS = 12
_NAMED = (marked("written next"), marked("just read"))

_RATES = marked(
    "The alignment error rate is {own}; with rows named after the word {named} it is {other}."
)


class Translation:
    """A cross-attention between two texts.

    Attributes:
        packed: The weights.
        reference: What is known of it beforehand.
        made: Per naming and slot the links made, as `Reference.made` gives them; empty where
            nothing is known.
        errors: Per naming and slot their alignment error rate, as it is printed.
        names: What the rows are called: after what is about to be written, as the chart opens.
        named: Which word rows are named after, under each naming.
    """

    def __init__(self, packed: Packed) -> None:
        """Measure all maps.

        Raises:
            InputError: When the attention is not one between two texts.
        """
        attention = packed.attention
        images = charts.has_patches(attention.keys)
        if attention.kind != "cross" or images:
            what = "it looks at an image" if images else f"this is {attention.kind} attention"
            raise InputError(
                f"the view alignment shows how a target looks at its source, and {what}",
                hint="choose patches" if images else "choose edges or heatmap",
            )
        self.packed = packed
        self.reference = Reference.of(packed.gold, attention.keys)
        found = [maps.weights(attention, slot) for slot in packed.slots] if packed.gold else []
        self.made = [[self.reference.made(each, naming) for each in found] for naming in NAMINGS]
        self.errors = [
            [float(f"{self.reference.error(made):.2f}") for made in of_slots]
            for of_slots in self.made
        ]
        read = charts.token_names(attention.queries)
        self.names = [*read[1:], _("what follows {word}").format(word=read[-1])]
        self.named = [_(named) for named in _NAMED]

    def row_name(self, query: str) -> str:
        """A Vega expression for what a sentence calls a row."""
        last = charts.spoken(_("what follows {word}"), word=f"query_names[{query}]")
        written = f"{query} + 1 < {self.packed.n_queries} ? query_names[{query} + 1] : {last}"
        return f"(naming ? query_names[{query}] : {written})"

    def moment(self, query: str) -> str:
        """A Vega expression for when a row looks."""
        name = self.row_name(query)
        read = charts.spoken(_("having read {word}"), word=name)
        return f"(naming ? {read} : {charts.spoken(_('about to write {word}'), word=name)})"

    def weight(self, query: str, key: str) -> str:
        """A Vega expression for a weight of the map shown."""
        return charts.weight_expr(charts.cell_expr(self.packed, query, key))

    def known(self) -> alt.Chart:
        """A row for each `query` and `key` that are known to belong together, as rows are named."""
        links = [
            {"token": token, "key": key}
            for link in self.packed.gold
            for token in link.tokens
            for key in link.columns
        ]
        chart = alt.Chart(alt.InlineData(values=links))
        return chart.transform_calculate(query="datum.token - 1 + naming")

    def params(self) -> list[alt.Parameter]:
        """All parameters but those that every view has and those of the layout.

        ``row`` and ``column`` are what is pinned, ``said`` what the page reads out.
        """
        shown = [self.packed.map(blob) for blob in self.packed.blobs]
        right = [
            ["".join("01"[hit] for hit in self.reference.right(made)) for made in of_slots]
            for of_slots in self.made
        ]
        choice = alt.binding_select(
            options=[0, 1],
            labels=[_("the word {named}").format(named=named) for named in self.named],
            name=_("Rows are named after") + " ",
        )
        known = [
            alt.param(name="errors", value=self.errors),
            alt.param(name="right", value=right),
        ]
        return [
            *(known if self.packed.gold else []),
            alt.param(name="naming", value=0, bind=choice),
            alt.param(name="named", value=self.named),
            alt.param(name="strongest", value=[_places(each, axis=1) for each in shown]),
            alt.param(name="looking", value=[_places(each, axis=0) for each in shown]),
            alt.param(name="row", expr=charts.selected("pin", "query")),
            alt.param(name="column", expr=charts.selected("pin", "key")),
            alt.param(name="said", expr=self._said()),
        ]

    def opening(self) -> str:
        """What `said` is as the chart opens."""
        packed, row = self.packed, self.packed.pin
        key = int(packed.shown[row].argmax())
        told = _("In {head}, {when}, the decoder looks most at {key} ({weight}).").format(
            head=packed.slots[packed.start],
            when=_("about to write {word}").format(word=self.names[row]),
            key=charts.token_names(packed.attention.keys)[key],
            weight=f"{packed.shown[row, key]:.3f}",
        )
        if not packed.gold:
            return told
        own, other = (of_slots[packed.start] for of_slots in self.errors)
        rates = _(_RATES).format(own=f"{own:.2f}", named=self.named[1], other=f"{other:.2f}")
        return f"{told} {rates}"

    def _said(self) -> str:
        weight = f"format({self.weight('row', 'column')}, '.3f')"
        key, query = _place("strongest[slot]", "row"), _place("looking[slot]", "column")
        most = f"format({self.weight('row', key)}, '.3f')"
        asked = f"format({self.weight(query, 'column')}, '.3f')"
        head = "slots[slot]"
        of_row = charts.spoken(
            _("In {head}, {when}, the decoder looks most at {key} ({weight})."),
            head=head, when=self.moment("row"), key=f"key_names[{key}]", weight=most,
        )  # fmt: skip
        of_cell = charts.spoken(
            _("In {head}, {when}, the decoder looks at {key}: {weight}."),
            head=head, when=self.moment("row"), key="key_names[column]", weight=weight,
        )  # fmt: skip
        of_column = charts.spoken(
            _("In {head}, the decoder looks at {key} most when {when} ({weight})."),
            head=head, key="key_names[column]", when=self.moment(query), weight=asked,
        )  # fmt: skip
        nothing = charts.spoken(_("{head}. Nothing is pinned."), head=head)
        told = (
            f"row >= 0 ? (column < 0 ? {of_row} : {of_cell})"
            f" : column >= 0 ? {of_column} : {nothing}"
        )
        if not self.packed.gold:
            return told
        rates = charts.spoken(
            _(_RATES),
            own="format(errors[naming][slot], '.2f')",
            named="named[1 - naming]",
            other="format(errors[1 - naming][slot], '.2f')",
        )
        return f"({told}) + ' ' + {rates}"

    def table(self) -> Table:
        """The heads by their error, or where nothing is known, where each row looks."""
        packed = self.packed
        if not packed.gold:
            table = reading.strongest_keys(packed)
            rows = zip(self.names, table.rows, strict=True)
            return replace(
                table,
                columns=(_("position"), _("about to write"), *table.columns[2:]),
                rows=tuple((row[0], name, *row[2:]) for name, row in rows),
            )
        heads = [i for i, slot in enumerate(packed.slots) if slot.head is not None]
        heads.sort(key=lambda i: self.errors[0][i])
        return Table(
            caption=_(
                "The alignment error rate of heads: the same weights, their rows named twice"
            ),
            columns=(
                _("head"),
                *(_("rows named after the word {named}").format(named=n) for n in self.named),
            ),
            rows=tuple(
                (str(packed.slots[i]), *(f"{rates[i]:.2f}" for rates in self.errors))
                for i in heads[:_HEADS]
            ),
        )


def _places(weights: NDArray[np.float64], axis: int) -> str:
    """Where the largest weight of each row or column stands: two base-36 digits each."""
    return encode(weights.argmax(axis=axis) / LEVELS)


def _place(blob: str, index: str) -> str:
    """A Vega expression for one of `_places`."""
    return f"parseInt(substring({blob}, 2 * {index}, 2 * {index} + 2), 36)"
