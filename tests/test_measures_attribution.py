# ruff: noqa: TID253 - models are run here
"""Attributions are Captum's, and those of other ways to take a gradient; what is missed is said."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import runs
from attention_gallery.capture import capture_all
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import CaptureError
from attention_gallery.measures import attribution as module
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.embedding import Side
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.measures.attribution import (
    input_x_gradient,
    integrated_gradients,
    saliency,
)
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import CaptureRequest, MeasureRequest, Sentence

attr = pytest.importorskip("captum.attr", reason="Captum, or what it needs, is not installed")

# A label, the next word, a filled gap, a word of a translation: what is asked of whom.
CASES: dict[str, tuple[Any, Target, Side]] = {
    "label": (("classifier", "the film was not good"), Target(2, normed=False), "encoder"),
    "next word": (("story", "once upon a time there was a cat . the"), Target(5, -1), "encoder"),
    "filled gap": (("bias", "the nurse said that [MASK] was late"), Target(9, 5, 11), "encoder"),
    "translation": (("fr-en", "le chat noir", "the black cat"), Target(7, 2), "encoder"),
    "written before": (("fr-en", "le chat noir", "the black cat"), Target(5, 1), "decoder"),
    "gpt2": ("gpt2", Target(5, -1), "encoder"),
    "t5": ("t5", Target(5, 3), "encoder"),
}


def case(name: str) -> tuple[Run, Target, Side]:
    of, target, side = CASES[name]
    return runs.random(of) if isinstance(of, str) else runs.trained(*of), target, side


def plainly(run: Run, target: Target) -> Any:
    """The answer to ids, as Captum's own methods for layers want it."""

    def forward(*given: Tensor) -> Tensor:
        inputs = dict(zip(run.inputs, given, strict=True))
        return target.of(run.network(**inputs, use_cache=False).logits)

    return forward


@pytest.mark.parametrize("name", ["label", "next word", "filled gap", "gpt2"])
def test_numbers_are_those_of_captum_called_on_the_layer_of_embeddings(name: str) -> None:
    run, target, _ = case(name)
    forward, words = plainly(run, target), run.network.get_input_embeddings()
    given = (run.inputs["input_ids"], *list(run.inputs.values())[1:])
    found = integrated_gradients(run, target, baseline=3, tolerance=0, most=32)
    blank = torch.full_like(given[0], 3)
    direct, delta = attr.LayerIntegratedGradients(forward, words).attribute(
        given[0],
        blank,
        additional_forward_args=given[1:],
        n_steps=32,
        return_convergence_delta=True,
    )
    scale = np.abs(found.values).max()
    np.testing.assert_allclose(found.values, direct[0].sum(-1).detach(), atol=1e-4 * scale)
    assert found.error == pytest.approx(abs(delta.item()), abs=1e-3 * scale)

    layer = attr.LayerGradientXActivation(forward, words)
    products = layer.attribute(given[0], additional_forward_args=given[1:])[0].sum(-1).detach()
    np.testing.assert_allclose(
        input_x_gradient(run, target), products, atol=1e-4 * products.abs().max().item()
    )


@pytest.mark.parametrize("name", ["label", "next word", "gpt2"])
def test_numbers_are_those_of_gradients_by_what_the_model_takes_for_words(name: str) -> None:
    run, target, side = case(name)
    words = run.network.get_input_embeddings()(run.inputs["input_ids"]).detach().requires_grad_()
    rest = {key: given for key, given in run.inputs.items() if key != "input_ids"}
    logits = run.network(inputs_embeds=words, **rest, use_cache=False).logits
    (gradient,) = torch.autograd.grad(target.of(logits).sum(), words)
    np.testing.assert_allclose(saliency(run, target, side), gradient[0].norm(dim=-1), rtol=1e-4)
    np.testing.assert_allclose(
        input_x_gradient(run, target, side),
        (gradient * words)[0].sum(-1).detach(),
        atol=1e-4 * gradient.abs().max().item(),
    )


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_input_x_gradient_is_how_fast_an_answer_grows_with_an_embedding(side: Side) -> None:
    """By finite differences: no gradient is taken in the reference."""
    run, target = runs.random("marian"), Target(5, 3)
    stack = run.network.get_encoder() if side == "encoder" else run.network.get_decoder()
    found = input_x_gradient(run, target, side)

    def grown(place: int, share: float) -> Any:
        def grow(_: Any, __: Any, own: Tensor) -> Tensor:
            own = own.clone()
            own[0, place] *= 1 + share
            return own

        words = stack.get_input_embeddings()
        hook = words.register_forward_hook(grow)
        with torch.no_grad():
            number = target.of(run.logits()[None]).item()
        hook.remove()
        return number

    expected = [(grown(i, 1e-5) - grown(i, -1e-5)) / 2e-5 for i in range(len(found))]
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert np.abs(expected[:4]).min() > 1e-6


