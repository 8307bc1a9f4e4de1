# ruff: noqa: TID253 - the libraries are what is tested here
"""What heads hand on can be seen, and changed, just before it is mixed; else it is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.models.llama import modeling_llama

import runs
from attention_gallery.capture.seam.intervention import Handed, answer, changed, handed_on
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.sites import Site, UnobservableError

# What mixes the heads of the second layer, in each architecture.
PROJECTIONS = {
    "gpt2": "transformer.h.1.attn.c_proj",
    "llama": "model.layers.1.self_attn.o_proj",
    "gpt_oss": "model.layers.1.self_attn.o_proj",
    "bert": "bert.encoder.layer.1.attention.output.dense",
    "t5": "decoder.block.1.layer.1.EncDecAttention.o",
    # These compute attention in line; Bloom joins the axes of batch and heads.
    "gpt_neo": "transformer.h.1.attn.attention.out_proj",
    "bloom": "transformer.h.1.self_attention.dense",
    "mpnet": "mpnet.encoder.layer.1.attention.attn.o",
}


def mixed(shape: str, change: Any) -> Tensor:
    """What enters the projection of the second layer, ``[query, head, dimension]``."""
    run = runs.random(shape)
    seen: list[Tensor] = []
    projection = run.network.get_submodule(PROJECTIONS[shape])
    hook = projection.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with changed(run.network, change):
        answer(run.network, run.inputs)
    hook.remove()
    return seen[0][0].unflatten(-1, (4, -1))


def is_second(shape: str, site: Site) -> bool:
    return PROJECTIONS[shape].startswith(site.path.removesuffix(".self"))


@pytest.mark.parametrize("shape", PROJECTIONS)
def test_what_heads_hand_on_is_what_is_mixed(shape: str) -> None:
    run = runs.random(shape)
    handed = handed_on(run.network, run.inputs)
    (second,) = (one for site, one in handed.items() if is_second(shape, site))
    assert torch.equal(second.output[0], mixed(shape, lambda _, one: one.output))
    assert second.n_heads == 4


@pytest.mark.parametrize("shape", PROJECTIONS)
def test_one_head_is_changed_and_the_others_are_not(shape: str) -> None:
    def change(site: Site, handed: Handed) -> Tensor:
        if not is_second(shape, site):
            return handed.output
        output = handed.output.clone()
        output[:, :, 2] = 7
        return output

    plain = mixed(shape, lambda _, handed: handed.output)
    found = mixed(shape, change)
    assert (found[:, 2] == 7).all()
    assert torch.equal(found[:, [0, 1, 3]], plain[:, [0, 1, 3]])


@pytest.mark.parametrize("shape", PROJECTIONS)
def test_a_head_hands_on_what_it_gathers_with_its_weights_also_where_heads_share(
    shape: str,
) -> None:
    run = runs.random(shape)
    for handed in handed_on(run.network, run.inputs).values():
        for head in range(4):
            own = handed.gathered(head, handed.weights[:, head])
            torch.testing.assert_close(own, handed.output[:, :, head])


@pytest.mark.parametrize("shape", PROJECTIONS)
def test_a_model_answers_as_ever_where_nothing_is_changed(shape: str) -> None:
    run = runs.random(shape)
    plain = answer(run.network, run.inputs).logits
    with changed(run.network, lambda _, handed: handed.output):
        assert torch.equal(answer(run.network, run.inputs).logits, plain)


@pytest.mark.parametrize("shape", ["gpt2", "bloom"])
def test_a_model_is_left_as_it_was_also_when_a_change_fails(shape: str) -> None:
    run = runs.random(shape)
    before = runs.traces(run.network)
    with pytest.raises(ZeroDivisionError), changed(run.network, lambda *_: 1 / 0):
        answer(run.network, run.inputs)
    assert runs.traces(run.network) == before
    handed_on(run.network, run.inputs)
    assert runs.traces(run.network) == before


def test_nothing_is_changed_while_it_is_observed_or_changed() -> None:
    run = runs.random("gpt2")

    def same(_: Site, handed: Handed) -> Tensor:
        return handed.output

    with changed(run.network, same), pytest.raises(RuntimeError), changed(run.network, same):
        pass

    def see(*_: object) -> None:
        with changed(run.network, same):
            pass

    with pytest.raises(RuntimeError, match="being observed or changed already"):
        observe(run.network, run.inputs, see)


def test_a_row_of_a_batch_is_changed_and_the_others_are_not() -> None:
    for shape in ("gpt2", "gpt_neo", "bloom"):
        run = runs.random(shape)
        batch = {name: given.repeat_interleave(3, 0) for name, given in run.inputs.items()}

        def change(_: Site, handed: Handed) -> Tensor:
            output = handed.output.clone()
            output[1, :, 2] = 7
            return output

        plain = answer(run.network, run.inputs).logits[0]
        with changed(run.network, change):
            first, second, third = answer(run.network, batch).logits
        torch.testing.assert_close(first, plain, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(third, plain, rtol=1e-5, atol=1e-5)
        assert (second - plain).abs().max() > 0.1


def test_a_model_whose_weights_cannot_be_followed_is_refused() -> None:
    run = runs.random("xlnet")
    with pytest.raises(UnobservableError) as caught:
        handed_on(run.network, run.inputs)
    assert str(caught.value) == (
        "heads of XLNetLMHeadModel cannot be changed: the weights of transformer.layer.0.rel_attn "
        "cannot be followed to one product with values; show what its heads attend to without a "
        "measure that changes them"
    )


@pytest.mark.parametrize(
    "spoil", [lambda output: 2 * output, lambda output: output.transpose(1, 2), lambda o: o[0]]
)
def test_a_model_that_does_more_with_its_weights_is_refused(
    spoil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.random("llama", 4)  # as many tokens as heads, so that shapes would not tell
    eager = modeling_llama.eager_attention_forward

    def more(*args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        output, weights = eager(*args, **options)
        return spoil(output), weights

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", more)
    with pytest.raises(UnobservableError, match="cannot be followed to one product"):
        handed_on(run.network, run.inputs)
