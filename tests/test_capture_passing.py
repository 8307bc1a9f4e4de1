# ruff: noqa: TID253 - the libraries are what is tested here
"""What passes is what weights are made of: softmax(query @ key.T * scale + bias + mask).

The bias and the mask of each family are computed here, from papers and by code of its own; so are
the queries and keys of three of them.
"""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.speecht5 import modeling_speecht5

from attention_gallery.capture.seam.interface import watched_interface
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.tap import tapped
from tiny_models import N_WORDS, network_of

N_TOKENS, N_TARGET, WINDOW, N_HEADS, SIZE = 20, 12, 4, 4, 8
WIDTH = N_HEADS * SIZE

STACK: dict[str, Any] = {
    "vocab_size": N_WORDS,
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": N_HEADS,
    "max_position_embeddings": 64,
}
GROUPED = STACK | {
    "num_key_value_heads": 2,
    "head_dim": SIZE,
    "pad_token_id": 0,
    "sliding_window": WINDOW,
}
OLD_STACK = {"vocab_size": N_WORDS, "n_embd": WIDTH, "n_layer": 2, "n_head": N_HEADS}
PAIR: dict[str, Any] = {
    "vocab_size": N_WORDS,
    "d_model": WIDTH,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": N_HEADS,
    "decoder_attention_heads": N_HEADS,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "pad_token_id": 0,
    "decoder_start_token_id": 0,
}
EYE = STACK | {"image_size": 32, "patch_size": 8}
CAP = 1.5


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


# --- Masks: which key a query sees, [query, key] --------------------------------------------------


def distances(n_queries: int, n_keys: int) -> Tensor:
    """How far each key stands after the query."""
    return torch.arange(n_keys)[None] - torch.arange(n_queries)[:, None]


def all_keys(_: PreTrainedModel, __: int, distance: Tensor) -> Tensor:
    return distance == distance


def no_later(_: PreTrainedModel, __: int, distance: Tensor) -> Tensor:
    return distance <= 0


def no_later_some_near(network: PreTrainedModel, layer: int, distance: Tensor) -> Tensor:
    near = network.config.layer_types[layer] == "sliding_attention"
    return (distance <= 0) & ((distance > -WINDOW) | (not near))


def second_near(_: PreTrainedModel, layer: int, distance: Tensor) -> Tensor:
    return (distance <= 0) & ((distance > -WINDOW) | (layer == 0))


