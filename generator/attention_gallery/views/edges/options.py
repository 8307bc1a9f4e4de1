"""What a reader may leave out or put together, each where an exhibit has something of the kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, sqrt

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attention_gallery import charts, codes, maps, packing, wordwise
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention

SHARES = (1.0, 0.99, 0.95, 0.9, 0.75, 0.5)
"""How much of a token's attention its edges have to add up to."""

_CROWDED = 12  # tokens; fewer do not need thinning


class Options:
    """The controls of an exhibit, and what its document holds for them.

    What is said of *units* is of tokens, or of words where a reader chose those.

    Attributes:
        packed: The maps of tokens.
        words: The maps of words, where some word is several tokens.
        thinned: Whether weak edges can be left out.
        specials: Whether special tokens can be hidden.
        sentences: Whether there are two texts to tell apart.
        error: By how much, where a row has all its attention left, a weight that is shared out
            anew can be wrong; where less is left, by as many times more.
    """

    def __init__(self, packed: Packed, *, wordwise: bool = True) -> None:
        attention = packed.attention
        self.packed = packed
        self.words = _of_words(packed) if wordwise else None
        self.thinned = max(packed.n_queries, packed.n_keys) > _CROWDED
        special = [token.special for token in attention.keys]
        self.specials = any(special) and not all(special)
        ends = (attention.queries, attention.keys)
        self.sentences = all({token.segment for token in end} == {0, 1} for end in ends)
        self.error = _error([level for level in (packed, self.words) if level])

    def params(self) -> list[alt.Parameter]:
        """All of them; a document without a control has nothing for it."""
        return [*self._levels(), *self._shares(), *self._specials(), *self._sentences()]

    @property
    def n_queries(self) -> str:
        """A Vega expression for how many units look."""
        return self._by_level(*(len(level.queries) for level in self.levels))

    @property
    def n_keys(self) -> str:
        """A Vega expression for how many units are looked at."""
        return self._by_level(*(len(level.keys) for level in self.levels))

    @property
    def n_cells(self) -> str:
        """A Vega expression for the cells of a map."""
        levels = (self.packed, self.words) if self.words else (self.packed,)
        return self._by_level(*(level.n_cells for level in levels))

    def named(self, name: str) -> str:
        """What a list of the document is called that has another one for words."""
        return f"(level ? word_{name} : {name})" if self.words else name

    def cell(self, query: str, key: str) -> str:
        """A Vega expression for the index of a cell."""
        if self.packed.triangle:
            return f"({query}) * (({query}) + 1) / 2 + ({key})"
        return f"({query}) * {self.n_keys} + ({key})"

    def unit(self, selection: str) -> str:
        """A Vega expression for the selected unit: queries first, then keys; -1 for none."""
        token = charts.selected(selection, "token")
        return f"(level ? ({token} < 0 ? -1 : word_of[{token}]) : {token})" if self.words else token

    def token(self, unit: str) -> str:
        """A Vega expression for the token that stands for a unit: the first one."""
        return f"(level ? word_starts[{unit}] : {unit})" if self.words else unit

    def weights(self, edges: alt.Chart) -> alt.Chart:
        """Give each edge, which has a `slot`, `query` and `key`, its `weight`.

        Where special tokens are hidden, that is its share of what the others get: `left`. `hidden`
        and `beyond` say whether an edge is not shown because of a special token, or because it
        is not between the texts that were asked for.
        """
        raw = charts.weight_expr(
            self.cell("datum.query", "datum.key"), f"{self.named('weights')}[datum.slot]"
        )
        beyond = "false"
        if self.sentences:
            query, key = (
                f"{self.named(f'{end}_segments')}[datum.{end}]" for end in ("query", "key")
            )
            wanted = f"{query} == floor((sentences - 1) / 2) && {key} == (sentences - 1) % 2"
            beyond = f"sentences > 0 && !({wanted})"
        if not self.specials:
            return edges.transform_calculate(weight=raw, beyond=beyond)
        whole, rest = (
            charts.weight_expr(f"2 * datum.query + {part}", f"{self.named('left')}[datum.slot]")
            for part in (0, 1)
        )
        left = f"{whole} + {rest} / {packing.LEVELS}"
        return edges.transform_calculate(
            raw=raw,
            left=f"hide ? {left} : 1",
            hidden=f"hide && {self.named('special_keys')}[datum.key]",
            beyond=beyond,
        ).transform_calculate(
            weight="datum.hidden || !datum.left ? 0 : min(1, datum.raw / datum.left)"
        )

    def thin(self, edges: alt.Chart) -> alt.Chart:
        """Mark as `kept` the fewest edges of a map that add up to the share asked for."""
        if not self.thinned:
            return edges.transform_calculate(kept="datum.beyond ? 0 : 1")
        return (
            edges.transform_calculate(inside="datum.beyond ? 0 : datum.weight")
            .transform_joinaggregate(total="sum(inside)", groupby=["lane"])
            .transform_window(
                reached="sum(inside)",
                sort=[alt.SortField("inside", order="descending")],
                groupby=["lane"],
                frame=[None, 0],
            )
            .transform_calculate(
                kept="!datum.beyond && datum.reached - datum.inside"
                f" < {list(SHARES)}[share] * datum.total ? 1 : 0"
            )
        )

    def digits(self) -> str:
        """A Vega expression for the format of a weight: digits that are surely right.

        Dividing by what is left makes an error larger as well.
        """
        if not self.specials:
            return "'.3f'"
        three, two = f"{1000 * self.error:.3f}", f"{100 * self.error:.4f}"
        return f"(!hide || datum.left > {three} ? '.3f' : datum.left > {two} ? '.2f' : '.1f')"

    @property
    def levels(self) -> list[Attention]:
        """The attention of tokens, and that of words where it is another one."""
        return [level.attention for level in (self.packed, self.words) if level]

    def _by_level(self, *values: int) -> str:
        return f"{list(values)}[level]" if self.words else str(values[0])

    def _levels(self) -> list[alt.Parameter]:
        if self.words is None:
            return []
        tokens, words = self.packed.attention, self.words.attention
        queries, keys = wordwise.words_of(tokens.queries), wordwise.words_of(tokens.keys)
        of = queries + [len(words.queries) + word for word in keys]
        control = alt.binding_select(
            options=[0, 1], labels=[_("tokens"), _("words")], name=_("Show") + " "
        )
        return [
            alt.param(name="level", value=0, bind=control),
            alt.param(name="word_weights", value=list(self.words.blobs)),
            alt.param(name="word_of", value=of),
            alt.param(name="word_starts", value=[of.index(word) for word in range(max(of) + 1)]),
            alt.param(name="word_queries", value=[token.text for token in words.queries]),
            alt.param(name="word_keys", value=[token.text for token in words.keys]),
            alt.param(name="word_query_names", value=charts.row_names(words)),
            alt.param(name="word_key_names", value=charts.token_names(words.keys)),
        ]

    def _shares(self) -> list[alt.Parameter]:
        if not self.thinned:
            return []
        control = alt.binding_range(min=0, max=len(SHARES) - 1, step=1, name=_("Edges up to") + " ")
        return [
            alt.param(
                name="shares",
                value=[_("{share} of the attention").format(share=f"{s:.0%}") for s in SHARES],
            ),
            alt.param(name="share", value=0, bind=control),
        ]

    def _specials(self) -> list[alt.Parameter]:
        if not self.specials:
            return []
        control = alt.binding_checkbox(name=_("Hide special tokens") + " ")
        params = [alt.param(name="hide", value=False, bind=control)]
        for prefix, level in (("", self.packed), ("word_", self.words)):
            if level:
                special = [int(token.special) for token in level.attention.keys]
                left = _left(level, np.array(special) == 0, 10 * self.error)
                params += [
                    alt.param(name=f"{prefix}special_keys", value=special),
                    alt.param(name=f"{prefix}left", value=left),
                ]
        return params

    def _sentences(self) -> list[alt.Parameter]:
        if not self.sentences:
            return []
        control = alt.binding_select(
            options=list(range(5)),
            labels=[_("all"), _("A to A"), _("A to B"), _("B to A"), _("B to B")],
            name=_("Between texts") + " ",
        )
        params = [alt.param(name="sentences", value=0, bind=control)]
        for prefix, level in zip(("", "word_"), self.levels, strict=False):
            for end, tokens in (("query", level.queries), ("key", level.keys)):
                name = f"{prefix}{end}_segments"
                params.append(alt.param(name=name, value=[token.segment for token in tokens]))
        return params


