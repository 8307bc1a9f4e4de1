"""What probes found, in words."""

from __future__ import annotations

from attention_gallery.charts import quoted
from attention_gallery.language import _
from attention_gallery.reading import listed
from attention_gallery.views.probing.findings import Findings, number

_LISTED = 4  # labels that are named


def in_words(findings: Findings, state: int) -> str:
    """How well labels are told from a state, and what of it proves little."""
    if state:
        told = _(
            "From the states after {layer}, a linear probe tells apart {labels} with an accuracy "
            "of {accuracy} ({range} in {n} repeats)."
        )
    else:
        told = _(
            "From the words alone, before any layer, a linear probe tells apart {labels} with an "
            "accuracy of {accuracy} ({range} in {n} repeats)."
        )
    if findings.of_texts:
        beside = _(
            "Labels given to texts at random, which can only be guessed, are told with {accuracy}: "
            "{compared}."
        )
    else:
        beside = _(
            "Labels given to words at random, which can only be learnt by heart, are told with "
            "{accuracy}: {compared}."
        )
    parts = (
        told.format(
            layer=findings.layers[state],
            labels=_listed(findings.labels),
            accuracy=number(findings.real.mean[state]),
            range=findings.real.range(state),
            n=findings.n_repeats,
        ),
        _("Always guessing the commonest label gets {accuracy}.").format(
            accuracy=number(findings.majority)
        ),
        beside.format(
            accuracy=number(findings.control.mean[state]), compared=_compared(findings, state)
        ),
    )
    return " ".join(parts)


def on_the_whole(findings: Findings) -> str:
    """What all states say together, and what they are about."""
    parts = []
    if findings.start:
        first = _("From the words alone, real labels are told with {accuracy}.")
        parts.append(first.format(accuracy=number(findings.real.mean[0])))
    if findings.of_texts:
        about = _(
            "The chart is about the model and the {n} labelled texts of {file}, not about the "
            "sentence of this page."
        )
    else:
        about = _(
            "The chart is about the model and the {n} labelled words in {n_sentences} sentences of "
            "{file}, not about the sentence of this page."
        )
    parts.append(
        about.format(
            n=findings.n_labels, n_sentences=findings.n_sentences, file=quoted(findings.file)
        )
    )
    if not findings.of_texts:
        known = _("Of the words in tests, {share} are in training too.")
        parts.append(known.format(share=f"{findings.known:.0%}"))
    return " ".join(parts)


def _compared(findings: Findings, state: int) -> str:
    """Real labels beside random ones."""
    more = findings.difference(state)
    if not more:
        return _("the real ones no better")
    told = (
        _("the real ones {difference} better")
        if more > 0
        else _("the real ones {difference} worse")
    )
    return told.format(difference=number(abs(more)))


def _listed(labels: list[str]) -> str:
    """Labels as a sentence lists them; of many the most frequent ones."""
    if len(labels) > _LISTED:
        rest = len(labels) - _LISTED + 1
        first = ", ".join(map(quoted, labels[: _LISTED - 1]))
        return _("{labels} and {n} more").format(labels=first, n=rest)
    return listed(map(quoted, labels))
