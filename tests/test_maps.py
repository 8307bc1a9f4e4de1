"""Which maps an exhibit takes along, and what is in them."""

from __future__ import annotations

import numpy as np

from attention_gallery import maps
from attention_gallery.maps import Slot
from attention_gallery.terms import Head
from attentions import attention, exhibit


def test_a_layer_is_led_by_the_mean_of_its_heads() -> None:
    source = attention(n_heads=(2, 3))
    slots = maps.slots(exhibit(), source)
    assert [slot.head for slot in slots] == [None, 0, 1, None, 0, 1, 2]
    assert np.allclose(maps.weights(source, slots[3]), source.layers[1].mean(axis=0), atol=1e-7)
    assert (maps.weights(source, slots[5]) == source.layers[1][1]).all()
    assert [str(slot) for slot in slots[3:5]] == ["L1 mean", "L1 H0"]


def test_listed_heads_go_alone_in_their_order() -> None:
    shown = exhibit(heads=(Head(2, 1), Head(0, 3)))
    assert maps.slots(shown, attention()) == (Slot(2, 1), Slot(0, 3))
