"""Which maps an exhibit takes along, and what is in them."""

from __future__ import annotations

import numpy as np

from attention_gallery import maps
from attention_gallery.maps import Slot
from attention_gallery.terms import Head
from attentions import attention, exhibit


def test_a_layer_is_led_by_its_pooled_maps_and_those_over_all_layers_come_last() -> None:
    source = attention(n_heads=(2, 3))
    assert [str(slot) for slot in maps.slots(exhibit(), source)] == [
        *("L0 max", "L0 mean", "L0 H0", "L0 H1"),
        *("L1 max", "L1 mean", "L1 H0", "L1 H1", "L1 H2"),
        *("max of all heads", "mean of all heads"),
    ]


def test_pooled_maps_are_the_mean_and_the_maximum_of_each_weight_over_heads() -> None:
    """Where layers have different numbers of heads, each head counts as much as any other."""
    source = attention(n_heads=(2, 3))
    every = np.concatenate(list(source.layers))
    for slot, expected in (
        (Slot(1, 2), source.layers[1][2]),
        (Slot(1), source.layers[1].mean(axis=0)),
        (Slot(1, pool="max"), source.layers[1].max(axis=0)),
        (Slot(None), every.mean(axis=0)),
        (Slot(None, pool="max"), every.max(axis=0)),
    ):
        np.testing.assert_allclose(maps.weights(source, slot), expected, atol=1e-7)


def test_a_single_layer_has_no_maps_over_all_layers() -> None:
    slots = maps.slots(exhibit(), attention(n_heads=(1,)))
    assert [str(slot) for slot in slots] == ["L0 max", "L0 mean", "L0 H0"]


def test_listed_heads_go_alone_in_their_order() -> None:
    shown = exhibit(heads=(Head(2, 1), Head(0, 3)))
    assert maps.slots(shown, attention()) == (Slot(2, 1), Slot(0, 3))
