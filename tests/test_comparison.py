"""What is said of two maps that are held against each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from attention_gallery import comparison, packing
from attention_gallery.codes import Layers
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Head, Start, Token
from attentions import FOX, attention, exhibit

Rows = Sequence[Sequence[float]]
EVEN: Rows = [[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]
SHARP: Rows = [[1, 0, 0], [0, 1, 0], [0.2, 0.7, 0.1]]


def maps(*heads: Rows, words: str = "A B C", causal: bool = True) -> Attention:
    tokens = tuple(Token(word) for word in words.split())
    layers = (np.array(heads, dtype=np.float32),)
    return Attention("decoder" if causal else "encoder", tokens, tokens, Layers.of(layers), causal)


def held(own: Attention, *others: Attention, heads: tuple[Head, ...] = ()) -> Packed:
    """Held against other models."""
    names = tuple(f"step {i}" for i in range(1, len(others) + 1))
    shown = exhibit(start=Start(Head(0, 0), 2), heads=heads, against=names)
    return packing.pack(shown, own, others=others)


def paired(own: Attention, other: Attention) -> Packed:
    """Held against another sentence."""
    return packing.pack(exhibit(against_sentences=("le chat",)), own, others=(other,))


def test_models_are_called_by_their_names() -> None:
    packed = held(maps(EVEN), maps(SHARP))
    assert comparison.sides(packed, packed.others[0]) == ("none", "step 1")
    assert comparison.places(packed, packed.others[0]) == ("in none", "in step 1")


def test_sentences_are_called_by_the_words_that_differ() -> None:
    packed = paired(maps(EVEN, words="the she her"), maps(SHARP, words="the he his"))
    assert comparison.sides(packed, packed.others[0]) == ("“she … her”", "“he … his”")
    assert comparison.places(packed, packed.others[0]) == ("with “she … her”", "with “he … his”")


def test_models_that_cut_a_sentence_otherwise_are_still_called_by_their_names() -> None:
    packed = held(maps(EVEN, words="the cat sat"), maps(SHARP, words="The cat sat"))
    assert comparison.places(packed, packed.others[0]) == ("in none", "in step 1")


def test_a_sentence_whose_words_here_are_the_same_is_called_by_what_it_says() -> None:
    packed = paired(maps(EVEN), maps(SHARP))
    assert comparison.places(packed, packed.others[0]) == ("in this sentence", "in “le chat”")


def test_the_ids_of_tokens_are_those_of_a_vocabulary_and_do_not_tell_words_apart() -> None:
    own = maps(EVEN)
    tokens = tuple(dataclasses.replace(token, id=7) for token in own.queries)
    packed = held(own, dataclasses.replace(own, queries=tokens, keys=tokens))
    assert comparison.same_words(packed, packed.others[0])


def test_a_row_has_both_words_where_they_differ() -> None:
    packed = held(maps(EVEN, words="a she a"), maps(SHARP, words="a he a"))
    names = ["a [0]", "she/he", "a [2]"]
    assert comparison.pair_names(packed, packed.others[0]) == (names, names)
    assert comparison.pair_texts(packed, packed.others[0])[0] == ["a", "she/he", "a"]


def test_the_share_that_moved_is_averaged_over_the_rows_that_have_a_choice() -> None:
    packed = held(maps(EVEN), maps(SHARP))
    largest, mean, head = comparison.moved(packed, packed.others[0])
    assert head == pytest.approx((0.5 + 0.4) / 2, abs=1e-3)
    assert largest == mean == head, "of one head"
    packed = held(maps(EVEN, causal=False), maps(SHARP, causal=False))
    assert comparison.moved(packed, packed.others[0])[1] == pytest.approx(0.3, abs=1e-3)


def test_the_share_that_moved_goes_from_nothing_to_all_at_any_length() -> None:
    here, there = np.eye(50), np.roll(np.eye(50), 1, axis=1)
    words = " ".join("x" * 50)
    own, other = (maps(rows.tolist(), words=words, causal=False) for rows in (here, there))
    packed = held(own, own, other)
    assert comparison.moved(packed, packed.others[0]).tolist() == [0, 0, 0]
    assert comparison.moved(packed, packed.others[1]).tolist() == [1, 1, 1]


def test_of_the_pinned_row_the_exhibits_own_strongest_key_is_pinned() -> None:
    assert comparison.pinned_key(held(maps(SHARP), maps(EVEN))) == 1
    assert comparison.pinned_key(held(maps(EVEN), maps(SHARP))) == 2


def test_the_pinned_cell_is_told_of_both_sides() -> None:
    packed = held(maps(EVEN), maps(SHARP), maps(EVEN))
    assert comparison.pinned_change(packed) == (
        "In L0 H0, C looks at C: 0.500 in none, 0.100 in step 1, difference +0.400."
    )


def test_the_difference_is_that_of_the_numbers_as_they_are_printed() -> None:
    for seed in range(40):
        packed = held(attention(FOX, seed=seed), attention(FOX, seed=seed + 1))
        words = comparison.pinned_change(packed).removesuffix(".").split()
        own, other = (float(words[words.index("in", i) - 1]) for i in (3, words.index("in", 3) + 1))
        assert words[-1].replace("−", "-") == f"{own - other:+.3f}"


def test_a_loss_has_a_true_minus_sign() -> None:
    faint = maps([[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert "difference −0.100" in comparison.pinned_change(
        held(faint, maps([*SHARP[:2], [0.1, 0.2, 0.7]]))
    )


def test_the_heads_that_changed_most_come_first_and_means_are_no_heads() -> None:
    own, other = maps(EVEN, SHARP, EVEN), maps(EVEN, EVEN, SHARP)
    assert comparison.most_changed(held(own, other)) == (
        "Of the attention of a token, this much goes elsewhere than in step 1: "
        "L0 H1 (45%), L0 H2 (45%), L0 H0 (0%), the heads that changed most."
    )


def test_the_table_ranks_heads_by_their_largest_change_against_any() -> None:
    own = maps(EVEN, EVEN, EVEN)
    table = comparison.changed_heads(held(own, maps(EVEN, EVEN, SHARP), maps(SHARP, EVEN, EVEN)))
    assert table.columns == ("head", "against step 1", "against step 2")
    assert [row[0] for row in table.rows] == ["L0 H0", "L0 H2", "L0 H1"]
    assert table.rows[0] == ("L0 H0", "0.0%", "45.0%")


def test_only_listed_heads_are_ranked_and_no_more_than_a_dozen() -> None:
    own, other = (attention(FOX, n_heads=(12, 12), seed=seed) for seed in (0, 1))
    assert len(comparison.changed_heads(held(own, other)).rows) == 12
    listed = held(own, other, heads=(Head(1, 1), Head(0, 0)))
    assert {row[0] for row in comparison.changed_heads(listed).rows} == {"L1 H1", "L0 H0"}
