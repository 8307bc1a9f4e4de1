"""The head card in words: as the build says it of the first head, and as the chart of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from attention_gallery.charts import quoted
from attention_gallery.terms import Measured, Table
from attention_gallery.views.heads.scores import SIZES, Score, Scores, effect, rounded_effect

_TOP = 3
_NONE = "none above an untrained one"
_ATTENTION = "attention "
_SLIGHT = 0.01  # nats or logits: an answer that changes by less is the same to a reader


def in_words(scores: Scores, at: int) -> str:
    """What a head does on the probe and on this sentence, and what becomes of an answer without it.

    What is said of all heads together comes last.

    Args:
        scores: All of them.
        at: Which head.
    """
    told = f"{scores.heads[at]}{_on_probe(scores, at)}"
    sentence = [scores.all[i] for i in scores.of("sentence")]
    listed = (
        f"{p} {s.told(s.values[at])}" for p, s in zip(_phrases(scores), sentence, strict=True)
    )
    told += f" On this sentence: {', '.join(listed)}."
    for i, (before, after) in _effects(scores).items():
        score = scores.all[i]
        told += f"{before}{score.told(score.values[at])}{after}"
    together = of_all(scores)
    return f"{told} {together}" if together else told


def expression(scores: Scores) -> str:
    """A Vega expression for `in_words` of the head that is shown."""
    parts = ["slots[slot]"]
    if scores.of("probe"):
        number = "format(values[best[slot]][slot], '.3f')"
        untrained = "format(untrained[best[slot]], '.3f')"
        uniform = "format(uniform[best[slot]][slot_layers[slot]], '.3f')"
        parts += [
            "(named[slot] ? ' (' + titles[best[slot]] + '): ' : ' (no pattern stands out): ')",
            f"'on the probe it gives ' + {number} + ' to ' + gives[best[slot]]",
            f"'; the best head of an untrained model gives ' + {untrained}",
            f"', one that looks at all it sees alike ' + {uniform} + '.'",
            "(named[slot] ? ' ' + says[best[slot]] : '')",
        ]
    else:
        parts.append(f"'{_unprobed(scores)}'")
    for place, i in enumerate(scores.of("sentence")):
        parts.append(f"'{', ' if place else ' On this sentence: '}' + phrases[{place}] + ' '")
        parts.append(told_expr(str(i), "slot"))
    parts.append("'.'")
    for place, i in enumerate(_effects(scores)):
        parts.append(f"befores[{place}] + {told_expr(str(i), 'slot')} + afters[{place}]")
    parts.append("(of_all == '' ? '' : ' ' + of_all)")
    return " + ".join(parts)


def told_expr(score: str, at: str) -> str:
    """A Vega expression for a score of a head with its unit; both are expressions of an index."""
    return f"{number_expr(score, at)} + units[{score}]"


def number_expr(score: str, at: str) -> str:
    """The same without the unit."""
    value = f"values[{score}][{at}]"
    some, many = SIZES
    which = f"abs({value}) < {some} ? 0 : abs({value}) < {many} ? 1 : 2"
    return f"format({value}, formats[{score}][{which}])"


def constants(scores: Scores) -> dict[str, Any]:
    """What `expression` needs besides the scores."""
    effects = _effects(scores)
    return {
        "phrases": _phrases(scores),
        "befores": [before for before, _ in effects.values()],
        "afters": [after for _, after in effects.values()],
        "of_all": of_all(scores),
    }


def of_all(scores: Scores) -> str:
    """What silenced or changed heads do together, which their single effects need not add up to."""
    return " ".join((*_without_all(scores), *_difference(scores)))


def outline(scores: Scores) -> str:
    """Which heads lead each pattern, and by how much; empty where heads are not probed."""
    parts = []
    for i in scores.of("probe"):
        score = scores.all[i]
        leaders = _leaders(score)[:1]
        told = " ".join(f"{scores.heads[at]} {score.told(score.values[at])}" for at in leaders)
        parts.append(f"{score.title} {told or _NONE}")
    if not parts:
        return ""
    n_named = sum(scores.named)
    told = "1 stands" if n_named == 1 else f"{n_named or 'none'} stand{'' if n_named else 's'}"
    return (
        f"Of {len(scores.heads)} heads, {told} out by a pattern of the probe. Those with most of "
        f"each: {', '.join(parts)}."
    )


def table(scores: Scores) -> Table:
    """For each score the heads that have most of it, and what those numbers are held against."""
    n_ranks = min(_TOP, len(scores.heads))
    probed = bool(scores.of("probe"))
    signed = any(score.signed for score in scores.all)
    rows = []
    for score in scores.all:
        cells = [f"{scores.heads[at]} {score.told(score.values[at])}" for at in _leaders(score)]
        cells = cells or ["no single head" if score.signed else _NONE]
        row = [score.label, *cells, *[""] * (n_ranks - len(cells))]
        if signed:
            row.append("" if score.of_all is None else score.told(score.of_all))
        if probed:
            of_pattern = score.group == "probe"
            row.append(score.told(score.untrained) if of_pattern else "")
            row.append(_spread(score) if of_pattern else "")
        rows.append(tuple(row))
    cross = " of cross-attention" if scores.packed.attention.kind == "cross" else ""
    caption = f"Those with most of each score, of {len(scores.heads)} heads{cross}"
    if signed:
        caption += "; of effects, with the largest"
    if scores.total:
        caption += f", or that which is furthest from the total of {effect(scores.total)}"
    return Table(
        caption=caption,
        columns=(
            "score",
            *("first", "second", "third")[:n_ranks],
            *(("all heads at once",) if signed else ()),
            *(("best untrained head", "looking at all alike") if probed else ()),
        ),
        rows=tuple(rows),
    )


def asked(answer: dict[str, Any]) -> str:
    """What an answer's number is of, as a phrase."""
    if answer["rather_than"]:
        against = quoted(answer["rather_than"])
        return f"the logarithm of the odds of {quoted(answer['word'])} against {against}"
    if answer["unit"] == "logits":
        return f"the score of the class {quoted(answer['word'])}"
    return f"the log-probability of {quoted(answer['word'])}"


