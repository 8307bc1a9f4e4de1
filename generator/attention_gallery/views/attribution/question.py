"""What a model was asked, in the words of a reader: of the facts that a measure leaves of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attention_gallery import charts


def asks(answer: Mapping[str, Any]) -> str:
    """The question.

    Args:
        answer: The facts; see `Asked.facts` of the measures.
    """
    what = quoted(answer["word"])
    if answer["kind"] == "label":
        what = f"the class {what}"
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
    chance = f"a probability of {probability(answer['probability'])}"
    # Of a word that is all but certain the logarithm is small, and not zero.
    n_places = 3 if abs(answer["value"]) >= 0.001 else 6
    value = f"{answer['value']:.{n_places}f}".replace("-", "−")
    if answer["rather_than"]:
        return f"The model answers with a difference of scores (logits) of {value} nats."
    if answer["unit"] == "logits":
        return f"The model gives this class a score (logit) of {value}: {chance}."
    return f"The model gives it {chance}, which is a log-probability of {value} nats."


def probability(chance: float) -> str:
    """As it is printed: what is small is not impossible, and what is large not certain."""
    if chance < 0.001:
        return "less than 0.001"
    return "more than 0.999" if chance > 0.999 else f"{chance:.3f}"


def quoted(word: str) -> str:
    """A token within a sentence, isolated: right-to-left text would shuffle what is around it."""
    return f"“\u2068{charts.short(word)}\u2069”"
