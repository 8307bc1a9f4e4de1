# ruff: noqa: TID253 - models are run here
"""The logit lens is the final norm and head on each layer's states, or it is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AlbertConfig, AlbertForMaskedLM

import runs
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import CaptureError
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.lens import logit_lens, measure
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import CaptureRequest, MeasureRequest, Sentence


def named(name: str) -> Run:
    texts = {
        "story": ("once upon a time there was a cat . the cat was", ""),
        "bias": ("the nurse said that [MASK] was late", ""),
        "fr-en": ("le chat noir", "the black cat"),
    }
    return runs.trained(name, *texts[name]) if name in texts else runs.random(name)


# Final norm and head, as each architecture has them.
TAILS: dict[str, Any] = {
    "gpt2": lambda net, states: net.lm_head(net.transformer.ln_f(states)),
    "llama": lambda net, states: net.lm_head(net.model.norm(states)),
    "story": lambda net, states: net.lm_head(net.model.norm(states)),
    "bert": lambda net, states: net.cls(states),
    "bias": lambda net, states: net.cls(states),
    "fr-en": lambda net, states: net.lm_head(states) + net.final_logits_bias,
    "marian": lambda net, states: net.lm_head(states) + net.final_logits_bias,
    "t5": lambda net, states: net.lm_head(
        net.decoder.final_layer_norm(states)
        * (net.model_dim**-0.5 if net.config.tie_word_embeddings else 1)
    ),
}


def states(run: Run) -> list[Tensor]:
    """What the library says each layer leaves, before any final norm."""
    network = run.network
    name = "decoder_hidden_states" if network.config.is_encoder_decoder else "hidden_states"
    with torch.no_grad():
        found = list(network(**run.inputs, output_hidden_states=True, use_cache=False)[name])
    return found[:-1]  # the last has been normed in some


@pytest.mark.parametrize("name", TAILS)
def test_it_is_the_models_own_norm_and_head_on_the_states_of_each_layer(name: str) -> None:
    run = named(name)
    found = logit_lens(run, 3)
    with torch.no_grad():
        plain = run.logits().log_softmax(-1)
        expected = [TAILS[name](run.network, state)[0].log_softmax(-1) for state in states(run)]
    said = plain.argmax(-1)
    assert len(found.ids) == len(expected) + 1 >= 3
    for seen, logs in zip(
        zip(found.ids, found.log_probabilities, found.of_last, found.entropies, strict=True),
        [*expected, plain],
        strict=True,
    ):
        ids, numbers, of_last, bits = seen
        top = logs.topk(3)
        np.testing.assert_allclose(numbers, top.values, atol=1e-4)
        np.testing.assert_array_equal(ids, top.indices)
        chances = logs.exp().double()
        undecided = -(chances * chances.clamp(min=1e-300).log2()).sum(-1)
        np.testing.assert_allclose(bits, undecided, atol=2e-4)
        np.testing.assert_allclose(of_last, logs[range(len(said)), said], atol=1e-4)
    assert (found.ids[-1, :, 0] == said.numpy()).all()
    assert (found.ids[0, :, 0] != said.numpy()).any()


def test_a_specimen_makes_up_its_mind_from_layer_to_layer() -> None:
    words, first, second, _ = logit_lens(named("story")).of_last.mean(axis=1)
    assert words < -20
    assert words + 5 < first < second - 5  # nats


def test_a_model_that_makes_its_words_of_more_than_its_last_states_is_refused() -> None:
    run = runs.random("gpt2")
    words = run.network.get_input_embeddings()

    def also(_: Any, args: Any, options: Any, answer: Any) -> Any:
        answer["logits"] = answer.logits + run.network.lm_head(words(options["input_ids"]))
        return answer

    run.network.register_forward_hook(also, with_kwargs=True)
    with pytest.raises(CaptureError) as caught:
        logit_lens(run)
    assert str(caught.value) == (
        "GPT2LMHeadModel makes its words of more than its last states; leave the logit lens out, "
        "or choose another model"
    )


def test_a_model_that_runs_one_layer_again_and_again_is_refused() -> None:
    config = AlbertConfig(
        vocab_size=50, embedding_size=16, hidden_size=16, num_hidden_layers=3, intermediate_size=16,
        num_attention_heads=2,
    )  # fmt: skip
    config._attn_implementation = "eager"
    ids = torch.tensor([[5, 6, 7]])
    run = Run(AlbertForMaskedLM(config).eval(), {"input_ids": ids}, (5, 6, 7))
    with pytest.raises(CaptureError, match="layers that do not just follow one after the other"):
        logit_lens(run)


@pytest.mark.parametrize(
    "run", [("minilm", "a cat"), ("classifier", "a good film")], ids=["no head", "labels"]
)
def test_a_model_that_predicts_no_words_is_refused(run: tuple[str, str]) -> None:
    with pytest.raises(CaptureError, match="predicts"):
        logit_lens(runs.trained(*run))


def test_a_model_is_left_as_it_was() -> None:
    run = runs.random("gpt2")
    before = runs.traces(run.network)
    logit_lens(run)
    assert runs.traces(run.network) == before


def case(source: str, text: str, target: str = "") -> Case:
    model = model_from_source(source)
    request = CaptureRequest("k", model, Sentence("s", text, target))
    return Case(load(model, head="any"), MeasureRequest("k", "lens", model, (request,)))


def test_what_is_measured_has_a_name_for_each_state_place_and_guess() -> None:
    arrays, facts = measure(case("specimen:story", "Once upon a time"))
    assert facts["kind"] == "next"
    assert facts["tokens"] == ["<|endoftext|>", "Once", "upon", "a", "time"]
    assert facts["states"] == ["words", "after L0", "after L1", "after L2"]
    assert np.shape(facts["guesses"]) == (4, 5, 5)
    assert arrays["log_probability"].shape == (4, 5, 5)
    assert arrays["of_last"].shape == arrays["entropy"].shape == (4, 5)
    assert {numbers.dtype for numbers in arrays.values()} == {np.dtype(np.float64)}
    with torch.no_grad():
        own = runs.trained("story", "Once upon a time").logits().double().log_softmax(-1)
    np.testing.assert_allclose(arrays["of_last"][-1], own.max(-1).values, atol=1e-4)
    words = [runs.tokenizer("story").decode(id_).strip() for id_ in own.argmax(-1)]
    assert [place[0] for place in facts["guesses"][-1]] == words


def test_the_number_of_the_last_word_is_that_of_the_first_guess_where_it_is_that_guess() -> None:
    """To the last digit: views tell by that where a layer agrees with the end."""
    run = named("story")
    found = logit_lens(run)
    same = found.ids[:, :, 0] == found.ids[-1, :, 0]
    assert (same == (found.of_last == found.log_probabilities[:, :, 0])).all()
    assert same.any()
    assert not same.all()


@pytest.mark.parametrize("target", ["the black cat", ""])
def test_of_a_pair_the_places_are_what_its_decoder_reads(target: str) -> None:
    arrays, facts = measure(case("specimen:fr-en", "le chat noir", target))
    assert facts["kind"] == "translation"
    assert facts["tokens"] == ["<pad>", "the", "black", "cat"]
    assert [place[0] for place in facts["guesses"][-1]] == ["the", "black", "cat", "</s>"]
    assert arrays["of_last"].shape == (3, 4)


def test_a_gap_is_a_place_like_others() -> None:
    _, facts = measure(case("specimen:bias", "the nurse said that [MASK] was late"))
    assert facts["kind"] == "gap"
    assert facts["tokens"][5] == "[MASK]"
    assert facts["guesses"][-1][5][:2] == ["she", "he"]
