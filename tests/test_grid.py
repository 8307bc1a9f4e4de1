"""The grid of heads: what its document holds, and what it says in words."""

from __future__ import annotations

import base64
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attention_gallery import maps, views
from attention_gallery.codes import Layers
from attention_gallery.packing import Packed
from attention_gallery.sprite import LEVELS, palette
from attention_gallery.terms import Attention, Exhibit, Head, Sentence, Start
from attentions import FOX, attention, capture, exhibit

SHOWN = exhibit(views=("grid",), start=Start(Head(1, 2)))


GRID = views.load("grid")


def packed_of(source: Attention, shown: Exhibit = SHOWN) -> Packed:
    return views.pack(shown, capture(source))


def document(packed: Packed) -> dict[str, Any]:
    """What its document holds, by the names of parameters."""
    spec = GRID.draw(packed).to_dict(validate=False)
    return {param["name"]: param.get("value") for param in spec["params"]}


def shared(*kv_heads: int, windows: tuple[int | None, ...] = ()) -> Attention:
    """Of 4 heads in each layer; the weights know nothing of it."""
    made = attention(n_heads=(4,) * max(len(kv_heads), len(windows)))
    return replace(made, kv_heads=kv_heads, windows=windows)


def test_several_heads_make_a_grid_and_a_single_one_or_patches_do_not() -> None:
    assert GRID.fits(exhibit())
    assert GRID.fits(exhibit(heads=(Head(0, 0), Head(1, 1))))
    assert not GRID.fits(exhibit(heads=(Head(0, 0),)))
    assert not GRID.fits(replace(exhibit(), sentence=Sentence("scene", "", image="/scene.png")))


@pytest.mark.parametrize("heads", [(), (Head(2, 3), Head(0, 0), Head(1, 1))], ids=["all", "listed"])
def test_the_document_holds_a_picture_of_every_map_and_no_weights(heads: tuple[Head, ...]) -> None:
    source = attention()
    packed = packed_of(source, exhibit(views=("grid",), heads=heads))
    held = document(packed)
    assert "weights" not in held
    assert len(held["picture_tails"]) == len(packed.slots) == (len(heads) or 12 + 8)
    for slot, tail in zip(packed.slots, held["picture_tails"], strict=True):
        png = base64.b64decode(held["picture_head"].split(",")[1] + tail)
        picture = np.asarray(Image.open(BytesIO(png)).convert("RGBA"))
        colours = [
            "#" + bytes(picture[at][:3]).hex() if picture[at][3] else ""
            for at in np.ndindex(10, 10)
        ]
        roots = np.sqrt(maps.weights(source, slot)).ravel() * (LEVELS - 1)
        expected = [
            palette()[round(root)] if key <= query else ""
            for root, (query, key) in zip(roots, np.ndindex(10, 10), strict=True)
        ]
        assert colours == expected


def test_many_heads_get_smaller_pictures() -> None:
    packed = packed_of(attention(FOX * 4, n_heads=(40,) * 20))
    head = base64.b64decode(document(packed)["picture_head"].split(",")[1])
    side = int.from_bytes(head[16:20], "big")
    assert 12 <= side < 40


def test_scores_stand_in_the_order_of_slots_and_pooled_maps_have_none() -> None:
    source = attention()
    packed = packed_of(source)
    held = document(packed)
    at = held["score_titles"].index("attention to the previous token")
    for slot, score in zip(packed.slots, held["scores"][at], strict=True):
        if not slot.single:
            assert score is None
            continue
        weights = source.layers[slot.single.layer][slot.single.head]
        assert score == pytest.approx(np.diagonal(weights, -1).mean(), abs=0.0006)
    assert held["most"][at] == max(score for score in held["scores"][at] if score is not None)


def test_the_summary_names_the_heads_that_stand_out() -> None:
    """Two heads are made for it: one looks one token back, and one at the first token."""
    source = attention(n_heads=(2, 2))
    back, first = np.eye(10, k=-1, dtype=np.float32), np.zeros((10, 10), np.float32)
    back[0, 0] = 1
    first[:, 0] = 1
    noise = source.layers[0]
    layers = [np.stack([noise[0], back]), np.stack([first, noise[1]])]
    packed = packed_of(replace(source, layers=Layers.of(layers)), exhibit(views=("grid",)))
    assert (
        "Of 4 heads, most attention goes in L0 H1 to the previous token (1.000), in L1 H0 to the "
        "first token (1.000)"
    ) in GRID.describe(packed)
    assert "L0 H1 is the most decided: on average 1.000 of a row goes to one key." in GRID.describe(
        packed
    )
    rows = {title: cells for title, *cells in GRID.tabulate(packed).rows}
    assert rows["attention to the previous token"][0] == "L0 H1 1.000"
    assert rows["attention to the first token"][0] == "L1 H0 1.000"
    assert rows["mean distance"][0] == "L1 H0 5.00 tokens", "1 to 9, on average"


