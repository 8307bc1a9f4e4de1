# ruff: noqa: TID253 - the libraries are what is tested here
"""A small model of any model type, with random weights, made from the type's own configuration.

No type is known by its name here, save those of `KNOWN`: sizes are made small by what their fields
are called, at every depth of a configuration.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

# What configurations call their sizes, and what is small. The first end of a name counts.
COUNTS: dict[str, int] = {
    "shared_layers": 0,
    "layers_per_block": 2,
    "experts_per_tok": 2,
    "experts_per_token": 2,
    "num_hash_buckets": 64,
    "num_query_tokens": 6,
    "num_detection_tokens": 6,
    "two_stage_num_proposals": 6,
    "max_source_positions": 32,
    "max_speech_positions": 64,
    "num_position_embeddings": 64,
    "position_embedding_size": 64,
    "position_embeddings": 64,
    "original_max_position_embeddings": 64,
    "window_len": 4,
    "attention_window": 8,
    "window_size": 2,  # so that it fits into the smallest stage of a picture
    "sliding_window": 4,
    "n_positions": 64,
    "n_ctx": 64,
    "num_queries": 6,
    "num_latents": 6,
    "n_latents": 6,
    "num_frames": 4,
    "frames_per_clip": 4,
    "image_size": 64,
    "img_size": 64,
    "crop_size": 64,
    "patch_size": 16,
    "vocab_size": 64,
    "vocab_size_per_layer_input": 64,
    "codebook_size": 64,
    "vocab": 64,
    "image_embedding_size": 4,
    "num_mel_bins": 16,
    "max_length": 64,
    "context_length": 16,
    "topk_group": 1,
    "n_group": 1,
    "experts": 4,
    "n_layer": 5,
    "layers": 5,
    "num_blocks": 5,
    "depth": 5,
    "depths": 2,
}
WIDTHS: dict[str, int] = {
    "intermediate_size": 48,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "key_value_heads": 2,
    "qk_head_dim": 16,
    "kv_lora_rank": 8,
    "q_lora_rank": 8,
    "rotary_dim": 4,
    "v_head_dim": 8,
    "state_size": 4,
    "head_dim": 8,
    "d_kv": 8,
    "d_head": 8,
    "n_head": 4,
    "heads": 4,
    "num_pos_feats": 16,
    "embedding_size": 32,
    "bottleneck_size": 32,
    "hidden_size": 32,
    "hidden_sizes": 32,
    "projection_dim": 32,
    "projection_size": 32,
    "embed_dim": 32,
    "emb_dim": 32,
    "n_embd": 32,
    "d_model": 32,
    "conv_dim": 32,
    "output_dim": 32,
    "ffn_dim": 48,
    "n_inner": 48,
    "d_inner": 48,
    "dim_ff": 48,
    "mlp_dim": 48,
    "d_ff": 48,
    "dff": 48,
}
FEW = {"layers": 2, "n_layer": 2, "num_blocks": 2, "depth": 2}
# Tried in turn: wider heads, those of state-space layers too, more experts, heads as wide as the
# library's own, and last the type's own widths in few layers.
SIZES: list[dict[str, int]] = [
    *(
        more | COUNTS | WIDTHS | more  # what is more comes first, and counts
        for more in (
            {},
            {"key_value_heads": 4},
            {"head_dim": 16},
            {"mamba_d_head": 16, "head_dim": 16},
            {"experts": 8},
            {"experts": 8, "key_value_heads": 4},
            {"hidden_dim": 48, "dim": 32},
            {"out_hidden_size": 256, "hidden_size": 256, "embed_dim": 256, "head_dim": 64},
            {"out_hidden_size": 512, "hidden_size": 512, "embed_dim": 512, "head_dim": 128},
        )
    ),
    FEW | COUNTS | FEW,
]
# Made again from the others: one entry a layer, parts of a backbone, labels of a classifier.
LEFT_OUT = {
    *("layer_types", "mlp_layer_types", "layers_block_type", "block_types", "per_layer_config"),
    *("attention_layers", "num_feat_extract_layers", "out_features", "out_indices", "stage_names"),
    *("id2label", "label2id", "transformers_version", "architectures", "dtype"),
}
# Numbers of layers, in lists: where something is done, not how often.
PLACES = ("indices", "indexes", "idxs", "index", "_layers", "layer_ids", "_layer")
# What some configurations leave open, though their models need it.
OPEN: dict[str, Any] = {
    "rope_theta": 10000.0,
    "vocab_size": 64,
    "prediction_length": 8,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "sliding_window": 4,
    "image_token_index": 62,
    "pad_token_id": 0,
}
# Stands in for a backbone of timm, which is not installed.
BACKBONE = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
    "out_indices": [1, 2, 3, 4],
}
# What no rule finds, for families that many use.
KNOWN: dict[str, dict[str, Any]] = {
    "clap": {"audio_config": {"num_mel_bins": 64, "hidden_size": 256}},  # wider at each stage
    "clap_audio_model": {"num_mel_bins": 64, "hidden_size": 256},
    "dbrx": {
        "attn_config": {"rope_theta": 10000.0, "kv_n_heads": 2, "clip_qkv": 8.0}
    },  # missing in its default
    "deepseek_v2": {"num_experts_per_tok": 2, "num_key_value_heads": 4},  # open; no groups
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16},  # must multiply
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "num_layers": 4},  # kinds in words
}
N_PARAMETERS = 150_000_000  # what cannot be made smaller by its names is not built
GAIN = 1.13  # of the drawn weights: attention is then far from uniform, and still finite
PADDING, FIRST, LAST = 0, 1, 2  # ids of special tokens
MODAL_ID = 63  # ids of tokens that stand for images and sounds count down from here


def model_types() -> list[str]:
    """Every model type that the installed transformers knows."""
    return sorted(CONFIG_MAPPING_NAMES)


def networks(model_type: str) -> Iterator[Callable[[], PreTrainedModel]]:
    """Ways to build a small model of a type, the likeliest to run first."""
    default = transformers.AutoConfig.for_model(model_type)
    classes = list(classes_of(model_type, type(default)))
    if not classes:
        raise LookupError("no model class")
    for sizes, open_ in [(SIZES[0], {}), (SIZES[0], OPEN), *((sizes, {}) for sizes in SIZES[1:])]:
        for of_class in classes:
            yield partial(drawn, of_class, default, sizes, open_)


def classes_of(model_type: str, configured: type[PreTrainedConfig]) -> Iterator[type]:
    """The classes that build a type: its base first, those for a task after it."""
    names: list[str] = []
    for mapping in [
        modeling_auto.MODEL_MAPPING_NAMES,
        *(
            mapping
            for name, mapping in vars(modeling_auto).items()
            if name.startswith("MODEL_FOR_") and name.endswith("_MAPPING_NAMES")
        ),
    ]:
        found = mapping.get(model_type, ())
        names += [found] if isinstance(found, str) else found
    if names:
        for name in list(dict.fromkeys(names))[:3]:
            yield getattr(transformers, name)
        return
    # The tower of a larger model, which has no name of its own to be loaded by.
    path = configured.__module__.replace(".configuration_", ".modeling_")
    for member in reversed(vars(importlib.import_module(path)).values()):
        is_model = inspect.isclass(member) and issubclass(member, PreTrainedModel)
        if is_model and member.config_class is configured and "forward" in vars(member):
            yield member


def drawn(
    of_class: type[PreTrainedModel],
    default: PreTrainedConfig,
    sizes: dict[str, int],
    open_: dict[str, Any],
) -> PreTrainedModel:
    """A model whose weights are drawn wide, so that its attention is far from uniform.

    Raises:
        ValueError: When it is not small.
    """
    ids = iter(range(MODAL_ID, PADDING, -1))
    values = small(default.to_dict(), sizes, open_, ids)
    for name, value in KNOWN.get(default.model_type, {}).items():
        values[name] = values.get(name, {}) | value if isinstance(value, dict) else value
    config = type(default)(**values)
    with torch.device("meta"):
        size = sum(parameter.numel() for parameter in of_class(config).parameters())
    if size > N_PARAMETERS:
        raise ValueError(f"still has {size:,} parameters")
    torch.manual_seed(0)
    network = of_class._from_config(config, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and (n_inputs := parameter[0].numel()):
                parameter.normal_(std=GAIN * n_inputs**-0.5)
    return network.eval()


def small(
    config: dict[str, Any], sizes: dict[str, int], open_: dict[str, Any], ids: Iterator[int]
) -> dict[str, Any]:
    """The values of a configuration with its sizes made small, at every depth."""
    n_layers = {
        value
        for name, value in config.items()
        if str(name).endswith(("layers", "n_layer")) and isinstance(value, int)
    }
    made: dict[str, Any] = {}
    for name, value in config.items():
        if not isinstance(name, str):  # a table of numbers
            return config
        size = next((size for end, size in sizes.items() if name.endswith(end)), None)
        if name in LEFT_OUT:
            continue
        if isinstance(value, dict):
            is_foreign = value.get("model_type") == "timm_backbone"
            made[name] = BACKBONE if is_foreign else small(value, sizes, open_, ids)
        elif value is None:
            made[name] = open_.get(name)
        elif isinstance(value, bool):
            made[name] = value
        elif isinstance(value, int):
            made[name] = small_number(name, value, size, ids)
        elif name == "image_grid_pinpoints":
            made[name] = [[sizes["image_size"]] * 2]
        elif isinstance(value, list | tuple):
            rows = value[: sizes["layers"]] if len(value) in n_layers else value
            made[name] = small_numbers(name, list(rows), size, sizes["layers"])
        else:
            made[name] = value
    return made


def small_number(name: str, value: int, size: int | None, ids: Iterator[int]) -> int:
    """A size, or the id of a special token: each modality has its own."""
    if name.endswith(("token_id", "token_index")):
        known = {"pad": PADDING, "bos": FIRST, "eos": LAST}
        found = next((id_ for start, id_ in known.items() if name.startswith(start)), None)
        return min(value, next(ids) if found is None else found) if value > 0 else value
    if size is None:
        return value
    if name.endswith("heads") and 0 < value < size:
        return 1 << (value.bit_length() - 1)  # what divides every width
    return min(value, size)


def small_numbers(name: str, values: list[Any], size: int | None, n_layers: int) -> list[Any]:
    """Sizes in a row, or places among the layers, of which those that are left are kept."""
    if not all(type(value) is int for value in values):
        return values
    rises = all(a < b for a, b in pairwise(values))
    if rises and name.endswith(PLACES):
        return [place for place in values if place < n_layers] or [n_layers - 1]
    return [small_number(name, value, size, iter(())) for value in values]
