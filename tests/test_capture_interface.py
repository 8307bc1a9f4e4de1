# ruff: noqa: TID253 - the libraries are what is tested here
"""The library's interface is watched for as long as it is meant to be, and no longer."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from attention_gallery.capture.interface import watched_interface
from attention_gallery.capture.weights import observe
from tiny_models import build_tiny

UNTOUCHED = AttentionInterface.get_interface
IDS = {"input_ids": torch.arange(10, 19)[None]}


def run(network: Any) -> Any:
    with torch.inference_mode():
        return network(**IDS, use_cache=False)


def test_it_is_handed_back_as_it_was() -> None:
    with watched_interface(lambda *_: None, nullcontext):
        assert AttentionInterface.get_interface is not UNTOUCHED
    assert AttentionInterface.get_interface is UNTOUCHED


def test_it_is_handed_back_when_the_model_fails() -> None:
    network = build_tiny("gpt2")
    with pytest.raises(IndexError):
        observe(network, {"input_ids": torch.tensor([[10**6]])})
    assert AttentionInterface.get_interface is UNTOUCHED
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert observe(network, IDS)


def test_it_is_handed_back_when_what_watches_fails() -> None:
    def see(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), watched_interface(see, nullcontext):
        run(build_tiny("gpt2"))
    assert AttentionInterface.get_interface is UNTOUCHED


def test_two_cannot_watch_at_once() -> None:
    with watched_interface(lambda *_: None, nullcontext):
        with pytest.raises(RuntimeError, match="attention is being observed already"):
            observe(build_tiny("gpt2"), IDS)
        with pytest.raises(RuntimeError), watched_interface(lambda *_: None, nullcontext):
            pass
    assert AttentionInterface.get_interface is UNTOUCHED


def test_a_layer_is_seen_before_the_next_runs() -> None:
    network = build_tiny("gpt2")
    seen: list[str] = []
    for layer in network.h:
        layer.register_forward_hook(lambda *_: seen.append("layer done"))

    def see(weights: Tensor, asking: nn.Module) -> None:
        seen.append(f"{type(asking).__name__} {list(weights.shape)}")

    with watched_interface(see, nullcontext):
        run(network)
    assert seen == ["GPT2Attention [1, 4, 9, 9]", "layer done"] * 2


def test_the_model_answers_the_same_and_gets_no_weights() -> None:
    network = build_tiny("llama")
    answers: list[Any] = []
    for layer in network.layers:
        layer.self_attn.register_forward_hook(lambda _, __, output: answers.append(output[1]))
    plain = run(network).last_hidden_state
    assert all(weights is not None for weights in answers)
    answers.clear()
    with watched_interface(lambda *_: None, nullcontext):
        watched = run(network).last_hidden_state
    assert answers == [None, None]
    assert torch.equal(plain, watched)


def test_the_models_own_function_runs_undisturbed() -> None:
    order: list[str] = []

    class Undisturbed:
        def __enter__(self) -> None:
            order.append("in")

        def __exit__(self, *_: object) -> None:
            order.append("out")

    with watched_interface(lambda *_: order.append("seen"), Undisturbed):
        run(build_tiny("bert"))
    assert order == ["in", "out", "seen"] * 2
