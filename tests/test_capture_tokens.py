# ruff: noqa: TID253 - the libraries are what is tested here
"""Each token shows what it contributes to the sentence, and where it stands in it."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
import transformers

from attention_gallery.capture.text.spelling import visible
from attention_gallery.capture.text.tokens import Reading, read
from attention_gallery.capture.text.words import words
from attention_gallery.errors import ModelError
from attention_gallery.terms import Token
from tiny_tokenizers import KINDS, tokenizer_of
from tiny_tokenizers import TEXTS as SCRIPTS

TEXTS = {
    ("byte level", "the black cat"): "the|black|cat",
    ("byte level", "happy cat"): "hap|py|cat",
    ("byte level", "a  b"): "a|␣|b",
    ("byte level", "é"): "⟨C3⟩|⟨A9⟩",
    ("byte level", "🙂"): "⟨F0⟩|⟨9F⟩|⟨99⟩|⟨82⟩",
    ("byte level", "x\n\ty"): "x|⏎|⇥|y",
    ("byte level", "the<|endoftext|>"): "the|<|endoftext|>",
    ("byte level", "\N{REPLACEMENT CHARACTER}"): "⟨EF⟩|⟨BF⟩|⟨BD⟩",
    ("BPE with bytes", "the black cat"): "the|black|cat|</s>",
    ("BPE with bytes", "un chat noir"): "un|chat|noir|</s>",
    ("BPE with bytes", "était"): "était|</s>",
    ("BPE with bytes", "a  b"): "a|␣|b|</s>",
    ("BPE with bytes", "a 日"): "a|␣|⟨E6⟩|⟨97⟩|⟨A5⟩|</s>",
    ("BPE with bytes", "a\nb"): "a|⏎|b|</s>",
    ("WordPiece", "The black cats"): "[CLS]|the|black|cat|##s|[SEP]",
    ("WordPiece", "the [MASK]"): "[CLS]|the|[MASK]|[SEP]",
    ("WordPiece", "the 🙂"): "[CLS]|the|[UNK]|[SEP]",
    ("Llama 3", "upon 日"): "<|begin_of_text|>|upon|␣|⟨E6⟩⟨97⟩|⟨A5⟩",
    ("RoBERTa", "the é"): "<s>|t|he|␣|⟨C3⟩|⟨A9⟩|</s>",
    ("CLIP", "The cat é"): "<|startoftext|>|the|cat|⟨C3⟩|⟨A9⟩|<|endoftext|>",
    ("Unigram", "the 日"): "the|␣|<unk>|</s>",
    ("Unigram with bytes", "日 é"): "␣|⟨E6⟩|⟨97⟩|⟨A5⟩|␣|é|</s>",
    ("WordPiece in Python", "The cats 🙂"): "[CLS]|the|cats|[UNK]|[SEP]",
    ("ends of words", "the cat's café"): "the|cat|'|s|ca|f|é",
    ("inner marks", "once the cat"): "<s>|o|n|c|e|the|cat|</s>",
    ("ByT5", "a é"): "a|␣|⟨C3⟩|⟨A9⟩|</s>",
    ("ByT5", "\u00ad\x80"): "⟨C2⟩|⟨AD⟩|⟨C2⟩|⟨80⟩|</s>",
    ("Perceiver", "a \u00ad日"): "[CLS]|a|␣|⟨C2⟩|⟨AD⟩|⟨E6⟩|⟨97⟩|⟨A5⟩|[SEP]",
    ("CANINE", "a 日\u200d🙂"): "[CLS]|a|␣|日|⟨U+200D⟩|🙂|[SEP]",
    ("CANINE", "e\u0301"): "[CLS]|e|◌\u0301|[SEP]",
}


@pytest.mark.parametrize(("name", "text"), TEXTS)
def test_tokens_show_no_markers(name: str, text: str) -> None:
    shown = "|".join(token.text for token in read(tokenizer_of(name), text).tokens)
    assert shown == TEXTS[name, text]


@pytest.mark.parametrize("name", KINDS)
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
    tokens = read(tokenizer_of(name), text).tokens
    assert all(token.text.strip() for token in tokens)
    for token in tokens:
        assert json.loads(json.dumps(token.text, ensure_ascii=False).encode()) == token.text
        element = ElementTree.Element("text")
        element.text = token.text
        document = ElementTree.tostring(element)
        assert ElementTree.fromstring(document).text == token.text  # noqa: S314 - our own


def test_only_what_the_tokenizer_adds_is_special() -> None:
    tokens = read(tokenizer_of("WordPiece"), "the [MASK] 🙂").tokens
    assert [(token.text, token.special) for token in tokens] == [
        ("[CLS]", True),
        ("the", False),
        ("[MASK]", False),
        ("[UNK]", False),
        ("[SEP]", True),
    ]


def test_a_text_of_which_no_token_is_left_is_refused() -> None:
    with pytest.raises(ModelError, match=r'the tokenizer makes no token of "\\u200d"'):
        read(tokenizer_of("WordPiece"), "\N{ZERO WIDTH JOINER}")
    with pytest.raises(ModelError, match='the tokenizer makes no token of ""'):
        read(tokenizer_of("byte level"), "")
    with pytest.raises(ModelError, match=r'the tokenizer makes no token of "\\u200d"'):
        read(tokenizer_of("WordPiece"), "the cat", "\N{ZERO WIDTH JOINER}")


# --- Places and words -------------------------------------------------------------------------

_LONG = "The quick brown fox, der schnelle Fuchs, 敏捷的棕色狐狸, быстрая лиса! " * 160
EXACT = {"byte level", "Llama 3", "RoBERTa", "BPE with bytes", "ByT5", "CANINE", "Perceiver"}
EXACT |= {"ends of words", "inner marks", "whole words"}
"""Kinds that read a text as it is, without normalising it first."""

ALL_TEXTS = {**SCRIPTS, "long": _LONG}


@cache
def reading_of(kind: str, script: str) -> Reading:
    return read(tokenizer_of(kind), ALL_TEXTS[script])


def own(reading: Reading) -> list[Token]:
    return [token for token in reading.tokens if not token.special]


@pytest.mark.parametrize("script", ALL_TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_places_are_in_order_and_leave_nothing_out_that_the_tokenizer_read(
    kind: str, script: str
) -> None:
    text = ALL_TEXTS[script]
    tokens = own(reading_of(kind, script))
    spans = [token.span for token in tokens if token.span]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(spans))
    covered = {i for span in spans for i in range(*span)}
    missed = "".join(char for i, char in enumerate(text) if i not in covered)
    # What tokenizers are known to drop: space, controls and joiners, and accents.
    assert not [char for char in missed if unicodedata.category(char)[0] not in "ZCM"]
    if kind in EXACT:
        assert not missed.split()


@pytest.mark.parametrize("kind", sorted(EXACT))
def test_a_place_holds_what_its_token_shows(kind: str) -> None:
    n_checked = 0
    for script, text in SCRIPTS.items():
        for token in own(reading_of(kind, script)):
            is_bytes = "⟨" in token.text and "U+" not in token.text
            if token.span and not is_bytes and token.id != tokenizer_of(kind).unk_token_id:
                assert visible(text[slice(*token.span)]) == token.text
                n_checked += 1
    assert n_checked > 30


@pytest.mark.parametrize("script", SCRIPTS)
def test_places_are_the_same_with_and_without_a_fast_tokenizer(script: str) -> None:
    """The same vocabulary twice: one states the places, of the other they are searched."""
    text = SCRIPTS[script]
    stated = reading_of("WordPiece uncased", script)
    searched = reading_of("WordPiece in Python", script)
    assert [token.id for token in stated.tokens] == [token.id for token in searched.tokens]
    for one, other in zip(own(stated), own(searched), strict=True):
        if one.span and other.span:
            assert bare(text, one.span) == bare(text, other.span)
    n_missed = [[token.span for token in own(each)].count(None) for each in (stated, searched)]
    assert n_missed == [0, 0]


def bare(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """A place without space around it, and without accents behind it."""
    seen = [i for i in range(*span) if not text[i].isspace()] or [span[0]]
    while len(seen) > 1 and unicodedata.category(text[seen[-1]])[0] == "M":
        seen.pop()
    return seen[0], seen[-1]


class Silent:
    """A fast tokenizer that does not say where its tokens stand."""

    is_fast = False

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, **asked: Any) -> Any:
        return transformers.BatchEncoding(dict(self._tokenizer(**asked)))


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if tokenizer_of(kind).is_fast])
def test_a_place_that_was_searched_is_never_wrong(kind: str, script: str) -> None:
    text = SCRIPTS[script]
    silent: Any = Silent(tokenizer_of(kind))
    for stated, searched in zip(
        reading_of(kind, script).tokens, read(silent, text).tokens, strict=True
    ):
        assert searched.id == stated.id
        if searched.span and stated.span:
            assert bare(text, searched.span) == bare(text, stated.span)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("kind", KINDS)
def test_words_are_those_of_the_text_whatever_the_tokenizer(kind: str, script: str) -> None:
    found = words(SCRIPTS[script])
    for token in own(reading_of(kind, script)):
        touched = [
            n
            for n, (start, end) in enumerate(found)
            if token.span and token.span[0] < end and start < token.span[1]
        ]
        assert token.word == (touched[0] if touched else -1)


def test_all_tokens_of_a_word_have_its_number() -> None:
    reading = read(tokenizer_of("WordPiece"), "The black cats'")
    assert [(token.text, token.word, token.span) for token in reading.tokens] == [
        ("[CLS]", -1, None),
        ("the", 0, (0, 3)),
        ("black", 1, (4, 9)),
        ("cat", 2, (10, 13)),
        ("##s", 2, (13, 14)),
        ("[UNK]", 3, (14, 15)),
        ("[SEP]", -1, None),
    ]


def test_an_ending_that_the_author_wrote_is_counted_once() -> None:
    """ByT5 says so too, and means the opposite: it counts one that it does not add."""
    with pytest.warns(UserWarning, match="already has </s>"):
        reading = read(tokenizer_of("ByT5"), "a</s>")
    assert [(token.text, token.special) for token in reading.tokens] == [
        ("a", False),
        ("</s>", False),
    ]


# --- Two texts --------------------------------------------------------------------------------


def shown(reading: Reading) -> str:
    """Each token with its text's number, and a star where it was added."""
    return " ".join(f"{t.text}{'*' * t.special}{t.segment}" for t in reading.tokens)


