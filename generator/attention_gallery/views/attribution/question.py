"""What a model was asked, in the words of a reader: of the facts that a measure leaves of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attention_gallery.charts import quoted
from attention_gallery.language import _, marked

LITTLE = 0.05
"""What is next to nothing, in nats or logits: 5 % of the odds."""

_QUESTIONS: Mapping[str, tuple[str, str]] = {
    "next": (
        marked("Why {word} after {place}?"),
        marked("Why {word} rather than {other} after {place}?"),
    ),
    "gap": (
        marked("Why {word} where {place} stands?"),
        marked("Why {word} rather than {other} where {place} stands?"),
    ),
    "translation": (
        marked("Why {word} after {place} in what is written?"),
        marked("Why {word} rather than {other} after {place} in what is written?"),
    ),
    "class": (
        marked("Why the class {word}?"),
        marked("Why the class {word} rather than {other}?"),
    ),
    "scale": (
        marked("Why the number {word}?"),
        marked("Why the number {word} rather than {other}?"),
    ),
}
"""By what is asked: alone, and with what might be answered instead."""

_UNITS = {"nats": marked("nats"), "logits": marked("logits")}


def asks(answer: Mapping[str, Any]) -> str:
    """The question.

    Args:
        answer: The facts; see `Asked.facts` of the measures.
    """
    kind = answer["kind"]
    if kind == "label":
        kind = "scale" if on_a_scale(answer) else "class"
    alone, rather = _QUESTIONS[kind]
    return _(rather if answer["rather_than"] else alone).format(
        word=quoted(answer["word"]),
        other=quoted(answer["rather_than"]),
        place=quoted(answer["after"]),
    )


def gives(answer: Mapping[str, Any]) -> str:
    """What the model answers."""
    # Of a word that is all but certain the logarithm is small, and not zero.
    n_places = 3 if abs(answer["value"]) >= 0.001 else 6
    value = f"{round(answer['value'], n_places) + 0.0:.{n_places}f}".replace("-", "−")
    if on_a_scale(answer):
        return _("The model answers with {value}: a number on a scale, and no class.").format(
            value=value
        )
    if answer["rather_than"]:
        told = _("The model answers with a difference of scores (logits) of {value}.")
        return told.format(value=f"{value}{unit(answer)}")
    if answer["probability"] is None:
        return _("The model gives it a log-probability of {value} nats.").format(value=value)
    if answer["unit"] == "logits":
        told = _(
            "The model gives this class a score of {value} logits: a probability of {probability}."
        )
    else:
        told = _(
            "The model gives it a probability of {probability}, which is a log-probability of "
            "{value} nats."
        )
    return told.format(value=value, probability=probability(answer["probability"]))


def on_a_scale(answer: Mapping[str, Any]) -> bool:
    """Whether the model measures something of a text, and names no class of it."""
    return answer["kind"] == "label" and answer["probability"] is None


def unit(answer: Mapping[str, Any]) -> str:
    """What follows a number; nothing where that has no unit."""
    return "" if on_a_scale(answer) else f" {_(_UNITS[answer['unit']])}"


def probability(chance: float) -> str:
    """As it is printed: what is small is not impossible, and what is large not certain."""
    if chance < 0.001:
        return _("less than 0.001")
    return _("more than 0.999") if chance > 0.999 else f"{chance:.3f}"
