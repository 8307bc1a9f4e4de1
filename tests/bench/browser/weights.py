# ruff: noqa: TID253 - models are run here
"""Attention of models of real size, as tensors for BertViz and as an `Attention` for us.

The models are built from their configurations, with random parameters. As they come, their rows are
nearly even, which would compress and draw more easily than real ones; their queries are therefore
multiplied until the weights are about as decided as those of all-MiniLM-L6-v2 on English text,
whose rows have 0.62 of the entropy of even ones and pack into 0.76 bytes a weight after gzip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import torch
import transformers

from attention_gallery.codes import Layers
from attention_gallery.terms import Attention, AttentionKind, Token

N_TOKENS = 64
TEXT = (
    "The animal did not cross the street because it was too tired and the people who had waited "
    "for an hour at the corner did not know what to do with it until a child took a piece of "
    "bread out of her bag and held it out and walked ahead very slowly so that it followed"
)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One text in one model.

    Attributes:
        name: What the model is shaped like.
        tokens: The text.
        tensors: Per layer float32 weights ``[batch, head, query, key]``, of a batch of one.
        attention: The same.
    """

    name: str
    tokens: tuple[str, ...]
    tensors: tuple[torch.Tensor, ...]
    attention: Attention


def words(n_tokens: int) -> tuple[str, ...]:
    """So many words of a plain text."""
    return tuple(islice(cycle(TEXT.split()), n_tokens))


def sources() -> list[Source]:
    """A decoder and an encoder, both of 12 layers of 12 heads, on 64 tokens."""
    return [
        _source("GPT-2 small", "decoder", transformers.GPT2Config, _sharpened_gpt2),
        _source("BERT base", "encoder", transformers.BertConfig, _sharpened_bert),
    ]


def _source(
    name: str, kind: AttentionKind, config: Callable[..., Any], sharpen: Callable[[Any], None]
) -> Source:
    torch.manual_seed(0)
    network = transformers.AutoModel.from_config(config(attn_implementation="eager")).eval()
    ids = torch.randint(30_000, (1, N_TOKENS))
    with torch.inference_mode():
        sharpen(network)
        tensors = tuple(network(input_ids=ids, output_attentions=True).attentions)
    tokens = words(N_TOKENS)
    named = tuple(Token(text, id=i) for i, text in enumerate(tokens))
    layers = Layers.of(tensor[0].numpy() for tensor in tensors)
    return Source(name, tokens, tensors, Attention(kind, named, named, layers, kind == "decoder"))


def _sharpened_gpt2(network: Any) -> None:
    for block in network.h:
        block.attn.c_attn.weight[:, : network.config.n_embd] *= 4


def _sharpened_bert(network: Any) -> None:
    for layer in network.encoder.layer:
        layer.attention.self.query.weight *= 8
