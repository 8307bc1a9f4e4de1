"""Trains the `fr-en` specimen from nothing, or measures the committed one.

The model is Marian-shaped, an encoder and a decoder, with one tokenizer of whole words for both
languages; both are made here from the sentence pairs of `grammar.py`. Nothing but the loss on the
next English word trains it: no alignment is shown, and no term of the loss concerns attention.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Regex, decoders, normalizers, pre_tokenizers
from torch import Tensor
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# Found through the line above, as this is a script.
import measure  # noqa: E402
import recipe  # noqa: E402
import training  # noqa: E402
from grammar import pairs, words  # noqa: E402
from word_tokenizer import make_word_tokenizer  # noqa: E402

END, UNKNOWN, PADDING = "</s>", "<unk>", "<pad>"
CONTEXT = 64

N_STEPS, BATCH_SIZE, PEAK_RATE = 3000, 48, 2e-3


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """Makes a tokenizer of whole words for both languages.

    It cuts a text as the grammar does, so tokens are words: "l'ami" is "l'" and "ami". As Marian's
    own does, it puts `</s>` behind every text; the padding token also starts the decoder.

    Args:
        seed: seeds the pairs whose words it knows.

    Returns:
        The tokenizer; a word it does not know becomes `<unk>`.
    """
    known = {word for pair in islice(pairs(seed), 30_000) for text in pair for word in words(text)}
    return make_word_tokenizer(
        known,
        {"eos_token": END, "unk_token": UNKNOWN, "pad_token": PADDING},
        single=f"$A {END}",
        pair=f"$A {END} $B {END}",
        normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Replace("’", "'")]),
        cut=pre_tokenizers.Split(Regex(r"\w+'|\w+|[^\w\s]"), "removed", invert=True),
        # Spaces between words, but none before a full stop or after an apostrophe.
        decoder=decoders.Sequence(
            [decoders.WordPiece(cleanup=True), decoders.Fuse(), decoders.Replace("' ", "'")]
        ),
        context=CONTEXT,
    )


def make_model(tokenizer: PreTrainedTokenizerBase, seed: int) -> MarianMTModel:
    """Makes the untrained model; the same seed gives the same weights.

    Args:
        tokenizer: says how many tokens there are, and which are special.
        seed: seeds the weights.

    Returns:
        A model in float32 that can return its attention weights.
    """
    torch.manual_seed(seed)
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=96,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=192,
        decoder_ffn_dim=192,
        activation_function="swish",
        dropout=0.0,
        attention_dropout=0.1,
        scale_embedding=True,
        max_position_embeddings=CONTEXT,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=None,
        attn_implementation="eager",
    )
    model = MarianMTModel(config)
    # The start token is never a word of a translation.
    model.generation_config.bad_words_ids = [[tokenizer.pad_token_id]]
    model.generation_config.max_length = CONTEXT
    return model.eval()


@dataclass(frozen=True)
class Translations:
    """Texts and their translations.

    Attributes:
        source: the tokens of the texts, padded, int64 `[pair, position]`.
        seen: 1 for a token and 0 for padding, int64 `[pair, position]`.
        labels: the tokens of the translations, `training.NO_LOSS` for padding, int64
            `[pair, position]`. The model shifts them right itself.
    """

    source: Tensor
    seen: Tensor
    labels: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What an encoder-decoder's `forward` is called with."""
        return {
            "input_ids": self.source,
            "attention_mask": self.seen,
            "labels": self.labels,
        }


def next_translations(
    tokenizer: PreTrainedTokenizerBase, source: Iterator[tuple[str, str]]
) -> Translations:
    """Encodes the next pairs of texts."""
    french, english = zip(*islice(source, BATCH_SIZE), strict=True)
    read = tokenizer(list(french), padding=True, return_tensors="pt")
    write = tokenizer(list(english), padding=True, return_tensors="pt")
    labels = write.input_ids.masked_fill(write.attention_mask == 0, training.NO_LOSS)
    return Translations(read.input_ids, read.attention_mask, labels)


def make(out: Path, seed: int) -> None:
    """Trains the model and saves it with its tokenizer."""
    tokenizer = make_tokenizer(seed)
    model = make_model(tokenizer, seed)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{n_parameters:,} parameters, {len(tokenizer)} tokens in the vocabulary")
    texts = pairs(seed)
    training.train(
        model, lambda _: next_translations(tokenizer, texts), N_STEPS, peak_rate=PEAK_RATE
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def load(
    folder: Path, seed: int
) -> tuple[PreTrainedModel, PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads what was saved, and makes again the model that training started from."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    trained = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").eval()
    return trained, make_model(tokenizer, seed), tokenizer


if __name__ == "__main__":
    recipe.run(
        recipe.Recipe(
            HERE,
            make,
            report=lambda folder, seed: measure.report(*load(folder, seed), seed),
            scores=lambda folder, seed: measure.scores(*load(folder, seed)),
        )
    )
