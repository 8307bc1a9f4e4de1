"""The alignment error rate, by hand and against a computation of its own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attention_gallery.alignment_error import NAMINGS, Reference, error_rate
from attention_gallery.gold import Link, links
from attention_gallery.terms import Sentence, Token
from attentions import attention


def tokens(*words: tuple[str, int]) -> tuple[Token, ...]:
    return tuple(Token(text, word=word) for text, word in words)


def known(token: int | tuple[int, ...], *keys: int) -> Link:
    spelled = (token,) if isinstance(token, int) else token
    return Link("word", ("partner",), spelled[0] - 1, keys, spelled)


def test_the_rate_of_links_computed_by_hand() -> None:
    """Four links, of which two are sure and right, one is possible, and one is wrong."""
    made = {(0, 0), (1, 2), (2, 3), (3, 1)}
    sure = {(0, 0), (1, 2), (3, 4)}
    possible = sure | {(2, 3), (2, 4)}
    assert error_rate(made, sure, possible) == pytest.approx(1 - (2 + 3) / (4 + 3))


def test_all_sure_links_and_possible_ones_besides_are_no_error() -> None:
    sure = {(0, 0), (1, 1)}
    assert error_rate(sure | {(2, 1)}, sure, sure | {(2, 1), (2, 0)}) == 0
    assert error_rate({(0, 1), (1, 0)}, sure, sure) == 1


def test_links_are_those_of_the_row_before_the_word_or_of_its_own() -> None:
    """Three rows; the decoder reads <s>, a, b. Row 0 predicts a, and row 1 is named a."""
    weights = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    reference = Reference.of([known(1, 0), known(2, 1)], tokens(("x", 0), ("y", 1)))
    assert reference.made(weights, "written") == (0, 1)
    assert reference.made(weights, "read") == (1, 0)
    assert reference.error(reference.made(weights, "written")) == 0
    assert reference.error(reference.made(weights, "read")) == 1
    assert reference.right((0, 0)) == (True, False)


def test_pieces_of_a_source_word_count_together() -> None:
    weights = np.array([[0.4, 0.3, 0.3]])
    pieces = tokens(("chat", 0), ("mouil", 1), ("lé", 1))
    reference = Reference.of([known(1, 1, 2)], pieces)
    assert reference.first_keys == (0, 1)
    assert reference.made(weights, "written") == (1,)
    assert reference.error((1,)) == 0, "one word is one sure link, in however many pieces"
    apart = tokens(("chat", 0), ("mouil", 1), ("lé", 2))
    assert Reference.of([known(1, 1, 2)], apart).made(weights, "written") == (0,)


def test_a_word_of_the_source_is_cut_where_its_parts_have_partners_of_their_own() -> None:
    keys = tokens(("l'", 0), ("accord", 0), ("</s>", -1))
    reference = Reference.of([known(1, 0), known(2, 1)], keys)
    assert reference.first_keys == (0, 1, 2)
    assert reference.partners == (frozenset({0}), frozenset({1}))


def test_tokens_that_are_no_words_stand_each_for_itself() -> None:
    keys = tokens(("</s>", -1), ("<pad>", -1))
    assert Reference.of([known(1, 0)], keys).first_keys == (0, 1)


def test_pieces_of_a_target_word_are_averaged() -> None:
    """Row 1 alone would link the word to x, and rows 1 and 2 together link it to y."""
    weights = np.array([[0.5, 0.5], [0.6, 0.4], [0.1, 0.9], [0.5, 0.5]])
    reference = Reference.of([known((2, 3), 1)], tokens(("x", 0), ("y", 1)))
    assert reference.made(weights, "written") == (1,)
    first_piece = Reference.of([known(2, 1)], tokens(("x", 0), ("y", 1)))
    assert first_piece.made(weights, "written") == (0,)


def test_with_several_partners_none_is_needed_and_each_is_right() -> None:
    reference = Reference.of([known(1, 0, 1), known(2, 2)], tokens(("a", 0), ("é", 1), ("s", 2)))
    for partner in (0, 1):
        assert reference.error((partner, 2)) == 0
    assert reference.error((2, 2)) == pytest.approx(1 - (1 + 1) / (2 + 1))


def independent(weights: np.ndarray, alignment: dict[int, set[int]], shift: int) -> float:
    """The rate for tokens that are words: counted in fractions, one word at a time."""
    right = sure = sure_right = 0
    for token, partners in alignment.items():
        row = weights[token - shift]
        best = max(range(len(row)), key=lambda key: row[key])
        right += best in partners
        if len(partners) == 1:
            sure += 1
            sure_right += best in partners
    return float(1 - Fraction(right + sure_right, len(alignment) + sure))


@pytest.mark.parametrize("seed", range(5))
def test_every_head_has_the_rate_that_is_counted_word_by_word(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words, partners = [f"e{i}" for i in range(9)], [f"f{i}" for i in range(7)]
    seen = attention(("<s>", *words), kind="cross", keys=tuple(partners), seed=seed)
    alignment = {
        token: set(rng.choice(7, size=rng.integers(1, 4), replace=False).tolist())
        for token in range(1, 10)
        if rng.random() < 0.8
    }
    gold = {words[t - 1]: tuple(partners[k] for k in keys) for t, keys in alignment.items()}
    reference = Reference.of(links(Sentence("s", "text", gold=gold), seen), seen.keys)
    found = set()
    for layer in seen.layers:
        for weights in layer:
            for naming, shift in zip(NAMINGS, (1, 0), strict=True):
                rate = reference.error(reference.made(weights, naming))
                assert rate == pytest.approx(independent(weights, alignment, shift))
                found.add(round(rate, 3))
    assert len(found) > 3, "rates of noise differ"


def test_a_partner_of_two_words_makes_possible_links_and_either_half_is_right() -> None:
    """*New York* is one partner, and two words of the source."""
    keys = tokens(("à", 0), ("New", 1), ("York", 2))
    reference = Reference.of([known(1, 1, 2)], keys)
    assert reference.partners == (frozenset({1, 2}),)
    assert [reference.error((word,)) for word in range(3)] == [1, 0, 0]
