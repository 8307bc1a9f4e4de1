"""Heads are chosen by what they do, and a rule that no head can follow is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from attention_gallery import head_rules
from attention_gallery.codes import Layers
from attention_gallery.errors import InputError, Where
from attention_gallery.gold import Link
from attention_gallery.terms import Attention, Head, HeadRule, Measured
from attentions import attention, capture

KNOWN = (Link("fox", ("renard",), 1, (1,)),)


def patterns(**scores: list[list[float]]) -> Measured:
    """Decoder heads with these scores, layer by layer."""
    arrays, told = {}, {}
    for name, layers in scores.items():
        pattern = name.replace("_", "-")
        told[pattern] = {"n_rows": 3}
        for number, heads in enumerate(layers):
            arrays[f"decoder/{pattern}/trained/{number}"] = np.array(heads)
    facts = {"patterns": {"decoder": told}}
    return Measured("0" * 64, "patterns", arrays, facts, capture(attention()).provenance)


MEASURED = patterns(
    induction=[[0.1, 0.9], [0.5, 0.2, 0.9]], previous_token=[[0.7, 0.1], [0.0, 0.0, 0.0]]
)
SHOWN = attention(n_heads=(2, 3))


@pytest.mark.parametrize("top", [1, 2, 3, 5, 9])
def test_the_heads_with_the_largest_scores_are_chosen_the_largest_first(top: int) -> None:
    best = (Head(0, 1), Head(1, 2), Head(1, 0), Head(1, 1), Head(0, 0))
    assert head_rules.chosen(HeadRule("induction", top), MEASURED, SHOWN) == best[:top]


def test_heads_with_the_same_score_come_in_their_own_order() -> None:
    found = head_rules.chosen(HeadRule("previous-token", 5), MEASURED, SHOWN)
    assert found == (Head(0, 0), Head(0, 1), Head(1, 0), Head(1, 1), Head(1, 2))


def looking() -> Attention:
    """Cross-attention in which L1 H0 gives most to what is known, and L0 H1 less."""
    source = attention(("<s>", "a"), kind="cross", keys=("un", "renard"), n_heads=(2, 2))
    weights = np.full((2, 2, 2, 2), 0.5, np.float32)
    weights[1, 0, 1] = 0.1, 0.9
    weights[0, 1, 1] = 0.3, 0.7
    return dataclasses.replace(source, layers=Layers.of(list(weights)))


def test_alignment_is_scored_on_the_sentence_by_what_is_known() -> None:
    found = head_rules.chosen(HeadRule("alignment", 2), None, looking(), KNOWN)
    assert found == (Head(1, 0), Head(0, 1))


def test_alignment_of_a_sentence_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        head_rules.chosen(HeadRule("alignment", 2), None, looking(), where=Where("g.yml", 4, 7))
    assert str(caught.value) == (
        "g.yml:4:7: nothing is known that heads could align; "
        "say in gold which words belong together"
    )


def test_a_pattern_that_heads_are_not_scored_on_is_refused_with_those_they_are() -> None:
    with pytest.raises(InputError) as caught:
        head_rules.chosen(HeadRule("separator", 1), MEASURED, SHOWN, where=Where("g.yml", 4, 7))
    assert str(caught.value) == (
        "g.yml:4:7: decoder heads of this model are not scored on separator; "
        "patterns: induction, previous-token"
    )


def test_what_a_head_of_this_kind_cannot_do_is_said_and_no_like_name_is_guessed() -> None:
    with pytest.raises(InputError) as caught:
        head_rules.chosen(HeadRule("next-token", 1), MEASURED, SHOWN)
    assert str(caught.value) == (
        "decoder heads of this model are not scored on next-token: "
        "heads of a decoder cannot look ahead; patterns: induction, previous-token"
    )
    with pytest.raises(InputError) as caught:
        head_rules.chosen(HeadRule("induction", 1), MEASURED, looking(), KNOWN)
    assert str(caught.value) == (
        "cross heads of this model are not scored on induction: "
        "heads of cross-attention look from one text at another; patterns: alignment"
    )
