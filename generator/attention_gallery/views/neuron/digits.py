"""Numbers as decimals with a fixed number of places, written in four base-36 digits each.

What is read is then exactly what is added up: whole multiples of a power of ten have the same sum
in every order, in Python and in a browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 36**4 // 2 - 1
"""The largest number that four digits hold besides as many negative ones."""

_MOST_PLACES = 8  # so that sums of products stay below 2^53, where whole numbers are exact
_DIGITS = np.array(list("0123456789abcdefghijklmnopqrstuvwxyz"))


@dataclass(frozen=True, slots=True, eq=False)
class Decimals:
    """Decimals of one precision.

    Attributes:
        whole: int64, the numbers times ``10**places``.
        places: How many there are after the point; negative where even whole numbers are rounded.
    """

    whole: NDArray[np.int64]
    places: int

    @classmethod
    def of(cls, numbers: NDArray[np.floating[Any]]) -> Decimals:
        """Round numbers to as many places as four digits allow."""
        largest = float(np.abs(numbers).max(initial=0)) or 1.0
        places = min(_MOST_PLACES, int(np.floor(np.log10(LARGEST / largest))))
        whole = np.rint(numbers.astype(np.float64) * 10.0**places).astype(np.int64)
        return cls(whole, places)

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The numbers themselves."""
        return self.whole / 10.0**self.places


def written(whole: NDArray[np.int64]) -> str:
    """Whole numbers of at most `LARGEST`, read in C order, in four digits each."""
    codes = whole.ravel()[:, None] + LARGEST + 1
    return "".join(_DIGITS[codes // 36 ** np.arange(3, -1, -1) % 36].ravel())


def read_expr(text: str, index: str) -> str:
    """A Vega expression for the whole number at an index of what was `written`."""
    return f"(parseInt(substring({text}, 4 * ({index}), 4 * ({index}) + 4), 36) - {LARGEST + 1})"
