# ruff: noqa: TID253 - a model is made here
"""A model of two heads whose every number can be worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

DOCTOR, SHE, HE, LATE, ILL = range(5)
_N = 5
_ATTEND = AttentionInterface()


class TwoHeadsConfig(PreTrainedConfig):  # type: ignore[misc]
    model_type = "two_heads"


class TwoHeadsAttention(nn.Module):  # type: ignore[misc]
    """The first head looks at "doctor" with 1/4 after "she", with 3/4 after "he".

    The second looks at both words alike. What a word adds to the odds of "ill" against "late" is,
    through the first head, 4 bits for "doctor"; through the second, 2 bits for "he".
    """

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.config = config
        # [head, word, dimension]
        query, key, value = (torch.zeros(2, _N, 2) for _ in range(3))
        query[0, SHE, 0] = query[0, HE, 1] = 1
        key[0, SHE, 0] = key[0, DOCTOR, 1] = math.log(3)
        value[0, DOCTOR, 0] = 4 * math.log(2)
        value[1, HE, 0] = 2 * math.log(2)
        for name, table in {"query": query, "key": key, "value": value}.items():
            self.register_buffer(name, table)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        attend = _ATTEND.get_interface(self.config._attn_implementation, eager)
        parts = (table[:, ids].transpose(0, 1) for table in (self.query, self.key, self.value))
        output, _ = attend(self, *parts, mask)
        return output.sum(dim=2)[..., 0]


def eager(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, **_: Any
) -> tuple[Tensor, Tensor]:
    weights = (query @ key.transpose(-2, -1) + mask).softmax(dim=-1)
    return (weights @ value).transpose(1, 2), weights


class TwoHeads(PreTrainedModel):  # type: ignore[misc]
    config_class = TwoHeadsConfig
    _supports_attention_backend = True

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.attention = TwoHeadsAttention(config)
        self.post_init()

    def forward(self, input_ids: Tensor) -> CausalLMOutput:
        n_tokens = input_ids.shape[1]
        mask = torch.full((n_tokens, n_tokens), -torch.inf).triu(1)
        odds = self.attention(input_ids, mask)
        return CausalLMOutput(logits=torch.stack([0 * odds] * ILL + [odds], dim=-1))


def two_heads() -> TwoHeads:
    config = TwoHeadsConfig()
    config._attn_implementation = "eager"
    network: TwoHeads = TwoHeads(config).eval()
    return network
