"""Many tries of one sentence at a time, each in a row of a batch.

That rows do not touch each other is proved, not trusted: in one of them nothing is tried, and the
model must answer there as it does alone. Where it does not, one is tried after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from attention_gallery.measures.apparatus.run import Run

if TYPE_CHECKING:
    from torch import Tensor

_Try = TypeVar("_Try")

TOKENS = 1024
"""Of all rows together: more of them run no faster on a CPU, and take memory."""

ROUNDING = 1e-4
"""What adding in another order makes of a logit, or of a log-probability in nats."""


def affordable(n_tokens: int) -> int:
    """How many rows are run at once beside the one in which nothing is tried.

    Args:
        n_tokens: Of the longest text, or patches of an image, that attention is among.
    """
    return max(1, TOKENS // n_tokens - 1)


def repeated(run: Run, n_rows: int) -> dict[str, Tensor]:
    """What a model is fed, in several rows.

    They are copies, and no view of one row: some models want labels that lie side by side.
    """
    return {name: given.repeat_interleave(n_rows, 0) for name, given in run.inputs.items()}


def each(
    tries: Sequence[_Try],
    plain: Tensor,
    answers: Callable[[Sequence[_Try | None]], Tensor],
    n_rows: int,
) -> Tensor:
    """Try one thing after the other, in as few runs as can be.

    Args:
        tries: What is tried; at least one.
        plain: What the model answers where nothing is tried.
        answers: Runs the model once, and gives its answer in each row, ``[row, ...]``; None stands
            for trying nothing.
        n_rows: How many are tried at once.

    Returns:
        ``[try, ...]``.
    """
    import torch

    found: list[Tensor] = []
    while len(found) < len(tries):
        some = tries[len(found) : len(found) + n_rows]
        if n_rows == 1:
            found += answers(some)
            continue
        untouched, *rest = answers([None, *some])
        if torch.allclose(untouched, plain, rtol=ROUNDING, atol=ROUNDING):
            found += rest
        else:
            n_rows = 1
    return torch.stack(found)
