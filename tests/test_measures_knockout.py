# ruff: noqa: TID253 - models are run here
"""Barring a query from a key is what a score of minus infinity does, wherever a model answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor
from torch.nn import functional

import runs
import two_heads
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import CaptureError
from attention_gallery.measures import knockout as module
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.measures.knockout import knockout, without
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import CaptureRequest, MeasureRequest, Sentence
from tiny_models import build_tiny
from two_heads import DOCTOR, HE, ILL, LATE

BIT = math.log(2)


def case(name: str, text: str, target: str = "") -> Case:
    model = model_from_source(f"specimen:{name}")
    passes = (CaptureRequest("k", model, Sentence("s", text, target)),)
    return Case(load(model, head="any"), MeasureRequest("k", "knockout", model, passes))


@contextmanager
def barred(shape: tuple[int, int], query: int, key: int, layer: int, head: int) -> Iterator[None]:
    """A score becomes minus infinity before each softmax over maps of a shape, or before one.

    Of all layers with -1, of all heads with -1.
    """
    own, passed = functional.softmax, -1

    def softmax(scores: Tensor, *args: Any, **options: Any) -> Tensor:
        nonlocal passed
        n_keys = scores.shape[-1]  # one more where a head has a sink
        if scores.ndim == 4 and (scores.shape[-2], n_keys) in (shape, (shape[0], shape[1] + 1)):
            passed += 1
            if layer in (-1, passed):
                scores = scores.clone()
                scores[0, head if head >= 0 else slice(None), query, key] = -torch.inf
        return own(scores, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "softmax", softmax)
        yield


@pytest.mark.parametrize(
    ("shape", "position", "maps"),
    [
        ("gpt2", 8, (9, 9)),
        ("gpt2", 4, (9, 9)),
        ("llama", -1, (9, 9)),
        ("gpt_oss", 8, (9, 9)),
        ("bert", 3, (9, 9)),
        ("t5", 5, (7, 9)),
        ("marian", 2, (7, 9)),
        ("story", 8, (9, 9)),
        ("fr-en", 2, (4, 5)),
    ],
)
def test_effects_are_those_of_scores_of_minus_infinity(
    shape: str, position: int, maps: tuple[int, int]
) -> None:
    texts = {"story": ("once upon a time there was a",), "fr-en": ("le chat noir .", "the cat .")}
    run = runs.trained(shape, *texts[shape]) if shape in texts else runs.random(shape)
    target = Target(5, position)

    def answered(key: int, layer: int = -1, head: int = -1) -> float:
        with torch.no_grad(), barred(maps, position, key, layer, head):
            return float(target.of(run.logits()[None])[0])

    with torch.no_grad():
        plain = float(target.of(run.logits()[None])[0])
    found = knockout(run, target)
    assert found.query == position
    assert found.plain == pytest.approx(plain)
    exact = 1e-6 if run.network.dtype == torch.float64 else 1e-3
    expected = np.array([answered(key) - plain for key in range(maps[1])])
    np.testing.assert_allclose(found.everywhere, expected, atol=exact)
    assert np.abs(expected).max() > 0.01
    rng = np.random.default_rng(0)
    for _ in range(8):
        layer = int(rng.integers(len(found.heads)))
        head, key = (int(rng.integers(n)) for n in found.heads[layer].shape)
        effect = answered(key, layer, head) - plain
        assert found.heads[layer][head, key] == pytest.approx(effect, abs=exact)


def test_the_model_of_two_heads_answers_as_worked_out_by_hand() -> None:
    """After "doctor he": 3 bits of odds through the first head, which looks at "doctor" with 3/4.

    1 bit comes through the second, which looks at "he" with 1/2, which is worth 2.
    """
    run = Run(two_heads.two_heads(), {"input_ids": torch.tensor([[DOCTOR, HE]])}, (DOCTOR, HE))
    found = knockout(run, Target(ILL, 1, LATE))
    assert found.attention == "decoder"
    assert found.plain == pytest.approx(4 * BIT)
    # Without "doctor" the first looks at "he", worth nothing to it, and the second at "he" alone.
    # Without "he" both look at "doctor" alone: worth 4 to the first, and nothing to the second.
    expected = np.array([[-3, 1], [1, -1]]) * BIT
    assert found.heads[0] == pytest.approx(expected, abs=1e-6)
    assert found.everywhere == pytest.approx(np.array([-2 * BIT, 0]), abs=1e-6)


def test_a_head_that_could_look_at_nothing_else_gathers_nothing() -> None:
    run = Run(two_heads.two_heads(), {"input_ids": torch.tensor([[DOCTOR]])}, (DOCTOR,))
    found = knockout(run, Target(ILL, 0, LATE))
    assert found.everywhere == pytest.approx(np.array([-4 * BIT]), abs=1e-6)
    assert found.heads[0] == pytest.approx(np.array([[-4 * BIT], [0]]), abs=1e-6)


def test_what_is_left_of_a_row_is_shared_as_the_softmax_would_share_it() -> None:
    scores = torch.tensor([[3.0, -2.0, 40.0, 1.0]])
    weights = scores.softmax(-1)  # almost all on the third
    expected = torch.tensor([[3.0, -2.0, -torch.inf, 1.0]]).softmax(-1)
    torch.testing.assert_close(without(weights, torch.tensor([2])), expected)
    # The last is a sink, which is no key.
    expected = torch.tensor([[3.0, -torch.inf, 4.0, 2.0]]).softmax(-1)[:, :-1]
    weights = torch.tensor([[3.0, -2.0, 4.0, 2.0]]).softmax(-1)[:, :-1]
    torch.testing.assert_close(without(weights, torch.tensor([1])), expected)


def test_later_tokens_of_a_model_that_looks_back_have_no_effect() -> None:
    found = knockout(runs.random("gpt2"), Target(5, 4))
    assert (found.everywhere[5:] == 0).all()
    assert all((layer[:, 5:] == 0).all() for layer in found.heads)
    assert (found.everywhere[:5] != 0).all()


@pytest.mark.parametrize("most", [0, module.MOST_WORK])
def test_single_heads_are_tried_where_they_are_few(most: int) -> None:
    run = runs.random("gpt2")
    found = knockout(run, Target(5, -1 % 9), most=most)
    assert [layer.shape for layer in found.heads] == ([(4, 9)] * 2 if most else [])
    assert np.abs(found.everywhere).max() > 0.01


def gpt2_that_classifies() -> Run:
    """It answers at the last token."""
    config = build_tiny("gpt2").config
    config.pad_token_id = 0
    network = transformers.GPT2ForSequenceClassification._from_config(
        config, attn_implementation="eager"
    )
    ids = torch.arange(20, 27)[None]
    return Run(network.eval(), {"input_ids": ids}, tuple(ids[0].tolist()))


def test_the_query_that_a_class_is_read_from_is_found() -> None:
    first = runs.trained("classifier", "the film was not good")
    assert knockout(first, Target(0, normed=False)).query == 0
    assert knockout(gpt2_that_classifies(), Target(0, normed=False)).query == 6


def test_an_answer_that_is_read_from_all_tokens_is_refused() -> None:
    run = runs.trained("classifier", "the film was not good")

    def mean(_: Any, args: tuple[Tensor]) -> tuple[Tensor]:
        return (args[0].mean(dim=1, keepdim=True).expand_as(args[0]),)

    hook = run.network.bert.pooler.register_forward_pre_hook(mean)
    try:
        with pytest.raises(CaptureError) as caught:
            knockout(run, Target(0, normed=False))
    finally:
        hook.remove()
    assert str(caught.value) == (
        "BertForSequenceClassification reads its answer from 7 tokens, and knockout is of what one "
        "of them looks at; leave this measure out"
    )


def test_a_model_is_left_as_it_was() -> None:
    run = runs.trained("classifier", "the film was not good")
    before = runs.traces(run.network)
    knockout(run, Target(0, normed=False))
    assert runs.traces(run.network) == before


@pytest.mark.parametrize(
    ("asked", "kind", "attention", "query", "heads"),
    [
        (("story", "once upon a time there was a"), "next", "decoder", 8, [4, 4, 4]),
        (("bias", "the nurse said that [MASK] was late"), "gap", "encoder", 5, [4, 4, 4]),
        (("fr-en", "le chat noir", "the black cat"), "translation", "cross", 2, [4, 4]),
        (("classifier", "the film was not good"), "label", "encoder", 0, [4, 4]),
    ],
)
def test_what_is_measured_is_told(
    asked: tuple[str, ...], kind: str, attention: str, query: int, heads: list[int]
) -> None:
    own = case(*asked)
    arrays, facts = module.measure(own)
    n_keys = len(own.feed().tokens)
    assert facts["answer"] == own.asked().facts()
    assert facts["answer"]["kind"] == kind
    assert (facts["attention"], facts["query"], facts["heads"]) == (attention, query, True)
    shapes = {f"head/{layer}": (n, n_keys) for layer, n in enumerate(heads)}
    assert {name: array.shape for name, array in arrays.items()} == {"all": (n_keys,), **shapes}
    assert all(array.dtype == np.float64 for array in arrays.values())


def test_a_translator_needs_the_word_that_it_is_about_to_translate() -> None:
    """Barred from "chat" by all heads it does not find "cat"; no head alone is needed."""
    arrays, facts = module.measure(case("fr-en", "le chat noir", "the black cat"))
    assert facts["answer"]["word"] == "cat"
    assert arrays["all"].argmin() == 1
    assert arrays["all"][1] < -5
    assert min(layer.min() for name, layer in arrays.items() if name != "all") > -0.1


def test_a_gap_hears_the_noun_it_stands_for() -> None:
    arrays, _ = module.measure(case("bias", "the nurse said that [MASK] was late"))
    assert arrays["all"].argmin() == 2
