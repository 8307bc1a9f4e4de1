"""What the columns say, in words: as the build says it of the first map, the chart of each."""

from __future__ import annotations

import altair as alt
import numpy as np

from attention_gallery.charts import literal, spoken, weight_expr
from attention_gallery.language import _, marked
from attention_gallery.views.attribution.question import LITTLE, asks, gives
from attention_gallery.views.explanation.columns import NAMES, PAIRS, Columns, Numbers

FAIR, POOR = 0.7, 0.3
"""From here on weights are a fair guide to what matters, and up to here a poor one."""

_WEIGHT_AND_LOSS = PAIRS.index((0, NAMES.index("loss")))
_TOLD = tuple(pair for pair in PAIRS if pair[0] == 0)
_VERDICTS = (
    marked("Too few words have different numbers to say whether weights are a guide here."),
    marked(
        "Here weights are a fair guide to what a look is worth; that is no proof that they are the "
        "reason for the answer."
    ),
    marked("Here weights are a rough guide to what a look is worth at best."),
    marked("Here a large weight does not mean that a look is worth much."),
    marked(
        "But next to nothing depends on these looks: none changes the answer by {little} or more, "
        "so that it hardly matters how they rank."
    ),
)
UNTOLD = "–"
"""Stands in place of a number that says nothing."""


def in_words(columns: Columns, slot: int) -> str:
    """The words that come first by each column, and how far the columns agree."""
    first, numbers = columns.first(slot), columns.all(slot)
    weight, norm, gradient, lost = (
        (columns.names[key], float(column[key])) for key, column in zip(first, numbers, strict=True)
    )
    alike = columns.alike(slot)
    correlations = {
        NAMES[other]: _correlation(alike[PAIRS.index((one, other))]) for one, other in _TOLD
    }
    parts = (
        opening(columns),
        _looks().format(
            map=columns.slots[slot],
            word=weight[0],
            weight=f"{weight[1]:.3f}",
            other=norm[0],
            norm=f"{norm[1]:.3f}",
        ),
        _counts(columns, something=bool(gradient[1])).format(
            word=gradient[0], number=signed(gradient[1])
        ),
        _changes(of_head=columns.is_of_head(slot), something=bool(lost[1])).format(
            word=lost[0], loss=signed(lost[1])
        ),
        _ranks().format(**correlations),
        _verdicts()[verdict(alike[_WEIGHT_AND_LOSS], float(np.abs(numbers[-1]).max()))],
    )
    return " ".join(parts)


# Sentences, to be filled in by the build of the first map, and by the chart of each.


def _looks() -> str:
    return _(
        "In {map}, it looks most at {word} ({weight}), and most is written of {other} ({norm})."
    )


def _counts(columns: Columns, *, something: bool) -> str:
    """The gradients; of a pair they are not of the text that it writes."""
    if columns.is_of_pair:
        if something:
            return _("In the text it reads, {word} counts most ({number}).")
        return _("In the text it reads, nothing counts.")
    if something:
        return _("In the whole text, {word} counts most ({number}).")
    return _("In the whole text, nothing counts.")


def _changes(*, of_head: bool, something: bool) -> str:
    if of_head:
        if something:
            return _(
                "Where this head may not look at a word, the answer changes most for {word} "
                "(loss {loss})."
            )
        return _("Where this head may not look at a word, the answer stays as it is.")
    if something:
        return _(
            "Where no head may look at a word, the answer changes most for {word} (loss {loss})."
        )
    return _("Where no head may look at a word, the answer stays as it is.")


def _ranks() -> str:
    return _(
        "Rank correlation of the weight with the norms {norms}, the gradients {gradients}, the "
        "loss {loss}."
    )


def _verdicts() -> list[str]:
    return [_(verdict).format(little=LITTLE) for verdict in _VERDICTS]


def opening(columns: Columns) -> str:
    """What was asked, what the model answers, and where."""
    parts = [
        asks(columns.answer),
        gives(columns.answer),
        _("It answers at {word}.").format(word=columns.place),
    ]
    if not columns.converged:
        parts.append(_("The gradients miss what they should add up to by over 1%."))
    return " ".join(parts)


def expression(columns: Columns) -> str:
    """A Vega expression for what `in_words` says after the opening, of the map shown."""
    correlations = {
        NAMES[other]: correlation_expr(str(PAIRS.index((one, other)))) for one, other in _TOLD
    }
    weight, norms, gradients, lost = (f"toNumber(first_row[{i}])" for i in range(len(NAMES)))
    agreed = alike(str(_WEIGHT_AND_LOSS))
    looks = spoken(
        _looks(),
        map="slots[slot]",
        word=f"rows[{weight}]",
        weight=f"format({weight_of(columns, weight)}, '.3f')",
        other=f"rows[{norms}]",
        norm=f"format({norm(norms)}, '.3f')",
    )
    counted = {"word": f"rows[{gradients}]", "number": signed_expr(gradient(gradients))}
    something, nothing = (
        spoken(_counts(columns, something=something), **counted) for something in (True, False)
    )
    counts = f"({gradient(gradients)} ? {something} : {nothing})"
    changed = {"word": f"rows[{lost}]", "loss": signed_expr(loss(lost))}
    of_head, of_all = (
        " : ".join(
            spoken(_changes(of_head=of_head, something=something), **changed)
            for something in (True, False)
        )
        for of_head in (True, False)
    )
    changes = f"(loss_of[slot] ? ({loss(lost)} ? {of_head}) : ({loss(lost)} ? {of_all}))"
    ranks = spoken(_ranks(), **correlations)
    judged = (
        f"verdicts[{agreed} == null ? 0 : most_loss < {LITTLE} ? 4 : {agreed} >= {FAIR} ? 1"
        f" : {agreed} > {POOR} ? 2 : 3]"
    )
    return " + ' ' + ".join(("opening", looks, counts, changes, ranks, judged))


