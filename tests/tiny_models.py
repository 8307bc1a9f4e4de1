# ruff: noqa: TID253, S106 - the libraries are what is tested here, and a token is no password
"""Tiny models with random weights and real tokenizers, saved as folders, for the tests.

Their weights are drawn wide, so that attention is far from uniform and a mistake shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE, WordLevel, WordPiece
from transformers import (
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ViTImageProcessorPil,
)

# Threads of a tiny model spend their time waiting for each other.
torch.set_num_threads(1)
transformers.logging.disable_progress_bar()

N_WORDS = 400
IMAGE = (32, 48)  # height and width of what a model sees, in patches of 8 x 8
_CORPUS = [
    "once upon a time there was a black cat, and the cat was not unhappy",
    "le chat noir et la maison rouge: il était une fois dans un pays lointain",
    "the quick brown fox jumps over the lazy dog while the black cat looks on",
]
_MARKS = ["<pad>", "</s>", "<unk>"]


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """As GPT-2's: byte-level BPE, no special token added."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=N_WORDS,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
    )


def sentence_piece_tokenizer() -> PreTrainedTokenizerFast:
    """As Llama's and T5's: ``▁`` for a space, bytes for what has no word, ``</s>`` at the end."""
    learned = Tokenizer(BPE(unk_token="<unk>"))
    trainer = trainers.BpeTrainer(
        vocab_size=N_WORDS - 256, special_tokens=_MARKS, show_progress=False
    )
    learned.train_from_iterator([f"▁{word}" for line in _CORPUS for word in line.split()], trainer)
    words = json.loads(learned.to_str())["model"]
    # Bytes are words like any other: the trainer would make special tokens of them.
    vocabulary = words["vocab"] | {
        f"<0x{byte:02X}>": len(words["vocab"]) + byte for byte in range(256)
    }
    merges = [tuple(pair) for pair in words["merges"]]
    tokenizer = Tokenizer(BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    tokenizer.add_special_tokens(_MARKS)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def word_piece_tokenizer() -> PreTrainedTokenizerFast:
    """As BERT's: lower case, ``##`` for continuations, ``[CLS]`` and ``[SEP]`` around."""
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=N_WORDS,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def word_level_tokenizer() -> PreTrainedTokenizerFast:
    """Whole words, and ``</s>`` at the end."""
    words = sorted({word for line in _CORPUS for word in line.split()})
    vocabulary = {word: id_ for id_, word in enumerate([*_MARKS, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=24,
    )


def _config(shape: str, **sizes: Any) -> PreTrainedConfig:
    """The configuration of a shape of model, 2 layers of 4 heads unless `sizes` says otherwise."""
    layers, heads = sizes.pop("layers", 2), sizes.pop("heads", 4)
    width = 8 * heads
    stack: dict[str, Any] = {
        "vocab_size": N_WORDS,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": 64,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    pair: dict[str, Any] = {
        "vocab_size": N_WORDS,
        "d_model": width,
        "encoder_layers": layers,
        "decoder_layers": layers + 1,  # so that mixing the two up shows
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": 2 * width,
        "decoder_ffn_dim": 2 * width,
        "max_position_embeddings": 64,
        "decoder_start_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "forced_eos_token_id": None,
    }
    eye: dict[str, Any] = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "image_size": list(IMAGE),
        "patch_size": 8,
    }
    gpt2: dict[str, Any] = {
        "vocab_size": N_WORDS,
        "n_positions": 64,
        "n_embd": width,
        "n_layer": layers,
        "n_head": heads,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    writer = {"is_decoder": True, "add_cross_attention": True}
    captioner: dict[str, Any] = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
    makers: dict[str, Callable[[], PreTrainedConfig]] = {
        "gpt2": lambda: transformers.GPT2Config(**gpt2),
        "llama": lambda: transformers.LlamaConfig(**stack, num_key_value_heads=heads // 2),
        "bert": lambda: transformers.BertConfig(**stack),
        "mamba": lambda: transformers.MambaConfig(
            vocab_size=N_WORDS, hidden_size=width, num_hidden_layers=layers, state_size=4
        ),
        "rwkv": lambda: transformers.RwkvConfig(
            vocab_size=N_WORDS, hidden_size=width, num_hidden_layers=layers
        ),
        "squeezebert": lambda: transformers.SqueezeBertConfig(**stack, embedding_size=width),
        "gpt_oss": lambda: transformers.GptOssConfig(
            **stack,
            num_key_value_heads=heads // 2,
            head_dim=8,
            num_local_experts=4,
            layer_types=["sliding_attention", "full_attention"],
            sliding_window=4,
        ),
        "vit": lambda: transformers.ViTConfig(**eye),
        "deit": lambda: transformers.DeiTConfig(**eye),
        "beit": lambda: transformers.BeitConfig(
            **eye, use_relative_position_bias=True, use_mask_token=True
        ),
        "dinov2": lambda: transformers.Dinov2Config(**eye | {"image_size": 40}),
        "dinov2_with_registers": lambda: transformers.Dinov2WithRegistersConfig(
            **eye | {"image_size": 40}, num_register_tokens=3
        ),
        "ijepa": lambda: transformers.IJepaConfig(**eye),
        "clip_vision_model": lambda: transformers.CLIPVisionConfig(**eye | {"image_size": 32}),
        "yolos": lambda: transformers.YolosConfig(**eye, num_detection_tokens=9),
        "swin": lambda: transformers.SwinConfig(
            image_size=32,
            patch_size=4,
            embed_dim=16,
            depths=[1, 1],
            num_heads=[2, 2],
            window_size=4,
        ),
        "segformer": lambda: transformers.SegformerConfig(
            depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 8, 8], num_attention_heads=[1, 1, 1, 1]
        ),
        "clip": lambda: transformers.CLIPConfig(
            text_config=stack, vision_config=eye | {"image_size": 32}
        ),
        "wav2vec2": lambda: transformers.Wav2Vec2Config(
            hidden_size=width,
            intermediate_size=width,
            num_hidden_layers=1,
            num_attention_heads=heads,
            conv_dim=[8],
            conv_stride=[4],
            conv_kernel=[4],
            num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=4,
        ),
        "vit2bert": lambda: transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
            transformers.ViTConfig(**eye),
            transformers.BertConfig(**stack | {"num_hidden_layers": layers + 1}, **writer),
            **captioner,
        ),
        "vit2gpt2": lambda: transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
            transformers.ViTConfig(**eye),
            transformers.GPT2Config(**gpt2 | {"n_layer": layers + 1}, **writer),
            **captioner,
        ),
        "bert2bert": lambda: transformers.EncoderDecoderConfig.from_encoder_decoder_configs(
            transformers.BertConfig(**stack),
            transformers.BertConfig(**stack, is_decoder=True, add_cross_attention=True),
            decoder_start_token_id=0,
            pad_token_id=0,
        ),
        "bart": lambda: transformers.BartConfig(**pair),
        "marian": lambda: transformers.MarianConfig(**pair),
        "mbart": lambda: transformers.MBartConfig(**pair),
        "t5": lambda: transformers.T5Config(
            vocab_size=N_WORDS,
            d_model=width,
            d_kv=8,
            d_ff=2 * width,
            num_layers=layers,
            num_decoder_layers=layers + 1,
            num_heads=heads,
            decoder_start_token_id=0,
        ),
    }
    return makers[shape]()


_TOKENIZERS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "gpt2": byte_level_tokenizer,
    "bert": word_piece_tokenizer,
    "squeezebert": word_piece_tokenizer,
    "vit2bert": word_level_tokenizer,
    "vit2gpt2": word_level_tokenizer,
}


