# ruff: noqa: TID253 - models are run here
"""Probes tell what is in states, beside what can be learnt by heart, and always the same."""

from __future__ import annotations

import json
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import runs
from attention_gallery import resources
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import CaptureError, InputError, ModelError
from attention_gallery.labels import read_labels
from attention_gallery.measures import probing
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.embedding import Side
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.probing import Example, measure, probe, states
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import MeasureRequest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def repeating(n_sentences: int) -> tuple[list[Run], list[Example]]:
    """Random words, each labelled with whether it has stood in its sentence before."""
    network = runs.trained("story", "a").network
    draw = np.random.default_rng(0)
    sentences, examples = [], []
    for number in range(n_sentences):
        ids = (0, *(100 + draw.choice(24, 16)).tolist())
        sentences.append(Run(network, {"input_ids": torch.tensor([ids])}, ids))
        examples += [
            Example(
                number, (place,), "again" if ids[place] in ids[:place] else "new", str(ids[place])
            )
            for place in range(1, 17)
        ]
    return sentences, examples


def test_that_a_word_has_stood_before_is_in_no_word_but_in_later_states() -> None:
    found = probe(*repeating(20), repeats=1)
    accuracy, control = found.accuracy.mean(axis=0), found.control.mean(axis=0)
    majority = found.majority.mean()
    assert accuracy[0] < majority + 0.05
    assert accuracy[2:].max() > majority + 0.1
    assert control[0] > 0.95  # a word is learnt by heart
    np.testing.assert_array_equal(found.selectivity, found.accuracy - found.control)
    assert found.selectivity[:, 0].max() < 0 < found.selectivity[:, 2:].max()


def by_hand(
    trained: NDArray[np.float32], told: list[int], tested: NDArray[np.float32]
) -> list[int]:
    """Logistic regression of two labels with a penalty of half the squared weights."""
    scale = trained.std(0).clip(1e-12)
    x, z = (torch.tensor((part - trained.mean(0)) / scale).double() for part in (trained, tested))
    x, z = (torch.where(part.isfinite(), part, 0) for part in (x, z))
    sign = 2 * torch.tensor(told).double() - 1
    weights = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    step = torch.optim.LBFGS([weights], max_iter=400, tolerance_grad=1e-6, tolerance_change=0,
                             line_search_fn="strong_wolfe")  # fmt: skip

    def loss() -> torch.Tensor:
        step.zero_grad()
        margin = sign * (x @ weights[1:] + weights[0])
        total = torch.nn.functional.softplus(-margin).sum() + weights[1:].square().sum() / 2
        total.backward()
        return total

    step.step(loss)
    said: list[int] = ((z @ weights[1:] + weights[0]) > 0).int().tolist()
    return said


def test_accuracy_is_that_of_a_logistic_regression_done_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sentences, examples = repeating(5)
    tested = np.array([one.sentence in (2, 4) for one in examples])
    monkeypatch.setattr(probing, "_tested", lambda *_: tested)
    found = probe(sentences, examples, repeats=1)
    told = np.array([int(one.label == "new") for one in examples])
    assert (found.n_trained.tolist(), found.n_tested.tolist()) == ([48], [32])
    assert found.majority[0] == pytest.approx((told[tested] == (told[~tested].mean() > 0.5)).mean())
    for state in (0, 2):
        rows = np.stack([states(sentences[one.sentence])[state, one.tokens[0]] for one in examples])
        said = by_hand(rows[~tested], told[~tested].tolist(), rows[tested])
        assert found.accuracy[0, state] == pytest.approx((said == told[tested]).mean())


def test_sentences_are_held_out_whole_and_all_labels_stay_in_training() -> None:
    _, examples = repeating(10)
    sentences, labels = (
        np.array([getattr(one, name) for one in examples]) for name in ("sentence", "label")
    )
    draw = np.random.default_rng(1)
    for _ in range(5):
        tested = probing._tested(examples, 0.3, draw)
        assert len(set(sentences[tested])) == 3
        assert not set(sentences[tested]) & set(sentences[~tested])
        assert set(labels[~tested]) == {"again", "new"}


