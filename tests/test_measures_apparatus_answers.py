# ruff: noqa: TID253 - models are run here
"""A question is understood as the model can answer it, or refused with what would be right."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.errors import InputError
from attention_gallery.measures.apparatus.answers import Asked
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import CaptureRequest, MeasureRequest, Question, Sentence


@cache
def loaded(specimen: str) -> LoadedModel:
    return load(model_from_source(f"specimen:{specimen}"), head="any")


def case(specimen: str, text: str, target: str = "", **question: Any) -> Case:
    model = model_from_source(f"specimen:{specimen}")
    request = CaptureRequest("", model, Sentence("s", text, target))
    measure = MeasureRequest("", "none", model, (request,), Question(**question))
    return Case(loaded(specimen), measure)


def asked(specimen: str, text: str, target: str = "", **question: Any) -> Asked:
    return case(specimen, text, target, **question).asked()


def probabilities(specimen: str, text: str, target: str = "") -> torch.Tensor:
    """What the model answers at each place, computed anew, ``[place, word]``."""
    tokenizer: Any = loaded(specimen).tokenizer
    inputs = tokenizer(text, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    if target:
        inputs["labels"] = tokenizer(text_target=target, return_tensors="pt").input_ids
    with torch.no_grad():
        logits: torch.Tensor = loaded(specimen).network(**inputs).logits[0]
    return logits.double().softmax(dim=-1)


def test_a_model_that_writes_is_asked_what_comes_after_the_end() -> None:
    found = asked("story", "the cat saw the dog")
    own = probabilities("story", "the cat saw the dog")
    assert (found.kind, found.after, found.target.position) == ("next", "dog", len(own) - 1)
    assert found.target.token == int(own[-1].argmax())
    assert found.probability == pytest.approx(float(own[-1].max()), rel=1e-4)
    assert found.value == pytest.approx(float(own[-1].max().log()), rel=1e-4)
    assert found.unit == "nats"


def test_of_what_a_model_wrote_itself_the_last_word_is_asked_about() -> None:
    model = model_from_source("specimen:story")
    request = CaptureRequest("", model, Sentence("s", "the cat saw", generate=12))
    found = Case(loaded("story"), MeasureRequest("", "none", model, (request,)))
    tokens = found.feed().tokens
    place = found.asked().target.position
    assert place is not None
    following = tokens[place + 1]
    assert following.generated
    assert not following.special
    assert found.asked().target.token == following.id
    assert all(token.special for token in tokens[place + 2 :])


def test_within_a_text_the_word_that_stands_there_is_asked_about() -> None:
    found = asked("story", "the cat saw the dog", at=1)
    tokenizer: Any = loaded("story").tokenizer
    ids = tokenizer("the cat saw the dog").input_ids
    assert found.target.token == ids[2]


def test_a_model_that_fills_gaps_is_asked_about_the_first_one() -> None:
    text = "the nurse said [MASK] was tired and [MASK] slept"
    found = asked("bias", text, word="she", rather_than="he")
    own = probabilities("bias", text)
    tokenizer: Any = loaded("bias").tokenizer
    she, he = (tokenizer.convert_tokens_to_ids(word) for word in ("she", "he"))
    row = tokenizer(text).input_ids.index(tokenizer.mask_token_id)
    assert (found.kind, found.after, found.target.position) == ("gap", "[MASK]", row)
    assert found.value == pytest.approx(float((own[row, she] / own[row, he]).log()), rel=1e-3)
    assert found.said == "“she” rather than “he” at “[MASK]”"


def test_a_translator_is_asked_about_the_last_word_that_it_writes() -> None:
    found = asked("fr-en", "le chat noir dort", "the black cat sleeps")
    own = probabilities("fr-en", "le chat noir dort", "the black cat sleeps")
    assert (found.kind, found.word, found.after) == ("translation", "sleeps", "cat")
    row = found.target.position
    assert found.probability == pytest.approx(float(own[row, found.target.token]), rel=1e-3)


def test_a_classifier_is_asked_about_the_class_it_chooses() -> None:
    found = asked("classifier", "a good film")
    names = loaded("classifier").network.config.id2label
    own = loaded("classifier")
    tokenizer: Any = own.tokenizer
    with torch.no_grad():
        logits = own.network(**tokenizer("a good film", return_tensors="pt")).logits[0]
    assert (found.kind, found.word, found.unit) == ("label", names[int(logits.argmax())], "logits")
    assert found.value == pytest.approx(float(logits.max()), rel=1e-4)
    assert found.said == f"“{found.word}”"


def test_a_word_may_be_written_without_the_space_that_its_token_begins_with() -> None:
    """Both tokens exist in many vocabularies; the one that the model holds likelier is meant."""
    plain, spaced = (asked("story", "the cat saw the", word=word) for word in ("dog", " dog"))
    assert plain.value >= spaced.value


@pytest.mark.parametrize(
    ("specimen", "text", "question", "message"),
    [
        ("story", "the cat", {"at": 9}, "does not answer at token 9; its .* numbered 0 to "),
        ("story", "the cat", {"word": "zyzzyva xylophone"}, "is not one token of the model; its"),
        ("bias", "the nurse slept", {}, r"the sentence has none; write \[MASK\] where a word"),
        ("classifier", "a good film", {"word": "postive"}, 'no class "postive"; did you mean "pos'),
        ("classifier", "a good film", {"at": 1}, "none at a token; leave at out"),
    ],
)
def test_a_question_without_an_answer_is_refused(
    specimen: str, text: str, question: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        asked(specimen, text, **question)


def test_a_sentence_is_made_ready_once() -> None:
    once = case("story", "the cat")
    assert once.feed() is once.feed()
    assert once.run().ids == tuple(token.id for token in once.feed().tokens)
