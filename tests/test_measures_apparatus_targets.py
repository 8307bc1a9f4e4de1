# ruff: noqa: TID253 - logits are made here
"""A target is the number it says it is, of the kind of answer that it is about."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attention_gallery.measures.apparatus.targets import Target

LOGITS = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
NUMBERS = LOGITS.numpy().astype(np.float64)
LOGS = NUMBERS - np.log(np.exp(NUMBERS).sum(-1, keepdims=True))


def test_it_is_a_log_probability_a_logit_or_a_difference_of_two() -> None:
    np.testing.assert_allclose(Target(4, 1).of(LOGITS), LOGS[:, 1, 4])
    np.testing.assert_allclose(Target(4, -1).of(LOGITS), LOGS[:, 2, 4])
    np.testing.assert_allclose(Target(4, 1, normed=False).of(LOGITS), NUMBERS[:, 1, 4])
    difference = Target(4, 1, against=0).of(LOGITS)
    np.testing.assert_allclose(difference, NUMBERS[:, 1, 4] - NUMBERS[:, 1, 0])
    np.testing.assert_allclose(difference, LOGS[:, 1, 4] - LOGS[:, 1, 0])
    np.testing.assert_allclose(Target(4).of(LOGITS[:, 0]), LOGS[:, 0, 4])


def test_a_target_has_a_position_where_the_answer_has_and_none_where_it_has_none() -> None:
    with pytest.raises(ValueError, match="have positions: say which"):
        Target(1).of(LOGITS)
    with pytest.raises(ValueError, match="have no positions"):
        Target(1, 0).of(LOGITS[:, 0])
