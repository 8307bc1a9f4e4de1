# ruff: noqa: TID253 - the libraries are what is tested here
"""What torch computes is seen when it may be attention, and comes out as it would anyway."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.tap import tapped

N_QUERIES, N_KEYS = 5, 7


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.manual_seed(seed))


@pytest.mark.parametrize(
    "softmax",
    [
        lambda x: functional.softmax(x, dim=-1),
        lambda x: functional.softmax(x, -1, dtype=torch.float32),
        lambda x: torch.softmax(x, 3),
        lambda x: torch.softmax(input=x, dim=-1),
        lambda x: torch.special.softmax(x, -1),
        lambda x: x.softmax(-1),
        nn.Softmax(dim=-1),
    ],
)
@pytest.mark.parametrize("parts", [False, True])
def test_a_softmax_over_the_last_axis_is_seen_however_it_is_called(
    softmax: Any, parts: bool
) -> None:
    scores = drawn(1, 2, N_QUERIES, N_KEYS)
    seen: list[Passing] = []
    with tapped(seen.append, parts=parts):
        weights = softmax(scores)
    assert len(seen) == 1
    assert seen[0].weights is weights
    assert torch.equal(weights, torch.softmax(scores, -1))


def test_a_softmax_over_another_axis_is_not() -> None:
    seen: list[Passing] = []
    with tapped(seen.append):
        functional.softmax(drawn(2, 3, 4), dim=1)
        torch.softmax(drawn(2, 3, 4), 0)
        functional.log_softmax(drawn(2, 3, 4), dim=-1)
    assert not seen


def test_nothing_is_seen_while_it_is_closed_or_over() -> None:
    seen: list[Passing] = []
    with tapped(seen.append) as tap:
        with tap.closed():
            torch.softmax(drawn(2, 3, 4), -1)
        with pytest.raises(ZeroDivisionError), tap.closed():
            raise ZeroDivisionError
        torch.softmax(drawn(2, 3, 4), -1)
    torch.softmax(drawn(2, 3, 4), -1)
    assert len(seen) == 1


def test_closed_twice_it_opens_with_the_outer_of_the_two() -> None:
    seen: list[Passing] = []
    with tapped(seen.append) as tap:
        with tap.closed():
            with tap.closed():
                pass
            torch.softmax(drawn(2, 3, 4), -1)
        assert not seen
        torch.softmax(drawn(2, 3, 4), -1)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 0.3},
        {"is_causal": True},
        {"attn_mask": torch.ones(N_QUERIES, N_KEYS, dtype=torch.bool).tril(2)},
        {"attn_mask": torch.linspace(-3, 3, N_QUERIES * N_KEYS).reshape(N_QUERIES, N_KEYS)},
        {"enable_gqa": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("parts", [False, True])
def test_the_weights_of_fused_attention_give_its_output(
    options: dict[str, Any], parts: bool
) -> None:
    n_shared = 2 if options.get("enable_gqa") else 4
    query = drawn(1, 4, N_QUERIES, 8)
    key, value = (drawn(1, n_shared, N_KEYS, 8, seed=seed) for seed in (1, 2))
    seen: list[Passing] = []
    with tapped(seen.append, parts=parts):
        output = functional.scaled_dot_product_attention(query, key, value, **options)
    weights = seen[0].weights
    assert len(seen) == 1
    assert weights.shape == (1, 4, N_QUERIES, N_KEYS)
    assert torch.allclose(weights @ value.repeat_interleave(4 // n_shared, 1), output, atol=1e-6)
    if parts:
        assert seen[0].query is query
        assert seen[0].key is key
        assert seen[0].value is value
        assert seen[0].scale == options.get("scale", pytest.approx(8**-0.5))
        assert seen[0].scores is not None
        assert torch.equal(seen[0].scores.softmax(-1), weights)
    else:
        assert seen[0].query is seen[0].scores is seen[0].scale is None


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("parts", [False, True])
def test_torch_s_module_is_seen_by_head_and_returns_what_it_was_asked_for(
    need_weights: bool, average: bool, parts: bool
) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    query, key = drawn(1, N_QUERIES, 32), drawn(1, N_KEYS, 32, seed=1)

    def attend() -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode():
            answer: tuple[Tensor, Tensor | None] = module(
                query, key, key, need_weights=need_weights, average_attn_weights=average
            )
            return answer

    plain = attend()
    seen: list[Passing] = []
    with tapped(seen.append, parts=parts):
        watched = attend()
    weights = seen[0].weights
    assert len(seen) == 1
    assert weights.shape == (1, 4, N_QUERIES, N_KEYS)
    assert torch.allclose(plain[0], watched[0], atol=1e-6)
    if plain[1] is None:
        assert watched[1] is None
    else:
        assert watched[1] is not None
        assert torch.allclose(plain[1], watched[1], atol=1e-6)
        assert torch.allclose(weights.mean(1) if average else weights, plain[1], atol=1e-6)


def test_torch_s_module_shows_nothing_but_weights() -> None:
    states = drawn(1, N_KEYS, 32)
    seen: list[Passing] = []
    with torch.inference_mode(), tapped(seen.append, parts=True):
        nn.MultiheadAttention(32, 4, batch_first=True).eval()(states, states, states)
    [passing] = seen
    assert passing.query is passing.key is passing.value is passing.scores is passing.scale is None


def test_what_waits_for_its_value_is_seen_before_torch_s_own_attention() -> None:
    scores, states = drawn(1, 2, N_QUERIES, N_KEYS), drawn(1, 2, N_KEYS, 8)
    seen: list[Passing] = []
    with tapped(seen.append, parts=True):
        weights = torch.softmax(scores, -1)
        functional.scaled_dot_product_attention(states, states, states)
    assert len(seen) == 2
    assert seen[0].weights is weights
    assert seen[1].query is states
