"""A step in words: as the build says it of the first one, and as the running chart of each."""

from __future__ import annotations

import numpy as np

from attention_gallery import charts
from attention_gallery.chances import LEAST, number, number_expr
from attention_gallery.views.generation.steps import Steps

_CONTEXT = 5  # tokens that are repeated of what was read
_LONGEST = 30  # letters of a token
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
    likeliest = f"{first}, then {', '.join(others)}" if others else first
    came = (
        f"The next token, by the {steps.by[step]}, is "
        f"{charts.quoted(steps.words[step + 1], _LONGEST)}: "
        f"{steps.told(step)}."
        if steps.by[step]
        else "No word follows."
    )
    return (
        f"After “\u2068{read}\u2069”, the model gives {likeliest}. {came} "
        f"To choose what comes, {packed.slots[packed.start]} looks most at "
        f"{charts.quoted(packed.attention.keys[key].text, _LONGEST)}: {row[key]:.3f}."
    )


def on_the_whole(steps: Steps) -> str:
    """How surprising the author's words are to the model, and its own."""
    means = []
    for who in ("author", "model"):
        bits = [steps.bits[step] for step in range(len(steps)) if steps.by[step] == who]
        if len(bits) > 1:
            means.append(
                f"The surprisal of the {len(bits)} tokens by the {who} is {np.mean(bits):.2f} bits "
                "on average."
            )
    return " ".join(means)


def expression(steps: Steps) -> str:
    """A Vega expression for `in_words` of the step and the map shown."""
    each = [
        f"{quoted(f'likely[step][{i}]')} + ' ' + {number_expr(f'chances[step][{i}]')}"
        for i in range(min(_SAID, len(steps.likely[0])))
    ]
    likeliest = " + ".join(
        f"(chances[step][{i}] < {LEAST} ? '' : '{', then ' if i == 1 else ', '}' + {said})"
        if i
        else said
        for i, said in enumerate(each)
    )
    read = f"join(slice(brief, max(0, step + 1 - {_CONTEXT}), step + 1), ' ')"
    came = (
        "(by[step] == '' ? 'No word follows.' : 'The next token, by the ' + by[step] + ', is '"
        f" + {quoted('words[step + 1]')} + ': ' + told[step] + '.')"
    )
    looked_at = quoted("keys[indexof(row, most)]")
    weight = charts.weight_expr("0", "most")
    return (
        f"'After “\u2068' + {read} + '\u2069”, the model gives ' + {likeliest} + '. ' + {came}"
        f" + ' To choose what comes, ' + slots[slot] + ' looks most at ' + {looked_at}"
        f" + ': ' + format({weight}, '.3f') + '.'"
    )


def quoted(word: str) -> str:
    """A Vega expression for a token within a sentence; see `charts.quoted`."""
    return f"'“\u2068' + truncate({word}, {_LONGEST}) + '\u2069”'"
