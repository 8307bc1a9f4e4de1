"""Weights as strings of digits, and which of them an exhibit takes along."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from attention_gallery import packing
from attention_gallery.errors import InputError
from attention_gallery.gold import Link
from attention_gallery.packing import LEVELS, Packed, Slot
from attention_gallery.terms import Attention, Head, Model, Sentence, Start, Token, Variant
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


def test_every_head_travels_with_its_layers_mean_first() -> None:
    source = attention(n_heads=(2, 3))
    packed = packing.pack(exhibit(), source)
    assert [str(slot) for slot in packed.slots] == [
        "L0 mean", "L0 H0", "L0 H1", "L1 mean", "L1 H0", "L1 H1", "L1 H2",
    ]  # fmt: skip
    triangle = np.tril_indices(len(FOX))
    for slot, blob in zip(packed.slots, packed.blobs, strict=True):
        layer = source.layers[slot.layer]
        expected = layer.mean(axis=0) if slot.head is None else layer[slot.head]
        assert np.abs(packing.decode(blob) - expected[triangle]).max() <= packed.error + 1e-7
    assert 0 < packed.error <= 0.5 / LEVELS + 1e-7


def test_listed_heads_travel_alone_in_their_order() -> None:
    heads = (Head(2, 1), Head(0, 3))
    packed = packing.pack(exhibit(heads=heads), attention())
    assert packed.slots == (Slot(2, 1), Slot(0, 3))
    assert packed.start == 0


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"heads": (Head(3, 0),)},
            "L3 H0 is not a head of this model; it has layers L0 to L2 with heads H0 to H3",
        ),
        (
            {"start": Start(Head(0, 4))},
            "L0 H4 is not a head of this model; it has layers L0 to L2 with heads H0 to H3",
        ),
        (
            {"heads": (Head(0, 1),), "start": Start(Head(0, 2))},
            "start head L0 H2 is not among the exhibit's heads; choose one of L0 H1",
        ),
        (
            {"start": Start(token=10)},
            "start token 10 is outside the sentence; its 10 tokens are numbered 0 to 9",
        ),
    ],
)
def test_what_the_attention_does_not_have_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        packing.pack(exhibit(**changes), attention())  # type: ignore[arg-type]
    assert str(caught.value) == message


def three_tokens(*maps: list[list[float]]) -> Attention:
    tokens = (Token("<s>", special=True), Token("a"), Token("b"))
    return Attention("encoder", tokens, tokens, (np.array(maps, dtype=np.float32),), causal=False)


def test_the_head_that_looks_most_decidedly_at_other_words_opens() -> None:
    """A head that rests on a special token, and one that looks at itself, are no better."""
    resting = [[1.0, 0, 0]] * 3
    looking = [[0.4, 0.6, 0], [0.4, 0, 0.6], [0.4, 0.6, 0]]
    itself = [[1.0, 0, 0], [0.0, 1, 0], [0.0, 0, 1]]
    packed = packing.pack(exhibit(), three_tokens(resting, looking, itself))
    assert str(packed.slots[packed.start]) == "L0 H1"


def test_the_last_word_is_pinned_and_not_a_special_token() -> None:
    tokens = (Token("<s>", special=True), Token("a"), Token("</s>", special=True))
    layer = np.full((1, 3, 3), 1 / 3, dtype=np.float32)
    assert packing.pack(exhibit(), Attention("encoder", tokens, tokens, (layer,), False)).pin == 1


def test_where_something_is_known_an_exhibit_opens_with_the_head_that_gives_it_most() -> None:
    source = attention(kind="encoder", n_heads=(3, 3))
    link = Link("fox", ("dog", "lazy"), row=4, columns=(8, 9))
    packed = packing.pack(exhibit(), source, (link,))
    given = {
        Slot(number, head): weights[4, 8] + weights[4, 9]
        for number, layer in enumerate(source.layers)
        for head, weights in enumerate(layer)
    }
    assert packed.slots[packed.start] == max(given, key=lambda slot: given[slot])
    assert packed.pin == 4


def test_a_start_that_the_author_wrote_is_kept_whatever_is_known() -> None:
    link = Link("fox", ("dog",), row=4, columns=(9,))
    start = Start(Head(2, 1), 7)
    packed = packing.pack(exhibit(start=start), attention(kind="encoder"), (link,))
    assert (str(packed.slots[packed.start]), packed.pin) == ("L2 H1", 7)


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
    assert packed.error <= 0.5 / LEVELS + 1e-7


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (attention(("a", "b"), kind="encoder", n_heads=(2, 2)), '"v0" has 2 x 2 tokens, and the'),
        (attention(kind="encoder", n_heads=(2, 3)), '"v0" has other heads'),
        (attention(kind="encoder", n_heads=(2,)), '"v0" has other heads'),
        (attention(kind="decoder", n_heads=(2, 2)), '"v0" has other heads'),
    ],
)
def test_what_has_another_shape_cannot_be_compared(other: Attention, message: str) -> None:
    with pytest.raises(InputError, match=message):
        held_against(other)
