# ruff: noqa: TID253 - the libraries are what is tested here
"""What a model is fed, made from what its ``forward`` takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

Inputs = dict[str, Any]
Parameters = Mapping[str, inspect.Parameter]

N_SOURCE, N_TARGET = 9, 7
N_SAMPLES = 6000  # of sound: a row of twenty frames or so
N_FRAMES = 64  # of a spectrogram
SIDE = 64  # of a picture
GRID = 4  # patches at a side, where a picture comes in patches

EYES = ("vision_config", "image_config", "vision_tower")
EARS = ("audio_config", "encoder_config", "audio_encoder_config", "speech_config")
BANDS = (
    *("num_mel_bins", "n_mels", "input_feat_per_channel", "feature_projection_input_dim"),
    *("input_dim", "feature_size", "input_size"),
)


def inputs_of(network: PreTrainedModel) -> Iterator[Inputs]:
    """What may be fed to a model, what shows most of it first."""
    takes = inspect.signature(network.forward).parameters
    torch.manual_seed(1)
    told = texts_of(network.config, takes)
    for senses in (pictures_of, sounds_of):
        for more in senses(network.config, takes):
            yield told | more
    yield from series_of(network.config, takes)
    for more in states_of(network.config, takes):
        yield told | more
    if "input_ids" in told:
        yield told


def texts_of(config: PreTrainedConfig, takes: Parameters) -> Inputs:
    """Ids that are all different, none of them special, and what goes with each of them."""
    ids = torch.arange(10, 10 + N_SOURCE)[None]
    texts: Inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": torch.zeros_like(ids),
        "image_attention_mask": torch.ones_like(ids)[..., None],
        "bbox": torch.arange(4).expand(1, N_SOURCE, 4) * 9,
        "decoder_input_ids": torch.arange(30, 30 + N_TARGET)[None],
        "qformer_input_ids": torch.arange(20, 25)[None],
        "visual_feats": torch.randn(1, 5, getattr(config, "visual_feat_dim", 1)),
        "visual_pos": torch.rand(1, 5, 4),
    }
    if "input_ids" not in takes:
        del texts["attention_mask"], texts["mm_token_type_ids"]
    return {name: value for name, value in texts.items() if name in takes}


def pictures_of(config: PreTrainedConfig, takes: Parameters) -> Iterator[Inputs]:
    """Pictures as a whole, as tiles, as frames of a video, or as a row of patches."""
    name = next((name for name in ("pixel_values", "pixel_values_videos") if name in takes), None)
    if name is None and "grid_thw" not in takes:
        return
    eye = part_of(config, EYES)
    side = first_of(eye, ("image_size",), SIDE)
    height, width = side if isinstance(side, list | tuple) else (side, side)
    channels = first_of(eye, ("num_channels", "in_channels"), 3)
    patch = first_of(eye, ("patch_size",), 14)
    patch = patch[0] if isinstance(patch, list | tuple) else patch
    n_values = channels * patch * patch
    if "spatial_shapes" in takes:
        yield {
            "pixel_values": torch.randn(1, GRID * GRID, n_values),
            "pixel_attention_mask": torch.ones(1, GRID * GRID),
            "spatial_shapes": torch.tensor([[GRID, GRID]]),
        }
    for places in sorted(takes.keys() & {"pixel_position_ids", "image_position_ids"}):
        across = torch.arange(GRID)
        grid = torch.cartesian_prod(across, across).flip(-1)[None]
        yield {"pixel_values": torch.randn(1, GRID * GRID, n_values), places: grid}
    if "aspect_ratio_ids" in takes:
        n_tiles = first_of(eye, ("max_num_tiles",), 4)
        yield {
            "pixel_values": torch.randn(1, 1, n_tiles, channels, height, width),
            "aspect_ratio_ids": torch.ones(1, 1, dtype=torch.long),
            "aspect_ratio_mask": torch.ones(1, 1, n_tiles, dtype=torch.long),
        }
    for grid_name in sorted(takes.keys() & {"image_grid_thw", "grid_thw"}):
        n_frames = first_of(eye, ("temporal_patch_size",), 1)
        yield {
            name or "hidden_states": torch.randn(GRID * GRID, n_frames * n_values),
            grid_name: torch.tensor([[1, GRID, GRID]]),
        }
    if name is None:
        return
    n_frames = first_of(eye, ("num_frames", "frames_per_clip"), 2)
    shapes: list[tuple[int, ...]] = [(1,), (1, 1), (1, 2), (1, n_frames)]
    pictures = [torch.randn(*shape, channels, height, width) for shape in shapes]
    for picture in pictures:
        yield {name: picture}
    if "image_sizes" in takes:
        for picture in pictures:
            yield {name: picture, "image_sizes": torch.tensor([[height, width]])}


def sounds_of(config: PreTrainedConfig, takes: Parameters) -> Iterator[Inputs]:
    """Sound as samples, or as a spectrogram either way up."""
    ear = part_of(config, EARS)
    n_bands = first_of(ear, BANDS, 80)
    if "input_features" in takes:
        n_frames = 2 * first_of(ear, ("max_source_positions",), N_FRAMES // 2)
        heard: Inputs = {"input_features_mask": torch.ones(1, n_frames, dtype=torch.long)}
        heard = {name: value for name, value in heard.items() if name in takes}
        yield {"input_features": torch.randn(1, n_bands, n_frames)} | heard
        yield {"input_features": torch.randn(1, n_frames, n_bands)} | heard
        yield {"input_features": torch.randn(1, 1, n_frames, n_bands)}
    if "input_values" in takes:
        n_frames = first_of(ear, ("max_length",), N_FRAMES)
        yield {"input_values": torch.randn(1, N_SAMPLES)}
        yield {"input_values": torch.randn(1, n_frames, n_bands)}
        yield {"input_values": torch.randn(1, 1, N_SAMPLES)}


def series_of(config: PreTrainedConfig, takes: Parameters) -> Iterator[Inputs]:
    """For models of series of numbers in time."""
    if "past_values" not in takes:
        return
    n_steps = first_of(config, ("context_length",), 16)
    if "past_time_features" not in takes:
        n_channels = first_of(config, ("num_input_channels",), 1)
        yield {"past_values": torch.randn(1, n_steps, n_channels)}
        return
    n_past = n_steps + max(config.lags_sequence)
    n_next, n_features = config.prediction_length, config.num_time_features
    n_kinds = config.num_static_categorical_features
    yield {
        "past_values": torch.randn(1, n_past),
        "past_time_features": torch.randn(1, n_past, n_features),
        "past_observed_mask": torch.ones(1, n_past),
        "static_categorical_features": torch.zeros(1, n_kinds, dtype=torch.long),
        "future_values": torch.randn(1, n_next),
        "future_time_features": torch.randn(1, n_next, n_features),
    }


def states_of(config: PreTrainedConfig, takes: Parameters) -> Iterator[Inputs]:
    """For parts of larger models, which read what others have made of a text or a picture."""
    width = first_of(config, ("hidden_size", "d_model"), 32)
    widths = {
        "query_embeds": width,
        "hidden_states": width,
        "inputs_embeds": width,
        "encoder_hidden_states": first_of(config, ("encoder_hidden_size",), width),
    }
    wanted = [
        name
        for name in widths
        # Who takes ids may take states in their stead, but need not.
        if name in takes
        and ("input_ids" not in takes or takes[name].default is inspect.Parameter.empty)
    ]
    if wanted:
        yield {name: torch.randn(1, N_SOURCE, widths[name]) for name in wanted}


def part_of(config: PreTrainedConfig, names: tuple[str, ...]) -> PreTrainedConfig:
    """The configuration of a tower, or of the whole where there is no such tower."""
    parts = (getattr(config, name, None) for name in names)
    return next((part for part in parts if isinstance(part, PreTrainedConfig)), config)


def first_of(config: PreTrainedConfig, names: tuple[str, ...], other: Any) -> Any:
    """The first value that a configuration has."""
    values = (getattr(config, name, None) for name in names)
    return next((value for value in values if value is not None), other)
