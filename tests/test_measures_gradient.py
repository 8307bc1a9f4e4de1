# ruff: noqa: TID253 - the libraries are what is tested here
"""Gradients of weights are what an answer changes by when a weight is nudged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor
from transformers.models.bert import modeling_bert
from transformers.models.diffllama import modeling_diffllama
from transformers.models.gpt2 import modeling_gpt2
from transformers.models.llama import modeling_llama
from transformers.models.t5 import modeling_t5

from attention_gallery.capture.seam.sites import UnobservableError
from attention_gallery.errors import CaptureError
from attention_gallery.measures.apparatus.layers import weights
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.measures.gradient import gradient_x_attention, likeliest
from runs import random, trained

# How much a weight is nudged, and how far the outcome may then be off. Llama and T5 take a softmax
# in single precision whatever they compute in, so a small nudge drowns in its rounding.
EXACT, ROUGH = (1e-3, 1e-6), (1e-3, 5e-3)

Cell = tuple[
    int, int, int, int
]  # number of the attention in the order of the run, head, query, key


@contextmanager
def nudged(library: Any, cell: Cell, by: float) -> Iterator[None]:
    """Have one attention of a model give one key a little more weight, and no other less."""
    eager = library.eager_attention_forward
    n_run = 0

    def forward(
        module: Any, query: Tensor, key: Tensor, value: Tensor, *args: Any, **options: Any
    ) -> Any:
        nonlocal n_run
        output, given = eager(module, query, key, value, *args, **options)
        if n_run == cell[0]:
            _, head, row, column = cell
            shared = head * value.shape[1] // query.shape[1]
            output = output.clone()  # [batch, query, head, dimension]
            output[0, row, head] += by * value[0, shared, column]
        n_run += 1
        return output, given

    library.eager_attention_forward = forward
    try:
        yield
    finally:
        library.eager_attention_forward = eager


def by_difference(
    run: Run, library: Any, cell: Cell, read: Callable[[Tensor], Tensor], nudge: float
) -> float:
    """The gradient of what is read off an answer, with respect to one weight.

    Of five points, so that the nudge need not be tiny: its error goes with the fourth power.
    """

    def at(by: float) -> float:
        with torch.no_grad(), nudged(library, cell, by):
            return float(read(run.logits()))

    return (8 * (at(nudge) - at(-nudge)) - (at(2 * nudge) - at(-2 * nudge))) / (12 * nudge)


def in_float64(run: Run) -> Run:
    """A specimen in double precision, in which small differences can be told."""
    network = type(run.network)(run.network.config).double().eval()
    network.load_state_dict(run.network.state_dict())
    return replace(run, network=network)


def chance(token: int, position: int) -> Callable[[Tensor], Tensor]:
    def read(logits: Tensor) -> Tensor:
        row = logits[position]
        return (row[token].exp() / row.exp().sum()).log()

    return read


STORY = "Once upon a time, in a land far away, there lived a"
CASES: dict[str, tuple[Callable[[], Run], Any, Target | None, Callable[[Tensor], Tensor]]] = {
    "gpt2": (lambda: random("gpt2"), modeling_gpt2, Target(7, 5), chance(7, 5)),
    "llama": (lambda: random("llama"), modeling_llama, Target(7, 8), chance(7, 8)),
    "bert": (lambda: random("bert"), modeling_bert, Target(7, 3), chance(7, 3)),
    "t5": (lambda: random("t5"), modeling_t5, Target(7, 4), chance(7, 4)),
    "story": (
        lambda: in_float64(trained("story", STORY)),
        modeling_llama,
        None,
        lambda logits: logits[-1].log_softmax(dim=-1).max(),
    ),
    "classifier": (
        lambda: in_float64(trained("classifier", "the film was not good")),
        modeling_bert,
        None,
        lambda logits: logits.max(),
    ),
}


@pytest.mark.parametrize("model", CASES)
def test_they_are_what_an_answer_changes_by(model: str) -> None:
    make, library, target, read = CASES[model]
    run = make()
    found, raw = gradient_x_attention(run, target), weights(run)
    assert found.keys() == raw.keys()
    # A pair runs its encoder, and then in each layer of the decoder one attention after the other.
    kinds = list(raw)
    if len(kinds) == 3:
        pairs = zip(found["decoder"], found["cross"], strict=True)
        others = zip(raw["decoder"], raw["cross"], strict=True)
        products = [*found["encoder"], *chain.from_iterable(pairs)]
        given = [*raw["encoder"], *chain.from_iterable(others)]
    else:
        products, given = list(found[kinds[0]]), list(raw[kinds[0]])
    nudge, error = EXACT if library in (modeling_bert, modeling_gpt2) else ROUGH
    draw = np.random.default_rng(0)
    seen = 0.0
    for number, (product, layer) in enumerate(zip(products, given, strict=True)):
        assert product.shape == layer.shape
        some = draw.permutation(np.argwhere(layer > 0))[:3]
        largest = np.unravel_index(np.abs(product).argsort(axis=None)[-3:], product.shape)
        for head, row, column in [*some.tolist(), *np.transpose(largest).tolist()]:
            expected = by_difference(run, library, (number, head, row, column), read, nudge)
            expected *= float(layer[head, row, column])
            assert product[head, row, column] == pytest.approx(
                expected, rel=error, abs=error * np.abs(product).max()
            )
            seen = max(seen, abs(expected))
    assert seen > 1e-3
    assert (
        min(product.min() for product in products) < 0 < max(product.max() for product in products)
    )


def test_by_default_it_asks_about_the_likeliest_next_word() -> None:
    run = trained("story", STORY)
    logits = run.logits().detach()
    chosen = likeliest(run.network, logits)
    assert chosen == Target(int(logits[-1].argmax()), len(run.ids) - 1)
    (default,), (named,) = (gradient_x_attention(run, target).values() for target in (None, chosen))
    assert all(np.array_equal(one, other) for one, other in zip(default, named, strict=True))


def test_rows_that_nothing_is_read_from_have_none() -> None:
    run = random("llama")
    *_, last = gradient_x_attention(run, Target(7, 4))["decoder"]
    assert np.abs(last[:, 4]).max() > 0
    assert not last[:, np.arange(last.shape[1]) != 4].any()


def test_of_a_model_that_labels_each_token_it_has_to_be_said_which() -> None:
    with pytest.raises(CaptureError, match=r"of which one is asked is not said; name a position"):
        gradient_x_attention(random("bert"))


def test_of_a_model_without_a_head_nothing_can_be_asked() -> None:
    with pytest.raises(CaptureError, match="predicts neither words nor labels"):
        gradient_x_attention(trained("minilm", "hello"))


def test_two_halves_of_values_share_their_weights() -> None:
    """DiffLlama takes the same softmax twice; what both are used for is added up."""
    config = transformers.DiffLlamaConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    network = transformers.DiffLlamaForCausalLM._from_config(config, attn_implementation="eager")
    run = Run(network.eval().double(), {"input_ids": torch.arange(10, 19)[None]}, ())
    found, raw = gradient_x_attention(run, Target(7, 8))["decoder"], weights(run)["decoder"]
    assert [layer.shape for layer in found] == [layer.shape for layer in raw] == [(4, 9, 9)] * 2
    nudge, error = ROUGH
    for head, row, column in ((0, 8, 3), (2, 5, 5), (3, 7, 0)):
        both = sum(
            by_difference(run, modeling_diffllama, (half, head, row, column), chance(7, 8), nudge)
            for half in (0, 1)
        )
        assert found[0][head, row, column] == pytest.approx(
            both * raw[0][head, row, column], rel=error, abs=error * np.abs(found[0]).max()
        )


def test_weights_that_a_model_does_not_go_on_with_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    eager = modeling_llama.eager_attention_forward

    def other(*args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        output, given = eager(*args, **options)
        return output, given.clone()

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", other)
    with pytest.raises(
        UnobservableError, match=r"model.layers.0.self_attn have no gradient: those"
    ):
        gradient_x_attention(random("llama"))


def test_layers_that_nothing_is_read_from_have_none() -> None:
    """LLaVA leaves out the last layer of its eye."""
    eye = transformers.CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        projection_dim=16,
    )
    text = transformers.LlamaConfig(
        vocab_size=400,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    config = transformers.LlavaConfig(vision_config=eye, text_config=text, image_token_index=399)
    network = transformers.LlavaForConditionalGeneration._from_config(
        config, attn_implementation="eager"
    )
    inputs = {
        "input_ids": torch.tensor([[5, 399, 399, 399, 399, 6]]),
        "pixel_values": torch.randn(1, 3, 16, 16),
    }
    found = gradient_x_attention(Run(network.eval(), inputs, ()), Target(7, 5))
    reached = [bool(layer.any()) for layer in found["vision"]]
    assert reached == [True, True, False]
    assert found["decoder"][0].any()


def test_what_torch_attends_with_by_itself_is_refused() -> None:
    """Its multi-head attention shows weights, and goes on with others; WavLM puts them out too."""
    config = transformers.WavLMConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        conv_dim=[8],
        conv_stride=[4],
        conv_kernel=[4],
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        num_labels=3,
        classifier_proj_size=8,
    )
    network = transformers.WavLMForSequenceClassification._from_config(
        config, attn_implementation="eager"
    )
    run = Run(network.eval(), {"input_values": torch.randn(1, 80)}, ())
    with pytest.raises(UnobservableError, match=r"layers.0.attention have no gradient: those that"):
        gradient_x_attention(run)


@pytest.mark.parametrize("token", [7, 10**6])
def test_the_model_is_left_as_it_was(token: int) -> None:
    run = random("llama")
    frozen = run.network.get_input_embeddings().weight.requires_grad_(False)
    fails = token > 400
    inputs = dict(run.inputs) | ({"input_ids": torch.tensor([[token]])} if fails else {})
    before = state(run.network)
    if fails:
        with pytest.raises(IndexError):
            gradient_x_attention(replace(run, inputs=inputs))
    else:
        gradient_x_attention(run)
    assert state(run.network) == before
    assert not frozen.requires_grad
    assert torch.is_grad_enabled()


def state(network: Any) -> list[Any]:
    return [
        network.training,
        [(name, tensor.requires_grad, tensor.grad) for name, tensor in network.named_parameters()],
        [[*module._forward_hooks, *module._forward_pre_hooks] for module in network.modules()],
        transformers.AttentionInterface.get_interface,
    ]


def test_what_a_model_has_kept_from_a_run_without_gradients_is_no_hindrance() -> None:
    """Some keep their rotary angles once they have worked them out."""
    run = random("llama")
    (expected,) = gradient_x_attention(run).values()
    rotary = run.network.model.rotary_emb
    with torch.inference_mode():
        rotary.inv_freq = rotary.inv_freq.clone()
        rotary.kept = rotary.inv_freq.clone()
    (found,) = gradient_x_attention(run).values()
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))
    assert not rotary.inv_freq.is_inference()
    assert not rotary.kept.is_inference()


def test_frozen_models_and_contexts_without_gradients_have_them_too() -> None:
    run = random("llama")
    (expected,) = gradient_x_attention(run).values()
    run.network.requires_grad_(False)
    with torch.no_grad():
        (found,) = gradient_x_attention(run).values()
    with torch.inference_mode():
        (again,) = gradient_x_attention(run).values()
    for one, two, three in zip(expected, found, again, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one, three)
    assert not any(parameter.requires_grad for parameter in run.network.parameters())
