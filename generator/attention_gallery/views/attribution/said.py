"""What the numbers say, in words: which tokens count, and what all of them sum to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attention_gallery.views.attribution.question import LITTLE, asks, gives
from attention_gallery.views.attribution.values import METHODS, SIGNED, Values, signed

_CERTAIN = 0.99  # a probability at which a logarithm hardly changes any more
_MOST = 3  # tokens that are named


def legend(values: Values, method: str) -> str:
    """What colours, signs and numbers stand for."""
    if method not in SIGNED:
        return (
            "The longer the bar, the more the answer reacts to the token, beside the others; there "
            "is no unit to compare, and which way is not told."
        )
    unit = f" Numbers are in{values.unit}." if values.unit else ""
    return f"Blue and + speak for the answer, orange and − against it.{unit}"


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
        gap = ", or the gap that is filled" if values.answer["kind"] == "gap" else ""
        told.append(
            f"Tokens that stand in both texts, such as what the tokenizer added{gap}, have 0 by "
            "construction: that says nothing of what they do."
        )
    if values.later:
        first, *others = (values.names[index] for index in values.later)
        these = (
            f"Tokens in grey, {first} the first of them, are" if others else f"{first}, in grey, is"
        )
        told.append(f"{these} not yet written when the model answers, and can add nothing to it.")
    return told


def _is_nothing(values: Values, method: str) -> bool:
    """Whether all numbers of a method are next to nothing."""
    return values.largest(method) < values.least(method)


def _nothing(values: Values, method: str) -> str:
    """Why they are."""
    told = f"All of these numbers are next to nothing, below {LITTLE}{values.unit}: "
    if method == "integrated-gradients":
        return f"{told}no single token changes the answer."
    answer = values.answer
    likely = answer["unit"] == "nats" and not answer["rather_than"] and answer["probability"]
    if likely and likely > _CERTAIN:
        return f"{told}the answer is so certain that no small change matters (it is saturated)."
    return f"{told}no small change of one token matters to the answer."


def _sums(values: Values, method: str) -> list[str]:
    """What the numbers sum to, and what that is worth."""
    if method == "saliency":
        return [
            "Saliency is how fast the answer changes when the embedding of a token does. It is "
            "never negative, and sums to nothing in particular."
        ]
    if method == "input-x-gradient":
        total = signed(float(values.numbers[method].sum()))
        return [
            f"The numbers sum to {total}{values.unit}. They would sum to the answer if the model "
            "were a straight line; it is not, so they need not sum to anything."
        ]
    return [_completeness(values, i, side) for i, side in enumerate(values.sides)]


def _completeness(values: Values, number: int, side: str) -> str:
    """What the numbers of a text sum to, and by how much that misses what it should be."""
    told = values.sides[side]
    own = slice(values.starts[number], values.ends[number])
    total = float(values.numbers["integrated-gradients"][own].sum())
    difference = told["end"] - told["start"]
    share = f" ({told['error'] / abs(difference):.1%})" if difference else ""
    of = f" of {values.text_of(side)}" if len(values.sides) > 1 else ""
    rough = "" if told["converged"] else " That is more than 1%: take them as rough."
    error = f"{told['error']:.2f}" if told["error"] >= 0.005 else "less than 0.01"
    return (
        f"The numbers{of} sum to {signed(total)}{values.unit}. The answer differs from that to "
        f"{told['baseline']} by {signed(difference)}: an error of {error}{share}, with "
        f"{told['steps']} steps.{rough}"
    )


def _strongest(values: Values, method: str) -> str:
    """The tokens with the largest numbers, without those that are next to nothing."""
    numbers, printed = values.numbers[method], values.printed(method)

    def listed(order: NDArray[np.intp]) -> str:
        return ", ".join(f"{values.names[i]} ({printed[i]})" for i in order[:_MOST])

    order = np.argsort(-numbers, kind="stable")
    speaks = order[numbers[order] > values.least(method)]
    label = METHODS[method]
    if method not in SIGNED:
        return f"By {label} it reacts {f'most to {listed(speaks)}' if speaks.size else 'to none'}."
    against = order[::-1][numbers[order[::-1]] < -values.least(method)]
    told = [
        f"most speaks for it {listed(speaks)}" if speaks.size else "next to nothing speaks for it",
        f"most against it {listed(against)}" if against.size else "next to nothing against it",
    ]
    return f"By {label}, {', '.join(told)}{values.unit and f', in{values.unit}'}."