def brief(title: str) -> str:
    """What a score is called where it is plain that it is about attention."""
    return title.removeprefix(_ATTENTION)


def _leaders(score: Score) -> list[int]:
    """The heads that have most of a score, the first of all first.

    Of a pattern, only those that follow it further than any head does before training; of an
    effect, only those that have one.
    """
    order = np.argsort(-score.sizes, kind="stable")[:_TOP].tolist()
    if score.signed:
        return [at for at in order if score.sizes[at]]
    return [at for at in order if score.group != "probe" or score.values[at] > score.untrained]


def _on_probe(scores: Scores, at: int) -> str:
    best = scores.best[at]
    if best < 0:
        return _unprobed(scores)
    score, named = scores.all[best], scores.named[at]
    uniform = score.uniform[scores.heads[at].layer]
    says = f" {score.says}" if named else ""
    return (
        f" ({score.title if named else 'no pattern stands out'}): on the probe it gives "
        f"{score.values[at]:.3f} to {score.gives}; the best head of an untrained model gives "
        f"{score.untrained:.3f}, one that looks at all it sees alike {uniform:.3f}.{says}"
    )


def _unprobed(scores: Scores) -> str:
    """What follows the name of a head of which no more is known than its sentence."""
    cross = scores.packed.attention.kind == "cross"
    return ", a head of cross-attention." if cross else "."


def _phrases(scores: Scores) -> list[str]:
    """What scores are called in a row, where attention need be said once only."""
    first, *rest = (scores.all[i].title for i in scores.of("sentence"))
    return [first, *(brief(title) for title in rest)]


def _effects(scores: Scores) -> dict[int, tuple[str, str]]:
    """What is said before and after the number of each effect, by the index of its score."""
    told = {}
    if scores.ablation:
        zero, mean = scores.of("without")
        what = asked(scores.ablation.facts["answer"])
        told[zero] = (f" Without it, with nothing in its place, {what} changes by ", "")
        told[mean] = ("; with its mean over this sentence in its place, by ", ".")
    if scores.patching:
        indirect, direct = scores.of("pair")
        told[indirect] = (
            " Of the difference between the two sentences, its indirect effect is ",
            " (the first is read, and only this head looks as in the second)",
        )
        told[direct] = (
            ", its direct effect ",
            " (the second is read, and only this head looks as in the first: a head that carries "
            f"nothing leaves the total of {effect(scores.total)}).",
        )
    return told


def _without_all(scores: Scores) -> Iterator[str]:
    if not scores.ablation:
        return
    found, unit = scores.ablation, scores.ablation.facts["answer"]["unit"]
    zero, mean = (scores.all[i] for i in scores.of("without"))
    if max(np.abs(np.concatenate(found.layers(by))).max() for by in ("zero", "mean")) < _SLIGHT:
        yield f"No single head changes this answer by {_SLIGHT} or more."
    if len(scores.heads) == 1:
        return
    of_zero, of_mean = (_sum(found, by) for by in ("zero", "mean"))
    yield (
        f"Silenced one at a time, with nothing in their places, the {len(scores.heads)} heads "
        f"change it by {of_zero} {unit} in sum; all at once, by {zero.told(zero.of_all or 0)}. "
        f"With their means over this sentence in their places that is {of_mean} {unit} in sum, and "
        f"{mean.told(mean.of_all or 0)} all at once. Heads work together and stand in for one "
        "another, so that the effects of single heads need not add up."
    )


def _difference(scores: Scores) -> Iterator[str]:
    if not scores.patching:
        return
    facts = scores.patching.facts
    word, other = quoted(facts["answer"]["word"]), quoted(facts["answer"]["rather_than"])
    before, after = (f"{odds:.3g}" for odds in facts["odds"])
    indirect, direct = (scores.all[i] for i in scores.of("pair"))
    yield (
        f"The odds of {word} against {other} are {before} after the first sentence and {after} "
        f"after the second: a total effect of {effect(scores.total)}, where +1 is twice the odds. "
        f"Their indirect effect together is {indirect.told(indirect.of_all or 0)}: the first "
        "sentence is read, and nothing is changed but where all heads look. Their direct effect is "
        f"{direct.told(direct.of_all or 0)}: everything is changed but that. The indirect effects "
        f"of single heads sum up to {_sum(scores.patching, 'indirect')}: they need not add up, nor "
        "do direct and indirect effect add up to the total."
    )


def _sum(found: Measured, folder: str) -> str:
    """What the effects of single heads add up to."""
    return effect(rounded_effect(float(np.concatenate(found.layers(folder)).sum())))


def _spread(score: Score) -> str:
    low, high = score.number(min(score.uniform)), score.number(max(score.uniform))
    return low if low == high else f"{low} to {high}"
