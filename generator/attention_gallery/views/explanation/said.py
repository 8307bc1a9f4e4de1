"""What the columns say, in words: as the build says it of the first map, the chart of each."""

from __future__ import annotations

import altair as alt
import numpy as np

from attention_gallery.charts import weight_expr
from attention_gallery.views.attribution.question import LITTLE, asks, gives
from attention_gallery.views.explanation.columns import NAMES, PAIRS, Columns, Numbers

FAIR, POOR = 0.7, 0.3
"""From here on weights are a fair guide to what matters, and up to here a poor one."""

_WEIGHT_AND_LOSS = PAIRS.index((0, NAMES.index("loss")))
_TOLD = tuple(pair for pair in PAIRS if pair[0] == 0)
_IN_FULL = {"norms": "the norms", "gradients": "the gradients", "loss": "the loss"}
_WHOSE = ("no head may look at", "this head may not look at")
_VERDICTS = (
    "Too few words have different numbers to say whether weights are a guide here.",
    "Here weights are a fair guide to what a look is worth; that is no proof that they are the "
    "reason for the answer.",
    "Here weights are a rough guide to what a look is worth at best.",
    "Here a large weight does not mean that a look is worth much.",
    f"But next to nothing depends on these looks: none changes the answer by {LITTLE} or more, so "
    "that it hardly matters how they rank.",
)
UNTOLD = "–"
"""Stands in place of a number that says nothing."""


def in_words(columns: Columns, slot: int) -> str:
    """The words that come first by each column, and how far the columns agree."""
    first, numbers = columns.first(slot), columns.all(slot)
    weight, norm, gradient, lost = (
        (columns.names[key], float(column[key])) for key, column in zip(first, numbers, strict=True)
    )
    whose = _WHOSE[columns.is_of_head(slot)]
    alike = columns.alike(slot)
    told = ", ".join(
        f"{_IN_FULL[NAMES[other]]} {_correlation(alike[PAIRS.index((one, other))])}"
        for one, other in _TOLD
    )
    changes = (
        f"changes most for {lost[0]} (loss {signed(lost[1])})" if lost[1] else "stays as it is"
    )
    counts = (
        f"{gradient[0]} counts most ({signed(gradient[1])})" if gradient[1] else "nothing counts"
    )
    return (
        f"{opening(columns)} In {columns.slots[slot]}, it looks most at {weight[0]} "
        f"({weight[1]:.3f}), and most is written of {norm[0]} ({norm[1]:.3f}). {_text(columns)}, "
        f"{counts}. Where {whose} a word, the answer "
        f"{changes}. Rank correlation of the weight with {told}. "
        f"{_VERDICTS[verdict(alike[_WEIGHT_AND_LOSS], float(np.abs(numbers[-1]).max()))]}"
    )


def _text(columns: Columns) -> str:
    """Of which words there are gradients; of a pair it is not the text that it writes."""
    return "In the text it reads" if columns.is_of_pair else "In the whole text"


def opening(columns: Columns) -> str:
    """What was asked, what the model answers, and where."""
    rough = (
        "" if columns.converged else " The gradients miss what they should add up to by over 1%."
    )
    return f"{asks(columns.answer)} {gives(columns.answer)} It answers at {columns.place}.{rough}"


def expression(columns: Columns) -> str:
    """A Vega expression for what `in_words` says after the opening, of the map shown."""
    told = " + ', ' + ".join(
        f"'{_IN_FULL[NAMES[other]]} ' + {correlation_expr(str(PAIRS.index((one, other))))}"
        for one, other in _TOLD
    )
    weight, norms, gradients, lost = (f"toNumber(first_row[{i}])" for i in range(len(NAMES)))
    agreed = alike(str(_WEIGHT_AND_LOSS))
    return (
        f"opening + ' In ' + slots[slot] + ', it looks most at ' + rows[{weight}] + ' (' + "
        f"format({weight_of(columns, weight)}, '.3f') + '), and most is written of ' + "
        f"rows[{norms}] + ' (' + format({norm(norms)}, '.3f') + '). {_text(columns)}, ' + "
        f"({gradient(gradients)} ? rows[{gradients}] + ' counts most (' + "
        f"{signed_expr(gradient(gradients))} + ')' : 'nothing counts') + '. Where '"
        f" + {list(_WHOSE)}[loss_of[slot] ? 1 : 0] + ' a word, the answer ' + ({loss(lost)} ? "
        f"'changes most for ' + rows[{lost}] + ' (loss ' + {signed_expr(loss(lost))} + ')' : "
        "'stays as it is') + '. Rank "
        f"correlation of the weight with ' + {told} + '. ' + verdicts[{agreed} == null ? 0 : "
        f"most_loss < {LITTLE} ? 4 : {agreed} >= {FAIR} ? 1 : {agreed} > {POOR} ? 2 : 3]"
    )


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
        "verdicts": list(_VERDICTS),
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
    return "unknown" if number is None else f"{number:.2f}".replace("-", "−")


def correlation_expr(pair: str) -> str:
    """A Vega expression for how a correlation is printed."""
    return f"({alike(pair)} == null ? 'unknown' : format({alike(pair)}, '.2f'))"
