"""The arcs as a document and in words."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest

from attention_gallery import views
from attention_gallery.errors import InputError
from attention_gallery.terms import Start
from attention_gallery.views import arcs
from attention_gallery.views.arcs.layout import Room, places
from attentions import FOX, attention, capture, exhibit
from pictures import captioner, encoder, picture

ROOM = Room(letter=10, margin=6, least=30, most=100)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"kind": "encoder"}, True),
        ({"kind": "cross"}, False),
        ({"kind": "vision"}, False),
        ({"target": "the cat"}, False),
        ({"target": "the cat", "kind": "encoder"}, True),
        ({"pair": "the cat"}, False),
        ({"image": "/cat.png"}, False),
        ({"audio": "/cat.wav"}, False),
    ],
)
def test_they_fit_one_text_that_looks_at_itself(changes: dict[str, Any], fits: bool) -> None:
    shown = exhibit(kind=changes.pop("kind", None))
    sentence = dataclasses.replace(shown.sentence, **changes)
    assert arcs.fits(dataclasses.replace(shown, sentence=sentence)) is fits


def test_two_texts_and_images_are_refused_with_what_can_show_them() -> None:
    shown = exhibit(views=("arcs",))
    held = capture(attention(kind="cross", keys=("le", "renard")))
    with pytest.raises(InputError, match="this is cross attention; write attention: encoder or"):
        views.figures(shown, views.pack(shown, held))
    for seen in (captioner(), encoder()):
        shown, held = picture(seen)
        with pytest.raises(InputError, match="this is an image; choose patches"):
            arcs.describe(views.pack(shown, held))


def test_a_row_has_an_end() -> None:
    shown = exhibit(views=("arcs",))
    fits = views.pack(shown, capture(attention(FOX * 3 + FOX[:2], n_heads=(1,))))
    assert views.figures(shown, fits)
    long = views.pack(shown, capture(attention(FOX * 3 + FOX[:3], n_heads=(1,))))
    with pytest.raises(InputError, match="at most 32 tokens, and here are 33; shorten the sente"):
        views.figures(shown, long)


def test_it_says_where_the_pinned_token_looks_and_who_looks_at_it() -> None:
    seen = attention(kind="encoder", n_heads=(1,))
    packed = views.pack(exhibit(start=Start(token=5)), capture(seen))
    said = arcs.describe(packed)
    weights = seen.layers[0][0]
    looking = max((i for i in range(len(FOX)) if i != 5), key=lambda i: weights[i, 5])
    assert f"{FOX[int(weights[5].argmax())]} ({weights[5].max():.3f})" in said
    expected = f"Of the others, {FOX[looking]} looks most at jumps ({weights[looking, 5]:.3f})."
    assert expected in said


def test_at_the_last_token_of_a_causal_model_nobody_looks() -> None:
    packed = views.pack(exhibit(start=Start(token=9)), capture(attention(n_heads=(1,))))
    assert "No other token looks at dog." in arcs.describe(packed)


def test_a_single_token_is_described() -> None:
    packed = views.pack(exhibit(), capture(attention(("fox",), kind="encoder", n_heads=(1,))))
    assert "No other token looks at fox." in arcs.describe(packed)


def test_places_follow_the_length_of_texts_and_never_overlap() -> None:
    found = places(["a", "aaaa", "注意力", "x" * 200], ROOM)
    assert [width for _, width in found] == [30, 46, 66, 100]
    ends = [(middle - width / 2, middle + width / 2) for middle, width in found]
    assert ends[0][0] == 0
    assert all(a[1] < b[0] for a, b in pairwise(ends))


def test_a_row_runs_from_right_to_left_where_its_script_does() -> None:
    found = places(["العربية", "لغة", "!"], ROOM)
    middles = [middle for middle, _ in found]
    assert middles == sorted(middles, reverse=True)
    assert found[-1][0] == found[-1][1] / 2, "the last token begins the row's left end"
