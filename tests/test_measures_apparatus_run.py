# ruff: noqa: TID253 - the libraries are what is tested here
"""A run is what is captured, its weights are the model's own, and its twin has learned nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from attention_gallery.capture.feeds import prepare
from attention_gallery.capture.model.loading import load
from attention_gallery.capture.seam.sites import UnobservableError
from attention_gallery.errors import CaptureError
from attention_gallery.measures.apparatus.layers import array, weights
from attention_gallery.measures.apparatus.run import Run, untrained
from attention_gallery.terms import CaptureRequest, Model, Sentence
from runs import SPECIMENS, random, trained
from tiny_models import network_of

# What a library's model calls the weights of each kind of attention.
REPORTED: Mapping[str, Mapping[str, str]] = {
    "story": {"decoder": "attentions"},
    "minilm": {"encoder": "attentions"},
    "t5": {
        "encoder": "encoder_attentions",
        "decoder": "decoder_attentions",
        "cross": "cross_attentions",
    },
}


@pytest.mark.parametrize("model", REPORTED)
def test_weights_are_those_that_the_model_reports(model: str) -> None:
    run = random(model) if model == "t5" else trained(model, "the cat sat on the mat")
    found = weights(run)
    with torch.no_grad():
        reported = run.network(**run.inputs, output_attentions=True)
    assert found.keys() == REPORTED[model].keys()
    for kind, layers in found.items():
        theirs = [layer[0].numpy() for layer in reported[REPORTED[model][kind]]]
        assert len(layers) == len(theirs)
        assert all(np.array_equal(one, other) for one, other in zip(layers, theirs, strict=True))


def test_a_run_is_fed_what_a_capture_is_made_of() -> None:
    model = Model("fr-en", "fr-en", "folder", str(SPECIMENS / "fr-en"))
    loaded = load(model)
    request = CaptureRequest("0" * 64, model, Sentence("s", "le chat noir", "the black cat"))
    run = Run.of(loaded, prepare(loaded, request))
    assert run.network is loaded.network
    assert loaded.tokenizer is not None
    assert run.ids == tuple(loaded.tokenizer("le chat noir").input_ids)
    assert run.inputs["input_ids"].tolist() == [list(run.ids)]
    written = loaded.tokenizer.decode(run.logits().argmax(dim=-1), skip_special_tokens=True)
    assert written == "the black cat"


def test_a_model_without_a_head_predicts_nothing() -> None:
    with pytest.raises(CaptureError, match="BertModel predicts neither words nor labels; a model"):
        trained("minilm", "hello").logits()


def test_a_map_of_labels_is_no_prediction_of_that_kind() -> None:
    config = transformers.SegformerConfig(
        depths=[1] * 4, hidden_sizes=[8] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=8
    )
    network = transformers.SegformerForSemanticSegmentation(config).eval()
    with pytest.raises(CaptureError, match="predicts neither words nor labels"):
        Run(network, {"pixel_values": torch.randn(1, 3, 32, 32)}, ()).logits()


def test_the_logits_of_a_class_are_a_row_and_of_words_a_table() -> None:
    assert trained("classifier", "the film was good").logits().shape == (3,)
    assert random("gpt2").logits().shape == (9, 400)
    assert random("t5").logits().shape == (7, 400)


def test_what_attends_in_windows_has_no_maps() -> None:
    network = network_of(
        transformers.SwinConfig(
            image_size=32, patch_size=4, embed_dim=16, depths=[1], num_heads=[2], window_size=4
        )
    )
    run = Run(network, {"pixel_values": torch.randn(1, 3, 32, 32)}, ())
    with pytest.raises(UnobservableError, match="attends within 4 windows, and a measure is of"):
        weights(run)


def test_numbers_are_copied_and_halves_made_whole() -> None:
    """A model may change its own as soon as they were seen; and numpy knows no bfloat16."""
    for dtype, expected in (
        (torch.float64, np.float64),
        (torch.float32, np.float32),
        (torch.bfloat16, np.float32),
    ):
        numbers = torch.ones(2, 3, dtype=dtype)
        kept = array(numbers)
        numbers.zero_()
        assert kept.dtype == expected
        assert kept.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_the_untrained_twin_is_the_same_architecture_with_other_weights() -> None:
    run = trained("story", "Once upon a time")
    before = torch.random.get_rng_state()
    twin, same, other = (untrained(run.network, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert type(twin) is type(run.network)
    assert not twin.training
    shapes = {name: tensor.shape for name, tensor in run.network.state_dict().items()}
    assert {name: tensor.shape for name, tensor in twin.state_dict().items()} == shapes
    of_run, of_twin, of_same, of_other = (
        weights(replace(run, network=network))["decoder"][0]
        for network in (run.network, twin, same, other)
    )
    assert np.array_equal(of_twin, of_same)
    assert not np.allclose(of_twin, of_other, atol=1e-3)
    assert not np.allclose(of_twin, of_run, atol=1e-2)