def test_a_sentence_that_alone_has_a_label_is_not_held_out_with_the_other_that_has_it() -> None:
    examples = [Example(i, (0,), "rare" if i < 2 else "common", "a") for i in range(12)]
    for seed in range(20):
        tested = probing._tested(examples, 0.5, np.random.default_rng(seed))
        assert tested.sum() == 6
        assert not tested[:2].all()


def test_a_random_label_is_a_words_own() -> None:
    words = np.array([*"121321"] * 50)
    labels = np.array(["a", "b", "a", "a", "b", "a"] * 50)
    given = probing._at_random(words, labels, np.random.default_rng(0))
    assert all(len(set(given[words == word])) == 1 for word in "123")
    draw = np.random.default_rng(0)
    many = np.array([probing._at_random(words, labels, draw)[0] == "a" for _ in range(400)])
    assert many.mean() == pytest.approx(2 / 3, abs=0.1)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    given = repeating(4)
    once, again, other = (probe(*given, repeats=1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once.accuracy, again.accuracy)
    np.testing.assert_array_equal(once.control, again.control)
    assert not np.array_equal(once.control, other.control)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_states_of_a_pair_are_those_of_the_side_that_is_asked_for(side: Side) -> None:
    run = runs.trained("fr-en", "le chat noir", "the black cat")
    with torch.no_grad():
        told = run.network(**run.inputs, output_hidden_states=True)[f"{side}_hidden_states"]
    np.testing.assert_array_equal(states(run, side), torch.cat(told))


def test_a_model_without_a_head_is_probed_too() -> None:
    assert states(runs.trained("minilm", "a cat")).shape == (7, 4, 384)


def test_labels_that_are_too_few_are_named() -> None:
    sentences, examples = repeating(4)
    with pytest.raises(InputError) as caught:
        probe(
            sentences,
            [
                *(one for one in examples if one.sentence < 3),
                Example(2, (3,), "odd", "a"),
                *(one for one in examples if one.sentence == 3),
            ],
        )
    assert str(caught.value) == (
        'the label "odd" is in one sentence only, so that it cannot be trained on in one and '
        "tested in another; label more sentences, or leave it out"
    )
    with pytest.raises(InputError, match='two labels to tell apart; all have the label "new"'):
        probe(sentences, [Example(i, (1,), "new", "a") for i in range(4)])


def test_without_scikit_learn_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(CaptureError, match="probes need scikit-learn") as caught:
        probe(*repeating(4))
    assert "pip install" in caught.value.hint


OURS = resources.galleries() / "labels"


@cache
def loaded(specimen: str) -> Any:
    return load(model_from_source(f"specimen:{specimen}"), head="any")


def case(specimen: str, file: Path) -> Case:
    held = loaded(specimen)
    model = model_from_source(f"specimen:{specimen}")
    return Case(held, MeasureRequest("0" * 64, "probing", model, labels=str(file)))


def written(folder: Path, text: str, name: str = "labels.csv") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


@cache
def measured(specimen: str, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return measure(case(specimen, OURS / name))


def test_who_hurts_themselves_is_told_by_later_layers_and_no_word_is_enough() -> None:
    arrays, facts = measured("pronoun", "who-does-it.csv")
    accuracy, control = (arrays[name].mean(axis=0) for name in ("accuracy", "control"))
    assert arrays["accuracy"].shape == arrays["control"].shape == (5, 4)
    assert arrays["majority"].shape == (5,)
    assert accuracy[0] < 0.75 < control[0]
    assert accuracy[2] > 0.93
    assert control[2] < 0.85
    assert facts["states"] == ["words", "after L0", "after L1", "after L2"]
    assert facts["labels"] == {"does not": 72, "does it": 60}
    assert (facts["n_sentences"], facts["n_words"], facts["of"]) == (60, 26, "words")
    assert facts["n_train"] + facts["n_test"] == pytest.approx(132)
    assert 0.8 < facts["known"] < 1
    assert facts["file"] == "who-does-it.csv"
    assert {facts[name] for name in ("repeats", "seed", "penalty", "held_out")} == {5, 0, 1, 0.3}
    json.dumps(facts)


def test_that_a_word_comes_again_is_told_by_states_of_a_model_that_writes() -> None:
    arrays, facts = measured("story", "first-or-again.yml")
    accuracy, control = (arrays[name].mean(axis=0) for name in ("accuracy", "control"))
    assert accuracy[0] < 0.65
    assert accuracy[2:].min() > 0.9
    assert (control[2:] < 0.7).all()
    assert facts["side"] == ""


def test_of_whole_texts_the_sum_of_words_is_not_enough_and_the_last_layer_is() -> None:
    arrays, facts = measured("classifier", "for-or-against.yml")
    accuracy, control = (arrays[name].mean(axis=0) for name in ("accuracy", "control"))
    assert accuracy[0] < 0.7
    assert accuracy[-1] > 0.97
    assert control.max() < 0.55  # a random label of a text says nothing about another text
    assert (facts["of"], facts["n_words"], facts["known"]) == ("texts", 96, 0)


def test_the_same_file_gives_the_same_numbers() -> None:
    once = measured("pronoun", "who-does-it.csv")
    again = measure(case("pronoun", OURS / "who-does-it.csv"))
    assert once[1] == again[1]
    for name in once[0]:
        np.testing.assert_array_equal(once[0][name], again[0][name])


def test_a_word_is_told_from_its_last_token_and_a_text_from_the_mean_of_its_own(
    tmp_path: Path,
) -> None:
    """In the story specimen some words are several tokens, and the first token is a mark."""
    text = "Once upon a time the unbelievable fox ran"
    words = written(tmp_path, f"text,word,label\n{text},unbelievable,a\n{text},fox,b\n"
                    "the fox,the,b\nthe fox,fox,a\n")  # fmt: skip
    whole = written(tmp_path, f"text,label\n{text},a\nthe fox,b\na fox,a\na dog,b\n", "whole.csv")
    found: list[Example] = []
    [run, *_] = probing._runs(case("story", words), read_labels(words), found)
    ids = runs.tokenizer("story").convert_ids_to_tokens(list(run.ids))
    assert found[0].tokens == (found[1].tokens[0] - 1,)
    assert [ids[one.tokens[0]] for one in found[:2]] == ["le", "\u0120fox"]
    assert found[0].word == "unbelievable"
    found = []
    [run, *_] = probing._runs(case("story", whole), read_labels(whole), found)
    assert found[0].tokens == tuple(range(1, len(run.ids)))
    told = states(run)[:, 1:].astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(probing._seen([run], found[:1], "encoder")[:, 0], told)


def test_of_a_pair_the_encoder_is_probed_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"le {a} {b},{word},{label}" for a in ("chat", "chien") for b in ("noir", "blanc")
            for word, label in ((a, "noun"), (b, "adjective"))]  # fmt: skip
    file = written(tmp_path, "\n".join(["text,word,label", *rows]))
    network = loaded("fr-en").network
    monkeypatch.setattr(type(network), "generate", lambda *_, **__: pytest.fail("it wrote"))
    arrays, facts = measure(case("fr-en", file))
    assert facts["side"] == "encoder"
    assert arrays["accuracy"].shape[1] == 1 + network.config.encoder_layers
    assert arrays["accuracy"].min() == 1


def test_a_text_that_does_not_fit_the_model_is_named_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, "text,label\na fox,a\n" + "a fox " * 300 + ",b\nb,b\nc,a\n")
    with pytest.raises(ModelError, match=r"labels.csv:3: .* tokens, and the model reads"):
        measure(case("story", file))
    with pytest.raises(ModelError, match="the model is fed images"):
        measure(case("shapes", OURS / "for-or-against.yml"))


def test_states_that_are_no_numbers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "states", lambda *_: np.full((3, 20, 4), np.nan, np.float32))
    with pytest.raises(CaptureError, match="no finite numbers"):
        probe(*repeating(4))
