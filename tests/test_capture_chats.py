"""A chat is read as its model's own template writes it, and what was said keeps its place."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from attention_gallery.capture.text.tokens import read_sentence
from attention_gallery.errors import ModelError
from attention_gallery.terms import BETWEEN_TURNS, Sentence
from tiny_models import byte_level_tokenizer
from tiny_tokenizers import tokenizer_of

CHATML = """{% for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content | trim }}<|im_end|>
{% endfor -%}
{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@cache
def chatting(template: str = CHATML) -> Any:
    """A tokenizer that was made to chat."""
    tokenizer: Any = byte_level_tokenizer()
    marks = ["<|im_start|>", "<|im_end|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    tokenizer.chat_template = template
    return tokenizer


def said(*turns: tuple[str, str]) -> Sentence:
    return Sentence("s", BETWEEN_TURNS.join(content for _, content in turns), chat=turns)


def test_a_chat_is_read_as_its_template_writes_it() -> None:
    sentence = said(("system", "the cat"), ("user", " was not a user  "))
    reading = read_sentence(chatting(), sentence)
    reference = chatting().apply_chat_template(
        [{"role": role, "content": content} for role, content in sentence.chat],
        add_generation_prompt=True,
        return_dict=True,
    )
    assert [token.id for token in reading.tokens] == reference["input_ids"]
    assert [token.text for token in reading.tokens if token.special] == [
        "<|im_start|>",
        "<|im_end|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|im_start|>",
    ]


def test_places_in_a_chat_count_in_what_was_said_and_the_template_has_none() -> None:
    """Also where a role and what is said are the same word."""
    sentence = said(("user", "the user"), ("assistant", "user"), ("user", " the cat's"))
    found: dict[int, str] = {}
    for token in read_sentence(chatting(), sentence).tokens:
        if token.span:
            assert sentence.text[slice(*token.span)] == token.text
            found[token.word] = found.get(token.word, "") + token.text
    assert found == {0: "the", 1: "user", 2: "user", 3: "the", 4: "cat's"}


@pytest.mark.parametrize(("last", "opened"), [("user", True), ("tool", True), ("assistant", False)])
def test_the_model_is_given_its_turn_unless_it_had_the_last(last: str, opened: bool) -> None:
    tokens = read_sentence(chatting(), said(("user", "the"), (last, "cat"))).tokens
    assert [token.text for token in tokens].count("<|im_start|>") == 2 + opened


def test_a_special_token_that_the_author_says_is_no_mark_of_the_template() -> None:
    reading = read_sentence(chatting(), said(("assistant", "the <|im_end|> cat")))
    ends = [token.special for token in reading.tokens if token.text == "<|im_end|>"]
    assert ends == [False, True]


def test_a_template_that_changes_what_is_said_leaves_its_places_open() -> None:
    shouting = chatting("{{ messages[0].content | upper }}{{ messages[0].content | length }}")
    tokens = read_sentence(shouting, said(("user", "cat"))).tokens
    assert "".join(token.text for token in tokens) == "CAT3"
    assert {(token.span, token.word) for token in tokens} == {(None, -1)}


def test_a_turn_that_a_template_leaves_out_has_no_tokens() -> None:
    template = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    sentence = said(("system", "the cat"), ("user", "the cat"))
    tokens = read_sentence(chatting(template), sentence).tokens
    assert [token.span for token in tokens] == [(8, 11), (12, 15)]


def test_a_tokenizer_that_was_not_made_to_chat_says_so() -> None:
    with pytest.raises(ModelError) as caught:
        read_sentence(tokenizer_of("MiniLM"), said(("user", "the cat")))
    assert str(caught.value) == (
        "the tokenizer has no chat template: the model was not made to chat; write text instead "
        "of chat, or choose a model that was trained on chats"
    )


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{{ messages[0].nothing.at_all }}", "has no attribute 'nothing'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% if %}", "Expected an expression"),
        ("{{ messages.__class__.__mro__ }}", "is unsafe"),
    ],
)
def test_a_template_that_refuses_a_chat_is_quoted(template: str, reason: str) -> None:
    with pytest.raises(ModelError, match=f"the model's chat template refuses the chat: .*{reason}"):
        read_sentence(chatting(template), said(("user", "the cat")))


def test_a_chat_of_which_no_token_is_left_is_refused() -> None:
    with pytest.raises(ModelError, match='the tokenizer makes no token of ""'):
        read_sentence(chatting("{# nothing #}"), said(("user", "the cat")))


def test_what_is_said_cannot_forge_a_place() -> None:
    """Turns are found by characters that nobody writes; who does write them gets no places."""
    for forged in ("\ufdd099\ufdd1the\ufdd2 cat", "the \ufdd2 cat"):
        tokens = read_sentence(chatting(), said(("user", forged), ("user", "the cat"))).tokens
        assert not any(token.span for token in tokens)