def image_processor() -> ViTImageProcessorPil:
    """Resizes to `IMAGE`, and scales to numbers whose range differs between channels."""
    return ViTImageProcessorPil(
        size={"height": IMAGE[0], "width": IMAGE[1]},
        image_mean=[0.5, 0.4, 0.3],
        image_std=[0.5, 0.25, 0.2],
    )


def save_tiny(folder: Path, shape: str, *, seed: int = 0, **sizes: Any) -> Path:
    """Save a model of one of the shapes above, with a tokenizer of its family, or with eyes.

    Args:
        folder: Where; it is made.
        shape: The model type.
        seed: Of its weights.
        sizes: ``layers`` and ``heads``, where 2 and 4 are not meant.

    Returns:
        `folder`.
    """
    network = build_tiny(shape, seed=seed, **sizes)
    network.save_pretrained(folder)
    if network.main_input_name == "pixel_values":
        image_processor().save_pretrained(folder)
    if network.main_input_name == "input_ids" or network.config.is_encoder_decoder:
        _TOKENIZERS.get(shape, sentence_piece_tokenizer)().save_pretrained(folder)
    return folder


def build_tiny(shape: str, *, seed: int = 0, **sizes: Any) -> PreTrainedModel:
    """A model of one of the shapes above."""
    return network_of(_config(shape, **sizes), seed=seed)


def network_of(config: PreTrainedConfig, *, seed: int = 0) -> PreTrainedModel:
    """A model of any configuration, its weights drawn wide, its attention computed plainly."""
    auto = transformers.AutoModel
    if config.is_encoder_decoder:
        sees = config.model_type == "vision-encoder-decoder"
        auto = (
            transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForSeq2SeqLM
        )
    network: PreTrainedModel = auto.from_config(config, attn_implementation="eager")
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
    return network.eval()