def later_layers_near(_: PreTrainedModel, layer: int, distance: Tensor) -> Tensor:
    return (distance.abs() <= WINDOW // 2) | (layer == 0)


# --- Biases: what is added to a score, [head, query, key] -----------------------------------------


def no_bias(_: PreTrainedModel, __: int, ___: Passing) -> Tensor:
    return torch.zeros(())


def slopes() -> Tensor:
    """A geometric sequence that starts at, and goes by, ``2 ** (-8 / n_heads)``.

    Source: Press et al. 2022, "Train Short, Test Long", section 3.
    """
    return torch.tensor([2 ** (-8 * (head + 1) / N_HEADS) for head in range(N_HEADS)])


def linear_in_the_key(_: PreTrainedModel, __: int, ___: Passing) -> Tensor:
    return slopes()[:, None, None] * torch.arange(N_TOKENS)


def linear_to_the_last_key(_: PreTrainedModel, __: int, ___: Passing) -> Tensor:
    return slopes()[:, None, None] * (torch.arange(N_TOKENS) - (N_TOKENS - 1))


def twice_linear_and_scaled(_: PreTrainedModel, __: int, ___: Passing) -> Tensor:
    """Falcon adds it to what it then scales, and once more with the mask."""
    return 2 * slopes()[:, None, None] * torch.arange(N_TOKENS) * SIZE**-0.5


def bucket(distance: int, n_buckets: int, *, both_sides: bool) -> int:
    """Which number is learned for a distance: near ones have their own, far ones share.

    Source: Raffel et al. 2020, section 2.1: 32 embeddings for "ranges that increase in size
    logarithmically up to an offset of 128".
    """
    first = 0
    if both_sides:
        n_buckets //= 2
        first = n_buckets if distance > 0 else 0
    far = abs(distance) if both_sides else max(-distance, 0)
    half = n_buckets // 2
    if far < half:
        return first + far
    return first + min(half + int(half * math.log(far / half) / math.log(128 / half)), 2 * half - 1)


def learned(table: Tensor, distance: Tensor, *, both_sides: bool) -> Tensor:
    buckets = [
        [bucket(step, len(table), both_sides=both_sides) for step in row]
        for row in distance.tolist()
    ]
    return table[torch.tensor(buckets)].permute(2, 0, 1)


def mpnet_bias(network: PreTrainedModel, _: int, passing: Passing) -> Tensor:
    table = network.encoder.relative_attention_bias.weight
    return learned(table, distances(*passing.weights.shape[-2:]), both_sides=True)


def t5_bias(network: PreTrainedModel, layer: int, passing: Passing) -> Tensor:
    if layer >= 2 and layer % 2:  # decoder layers attend twice; the second time to the encoder
        return torch.zeros(())
    stack = network.encoder if layer < 2 else network.decoder
    table = stack.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    return learned(table, distances(*passing.weights.shape[-2:]), both_sides=layer < 2)


def xlnet_bias(network: PreTrainedModel, layer: int, passing: Passing) -> Tensor:
    """``(q + v) W r[i - j]``, times the scale.

    Source: Dai et al. 2019, "Transformer-XL", section 3.3, terms (b) and (d).
    """
    attention = network.layer[layer].rel_attn
    assert passing.query is not None
    assert passing.scale is not None
    steps = -distances(N_TOKENS, N_TOKENS)[..., None]
    angles = steps / 10_000 ** (torch.arange(0, WIDTH, 2) / WIDTH)
    places = torch.cat([angles.sin(), angles.cos()], dim=-1)
    keys = torch.einsum("ijw,whd->hijd", places, attention.r)
    query = passing.query[0] + (attention.r_r_bias - attention.r_w_bias)[:, None]
    return torch.einsum("hid,hijd->hij", query, keys) * passing.scale


# --- Families -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Family:
    """A kind of model, and what its scores are made of besides query and key.

    `sees` and `bias` are given the model, the number of the attention in the order of the run, and
    distances or what passed. Scores are capped softly at `cap` before biases and masks.
    """

    config: Callable[[], PreTrainedConfig]
    sees: Callable[[PreTrainedModel, int, Tensor], Tensor] = all_keys
    bias: Callable[[PreTrainedModel, int, Passing], Tensor] = no_bias
    scale: float = SIZE**-0.5
    cap: float = math.inf


def pair_sees(network: PreTrainedModel, layer: int, distance: Tensor) -> Tensor:
    is_causal = layer >= 2 and layer % 2 == 0
    return (no_later if is_causal else all_keys)(network, layer, distance)


BY_INTERFACE: dict[str, Family] = {
    "gpt2": Family(lambda: transformers.GPT2Config(**OLD_STACK), no_later),
    "llama": Family(lambda: transformers.LlamaConfig(**GROUPED), no_later),
    "gemma2": Family(
        lambda: transformers.Gemma2Config(
            **GROUPED, attn_logit_softcapping=CAP, query_pre_attn_scalar=16
        ),
        no_later_some_near,
        scale=1 / 4,
        cap=CAP,
    ),
    "gemma3": Family(
        lambda: transformers.Gemma3TextConfig(
            **GROUPED, query_pre_attn_scalar=16, layer_types=["sliding_attention", "full_attention"]
        ),
        no_later_some_near,
        scale=1 / 4,
    ),
    "qwen3": Family(lambda: transformers.Qwen3Config(**GROUPED), no_later),
    "mixtral": Family(
        lambda: transformers.MixtralConfig(
            **GROUPED | {"sliding_window": None}, num_local_experts=4
        ),
        no_later,
    ),
    "gpt_oss": Family(
        lambda: transformers.GptOssConfig(**GROUPED, num_local_experts=4), no_later_some_near
    ),
    "bert": Family(lambda: transformers.BertConfig(**STACK)),
    "modernbert": Family(
        lambda: transformers.ModernBertConfig(**STACK, pad_token_id=0, local_attention=WINDOW),
        later_layers_near,
    ),
    "vit": Family(lambda: transformers.ViTConfig(**EYE)),
    "bart": Family(lambda: transformers.BartConfig(**PAIR), pair_sees),
    "marian": Family(lambda: transformers.MarianConfig(**PAIR), pair_sees),
    "t5": Family(
        lambda: transformers.T5Config(
            vocab_size=N_WORDS, d_model=WIDTH, d_kv=SIZE, d_ff=48, num_layers=2, num_heads=N_HEADS
        ),
        pair_sees,
        t5_bias,
        scale=1,
    ),
}
IN_LINE: dict[str, Family] = {
    "bloom": Family(
        lambda: transformers.BloomConfig(
            vocab_size=N_WORDS, hidden_size=WIDTH, n_layer=2, n_head=N_HEADS
        ),
        no_later,
        linear_in_the_key,
    ),
    "mpt": Family(
        lambda: transformers.MptConfig(
            vocab_size=N_WORDS, d_model=WIDTH, n_layers=2, n_heads=N_HEADS
        ),
        no_later,
        linear_to_the_last_key,
    ),
    "falcon, one key for all heads": Family(
        lambda: transformers.FalconConfig(**STACK, multi_query=True), no_later
    ),
    "falcon, grouped": Family(
        lambda: transformers.FalconConfig(
            **STACK, new_decoder_architecture=True, num_kv_heads=2, multi_query=True
        ),
        no_later,
    ),
    "falcon, ALiBi": Family(
        lambda: transformers.FalconConfig(**STACK, alibi=True, multi_query=False),
        no_later,
        twice_linear_and_scaled,
    ),
    "gptj": Family(lambda: transformers.GPTJConfig(**OLD_STACK, rotary_dim=4), no_later),
    "codegen": Family(lambda: transformers.CodeGenConfig(**OLD_STACK, rotary_dim=4), no_later),
    "openai-gpt": Family(lambda: transformers.OpenAIGPTConfig(**OLD_STACK), no_later),
    "gpt_neo": Family(
        lambda: transformers.GPTNeoConfig(
            vocab_size=N_WORDS,
            hidden_size=WIDTH,
            num_layers=2,
            num_heads=N_HEADS,
            attention_types=[[["global", "local"], 1]],
            window_size=WINDOW,
        ),
        second_near,
        scale=1,  # it has none
    ),
    "gpt2 in float32": Family(
        lambda: transformers.GPT2Config(**OLD_STACK, reorder_and_upcast_attn=True), no_later
    ),
    "mpnet": Family(lambda: transformers.MPNetConfig(**STACK), bias=mpnet_bias),
    "xlnet": Family(
        lambda: transformers.XLNetConfig(
            vocab_size=N_WORDS, d_model=WIDTH, n_layer=2, n_head=N_HEADS, d_inner=48
        ),
        bias=xlnet_bias,
    ),
    "layoutlmv3": Family(
        lambda: transformers.LayoutLMv3Config(
            **STACK,
            visual_embed=False,
            has_relative_attention_bias=False,
            has_spatial_attention_bias=False,
            coordinate_size=5,
            shape_size=6,
        ),
        scale=1,  # queries are divided before
    ),
    "blip's eye": Family(lambda: transformers.BlipVisionConfig(**EYE)),
}


def built(config: PreTrainedConfig) -> PreTrainedModel:
    """A model whose weights are drawn wide, those that are no matrices too."""
    if isinstance(config, transformers.BlipVisionConfig):
        network = transformers.BlipVisionModel(config).eval()
    else:
        network = network_of(config)
    for path, parameter in network.named_parameters():
        if parameter.ndim > 1 or "sinks" in path or "bias" in path:
            torch.nn.init.normal_(parameter, std=0.3)
    return network


def inputs_of(network: PreTrainedModel) -> dict[str, Tensor]:
    if network.main_input_name == "pixel_values":
        return {"pixel_values": torch.randn(1, 3, 32, 32, generator=torch.manual_seed(0))}
    text = torch.arange(10, 10 + N_TOKENS)[None]
    inputs = {"input_ids": text, "attention_mask": torch.ones_like(text)}
    if network.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = torch.arange(40, 40 + N_TARGET)[None]
    return inputs


def passings(
    network: Any, inputs: dict[str, Tensor] | None = None, *, by_interface: bool = True
) -> list[Passing]:
    """All that passes in a run, in copies; a router of experts, whose softmax is small, is not."""
    kept: list[Passing] = []

    def see(passing: Passing, *_: object) -> None:
        if passing.weights.ndim in (3, 4):
            tensors = {
                name: part.clone()
                for name in ("weights", "scores", "query", "key", "value")
                if (part := getattr(passing, name)) is not None
            }
            kept.append(replace(passing, **tensors))

    with torch.inference_mode(), ExitStack() as doors:
        tap = doors.enter_context(tapped(see, parts=True))
        if by_interface:
            doors.enter_context(watched_interface(see, tap.closed, parts=True))
        network(**inputs or inputs_of(network), use_cache=False)
    return kept


def products(passing: Passing) -> Tensor:
    """``query @ key.T * scale``, each head of a group with the group's key."""
    assert passing.query is not None
    assert passing.key is not None
    assert passing.scale is not None
    query, key = passing.query, passing.key
    grouped = query.unflatten(1, (key.shape[1], -1))
    return torch.einsum("bghid,bgjd->bghij", grouped, key).flatten(1, 2) * passing.scale


FAMILIES = BY_INTERFACE | IN_LINE


@pytest.mark.parametrize("name", FAMILIES)
def test_scores_are_made_of_what_passes_and_weights_of_scores(name: str) -> None:
    family = FAMILIES[name]
    network = built(family.config())
    seen = passings(network)
    assert len(seen) == (6 if network.config.is_encoder_decoder else 2)
    for layer, passing in enumerate(seen):
        assert passing.scale == pytest.approx(family.scale, rel=1e-7)
        product = products(passing)
        if family.cap < math.inf:
            product = family.cap * torch.tanh(product / family.cap)
        expected = product + family.bias(network, layer, passing)

        assert passing.scores is not None
        n_queries, n_keys = passing.weights.shape[-2:]
        scores = passing.scores[..., :n_keys]
        sees = family.sees(network, layer, distances(n_queries, n_keys)).expand_as(scores)
        assert torch.allclose(scores[sees], expected[sees], atol=1e-5)
        assert (scores[~sees] < -1e3).all()

        weights = passing.scores.softmax(dim=-1)[..., :n_keys]
        assert torch.allclose(weights, passing.weights, atol=1e-6, rtol=0)
        assert passing.value is not None
        assert passing.value.shape[-2] == n_keys


def test_the_score_of_a_sink_is_the_learned_one() -> None:
    network = built(BY_INTERFACE["gpt_oss"].config())
    for passing, layer in zip(passings(network), network.layers, strict=True):
        assert passing.scores is not None
        assert passing.scores.shape[-1] == N_TOKENS + 1
        sinks = layer.self_attn.sinks[:, None].expand(-1, N_TOKENS)
        assert torch.allclose(passing.scores[0, ..., -1], sinks, atol=1e-6)


def test_a_soft_cap_that_was_chosen_here_does_something() -> None:
    network = built(BY_INTERFACE["gemma2"].config())
    assert any(products(passing).abs().max() > CAP for passing in passings(network))


# --- Families whose bias is known by its name only ------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(
            lambda: transformers.DebertaConfig(
                **STACK, relative_attention=True, pos_att_type=["c2p", "p2c"]
            ),
            id="deberta",
        ),
        pytest.param(
            lambda: transformers.DebertaV2Config(
                **STACK, relative_attention=True, pos_att_type=["c2p", "p2c"]
            ),
            id="deberta-v2",
        ),
        pytest.param(
            lambda: transformers.FunnelConfig(
                vocab_size=N_WORDS,
                block_sizes=[1, 1],
                n_head=N_HEADS,
                d_model=WIDTH,
                d_head=SIZE,
                d_inner=48,
                num_decoder_layers=1,
                architectures=["FunnelModel"],
            ),
            id="funnel",
        ),
    ],
)
def test_of_several_products_that_of_contents_is_query_and_key(
    config: Callable[[], PreTrainedConfig],
) -> None:
    seen = passings(built(config()))
    assert seen
    for passing in seen:
        assert passing.scores is not None
        assert torch.equal(passing.scores.softmax(dim=-1), passing.weights)
        if passing.weights.ndim == 3:
            passing = as_one_sentence(passing)
        rest = passing.scores - products(passing)
        assert 0.1 < rest.abs().max() < 100


