# ruff: noqa: TID253 - the libraries are what is tested here
"""Norms are those of the vectors that weights and values make, worked out from the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn

from attention_gallery.capture.seam.projection import Written, observe_written
from attention_gallery.capture.seam.sites import UnobservableError
from attention_gallery.measures.apparatus.layers import weights
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.norms import norms, shares
from runs import random, trained
from tiny_models import build_tiny, network_of

Norms = NDArray[np.float64]


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def lengths(weights: Tensor, value: Tensor, matrix: Tensor) -> Norms:
    """``||alpha_ij f(x_j)||``, vector by vector.

    Args:
        weights: ``[head, query, key]``.
        value: Of each head, ``[head][key, dimension]``.
        matrix: What joined heads are multiplied by, ``[head * dimension, state]``.
    """
    n_heads, n_queries, n_keys = weights.shape
    size = matrix.shape[0] // n_heads
    found = np.zeros((n_heads, n_queries, n_keys))
    for head in range(n_heads):
        written = value[head] @ matrix[head * size : (head + 1) * size]
        for query in range(n_queries):
            for key in range(n_keys):
                vector = weights[head, query, key] * written[key]
                found[head, query, key] = vector.square().sum().sqrt()
    return found


def of_bert(network: Any, layer: int, states: Tensor, weights: Tensor) -> Norms:
    bert = getattr(network, "bert", network).encoder.layer[layer].attention
    n_heads = len(weights)
    size = states.shape[-1] // n_heads
    value = states @ bert.self.value.weight.T + bert.self.value.bias
    return lengths(
        weights, value.unflatten(-1, (n_heads, size)).transpose(0, 1), bert.output.dense.weight.T
    )


def of_gpt2(network: Any, layer: int, states: Tensor, weights: Tensor) -> Norms:
    block = network.transformer.h[layer]
    n_heads, width = len(weights), states.shape[-1]
    value = (block.ln_1(states) @ block.attn.c_attn.weight + block.attn.c_attn.bias)[:, 2 * width :]
    value = value.unflatten(-1, (n_heads, width // n_heads)).transpose(0, 1)
    return lengths(weights, value, block.attn.c_proj.weight)


def of_llama(network: Any, layer: int, states: Tensor, weights: Tensor) -> Norms:
    block = network.model.layers[layer]
    attention, n_heads = block.self_attn, len(weights)
    n_shared = network.config.num_key_value_heads
    value = attention.v_proj(block.input_layernorm(states)).unflatten(-1, (n_shared, -1))
    of_each = torch.stack([value[:, head * n_shared // n_heads] for head in range(n_heads)])
    return lengths(weights, of_each, attention.o_proj.weight.T)


Reference = Callable[[Any, int, Tensor, Tensor], Norms]
MADE_BY_HAND: dict[str, Reference] = {
    "bert": of_bert,
    "gpt2": of_gpt2,
    "llama": of_llama,  # four heads, two of values
    "minilm": of_bert,
    "story": of_llama,
    "pronoun": of_bert,
}


@pytest.mark.parametrize("model", MADE_BY_HAND)
def test_norms_are_those_worked_out_from_the_parameters(model: str) -> None:
    is_random = model in ("bert", "gpt2", "llama")
    run = random(model, 7) if is_random else trained(model, "the keys are old")
    (found,) = norms(run).values()
    told = run.network(**run.inputs, output_attentions=True, output_hidden_states=True)
    assert len(found) == len(told.attentions)
    for layer, (ours, theirs) in enumerate(zip(found, told.attentions, strict=True)):
        states = told.hidden_states[layer][0]
        expected = MADE_BY_HAND[model](run.network, layer, states, theirs[0])
        assert expected.max() > 0.01
        assert np.allclose(ours, expected, rtol=1e-6 if is_random else 1e-3, atol=1e-6)


# Where the output projections of some architectures are, each pattern of a module's path.
PROJECTIONS = {
    "t5": (".o",),
    "marian": (".out_proj",),
    "bart": (".out_proj",),
    "gpt_oss": (".o_proj",),
    "vit": (".o_proj", "attention.output.dense"),
    "clip": (".out_proj",),
    "bloom": ("self_attention.dense",),
    "gpt_neox": ("attention.dense",),
}
IN_LINE = {
    "bloom": lambda: transformers.BloomConfig(vocab_size=400, hidden_size=32, n_layer=2, n_head=4),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(
        vocab_size=400,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
    ),
}


def any_run(model: str) -> Run:
    if model in ("t5", "gpt_oss"):
        return random(model)
    network = network_of(IN_LINE[model]()) if model in IN_LINE else build_tiny(model)
    inputs: dict[str, Tensor] = {}
    if model != "vit":
        inputs["input_ids"] = torch.arange(10, 19)[None]
    if network.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = torch.arange(20, 27)[None]
    if model in ("vit", "clip"):
        inputs["pixel_values"] = torch.randn(1, 3, 32, 48 if model == "vit" else 32)
    return Run(network, inputs, ())


@pytest.mark.parametrize("model", PROJECTIONS)
def test_all_that_heads_write_adds_up_to_what_attention_puts_out(model: str) -> None:
    run = any_run(model)
    put_out: list[Tensor] = []
    hooks = [
        module.register_forward_hook(
            lambda module, _, output: put_out.append(output - bias(module, output))
        )
        for path, module in run.network.named_modules()
        if path.endswith(PROJECTIONS[model])
    ]
    seen: list[Written] = []
    observe_written(run.network, run.inputs, seen.append)
    for hook in hooks:
        hook.remove()
    assert len(seen) == len(hooks) >= 2
    for written, expected in zip(seen, put_out, strict=False):  # it ran once more, as a proof
        assert written.vectors is not None
        total = torch.einsum(
            "hqk,hkd->qd", written.weights.to(written.vectors.dtype), written.vectors
        )
        assert torch.allclose(total, expected.reshape(total.shape), rtol=1e-3, atol=1e-4)


def bias(module: nn.Module, output: Tensor) -> Tensor:
    own = getattr(module, "bias", None)
    return torch.zeros_like(output) if own is None else own


def test_a_pair_has_norms_of_each_kind_of_attention() -> None:
    run = random("t5")
    found = norms(run)
    assert {kind: [layer.shape for layer in layers] for kind, layers in found.items()} == {
        kind: [layer.shape for layer in layers] for kind, layers in weights(run).items()
    }
    assert [len(layers) for layers in found.values()] == [2, 3, 3]


def test_shares_of_a_row_sum_to_one_and_keep_its_order() -> None:
    (layers,) = norms(trained("minilm", "the cat sat on the mat")).values()
    for layer in layers:
        assert np.allclose(shares(layer).sum(axis=-1), 1, atol=1e-5)
        assert np.array_equal(shares(layer).argmax(axis=-1), layer.argmax(axis=-1))


def test_what_is_looked_at_most_is_not_what_most_is_taken_from() -> None:
    """MiniLM rests on [CLS] where it has nothing to find, and takes little from it."""
    run = trained("minilm", "A man is playing the guitar on a stage in front of a crowd.")
    raw, written = weights(run)["encoder"], norms(run)["encoder"]
    for layer in (1, 2, 3, 4):
        on_first = raw[layer][:, 1:, 0].mean()
        from_first = shares(written[layer])[:, 1:, 0].mean()
        assert from_first < on_first / 2


# --- Where it cannot be told ----------------------------------------------------------------------


@contextmanager
def gated(network: Any) -> Iterator[None]:
    """A model that halves what heads have gathered before it is projected."""
    dense = network.encoder.layer[1].attention.output.dense
    hook = dense.register_forward_pre_hook(lambda _, args: (args[0] / 2,))
    try:
        yield
    finally:
        hook.remove()


def test_a_model_that_does_more_to_what_heads_gather_is_refused() -> None:
    run = trained("minilm", "hello there")
    with gated(run.network), pytest.raises(UnobservableError) as caught:
        norms(run)
    assert str(caught.value) == (
        "what the heads of encoder.layer.1.attention.self write cannot be told: no linear layer is "
        "fed what they gather, as it is; norms can be had of attention with a plain output "
        "projection"
    )


def test_a_model_without_a_linear_layer_for_it_is_refused() -> None:
    """XLNet projects by a parameter of its own; it has no layer for it."""
    config = transformers.XLNetConfig(vocab_size=400, d_model=32, n_layer=2, n_head=4, d_inner=48)
    run = Run(network_of(config), {"input_ids": torch.arange(10, 19)[None]}, ())
    with pytest.raises(UnobservableError, match=r"the heads of layer.0.rel_attn write cannot be"):
        norms(run)


def test_the_model_is_left_as_it_was() -> None:
    run = trained("minilm", "hello there")
    before = hooks(run.network)
    norms(run)
    assert hooks(run.network) == before
    with pytest.raises(IndexError):
        norms(Run(run.network, {"input_ids": torch.tensor([[10**6]])}, ()))
    assert hooks(run.network) == before


def hooks(network: nn.Module) -> list[list[int]]:
    """The numbers of all hooks; the library sets some of its own."""
    return [[*module._forward_hooks, *module._forward_pre_hooks] for module in network.modules()]
