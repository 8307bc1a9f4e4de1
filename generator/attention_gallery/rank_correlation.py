"""How far two rows of numbers put the same things in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 3
"""Different numbers in a row: of two, one thing against all others would make the whole order."""


def spearman(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float | None:
    """The rank correlation of two rows of numbers: 1 for one order, -1 for the reverse.

    Source: Spearman 1904, "The Proof and Measurement of Association between Two Things",
    doi:10.2307/1412159; equal numbers have the mean of the ranks they take up together, and the
    correlation is that of the ranks (Kendall 1948, "Rank Correlation Methods", chapter 3).

    Args:
        one: ``[thing]``.
        other: ``[thing]``.

    Returns:
        From -1 to 1; None where there is no order to speak of: where a row has fewer different
        numbers than `FEWEST`.
    """
    if min(len(np.unique(row)) for row in (one, other)) < FEWEST:
        return None
    first, second = (_ranks(row) - (len(row) - 1) / 2 for row in (one, other))
    spread = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / spread


def _ranks(row: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The place of each number in order of size, from 0; equal ones share theirs."""
    _, place, counts = np.unique(row, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: NDArray[np.float64] = (last - (counts + 1) / 2)[place]
    return shared
