# ruff: noqa: TID253 - the libraries are what is tested here
"""Query, key, value and scale are found however attention is written, or are not given at all.

`dataflow` and `product`, which it follows, are tested together.
"""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.tap import tapped

N_BATCH, N_HEADS, N_QUERIES, N_KEYS, SIZE = 2, 3, 5, 7, 4

Attend = Callable[[Tensor, Tensor, Tensor], Any]


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.manual_seed(seed))


QUERY = drawn(N_BATCH, N_HEADS, N_QUERIES, SIZE, seed=1)
KEY = drawn(N_BATCH, N_HEADS, N_KEYS, SIZE, seed=2)
VALUE = drawn(N_BATCH, N_HEADS, N_KEYS, SIZE, seed=3)
BIAS = drawn(N_HEADS, N_QUERIES, N_KEYS, seed=4)
HIDDEN = torch.ones(N_QUERIES, N_KEYS, dtype=torch.bool).triu(3)
LOWEST = torch.finfo(torch.float32).min


def seen_in(attend: Attend, *tensors: Tensor) -> list[Passing]:
    """What passes while a function attends, where no gradients are kept, as in a capture."""
    seen: list[Passing] = []
    with torch.inference_mode(), tapped(seen.append, parts=True):
        attend(*(tensors or (QUERY, KEY, VALUE)))
    return seen


def is_same(found: Tensor | None, expected: Tensor) -> bool:
    return found is not None and torch.equal(found, expected)


def joined(tensor: Tensor) -> Tensor:
    """``[batch * head, token, dimension]``."""
    return tensor.reshape(N_BATCH * N_HEADS, *tensor.shape[2:])