def as_one_sentence(passing: Passing) -> Passing:
    """A single sentence's, with the axis of the batch that the model joined to the heads'."""
    assert passing.query is not None
    assert passing.key is not None
    assert passing.scores is not None
    return replace(
        passing,
        weights=passing.weights[None],
        scores=passing.scores[None],
        query=passing.query[None],
        key=passing.key[None],
    )


def test_heads_that_are_joined_to_the_batch_stay_joined_in_all_parts() -> None:
    config = transformers.SpeechT5Config(
        vocab_size=N_WORDS,
        hidden_size=WIDTH,
        encoder_layers=1,
        encoder_attention_heads=N_HEADS,
        encoder_ffn_dim=48,
        encoder_max_relative_position=10,
    )
    torch.manual_seed(0)
    encoder = modeling_speecht5.SpeechT5EncoderWithTextPrenet(config).eval()
    n_joined = 2 * N_HEADS
    ids = torch.arange(10, 10 + 2 * N_TOKENS).view(2, N_TOKENS)
    [passing] = passings(encoder, {"input_values": ids})
    assert passing.weights.shape == (n_joined, N_TOKENS, N_TOKENS)
    for part in (passing.query, passing.key, passing.value):
        assert part is not None
        assert part.shape == (n_joined, N_TOKENS, SIZE)
    assert passing.scores is not None
    by_place = encoder.wrapped_encoder.embed_positions.pe_k.weight
    near = distances(N_TOKENS, N_TOKENS).neg().clamp(-10, 9) + 10
    assert passing.query is not None
    bias = torch.einsum("hid,ijd->hij", passing.query, by_place[near])
    expected = products(as_one_sentence(passing))[0] + bias
    assert torch.allclose(passing.scores, expected, atol=1e-5)


