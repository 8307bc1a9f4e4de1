# ruff: noqa: TID253 - models are run here
"""All measures: what they declare, and how they are taken."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from transformers import AutoConfig, AutoModelForSequenceClassification

from attention_gallery import build, measures, resources
from attention_gallery.codes import decode
from attention_gallery.errors import GalleryError, InputError, Where
from attention_gallery.measures import measure_all
from attention_gallery.model_source import model_from_source
from attention_gallery.store import Store
from attention_gallery.terms import (
    PATTERNS,
    CaptureRequest,
    MeasureRequest,
    Model,
    Pattern,
    Question,
    Sentence,
)
from projects import write_manifest
from tiny_models import save_tiny

NAMES = resources.measure_names()


def request(measure: str, specimen: str, text: str, **question: object) -> MeasureRequest:
    model = model_from_source(f"specimen:{specimen}")
    passes = (CaptureRequest("", model, Sentence("s", text)),) if text else ()
    asked = Question(**question)  # type: ignore[arg-type]
    return MeasureRequest(
        f"{measure}-{specimen}-{text}", measure, model, passes, asked, (Where("a.yml", 3, 5),)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_declares_what_it_is_of(name: str) -> None:
    measure = measures.load(name)
    assert measure.TITLE
    assert measure.READS in ("sentence", "pair", "model", "labels")
    assert isinstance(measure.ASKS, bool)
    assert measures.need(name).measure == name


@pytest.mark.parametrize("name", [*NAMES, *resources.view_names()])
def test_a_measure_and_a_view_are_told_of_in_the_readme(name: str) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert f"| `{name}` |" in readme or f"**{name}**" in readme or f"| {name} |" in readme


def test_every_pattern_that_is_probed_can_be_named_in_a_manifest() -> None:
    assert set(get_args(Pattern)) == set(PATTERNS)


def test_a_model_is_loaded_once_for_all_its_measures() -> None:
    heard: list[str] = []
    found = [
        *measure_all(
            [request("norms", "story", "the cat"), request("rollout", "story", "the cat")],
            heard.append,
        )
    ]
    assert [each.measure for each in found] == ["norms", "rollout"]
    assert sum(said.startswith("Loading") for said in heard) == 1
    assert found[0].facts["title"] == "Norm-based weights"
    assert found[0].provenance.architecture == "LlamaForCausalLM"


def test_shares_and_rollouts_are_maps_whose_rows_add_up() -> None:
    wanted = [request(name, "bias", "the nurse said he was tired") for name in ("norms", "rollout")]
    for found, choice in zip(measure_all(wanted), ("norm-shares", "rollout"), strict=True):
        layers = found.layers(f"map/{choice}/encoder")
        assert len(layers) == 3
        for layer in layers:
            np.testing.assert_allclose(decode(layer).sum(axis=-1), 1, atol=1e-3)


def test_a_measure_that_fails_does_not_stop_the_others_and_names_its_exhibit() -> None:
    wanted = [
        request("gradient", "bias", "the nurse slept"),
        request("norms", "bias", "the nurse slept"),
    ]
    taken = measure_all(wanted)
    assert next(taken).measure == "norms"
    with pytest.raises(
        InputError, match=r"a.yml:3:5: gradient of sentence .*: the model fills gaps"
    ):
        next(taken)


def test_a_build_measures_once_and_draws_from_the_store(tmp_path: Path) -> None:
    manifest = write_manifest(
        tmp_path,
        sentences={"cat": "the cat saw the dog"},
        exhibits=[
            {
                "id": "cat",
                "model": "story",
                "sentence": "cat",
                "views": ["heatmap"],
                "measures": ["rollout", "norms"],
            }
        ],
    )
    plan, store = build.read([manifest]), Store(tmp_path / ".attention")
    assert build.obtain(plan, store) == 3
    assert build.obtain(plan, store) == 0
    site = build.build_site(plan, store).site
    page = next(page for page in site.pages if page.path == "exhibits/cat.md")
    assert "norms, as shares" in page.fragments["heatmap"]
    assert "Norm-based weights; Attention rollout" in page.fragments["about"]
    (archive,) = (each for each in site.assets if each.path.endswith("measures.npz"))
    (tmp_path / "measures.npz").write_bytes(archive.content)
    with np.load(tmp_path / "measures.npz") as arrays:
        assert arrays["rollout/map/rollout/decoder/2"].shape == (1, 9, 9)
        assert json.loads(str(arrays["norms/facts"]))["longest"]["decoder"] > 0


def test_going_on_leaves_out_what_cannot_be_measured(tmp_path: Path) -> None:
    exhibits = [
        {"id": "cat", "model": "story", "sentence": "cat", "views": ["heatmap"]},
        {
            "id": "asked",
            "model": "story",
            "sentence": "cat",
            "views": ["heatmap"],
            "measures": ["gradient"],
            "ask": {"at": 99},
        },
    ]
    manifest = write_manifest(tmp_path, sentences={"cat": "the cat saw"}, exhibits=exhibits)
    plan, store = build.read([manifest]), Store(tmp_path / ".attention")
    with pytest.raises(GalleryError, match="does not answer at token 99"):
        build.build_site(plan, store)
    built = build.build_site(plan, store, keep_going=True)
    assert [exhibit.id for exhibit in built.shown] == ["cat"]
    assert "does not answer at token 99" in built.shortfall


def published(folder: Path, shape: str, auto: Any, **settings: Any) -> MeasureRequest:
    """A tiny model of a class with a head, saved with its tokenizer."""
    save_tiny(folder, shape)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    config.update(settings)
    auto.from_config(config).save_pretrained(folder)
    model = Model("m", "./m", "folder", str(folder))
    passes = (CaptureRequest("", model, Sentence("s", "the black cat and the cat")),)
    return MeasureRequest("0" * 64, "ablation", model, passes)


@pytest.mark.parametrize(
    ("shape", "name"), [("bert", "BertForMaskedLM"), ("llama", "LlamaForCausalLM")]
)
def test_a_head_that_was_not_published_answers_nothing(
    tmp_path: Path, shape: str, name: str
) -> None:
    """The library would fill it with noise, which would be measured and stored for ever."""
    folder = save_tiny(tmp_path / "m", shape)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "architectures": [name]}), "utf-8")
    model = Model("m", "./m", "folder", str(folder))
    passes = (CaptureRequest("", model, Sentence("s", "the black cat")),)
    wanted = [MeasureRequest(each, each, model, passes) for each in ("norms", "predictions")]
    taken = measure_all(wanted)
    assert next(taken).measure == "norms"
    with pytest.raises(GalleryError, match="neither"):
        next(taken)


@pytest.mark.parametrize("measure", ["ablation", "knockout", "attribution", "gradient"])
def test_a_classifier_without_a_padding_token_is_measured_in_batches(
    tmp_path: Path, measure: str
) -> None:
    request = published(
        tmp_path / "m", "gpt2", AutoModelForSequenceClassification, num_labels=3, pad_token_id=None
    )
    (found,) = measure_all([dataclasses.replace(request, measure=measure)])
    assert found.facts["answer"]["unit"] == "logits"
    assert found.provenance.architecture == "GPT2ForSequenceClassification"


@pytest.mark.parametrize(
    ("settings", "probability"),
    [
        ({"num_labels": 1}, None),
        ({"num_labels": 3, "problem_type": "regression"}, None),
        ({"num_labels": 3, "problem_type": "multi_label_classification"}, "sigmoid"),
        ({"num_labels": 3}, "softmax"),
    ],
)
def test_a_class_has_the_probability_that_its_kind_of_classifier_gives_it(
    tmp_path: Path, settings: dict[str, Any], probability: str | None
) -> None:
    request = published(tmp_path / "m", "bert", AutoModelForSequenceClassification, **settings)
    (found,) = measure_all([request])
    value, chance = (found.facts["answer"][name] for name in ("value", "probability"))
    assert (chance is None) == (probability is None)
    if probability == "sigmoid":
        assert chance == pytest.approx(1 / (1 + np.exp(-value)), rel=1e-5)
    if probability == "softmax":
        assert 1 / 3 < chance < 1
