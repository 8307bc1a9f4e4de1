# ruff: noqa: TID253, S106 - the libraries are what is tested here, and a token is no password
"""Every entry of a vocabulary can be read, and carried anywhere as text."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from attention_gallery.capture.text.spelling import readable, spellings_of, visible
from attention_gallery.capture.text.tokens import readable_tokens
from tiny_models import N_WORDS
from tiny_tokenizers import KINDS, tokenizer_of


@pytest.mark.parametrize("name", KINDS)
def test_every_entry_of_a_vocabulary_can_be_shown(name: str) -> None:
    """Also those that a model has and its tokenizer lacks: a model may write them."""
    ids = range(N_WORDS)
    texts = [token.text for token in readable_tokens(tokenizer_of(name), ids, [False] * N_WORDS)]
    assert all(text.strip() for text in texts)
    if name != "CANINE":  # to which Ġ is a letter of Maltese
        assert not any(marker in text for text in texts for marker in "Ġ▁\ufffd")


@pytest.mark.parametrize(("kind", "first"), [("ByT5", 3), ("Perceiver", 6)])
def test_bytes_that_are_no_characters_are_told_apart(kind: str, first: int) -> None:
    tokens = readable_tokens(tokenizer_of(kind), range(first, first + 256), [False] * 256)
    texts = [token.text for token in tokens]
    assert texts[ord("a")] == "a"
    assert texts[0x80:] == [f"⟨{byte:02X}⟩" for byte in range(0x80, 0x100)]


@pytest.mark.parametrize(
    ("kind", "entry", "spelling"),
    [
        ("inner marks", "th@@", "th"),
        ("ends of words", "the</w>", "the"),
        ("CLIP", "é</w>", "\udce9"),
    ],
)
def test_what_marks_the_inside_or_the_end_of_a_word_is_not_shown(
    kind: str, entry: str, spelling: str
) -> None:
    tokenizer = tokenizer_of(kind)
    assert spellings_of(tokenizer, [tokenizer.convert_tokens_to_ids(entry)]) == [spelling]


def test_a_marker_of_one_vocabulary_is_text_in_another() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"<unk>": 0, "th@@": 1, "@@": 2}, unk_token="<unk>"))
    )
    assert spellings_of(tokenizer, [1, 2]) == ["th@@", "@@"]


def test_a_special_token_without_a_shape_is_called_by_what_it_does() -> None:
    assert readable("\ue000", "[CLS]") == "[CLS]"
    assert readable("<s>", "[CLS]") == "<s>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat", "cat"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\u200d", "⟨U+200D⟩"),
        ("\ufe0f", "⟨U+FE0F⟩"),
        ("\u0301", "◌\u0301"),
        ("e\u0301", "e\u0301"),
        ("  ", "␣␣"),
        ("a b", "a b"),
        ("\n\n", "⏎⏎"),
        (".\n", ".⏎"),
        ("\xa0", "⟨U+00A0⟩"),
        ("\x1b[", "⟨U+001B⟩["),
        ("a\ud83d", "a⟨U+D83D⟩"),
    ],
)
def test_what_has_no_shape_of_its_own_gets_a_sign(text: str, shown: str) -> None:
    assert visible(text) == shown
