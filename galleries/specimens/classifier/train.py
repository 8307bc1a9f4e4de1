"""Trains the `classifier` specimen from nothing, or measures the committed one.

The model is BERT-shaped with a tokenizer of whole words; both are made here from the reviews of
`grammar.py`. Nothing but the loss on a review's label trains it: it is never told which words
decide, and no term of the loss concerns attention.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from tokenizers import normalizers
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
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
from grammar import LABELS, Label, reviews, words  # noqa: E402
from word_tokenizer import make_word_tokenizer  # noqa: E402

PADDING, UNKNOWN, CLASS, SEPARATOR, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
CONTEXT = 40

N_STEPS, BATCH_SIZE, PEAK_RATE = 2500, 64, 1e-3


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """Makes a tokenizer of whole words.

    It cuts a text as the grammar does, and puts `[CLS]` in front and `[SEP]` behind, as BERT's own
    does. It does not tell capitals from small letters.

    Args:
        seed: seeds the reviews whose words it knows.

    Returns:
        The tokenizer; a word it does not know becomes `[UNK]`.
    """
    known = {w.lower() for text, _ in islice(reviews(seed), 10_000) for w in words(text)}
    return make_word_tokenizer(
        known,
        {
            "pad_token": PADDING,
            "unk_token": UNKNOWN,
            "cls_token": CLASS,
            "sep_token": SEPARATOR,
            "mask_token": MASK,
        },
        single=f"{CLASS} $A {SEPARATOR}",
        pair=f"{CLASS} $A {SEPARATOR} $B:1 {SEPARATOR}:1",
        normalizer=normalizers.Lowercase(),
        context=CONTEXT,
    )


def make_model(tokenizer: PreTrainedTokenizerBase, seed: int) -> BertForSequenceClassification:
    """Makes the untrained model; the same seed gives the same weights.

    Args:
        tokenizer: says how many tokens there are, and which one pads.
        seed: seeds the weights.

    Returns:
        A model in float32 that can return its attention weights.
    """
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=CONTEXT,
        type_vocab_size=2,
        initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
        attn_implementation="eager",
    )
    return BertForSequenceClassification(config).eval()


@dataclass(frozen=True)
class Labelled:
    """Reviews and their labels.

    Attributes:
        ids: token ids, padded, int64 `[review, position]`.
        seen: 1 for a token and 0 for padding, int64 `[review, position]`.
        labels: positions in `LABELS`, int64 `[review]`.
    """

    ids: Tensor
    seen: Tensor
    labels: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a classifier's `forward` is called with."""
        return {"input_ids": self.ids, "attention_mask": self.seen, "labels": self.labels}


def next_reviews(
    tokenizer: PreTrainedTokenizerBase, source: Iterator[tuple[str, Label]]
) -> Labelled:
    """Encodes the next reviews."""
    texts, labels = zip(*islice(source, BATCH_SIZE), strict=True)
    read = tokenizer(list(texts), padding=True, return_tensors="pt")
    return Labelled(
        read.input_ids, read.attention_mask, torch.tensor([LABELS.index(label) for label in labels])
    )


def make(out: Path, seed: int) -> None:
    """Trains the model and saves it with its tokenizer."""
    tokenizer = make_tokenizer(seed)
    model = make_model(tokenizer, seed)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{n_parameters:,} parameters, {len(tokenizer)} tokens in the vocabulary")
    texts = reviews(seed)
    training.train(model, lambda _: next_reviews(tokenizer, texts), N_STEPS, peak_rate=PEAK_RATE)
    training.save(out, model, tokenizer)


def load(
    folder: Path, seed: int
) -> tuple[PreTrainedModel, PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads what was saved, and makes again the model that training started from."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    trained = AutoModelForSequenceClassification.from_pretrained(
        folder, attn_implementation="eager"
    ).eval()
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