def test_the_summary_starts_with_the_head_that_is_shown() -> None:
    source = attention()
    packed = packed_of(source)
    back = np.diagonal(source.layers[1][2], -1).mean()
    assert GRID.describe(packed).startswith(
        f"L1 H2: attention to the previous token {back:.3f}, to the token itself "
    )


def test_the_table_has_the_three_heads_with_most_and_the_one_in_the_middle() -> None:
    source = attention(n_heads=(3, 2))
    packed = packed_of(source, exhibit(views=("grid",)))
    sharp = {
        Head(layer, head): weights[1:].max(axis=1).mean()
        for layer, heads in enumerate(source.layers)
        for head, weights in enumerate(heads)
    }
    ranked = sorted(sharp, key=lambda head: -sharp[head])
    [row] = [row for row in GRID.tabulate(packed).rows if row[0] == "largest weight of a row"]
    assert row[1:4] == tuple(f"{head} {sharp[head]:.3f}" for head in ranked[:3])
    assert row[4] == f"{sharp[ranked[2]]:.3f}"
    assert GRID.tabulate(packed).columns == (
        "score",
        "first",
        "second",
        "third",
        "median of the heads",
    )


def test_one_head_is_no_crowd_to_stand_out_of() -> None:
    packed = packed_of(attention(n_heads=(1,)), exhibit(views=("grid",)))
    assert "heads" not in GRID.describe(packed)
    assert GRID.tabulate(packed).columns == ("score", "first", "median of the heads")


# --- Heads that share keys, and windows -----------------------------------------------------------


def test_of_heads_that_share_nothing_and_see_everything_nothing_is_told() -> None:
    packed = packed_of(attention())
    held = document(packed)
    assert held["shared"] == held["windows"] == held["notes"] == []
    assert set(held["captions"]) == {""}
    assert "share" not in GRID.describe(packed)
    assert "window" not in GRID.describe(packed)


def test_heads_that_share_keys_stand_under_one_bracket() -> None:
    packed = packed_of(shared(2, 2, 2))
    held = document(packed)
    assert held["shared"] == [[-1, 0, 1], [-1, 2, 3]]
    assert held["notes"] == ["a bracket: heads that share their keys and values"]
    captions = dict(zip(map(str, packed.slots), held["captions"], strict=True))
    assert captions["L1 H0"] == captions["L1 H1"] == "shares keys: H0 to H1"
    assert captions["L1 H2"] == "shares keys: H2 to H3"
    assert captions["L1 mean"] == ""
    assert "2 neighbouring heads share their keys and values" in GRID.describe(packed)


def test_where_layers_differ_each_has_its_own_brackets() -> None:
    held = document(packed_of(shared(1, 4, 2)))
    assert held["shared"] == [[0, 0, 3], [2, 0, 1], [2, 2, 3]]


def test_layers_that_see_a_window_are_marked_and_told() -> None:
    source = shared(windows=(128, 128, 128, None, 4))
    packed = packed_of(source)
    held = document(packed)
    assert held["windows"] == [128, 128, 128, None, 4]
    assert held["notes"] == ["a bar before a layer: it sees the last 4 or 128 tokens only"]
    captions = dict(zip(map(str, packed.slots), held["captions"], strict=True))
    assert captions["L4 H0"] == captions["L4 mean"] == "sees the last 4 tokens"
    assert captions["L3 H0"] == ""
    assert "In L0 to L2 a token sees at most the last 128 tokens: a sliding window." in (
        GRID.describe(packed)
    )
    assert "In L4 a token sees at most the last 4 tokens" in GRID.describe(packed)


def test_where_queries_look_ahead_too_a_window_is_told_to_either_side() -> None:
    """A window of 4 keys counts the query itself: what is seen has |query - key| < 4."""
    source = replace(attention(kind="encoder", n_heads=(4, 4)), windows=(4, 65))
    packed = packed_of(source)
    held = document(packed)
    assert held["notes"] == ["a bar before a layer: it sees 3 or 64 tokens to either side only"]
    captions = dict(zip(map(str, packed.slots), held["captions"], strict=True))
    assert captions["L0 H0"] == "sees 3 tokens to either side"
    assert "In L0 a token sees at most 3 tokens to either side: a sliding" in GRID.describe(packed)


def test_listed_heads_have_no_neighbours_to_stand_beside() -> None:
    source = shared(2, 2, windows=(4, None))
    packed = packed_of(source, exhibit(views=("grid",), heads=(Head(0, 0), Head(1, 3))))
    held = document(packed)
    assert held["shared"] == held["notes"] == []
    assert held["captions"] == ["shares keys: H0 to H1, sees the last 4 tokens",
                                "shares keys: H2 to H3"]  # fmt: skip


def test_a_picture_that_cannot_show_every_weight_says_what_a_pixel_is() -> None:
    packed = packed_of(attention(FOX * 7, n_heads=(2,)), exhibit(views=("grid",)))
    assert document(packed)["notes"] == ["a pixel is the largest of up to 2 × 2 weights"]
