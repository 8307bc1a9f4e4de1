"""The head card in words: as the build says it of the first head, and as the chart of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from attention_gallery.charts import literal, quoted, spoken
from attention_gallery.language import _, marked, ngettext
from attention_gallery.terms import Measured, Table
from attention_gallery.views.heads.scores import SIZES, Score, Scores, effect, rounded_effect

_TOP = 3
_NONE = marked("none above an untrained one")
_ATTENTION = "attention "
_SLIGHT = 0.01  # nats or logits: an answer that changes by less is the same to a reader


def in_words(scores: Scores, at: int) -> str:
    """What a head does on the probe and on this sentence, and what becomes of an answer without it.

    What is said of all heads together comes last.

    Args:
        scores: All of them.
        at: Which head.
    """
    sentence = [scores.all[i] for i in scores.of("sentence")]
    listed = (
        f"{p} {s.told(s.values[at])}" for p, s in zip(_phrases(scores), sentence, strict=True)
    )
    parts = [_on_probe(scores, at), _on_sentence().format(scores=", ".join(listed))]
    effects = {name: scores.all[i].told(scores.all[i].values[at]) for name, i in _named(scores)}
    if scores.ablation:
        answer = scores.ablation.facts["answer"]
        parts.append(_without(answer).format(**_quoted(answer), **effects))
    if scores.patching:
        parts.append(_pair().format(total=effect(scores.total), **effects))
    return " ".join([*parts, *filter(None, [of_all(scores)])])


def expression(scores: Scores) -> str:
    """A Vega expression for `in_words` of the head that is shown."""
    listed = (
        f"phrases[{place}] + ' ' + {told_expr(str(i), 'slot')}"
        for place, i in enumerate(scores.of("sentence"))
    )
    parts = [_on_probe_expr(scores), spoken(_on_sentence(), scores=" + ', ' + ".join(listed))]
    effects = {name: told_expr(str(i), "slot") for name, i in _named(scores)}
    if scores.ablation:
        answer = scores.ablation.facts["answer"]
        words = {name: literal(word) for name, word in _quoted(answer).items()}
        parts.append(spoken(_without(answer), **words, **effects))
    if scores.patching:
        parts.append(spoken(_pair(), total=literal(effect(scores.total)), **effects))
    if of_all(scores):
        parts.append("of_all")
    return " + ' ' + ".join(parts)


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
    return {"phrases": _phrases(scores), "of_all": of_all(scores)}


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
        parts.append(f"{score.title} {told or _(_NONE)}")
    if not parts:
        return ""
    if n_named := sum(scores.named):
        told = ngettext(
            "Of {heads} heads, {n} stands out by a pattern of the probe.",
            "Of {heads} heads, {n} stand out by a pattern of the probe.",
            n_named,
        )
    else:
        told = _("Of {heads} heads, none stands out by a pattern of the probe.")
    most = _("Those with most of each: {heads}.").format(heads=", ".join(parts))
    return f"{told.format(heads=len(scores.heads), n=n_named)} {most}"


def table(scores: Scores) -> Table:
    """For each score the heads that have most of it, and what those numbers are held against."""
    n_ranks = min(_TOP, len(scores.heads))
    probed = bool(scores.of("probe"))
    signed = any(score.signed for score in scores.all)
    rows = []
    for score in scores.all:
        cells = [f"{scores.heads[at]} {score.told(score.values[at])}" for at in _leaders(score)]
        cells = cells or [_("no single head") if score.signed else _(_NONE)]
        row = [score.label, *cells, *[""] * (n_ranks - len(cells))]
        if signed:
            row.append("" if score.of_all is None else score.told(score.of_all))
        if probed:
            of_pattern = score.group == "probe"
            row.append(score.told(score.untrained) if of_pattern else "")
            row.append(_spread(score) if of_pattern else "")
        rows.append(tuple(row))
    caption = _caption(cross=scores.packed.attention.kind == "cross", signed=signed, of=scores)
    return Table(
        caption=caption,
        columns=(
            _("score"),
            *(_("first"), _("second"), _("third"))[:n_ranks],
            *((_("all heads at once"),) if signed else ()),
            *((_("best untrained head"), _("looking at all alike")) if probed else ()),
        ),
        rows=tuple(rows),
    )


def _caption(of: Scores, *, cross: bool, signed: bool) -> str:
    if cross:
        told = _("Those with most of each score, of {n} heads of cross-attention")
        if signed:
            told = _(
                "Those with most of each score, of {n} heads of cross-attention; of effects, with "
                "the largest"
            )
        if of.total:
            told = _(
                "Those with most of each score, of {n} heads of cross-attention; of effects, with "
                "the largest, or that which is furthest from the total of {total}"
            )
    else:
        told = _("Those with most of each score, of {n} heads")
        if signed:
            told = _("Those with most of each score, of {n} heads; of effects, with the largest")
        if of.total:
            told = _(
                "Those with most of each score, of {n} heads; of effects, with the largest, or "
                "that which is furthest from the total of {total}"
            )
    return told.format(n=len(of.heads), total=effect(of.total))


def brief(title: str) -> str:
    """What a score is called where it is plain that it is about attention.

    Where a language says so in another place, it says it again.
    """
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
    head, best = scores.heads[at], scores.best[at]
    if best < 0:
        return _unprobed(scores).format(head=head)
    score, named = scores.all[best], scores.named[at]
    told = _probed(named=named).format(
        head=head,
        pattern=score.title,
        given=f"{score.values[at]:.3f}",
        place=score.gives,
        untrained=f"{score.untrained:.3f}",
        uniform=f"{score.uniform[head.layer]:.3f}",
    )
    return f"{told} {score.says}" if named else told


def _on_probe_expr(scores: Scores) -> str:
    """A Vega expression for the same of the head that is shown."""
    if not scores.of("probe"):
        return spoken(_unprobed(scores), head="slots[slot]")
    parts = {
        "head": "slots[slot]",
        "pattern": "titles[best[slot]]",
        "given": "format(values[best[slot]][slot], '.3f')",
        "place": "gives[best[slot]]",
        "untrained": "format(untrained[best[slot]], '.3f')",
        "uniform": "format(uniform[best[slot]][slot_layers[slot]], '.3f')",
    }
    named, unnamed = (spoken(_probed(named=named), **parts) for named in (True, False))
    return f"(named[slot] ? {named} + ' ' + says[best[slot]] : {unnamed})"


# Sentences, to be filled in by the build of the head first shown, and by the chart of each.


def _probed(*, named: bool) -> str:
    if named:
        return _(
            "{head} ({pattern}): on the probe it gives {given} to {place}; the best head of an "
            "untrained model gives {untrained}, one that looks at all it sees alike {uniform}."
        )
    return _(
        "{head} (no pattern stands out): on the probe it gives {given} to {place}; the best head "
        "of an untrained model gives {untrained}, one that looks at all it sees alike {uniform}."
    )


def _unprobed(scores: Scores) -> str:
    """A head of which no more is known than its sentence."""
    if scores.packed.attention.kind == "cross":
        return _("{head}, a head of cross-attention.")
    return _("{head}.")


def _on_sentence() -> str:
    return _("On this sentence: {scores}.")


def _without(answer: dict[str, Any]) -> str:
    if answer["rather_than"]:
        return _(
            "Without it, with nothing in its place, the logarithm of the odds of {word} against "
            "{other} changes by {zero}; with its mean over this sentence in its place, by {mean}."
        )
    if answer["unit"] == "logits":
        return _(
            "Without it, with nothing in its place, the score of the class {word} changes by "
            "{zero}; with its mean over this sentence in its place, by {mean}."
        )
    return _(
        "Without it, with nothing in its place, the log-probability of {word} changes by {zero}; "
        "with its mean over this sentence in its place, by {mean}."
    )


def _pair() -> str:
    return _(
        "Of the difference between the two sentences, its indirect effect is {indirect} (the first "
        "is read, and only this head looks as in the second), its direct effect {direct} (the "
        "second is read, and only this head looks as in the first: a head that carries nothing "
        "leaves the total of {total})."
    )


def _phrases(scores: Scores) -> list[str]:
    """What scores are called in a row, where attention need be said once only."""
    first, *rest = (scores.all[i].title for i in scores.of("sentence"))
    return [first, *(brief(title) for title in rest)]


def _named(scores: Scores) -> Iterator[tuple[str, int]]:
    """What sentences call the number of each effect, and the index of its score."""
    yield from zip(("zero", "mean"), scores.of("without"), strict=False)
    yield from zip(("indirect", "direct"), scores.of("pair"), strict=False)


def _quoted(answer: dict[str, Any]) -> dict[str, str]:
    """The words of a question, as sentences have them."""
    return {"word": quoted(answer["word"]), "other": quoted(answer["rather_than"])}


def _without_all(scores: Scores) -> Iterator[str]:
    if not scores.ablation:
        return
    found = scores.ablation
    zero, mean = (scores.all[i] for i in scores.of("without"))
    if max(np.abs(np.concatenate(found.layers(by))).max() for by in ("zero", "mean")) < _SLIGHT:
        told = _("No single head changes this answer by {least} or more.")
        yield told.format(least=_SLIGHT)
    if len(scores.heads) == 1:
        return
    of_zero, of_mean = (f"{_sum(found, by)} {zero.unit}" for by in ("zero", "mean"))
    told = _(
        "Silenced one at a time, with nothing in their places, the {n} heads change it by {sum} in "
        "sum; all at once, by {at_once}."
    )
    yield told.format(n=len(scores.heads), sum=of_zero, at_once=zero.told(zero.of_all or 0))
    told = _(
        "With their means over this sentence in their places that is {sum} in sum, and {at_once} "
        "all at once."
    )
    yield told.format(sum=of_mean, at_once=mean.told(mean.of_all or 0))
    yield _(
        "Heads work together and stand in for one another, so that the effects of single heads "
        "need not add up."
    )


def _difference(scores: Scores) -> Iterator[str]:
    if not scores.patching:
        return
    facts = scores.patching.facts
    before, after = (f"{odds:.3g}" for odds in facts["odds"])
    indirect, direct = (scores.all[i] for i in scores.of("pair"))
    yield _(
        "The odds of {word} against {other} are {before} after the first sentence and {after} "
        "after the second: a total effect of {total}, where +1 is twice the odds."
    ).format(**_quoted(facts["answer"]), before=before, after=after, total=effect(scores.total))
    yield _(
        "Their indirect effect together is {effect}: the first sentence is read, and nothing is "
        "changed but where all heads look."
    ).format(effect=indirect.told(indirect.of_all or 0))
    yield _("Their direct effect is {effect}: everything is changed but that.").format(
        effect=direct.told(direct.of_all or 0)
    )
    yield _(
        "The indirect effects of single heads sum up to {sum}: they need not add up, nor do direct "
        "and indirect effect add up to the total."
    ).format(sum=_sum(scores.patching, "indirect"))


def _sum(found: Measured, folder: str) -> str:
    """What the effects of single heads add up to."""
    return effect(rounded_effect(float(np.concatenate(found.layers(folder)).sum())))


def _spread(score: Score) -> str:
    low, high = score.number(min(score.uniform)), score.number(max(score.uniform))
    return low if low == high else _("{low} to {high}").format(low=low, high=high)