# --- Queries and keys -----------------------------------------------------------------------------


def states_of(network: PreTrainedModel) -> tuple[Tensor, ...]:
    with torch.inference_mode():
        outputs = network(**inputs_of(network), output_hidden_states=True, use_cache=False)
    return tuple(outputs.hidden_states)


def by_head(states: Tensor) -> Tensor:
    """``[token, head * dimension]`` as ``[head, token, dimension]``."""
    return states.unflatten(-1, (-1, SIZE)).transpose(0, 1)


def assert_projected(passing: Passing, **expected: Tensor) -> None:
    for name, states in expected.items():
        assert torch.allclose(getattr(passing, name)[0], states, atol=1e-5), name


def test_bert_multiplies_its_projected_states() -> None:
    network = built(BY_INTERFACE["bert"].config())
    states = states_of(network)
    for number, passing in enumerate(passings(network)):
        attention = network.encoder.layer[number].attention.self
        assert_projected(
            passing,
            **{
                name: by_head(states[number][0] @ module.weight.T + module.bias)
                for name, module in (
                    ("query", attention.query),
                    ("key", attention.key),
                    ("value", attention.value),
                )
            },
        )


def test_gpt2_multiplies_its_normalised_and_projected_states() -> None:
    network = built(BY_INTERFACE["gpt2"].config())
    states = states_of(network)
    for number, passing in enumerate(passings(network)):
        block, state = network.h[number], states[number][0]
        deviation = state.var(dim=-1, keepdim=True, unbiased=False) + block.ln_1.eps
        normal = (state - state.mean(dim=-1, keepdim=True)) / deviation.sqrt()
        normal = normal * block.ln_1.weight + block.ln_1.bias
        parts = (normal @ block.attn.c_attn.weight + block.attn.c_attn.bias).split(WIDTH, dim=-1)
        query, key, value = map(by_head, parts)
        assert_projected(passing, query=query, key=key, value=value)


