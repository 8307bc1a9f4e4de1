"""How what was captured compares with what a model reports, number by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from architectures.verdict import Outcome, Verdict

Array = NDArray[np.float32]
View = Callable[[Array, Array], tuple[Array, Array]]

ROUNDING = 1e-5  # below this, two orders of adding up the same numbers may differ


def compared(found: Verdict, captured: list[Array], reference: dict[str, list[Array]]) -> Verdict:
    """The verdict on what was captured, held against what is reported."""
    matches = {name: match_of(captured, arrays) for name, arrays in reference.items()}
    missing = [
        f"{name} {shapes_of(reference[name])}" for name, match in matches.items() if match is None
    ]
    there = [match for match in matches.values() if match is not None]
    if not there and not holds_shares(reference):
        return replace(found, outcome="misreported", reason=f"reports {'; '.join(missing)}")
    if not there:
        reason = f"reports {'; '.join(missing)}, where {shapes_of(captured)} was captured"
        return replace(found, outcome="different", reason=reason)
    worst = max(there, key=lambda match: get_args(Outcome).index(match.outcome))
    difference = max(match.difference for match in there)
    if missing:
        reason = f"not captured: {'; '.join(missing)}"
        return replace(found, outcome="partial", difference=difference, reason=reason)
    reasons = "; ".join(dict.fromkeys(match.reason for match in there if match.reason))
    return replace(found, outcome=worst.outcome, difference=difference, reason=reasons)


@dataclass(frozen=True, slots=True)
class Match:
    """How the attentions that a model reports under one name are found among what was captured."""

    outcome: Outcome
    difference: float
    reason: str


def match_of(captured: list[Array], reported: list[Array]) -> Match | None:
    """The plainest way in which one is found in the other."""
    for outcome, reason, view in VIEWS:
        difference = within(captured, reported, view)
        if difference is not None:
            rounded: Outcome = "rounding" if outcome == "equal" and difference else outcome
            return Match(rounded, difference, reason)
    weights = [array for array in reported if are_shares(array)]
    difference = within(captured, weights, as_it_is) if 0 < len(weights) < len(reported) else None
    return None if difference is None else Match("corrected", difference, _STATES)


def within(captured: list[Array], reported: Iterable[Array], view: View) -> float | None:
    """How far off the captured are that are nearest to the reported ones, taken in order.

    Returns:
        The largest difference, or None where one that is reported was not captured.
    """
    rest = iter(captured)
    worst = 0.0
    for array in reported:
        off = (min(apart(one, array), apart(*view(one, array))) for one in rest)
        difference = next((difference for difference in off if difference <= ROUNDING), None)
        if difference is None:
            return None
        worst = max(worst, difference)
    return worst


def apart(captured: Array, reported: Array) -> float:
    """The largest difference; without end where the shapes differ."""
    if captured.shape != reported.shape or not captured.size:
        return np.inf
    return float(abs(captured - reported).max())


def holds_shares(reference: dict[str, list[Array]]) -> bool:
    """Whether anything that is reported may be attention weights."""
    return any(are_shares(array) for arrays in reference.values() for array in arrays)


def are_shares(array: Array) -> bool:
    """Whether rows are shares of one; a sink may have taken some of it."""
    return bool((array >= 0).all() and array.sum(axis=-1).max() < 1 + 1e-3)


def as_it_is(captured: Array, reported: Array) -> tuple[Array, Array]:
    return captured, reported


def as_scores(captured: Array, reported: Array) -> tuple[Array, Array]:
    exponents = np.exp(reported - reported.max(axis=-1, keepdims=True))
    return captured, exponents / exponents.sum(axis=-1, keepdims=True)


def as_mean(captured: Array, reported: Array) -> tuple[Array, Array]:
    return np.broadcast_to(captured.mean(axis=-3, keepdims=True), captured.shape), reported


def as_band(captured: Array, reported: Array) -> tuple[Array, Array]:
    return captured.swapaxes(0, 1)[:, : reported.shape[-2]], reported


def as_part(captured: Array, reported: Array) -> tuple[Array, Array]:
    n_queries, n_keys = reported.shape[-2:]
    parts = captured[..., :n_queries, :n_keys], captured[..., -n_queries:, -n_keys:]
    return min(parts, key=lambda part: apart(part, reported)), reported


def as_arranged(captured: Array, reported: Array) -> tuple[Array, Array]:
    same = captured.size == reported.size
    return captured.reshape(reported.shape) if same else captured, reported


# What a report may be instead of the attention, each with how the two are then compared.
VIEWS: list[tuple[Outcome, str, View]] = [
    ("equal", "", as_it_is),
    ("corrected", "reports scores: their softmax is what was captured", as_scores),
    ("corrected", "reports the mean over heads: it is that of what was captured", as_mean),
    ("reshaped", "reports a band of keys around each query with its first axes swapped", as_band),
    ("reshaped", "reports the first or the last rows and columns of what was captured", as_part),
    ("reshaped", "reports the same numbers with their axes joined otherwise", as_arranged),
]
_STATES = "reports the states of its linear layers as attentions: the others are equal"


def shapes_of(arrays: list[Array]) -> str:
    return " ".join(sorted({"×".join(map(str, array.shape)) for array in arrays}))
