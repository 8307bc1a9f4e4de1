# ruff: noqa: TID253 - rows of a batch are what is tested here
"""Tries stand in the rows of a batch where rows do not touch, and alone where they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

import runs
from attention_gallery.measures.apparatus import rows

PLAIN = torch.tensor([1.0, 2.0])
Answers = Callable[[Sequence[int | None]], Tensor]


def answering(sizes: list[int], *, touching: float = 0.0) -> Answers:
    """A model that adds what is tried, and notes how many rows it ran."""

    def answers(tries: Sequence[int | None]) -> Tensor:
        sizes.append(len(tries))
        leaked = touching * sum(each or 0 for each in tries) * (len(tries) > 1)
        return torch.stack([PLAIN + (each or 0) + leaked for each in tries])

    return answers


@pytest.mark.parametrize(("n_rows", "expected"), [(1, [1] * 5), (2, [3, 3, 2]), (9, [6])])
def test_each_try_has_its_answer_in_as_few_runs_as_can_be(n_rows: int, expected: list[int]) -> None:
    sizes: list[int] = []
    found = rows.each([10, 20, 30, 40, 50], PLAIN, answering(sizes), n_rows)
    assert found[:, 0].tolist() == [11, 21, 31, 41, 51]
    assert sizes == expected


def test_where_rows_touch_each_other_one_is_tried_after_the_other() -> None:
    sizes: list[int] = []
    found = rows.each([10, 20, 30], PLAIN, answering(sizes, touching=0.01), 2)
    assert found[:, 1].tolist() == [12, 22, 32]
    assert sizes == [3, 1, 1, 1]


def test_what_rounding_makes_of_a_batch_is_no_touch() -> None:
    sizes: list[int] = []
    rows.each([1, 2], PLAIN, answering(sizes, touching=1e-6), 2)
    assert sizes == [3]


def test_long_texts_have_fewer_rows_and_always_one() -> None:
    assert [rows.affordable(n) for n in (8, 64, 512, 5000)] == [127, 15, 1, 1]


def test_rows_are_copies_that_can_be_changed_one_by_one() -> None:
    run = runs.random("bert")
    inputs = rows.repeated(run, 3)
    inputs["input_ids"][1] = 0
    assert torch.equal(inputs["input_ids"][2:], run.inputs["input_ids"])
    assert {len(tensor) for tensor in inputs.values()} == {3}
