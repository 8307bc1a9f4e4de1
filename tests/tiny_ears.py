# ruff: noqa: TID253 - the libraries are what is tested here
"""Tiny models that hear, with random weights and their feature extractors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel

from sounds import RATE
from tiny_models import N_WORDS, sentence_piece_tokenizer

WORDS = {"vocab_size": N_WORDS, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
EAR: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    # A position every 160 samples, made from 170 of them.
    "conv_dim": [8, 8],
    "conv_stride": [10, 16],
    "conv_kernel": [20, 16],
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 4,
}
PAIR: dict[str, Any] = {
    **WORDS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_target_positions": 24,
    "decoder_start_token_id": 2,
}


def _configs() -> dict[str, Callable[[], PreTrainedConfig]]:
    return {
        "wav2vec2": lambda: transformers.Wav2Vec2Config(**EAR),
        "hubert": lambda: transformers.HubertConfig(**EAR),
        "wavlm": lambda: transformers.WavLMConfig(**EAR),
        "whisper": lambda: transformers.WhisperConfig(
            **PAIR,
            num_mel_bins=8,
            max_source_positions=50,
            suppress_tokens=None,
            begin_suppress_tokens=None,
        ),
        "speech_to_text": lambda: transformers.Speech2TextConfig(
            **PAIR, input_feat_per_channel=8, conv_channels=16, max_source_positions=200
        ),
        "audio-spectrogram-transformer": lambda: transformers.ASTConfig(
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_length=64,
            num_mel_bins=32,
        ),
    }


def extractor(shape: str) -> Any:
    """What prepares the sounds of a shape; Whisper's fills them up to a second."""
    match shape:
        case "whisper":
            return transformers.WhisperFeatureExtractor(
                feature_size=8, sampling_rate=RATE, hop_length=80, n_fft=160, chunk_length=1
            )
        case "speech_to_text":
            return transformers.Speech2TextFeatureExtractor(
                feature_size=8, num_mel_bins=8, sampling_rate=RATE
            )
        case "audio-spectrogram-transformer":
            return transformers.ASTFeatureExtractor(
                sampling_rate=RATE, num_mel_bins=32, max_length=64
            )
    return transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE)


def save_ear(folder: Path, shape: str) -> Path:
    """Save a model of a shape, its weights drawn wide, with what it hears and writes with."""
    config = _configs()[shape]()
    auto = transformers.AutoModel
    if config.is_encoder_decoder:
        auto = transformers.AutoModelForSpeechSeq2Seq
        sentence_piece_tokenizer().save_pretrained(folder)
    torch.manual_seed(0)
    network: PreTrainedModel = auto.from_config(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    network.save_pretrained(folder)
    extractor(shape).save_pretrained(folder)
    return folder
