"""What becomes of one architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# From the best to the worst. A model that reports attention is supported up to `reshaped`.
Outcome = Literal[
    "equal",  # every tensor that is reported was captured, bit for bit
    "rounding",  # the same, within float rounding
    "corrected",  # what is reported is not the attention; what is captured is, and that is shown
    "reshaped",  # the same numbers, of which the report shows another part or arrangement
    "partial",  # some of what is reported was not captured
    "different",
    "failed",  # capture ran into an error that it does not explain
    "refused",  # attention is reported, and capture says why it shows none
    "misreported",  # what is reported as attention is something else, so nothing can be compared
    "unreported",  # captured, and the model reports none to compare it with
    "none",  # no attention, and none reported
    "not built",
]
SUPPORTED: tuple[Outcome, ...] = ("equal", "rounding", "corrected", "reshaped")
EXCEPTIONS: tuple[Outcome, ...] = ("partial", "different", "failed", "refused")

Way = Literal["interface", "softmax", "both", ""]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one model type.

    Attributes:
        model_type: As configurations name it.
        outcome: How what was captured compares with what is reported.
        reads: What it was fed: ``text``, ``images``, ``text and sound``.
        way: By which way its attention was seen.
        reported: How many attentions the model itself reports.
        captured: How many were seen.
        difference: The largest, between a weight that is reported and the one captured.
        reason: Why the outcome is no plain equality.
    """

    model_type: str
    outcome: Outcome
    reads: str = ""
    way: Way = ""
    reported: int = 0
    captured: int = 0
    difference: float = 0.0
    reason: str = ""
