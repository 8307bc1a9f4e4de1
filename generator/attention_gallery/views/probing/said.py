"""What probes found, in words."""

from __future__ import annotations

from attention_gallery.charts import quoted
from attention_gallery.views.probing.findings import Findings, number

_LISTED = 4  # labels that are named


def in_words(findings: Findings, state: int) -> str:
    """How well labels are told from a state, and what of it proves little."""
    name = findings.states[state]
    whence = "From the words alone, before any layer," if state == 0 else f"From the states {name},"
    real, control = findings.real, findings.control
    things, only = ("texts", "be guessed") if findings.of_texts else ("words", "be learnt by heart")
    more = findings.difference(state)
    better = f"{number(abs(more))} {'better' if more > 0 else 'worse'}" if more else "no better"
    return (
        f"{whence} a linear probe tells apart {_listed(findings.labels)} with an accuracy of "
        f"{number(real.mean[state])} ({real.range(state)} in {findings.n_repeats} repeats). Always "
        f"guessing the commonest label gets {number(findings.majority)}. Labels given to {things} "
        f"at random, which can only {only}, are told with {number(control.mean[state])}: the real "
        f"ones {better}."
    )


def on_the_whole(findings: Findings) -> str:
    """What all states say together, and what they are about."""
    first = ""
    if findings.start:
        first = f"From the words alone, real labels are told with {number(findings.real.mean[0])}. "
    what = (
        f"the {findings.n_labels} labelled texts"
        if findings.of_texts
        else f"the {findings.n_labels} labelled words in {findings.n_sentences} sentences"
    )
    known = ""
    if not findings.of_texts:
        known = f" Of the words in tests, {findings.known:.0%} are in training too."
    return (
        f"{first}The chart is about the model and {what} of {quoted(findings.file)}, not about "
        f"the sentence of this page.{known}"
    )


def _listed(labels: list[str]) -> str:
    """Labels as a sentence lists them; of many the most frequent ones."""
    if len(labels) > _LISTED:
        rest = len(labels) - _LISTED + 1
        return ", ".join(map(quoted, labels[: _LISTED - 1])) + f" and {rest} more"
    return ", ".join(map(quoted, labels[:-1])) + f" and {quoted(labels[-1])}"