def _of_words(packed: Packed) -> Packed | None:
    """The same maps with words for tokens, where that makes a difference."""
    if not wordwise.splits_words(packed.attention):
        return None
    attention = wordwise.by_word(packed.attention)
    blobs, error = packing.encoded(attention, packed.slots)
    return replace(packed, attention=attention, blobs=blobs, error=error)


def _error(levels: Sequence[Packed]) -> float:
    """How wrong a quotient of a weight and of what is left of its row can be, times what is left.

    What is left is a sum of captured weights, each off by at most `codes.ERROR` times its root, so
    that all of a row are off by at most the root of their number times that (Cauchy-Schwarz).
    """
    of_sums = codes.ERROR * sum(sqrt(level.n_keys) for level in levels)
    # Rounded up, so that what is written of it is no smaller.
    return ceil(1e6 * (max(level.error for level in levels) + of_sums)) / 1e6


def _left(packed: Packed, kept: NDArray[np.bool_], least: float) -> list[str]:
    """For each map how much of each row is not on special tokens, as two weights are packed.

    The first is the levels in full, the second what is left of a level: a sum of decoded weights
    would add up their errors. A maximum over heads is no distribution: what is left of it is not
    shared out anew. Nor is what is less than `least`: not one digit of a share would be right.
    """
    blobs = []
    for slot in packed.slots:
        left = maps.weights(packed.attention, slot)[:, kept].sum(axis=1, dtype=np.float64)
        left = np.where(left < least, 0, np.minimum(left, 1))
        if not maps.adds_up(packed.attention, slot):
            left = np.ones(packed.n_queries)
        rest, whole = np.modf(left * packing.LEVELS)
        blobs.append(packing.encode(np.stack([whole / packing.LEVELS, rest], axis=-1)))
    return blobs
