# ruff: noqa: TID253 - torch is what is watched here
"""The product of a softmax and values is exchanged, and no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from attention_gallery.capture.seam.gathering import gathering

SCORES, VALUES = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 5, 6)


def joined(tensor: Tensor) -> Tensor:
    return tensor.reshape(6, *tensor.shape[-2:])


FOLLOWED: dict[str, Callable[[], Tensor]] = {
    "at once": lambda: SCORES.softmax(-1) @ VALUES,
    "functional": lambda: torch.matmul(functional.softmax(SCORES, dim=3), VALUES),
    "dropped out, cast": lambda: (
        functional.dropout(SCORES.softmax(-1), 0.0).to(torch.float32) @ VALUES
    ),
    "joined axes": lambda: torch.bmm(joined(SCORES.softmax(-1)), joined(VALUES)),
    "masked": lambda: SCORES.softmax(-1).masked_fill(torch.zeros(5).bool(), 0) @ VALUES,
    "in words": lambda: torch.einsum("bhqk,bhkd->bhqd", SCORES.softmax(-1), VALUES),
    "after another": lambda: (SCORES.softmax(-1), SCORES.softmax(-1) @ VALUES)[1],
}
LOST: dict[str, Callable[[], Tensor]] = {
    "no softmax": lambda: SCORES @ VALUES,
    "over queries": lambda: SCORES.softmax(-2) @ VALUES,
    "doubled": lambda: (SCORES.softmax(-1) * 2) @ VALUES,
    "the values' side": lambda: VALUES.mT @ SCORES.softmax(-1).mT,
    "laid out otherwise": lambda: torch.einsum("bhqk,bhkd->bqhd", SCORES.softmax(-1), VALUES),
    "added to": lambda: torch.baddbmm(
        torch.ones(6, 4, 6), joined(SCORES.softmax(-1)), joined(VALUES)
    ),
}


@pytest.mark.parametrize("way", FOLLOWED)
def test_weights_are_followed_to_their_product_with_values(way: str) -> None:
    plain = FOLLOWED[way]()
    with gathering(lambda product, weights, value: product + weights @ value):
        found = FOLLOWED[way]()
    torch.testing.assert_close(found, 2 * plain)


@pytest.mark.parametrize("way", LOST)
def test_where_the_thread_is_lost_nothing_is_exchanged(way: str) -> None:
    plain = LOST[way]()
    with gathering(lambda *_: torch.zeros(())):
        assert torch.equal(LOST[way](), plain)


def test_the_next_product_of_the_same_weights_is_left() -> None:
    with gathering(lambda product, *_: 0 * product):
        weights = SCORES.softmax(-1)
        assert (weights @ VALUES == 0).all()
        assert (weights @ VALUES != 0).any()


def test_nothing_is_exchanged_while_it_is_closed_nor_afterwards() -> None:
    plain = FOLLOWED["at once"]()
    with gathering(lambda product, *_: 0 * product) as tap:
        with tap.closed():
            assert torch.equal(FOLLOWED["at once"](), plain)
        assert (FOLLOWED["at once"]() == 0).all()
    assert torch.equal(FOLLOWED["at once"](), plain)