@pytest.mark.parametrize(
    ("kind", "tokens", "type_ids"),
    [
        ("WordPiece uncased", "[CLS]*0 the0 cat0 [SEP]*0 the1 a1 [SEP]*1", (0, 0, 0, 0, 1, 1, 1)),
        ("WordPiece in Python", "[CLS]*0 the0 cat0 [SEP]*0 the1 a1 [SEP]*1", None),
        ("RoBERTa", "<s>*0 t0 he0 ␣0 c0 a0 t0 </s>*0 </s>*0 t1 he1 ␣1 a1 </s>*1", None),
        ("inner marks", "<s>*0 the0 cat0 </s>*0 </s>*0 the1 a1 </s>*1", None),
        ("Unigram", "the0 cat0 </s>*0 the1 a1 </s>*1", None),
        ("byte level", "the0 cat0 the1 a1", None),
        ("Llama 3", "<|begin_of_text|>*0 the0 cat0 <|begin_of_text|>*0 the1 a1", None),
        (
            "CANINE",
            "[CLS]*0 t0 h0 e0 ␣0 c0 a0 t0 [SEP]*0 t1 h1 e1 ␣1 a1 [SEP]*1",
            (0,) * 15,
        ),
        ("ByT5", "t0 h0 e0 ␣0 c0 a0 t0 </s>*0 t1 h1 e1 ␣1 a1 </s>*1", None),
    ],
)
def test_two_texts_are_told_apart(kind: str, tokens: str, type_ids: tuple[int, ...] | None) -> None:
    reading = read(tokenizer_of(kind), "the cat", "the a")
    assert shown(reading) == tokens
    assert reading.type_ids == type_ids


@pytest.mark.parametrize("kind", KINDS)
def test_places_count_in_their_own_text_and_words_go_on(kind: str) -> None:
    first, second = "the cat", "the a, the"
    reading = read(tokenizer_of(kind), first, second)
    places = {(t.segment, t.span, t.word) for t in reading.tokens if t.word >= 0}
    alone = [own(read(tokenizer_of(kind), text)) for text in (first, second)]
    assert places == {
        (segment, token.span, token.word + 2 * segment)
        for segment, tokens in enumerate(alone)
        for token in tokens
        if token.word >= 0
    }
    assert {word for _, _, word in places} >= {0, 1, 2, 3, 5}


def test_one_text_is_the_first() -> None:
    assert {token.segment for token in read(tokenizer_of("MiniLM"), "the cat").tokens} == {0}


def test_a_tokenizer_that_cannot_read_two_texts_says_so() -> None:
    class Single(Silent):
        def __call__(self, **asked: Any) -> Any:
            if "text_pair" in asked:
                raise ValueError("text_pair is not supported")
            return super().__call__(**asked)

    single: Any = Single(tokenizer_of("Unigram"))
    with pytest.raises(ModelError, match="the tokenizer cannot read two texts together"):
        read(single, "the", "cat")
