"""A step in words: as the build says it of the first one, and as the running chart of each."""

from __future__ import annotations

import numpy as np

from attention_gallery import charts
from attention_gallery.chances import LEAST, number, number_expr
from attention_gallery.language import _
from attention_gallery.views.generation.steps import WRITERS, Steps, Writer

_CONTEXT = 5  # tokens that are repeated of what was read
_LONGEST = 30  # letters of a token
_JUDGED: tuple[Writer, ...] = ("author", "model")
_SAID = 3  # of the likeliest tokens, those worth saying


def in_words(steps: Steps, step: int) -> str:
    """What the model held likely, what came, and what the map first shown looked at most."""
    packed = steps.packed
    row = packed.shown[step]
    key = int(row.argmax())
    read = " ".join(steps.brief[max(0, step + 1 - _CONTEXT) : step + 1])
    first, *others = (
        f"{charts.quoted(steps.likely[step][i], _LONGEST)} {number(chance)}"
        for i, chance in enumerate(steps.chances[step][:_SAID])
        if not i or chance >= LEAST
    )
    gives = _("After {read}, the model gives {first}.")
    if others:
        gives = _("After {read}, the model gives {first}, then {others}.")
    came = _("No word follows.")
    if by := steps.by[step]:
        came = _("The next token, by {writer}, is {token}: {told}.").format(
            writer=_(WRITERS[by]),
            token=charts.quoted(steps.words[step + 1], _LONGEST),
            told=steps.told(step),
        )
    looks = _("To choose what comes, {head} looks most at {key}: {weight}.").format(
        head=packed.slots[packed.start],
        key=charts.quoted(packed.attention.keys[key].text, _LONGEST),
        weight=f"{row[key]:.3f}",
    )
    given = gives.format(read=f"“\u2068{read}\u2069”", first=first, others=", ".join(others))
    return f"{given} {came} {looks}"


def on_the_whole(steps: Steps) -> str:
    """How surprising the author's words are to the model, and its own."""
    means = []
    for who in _JUDGED:
        bits = [steps.bits[step] for step in range(len(steps)) if steps.by[step] == who]
        if len(bits) > 1:
            means.append(
                _("The surprisal of the {n} tokens by {writer} is {bits} bits on average.").format(
                    n=len(bits), writer=_(WRITERS[who]), bits=f"{np.mean(bits):.2f}"
                )
            )
    return " ".join(means)


def expression(steps: Steps) -> str:
    """A Vega expression for `in_words` of the step and the map shown."""
    each = [
        f"{quoted(f'likely[step][{i}]')} + ' ' + {number_expr(f'chances[step][{i}]')}"
        for i in range(min(_SAID, len(steps.likely[0])))
    ]
    read = f"join(slice(brief, max(0, step + 1 - {_CONTEXT}), step + 1), ' ')"
    parts = {"read": f"'“\u2068' + {read} + '\u2069”'", "first": each[0]}
    gives = charts.spoken(_("After {read}, the model gives {first}."), **parts)
    if others := each[1:]:
        # They come in order: of those after one that is not worth saying none is.
        rest = (
            f" + (chances[step][{i}] < {LEAST} ? '' : ', ' + {said})"
            for i, said in enumerate(others[1:], 2)
        )
        several = charts.spoken(
            _("After {read}, the model gives {first}, then {others}."),
            others=others[0] + "".join(rest),
            **parts,
        )
        gives = f"(chances[step][1] < {LEAST} ? {gives} : {several})"
    came = charts.spoken(
        _("The next token, by {writer}, is {token}: {told}."),
        writer=writer("by[step]"), token=quoted("words[step + 1]"), told="told[step]",
    )  # fmt: skip
    looks = charts.spoken(
        _("To choose what comes, {head} looks most at {key}: {weight}."),
        head="slots[slot]",
        key=quoted("keys[indexof(row, most)]"),
        weight=f"format({charts.weight_expr('0', 'most')}, '.3f')",
    )
    nothing = charts.literal(_("No word follows."))
    return f"{gives} + ' ' + (by[step] == '' ? {nothing} : {came}) + ' ' + {looks}"


def writer(by: str) -> str:
    """A Vega expression for what a sentence calls who wrote a token."""
    names = ", ".join(charts.literal(_(name)) for name in WRITERS.values())
    return f"[{names}][indexof({list(WRITERS)}, {by})]"


def quoted(word: str) -> str:
    """A Vega expression for a token within a sentence; see `charts.quoted`."""
    return f"'“\u2068' + truncate({word}, {_LONGEST}) + '\u2069”'"