def in_place(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.mT
    scores /= 4
    scores *= 2
    scores += BIAS
    scores.masked_fill_(HIDDEN, LOWEST)
    return scores.softmax(-1) @ value


def joined_heads(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = BIAS.repeat(N_BATCH, 1, 1).baddbmm(
        batch1=joined(query), batch2=joined(key).mT, beta=1, alpha=0.5
    )
    parted = scores.view(N_BATCH, N_HEADS, N_QUERIES, N_KEYS).masked_fill(HIDDEN, LOWEST)
    weights = functional.dropout(parted.float().softmax(-1), 0.1, training=False)
    return torch.bmm(weights.view(-1, N_QUERIES, N_KEYS), joined(value))


def summed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    tokens_first = (x.permute(2, 0, 1, 3).contiguous() for x in (query, key, value))
    query, key, value = tokens_first
    scores = torch.einsum("ibnd,jbnd->bnij", query, key) * 0.5 + BIAS
    scores = torch.where(HIDDEN, LOWEST, scores)
    return torch.einsum("bnij, jbnd -> ibnd", [scores.softmax(dim=3), value])


def masked_by_zeros_and_ones(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = torch.matmul(query, key.mT) / torch.tensor(2.0) + BIAS
    seen = (~HIDDEN).float()
    scores = scores * seen + LOWEST * (1 - seen)
    return torch.matmul(nn.Softmax(-1)(scores).to(value.dtype), value)


def by_scaled_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = torch.bmm(joined(query), joined(key).transpose(1, 2)).unflatten(0, (N_BATCH, -1))
    scores = torch.clamp(BIAS + 0.5 * scores, min=LOWEST).masked_fill(HIDDEN, LOWEST)
    return torch.matmul(torch.special.softmax(scores, -1), value)


WAYS: dict[str, Attend] = {
    "in place": in_place,
    "with batch and heads in one axis": joined_heads,
    "as sums over named axes": summed,
    "with a mask of zeros and ones": masked_by_zeros_and_ones,
    "with its heads parted late": by_scaled_queries,
}


@pytest.mark.parametrize("way", WAYS)
def test_all_parts_are_found_however_it_is_written(way: str) -> None:
    [passing] = seen_in(WAYS[way])
    assert is_same(passing.query, QUERY)
    assert is_same(passing.key, KEY)
    assert is_same(passing.value, VALUE)
    assert passing.scale == 0.5
    assert passing.scores is not None
    expected = (torch.einsum("bhid,bhjd->bhij", QUERY, KEY) / 2 + BIAS).masked_fill(HIDDEN, LOWEST)
    assert torch.allclose(passing.scores, expected, atol=1e-6)
    assert torch.equal(passing.weights, passing.scores.softmax(-1))


def test_keys_that_heads_share_are_given_once() -> None:
    key, value = KEY[:, :1], VALUE[:, :1]
    [passing] = seen_in(lambda q, k, v: (q @ k.mT).softmax(-1) @ v, QUERY, key, value)
    assert is_same(passing.key, key)
    assert is_same(passing.value, value)
    assert passing.query is not None
    assert passing.query.shape == QUERY.shape


def test_keys_that_all_sentences_share_have_the_axes_of_the_weights() -> None:
    [passing] = seen_in(lambda q, k, v: (q @ k.mT).softmax(-1) @ v, QUERY, KEY[0, 0], VALUE[0])
    assert passing.key is not None
    assert passing.key.shape == (1, 1, N_KEYS, SIZE)
    assert passing.value is not None
    assert passing.value.shape == (1, N_HEADS, N_KEYS, SIZE)


def test_a_soft_cap_leaves_the_scale_and_caps_the_scores() -> None:
    def capped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = torch.tanh((query @ key.mT) * 0.3 / 2) * 2 + BIAS
        return scores.softmax(-1) @ value

    [passing] = seen_in(capped)
    assert passing.scale == pytest.approx(0.3, abs=1e-15)
    assert passing.scores is not None
    assert (passing.scores - BIAS).abs().max() <= 2


def test_a_sink_has_a_score_more() -> None:
    def sinking(query: Tensor, key: Tensor, _: Tensor) -> None:
        sinks = torch.ones(N_BATCH, N_HEADS, N_QUERIES, 1)
        torch.cat([query @ key.mT, sinks], dim=-1).softmax(-1)

    [passing] = seen_in(sinking)
    assert passing.scores is not None
    assert passing.scores.shape[-1] == N_KEYS + 1
    assert is_same(passing.key, KEY)


@pytest.mark.parametrize("factor", [1, 32])
def test_what_is_taken_off_all_scores_of_a_query_is_given_back(factor: int) -> None:
    def steadied(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = (query @ key.mT + BIAS) / factor
        scores = (scores - scores.max(dim=-1, keepdim=True).values) * factor
        return scores.softmax(-1) @ value

    [passing] = seen_in(steadied)
    assert passing.scores is not None
    expected = torch.einsum("bhid,bhjd->bhij", QUERY, KEY) + BIAS
    assert torch.allclose(passing.scores, expected, atol=1e-5)
    assert passing.scale == pytest.approx(1, abs=1e-15)


def test_where_each_head_has_its_scale_there_is_no_one_scale() -> None:
    scales = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    [passing] = seen_in(lambda q, k, v: (q @ k.mT * scales).softmax(-1) @ v)
    assert passing.scale is None
    assert is_same(passing.query, QUERY)


def test_a_product_that_was_shuffled_before_it_is_added_is_a_bias() -> None:
    def relative(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        places = drawn(N_KEYS, SIZE, seed=5)
        by_place = (query @ places.T).gather(-1, torch.arange(N_KEYS).flip(0).expand(2, 3, 5, -1))
        return (query @ key.mT + by_place).softmax(-1) @ value

    [passing] = seen_in(relative)
    assert is_same(passing.key, KEY)


UNKNOWN: dict[str, Attend] = {
    "two products": lambda q, k, v: (q @ k.mT + q @ (k + 1).mT).softmax(-1) @ v,
    "keys before queries": lambda q, k, v: (k @ q.mT).transpose(-1, -2).softmax(-1) @ v,
    "chosen scores": lambda q, k, v: (q @ k.mT)[..., [2, 1, 0, 3, 4, 5, 6]].softmax(-1) @ v,
    "negated": lambda q, k, v: (1 - q @ k.mT).softmax(-1) @ v,
    "an unknown function": lambda q, k, v: torch.relu(q @ k.mT).softmax(-1) @ v,
    "another order of axes": lambda q, k, v: (
        torch.einsum("bhid,bhjd->hbij", q, k).softmax(-1) @ v.transpose(0, 1)
    ),
    "axes that are not named": lambda q, k, v: (
        torch.einsum("...id,...jd->...ij", q, k).softmax(-1) @ v
    ),
    "overwritten": lambda q, k, v: (q @ k.mT).zero_().softmax(-1) @ v,
    "no product": lambda q, k, v: (
        (q.sum(-1, keepdim=True) + k.sum(-1)[..., None, :]).softmax(-1) @ v
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_told_for_certain_is_not_given(case: str) -> None:
    [passing] = seen_in(UNKNOWN[case])
    assert passing.query is passing.key is passing.scale is None
    assert passing.value is not None
    assert passing.scores is not None
    assert torch.equal(passing.scores.softmax(-1), passing.weights)


def test_a_softmax_without_values_is_seen_too() -> None:
    [passing] = seen_in(lambda q, k, _: (q @ k.mT).softmax(-1))
    assert passing.value is None
    assert passing.query is not None


def test_two_attentions_do_not_get_each_others_values() -> None:
    first, second = seen_in(
        lambda q, k, v: [(q @ k.mT).softmax(-1), (q @ k.mT * 2).softmax(-1) @ v]
    )
    assert (first.scale, first.value) == (1, None)
    assert second.scale == 2
    assert is_same(second.value, VALUE)


def test_weights_are_seen_before_the_model_changes_its_own() -> None:
    def forgetful(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights = (query @ key.mT).softmax(-1)
        weights[..., 0] = 0
        return weights @ value

    sums: list[Tensor] = []
    with tapped(lambda passing: sums.append(passing.weights.sum(-1)), parts=True):
        forgetful(QUERY, KEY, VALUE)
    assert torch.allclose(sums[0], torch.ones(()))


class Attention(nn.Module):  # type: ignore[misc]
    """Attention whose weights multiply nothing, between layers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(SIZE, SIZE)
        self.softmax = nn.Softmax(dim=-1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, states: Tensor) -> Tensor:
        weights: Tensor = self.dropout(self.softmax(self.project(states) @ states.mT))
        return weights


def test_at_the_latest_it_is_seen_when_its_module_ends() -> None:
    order: list[str] = []
    module = nn.Sequential(Attention(), nn.Identity()).eval()
    module[0].register_forward_hook(lambda *_: order.append("attention ends"))
    module[1].register_forward_hook(lambda *_: order.append("next ends"))
    with tapped(lambda _: order.append("seen"), parts=True):
        module(drawn(2, 5, SIZE, seed=1))
    assert order == ["seen", "attention ends", "next ends"]


def test_hooks_are_taken_away_whatever_happens() -> None:
    hooks = nn.modules.module._global_forward_hooks
    during: list[bool] = []

    def failing(*_: Tensor) -> None:
        during.append(bool(hooks))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        seen_in(failing)
    assert during == [True]
    assert not hooks


def test_nothing_outlives_what_the_model_itself_keeps() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = query @ key.mT / math.sqrt(SIZE)
        weights = scores.softmax(-1)
        alive.extend(map(weakref.ref, (scores, weights)))
        output: Tensor = weights @ value
        return output

    with torch.inference_mode(), tapped(lambda _: None, parts=True):
        output = attend(QUERY, KEY, VALUE)
        gc.collect()
        assert [tensor() for tensor in alive] == [None, None]
    assert output.shape == QUERY.shape


def test_what_sees_may_use_torch_itself() -> None:
    seen: list[Passing] = []

    def see(passing: Passing) -> None:
        seen.append(passing)
        torch.ones(2, 2).softmax(-1)

    module = nn.Sequential(Attention()).eval()
    with tapped(see, parts=True):
        module(drawn(2, 5, SIZE, seed=1))
        (QUERY @ KEY.mT).softmax(-1) @ VALUE
    assert len(seen) == 2


# What torch may be called with that is none of an attention's business, yet is looked at.
UNUSUAL: dict[str, Attend] = {
    "operands by name": lambda q, k, _: torch.matmul(input=q, other=k.mT),
    "arithmetic with options": lambda q, k, _: torch.div(q @ k.mT, 2, rounding_mode="floor"),
    "an operand by name": lambda q, k, _: torch.mul(q @ k.mT, other=torch.ones(7)),
    "sums of lists of axes": lambda q, k, _: torch.einsum(q, [0, 1, 2, 3], k, [0, 1, 4, 3], [2, 4]),
    "a sum over a diagonal": lambda q, k, _: torch.einsum(
        "bhii,bhij->bhj", q[:, :, :4], k[:, :, :4]
    ),
    "a sum over one tensor": lambda q, _, __: torch.einsum("bhid->bh", q),
    "a sum of three": lambda q, k, v: torch.einsum("bhid,bhjd,bhjd->bhij", q, k, v),
    "the largest of each row": lambda q, k, _: torch.max(q @ k.mT, dim=-1),
    "vectors": lambda q, k, _: torch.matmul(q[0, 0, 0], k[0, 0, 0]),
    "a shift, then other axes": lambda q, k, _: (
        (scores := q @ k.mT) - scores.amax(-1, keepdim=True)
    ).flatten(0, 1),
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_an_unusual_call_does_what_it_always_did(case: str) -> None:
    plain = UNUSUAL[case](QUERY, KEY, VALUE)
    watched: list[Any] = []
    seen = seen_in(lambda *parts: watched.append(UNUSUAL[case](*parts)))
    torch.testing.assert_close(watched[0], plain)
    assert not seen


def test_a_shift_is_not_given_back_to_scores_of_other_axes() -> None:
    [passing] = seen_in(
        lambda q, k, v: UNUSUAL["a shift, then other axes"](q, k, v).softmax(-1) @ joined(v)
    )
    assert passing.query is None
    assert passing.scores is not None
    assert torch.equal(passing.scores.softmax(-1), passing.weights)


def test_a_product_that_is_added_some_times_over_is_not_given_a_wrong_scale() -> None:
    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return torch.add(BIAS, query @ key.mT, alpha=0.5).softmax(dim=-1) @ value

    [passing] = seen_in(attend)
    assert passing.query is None
    assert passing.scale is None
    assert passing.scores is not None
