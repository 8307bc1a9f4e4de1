"""An author's words find their rows and columns, or are told why not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from attention_gallery import gold
from attention_gallery.codes import Layers
from attention_gallery.errors import InputError, Where
from attention_gallery.terms import Attention, AttentionKind, Sentence, Token

WHERE = Where("m.yml", 3, 5)


def tokens(text: str) -> tuple[Token, ...]:
    return tuple(Token(word, special=word.startswith("<")) for word in text.split())


def attention(kind: AttentionKind, queries: str, keys: str = "") -> Attention:
    rows, columns = tokens(queries), tokens(keys or queries)
    weights = np.full((1, len(rows), len(columns)), 1 / len(columns), dtype=np.float32)
    return Attention(kind, rows, columns, Layers.of([weights]), causal=False)


def links(
    known: Mapping[str, tuple[str, ...]], seen: Attention
) -> list[tuple[int, tuple[int, ...]]]:
    sentence = Sentence("s", "text", gold=known, where=WHERE)
    return [(link.row, link.columns) for link in gold.links(sentence, seen)]


def test_a_word_of_a_sentence_answers_in_its_own_row() -> None:
    seen = attention("encoder", "<s> the animal was tired so it slept")
    assert links({"it": ("animal",)}, seen) == [(6, (2,))]


def test_a_word_of_a_translation_answers_in_the_row_that_predicts_it() -> None:
    seen = attention("cross", "<pad> the black cat", "le chat noir </s>")
    known = {"the": ("le",), "black": ("noir",), "cat": ("chat",)}
    assert links(known, seen) == [(0, (0,)), (1, (2,)), (2, (1,))]


def test_a_link_knows_all_tokens_that_are_its_word() -> None:
    sentence = Sentence("s", "text", gold={"unhappy": ("chat",)})
    itself = attention("encoder", "chat un ##happy </s>")
    [link] = gold.links(sentence, itself)
    assert (link.tokens, link.row) == ((1, 2), 2)
    cross = attention("cross", "<s> un ##happy cat", "chat </s>")
    [link] = gold.links(sentence, cross)
    assert (link.tokens, link.row) == ((1, 2), 0)


def test_several_partners_are_counted_together_in_the_order_of_the_sentence() -> None:
    seen = attention("cross", "<pad> she does not like", "elle n' aime pas")
    assert links({"not": ("pas", "n'")}, seen) == [(2, (1, 3))]


@pytest.mark.parametrize(
    ("text", "row", "columns"),
    [("un ##happi ##ness is joy", 2, (4,)), ("is un happi ness joy", 3, (4,))],
)
def test_a_word_in_pieces_answers_when_it_has_been_read_whole(
    text: str, row: int, columns: tuple[int, ...]
) -> None:
    assert links({"unhappiness": ("joy",)}, attention("encoder", text)) == [(row, columns)]
    pieces = tuple(i for i in range(row + 1) if text.split()[i] != "is")
    [(_, found)] = links({"joy": ("unhappiness",)}, attention("encoder", text))
    assert found == pieces


def test_of_a_repeated_word_one_is_meant_by_its_place() -> None:
    seen = attention("encoder", "the cat saw the dog")
    assert links({"the [3]": ("dog",)}, seen) == [(3, (4,))]


def test_a_token_spelled_like_a_place_is_found_by_its_whole_text() -> None:
    assert links({"b": ("a[1]",)}, attention("encoder", "a[1] b")) == [(1, (0,))]


def test_a_special_token_can_be_meant() -> None:
    assert links({"<s>": ("awful",)}, attention("encoder", "<s> an awful film")) == [(0, (2,))]


def test_patches_are_named_one_by_one_or_as_a_rectangle() -> None:
    grid = [(row, column) for row in range(3) for column in range(3)]
    patches = tuple(Token(f"r{r}c{c}", patch=(r, c)) for r, c in grid)
    rows = tokens("<s> a circle")
    weights = np.full((1, 3, 10), 0.1, dtype=np.float32)
    keys = (Token("<cls>", special=True), *patches)
    seen = Attention("cross", rows, keys, Layers.of([weights]), causal=False)
    assert links({"circle": ("r0c1-r1c2",)}, seen) == [(1, (2, 3, 5, 6))]
    assert links({"circle": ("r2c0",)}, seen) == [(1, (7,))]
    assert links({"circle": ("r2c0", "r0c0-r0c2")}, seen) == [(1, (1, 2, 3, 7))]


GRID = "the image has rows 0 to 1 and columns 0 to 2"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("r1c1-r99c99", f"reaches outside the image; {GRID}"),
        ("r0c3-r1c3", f"reaches outside the image; {GRID}"),
        ("r2c0", f"reaches outside the image; {GRID}"),
        ("r1c1-r0c0", f"write the top left one first; {GRID}"),
        ("r0c2-r1c1", f"write the top left one first; {GRID}"),
        (f"r{'1' * 5000}c1-r2c3", "is not in the sentence"),
        (f"r0c0 [{'1' * 5000}]", "is not in the sentence"),
    ],
)
def test_patches_that_an_image_does_not_have_are_answered_with_its_grid(
    word: str, message: str
) -> None:
    keys = tuple(Token(f"r{r}c{c}", patch=(r, c)) for r in range(2) for c in range(3))
    weights = np.full((1, 2, 6), 1 / 6, dtype=np.float32)
    seen = Attention("cross", tokens("<s> circle"), keys, Layers.of([weights]), causal=False)
    with pytest.raises(InputError, match=message):
        links({"circle": (word,)}, seen)


def test_a_word_that_is_one_token_is_not_sought_in_pieces_of_others() -> None:
    assert links({"input": ("in",)}, attention("encoder", "in put input")) == [(2, (0,))]


def test_pieces_that_add_nothing_make_no_second_word() -> None:
    assert links({"run": ("run",)}, attention("encoder", "run ##")) == [(0, (0,))]
    assert links({"runs": ("it",)}, attention("encoder", "run ##s ## it")) == [(1, (3,))]


def test_a_phrase_is_its_words_one_after_the_other() -> None:
    seen = attention("encoder", "the quick brow ##n fox saw the brown cat")
    assert links({"fox": ("quick brown",)}, seen) == [(4, (1, 2, 3))]
    assert links({"quick brown": ("fox",)}, seen) == [(3, (4,))]
    assert links({"fox": ("the brown",)}, seen) == [(4, (6, 7))]
    with pytest.raises(InputError, match=r"the fox.* is not in the sentence"):
        links({"the fox": ("cat",)}, seen)


def test_of_a_repeated_phrase_one_is_meant_by_the_place_of_its_first_word() -> None:
    seen = attention("encoder", "the cat saw the cat")
    assert links({"the cat [3]": ("saw",)}, seen) == [(4, (2,))]
    with pytest.raises(InputError, match=r"write the cat \[0\] or the cat \[3\]"):
        links({"the cat": ("saw",)}, seen)


def test_two_words_of_the_sentence_do_not_make_a_third() -> None:
    seen = attention("encoder", "the quick brown fox")
    sentence = Sentence("s", "The quick brown fox", gold={"fox": ("quickbrown",)})
    with pytest.raises(InputError, match='"quickbrown" is not in the sentence'):
        gold.links(sentence, seen)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("anmal", 'gold: "anmal" is not in the sentence; did you mean "animal"?'),
        ("zebra", 'gold: "zebra" is not in the sentence; tokens: the, animal, saw, it'),
        ("the", 'gold: "the" occurs 2 times; write the [0] or the [3]'),
        ("the [2]", 'gold: "the" is not at [2]; write the [0] or the [3]'),
        ("r0c0-r1c1", 'gold: "r0c0-r1c1" is not in the sentence; tokens: the, animal, saw, it'),
    ],
)
def test_a_word_that_cannot_be_found_is_answered_with_what_could_be_meant(
    word: str, message: str
) -> None:
    seen = attention("encoder", "the animal saw the it")
    for known in ({word: ("animal",)}, {"it": (word,)}):
        with pytest.raises(InputError) as caught:
            links(known, seen)
        assert str(caught.value) == f"{Path('m.yml')}:3:5: {message}"


def test_the_start_token_of_a_decoder_is_predicted_by_nobody() -> None:
    with pytest.raises(InputError, match="is not in the sentence"):
        links({"<pad>": ("le",)}, attention("cross", "<pad> the", "le </s>"))