def test_llama_turns_its_projected_states_by_their_place() -> None:
    """Each pair of dimensions by an angle that grows with the place of the token.

    Source: Su et al. 2021, "RoFormer", section 3.2.2; halves are paired, not neighbours.
    """
    network = built(BY_INTERFACE["llama"].config())
    states = states_of(network)
    speeds = 10_000 ** (-torch.arange(0, SIZE, 2) / SIZE)
    turns = torch.polar(torch.ones(()), torch.arange(N_TOKENS)[:, None] * speeds)

    def turned(heads: Tensor) -> Tensor:
        first, second = heads.chunk(2, dim=-1)
        pairs = torch.complex(first.contiguous(), second.contiguous()) * turns
        return torch.cat([pairs.real, pairs.imag], dim=-1)

    for number, passing in enumerate(passings(network)):
        layer, state = network.layers[number], states[number][0]
        size = (state.square().mean(dim=-1, keepdim=True) + network.config.rms_norm_eps).sqrt()
        normal = state / size * layer.input_layernorm.weight
        attention = layer.self_attn
        assert_projected(
            passing,
            query=turned(by_head(normal @ attention.q_proj.weight.T)),
            key=turned(by_head(normal @ attention.k_proj.weight.T)),
            value=by_head(normal @ attention.v_proj.weight.T),
        )


