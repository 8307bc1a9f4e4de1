# ruff: noqa: TID253 - tensors are what is recorded
"""Of each attention that passes a sentence's own part is kept, once it is seen to be attention."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import Tensor

from attention_gallery.capture.recording import (
    Kept,
    Recorder,
    UnbatchableError,
    _without_pooling,
    by_kind,
    checked,
)
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site
from attention_gallery.codes import ERROR, decode, encode
from attention_gallery.errors import CaptureError
from attention_gallery.terms import AttentionKind, Token
from tiny_models import build_tiny


def site(number: int = 0, kind: AttentionKind | None = None) -> Site:
    return Site(f"layer.{number}", 0, kind)


def softmaxed(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.manual_seed(seed)).mul(2).softmax(dim=-1)


def kept(*shape: int, number: int = 0) -> Kept:
    return Kept(site(number), encode(np.zeros(shape, np.float32)))


def tokens(n: int) -> tuple[Token, ...]:
    return tuple(Token("a", id=1) for _ in range(n))


# --- One sentence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 4, 9, 9), (4, 9, 9), (1, 4, 6, 9)])
def test_the_batch_axis_goes_whether_it_stands_alone_or_is_joined_to_the_heads(
    shape: tuple[int, ...],
) -> None:
    weights = softmaxed(*shape)
    recorder = Recorder()
    recorder(site(), Passing(weights))
    [[layer]] = recorder.kept
    assert np.abs(decode(layer.codes) - weights.numpy().reshape(shape[-3:])).max() <= ERROR * 1.01


def test_windows_stay_apart() -> None:
    recorder = Recorder()
    recorder(site(), Passing(softmaxed(4, 2, 16, 16)))
    assert recorder.kept[0][0].shape == (4, 2, 16, 16)


def test_what_is_computed_twice_at_one_site_is_kept_once() -> None:
    recorder, here, weights = Recorder(), site(), softmaxed(1, 4, 9, 9)
    recorder(here, Passing(weights))
    recorder(here, Passing(weights.clone()))
    recorder(site(1), Passing(weights.clone()))  # another layer may well do the same
    recorder(here, Passing(softmaxed(1, 4, 9, 9, seed=1)))
    assert len(recorder.kept[0]) == 3


def test_what_was_seen_stays_when_the_model_changes_it() -> None:
    recorder = Recorder(parts=frozenset({"query", "scores"}))
    weights, query = softmaxed(1, 4, 9, 9), torch.randn(1, 4, 9, 8)
    expected, expected_query = weights.numpy().copy(), query.numpy().copy()
    recorder(site(), Passing(weights, scores=weights.log(), query=query, scale=0.5))
    weights.mul_(0.5)
    query.zero_()
    [[layer]] = recorder.kept
    assert np.abs(decode(layer.codes) - expected[0]).max() <= ERROR * 1.01
    assert (layer.parts["query"] == expected_query[0]).all()
    assert layer.parts.keys() == {"query", "scores"}
    assert layer.scale == 0.5


def test_of_two_halves_of_the_values_neither_is_given_for_the_whole() -> None:
    recorder, here = Recorder(parts=frozenset({"value", "scores"})), site()
    weights = softmaxed(1, 4, 9, 9)
    for half in (torch.zeros(1, 4, 9, 2), torch.ones(1, 4, 9, 2)):
        recorder(here, Passing(weights, scores=weights.log(), value=half))
    assert len(recorder.kept[0]) == 1
    with pytest.raises(CaptureError, match=r"the value of layer\.0 cannot be seen"):
        checked("encoder", tokens(9), tokens(9), recorder.kept[0])


def test_two_attentions_at_one_site_are_told_apart_by_the_whole_batch() -> None:
    """Of a single token all weights are 1, whatever was computed."""
    recorder, here = Recorder([{None: (1, 1)}, {None: (3, 3)}]), site()
    recorder(here, Passing(softmaxed(2, 4, 3, 3)))
    recorder(here, Passing(softmaxed(2, 4, 3, 3, seed=1)))
    assert [len(layers) for layers in recorder.kept] == [2, 2]


def test_a_part_that_cannot_be_seen_is_named() -> None:
    recorder = Recorder(parts=frozenset({"key"}))
    recorder(site(), Passing(softmaxed(1, 4, 9, 9)))
    with pytest.raises(CaptureError, match=re.escape("the key of layer.0 cannot be seen")):
        checked("encoder", tokens(9), tokens(9), recorder.kept[0])


def test_what_is_not_seen_of_a_head_that_pools_is_not_missed() -> None:
    recorder = Recorder(parts=frozenset({"key"}))
    recorder(site(), Passing(softmaxed(1, 4, 9, 9), key=torch.ones(1, 4, 9, 8)))
    recorder(site(1), Passing(softmaxed(1, 4, 1, 9)))
    layers = by_kind(build_tiny("bert"), recorder.kept[0])
    assert checked("encoder", tokens(9), tokens(9), layers["encoder"]).parts["key"][0].all()


def test_less_precise_weights_are_not_taken_for_faults() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        recorder = Recorder()
        recorder(site(), Passing(softmaxed(1, 4, 300, 300).to(dtype)))
        assert recorder.kept[0][0].fault is None


# --- Several sentences ----------------------------------------------------------------------------

LENGTHS = (5, 7, 9)


@pytest.mark.parametrize("joined", [False, True])
def test_each_sentence_of_a_batch_gets_its_own_corner(joined: bool) -> None:
    weights = softmaxed(3, 4, 9, 9)
    recorder = Recorder([{None: (n, n)} for n in LENGTHS])
    recorder(site(), Passing(weights.flatten(0, 1) if joined else weights))
    for number, n in enumerate(LENGTHS):
        [layer] = recorder.kept[number]
        assert layer.shape == (4, n, n)
        own = weights[number, :, :n, :n].numpy()
        assert np.abs(decode(layer.codes) - own).max() <= ERROR * 1.01


def test_in_cross_attention_queries_and_keys_are_cut_each_to_their_own_length() -> None:
    recorder = Recorder([{"cross": (3, 9)}, {"cross": (6, 4)}])
    recorder(site(kind="cross"), Passing(softmaxed(2, 4, 6, 9)))
    assert [layers[0].shape for layers in recorder.kept] == [(4, 3, 9), (4, 6, 4)]


@pytest.mark.parametrize(
    "shape",
    [
        (12, 4, 9, 9),  # windows of images
        (10, 9, 9),  # no three sentences
        (3, 4, 5, 5),  # tokens were merged
    ],
)
def test_what_does_not_keep_sentences_apart_is_refused(shape: tuple[int, ...]) -> None:
    recorder = Recorder([{None: (n, n)} for n in LENGTHS])
    with pytest.raises(UnbatchableError):
        recorder(site(), Passing(softmaxed(*shape)))


# --- Which kind -----------------------------------------------------------------------------------


def test_a_stack_in_which_no_query_sees_a_later_key_is_a_decoder() -> None:
    network = build_tiny("bert")
    causal = Kept(site(), encode(np.tri(5, dtype=np.float32)[None]))
    other = Kept(site(1), encode(np.ones((1, 5, 5), np.float32)))
    assert list(by_kind(network, [causal, causal])) == ["decoder"]
    assert list(by_kind(network, [causal, other])) == ["encoder"]


@pytest.mark.parametrize(("shape", "kind"), [("bert", "encoder"), ("llama", "decoder")])
def test_a_single_token_does_not_make_a_decoder(shape: str, kind: str) -> None:
    network = build_tiny(shape)
    recorder = Recorder()
    observe(network, {"input_ids": torch.tensor([[5]])}, recorder)
    assert list(by_kind(network, recorder.kept[0])) == [kind]


def test_layers_are_left_out_only_where_a_whole_stack_remains() -> None:
    """Where tokens are merged on the way nothing is, so that the shapes are seen to be wrong."""

    def left(*shapes: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [layer.shape for layer in _without_pooling([kept(*shape) for shape in shapes])]

    assert left((4, 9, 9), (4, 9, 9), (4, 1, 9)) == [(4, 9, 9), (4, 9, 9)]
    for stack in (
        [(4, 9, 9), (4, 4, 4)],
        [(2, 16, 4), (2, 4, 4)],
        [(4, 2, 16, 16), (4, 16, 16)],
    ):
        assert left(*stack) == stack


# --- Proof ----------------------------------------------------------------------------------------


def recorded(weights: list[list[float]], *, sinks: bool = False) -> list[Kept]:
    recorder = Recorder(sinks=sinks)
    recorder(site(), Passing(torch.tensor([[weights]])))
    return recorder.kept[0]


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ([[1.0, 0.0], [0.5, 0.6]], "L0 H0: the weights from token 1 sum to more than 1"),
        ([[1.0, 0.0], [0.5, 0.4]], "L0 H0: the weights from token 1 sum to less than 1"),
        ([[1.5, -0.5], [0.5, 0.5]], "L0 H0: the weights from token 0 are negative"),
        ([[np.nan, 0.0], [0.5, 0.5]], "L0 H0: the weights from token 0 are not numbers"),
        ([[0.5, 0.5], [np.inf, 0.5]], "L0 H0: the weights from token 1 are not numbers"),
        ([[1.0, 0.0]], "is of shape [1, 1, 2]"),
    ],
)
def test_what_is_not_attention_is_not_passed_on(weights: list[list[float]], reason: str) -> None:
    checked("encoder", tokens(2), tokens(2), recorded([[0.5, 0.5], [0.5, 0.5]]))
    with np.errstate(invalid="ignore"), pytest.raises(CaptureError, match=re.escape(reason)):
        checked("encoder", tokens(2), tokens(2), recorded(weights))


def test_a_sink_may_take_a_share_of_each_row() -> None:
    checked("decoder", tokens(2), tokens(2), recorded([[0.9, 0.0], [0.5, 0.4]], sinks=True))


def test_the_fault_names_the_layer_the_head_and_the_token() -> None:
    weights = softmaxed(1, 4, 3, 3)
    weights[0, 2, 1] *= 1.1
    recorder = Recorder()
    recorder(site(), Passing(softmaxed(1, 4, 3, 3)))
    recorder(site(1), Passing(weights))
    with pytest.raises(CaptureError, match=r"encoder L1 H2: the weights from token 1 sum to more"):
        checked("encoder", tokens(3), tokens(3), recorder.kept[0])


def test_only_a_decoder_that_sees_no_later_key_is_causal() -> None:
    def causal(kind: AttentionKind, above: float) -> bool:
        layers = recorded([[1 - above, above], [0.5, 0.5]])
        return checked(kind, tokens(2), tokens(2), layers).causal

    assert causal("decoder", 0)
    assert not causal("decoder", 1e-6)
    assert not causal("cross", 0)
    assert not causal("encoder", 0)


# --- Facts about layers ---------------------------------------------------------------------------


def facts(*passings: Passing, kind: AttentionKind = "decoder") -> tuple[object, object]:
    recorder = Recorder()
    for number, passing in enumerate(passings):
        recorder(site(number), passing)
    [layers] = recorder.kept
    rows = tokens(layers[0].shape[-2])
    attention = checked(kind, rows, tokens(layers[0].shape[-1]), layers)
    return attention.kv_heads, attention.windows


def banded(n: int, window: int) -> Tensor:
    """Weights that reach back as far as a window, of 4 heads."""
    band = torch.ones(n, n).tril().triu(1 - window)
    return (band / band.sum(dim=-1, keepdim=True)).expand(1, 4, n, n)


def test_heads_that_share_keys_are_counted() -> None:
    shared, own = Passing(banded(6, 6), n_key_heads=2), Passing(banded(6, 6), n_key_heads=4)
    assert facts(shared, own) == ((2, 4), ())


def test_of_heads_that_share_nothing_or_say_nothing_there_is_nothing_to_tell() -> None:
    own, silent = Passing(banded(6, 6), n_key_heads=4), Passing(banded(6, 6))
    assert facts(own, own) == facts(silent, silent) == ((), ())
    assert facts(Passing(banded(6, 6), n_key_heads=2), silent) == ((), ())


def test_a_window_is_believed_where_weights_keep_to_it() -> None:
    told, silent = Passing(banded(6, 3), window=3), Passing(banded(6, 6))
    assert facts(told, silent) == ((), (3, None))
    assert facts(Passing(banded(6, 4), window=3), told) == ((), (None, 3))
    assert facts(Passing(banded(6, 4), window=3)) == ((), ())


def test_a_window_that_is_wider_than_the_sentence_is_told_all_the_same() -> None:
    assert facts(Passing(banded(3, 3), window=128)) == ((), (128,))


def test_attention_across_two_texts_has_no_window() -> None:
    assert facts(Passing(softmaxed(1, 4, 6, 9), window=12), kind="cross") == ((), ())
