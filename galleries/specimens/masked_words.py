"""What the masked-language specimens share: their tokenizer, their model, their lessons.

A lesson spoils words and asks for the right ones back, as BERT's does: of the words chosen, four
fifths are replaced by [MASK], a tenth by any word, and a tenth stays as it is.

Words that stand for another one, such as pronouns, are chosen more often, and are replaced more
often, if they can by a *rival*: "he" by "she". A rival in the text is a likely mistake, so a model
cannot trust what it reads there: to put it right, it has to find out whom the word stands for. That
is why the row of a pronoun which can be seen is worth looking at here. Which word it stands for is
never told.

Source: Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers", section 3.1.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
import training
from marked_text import Sentence
from tokenizers import Regex, decoders, normalizers
from torch import Tensor
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from word_tokenizer import make_word_tokenizer

PADDING, UNKNOWN, START, END, MASK = SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CONTEXT = 32
BATCH_SIZE, PEAK_RATE = 64, 1.5e-3

# For each word that has rivals, what it may be replaced by.
Rivals = Mapping[str, Sequence[str]]


class Spoiling(NamedTuple):
    """How words are spoilt.

    Attributes:
        asked: the share of words that are asked for.
        hidden: the share of those that become [MASK].
        replaced: the share of those that become another word; the others stay.
    """

    asked: float
    hidden: float
    replaced: float


ANY_WORD = Spoiling(asked=0.15, hidden=0.8, replaced=0.1)
LINKED_WORD = Spoiling(asked=0.6, hidden=0.4, replaced=0.3)


def make_tokenizer(words: Collection[str]) -> PreTrainedTokenizerFast:
    """Makes a tokenizer of whole words, which puts texts between [CLS] and [SEP] as BERT's does.

    Args:
        words: all words it shall know; any other becomes [UNK].
    """
    return make_word_tokenizer(
        words,
        {
            "pad_token": PADDING,
            "unk_token": UNKNOWN,
            "cls_token": START,
            "sep_token": END,
            "mask_token": MASK,
        },
        single=f"{START} $A {END}",
        pair=f"{START} $A {END} $B {END}",
        # The grammars start sentences without a capital; who writes one is understood too.
        normalizer=normalizers.Replace(Regex(r"^The\b"), "the"),
        # Spaces between words, but none before a comma or full stop.
        decoder=decoders.WordPiece(cleanup=True),
        context=CONTEXT,
    )


def make_model(tokenizer: PreTrainedTokenizerBase, seed: int) -> BertForMaskedLM:
    """Makes the untrained model; the same seed gives the same weights.

    Args:
        tokenizer: says how many tokens there are.
        seed: seeds the weights.

    Returns:
        A model in float32 that can return its attention weights.
    """
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=CONTEXT,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.1,
        initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    return BertForMaskedLM(config).eval()


@dataclass(frozen=True)
class Cloze:
    """Texts with words spoilt, and the right words.

    Attributes:
        ids: tokens as the model sees them, padded, int64 `[sentence, position]`.
        seen: 1 for a token and 0 for padding, int64 `[sentence, position]`.
        labels: the right tokens where they are asked for, `training.NO_LOSS` elsewhere, int64
            `[sentence, position]`.
    """

    ids: Tensor
    seen: Tensor
    labels: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a masked language model's `forward` is called with."""
        return {"input_ids": self.ids, "attention_mask": self.seen, "labels": self.labels}


