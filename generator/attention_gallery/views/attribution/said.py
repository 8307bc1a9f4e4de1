"""What the numbers say, in words: which tokens count, and what all of them sum to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attention_gallery.language import _, marked, ngettext
from attention_gallery.views.attribution.question import LITTLE, asks, gives
from attention_gallery.views.attribution.values import (
    METHODS,
    SIGNED,
    ZEROS,
    Values,
    filler,
    signed,
)

_CERTAIN = 0.99  # a probability at which a logarithm hardly changes any more
_MOST = 3  # tokens that are named

_SUMS = {
    "encoder": marked("The numbers of the text it reads sum to {total}."),
    "decoder": marked("The numbers of what it has written sum to {total}."),
}
# By whether a token speaks for the answer, and whether one does against it: plain, and with a unit.
_SPEAKS = {
    (True, True): (
        marked("By {method}, most speaks for it {tokens}, most against it {others}."),
        marked("By {method}, most speaks for it {tokens}, most against it {others}, in {unit}."),
    ),
    (True, False): (
        marked("By {method}, most speaks for it {tokens}, next to nothing against it."),
        marked("By {method}, most speaks for it {tokens}, next to nothing against it, in {unit}."),
    ),
    (False, True): (
        marked("By {method}, next to nothing speaks for it, most against it {others}."),
        marked("By {method}, next to nothing speaks for it, most against it {others}, in {unit}."),
    ),
    (False, False): (
        marked("By {method}, next to nothing speaks for it, next to nothing against it."),
        marked(
            "By {method}, next to nothing speaks for it, next to nothing against it, in {unit}."
        ),
    ),
}


def legend(values: Values, method: str) -> str:
    """What colours, signs and numbers stand for."""
    if method not in SIGNED:
        return _(
            "The longer the bar, the more the answer reacts to the token, beside the others; there "
            "is no unit to compare, and which way is not told."
        )
    colours = _("Blue and + speak for the answer, orange and − against it.")
    if not values.unit:
        return colours
    return f"{colours} {_('Numbers are in {unit}.').format(unit=values.unit.strip())}"


def in_words(values: Values, method: str) -> str:
    """All that is told of a method, in sentences."""
    strongest = [] if _is_nothing(values, method) else [_strongest(values, method)]
    parts = [asks(values.answer), gives(values.answer), *strongest, *notes(values, method)]
    return " ".join(parts)


def notes(values: Values, method: str) -> list[str]:
    """What the numbers sum to, what that is worth, and why some say nothing."""
    told = [_nothing(values, method)] if _is_nothing(values, method) else []
    told += _sums(values, method)
    if values.in_both and method == "integrated-gradients":
        told.append(
            _(
                "Tokens that stand in both texts, such as what the tokenizer added, or the gap "
                "that is filled, have 0 by construction: that says nothing of what they do."
            )
            if values.answer["kind"] == "gap"
            else _(
                "Tokens that stand in both texts, such as what the tokenizer added, have 0 by "
                "construction: that says nothing of what they do."
            )
        )
    if values.later:
        later = ngettext(
            "{token}, in grey, is not yet written when the model answers, and can add nothing to "
            "it.",
            "Tokens in grey, {token} the first of them, are not yet written when the model "
            "answers, and can add nothing to it.",
            len(values.later),
        )
        told.append(later.format(token=values.names[values.later[0]]))
    return told


def _is_nothing(values: Values, method: str) -> bool:
    """Whether all numbers of a method are next to nothing."""
    return values.largest(method) < values.least(method)


def _nothing(values: Values, method: str) -> str:
    """Why they are."""
    answer = values.answer
    likely = answer["unit"] == "nats" and not answer["rather_than"] and answer["probability"]
    if method == "integrated-gradients":
        told = _(
            "All of these numbers are next to nothing, below {least}: no single token changes the "
            "answer."
        )
    elif likely and likely > _CERTAIN:
        told = _(
            "All of these numbers are next to nothing, below {least}: the answer is so certain "
            "that no small change matters (it is saturated)."
        )
    else:
        told = _(
            "All of these numbers are next to nothing, below {least}: no small change of one token "
            "matters to the answer."
        )
    return told.format(least=f"{LITTLE}{values.unit}")


def _sums(values: Values, method: str) -> list[str]:
    """What the numbers sum to, and what that is worth."""
    if method == "saliency":
        return [
            _(
                "Saliency is how fast the answer changes when the embedding of a token does. It is "
                "never negative, and sums to nothing in particular."
            )
        ]
    if method == "input-x-gradient":
        told = _(
            "The numbers sum to {total}. They would sum to the answer if the model were a straight "
            "line; it is not, so they need not sum to anything."
        )
        total = signed(float(values.numbers[method].sum()))
        return [told.format(total=f"{total}{values.unit}")]
    return [_completeness(values, i, side) for i, side in enumerate(values.sides)]


def _completeness(values: Values, number: int, side: str) -> str:
    """What the numbers of a text sum to, and by how much that misses what it should be."""
    told = values.sides[side]
    own = slice(values.starts[number], values.ends[number])
    total = float(values.numbers["integrated-gradients"][own].sum())
    difference = told["end"] - told["start"]
    share = f" ({told['error'] / abs(difference):.1%})" if difference else ""
    sums = _(_SUMS[side]) if len(values.sides) > 1 else _("The numbers sum to {total}.")
    error = f"{told['error']:.2f}" if told["error"] >= 0.005 else _("less than 0.01")
    token = filler(told["baseline"])
    if token == ZEROS:
        differs = _(
            "The answer differs from that to the same text with nothing at all, zeros, in place of "
            "every word by {difference}: an error of {error}, with {steps} steps."
        )
    else:
        differs = _(
            "The answer differs from that to the same text with {token} in place of every word by "
            "{difference}: an error of {error}, with {steps} steps."
        )
    parts = [
        sums.format(total=f"{signed(total)}{values.unit}"),
        differs.format(
            token=token,
            difference=signed(difference),
            error=f"{error}{share}",
            steps=told["steps"],
        ),
    ]
    if not told["converged"]:
        parts.append(_("That is more than 1%: take them as rough."))
    return " ".join(parts)


def _strongest(values: Values, method: str) -> str:
    """The tokens with the largest numbers, without those that are next to nothing."""
    numbers, printed = values.numbers[method], values.printed(method)

    def listed(order: NDArray[np.intp]) -> str:
        return ", ".join(f"{values.names[i]} ({printed[i]})" for i in order[:_MOST])

    order = np.argsort(-numbers, kind="stable")
    speaks = order[numbers[order] > values.least(method)]
    name = _(METHODS[method])
    if method not in SIGNED:
        reacts = (
            _("By {method} it reacts most to {tokens}.")
            if speaks.size
            else _("By {method} it reacts to none.")
        )
        return reacts.format(method=name, tokens=listed(speaks))
    against = order[::-1][numbers[order[::-1]] < -values.least(method)]
    plain, with_unit = _SPEAKS[bool(speaks.size), bool(against.size)]
    return _(with_unit if values.unit else plain).format(
        method=name,
        tokens=listed(speaks),
        others=listed(against),
        unit=values.unit.strip(),
    )