@pytest.mark.parametrize("name", CASES)
def test_integrated_gradients_sum_to_the_difference_of_both_ends(name: str) -> None:
    run, target, side = case(name)
    found = integrated_gradients(run, target, side, baseline=3)
    with torch.no_grad():
        assert found.end == pytest.approx(target.of(run.logits()[None]).item(), abs=1e-5)
    assert found.error <= 0.01 * abs(found.end - found.start)
    assert found.values.sum() == pytest.approx(found.end - found.start, abs=found.error + 1e-9)
    assert 32 <= found.steps <= 1024


@pytest.mark.parametrize("baseline", [None, 3])
def test_integrated_gradients_are_those_of_the_midpoint_rule_with_many_points(
    baseline: int | None,
) -> None:
    run, target = runs.random("bert", 6), Target(5, 2)
    words = run.network.get_input_embeddings()
    own = words(run.inputs["input_ids"]).detach()
    blank = torch.full_like(run.inputs["input_ids"], baseline or 0)
    start = torch.zeros_like(own) if baseline is None else words(blank).detach()
    start[:, [0, 5]] = own[:, [0, 5]]
    shares = (torch.arange(800)[:, None, None] + 0.5) / 800
    points = (start + shares * (own - start)).requires_grad_()
    answers = target.of(run.network(inputs_embeds=points).logits)
    total = torch.autograd.grad(answers.sum(), points)[0].mean(0, keepdim=True)
    found = integrated_gradients(run, target, baseline=baseline, kept=[0, 5], tolerance=1e-4)
    np.testing.assert_allclose(found.values, ((own - start) * total)[0].sum(-1), atol=2e-3)
    assert found.values[0] == found.values[5] == 0
    assert np.abs(found.values).max() > 0.1