class Teacher:
    """Makes lessons of sentences."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        sentences: Iterator[Sentence],
        rivals: Rivals,
        seed: int,
    ) -> None:
        """Prepares to teach.

        Args:
            tokenizer: whose tokens are the sentences' words.
            sentences: what is taught. Of their truth, only which words stand for others is used,
                to spoil these more often.
            rivals: for each word that has rivals, what it may be replaced by.
            seed: seeds the choice of words to spoil.
        """
        self._tokenizer = tokenizer
        self._sentences = sentences
        self._rivals = {
            tokenizer.convert_tokens_to_ids(word): torch.tensor(
                tokenizer.convert_tokens_to_ids(list(others))
            )
            for word, others in rivals.items()
        }
        self._chance = torch.Generator().manual_seed(seed)

    def lesson(self) -> Cloze:
        """Spoils the next sentences."""
        sentences = list(islice(self._sentences, BATCH_SIZE))
        texts = [sentence.text for sentence in sentences]
        encoded = self._tokenizer(texts, padding=True, return_tensors="pt")
        ids: Tensor = encoded.input_ids

        linked = torch.zeros_like(ids, dtype=torch.bool)
        for row, sentence in zip(linked, sentences, strict=True):
            row[[1 + place for place in sentence.antecedents]] = True  # after [CLS]
        asked, hidden, replaced = (
            torch.where(linked, *shares) for shares in zip(LINKED_WORD, ANY_WORD, strict=True)
        )
        others = self._draw(ids.shape, torch.arange(len(SPECIAL), len(self._tokenizer)))
        for word, rivals in self._rivals.items():
            others = self._draw(ids.shape, rivals).where(ids == word, others)

        chosen = torch.rand(ids.shape, generator=self._chance) < asked
        chosen &= ids >= len(SPECIAL)
        fate = torch.rand(ids.shape, generator=self._chance)
        hide, replace = chosen & (fate < hidden), chosen & (fate >= 1 - replaced)
        spoilt = ids.where(~hide, self._tokenizer.mask_token_id)
        spoilt = others.where(replace, spoilt)
        return Cloze(spoilt, encoded.attention_mask, ids.where(chosen, training.NO_LOSS))

    def _draw(self, shape: torch.Size, choice: Tensor) -> Tensor:
        return choice[torch.randint(len(choice), shape, generator=self._chance)]


def make(
    out: Path,
    seed: int,
    n_steps: int,
    words: Collection[str],
    sentences: Iterator[Sentence],
    rivals: Rivals,
) -> None:
    """Trains a model and saves it with its tokenizer.

    Args:
        out: the folder to save in.
        seed: seeds weights and lessons.
        n_steps: how many lessons to take.
        words: all words of the grammar.
        sentences: what to learn from.
        rivals: for each word that has rivals, what it may be replaced by.
    """
    tokenizer = make_tokenizer(words)
    model = make_model(tokenizer, seed)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{n_parameters:,} parameters, {len(tokenizer)} tokens in the vocabulary")
    teacher = Teacher(tokenizer, sentences, rivals, seed)
    training.train(model, lambda _: teacher.lesson(), n_steps, peak_rate=PEAK_RATE)
    training.save(out, model, tokenizer)


def load(
    folder: Path, seed: int
) -> tuple[PreTrainedModel, PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads what was saved, and makes again the model that training started from."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    trained = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    return trained, make_model(tokenizer, seed), tokenizer


class Look(NamedTuple):
    """What a model does at one word of a sentence.

    Attributes:
        weights: attention from there, float32 `[layer, head, key]`; keys are words, counted from 0,
            then [SEP], and [CLS] last, so that a word's position is its key.
        chances: the probability of each token standing there, float32 `[token]`.
    """

    weights: Tensor
    chances: Tensor


def look(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentence: Sentence,
    place: int,
    *,
    hidden: bool,
) -> Look:
    """Runs a sentence through a model.

    Args:
        model: a masked language model with eager attention.
        tokenizer: its tokenizer, whose tokens are the sentence's words.
        sentence: the sentence.
        place: the position of the word to look at.
        hidden: whether [MASK] stands there instead of the word.
    """
    ids = tokenizer(sentence.text, return_tensors="pt").input_ids
    query = 1 + place  # after [CLS]
    if hidden:
        ids[0, query] = tokenizer.mask_token_id
    with torch.no_grad():
        outputs = model(input_ids=ids, output_attentions=True)
    weights = torch.stack(outputs.attentions, dim=1)[0, :, :, query]
    return Look(weights.roll(-1, dims=-1), outputs.logits[0, query].softmax(dim=-1))