def params(columns: Columns) -> list[alt.Parameter]:
    """The numbers of all maps, and those of the map shown.

    Numbers are thousandths with spaces between: one text for each map, since Altair looks at every
    number of a list.
    """
    every = range(len(columns.slots))
    # The first loss is that without any head's edge; single heads have their own.
    of_head = [slot for slot in every if columns.is_of_head(slot)]
    losses = [columns.everywhere, *(columns.loss(slot) for slot in of_head)]
    data: dict[str, object] = {
        "rows": columns.names,
        "norms": [_thousandths(columns.norms(slot)) for slot in every],
        "gradients": _thousandths(columns.gradients),
        "untold": [key in columns.untold for key in range(columns.n_keys)],
        "losses": [_thousandths(numbers) for numbers in losses],
        "most_losses": [float(np.abs(numbers).max()) for numbers in losses],
        "loss_of": [1 + of_head.index(slot) if slot in of_head else 0 for slot in every],
        "alike": [
            " ".join("x" if each is None else str(each) for each in columns.alike(slot))
            for slot in every
        ],
        "firsts": [" ".join(map(str, columns.first(slot))) for slot in every],
        "opening": opening(columns),
        "place": columns.place,
        "verdicts": _verdicts(),
    }
    shown = {
        "norm_row": "split(norms[slot], ' ')",
        "gradient_row": "split(gradients, ' ')",
        "loss_row": "split(losses[loss_of[slot]], ' ')",
        "alike_row": "split(alike[slot], ' ')",
        "first_row": "split(firsts[slot], ' ')",
        "most_gradients": str(float(np.abs(columns.gradients).max())),
        "most_loss": "most_losses[loss_of[slot]]",
    }
    return [
        *(alt.param(name=name, value=value) for name, value in data.items()),
        *(alt.param(name=name, expr=expr) for name, expr in shown.items()),
    ]


def _thousandths(numbers: Numbers) -> str:
    return " ".join(map(str, np.rint(1000 * numbers).astype(int)))


def verdict(correlation: float | None, most: float) -> int:
    """Which of the verdicts is true.

    Args:
        correlation: Of weight and loss.
        most: The largest loss, whichever way.
    """
    if correlation is None:
        return 0
    if most < LITTLE:
        return 4
    return 1 if correlation >= FAIR else 2 if correlation > POOR else 3


def weight_of(columns: Columns, key: str) -> str:
    """A Vega expression for the weight of a key in the map shown."""
    packed, query = columns.packed, columns.query
    first = query * (query + 1) // 2 if packed.triangle else query * packed.n_keys
    return weight_expr(f"{first} + {key}")


def norm(key: str) -> str:
    """A Vega expression for the share of norms of a key in the map shown."""
    return f"toNumber(norm_row[{key}]) / 1000"


def gradient(key: str) -> str:
    """A Vega expression for the integrated gradients of a key."""
    return f"toNumber(gradient_row[{key}]) / 1000"


def gradient_told(columns: Columns, key: int) -> str:
    """The integrated gradients of a key as they are printed."""
    return UNTOLD if key in columns.untold else signed(float(columns.gradients[key]))


def gradient_told_expr(key: str) -> str:
    """A Vega expression for the same."""
    return f"(untold[{key}] ? '{UNTOLD}' : {signed_expr(gradient(key))})"


def loss(key: str) -> str:
    """A Vega expression for what the answer loses without the edge to a key."""
    return f"toNumber(loss_row[{key}]) / 1000"


def alike(pair: str) -> str:
    """A Vega expression for how far two columns agree; null where that cannot be told."""
    return f"(alike_row[{pair}] == 'x' ? null : toNumber(alike_row[{pair}]))"


def signed(number: float) -> str:
    """A number that says which way."""
    return f"{number:+.3f}".replace("-", "−") if number else "0.000"


def signed_expr(number: str) -> str:
    """A Vega expression for the same."""
    return f"(({number}) ? format({number}, '+.3f') : '0.000')"


def _correlation(number: float | None) -> str:
    return _("unknown") if number is None else f"{number:.2f}".replace("-", "−")


def correlation_expr(pair: str) -> str:
    """A Vega expression for how a correlation is printed."""
    unknown = literal(_("unknown"))
    return f"({alike(pair)} == null ? {unknown} : format({alike(pair)}, '.2f'))"
