# ruff: noqa: TID253 - the scores are tensors
"""The scores of the specimens are what their docstrings say, on weights written by hand."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
import torch

from attention_gallery import resources

# One sequence: a start token, then the segment "a b" said twice. Rows are queries, columns keys.
ROWS = [
    # start  a     b     a     b
    [1.00, 0.00, 0.00, 0.00, 0.00],
    [0.90, 0.10, 0.00, 0.00, 0.00],
    [0.30, 0.50, 0.20, 0.00, 0.00],
    [0.10, 0.10, 0.70, 0.10, 0.00],
    [0.05, 0.05, 0.20, 0.60, 0.10],
]


@pytest.fixture(scope="module")
def scoring() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(resources.galleries() / "specimens")
        return importlib.import_module("scoring")


def written(*heads: list[list[float]]) -> torch.Tensor:
    """``[sequence, layer, head, query, key]`` of one sequence and one layer."""
    return torch.tensor(heads)[None, None]


def test_an_induction_head_looks_at_what_followed_the_last_time(scoring: ModuleType) -> None:
    # The second "a" at the first "b": 0.70; the second "b" at what followed the first: 0.60.
    assert scoring.induction_scores(written(ROWS), 2).item() == pytest.approx(0.65)


def test_a_perfect_induction_head_scores_one_whatever_it_does_at_first(scoring: ModuleType) -> None:
    period, length = 4, 9
    rows = torch.zeros(length, length)
    rows[:, 0] = 1
    for query in range(1 + period, length):
        rows[query, 0] = 0
        rows[query, query - period + 1] = 1
    assert scoring.induction_scores(rows[None, None, None], period).item() == 1


def test_a_previous_token_head_looks_one_back_from_the_second_word_on(scoring: ModuleType) -> None:
    # The first word is left out: all it can look back at is the start.
    assert scoring.previous_token_scores(written(ROWS)).item() == pytest.approx(
        (0.50 + 0.70 + 0.60) / 3
    )


def test_the_mass_on_the_first_token_is_a_mean_over_the_later_queries(scoring: ModuleType) -> None:
    assert scoring.first_token_mass(written(ROWS)).item() == pytest.approx(0.05)
    longer = torch.zeros(6, 6)
    longer[4, 0], longer[5, 0] = 0.2, 0.6
    assert scoring.first_token_mass(longer[None, None, None]).item() == pytest.approx(0.4)


def test_scores_are_means_over_sequences_for_each_head(scoring: ModuleType) -> None:
    nothing = [[1.0, 0, 0, 0, 0]] * 5
    weights = torch.cat([written(ROWS, nothing), written(nothing, nothing)])
    scores = scoring.induction_scores(weights, 2)
    assert scores.shape == (1, 2)
    assert scores[0].tolist() == pytest.approx([0.325, 0])


def test_the_best_head_is_named_by_layer_and_head(scoring: ModuleType) -> None:
    name, score = scoring.best_head(torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.9, 0.5]]))
    assert (name, score) == ("L1 H1", pytest.approx(0.9))


def test_attention_of_all_layers_comes_as_one_array(scoring: ModuleType) -> None:
    class Outputs:
        attentions = (torch.zeros(2, 4, 5, 5), torch.ones(2, 4, 5, 5))

    weights = scoring.attention_weights(lambda **_: Outputs, torch.zeros(2, 5))
    assert weights.shape == (2, 2, 4, 5, 5)
    assert weights[:, 0].max() == 0
    assert weights[:, 1].min() == 1
