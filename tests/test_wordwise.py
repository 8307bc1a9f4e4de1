"""Attention of words, against sums and means written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attention_gallery import wordwise
from attention_gallery.codes import ERROR
from attention_gallery.terms import Attention, Token
from attentions import attention
from predicted import predicted

# The word each token is a part of; what is special has none.
WORDS = (-1, 0, 1, 1, 1, 2, -1, 3, 3, 4)


def pieces(words: tuple[int, ...] = WORDS) -> tuple[Token, ...]:
    """Tokens of these words: an `a`, a `b`, and so on; -1 makes a special token."""
    return tuple(
        Token(chr(97 + i), special=word < 0, word=word, span=(i, i + 1))
        for i, word in enumerate(words)
    )


def split(kind: str = "encoder", words: tuple[int, ...] = WORDS) -> Attention:
    """Noise between the pieces of words."""
    tokens = pieces(words)
    texts = tuple(token.text for token in tokens)
    source = attention(texts, kind=kind, n_heads=(2, 3))  # type: ignore[arg-type]
    return replace(source, queries=tokens, keys=tokens)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_a_word_gets_the_sum_of_its_tokens_and_gives_their_mean(kind: str) -> None:
    """Clark et al. 2019, written out with a list of tokens for each word."""
    source = split(kind)
    whole = wordwise.by_word(source)
    members = [[0], [1], [2, 3, 4], [5], [6], [7, 8], [9]]
    for layer, weights in enumerate(source.layers):
        for query, looking in enumerate(members):
            for key, looked_at in enumerate(members):
                expected = sum(weights[:, q, k] for q in looking for k in looked_at) / len(looking)
                found = whole.layers[layer][:, query, key]
                np.testing.assert_allclose(found, expected, atol=2 * ERROR)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_rows_still_add_up_to_one_and_a_triangle_stays_one(kind: str) -> None:
    whole = wordwise.by_word(split(kind))
    for weights in whole.layers:
        np.testing.assert_allclose(weights.sum(axis=2), 1, atol=8 * ERROR)
        above = np.triu(np.ones(weights.shape[1:], dtype=bool), 1)
        assert (weights[:, above] == 0).all() == (kind == "decoder")
    assert whole.causal == (kind == "decoder")


def test_words_are_named_by_all_their_tokens_and_special_tokens_stay_themselves() -> None:
    whole = wordwise.by_word(split())
    assert [token.text for token in whole.keys] == ["a", "b", "cde", "f", "g", "hi", "j"]
    assert [token.special for token in whole.keys] == [True, *[False] * 3, True, *[False] * 2]
    assert whole.keys[2].span == (2, 5)
    assert wordwise.words_of(pieces()) == [0, 1, 2, 2, 2, 3, 4, 5, 5, 6]


def test_the_signs_of_a_vocabulary_are_no_part_of_a_word() -> None:
    tokens = tuple(Token(text, word=0) for text in ("story", "##tell", "##er"))
    source = attention(("a", "b", "c"), kind="encoder", n_heads=(1,))
    [word] = wordwise.by_word(replace(source, queries=tokens, keys=tokens)).keys
    assert word.text == "storyteller"


def test_either_side_has_words_of_its_own() -> None:
    source = attention(("a", "b"), kind="cross", keys=("c", "d", "e"), n_heads=(2,))
    source = replace(source, keys=pieces((0, 0, 1)), queries=pieces((0, 1)))
    whole = wordwise.by_word(source)
    [weights] = source.layers
    expected = np.stack([weights[:, :, 0] + weights[:, :, 1], weights[:, :, 2]], axis=2)
    np.testing.assert_allclose(whole.layers[0], expected, atol=2 * ERROR)
    assert wordwise.splits_words(source)


def test_tokens_of_two_texts_are_never_one_word() -> None:
    tokens = (Token("a", word=0), Token("b", word=0, segment=1))
    assert wordwise.words_of(tokens) == [0, 1]


@pytest.mark.parametrize("words", [(0, 1, 2), (-1, 0, -1), (-1, -1, -1)])
def test_where_every_word_is_one_token_nothing_is_split(words: tuple[int, ...]) -> None:
    assert not wordwise.splits_words(split(words=words))


def test_what_is_counted_in_tokens_is_left_behind() -> None:
    source = replace(predicted(split("decoder")), windows=(4, None), kv_heads=(1, 1))
    whole = wordwise.by_word(source)
    assert source.predictions is not None
    assert whole.predictions is None
    assert whole.windows == ()
