"""Trains the `story` specimen from nothing, or measures the committed one.

The model is a Llama-shaped causal language model with a byte-level BPE tokenizer, both made here
from the stories of `grammar.py`. Its heads are trained by next-token loss alone, in three stages:

1. short random segments said again and again: a head that finds the previous token and a head that
   copies what followed it (an induction head) are the cheapest way to predict them;
2. the same with longer and longer segments, until the copying heads work over eighty tokens;
3. stories, always with some repeated segments beside them so that the heads stay.

Starting with segments of six tokens or more, or with stories, did not form these heads in 600 to
1,000 steps.

The model is saved on its way too, in folders named after the steps taken: `step-0200` and so on.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# Found through the line above, as this is a script.
import measure  # noqa: E402
import recipe  # noqa: E402
import time_lapse  # noqa: E402
import training  # noqa: E402
from grammar import documents  # noqa: E402

END_OF_TEXT = "<|endoftext|>"
CONTEXT = 256

# Steps of the three stages.
SHORT_STEPS, GROWING_STEPS, STORY_STEPS = 350, 450, 1800
N_STEPS = SHORT_STEPS + GROWING_STEPS + STORY_STEPS
PEAK_RATE = 3e-3
SHORTEST_PERIOD, SHORT_PERIOD, LONG_PERIOD = 3, 8, 40

# Where the heads are seen to form, chosen after looking at every 25th step. The first is the
# untrained model; 350 and 800 are the ends of the first two stages.
CHECKPOINTS = (0, 150, 200, 350, 500, 600, 800)


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """Learns a byte-level BPE tokenizer from stories.

    Bytes are the alphabet, so any text can be encoded; merges run until every word of the grammar
    is one token. Every text gets `<|endoftext|>` in front: a first token that means nothing.

    Args:
        seed: seeds the stories to learn from.

    Returns:
        The tokenizer; `<|endoftext|>` has id 0.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(islice(documents(seed), 8000), trainer=trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END_OF_TEXT} $A",
        pair=f"{END_OF_TEXT} $A $B",
        special_tokens=[(END_OF_TEXT, tokenizer.token_to_id(END_OF_TEXT))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def make_model(vocab_size: int, seed: int) -> LlamaForCausalLM:
    """Makes the untrained model; the same seed gives the same weights.

    Three choices are meant to help heads that look at positions to form in minutes; the effect of
    each was not measured alone. Queries and keys have biases: embeddings drawn at random have no
    direction in common, so without biases a head of the first layer has nothing to turn by position
    alone. The slowest rotation is quicker than Llama's, as the context is short. What layers write
    starts small beside the embeddings, so that later layers still see which token is where.

    Args:
        vocab_size: the number of tokens.
        seed: seeds the weights.

    Returns:
        A model in float32 that can return its attention weights.
    """
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
        attention_bias=True,
        tie_word_embeddings=True,
        initializer_range=0.1,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                weight.mul_(0.5)
            elif name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.mul_(0.1)
            elif name.endswith(("q_proj.bias", "k_proj.bias")):
                weight.normal_(0, 0.7)
    return model.eval()


def story_batch(tokenizer: PreTrainedTokenizerFast, texts: Iterator[str], n: int) -> training.Batch:
    """Encodes the next documents, each followed by the end-of-text token.

    Args:
        tokenizer: puts the first token in front.
        texts: where to take documents from.
        n: how many to take.

    Returns:
        One document a row, padded on the right where no loss is taken.
    """
    rows = [[*tokenizer.encode(text), tokenizer.eos_token_id] for text in islice(texts, n)]
    ids = torch.zeros(n, max(map(len, rows)), dtype=torch.long)
    labels = torch.full_like(ids, training.NO_LOSS)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = labels[row, : len(tokens)] = torch.tensor(tokens)
    return training.Batch(ids, labels)


class Lessons:
    """What the model is shown at each step."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        """Prepares the three stages.

        Args:
            tokenizer: encodes the stories; its vocabulary is what random segments are drawn from.
            seed: seeds the stories and the segments.
        """
        self._tokenizer = tokenizer
        self._texts = documents(seed)
        self._generator = torch.Generator().manual_seed(seed)
        self._tokens = torch.arange(1, len(tokenizer))

    def __call__(self, step: int) -> training.Batch:
        """Gives the batch of one step; steps must be asked for in order.

        Args:
            step: the step, from 0.

        Returns:
            Random segments, and stories in the last stage: about 1,500 tokens.
        """
        grown = min(1.0, max(0, step - SHORT_STEPS) / GROWING_STEPS)
        longest = round(SHORT_PERIOD * (LONG_PERIOD / SHORT_PERIOD) ** grown)
        if step < SHORT_STEPS + GROWING_STEPS:
            return self._segments(1536 // (2 * longest), longest)
        stories = story_batch(self._tokenizer, self._texts, 14)
        return stories + self._segments(8, longest, loss_on_first_saying=True)

    def _segments(
        self, n: int, longest: int, *, loss_on_first_saying: bool = False
    ) -> training.Batch:
        """Draws `n` random segments of at most `longest` tokens, repeated to twice that length."""
        periods: Tensor = torch.randint(
            SHORTEST_PERIOD, longest + 1, (n,), generator=self._generator
        )
        return training.repeated_random_tokens(
            self._tokens,
            first=self._tokenizer.bos_token_id,
            periods=periods,
            length=2 * longest,
            generator=self._generator,
            loss_on_first_saying=loss_on_first_saying,
        )


def make(out: Path, seed: int) -> None:
    """Trains the model and saves it with its tokenizer, and so its checkpoints."""
    tokenizer = make_tokenizer(seed)
    model = make_model(len(tokenizer), seed)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{n_parameters:,} parameters, {len(tokenizer)} tokens in the vocabulary")

    def save_checkpoint(step: int) -> None:
        if step in CHECKPOINTS:
            training.save(checkpoint(out, step), model, tokenizer, dtype=torch.float16)

    lessons = Lessons(tokenizer, seed)
    training.train(model, lessons, N_STEPS, peak_rate=PEAK_RATE, at_step=save_checkpoint)
    training.save(out, model, tokenizer)


def checkpoint(folder: Path, step: int) -> Path:
    """Names the folder of a checkpoint inside the specimen's."""
    return folder / f"step-{step:04d}"


def load_model(folder: Path) -> PreTrainedModel:
    """Loads a saved model, able to return its attention weights."""
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()


def load(
    folder: Path, seed: int
) -> tuple[PreTrainedModel, PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads what was saved, and makes again the model that training started from."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return load_model(folder), make_model(len(tokenizer), seed), tokenizer


def report(folder: Path, seed: int) -> str:
    """Writes the figures of the finished model, then those of its checkpoints."""
    trained, untrained, tokenizer = load(folder, seed)
    series = {step: load_model(checkpoint(folder, step)) for step in CHECKPOINTS}
    series[N_STEPS] = trained
    figures = measure.report(trained, untrained, tokenizer)
    return f"{figures}\n{time_lapse.report(series, tokenizer)}"


if __name__ == "__main__":
    recipe.run(
        recipe.Recipe(
            HERE,
            make,
            report,
            scores=lambda folder, seed: measure.scores(*load(folder, seed)),
        )
    )
