"""What a model was asked, in the words of a reader: of the facts that a measure leaves of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attention_gallery.charts import quoted

LITTLE = 0.05
"""What is next to nothing, in nats or logits: 5 % of the odds."""


def asks(answer: Mapping[str, Any]) -> str:
    """The question.

    Args:
        answer: The facts; see `Asked.facts` of the measures.
    """
    what = quoted(answer["word"])
    if answer["kind"] == "label":
        what = f"the {'number' if on_a_scale(answer) else 'class'} {what}"
    if answer["rather_than"]:
        what += f" rather than {quoted(answer['rather_than'])}"
    after = quoted(answer["after"])
    place = {
        "next": f" after {after}",
        "gap": f" where {after} stands",
        "translation": f" after {after} in what is written",
        "label": "",
    }[answer["kind"]]
    return f"Why {what}{place}?"


def gives(answer: Mapping[str, Any]) -> str:
    """What the model answers."""
    # Of a word that is all but certain the logarithm is small, and not zero.
    n_places = 3 if abs(answer["value"]) >= 0.001 else 6
    value = f"{round(answer['value'], n_places) + 0.0:.{n_places}f}".replace("-", "−")
    if on_a_scale(answer):
        return f"The model answers with {value}: a number on a scale, and no class."
    if answer["rather_than"]:
        return f"The model answers with a difference of scores (logits) of {value}{unit(answer)}."
    likely = answer["probability"]
    chance = "" if likely is None else f"a probability of {probability(likely)}"
    if answer["unit"] == "logits":
        told = f": {chance}" if chance else ""
        return f"The model gives this class a score of {value} logits{told}."
    told = f"{chance}, which is " if chance else ""
    return f"The model gives it {told}a log-probability of {value} nats."


def on_a_scale(answer: Mapping[str, Any]) -> bool:
    """Whether the model measures something of a text, and names no class of it."""
    return answer["kind"] == "label" and answer["probability"] is None


def unit(answer: Mapping[str, Any]) -> str:
    """What follows a number; nothing where that has no unit."""
    return "" if on_a_scale(answer) else f" {answer['unit']}"


def probability(chance: float) -> str:
    """As it is printed: what is small is not impossible, and what is large not certain."""
    if chance < 0.001:
        return "less than 0.001"
    return "more than 0.999" if chance > 0.999 else f"{chance:.3f}"
