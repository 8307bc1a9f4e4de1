"""The head card in words: as the build says it of the first head, and as the chart of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from attention_gallery import charts
from attention_gallery.terms import Table
from attention_gallery.views.heads.scores import Score, Scores, effect, rounded_effect

_TOP = 3
_ATTENTION = "attention "


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
        parts.append("'.'")
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
    return f"format({value}, formats[{score}][abs({value}) < 10 ? 0 : 1])"


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
        leader = int(score.values.argmax())
        parts.append(f"{score.title} {scores.heads[leader]} {score.told(score.values[leader])}")
    if not parts:
        return ""
    n_named = sum(scores.named)
    told = "1 stands" if n_named == 1 else f"{n_named or 'none'} stand{'' if n_named else 's'}"
    return (
        f"Of {len(scores.heads)} heads, {told} out by a pattern of the probe. Those with most of "
        f"each: {', '.join(parts)}."
    )


def table(scores: Scores) -> Table:
    """For each score the heads that have most of it, and its baselines; of effects, the largest."""
    n_ranks = min(_TOP, len(scores.heads))
    rows = []
    for score in scores.all:
        order = np.argsort(-np.abs(score.values), kind="stable")[:n_ranks]
        cells = [f"{scores.heads[at]} {score.told(score.values[at])}" for at in order]
        baselines = ("", "")
        if score.group == "probe":
            baselines = score.told(score.untrained), _spread(score)
        rows.append((score.label, *cells, *baselines))
    return Table(
        caption=f"The heads with most of each score, or the largest effect, of {len(scores.heads)}",
        columns=(
            "score",
            *("first", "second", "third")[:n_ranks],
            "best untrained head",
            "looking at all alike",
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


def quoted(word: str) -> str:
    """A token within a sentence, isolated: right-to-left text would shuffle what is around it."""
    return f"“\u2068{charts.short(word)}\u2069”"


def _on_probe(scores: Scores, at: int) -> str:
    best = scores.best[at]
    if best < 0:
        return "."
    score, named = scores.all[best], scores.named[at]
    uniform = score.uniform[scores.heads[at].layer]
    says = f" {score.says}" if named else ""
    return (
        f" ({score.title if named else 'no pattern stands out'}): on the probe it gives "
        f"{score.values[at]:.3f} to {score.gives}; the best head of an untrained model gives "
        f"{score.untrained:.3f}, one that looks at all it sees alike {uniform:.3f}.{says}"
    )


def _phrases(scores: Scores) -> list[str]:
    """What scores are called in a row, where attention need be said once only."""
    first, *rest = (scores.all[i].title for i in scores.of("sentence"))
    return [first, *(brief(title) for title in rest)]


def _effects(scores: Scores) -> dict[int, tuple[str, str]]:
    """What is said before and after the number of each effect, by the index of its score."""
    told = {}
    if scores.ablation:
        mean, zero = scores.of("without")
        what = asked(scores.ablation.facts["answer"])
        told[mean] = (f" Without it, with its mean in its place, {what} changes by ", "")
        told[zero] = ("; with nothing in its place, by ", ".")
    if scores.patching:
        indirect, direct = scores.of("pair")
        told[indirect] = (
            " Of the difference between the two sentences, its indirect effect is ",
            "",
        )
        told[direct] = (", its direct effect ", ".")
    return told


def _without_all(scores: Scores) -> Iterator[str]:
    if not scores.ablation:
        return
    unit = scores.ablation.facts["answer"]["unit"]
    found = scores.ablation
    total = effect(rounded_effect(float(np.concatenate(found.layers("mean")).sum())))
    at_once = effect(rounded_effect(float(found.arrays["mean/all"])))
    yield (
        f"Silenced one at a time, with their means in their places, the {len(scores.heads)} heads "
        f"change it by {total} {unit} in sum; all at once, by {at_once}. Heads work together and "
        "stand in for one another, so that the effects of single heads need not add up."
    )


def _difference(scores: Scores) -> Iterator[str]:
    if not scores.patching:
        return
    facts = scores.patching.facts
    word, other = quoted(facts["answer"]["word"]), quoted(facts["answer"]["rather_than"])
    before, after = (f"{odds:.3g}" for odds in facts["odds"])
    total, carried = (effect(rounded_effect(facts[n])) for n in ("total", "indirect_of_all"))
    summed = effect(rounded_effect(float(np.concatenate(scores.patching.layers("indirect")).sum())))
    yield (
        f"The odds of {word} against {other} are {before} after the first sentence and {after} "
        f"after the second, a total effect of {total}. The indirect effects of single heads sum up "
        f"to {summed}, that of all heads together is {carried}: they need not add up, nor do "
        "direct and indirect effect add up to the total."
    )


def _spread(score: Score) -> str:
    low, high = score.number(min(score.uniform)), score.number(max(score.uniform))
    return low if low == high else f"{low} to {high}"
