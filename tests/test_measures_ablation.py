# ruff: noqa: TID253 - models are run here
"""Silencing a head does to an answer what taking its columns out of the projection does."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import runs
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import CaptureError
from attention_gallery.measures.ablation import ablation, measure
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.terms import (
    CaptureRequest,
    Measured,
    MeasureRequest,
    Model,
    Question,
    Sentence,
)

# What mixes the heads of each layer of one kind of attention.
PROJECTIONS: dict[tuple[str, Any], list[str]] = {
    ("gpt2", None): [f"transformer.h.{i}.attn.c_proj" for i in range(2)],
    ("llama", None): [f"model.layers.{i}.self_attn.o_proj" for i in range(2)],
    ("bert", None): [f"bert.encoder.layer.{i}.attention.output.dense" for i in range(2)],
    ("t5", "cross"): [f"decoder.block.{i}.layer.1.EncDecAttention.o" for i in range(3)],
    ("t5", "encoder"): [f"encoder.block.{i}.layer.0.SelfAttention.o" for i in range(2)],
    ("gpt_neo", None): [f"transformer.h.{i}.attn.attention.out_proj" for i in range(2)],
    ("bloom", None): [f"transformer.h.{i}.self_attention.dense" for i in range(2)],
    ("story", None): [f"model.layers.{i}.self_attn.o_proj" for i in range(3)],
    ("bias", None): [f"bert.encoder.layer.{i}.attention.output.dense" for i in range(3)],
    ("fr-en", "decoder"): [f"model.decoder.layers.{i}.self_attn.out_proj" for i in range(2)],
}
TEXTS = {
    "story": ("once upon a time there was a cat . the cat was", ""),
    "bias": ("the nurse told the engineer that she was late , so the [MASK] left", ""),
    "fr-en": ("le chat noir", "the black cat"),
}


def run_of(name: str) -> Run:
    return runs.trained(name, *TEXTS[name]) if name in TEXTS else runs.random(name)


def silenced(run: Run, path: str, head: int | None, columns: Tensor | None) -> Tensor:
    """Logits, with a head's columns of what enters a projection set, and what entered it."""

    def pre(_: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        heads = args[0].clone().unflatten(-1, (4, -1))
        entered.append(heads)
        if head is not None:
            heads[:, :, head] = 0 if columns is None else columns
        return (heads.flatten(-2), *args[1:])

    entered: list[Tensor] = []
    hook = run.network.get_submodule(path).register_forward_pre_hook(pre)
    with torch.no_grad():
        logits = run.network(**run.inputs).logits
    hook.remove()
    return logits if head is not None else entered[0]


def reference(
    run: Run, paths: list[str], by: str, over: list[Run], token: int, position: int
) -> NDArray[np.float64]:
    """The effect of each head on a log-probability, one run of the model each."""
    with torch.no_grad():
        plain = run.network(**run.inputs).logits.double()[0, position].log_softmax(-1)[token]
    effects = np.zeros((len(paths), 4))
    for layer, path in enumerate(paths):
        places = torch.cat([silenced(other, path, None, None)[0] for other in over])
        for head in range(4):
            columns = places[:, head].mean(0) if by == "mean" else None
            logits = silenced(run, path, head, columns).double()[0, position]
            effects[layer, head] = logits.log_softmax(-1)[token] - plain
    return effects


@pytest.mark.parametrize("by", ["zero", "mean"])
@pytest.mark.parametrize(("name", "attention"), PROJECTIONS)
def test_effects_are_those_of_columns_taken_out_one_head_at_a_time(
    name: str, attention: Any, by: Literal["zero", "mean"]
) -> None:
    run = run_of(name)
    found = ablation(run, Target(7, 2), attention, by=by)
    expected = reference(run, PROJECTIONS[name, attention], by, [run], 7, 2)
    assert np.abs(expected).max() > 1e-3
    single = run.network.dtype == torch.float32 or name == "gpt_neo"  # whose scores always are
    tolerance = 2e-5 if single else 1e-9
    np.testing.assert_allclose(found.effects, expected, atol=tolerance)
    with torch.no_grad():
        plain = run.logits().double()[2].log_softmax(-1)[7].item()
    assert found.plain == pytest.approx(plain, abs=tolerance)


def test_the_mean_is_over_all_places_of_all_sentences_that_are_given() -> None:
    run = runs.random("gpt2")
    over = [Run(run.network, {"input_ids": torch.tensor([ids])}, ()) for ids in ([5, 6], [9] * 7)]
    found = ablation(run, Target(7, 2), by="mean", over=[other.inputs for other in over])
    expected = reference(run, PROJECTIONS["gpt2", None], "mean", over, 7, 2)
    np.testing.assert_allclose(found.effects, expected, atol=1e-9)


def test_a_minimal_pair_is_asked_for_its_difference_of_logits() -> None:
    run = run_of("bias")
    nurse, engineer = runs.tokenizer("bias").convert_tokens_to_ids(["nurse", "engineer"])
    place = run.ids.index(runs.tokenizer("bias").mask_token_id)
    both = ablation(run, Target(nurse, place, against=engineer), by="zero")
    one, other = (ablation(run, Target(word, place), by="zero") for word in (nurse, engineer))
    np.testing.assert_allclose(both.effects, np.subtract(one.effects, other.effects), atol=1e-4)
    assert both.plain == pytest.approx(one.plain - other.plain, abs=1e-4)


def test_a_head_that_nothing_listens_to_has_no_effect() -> None:
    run = runs.random("llama")
    with torch.no_grad():
        run.network.model.layers[1].self_attn.o_proj.weight[:, 16:24] = 0
    effects = np.asarray(ablation(run, Target(7, -1), by="zero").effects)
    assert effects[1, 2] == pytest.approx(0, abs=1e-12)
    assert (np.abs(effects) > 1e-6).sum() == 7


@pytest.mark.parametrize("seed", range(4))
def test_a_story_cannot_be_taken_up_again_without_the_head_that_looks_back_by_one(
    seed: int,
) -> None:
    """Twelve random words said twice: the heads that copy them need to know what follows what."""
    network = runs.trained("story", "a").network
    words = np.random.default_rng(seed).choice(np.arange(20, 700), 12, replace=False).tolist()
    ids = (0, *words, *words[:8])
    run = Run(network, {"input_ids": torch.tensor([ids])}, ids)
    found = ablation(run, Target(words[8], -1))
    assert found.plain > np.log(0.9)
    effects = np.asarray(found.effects)
    assert effects[0, 2] == effects.min()  # L0 H2, as its card says
    assert effects[0, 2] < -3


def test_a_label_is_asked_for_without_a_position() -> None:
    run = runs.trained("classifier", "the film was not good")
    found = ablation(run, Target(2), by="mean")
    path = "bert.encoder.layer.1.attention.output.dense"
    columns = silenced(run, path, None, None)[0, :, 3].mean(0)
    logs = silenced(run, path, 3, columns).double()[0].log_softmax(-1)
    assert found.effects[1][3] == pytest.approx(float(logs[2]) - found.plain, abs=2e-5)


def test_a_model_is_left_as_it_was() -> None:
    run = runs.random("bert")
    before = runs.traces(run.network)
    ablation(run, Target(7, 2))
    assert runs.traces(run.network) == before


def test_a_model_without_a_head_that_predicts_is_refused() -> None:
    with pytest.raises(CaptureError, match="BertModel predicts neither words nor labels"):
        ablation(runs.trained("minilm", "a cat"), Target(7, 2))


def test_all_heads_silenced_at_once_leave_what_no_head_hands_on() -> None:
    run = run_of("story")
    found = ablation(run, Target(7, 2), by="zero")
    hooks = [
        run.network.get_submodule(path).register_forward_pre_hook(lambda _, args: (0 * args[0],))
        for path in PROJECTIONS["story", None]
    ]
    with torch.no_grad():
        without = run.logits().double()[2].log_softmax(-1)[7].item()
    for hook in hooks:
        hook.remove()
    assert found.of_all == pytest.approx(without - found.plain, abs=2e-5)
    assert abs(found.of_all - np.sum(found.effects)) > 0.1, "single effects need not add up"


def measured(name: str, question: Question, text: str, target: str = "") -> Measured:
    model = Model(name, name, "folder", str(runs.folder(name)))
    sentence = CaptureRequest("0" * 64, model, Sentence("s", text, target))
    loaded = load(model, head="any")
    request = MeasureRequest("0" * 64, "ablation", model, (sentence,), question)
    arrays, facts = measure(Case(loaded, request))
    return Measured("0" * 64, "ablation", arrays, facts, loaded.provenance)


def test_the_measure_silences_by_both_ways_each_head_and_all() -> None:
    text, _ = TEXTS["bias"]
    found = measured("bias", Question("engineer", "nurse"), text)
    run = run_of("bias")
    nurse, engineer = runs.tokenizer("bias").convert_tokens_to_ids(["nurse", "engineer"])
    place = run.ids.index(runs.tokenizer("bias").mask_token_id)
    names = {f"{by}/{part}" for by in ("zero", "mean") for part in (0, 1, 2, "all")}
    assert set(found.arrays) == names
    for by in ("zero", "mean"):
        expected = ablation(run, Target(engineer, place, against=nurse), by=by)
        layers = found.layers(by)
        assert {(layer.dtype, layer.shape) for layer in layers} == {(np.dtype("float64"), (4,))}
        np.testing.assert_allclose(np.stack(layers), expected.effects, atol=1e-5)
        assert found.arrays[f"{by}/all"] == pytest.approx(expected.of_all, abs=1e-5)
    assert found.facts["kind"] == "encoder"
    answer = found.facts["answer"]
    assert (answer["word"], answer["rather_than"], answer["at"]) == ("engineer", "nurse", place)
    assert answer["value"] == pytest.approx(expected.plain, abs=1e-5)


def test_the_measure_is_of_the_attention_that_readers_see_first() -> None:
    pair = measured("fr-en", Question(), "le chat noir", "the black cat")
    assert pair.facts["kind"] == "cross"
    assert [layer.shape for layer in pair.layers("zero")] == [(4,), (4,)]
    assert pair.facts["answer"]["word"] == "cat"
    assert pair.arrays["zero/all"] < -1, "nothing of the source is left to the decoder"
    writer = measured("story", Question("cat"), "once upon a time there was a")
    assert writer.facts["kind"] == "decoder"
    assert writer.facts["answer"]["after"] == "a"


def test_a_class_changes_by_logits() -> None:
    found = measured("classifier", Question(), "the film was not good")
    assert found.facts["answer"]["unit"] == "logits"
    assert np.abs(np.stack(found.layers("zero"))).max() > 0.01