# --- The two doors --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_INTERFACE)
def test_both_ways_to_see_attention_show_the_same(name: str) -> None:
    network = built(BY_INTERFACE[name].config())
    at_the_door, in_line = passings(network), passings(network, by_interface=False)
    assert len(at_the_door) == len(in_line)
    for one, other in zip(at_the_door, in_line, strict=True):
        assert one.scale == other.scale
        n_keys = one.weights.shape[-1]  # in line, the share of a sink is seen too
        assert torch.equal(one.weights, other.weights[..., :n_keys])
        for part in ("scores", "query", "key", "value"):
            ours, theirs = getattr(one, part), getattr(other, part)
            if part == "value" and name == "gpt_oss":
                assert theirs is None  # its weights lose the sink's column on their way
                continue
            groups = 1 if part == "scores" else theirs.shape[1] // ours.shape[1]
            assert torch.equal(ours.repeat_interleave(groups, dim=1), theirs), part


@pytest.fixture
def _without_collections() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_collections")
@pytest.mark.parametrize(
    ("name", "by_interface"),
    [
        ("llama", True),
        ("gpt_oss", True),
        ("t5", True),
        ("llama", False),
        ("mpnet", False),
        ("xlnet", False),
    ],
)
def test_a_layer_s_tensors_are_gone_before_the_next_are_seen(name: str, by_interface: bool) -> None:
    """At once, and not when cycles happen to be collected: they are large."""
    alive: list[weakref.ref[Tensor]] = []

    def see(passing: Passing, *_: object) -> None:
        if passing.weights.ndim < 3:
            return  # a router's
        assert [tensor() for tensor in alive] == [None] * len(alive)
        alive.extend(
            weakref.ref(part)
            for part in (passing.weights, passing.scores, passing.query, passing.key, passing.value)
            if part is not None
        )

    network = built(FAMILIES[name].config())
    with torch.inference_mode(), ExitStack() as doors:
        tap = doors.enter_context(tapped(see, parts=True))
        if by_interface:
            doors.enter_context(watched_interface(see, tap.closed, parts=True))
        network(**inputs_of(network), use_cache=False)
    assert len(alive) >= 8


def test_unasked_only_weights_are_seen() -> None:
    network = built(BY_INTERFACE["llama"].config())
    seen: list[Passing] = []
    with torch.inference_mode(), tapped(seen.append) as tap:
        with watched_interface(lambda passing, _: seen.append(passing), tap.closed):
            network(**inputs_of(network))
        (torch.ones(2, 3) @ torch.ones(3, 2)).softmax(-1)
    assert len(seen) == 3
    for passing in seen:
        parts = (passing.scores, passing.query, passing.key, passing.value, passing.scale)
        assert parts == (None,) * 5
