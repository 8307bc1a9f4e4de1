"""The rank correlation is that of the textbook, ties and all."""

from __future__ import annotations

import numpy as np
import pytest

from attention_gallery.rank_correlation import spearman


def of(one: list[float], other: list[float]) -> float | None:
    return spearman(np.array(one, float), np.array(other, float))


def test_order_and_reverse_are_one_and_minus_one_whatever_the_numbers() -> None:
    assert of([1, 2, 3, 4], [0, 10, 1000, 1001]) == pytest.approx(1)
    assert of([1, 2, 3, 4], [9, 8, -3, -30]) == pytest.approx(-1)


def test_a_small_example_is_as_worked_out_by_hand() -> None:
    """By 1 - 6 sum(d^2) / (n (n^2 - 1)) where nothing is equal; with ties, of the mean ranks."""
    assert of([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(1 - 6 * 4 / (5 * 24))
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
    assert of([0, 7, 7, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_where_there_is_no_order_there_is_no_correlation() -> None:
    assert of([1, 2], [2, 1]) is None
    assert of([], []) is None
    assert of([5, 5, 5], [1, 2, 3]) is None
    assert of([1, 2, 3], [5, 5, 5]) is None


def test_one_thing_against_all_others_is_no_order() -> None:
    assert of([0, 0, 0, 9], [0, 0, 0, 7]) is None
    assert of([0, 0, 0, 9], [1, 2, 3, 4]) is None
    assert of([1, 2, 3, 4], [5, 5, 1, 1]) is None
    assert of([0, 0, 2, 9], [0, 0, 7, 8]) == pytest.approx(1)


@pytest.mark.parametrize("n_levels", [3, 5, 1000])
def test_numbers_are_those_of_scipy(n_levels: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    rng = np.random.default_rng(n_levels)
    for n in (20, 40, 100):
        one, other = rng.integers(n_levels, size=(2, n)).astype(float)
        expected = stats.spearmanr(one, other).statistic
        assert spearman(one, other) == pytest.approx(expected, abs=1e-12)
