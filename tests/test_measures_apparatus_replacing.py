# ruff: noqa: TID253 - models are run here
"""Many heads are tried at once where a model keeps rows apart, and it is said whose heads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import Tensor

import runs
from attention_gallery.errors import CaptureError
from attention_gallery.measures.ablation import ablation
from attention_gallery.measures.apparatus import replacing, rows
from attention_gallery.measures.apparatus.targets import Target


@pytest.mark.parametrize("tokens", [1, 40])
def test_effects_are_the_same_however_many_heads_are_tried_at_once(
    tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.random("gpt2")
    expected = ablation(run, Target(7, -1)).effects
    monkeypatch.setattr(rows, "TOKENS", tokens)
    np.testing.assert_allclose(ablation(run, Target(7, -1)).effects, expected, atol=1e-9)


def test_a_model_whose_rows_touch_each_other_is_run_row_by_row() -> None:
    run = runs.random("gpt2")
    expected = ablation(run, Target(7, -1)).effects
    batches: list[int] = []

    def touch(_: Any, __: Any, logits: Tensor) -> Tensor:
        batches.append(len(logits))
        return logits * len(logits)

    run.network.lm_head.register_forward_hook(touch)
    np.testing.assert_allclose(ablation(run, Target(7, -1)).effects, expected, atol=1e-9)
    assert batches[-8:] == [1] * 8


def test_layers_that_differ_in_their_heads_have_an_array_each() -> None:
    numbers = replacing.per_head(np.arange(5.0), {"one": 2, "two": 3})  # type: ignore[dict-item]
    assert [row.tolist() for row in numbers] == [[0, 1], [2, 3, 4]]


def test_of_a_pair_it_must_be_said_whose_heads() -> None:
    run = runs.random("t5")
    with pytest.raises(CaptureError) as caught:
        ablation(run, Target(7, 2))
    assert str(caught.value) == (
        "the model has several kinds of attention; name one of: encoder, decoder, cross"
    )
    with pytest.raises(CaptureError, match="the model has no vision attention"):
        ablation(run, Target(7, 2), "vision")


@pytest.mark.parametrize("attention", [None, "encoder", "decoder"])
def test_of_a_model_of_one_stack_its_kind_need_not_be_known(attention: Any) -> None:
    run = runs.random("gpt2")
    np.testing.assert_array_equal(
        ablation(run, Target(7, 2), attention).effects, ablation(run, Target(7, 2)).effects
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [("gpt2", "decoder"), ("bert", "encoder"), ("t5", "cross"), ("xlnet", "encoder")],
)
def test_the_natural_attention_is_that_which_captures_show_first(name: str, kind: str) -> None:
    assert replacing.natural(runs.random(name)) == kind


def test_numbers_of_heads_are_named_by_their_layers() -> None:
    named = replacing.by_layer("zero", (np.arange(2.0), np.arange(3.0)))
    assert {name: row.tolist() for name, row in named.items()} == {
        "zero/0": [0, 1],
        "zero/1": [0, 1, 2],
    }
