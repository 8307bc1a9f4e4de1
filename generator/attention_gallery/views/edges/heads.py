"""Which maps are shown together, and a swatch for each: a click adds or removes it.

What can be shown is named by words: ``max``, ``mean`` and the numbers of the heads of a layer, or,
where an author lists heads, ``L1H2`` and so on. The native control `head` (or `slot`) says which
one is shown in any case; the text control `heads` lists others beside it.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import altair as alt
import numpy as np

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.maps import POOLS
from attention_gallery.packing import Packed
from attention_gallery.pixels import AT, CORNERS, on_rows
from attention_gallery.views.edges import colours

SWATCH_ROW = 30
"""Pixels from a row of swatches to the next."""


class Swatch(NamedTuple):
    """One map that can be shown, with what stands for it.

    Attributes:
        word: Its name in the text control.
        label: Its name at the swatch.
        colour: Of its lines.
        dashes: Of its lines.
    """

    word: str
    label: str
    colour: str
    dashes: tuple[int, ...]


class Heads:
    """The choice of the maps that are shown.

    Attributes:
        swatches: What can be shown; of a layer with fewer heads, only the first of them.
    """

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        self.swatches = _of_layer(packed) if packed.every_head else _listed(packed)

    @property
    def several(self) -> bool:
        """Whether there is a choice at all: one head is all that can be pooled of it."""
        return len(self.swatches) > (1 + len(POOLS) if self.packed.every_head else 1)

    def rows(self, width: int) -> int:
        """Rows of swatches in a picture of this width."""
        return -(-len(self.swatches) // self._per_row(width)) if self.several else 0

    def params(self) -> list[alt.Parameter]:
        """`shown` lists the words of the maps shown; that of the first place is never missing."""
        words = [swatch.word for swatch in self.swatches]
        first, here = "0", str(len(words))
        if self.packed.every_head:
            counts = np.array(self.packed.attention.n_heads) + len(POOLS)
            # Behind the layers stand the maps pooled over all of them.
            places = [0, *np.cumsum(counts).tolist()]
            first = f"{places}[layer < 0 ? {len(counts)} : layer]"
            here = f"{[*counts.tolist(), len(POOLS)]}[layer < 0 ? {len(counts)} : layer]"
            if derived := self.packed.attention.derived:
                # A map that a layer has by itself stands alone, without swatches.
                whole = [0, *(int(not each.per_head) for each in derived)]
                starts = charts.first_slots(self.packed)
                first = f"{whole}[derived] ? slot : {starts}[derived] + {first}"
                here = f"{whole}[derived] ? 0 : {here}"
        parts = "".join(
            f" + (shows_all && {json.dumps(word not in POOLS)} && {place} < n_here"
            f" || place == {place} || {place} < n_here && indexof(added, ' {word.lower()} ') >= 0"
            f" ? '{word} ' : '')"
            for place, word in enumerate(words)
        )
        title = "slots[slot]"
        if self.packed.every_head:
            names = f"replace(join(shown, ', '), regexp('[0-9]+', 'g'), {_H})"
            for word, said in _said():
                names = f"replace({names}, '{word}', {charts.literal(said)})"
            several = (
                f"(layer < 0 ? '' : 'L' + layer + ': ') + (length(shown) > 6 ? {_n()} : {names})"
            )
        else:
            several = f"length(shown) > 6 ? {_n()} : join(shown, ', ')"
        params = [
            alt.param(name="swatch_words", value=words),
            alt.param(name="swatch_labels", value=[s.label for s in self.swatches]),
            alt.param(name="swatch_colours", value=[s.colour for s in self.swatches]),
            alt.param(name="swatch_dashes", value=[list(s.dashes) for s in self.swatches]),
            alt.param(name="first_slot", expr=first),
            alt.param(name="n_here", expr=here),
            alt.param(name="place", expr="slot - first_slot"),
            alt.param(
                name="added",
                expr=self._named(),
            ),
            alt.param(name="shows_all", expr="indexof(added, ' all ') >= 0"),
            alt.param(name="shown", expr=f"split(trim(''{parts}), ' ')"),
            alt.param(name="alone", expr="length(shown) == 1"),
            alt.param(name="shown_title", expr=f"alone ? {title} : {several}"),
        ]
        some = "H0 H3" if self.packed.every_head else words[min(1, len(words) - 1)]
        hint = _("such as {some}, or {all}").format(some=some, all=_("all"))
        control = alt.binding(
            input="text", name=_("Add heads") + " ", placeholder=hint, autocomplete="off"
        )
        bind = control if self.several else alt.Undefined
        return [alt.param(name="heads", value="", bind=bind), *params]

    def draw(self, left: int, top: int, width: int) -> alt.LayerChart:
        """The swatches, from a corner on.

        On a page a click adds a map or removes it, and a double click shows it alone. Elsewhere
        there are the controls.
        """
        pitch, per_row = self._pitch, self._per_row(width)
        name = "head" if self.packed.every_head else "slot"
        number = f"indexof(swatch_words, {{}}) - {len(POOLS) if self.packed.every_head else 0}"
        listed, all_shown = "' ' + {} + ' '", "join(shown, ' ')"
        rows = (
            alt.Chart(alt.sequence(0, len(self.swatches), as_="place"))
            .transform_filter("datum.place < n_here")
            .transform_calculate(
                word="swatch_words[datum.place]",
                on="indexof(shown, swatch_words[datum.place]) >= 0",
                dashes="swatch_dashes[datum.place]",
                label="swatch_labels[datum.place]",
                # A click on a swatch counts as one on the pinned token, which so stays pinned.
                token=charts.selected("pin", "token"),
                x=f"{left} + {pitch} * (datum.place % {per_row})",
                y=f"{top} + {SWATCH_ROW} * floor(datum.place / {per_row})",
            )
            .transform_calculate(
                next="!datum.on ? join(shown, ' ') + ' ' + datum.word : alone ? datum.word"
                f" : trim(replace({listed.format(all_shown)}, ' ' + datum.word + ' ', ' '))",
                # Alone, a head has the colours of a pin and of what is hovered over.
                colour=f"datum.on && alone ? '{charts.PIN_COLOUR}' : swatch_colours[datum.place]",
                x2=f"datum.x + {pitch - 2}",
                y2=f"datum.y + {SWATCH_ROW - 2}",
                middle=f"datum.x + {pitch / 2 - 1}",
                line=f"datum.y + {SWATCH_ROW - 8}",
                told=_told("datum.label"),
            )
            .transform_calculate(
                kept=f"indexof({listed.format('datum.next')}, ' ' + swatch_words[place] + ' ') >= 0"
                " ? swatch_words[place] : split(datum.next, ' ')[0]",
            )
            .transform_calculate(
                choice=f"{{{name}: {number.format('datum.kept')},"
                " heads: indexof(datum.next, ' ') < 0 ? '' : datum.next}",
                solo=f"{{{name}: {number.format('datum.word')}, heads: ''}}",
            )
        )
        target = (
            alt.Chart()
            .mark_rect(
                fill="currentColor",
                fillOpacity=alt.expr("datum.on ? 0.1 : 0"),
                cornerRadius=3,
                cursor="pointer",
                aria=False,
            )
            .encode(**CORNERS, tooltip="told:N")
        )
        line = (
            alt.Chart()
            .transform_calculate(x="datum.x + 5", x2="datum.x2 - 5", y="datum.line")
            .mark_rule(
                strokeWidth=4,
                strokeDash=alt.expr("datum.dashes"),
                opacity=alt.expr("datum.on ? 1 : 0.45"),
                cursor="pointer",
                aria=False,
            )
            .encode(**AT, x2="x2:Q", stroke=alt.Stroke("colour:N", scale=None), tooltip="told:N")
        )
        label = (
            alt.Chart()
            .transform_calculate(x="datum.middle", y="datum.y + 10")
            .mark_text(
                align="center",
                baseline="middle",
                fontSize=11,
                fontWeight=alt.expr("datum.on ? 700 : 400"),
                cursor="pointer",
                aria=False,
            )
            .encode(**AT, text="label:N", tooltip="told:N")
        )
        return on_rows(rows, target, line, label)

    def _named(self) -> str:
        """A Vega expression for the words of the text control, between spaces.

        All names that a reader sees are understood: of a head of the layer shown, ``3``, ``H3``,
        ``L0H3`` and ``L0 H3`` are one; and those in the reader's language.
        """
        steps = [
            ("[^a-z0-9]+", "' '"),
            (" l([0-9]+) (?=[hm])", "' l$1'"),
            ("(max|mean) of all heads", "'$1ofallheads'"),
        ]
        words = "' ' + lower(heads) + ' '"
        for word, said in _said():
            words = f"join(split({words}, {charts.literal(said.lower())}), ' {word} ')"
        for pattern, by in steps:
            words = f"replace({words}, regexp('{pattern}', 'g'), {by})"
        if not self.packed.every_head:
            return words
        return f"replace({words}, regexp(' (l' + layer + ')?h?(?=[0-9]|max |mean )', 'g'), ' ')"

    @property
    def _pitch(self) -> int:
        longest = max(charts.n_columns(swatch.label) for swatch in self.swatches)
        return max(34, 6 + 7 * longest) if self.packed.every_head else 9 + 7 * longest

    def _per_row(self, width: int) -> int:
        return max(1, width // self._pitch)


_H = "'H$&'"


def _n() -> str:
    """A Vega expression for how many are shown."""
    n = "length(shown)"
    heads, maps = charts.spoken(_("{n} heads"), n=n), charts.spoken(_("{n} maps"), n=n)
    # Only the names of pooled maps have an m.
    return f"(indexof(join(shown, ''), 'm') < 0 ? {heads} : {maps})"


def _told(label: str) -> str:
    """A Vega expression for the tooltip of a swatch."""
    added, apart, shown, removed = (
        charts.spoken(said, head=label)
        for said in (
            _("{head}: click to add it"),
            _("{head}: click to add it, double click to show it alone"),
            _("{head}: shown alone"),
            _("{head}: click to remove it, double click to show it alone"),
        )
    )
    return f"datum.on ? (alone ? {shown} : {removed}) : alone ? {added} : {apart}"


def _said() -> list[tuple[str, str]]:
    """Words of the text control, with those of the reader's language where they are others."""
    said = {"max": _("max"), "mean": _("mean"), "all": _("all")}
    return [(word, name) for word, name in said.items() if word != name]


def _of_layer(packed: Packed) -> tuple[Swatch, ...]:
    """The pooled maps of a layer, and the heads of the widest one."""
    names = {"max": _("max"), "mean": _("mean")}
    pooled = (Swatch(pool, names[pool], colours.POOLED, ()) for pool in POOLS)
    heads = range(max(packed.attention.n_heads))
    return (*pooled, *(Swatch(str(head), f"H{head}", *colours.look(head)) for head in heads))


def _listed(packed: Packed) -> tuple[Swatch, ...]:
    """The heads that an author lists, in that order; pooled maps are never among them."""
    words: list[str] = []
    for place, slot in enumerate(packed.slots):
        word = re.sub("[^A-Za-z0-9]", "", str(slot))
        # What is derived may have a name without such letters.
        words.append(f"{word}m{place}" if word in words else word)
    return tuple(
        Swatch(word, str(slot), *colours.look(place))
        for place, (word, slot) in enumerate(zip(words, packed.slots, strict=True))
    )
