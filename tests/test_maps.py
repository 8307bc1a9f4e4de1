"""Which maps an exhibit takes along, and what is in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attention_gallery import maps
from attention_gallery.derived import derived_maps
from attention_gallery.maps import Slot
from attention_gallery.terms import Attention, Head
from attentions import attention, exhibit, measured_maps


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


def test_what_is_derived_comes_behind_weights_in_the_same_order() -> None:
    source = with_derived(attention(n_heads=(2, 1)))
    own = ["L0 max", "L0 mean", "L0 H0", "L0 H1", "L1 max", "L1 mean", "L1 H0"]
    own += ["max of all heads", "mean of all heads"]
    assert [str(slot) for slot in maps.slots(exhibit(), source)] == [
        *own,
        *(f"{name}, norm-based weights" for name in own),
        *("L0, rollout", "L1, rollout"),
    ]


def test_listed_heads_have_theirs_and_layers_theirs() -> None:
    source = with_derived(attention(n_heads=(2, 1)))
    assert [str(slot) for slot in maps.slots(exhibit(heads=(Head(0, 1),)), source)] == [
        *("L0 H1", "L0 H1, norm-based weights"),
        *("L0, rollout", "L1, rollout"),
    ]


def test_derived_maps_are_those_of_their_measure_pooled_alike() -> None:
    source = with_derived(attention(n_heads=(2, 3)))
    norms, rollout = source.derived
    every = np.concatenate(list(norms.layers))
    for slot, expected in (
        (Slot(1, 2, derived=norms.title), norms.layers[1][2]),
        (Slot(1, pool="max", derived=norms.title), norms.layers[1].max(axis=0)),
        (Slot(None, derived=norms.title), every.mean(axis=0)),
        (Slot(1, pool=None, derived=rollout.title), rollout.layers[1][0]),
    ):
        np.testing.assert_allclose(maps.weights(source, slot), expected, atol=1e-7)


def test_a_maximum_does_not_add_up_and_no_more_does_what_is_said_not_to() -> None:
    source = with_derived(attention())
    source = replace(source, derived=(replace(source.derived[0], adds_up=False),))
    title = source.derived[0].title
    slots = (Slot(0, 0), Slot(0), Slot(0, pool="max"), Slot(0, 0, derived=title))
    assert [maps.adds_up(source, slot) for slot in slots] == [True, True, False, False]


def with_derived(source: Attention) -> Attention:
    found = measured_maps(source).values()
    derived = [each for measured in found for each in derived_maps(measured, source.kind)]
    return replace(source, derived=tuple(derived))
