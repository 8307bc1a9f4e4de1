"""What the grid says in words: of all heads, of the one that is shown, and of how to read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from attention_gallery.head_scores import HeadScore, head_scores
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.sprite import Miniatures
from attention_gallery.terms import Attention, Head, Table

_TOP = 3
# By what most heads of trained models are told apart; an outline names no more.
_OUTLINED = {
    "known": marked("in {head} to what is known to be right ({score})"),
    "previous": marked("in {head} to the previous token ({score})"),
    "next": marked("in {head} to the next token ({score})"),
    "first": marked("in {head} to the first token ({score})"),
    "special": marked("in {head} to special tokens ({score})"),
    "same": marked("in {head} to the same word elsewhere ({score})"),
    "image": marked("in {head} to the image ({score})"),
}
_ATTENTION = "attention "  # in English a list of scores reads well without it


def heads(packed: Packed) -> list[Head]:
    """The heads that are shown, without the pooled maps, in the order of their slots."""
    return [slot.single for slot in packed.slots if slot.single]


def scores(packed: Packed) -> Mapping[str, HeadScore]:
    """The scores of the heads that are shown."""
    return head_scores(packed.attention, packed.gold, heads(packed))


def outline(packed: Packed, scored: Mapping[str, HeadScore]) -> str:
    """Which heads stand out, each by the score in which it is the first."""
    shown = heads(packed)
    if len(shown) == 1:
        return ""
    parts = []
    for name, place in _OUTLINED.items():
        if score := scored.get(name):
            first = _ranked(score, shown)[0]
            parts.append(_(place).format(head=first, score=score.told(score[first])))
    sharp = scored["largest"]
    first = _ranked(sharp, shown)[0]
    share = sharp.told(sharp[first])
    decided = _(
        "Of {n} heads, {head} is the most decided: on average {share} of a row goes to one key."
    )
    if parts:
        decided = _(
            "Of {n} heads, most attention goes {places}; {head} is the most decided: on average "
            "{share} of a row goes to one key."
        )
    return decided.format(n=len(shown), places=", ".join(parts), head=first, share=share)


def told(packed: Packed, scored: Mapping[str, HeadScore]) -> str:
    """The scores of the map that is shown when the chart opens; those of pooled maps are none."""
    slot = packed.slots[packed.start]
    if not slot.single:
        return f"{slot}."
    told = [score.told(score[slot.single]) for score in scored.values()]
    parts = (f"{title} {number}" for title, number in zip(phrases(scored), told, strict=True))
    return f"{slot}: {', '.join(parts)}."


def phrases(scored: Mapping[str, HeadScore]) -> list[str]:
    """What scores are called in a row, where attention need be said once only."""
    first, *rest = (score.title for score in scored.values())
    return [first, *(title.removeprefix(_ATTENTION) for title in rest)]


def facts(packed: Packed) -> Iterator[str]:
    """How heads share keys, and how far layers see, where there is something to tell."""
    attention = packed.attention
    if sizes := _sharing(packed):
        yield _(
            "{n} neighbouring heads share their keys and values: they differ in what they ask for "
            "only."
        ).format(n=_listed(sizes))
    layers: dict[int, list[int]] = {}
    for number, window in enumerate(attention.windows):
        if window is not None:
            layers.setdefault(window, []).append(number)
    for window, numbers in layers.items():
        yield _("In {layers} a token sees at most {seen}: a sliding window.").format(
            layers=_spans(numbers), seen=_reach(attention, window)
        )


def notes(packed: Packed, pictures: Miniatures) -> list[str]:
    """How to read the picture, in lines that fit a phone."""
    attention = packed.attention
    width, height = pictures.size
    lines = []
    if (height, width) != (packed.n_queries, packed.n_keys):
        blocks = [-(-n // size) for n, size in ((packed.n_queries, height), (packed.n_keys, width))]
        lines.append(
            _("a pixel is the largest of up to {rows} × {columns} weights").format(
                rows=blocks[0], columns=blocks[1]
            )
        )
    if packed.every_head and _sharing(packed):
        lines.append(_("a bracket: heads that share their keys and values"))
    if packed.every_head and attention.windows:
        sizes = {window for window in attention.windows if window is not None}
        lines.append(
            _("a bar before a layer: it sees {seen} only").format(seen=_reach(attention, *sizes))
        )
    return lines


def captions(packed: Packed) -> list[str]:
    """A line on each map, in the order of slots: what it shares, and how far it sees."""
    attention = packed.attention
    lines = []
    for slot in packed.slots:
        parts = []
        if slot.single and attention.kv_heads:
            layer, head = slot.single
            size = attention.n_heads[layer] // attention.kv_heads[layer]
            first = head // size * size
            if size > 1:
                parts.append(
                    _("shares keys: {first} to {last}").format(
                        first=f"H{first}", last=f"H{first + size - 1}"
                    )
                )
        if slot.layer is not None and attention.windows:
            window = attention.windows[slot.layer]
            if window is not None:
                parts.append(_("sees {seen}").format(seen=_reach(attention, window)))
        lines.append(", ".join(parts))
    return lines


def table(packed: Packed, scored: Mapping[str, HeadScore]) -> Table:
    """For each score the heads that have most of it, and the head in the middle."""
    shown = heads(packed)
    n_ranks = min(_TOP, len(shown))
    rows = []
    for score in scored.values():
        cells = [f"{head} {score.told(score[head])}" for head in _ranked(score, shown)[:n_ranks]]
        middle = score.told(float(np.median([score[head] for head in shown])))
        rows.append((score.title, *cells, middle))
    return Table(
        caption=_("The heads with most of each score on this sentence, of {n}").format(
            n=len(shown)
        ),
        columns=(
            _("score"),
            *(_("first"), _("second"), _("third"))[:n_ranks],
            _("median of the heads"),
        ),
        rows=tuple(rows),
    )


def _sharing(packed: Packed) -> set[int]:
    """How many neighbouring heads share their keys and values; more than one."""
    attention = packed.attention
    pairs = zip(attention.n_heads, attention.kv_heads, strict=False)
    return {n // n_keys for n, n_keys in pairs} - {1}


def _ranked(score: HeadScore, shown: Sequence[Head]) -> list[Head]:
    """Heads, the one with most of a score first; where it is the same, in their own order."""
    return sorted(shown, key=lambda head: -score[head])


def _reach(attention: Attention, *windows: int) -> str:
    """What windows let a query see; they count the query itself."""
    if attention.causal:
        return _("the last {n} tokens").format(n=_listed(windows))
    return _("{n} tokens to either side").format(n=_listed(window - 1 for window in windows))


def _listed(numbers: Iterable[int]) -> str:
    *others, last = map(str, sorted(numbers))
    return _("{words} or {last}").format(words=", ".join(others), last=last) if others else last


def _spans(numbers: Sequence[int]) -> str:
    """Layers as readers say them: ``L0 to L3, L5``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ", ".join(
        _("{first} to {last}").format(first=f"L{span[0]}", last=f"L{span[-1]}")
        if len(span) > 2
        else ", ".join(f"L{i}" for i in span)
        for span in spans
    )
