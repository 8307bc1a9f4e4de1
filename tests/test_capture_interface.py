# ruff: noqa: TID253 - the libraries are what is tested here
"""The library's interface is watched for as long as it is meant to be, and no longer."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from transformers import AttentionInterface
from transformers.models.llama import modeling_llama

from attention_gallery.capture.seam.interface import watched_interface
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from tiny_models import N_WORDS, build_tiny, network_of

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
        observe(network, {"input_ids": torch.tensor([[10**6]])}, lambda *_: None)
    assert AttentionInterface.get_interface is UNTOUCHED
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    seen: list[object] = []
    observe(network, IDS, lambda *passed: seen.append(passed))
    assert len(seen) == 2


def test_it_is_handed_back_when_what_watches_fails() -> None:
    def see(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), watched_interface(see, nullcontext):
        run(build_tiny("gpt2"))
    assert AttentionInterface.get_interface is UNTOUCHED


def test_two_cannot_watch_at_once() -> None:
    with watched_interface(lambda *_: None, nullcontext):
        with pytest.raises(RuntimeError, match="attention is being observed already"):
            observe(build_tiny("gpt2"), IDS, lambda *_: None)
        with pytest.raises(RuntimeError), watched_interface(lambda *_: None, nullcontext):
            pass
    assert AttentionInterface.get_interface is UNTOUCHED


def test_a_layer_is_seen_before_the_next_runs() -> None:
    network = build_tiny("gpt2")
    seen: list[str] = []
    for layer in network.h:
        layer.register_forward_hook(lambda *_: seen.append("layer done"))

    def see(passing: Passing, asking: nn.Module) -> None:
        seen.append(f"{type(asking).__name__} {list(passing.weights.shape)}")

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


@pytest.mark.parametrize("parts", [False, True])
def test_the_models_own_function_and_what_sees_it_are_undisturbed(parts: bool) -> None:
    order: list[str] = []

    class Undisturbed:
        def __enter__(self) -> None:
            order.append("in")

        def __exit__(self, *_: object) -> None:
            order.append("out")

    with watched_interface(lambda *_: order.append("seen"), Undisturbed, parts=parts):
        run(build_tiny("bert"))
    assert order == ["in", "seen", "out"] * 2


def test_parts_are_those_that_the_models_own_function_is_handed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed: list[Any] = []
    eager = modeling_llama.eager_attention_forward

    def noted(module: Any, query: Any, key: Any, value: Any, *args: Any, **options: Any) -> Any:
        handed.append((query, key, value, options["scaling"]))
        return eager(module, query, key, value, *args, **options)

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", noted)
    seen: list[Passing] = []
    with watched_interface(lambda passing, _: seen.append(passing), nullcontext, parts=True):
        run(build_tiny("llama"))
    assert len(seen) == len(handed) == 2
    for passing, (query, key, value, scaling) in zip(seen, handed, strict=True):
        assert (query.shape[1], key.shape[1]) == (4, 2)  # heads, two for each of the keys
        assert passing.query is query
        assert passing.key is key
        assert passing.value is value
        assert passing.scale == scaling


def test_a_function_that_takes_no_softmax_shows_what_it_was_handed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def evenly(_: Any, query: Any, key: Any, value: Any, *__: Any, **___: Any) -> Any:
        weights = torch.full((*query.shape[:-1], key.shape[-2]), 1 / key.shape[-2])
        return (weights @ value.repeat_interleave(2, dim=1)).transpose(1, 2), weights

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", evenly)
    seen: list[Passing] = []
    with watched_interface(lambda passing, _: seen.append(passing), nullcontext, parts=True):
        run(build_tiny("llama"))
    for passing in seen:
        assert passing.weights.unique().tolist() == pytest.approx([1 / 9])
        assert passing.scores is passing.scale is None
        assert passing.query is not None
        assert passing.value is not None


def seen_in(network: Any, ids: dict[str, Any]) -> list[tuple[int | None, int | None]]:
    """How many heads keys have, and the window that is told, of each attention in a run."""
    seen: list[Passing] = []
    with (
        torch.inference_mode(),
        watched_interface(lambda passing, _: seen.append(passing), nullcontext),
    ):
        network(**ids, use_cache=False)
    return [(passing.n_key_heads, passing.window) for passing in seen]


def test_it_is_told_of_shared_keys_and_of_windows() -> None:
    """By what models hand over; the sizes are those of the tiny configurations."""
    assert seen_in(build_tiny("gpt_oss"), IDS) == [(2, 4), (2, None)]
    assert seen_in(build_tiny("llama"), IDS) == [(2, None)] * 2
    assert seen_in(build_tiny("bert"), IDS) == [(4, None)] * 2


@pytest.mark.parametrize(
    ("name", "windows"),
    [
        ("MistralConfig", [4, 4]),
        ("Gemma2Config", [4, None]),
        ("Gemma3TextConfig", [4, 4]),
        ("Olmo3Config", [4, 4]),
        ("Qwen2MoeConfig", [None, None]),  # it has a window, and does not use it by default
    ],
)
def test_the_window_of_a_family_is_the_one_its_weights_keep_to(
    name: str, windows: list[int | None]
) -> None:
    config = getattr(transformers, name)(
        vocab_size=N_WORDS,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        pad_token_id=0,
        sliding_window=4,
    )
    network = network_of(config)
    assert seen_in(network, IDS) == [(2, window) for window in windows]
    reported = network.eval()(**IDS, use_cache=False, output_attentions=True).attentions
    for weights, window in zip(reported, windows, strict=True):
        reach = torch.nonzero(weights[0].sum(dim=0) > 0)  # pairs of query and key
        assert int((reach[:, 0] - reach[:, 1]).max()) + 1 == (window or 9)


def test_a_window_that_only_the_module_knows_is_told() -> None:
    config = transformers.Qwen2MoeConfig(
        vocab_size=N_WORDS,
        hidden_size=32,
        intermediate_size=48,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_experts=4,
        pad_token_id=0,
        use_sliding_window=True,
        sliding_window=4,
        layer_types=["full_attention", "sliding_attention"],
    )
    assert seen_in(network_of(config), IDS) == [(2, None), (2, 4)]
