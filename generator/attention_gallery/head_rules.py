"""Heads that are chosen by what they do, as an author may list them: the three best for induction.

A rule names a pattern, and how many heads. How far heads follow it was measured on a probe; whether
they align two texts, on the sentence itself, of which it is known what belongs together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from attention_gallery.errors import InputError, Where, listing
from attention_gallery.gold import Link
from attention_gallery.head_scores import head_scores
from attention_gallery.terms import Attention, Head, HeadRule, Measured

ALIGNMENT = "alignment"
"""The pattern that is scored on the sentence of an exhibit, by what is known about it."""


def chosen(
    rule: HeadRule,
    patterns: Measured | None,
    attention: Attention,
    gold: Iterable[Link] = (),
    where: Where | None = None,
) -> tuple[Head, ...]:
    """The heads that follow a pattern furthest, the furthest first.

    That they come first does not make them good: a model may have no head that follows it at all.
    Their scores decide, and not what those exceed a baseline by: that is the same for all heads of
    a layer, and nearly so for all layers. Heads with the same score come in their own order.

    Args:
        rule: The pattern, and how many heads; all there are, where they are fewer.
        patterns: The measure ``patterns`` of the model; None where only alignment is asked for.
        attention: The attention whose heads are chosen among.
        gold: What is known about its sentence.
        where: The place of the rule in the manifest.

    Raises:
        InputError: When the heads of this attention are not scored on such a pattern.
    """
    links = tuple(gold)
    known = list(patterns.facts["patterns"].get(attention.kind, {})) if patterns else []
    if rule.pattern == ALIGNMENT and links:
        scores: Sequence[NDArray[np.float64]] = head_scores(attention, links)["known"].values
    elif patterns and rule.pattern in known:
        scores = patterns.layers(f"{attention.kind}/{rule.pattern}/trained")
    else:
        legal = [*known, *([ALIGNMENT] if links and ALIGNMENT not in known else [])]
        if rule.pattern == ALIGNMENT:
            hint = "say in gold which words belong together"
            raise InputError("nothing is known that heads could align", where, hint)
        raise InputError(
            f"{attention.kind} heads of this model are not scored on {rule.pattern}"
            f"{_why(rule.pattern, attention)}",
            where,
            # A pattern is not misspelled here, so that one with a like name is no better.
            listing(legal, "patterns"),
        )
    heads = {
        Head(layer, head): float(score)
        for layer, of_layer in enumerate(scores)
        for head, score in enumerate(of_layer)
    }
    return tuple(sorted(heads, key=lambda head: -heads[head])[: rule.top])


def _why(pattern: str, attention: Attention) -> str:
    """Why no head of an attention can follow a pattern, where that is plain."""
    if attention.kind == "cross":
        return ": heads of cross-attention look from one text at another"
    if attention.causal and pattern == "next-token":
        return f": heads of a {attention.kind} cannot look ahead"
    return ""
