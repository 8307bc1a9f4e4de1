"""Figures in words and in numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from attention_gallery import packing, reading
from attention_gallery.codes import Layers
from attention_gallery.gold import Link
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, AttentionKind, Start, Token
from attentions import attention, exhibit


def packed(
    weights: Sequence[Sequence[float]],
    kind: AttentionKind = "decoder",
    keys: str = "ABC",
    pin: int = 2,
) -> Packed:
    tokens = tuple(Token(text) for text in "ABC")
    layer = np.array([weights], dtype=np.float32)
    source = Attention(
        kind, tokens, tuple(Token(k) for k in keys), Layers.of([layer]), kind == "decoder"
    )
    return packing.pack(exhibit(start=Start(token=pin)), source)


def test_the_pattern_averages_self_previous_and_first_over_the_rows_that_have_a_choice() -> None:
    sentence = reading.pattern(packed([[1, 0, 0], [0.6, 0.4, 0], [0.2, 0.7, 0.1]]))
    assert sentence == (
        "Attention goes 25% to the token itself, 65% to the token before it, 40% to the"
        " first token of all, A, on average over the tokens after the first (for the second, the"
        " token before it is the first of all)."
    )


def test_cross_attention_is_read_as_how_sharply_it_aligns() -> None:
    sentence = reading.pattern(packed([[1, 0], [0.5, 0.5], [0, 1]], "cross", "xy"))
    assert "gives 83% of its attention to one source token" in sentence


def test_a_single_token_has_no_previous_one() -> None:
    only = packing.pack(exhibit(), attention(("A",), n_heads=(1,)))
    assert reading.pattern(only) == "The only token looks at itself."


def test_pinned_edges_name_the_largest_weights_and_leave_out_zeros() -> None:
    rows = packed([[1, 0, 0], [0, 1, 0], [0.2, 0.8, 0]])
    assert reading.pinned_edges(rows) == "In L0 H0, C looks most at B (0.800), A (0.200)."


def test_weights_too_small_to_be_drawn_are_not_named() -> None:
    rows = packed([[1, 0, 0], [0, 1, 0], [0.004, 0.996, 0]])
    assert reading.pinned_edges(rows) == "In L0 H0, C looks most at B (0.996)."
    nothing = packed([[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert "no token in particular" in reading.pinned_edges(nothing)


def test_a_long_token_is_cut_in_a_sentence() -> None:
    only = packing.pack(exhibit(), attention(("x" * 10_000,), n_heads=(1,)))
    assert len(reading.pinned_edges(only)) < 120


def known(
    weights: Sequence[Sequence[float]], *links: Link, kind: AttentionKind = "encoder", pin: int = 0
) -> str:
    return reading.truth(dataclasses.replace(packed(weights, kind, pin=pin), gold=links))


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert known([[1, 0, 0]] * 3) == ""


def test_the_truth_of_one_word_stands_beside_what_the_head_gives_it() -> None:
    rows = [[1.0, 0, 0], [0.0, 1, 0], [0.25, 0.75, 0]]
    assert known(rows, Link("C", ("A",), 2, (0,))) == (
        "Known beforehand: “C” goes with “A”. L0 H0, the head shown first, gives it 0.250."
    )


def test_several_partners_are_added_up() -> None:
    rows = [[0.5, 0.25, 0.25]] * 3
    assert known(rows, Link("C", ("A", "B", "C"), 2, (0, 1, 2))) == (
        "Known beforehand: “C” goes with “A”, “B” and “C”. L0 H0, the head shown first, gives them "
        "1.000 together."
    )


def test_in_a_translation_a_word_is_looked_up_before_it_is_written() -> None:
    said = known([[0.5, 0.5, 0]] * 3, Link("C", ("A",), 1, (0,)), kind="cross")
    assert "About to write it, L0 H0, the head shown first, gives it 0.500." in said


def test_of_several_words_the_pinned_one_is_told_and_the_others_are_counted() -> None:
    rows = [[1.0, 0, 0], [0.0, 1, 0], [0.25, 0.75, 0]]
    links = Link("A", ("A",), 0, (0,)), Link("B", ("B",), 1, (1,)), Link("C", ("A",), 2, (0,))
    assert known(rows, *links, pin=2) == (
        "Known beforehand: “C” goes with “A”. L0 H0, the head shown first, gives it 0.250. Such a "
        "thing is known of 3 words: 2 have their largest weight where it belongs, but not “C”."
    )


def test_the_table_has_a_row_for_each_query_with_its_strongest_keys() -> None:
    table = reading.strongest_keys(packed([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]))
    assert table.columns == ("position", "query", "strongest key", "second", "third")
    assert table.rows[2] == ("2", "C", "C 0.500", "B 0.300", "A 0.200")
    assert len(table.rows) == 3
    assert "L0 H0" in table.caption


def test_keys_a_causal_model_cannot_see_are_not_in_the_table() -> None:
    table = reading.strongest_keys(packed([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]))
    assert table.rows[0] == ("0", "A", "A 1.000", "", "")


@pytest.mark.parametrize("keys", ["x", "xy"])
def test_a_table_has_no_more_ranks_than_there_are_keys(keys: str) -> None:
    n = len(keys)
    table = reading.strongest_keys(packed([[1 / n] * n] * 3, "cross", keys))
    assert all(len(row) == len(table.columns) == 2 + n for row in table.rows)


def image(weights: list[list[float]], queries: tuple[Token, ...] = ()) -> Packed:
    """Two rows of two patches behind a class token, which look at each other or are looked at."""
    seen = (Token("[CLS]", True), *(Token("", patch=(r, c)) for r in (0, 1) for c in (0, 1)))
    layer = np.array([weights], dtype=np.float32)
    kind: AttentionKind = "cross" if queries else "encoder"
    return packing.pack(
        exhibit(), Attention(kind, queries or seen, seen, Layers.of([layer]), False)
    )


def test_patches_are_read_as_itself_around_and_the_rest() -> None:
    rows = [[0.2, 0.2, 0.2, 0.2, 0.2], *([[0.4, 0.3, 0.1, 0.1, 0.1]] * 4)]
    assert reading.pattern(image(rows)) == (
        "Each patch gives 15% to itself, 45% to the patches around it and 40% to [CLS], on average."
    )


def test_patches_further_away_are_not_around() -> None:
    seen = tuple(Token("", patch=(0, column)) for column in range(3))
    layer = np.array([[[0.1, 0.2, 0.7], [0.25, 0.5, 0.25], [0.7, 0.2, 0.1]]], dtype=np.float32)
    source = Attention("encoder", seen, seen, Layers.of([layer]), False)
    assert "to itself and 30% to the patches around it" in reading.pattern(
        packing.pack(exhibit(), source)
    )


def test_a_captioner_is_read_as_how_sharply_it_looks_and_how_much_beside_the_image() -> None:
    words = (Token("<s>", True), Token("cat"))
    shown = image([[0.2, 0.5, 0.1, 0.1, 0.1], [0.4, 0.1, 0.1, 0.1, 0.3]], words)
    assert (
        reading.pattern(shown) == "Each word gives 40% to one patch and 30% to [CLS], on average."
    )
    assert reading.strongest_keys(shown).rows[0][1:3] == ("cat (after <s>)", "row 0 column 0 0.500")
    assert reading.pinned_edges(shown).startswith("In L0 H0, cat (after <s>) looks most at row 0")
