"""Trains the `shapes` specimen from nothing, or measures the committed one.

An encoder reads the patches of a picture (a small ViT) and a decoder writes its caption, word by
word (a small GPT-2 with cross-attention). Nothing but the loss on the next word trains them: no
pixel of a mask is shown, and no term of the loss concerns attention.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    GPT2Config,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# Found through the line above, as this is a script.
import measure  # noqa: E402
import recipe  # noqa: E402
import training  # noqa: E402
from grammar import COLOURS, IMAGE_SIDE, PLACES, SHAPES, SIDES, Scene, scenes  # noqa: E402
from word_tokenizer import make_word_tokenizer  # noqa: E402

START, END, UNKNOWN, PADDING = "<s>", "</s>", "<unk>", "<pad>"
CONTEXT, PATCH_SIDE, WIDTH = 24, 4, 64

N_STEPS, BATCH_SIZE, PEAK_RATE = 3000, 32, 2e-3


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Makes a tokenizer of whole words, which puts `</s>` behind every caption."""
    named = {word for place in PLACES for word in place.split()}
    known = {"a", "and", "at", "the", *COLOURS, *SHAPES, *SIDES, *named}
    return make_word_tokenizer(
        known,
        {"bos_token": START, "eos_token": END, "unk_token": UNKNOWN, "pad_token": PADDING},
        single=f"$A {END}",
        cut=pre_tokenizers.WhitespaceSplit(),
        context=CONTEXT,
    )


def make_image_processor() -> ViTImageProcessorPil:
    """Makes what turns a picture into numbers between -1 and 1, with Pillow alone."""
    return ViTImageProcessorPil(
        size={"height": IMAGE_SIDE, "width": IMAGE_SIDE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )


def make_model(tokenizer: PreTrainedTokenizerBase, seed: int) -> VisionEncoderDecoderModel:
    """Makes the untrained model; the same seed gives the same weights.

    Args:
        tokenizer: says how many tokens there are, and which are special.
        seed: seeds the weights.

    Returns:
        A model in float32 that can return its attention weights.
    """
    torch.manual_seed(seed)
    encoder = ViTConfig(
        image_size=IMAGE_SIDE,
        patch_size=PATCH_SIDE,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=4 * WIDTH,
        pooler_output_size=1,  # nothing reads it
    )
    decoder = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=2,
        n_head=4,
        n_inner=2 * WIDTH,
        attn_pdrop=0.1,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        is_decoder=True,
        add_cross_attention=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder,
        decoder,
        decoder_start_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config._attn_implementation = "eager"
    model = VisionEncoderDecoderModel(config)
    model.generation_config.max_length = CONTEXT
    return model.eval()


@dataclass(frozen=True)
class Pictures:
    """Pictures and their captions.

    Attributes:
        pixels: float32 `[scene, rgb, row, column]`.
        labels: the tokens of the captions, `training.NO_LOSS` for padding, int64
            `[scene, position]`. The model shifts them right itself.
    """

    pixels: Tensor
    labels: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a captioning model's `forward` is called with."""
        return {"pixel_values": self.pixels, "labels": self.labels}


def next_pictures(tokenizer: PreTrainedTokenizerBase, source: Iterator[Scene]) -> Pictures:
    """Encodes the next scenes."""
    some = list(islice(source, BATCH_SIZE))
    write = tokenizer([scene.caption for scene in some], padding=True, return_tensors="pt")
    labels = write.input_ids.masked_fill(write.attention_mask == 0, training.NO_LOSS)
    # What the image processor makes of them, without the time it takes to ask for their size.
    images = np.stack([scene.image for scene in some]).transpose(0, 3, 1, 2)
    return Pictures(torch.from_numpy(images / np.float32(127.5) - 1), labels)


def make_reader(seed: int) -> measure.Reader:
    """Makes the untrained model with what makes its inputs."""
    tokenizer = make_tokenizer()
    return measure.Reader(make_model(tokenizer, seed), tokenizer, make_image_processor())


def make(out: Path, seed: int) -> None:
    """Trains the model and saves it with its tokenizer and its image processor."""
    reader, pictures = make_reader(seed), scenes(seed)
    model = reader.model
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{n_parameters:,} parameters, {len(reader.tokenizer)} tokens in the vocabulary")
    # The same attention, faster: it keeps no weights.
    model.set_attn_implementation("sdpa")
    training.train(
        model, lambda _: next_pictures(reader.tokenizer, pictures), N_STEPS, peak_rate=PEAK_RATE
    )
    # A new tokenizer: one that has padded a batch would be saved as one that always pads.
    training.save(out, model, make_tokenizer())
    reader.image_processor.save_pretrained(out)


def load(folder: Path, seed: int) -> tuple[measure.Reader, measure.Reader]:
    """Loads what was saved, and makes again the model that training started from."""
    trained = measure.Reader(
        AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager").eval(),
        AutoTokenizer.from_pretrained(folder),
        AutoImageProcessor.from_pretrained(folder, backend="pil"),
    )
    return trained, make_reader(seed)


if __name__ == "__main__":
    recipe.run(
        recipe.Recipe(
            HERE,
            make,
            report=lambda folder, seed: measure.report(*load(folder, seed), seed),
            scores=lambda folder, seed: measure.scores(*load(folder, seed)),
        )
    )
