# ruff: noqa: TID253, S106 - the libraries are what is tested here, and a token is no password
"""Tiny models that see and read, with random weights and real processors, saved as folders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import transformers
from tokenizers import AddedToken
from transformers import PreTrainedConfig, PreTrainedTokenizerFast, ProcessorMixin

from tiny_models import network_of, sentence_piece_tokenizer

N_WORDS = 410
MEAN, STD = (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)
SIDE = 32  # of what a model sees, in patches of 8 x 8

TEXT: dict[str, Any] = {
    "vocab_size": N_WORDS,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
_GEMMA = {**TEXT, "num_key_value_heads": 2, "head_dim": 8}
EYE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,  # so that mixing the two up shows
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 8,
}
_SCALED: dict[str, Any] = {"image_mean": MEAN, "image_std": STD}
_SQUARE = {"height": SIDE, "width": SIDE}

_CONFIGS: dict[str, Callable[[], PreTrainedConfig]] = {
    "clip": lambda: transformers.CLIPConfig(
        text_config=TEXT, vision_config=EYE, projection_dim=16
    ),
    "siglip": lambda: transformers.SiglipConfig(text_config=TEXT, vision_config=EYE),
    "llava": lambda: transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**TEXT),
        vision_config=transformers.CLIPVisionConfig(**EYE),
    ),
    "paligemma": lambda: transformers.PaliGemmaConfig(
        text_config={**_GEMMA, "model_type": "gemma"},
        vision_config={**EYE, "model_type": "siglip_vision_model", "projection_dim": 32},
        projection_dim=32,
    ),
    "gemma3": lambda: transformers.Gemma3Config(
        text_config=_GEMMA, vision_config=EYE, mm_tokens_per_image=4
    ),
    "idefics3": lambda: transformers.Idefics3Config(
        text_config=transformers.LlamaConfig(**TEXT), vision_config=EYE
    ),
    "mllama": lambda: transformers.MllamaConfig(
        text_config={
            **TEXT,
            "num_hidden_layers": 4,
            "num_key_value_heads": 2,
            "cross_attention_layers": [1],
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        },
        vision_config={
            **EYE,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "max_num_tiles": 1,
            "supported_aspect_ratios": [[1, 1]],
            "vision_output_dim": 64,
            "intermediate_layers_indices": [0],
        },
    ),
    "blip-2": lambda: transformers.Blip2Config(
        vision_config=EYE,
        qformer_config={
            **{name: TEXT[name] for name in ("vocab_size", "hidden_size", "intermediate_size")},
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "encoder_hidden_size": 32,
        },
        text_config={
            **TEXT,
            "model_type": "opt",
            "ffn_dim": 64,
            "word_embed_proj_dim": 32,
        },
        num_query_tokens=4,
    ),
    "qwen2_vl": lambda: transformers.Qwen2VLConfig(
        text_config={
            **_GEMMA,
            "rope_parameters": {
                "rope_type": "default",
                "mrope_section": [1, 1, 2],
                "rope_theta": 10000.0,
            },
        },
        vision_config={
            "depth": 3,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": 8,
        },
    ),
    "vilt": lambda: transformers.ViltConfig(**TEXT, image_size=SIDE, patch_size=8),
}  # fmt: skip

# What stands for an image in a text, and what else a processor writes around it.
_MARKS: dict[str, dict[str, str]] = {
    "llava": {"image_token": "<image>"},
    "paligemma": {"image_token": "<image>"},
    "gemma3": {
        "image_token": "<soft>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    },
    "idefics3": {"image_token": "<image>"},
    "mllama": {"image_token": "<|image|>"},
}
_AROUND = ("<fake_token_around_image>", "<end_of_utterance>", "<global-img>")  # of Idefics


def _clip_processor() -> Any:
    return transformers.CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size=_SQUARE, **_SCALED
    )


def _siglip_processor(**settings: Any) -> Any:
    processor = transformers.SiglipImageProcessorPil(size=_SQUARE, **_SCALED)
    for name, value in settings.items():
        setattr(processor, name, value)
    return processor


_PROCESSORS: dict[str, Callable[[PreTrainedTokenizerFast], ProcessorMixin]] = {
    "clip": lambda tokenizer: transformers.CLIPProcessor(_clip_processor(), tokenizer),
    "siglip": lambda tokenizer: transformers.SiglipProcessor(_siglip_processor(), tokenizer),
    "llava": lambda tokenizer: transformers.LlavaProcessor(
        _clip_processor(),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ),
    "paligemma": lambda tokenizer: transformers.PaliGemmaProcessor(
        _siglip_processor(image_seq_length=16), tokenizer
    ),
    "gemma3": lambda tokenizer: transformers.Gemma3Processor(
        transformers.Gemma3ImageProcessorPil(size=_SQUARE, **_SCALED), tokenizer, image_seq_length=4
    ),
    "idefics3": lambda tokenizer: transformers.Idefics3Processor(
        transformers.Idefics3ImageProcessorPil(
            size={"longest_edge": SIDE},
            max_image_size={"longest_edge": SIDE},
            do_image_splitting=False,
            **_SCALED,
        ),
        tokenizer,
        image_seq_len=4,
    ),
    "mllama": lambda tokenizer: transformers.MllamaProcessor(
        transformers.MllamaImageProcessorPil(size=_SQUARE, max_image_tiles=1, **_SCALED), tokenizer
    ),
    "blip-2": lambda tokenizer: transformers.Blip2Processor(
        transformers.BlipImageProcessorPil(size=_SQUARE, **_SCALED), tokenizer, num_query_tokens=4
    ),
    "vilt": lambda tokenizer: transformers.ViltProcessor(
        transformers.ViltImageProcessorPil(size={"shortest_edge": SIDE}, **_SCALED), tokenizer
    ),
}  # fmt: skip


def save_tower(folder: Path, shape: str, config: PreTrainedConfig | None = None) -> Path:
    """Save a model of one of the shapes above, with its processor.

    Args:
        folder: Where; it is made.
        shape: The model type.
        config: Its configuration, where not the one above is meant.

    Returns:
        `folder`.
    """
    tokenizer, config = _tokenizer(shape), config or _CONFIGS[shape]()
    if mark := _MARKS.get(shape, {"image_token": "<image>"} if shape == "blip-2" else {}):
        image = tokenizer.convert_tokens_to_ids(mark["image_token"])
        config.image_token_id = config.image_token_index = image
    network_of(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if shape in _PROCESSORS:
        _PROCESSORS[shape](tokenizer).save_pretrained(folder)
    else:  # one whose processor wants films too
        transformers.Qwen2VLImageProcessorPil(patch_size=8).save_pretrained(folder)
    return folder


def _tokenizer(shape: str) -> PreTrainedTokenizerFast:
    plain = sentence_piece_tokenizer()
    if shape == "blip-2":
        plain.add_tokens([AddedToken("<image>", special=True, normalized=False)])
    if shape == "idefics3":
        plain.add_special_tokens({"additional_special_tokens": list(_AROUND)})
    made = partial(
        PreTrainedTokenizerFast,
        tokenizer_object=plain.backend_tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    marks = _MARKS.get(shape)
    if not marks:
        return made()
    bos = {} if shape in ("llava", "idefics3") else {"bos_token": "<s>"}
    tokenizer: PreTrainedTokenizerFast = made(extra_special_tokens=marks, **bos)
    return tokenizer
