# ruff: noqa: TID253 - models are run here
"""Expectations are the model's own probabilities of the next token, or of one that is hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import runs
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import CaptureError, GalleryError
from attention_gallery.measures.apparatus import rows
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.predictions import expectations, fillings, measure
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import CaptureRequest, MeasureRequest, Predictions, Sentence, Token

TOKENIZER = runs.tokenizer("story")


def tokens(ids: Sequence[int]) -> list[Token]:
    return [Token(f"word {id_}", id=id_) for id_ in ids]


def expected(run: Run) -> Predictions:
    """What a model of one stack expects of its own tokens."""
    return expectations(run, TOKENIZER, [*tokens(run.ids[1:]), None])


def filled(run: Run, mask: int, places: Sequence[int] | None = None) -> Predictions:
    asked = range(len(run.ids)) if places is None else places
    there = tokens(run.ids)
    return fillings(run, TOKENIZER, mask, {place: there[place] for place in asked})


def chances(run: Run, ids: Tensor, **more: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = run.network(input_ids=ids, **more).logits[0].softmax(-1)
    return found


@cache
def case(source: str, text: str, target: str = "", image: str = "") -> Case:
    model = model_from_source(source)
    request = CaptureRequest("k", model, Sentence("s", text, target, image))
    return Case(load(model, head="any"), MeasureRequest("k", "predictions", model, (request,)))


@pytest.mark.parametrize("shape", ["gpt2", "llama", "story"])
def test_each_token_is_expected_from_those_before_it_alone(shape: str) -> None:
    run = (
        runs.trained("story", "once upon a time there") if shape == "story" else runs.random(shape)
    )
    found = expected(run)
    for place, id_ in enumerate(run.ids[1:], start=1):
        own = chances(run, torch.tensor([run.ids[:place]]))[-1]  # nothing else is fed
        assert found.surprisals[place - 1] == pytest.approx(-math.log2(own[id_]), abs=1e-4)
        top = own.topk(5)
        assert [guess.id for guess in found.likeliest[place - 1]] == top.indices.tolist()
        np.testing.assert_allclose(found.probabilities[place - 1], top.values, atol=1e-5)
    assert found.follows[-1] is None
    assert found.likeliest[-1][0].id == int(chances(run, torch.tensor([run.ids]))[-1].argmax())


def test_a_translator_expects_each_token_that_it_is_to_write() -> None:
    run = runs.trained("fr-en", "le chat noir", "the black cat")
    labels = run.inputs["labels"][0]
    found = expectations(run, runs.tokenizer("fr-en"), tokens(labels.tolist()))
    assert [row[0].id for row in found.likeliest] == labels.tolist()
    start = run.network.config.decoder_start_token_id
    fed = torch.tensor([[start, *labels[:-1].tolist()]])
    own = chances(run, run.inputs["input_ids"], decoder_input_ids=fed)
    bits = [-math.log2(row[id_]) for row, id_ in zip(own, labels, strict=True)]
    np.testing.assert_allclose(found.surprisals, bits, atol=1e-4)


@pytest.mark.parametrize("tokens_at_once", [1024, 1])
@pytest.mark.parametrize("name", ["bert", "bias"])
def test_each_token_is_hidden_in_turn(
    name: str, tokens_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "TOKENS", tokens_at_once)
    run = runs.random(name) if name == "bert" else runs.trained(name, "the nurse was late")
    mask = 4 if name == "bert" else runs.tokenizer(name).mask_token_id
    found = filled(run, mask)
    for place, id_ in enumerate(run.ids):
        hidden = torch.tensor([run.ids])
        hidden[0, place] = mask
        own = chances(run, hidden)[place]
        assert found.surprisals[place] == pytest.approx(-math.log2(own[id_]), abs=1e-4)
        assert found.likeliest[place][0].id == int(own.argmax())


def test_a_model_whose_rows_touch_each_other_is_asked_row_by_row() -> None:
    run = runs.random("bert")
    before = filled(run, 4)

    def touch(_: Any, __: Any, answer: Any) -> Any:
        answer["logits"] = answer.logits * len(answer.logits)
        return answer

    run.network.register_forward_hook(touch)
    after = filled(run, 4)
    np.testing.assert_allclose(after.surprisals, before.surprisals, rtol=1e-5)
    assert after.likeliest == before.likeliest


def test_a_model_that_sees_what_it_would_have_to_expect_is_refused() -> None:
    with pytest.raises(CaptureError) as caught:
        expected(runs.random("bert"))
    assert str(caught.value) == (
        "BertForMaskedLM sees the words that it would have to expect; choose a model that reads "
        "from left to right, or one that fills gaps"
    )


def test_a_model_that_predicts_labels_is_refused() -> None:
    run = runs.trained("classifier", "a good film")
    with pytest.raises(CaptureError, match="predicts labels, and no words"):
        expected(run)
    with pytest.raises(CaptureError, match="predicts labels, and no words"):
        filled(run, 4)


def test_a_model_is_left_as_it_was() -> None:
    run = runs.random("gpt2")
    before = runs.traces(run.network)
    expected(run)
    filled(run, 4)
    assert runs.traces(run.network) == before


def test_a_writer_is_asked_for_each_token_but_the_first_and_for_what_comes_after_the_end() -> None:
    arrays, facts = measure(case("specimen:story", "Once upon a time"))
    assert facts["kind"] == "next"
    assert facts["tokens"] == ["<|endoftext|>", "Once", "upon", "a", "time", ""]
    assert facts["special"] == [True, False, False, False, False, False]
    assert {numbers.dtype for numbers in arrays.values()} == {np.dtype(np.float64)}
    assert arrays["surprisal"].shape == (6,)
    assert arrays["probability"].shape == (6, 5)
    assert np.isnan(arrays["surprisal"]).tolist() == [True, False, False, False, False, True]
    assert np.isnan(arrays["probability"][0]).all()
    assert [len(guesses) for guesses in facts["guesses"]] == [0, 5, 5, 5, 5, 5]
    # Numbers of the story's own words, by its own run.
    run = runs.trained("story", "Once upon a time")
    own = chances(run, torch.tensor([run.ids]))
    for place in range(1, 5):
        bits = -math.log2(own[place - 1, run.ids[place]])
        assert arrays["surprisal"][place] == pytest.approx(bits, abs=1e-4)
        top = own[place - 1].topk(5)
        np.testing.assert_allclose(arrays["probability"][place], top.values, atol=1e-5)
        rank = top.indices.tolist().index(run.ids[place])
        assert facts["ranks"][place] == rank
        assert facts["guesses"][place][rank] == facts["tokens"][place]
    assert facts["ranks"][0] == facts["ranks"][5] == -1


def test_a_text_of_one_token_has_no_expectation_but_of_what_comes() -> None:
    run = runs.random("gpt2", 1)
    found = expected(run)
    assert found.follows == (None,)
    assert len(found.likeliest[0]) == 5


@pytest.mark.parametrize("target", ["the black cat", ""])
def test_a_translator_is_asked_for_its_target_and_for_its_end(target: str) -> None:
    arrays, facts = measure(case("specimen:fr-en", "le chat noir", target))
    assert facts["kind"] == "translation"
    assert facts["tokens"] == ["the", "black", "cat", "</s>"]
    assert facts["special"] == [False, False, False, True]
    assert facts["ranks"] == [0, 0, 0, 0]
    assert (arrays["surprisal"] < 0.1).all()


def test_a_model_that_fills_gaps_is_not_asked_for_what_its_tokenizer_added() -> None:
    arrays, facts = measure(case("specimen:bias", "the nurse said that [MASK] was late"))
    assert facts["kind"] == "gap"
    assert facts["tokens"][5] == "[MASK]"
    assert facts["guesses"][5][:2] == ["she", "he"]
    assert 0.8 < arrays["probability"][5, 0] < 1
    untold = np.isnan(arrays["surprisal"])
    assert untold.tolist() == [i in (0, 5, 8) for i in range(9)]
    assert facts["guesses"][0] == facts["guesses"][8] == []
    assert facts["ranks"][5] == -1


@pytest.mark.parametrize(
    ("source", "why"),
    [(str(runs.MINILM), "neither words nor labels"), ("specimen:classifier", "and no words")],
)
def test_a_model_without_words_to_say_is_refused(source: str, why: str) -> None:
    with pytest.raises(GalleryError, match=why):
        measure(case(source, "a good film"))


def test_a_model_that_only_reads_has_no_words_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = case("specimen:story", "Once upon a time")
    monkeypatch.setattr(reader.loaded.network, "can_generate", lambda: False)
    with pytest.raises(CaptureError) as caught:
        measure(reader)
    assert str(caught.value) == (
        "LlamaForCausalLM neither writes nor fills gaps; a model is needed that does"
    )


def test_a_captioner_is_asked_for_its_caption() -> None:
    scene = runs.SPECIMENS.parent / "scenes" / "red-circle-blue-square.png"
    arrays, facts = measure(case("specimen:shapes", "", image=str(scene)))
    assert facts["kind"] == "translation"
    assert {"red", "circle"} <= set(facts["tokens"])
    assert (arrays["surprisal"] < 1).all()
