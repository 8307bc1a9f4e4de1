"""Each token shows what it contributes to the sentence, and can be carried anywhere as text."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from attention_gallery.capture.tokens import read, readable_tokens, visible
from attention_gallery.errors import ModelError
from tiny_models import (
    N_WORDS,
    byte_level_tokenizer,
    sentence_piece_tokenizer,
    word_piece_tokenizer,
)

TOKENIZERS = {
    "byte level": byte_level_tokenizer(),
    "sentence piece": sentence_piece_tokenizer(),
    "word piece": word_piece_tokenizer(),
}

TEXTS = {
    ("byte level", "the black cat"): "the|black|cat",
    ("byte level", "happy cat"): "hap|py|cat",
    ("byte level", "a  b"): "a|␣|b",
    ("byte level", "é"): "⟨C3⟩|⟨A9⟩",
    ("byte level", "🙂"): "⟨F0⟩|⟨9F⟩|⟨99⟩|⟨82⟩",
    ("byte level", "x\n\ty"): "x|⏎|⇥|y",
    ("byte level", "the<|endoftext|>"): "the|<|endoftext|>",
    ("byte level", "\N{REPLACEMENT CHARACTER}"): "⟨EF⟩|⟨BF⟩|⟨BD⟩",
    ("sentence piece", "the black cat"): "the|black|cat|</s>",
    ("sentence piece", "un chat noir"): "un|chat|noir|</s>",
    ("sentence piece", "était"): "était|</s>",
    ("sentence piece", "a  b"): "a|␣|b|</s>",
    ("sentence piece", "a 日"): "a|␣|⟨E6⟩|⟨97⟩|⟨A5⟩|</s>",
    ("sentence piece", "a\nb"): "a|⏎|b|</s>",
    ("word piece", "The black cats"): "[CLS]|the|black|cat|##s|[SEP]",
    ("word piece", "the [MASK]"): "[CLS]|the|[MASK]|[SEP]",
    ("word piece", "the 🙂"): "[CLS]|the|[UNK]|[SEP]",
}


@pytest.mark.parametrize(("name", "text"), TEXTS)
def test_tokens_show_no_markers(name: str, text: str) -> None:
    shown = "|".join(token.text for token in read(TOKENIZERS[name], text))
    assert shown == TEXTS[name, text]


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    "text",
    [
        "</script><img src=x onerror=alert(1)>",
        "\"quotes\" 'and' \\backslashes\\",
        "👩‍🚀 and 👨‍👩‍👧‍👦 and ❤️ and 🏳️‍🌈",
        "مرحبا بالعالم \u200fab\u202ecd",
        "e\u0301 a\u0308\u0323 Z̸̛̲a̷l̶g̴o̵",
        "zero\u200dwidth\u200cjoiners\u200b",
        "敏捷的棕色狐狸",
        "bell \x07 null \x00 escape \x1b[31m delete \x7f next line \x85",
        "separators \u2028 \u2029 and noncharacters \ufffe \uffff",
        "".join(map(chr, range(0x20, 0x250))),
    ],
)
def test_any_text_becomes_tokens_that_json_and_xml_can_carry(name: str, text: str) -> None:
    tokens = read(TOKENIZERS[name], text)
    assert all(token.text.strip() for token in tokens)
    for token in tokens:
        assert json.loads(json.dumps(token.text, ensure_ascii=False).encode()) == token.text
        element = ElementTree.Element("text")
        element.text = token.text
        document = ElementTree.tostring(element)
        assert ElementTree.fromstring(document).text == token.text  # noqa: S314 - our own


@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_entry_of_a_vocabulary_can_be_shown(name: str) -> None:
    """Also those that a model has and its tokenizer lacks: a model may write them."""
    ids = range(N_WORDS)
    texts = [token.text for token in readable_tokens(TOKENIZERS[name], ids, [False] * N_WORDS)]
    assert all(text.strip() for text in texts)
    assert not any(marker in text for text in texts for marker in "Ġ▁\ufffd")


def test_only_what_the_tokenizer_adds_is_special() -> None:
    tokens = read(TOKENIZERS["word piece"], "the [MASK] 🙂")
    assert [(token.text, token.special) for token in tokens] == [
        ("[CLS]", True),
        ("the", False),
        ("[MASK]", False),
        ("[UNK]", False),
        ("[SEP]", True),
    ]


def test_a_text_of_which_no_token_is_left_is_refused() -> None:
    with pytest.raises(ModelError, match=r'the tokenizer makes no token of "\\u200d"'):
        read(TOKENIZERS["word piece"], "\N{ZERO WIDTH JOINER}")
    with pytest.raises(ModelError, match='the tokenizer makes no token of ""'):
        read(TOKENIZERS["byte level"], "")


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
