"""Weights as strings of digits, and which of them an exhibit takes along."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from attention_gallery import codes, maps, opening, packing
from attention_gallery.errors import InputError
from attention_gallery.packing import LEVELS, Packed
from attention_gallery.terms import Attention, Head, Model, Sentence, Start, Variant
from attentions import FOX, attention, exhibit

MODEL = Model("other", "specimen:other", "specimen", "/nowhere")


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 5), (64, 64)])
def test_decoding_is_within_half_a_level(shape: tuple[int, ...]) -> None:
    weights = np.random.default_rng(1).uniform(size=shape)
    decoded = packing.decode(packing.encode(weights))
    assert decoded.shape == (weights.size,)
    assert np.abs(decoded - weights.ravel()).max(initial=0) <= 0.5 / LEVELS + 1e-12


def test_the_ends_of_the_scale_are_exact() -> None:
    assert packing.encode(np.array([0.0, 1.0])) == "00zz"
    assert packing.decode("00zz").tolist() == [0.0, 1.0]


def test_rounding_errors_outside_the_scale_are_clipped() -> None:
    assert packing.encode(np.array([-1e-7, 1.0000001])) == "00zz"


def test_every_head_and_every_pooled_map_travels() -> None:
    source = attention(n_heads=(2, 3))
    packed = packing.pack(exhibit(), source)
    assert packed.every_head
    assert packed.slots == maps.slots(exhibit(), source)
    triangle = np.tril_indices(len(FOX))
    for slot, blob in zip(packed.slots, packed.blobs, strict=True):
        expected = maps.weights(source, slot)
        assert np.abs(packing.decode(blob) - expected[triangle]).max() <= packed.error + 1e-7
    assert 0 < packed.error <= 0.5 / LEVELS + codes.ERROR + 1e-7


def test_of_heads_that_would_be_too_large_a_page_the_most_telling_travel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They come in the order of the model, and the one that opens is the same."""
    source = attention(n_heads=(3, 3))
    whole = packing.pack(exhibit(), source)
    monkeypatch.setattr(packing, "BUDGET", 2 * 2 * whole.n_cells + 1)
    some = packing.pack(exhibit(), source)
    assert not some.every_head
    first, second = opening.most_telling(source, whole.slots)[:2]
    assert some.slots == tuple(whole.slots[i] for i in sorted((first, second)))
    assert some.slots[some.start] == whole.slots[whole.start]
    monkeypatch.setattr(packing, "BUDGET", 0)
    started = packing.pack(exhibit(start=Start(Head(1, 1))), source)
    assert [str(slot) for slot in started.slots] == ["L1 H1"], "what the author asked for"
    listed = packing.pack(exhibit(heads=(Head(0, 0), Head(1, 2))), source)
    assert len(listed.slots) == 2, "an author may list as many as they like"


def test_maps_that_are_not_causal_travel_whole() -> None:
    packed = packing.pack(exhibit(), attention(kind="cross", keys=("le", "chat", "noir")))
    assert packed.n_cells == len(FOX) * 3
    assert packed.shown.shape == (len(FOX), 3)
    assert np.allclose(packed.shown.sum(axis=1), 1, atol=3 * 0.5 / LEVELS)


def test_the_shown_map_is_the_start_head_and_zero_above_the_diagonal() -> None:
    source = attention()
    packed = packing.pack(exhibit(start=Start(Head(1, 2), 4)), source)
    assert np.abs(packed.shown - source.layers[1][2]).max() <= packed.error + 1e-7
    assert packed.pin == 4


def held_against(*others: Attention) -> Packed:
    own = attention(kind="encoder", n_heads=(2, 2))
    variants = tuple(Variant(f"v{i}", MODEL, Sentence("fox", "")) for i in range(len(others)))
    shown = dataclasses.replace(exhibit(heads=(Head(1, 0), Head(0, 1))), against=variants)
    return packing.pack(shown, own, others=others)


def test_what_an_exhibit_is_held_against_is_packed_slot_by_slot() -> None:
    others = [attention(kind="encoder", n_heads=(2, 2), seed=seed) for seed in (1, 2)]
    packed = held_against(*others)
    assert [other.name for other in packed.others] == ["v0", "v1"]
    for other, source in zip(packed.others, others, strict=True):
        maps = source.layers[1][0], source.layers[0][1]
        for blob, weights in zip(other.blobs, maps, strict=True):
            assert np.abs(packed.map(blob) - weights).max() <= packed.error
    assert packed.error <= 0.5 / LEVELS + codes.ERROR + 1e-7


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (attention(("a", "b"), kind="encoder", n_heads=(2, 2)), '"v0" has 2 x 2 tokens, and the'),
        (attention(kind="encoder", n_heads=(2, 3)), '"v0" has other heads'),
        (attention(kind="encoder", n_heads=(2,)), '"v0" has other heads'),
        (
            attention(kind="decoder", n_heads=(2, 2)),
            'in only one of "v0" and the exhibit can tokens',
        ),
    ],
)
def test_what_has_another_shape_cannot_be_compared(other: Attention, message: str) -> None:
    with pytest.raises(InputError, match=message):
        held_against(other)
