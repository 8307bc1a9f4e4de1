"""The alignment as a document, in words and in numbers."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from attention_gallery import views
from attention_gallery.codes import Layers
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attention_gallery.views import alignment
from attentions import attention, capture, exhibit
from pictures import captioner, picture

ENGLISH = ("<s>", "the", "black", "cat")
FRENCH = ("le", "chat", "noir", "</s>")
GOLD = {"the": ("le",), "black": ("noir",), "cat": ("chat",)}


def translation() -> Attention:
    """Two heads: one aligns the word written next, the other that just read, and misses one."""
    written, read = np.full((2, 4, 4), 0.1, dtype=np.float32)
    for row, key in enumerate((0, 2, 1, 3)):
        written[row, key] = 0.7
    for row, key in enumerate((3, 0, 2, 0)):
        read[row, key] = 0.7
    seen = attention(ENGLISH, kind="cross", keys=FRENCH)
    return dataclasses.replace(seen, layers=Layers.of([np.stack([read, written])]))


def packed(shown: Exhibit | None = None) -> Packed:
    shown = shown or exhibit(views=("alignment",), gold=GOLD, start=Start(Head(0, 1), 1))
    return views.pack(shown, capture(translation()))


def params(drawn: Packed) -> dict[str, Any]:
    spec = alignment.draw(drawn).to_dict()
    return {param["name"]: param.get("value", param.get("expr")) for param in spec["params"]}


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, False),  # it may have nothing to write a target with
        ({"kind": "cross"}, True),
        ({"kind": "encoder"}, False),
        ({"target": "the cat"}, True),
        ({"target": "the cat", "kind": "decoder"}, False),
        ({"image": "/cat.png", "kind": "cross"}, False),
        ({"audio": "/cat.wav", "kind": "cross"}, False),
    ],
)
def test_it_fits_two_texts_and_what_looks_from_one_at_the_other(
    changes: dict[str, Any], fits: bool
) -> None:
    shown = exhibit(kind=changes.pop("kind", None))
    sentence = dataclasses.replace(shown.sentence, **changes)
    assert alignment.fits(dataclasses.replace(shown, sentence=sentence)) is fits


def test_other_attention_is_refused_with_what_can_show_it() -> None:
    shown = exhibit(views=("alignment",))
    with pytest.raises(InputError, match="this is encoder attention; choose edges or heatmap"):
        views.figures(shown, views.pack(shown, capture(attention(kind="encoder"))))
    shown, held = picture(captioner())
    with pytest.raises(InputError, match="it looks at an image; choose patches"):
        alignment.describe(views.pack(shown, held))


@pytest.mark.parametrize("sides", [(64, 65), (65, 64)])
def test_longer_texts_are_refused_where_it_is_named_and_built_without_it_elsewhere(
    sides: tuple[int, int],
) -> None:
    queries, keys = (tuple(f"w{i}" for i in range(n)) for n in sides)
    held = capture(attention(queries, kind="cross", keys=keys, n_heads=(1,)))
    named = exhibit(views=("alignment",))
    with pytest.raises(InputError, match=r"at most 64 tokens, and here are 65; .* edges and heat"):
        views.figures(named, views.pack(named, held))
    default = exhibit(kind="cross")
    default = dataclasses.replace(default, views=())
    drawn = [figure.view for figure in views.figures(default, views.pack(default, held))]
    assert drawn == [name for name in views.of(default) if name != "alignment"]
    assert "edges" in drawn


def test_the_longest_texts_it_shows_are_a_picture_that_loads_at_once() -> None:
    words = tuple(f"w{i}" for i in range(alignment.LONGEST))
    held = capture(attention(words, kind="cross", keys=words, n_heads=(1,)))
    shown = exhibit(kind="cross", views=("alignment",))
    [figure] = views.figures(shown, views.pack(shown, held))
    assert len(figure.svg) < 400_000
    assert views.of(dataclasses.replace(shown, views=()), alignment.LONGEST)[0] == "alignment"


def test_it_says_where_the_head_looks_and_how_often_it_is_right() -> None:
    said = alignment.describe(packed())
    assert said.startswith("In L0 H1, about to write black, the decoder looks most at noir (0.700)")
    assert "error rate is 0.00; with rows named after the word just read it is 1.00." in said


def test_the_last_row_is_about_what_follows() -> None:
    shown = exhibit(start=Start(Head(0, 0), 3))
    assert "about to write what follows cat, the decoder" in alignment.describe(packed(shown))


def test_where_nothing_is_known_nothing_is_said_of_errors() -> None:
    drawn = packed(exhibit())
    assert "error" not in alignment.describe(drawn)
    table = alignment.tabulate(drawn)
    assert table.columns[1] == "about to write"
    assert [row[1] for row in table.rows] == ["the", "black", "cat", "what follows cat"]
    assert "✓" not in json.dumps(alignment.draw(drawn).to_dict(), ensure_ascii=False)


def test_heads_are_ranked_by_their_error_under_the_name_that_fits() -> None:
    """Head 0 reads: it misses `cat`, and so has an error of 1 - 4/6."""
    table = alignment.tabulate(packed())
    assert table.rows == (("L0 H1", "0.00", "1.00"), ("L0 H0", "1.00", "0.33"))
    assert table.columns[1].endswith("written next")


def test_the_document_has_the_error_of_every_map_under_both_names() -> None:
    drawn = packed()
    errors, right = params(drawn)["errors"], params(drawn)["right"]
    by_name = {str(slot): i for i, slot in enumerate(drawn.slots)}
    own, other = by_name["L0 H0"], by_name["L0 H1"]
    assert [errors[naming][own] for naming in (0, 1)] == [1, 0.33]
    assert [right[naming][own] for naming in (0, 1)] == ["000", "110"]
    assert [right[naming][other] for naming in (0, 1)] == ["111", "000"]
    assert len(errors[0]) == len(drawn.slots)
