"""What of a model's answer a measure asks about: one number, such as how likely one word is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """One number of a model's answer.

    With another token beside it, it is a difference of logits: how much rather the model says the
    one than the other, in nats. A difference of log-probabilities is the same number. Without one,
    it is the log-probability of the token, in nats.

    Attributes:
        token: The token that is asked about, by its number in the vocabulary; or the number of a
            label.
        position: Where the model answers, 0-based: at the token *before* the one it predicts where
            it writes on, at the mask where it fills in, at the row of its decoder where it
            translates. None for a model that gives one answer for a whole text.
        against: The other token, or label; None for none.
        normed: Whether a token without another is asked for its log-probability, not its logit.
            A logit has no unit that could be compared, and no share in those of other tokens.
    """

    token: int
    position: int | None = None
    against: int | None = None
    normed: bool = True

    def of(self, logits: Tensor) -> Tensor:
        """Read it off an answer.

        Args:
            logits: ``[batch, position, token]``, or ``[batch, label]`` of a whole text.

        Returns:
            ``[batch]``, float64, in nats.

        Raises:
            ValueError: When the answer is of the other kind.
        """
        if logits.ndim != (2 if self.position is None else 3):
            raise ValueError(
                f"logits of shape {list(logits.shape)} have "
                + ("positions: say which" if self.position is None else "no positions")
            )
        words = (logits if self.position is None else logits[:, self.position]).double()
        if self.against is not None:
            return words[:, self.token] - words[:, self.against]
        return (words.log_softmax(dim=-1) if self.normed else words)[:, self.token]