def specimens_own() -> Any:
    """Integrated gradients as the specimen has them: by the midpoint rule, without Captum."""
    file = runs.SPECIMENS / "classifier" / "saliency.py"
    spec = importlib.util.spec_from_file_location("saliency", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.integrated_gradients


@pytest.mark.parametrize("neutral", [None, "the film was not said"])
def test_numbers_are_those_that_the_classifier_s_card_is_made_with(neutral: str | None) -> None:
    run = runs.trained("classifier", "the film was not good")
    embed = run.network.get_input_embeddings()
    baseline, ids = None, run.inputs["input_ids"]
    start = torch.zeros_like(embed(ids))
    if neutral:
        other = runs.tokenizer("classifier")(neutral, return_tensors="pt").input_ids
        baseline, start = other[0].tolist(), embed(other).detach()
    with torch.no_grad():
        label = int(run.logits().argmax())
    expected, missed = specimens_own()(run.network, ids, start)
    found = integrated_gradients(run, Target(label, normed=False), baseline=baseline)
    np.testing.assert_allclose(found.values, expected.detach(), atol=0.05)
    assert np.abs(found.values).max() > 1
    assert missed < 0.01


def test_steps_are_doubled_until_little_is_missed_and_what_is_missed_is_said() -> None:
    run, target = case("translation")[0], Target(5, 1)
    few, many = (integrated_gradients(run, target, most=most) for most in (32, 1024))
    assert few.steps == 32 < many.steps
    assert few.error > 0.01 * abs(few.end - few.start)
    assert many.error <= 0.01 * abs(many.end - many.start)


def test_what_is_written_later_adds_nothing_to_a_word_of_a_translation() -> None:
    run, target, side = case("written before")
    found = saliency(run, target, side)
    assert (found[2:] == 0).all()
    assert (found[:2] > 0).all()


def test_a_model_is_left_as_it_was() -> None:
    run = runs.random("gpt2")
    run.network.lm_head.weight.requires_grad_(False)
    before = runs.traces(run.network)
    for measure in (saliency, input_x_gradient, integrated_gradients):
        measure(run, Target(5, -1))
    assert runs.traces(run.network) == before


def test_without_captum_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(CaptureError, match="attribution needs Captum") as caught:
        saliency(runs.random("gpt2"), Target(5, -1))
    assert "pip install" in caught.value.hint


ASKED = [
    ("story", "once upon a time there was a cat . the", ""),
    ("bias", "the nurse said that [MASK] was late", ""),
    ("fr-en", "le chat noir", "the black cat"),
    ("classifier", "the film was not good", ""),
]
BASELINES = {"story": "<|endoftext|>", "bias": "[MASK]", "fr-en": "<pad>", "classifier": "[PAD]"}


def of_specimen(name: str, text: str, target: str = "") -> Case:
    model = model_from_source(f"specimen:{name}")
    passes = (CaptureRequest("k", model, Sentence("s", text, target)),)
    return Case(load(model, head="any"), MeasureRequest("k", "attribution", model, passes))


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_measured_is_told(asked: tuple[str, str, str]) -> None:
    own = of_specimen(*asked)
    arrays, facts = module.measure(own)
    answer, run = own.asked(), own.run()
    assert facts["answer"] == answer.facts()
    sides = ["encoder", "decoder"] if asked[2] else ["encoder"]
    assert list(facts["tokens"]) == list(facts["sides"]) == sides
    assert len(arrays) == 3 * len(facts["sides"])
    for side, told in facts["sides"].items():
        values = arrays[f"{side}/integrated-gradients"]
        assert values.shape == (len(facts["tokens"][side]),)
        assert told["end"] == pytest.approx(answer.value, abs=1e-5)
        missed = abs(values.sum() - (told["end"] - told["start"]))
        assert told["error"] == pytest.approx(missed, abs=1e-12)
        assert missed <= 0.01 * abs(told["end"] - told["start"])
        assert told["converged"] is True
        mark = BASELINES[asked[0]]
        assert told["baseline"] == f"the same text with {mark} in place of every word"
        assert told["kept"]
        assert (values[told["kept"]] == 0).all()
        assert np.abs(values).max() > 0.1
        np.testing.assert_array_equal(
            arrays[f"{side}/saliency"], saliency(run, answer.target, side)
        )
        np.testing.assert_array_equal(
            arrays[f"{side}/input-x-gradient"], input_x_gradient(run, answer.target, side)
        )


@pytest.mark.parametrize("asked", ASKED)
def test_tokens_are_those_of_the_capture(asked: tuple[str, str, str]) -> None:
    own = of_specimen(*asked)
    (held,) = capture_all(own.request.passes)
    attention = held.attentions[held.natural]
    _, facts = module.measure(own)
    assert facts["tokens"]["encoder"] == [token.text for token in attention.keys]
    special = [i for i, token in enumerate(attention.keys) if token.special]
    assert facts["sides"]["encoder"]["kept"] == special
    if asked[2]:
        assert facts["tokens"]["decoder"] == [token.text for token in attention.queries]


def test_the_gap_itself_adds_nothing_to_what_fills_it() -> None:
    """The line begins with gaps everywhere, so that what is asked stays the same."""
    own = of_specimen("bias", "the nurse said that [MASK] was late")
    arrays, facts = module.measure(own)
    values = arrays["encoder/integrated-gradients"]
    assert values[facts["answer"]["at"]] == 0
    assert values.argmax() == facts["tokens"]["encoder"].index("nurse")


def test_a_model_without_a_mask_and_padding_is_held_against_nothing_at_all() -> None:
    own = of_specimen("story", "once upon a time there was a cat . the")
    tokenizer: Any = own.loaded.tokenizer
    tokenizer.pad_token = None
    _, facts = module.measure(own)
    told = facts["sides"]["encoder"]
    assert told["baseline"] == "the same text with nothing at all, zeros, in place of every word"
    none = integrated_gradients(own.run(), own.asked().target, baseline=None, kept=told["kept"])
    assert told["start"] == none.start


def test_a_line_that_stays_too_rough_is_not_called_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOLERANCE", 1e-12)
    _, facts = module.measure(of_specimen(*ASKED[0]))
    told = facts["sides"]["encoder"]
    assert told["converged"] is False
    assert told["error"] > 0
