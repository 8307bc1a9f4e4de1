# ruff: noqa: TID253 - models are run here
"""A text is its embeddings and nothing else, on the side of a model that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import runs
from attention_gallery.errors import CaptureError
from attention_gallery.measures.apparatus.embedding import EmbeddedText, Side
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target


def text_of(run: Run, side: Side = "encoder") -> EmbeddedText:
    return EmbeddedText.of(run, Target(5, -1), side)


# CTRL scales what it has looked up in place.
@pytest.mark.parametrize("shape", ["gpt2", "bert", "llama", "ctrl", "t5", "marian"])
@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_other_embeddings_are_read_as_the_tokens_that_they_are_of(shape: str, side: Side) -> None:
    run = runs.random(shape)
    is_pair = run.network.config.is_encoder_decoder
    name = "decoder_input_ids" if is_pair and side == "decoder" else "input_ids"
    other = run.inputs[name].flip(-1)
    text = text_of(run, side)
    assert torch.equal(text.ids, run.inputs[name])
    with torch.no_grad():
        expected = Run(run.network, {**run.inputs, name: other}, ()).logits()
        found = text.answer(torch.cat([text.own, text.words(other)]))
        plain = run.logits()
    targets = [logits.log_softmax(-1)[-1, 5] for logits in (plain, expected)]
    torch.testing.assert_close(found, torch.stack(targets), rtol=1e-5, atol=1e-5)


def test_a_text_that_says_nothing_has_a_token_or_none_in_all_places_but_those_kept() -> None:
    text = text_of(runs.random("gpt2"))
    table = text.words.weight
    assert (text.blank(None, []) == 0).all()
    assert torch.equal(text.blank(3, [])[0], table[[3] * 9])
    assert torch.equal(text.blank(range(9), [])[0], table[:9])
    kept = text.blank(3, [0, 8])[0]
    assert torch.equal(kept[[0, 8]], text.own[0, [0, 8]])
    assert torch.equal(kept[1:8], table[[3] * 7])
    with pytest.raises(CaptureError) as caught:
        text.blank([1, 2], [])
    assert str(caught.value) == (
        "the baseline has 2 tokens, and the text 9; a baseline has a token for each of the text's"
    )


def test_a_model_that_knows_its_words_in_another_way_too_is_refused() -> None:
    run = runs.random("gpt2")
    table = torch.randn(400)

    def also(_: Any, args: Any, options: Any, answer: Any) -> Any:
        answer["logits"] = answer.logits + table[options["input_ids"]][..., None]
        return answer

    run.network.register_forward_hook(also, with_kwargs=True)
    with pytest.raises(CaptureError) as caught:
        EmbeddedText.of(run, Target(5, -1), "encoder")
    assert str(caught.value) == (
        "GPT2LMHeadModel knows its words by more than their embeddings; leave the measure out, or "
        "choose another model"
    )


def test_a_model_that_predicts_nothing_is_refused() -> None:
    with pytest.raises(CaptureError, match="predicts neither words nor labels"):
        EmbeddedText.of(runs.trained("minilm", "a cat"), Target(5, 2), "encoder")
