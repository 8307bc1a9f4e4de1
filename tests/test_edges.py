"""The edges: looks that can be told apart, and only the controls that an exhibit needs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import vl_convert
from numpy.typing import NDArray

from attention_gallery import charts, maps, packing, views
from attention_gallery.codes import Layers
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Head
from attention_gallery.views.edges import colours, options, window
from attention_gallery.views.edges.heads import Heads
from attentions import FOX, attention, capture, exhibit, measured_maps
from test_language_coverage import foreign

# Of linear RGB, as it is seen without one kind of cones (Machado et al. 2009, table of the authors,
# severity 1), and as it is.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
# The papers of our theme, and of the lone file.
PAPERS = ("#ffffff", "#fdfcfa", "#14171c", "#15171b")


def linear(colour: str) -> NDArray[np.float64]:
    """Linear RGB of a colour, from 0 to 1 (IEC 61966-2-1)."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """OKLab of linear RGB, times 100 (Ottosson 2020)."""
    cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    axes = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    lab: NDArray[np.float64] = 100 * axes @ np.cbrt(cones @ np.clip(rgb, 0, 1))
    return lab


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2)."""
    light, dark = sorted(
        (float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (one, other)), reverse=True
    )
    return light / dark


def pair(kind: str = "encoder") -> Attention:
    """Two texts with special tokens between them, and words of several tokens."""
    texts = ("[CLS]", "un", "like", "ly", "[SEP]", "so", "it", "is", "[SEP]")
    words = (-1, 0, 0, 0, -1, 1, 2, 3, -1)
    source = attention(texts, kind=kind, n_heads=(2, 2))  # type: ignore[arg-type]
    tokens = tuple(
        replace(token, special=word < 0, word=word, segment=int(i > 4))
        for i, (token, word) in enumerate(zip(source.keys, words, strict=True))
    )
    return replace(source, queries=tokens, keys=tokens)


def packed(source: Attention, *heads: Head) -> Packed:
    return views.pack(exhibit(views=("edges",), heads=heads), capture(source))


def document(of: Packed) -> dict[str, Any]:
    return charts.finish(views.load("edges").draw(of), of, "Edges")


def controls(of: Packed) -> list[str]:
    """Names of the parameters that a reader can set."""
    return [str(param["name"]) for param in document(of)["params"] if "bind" in param]


def test_no_two_of_the_first_32_heads_of_a_layer_look_alike() -> None:
    for n_heads in (12, 16, 32):
        assert len({colours.look(head) for head in range(n_heads)}) == n_heads
    assert colours.look(32) == colours.look(0), "as the docstring says"


def test_neighbouring_heads_differ_in_hue() -> None:
    looks = [colours.look(head) for head in range(32)]
    assert all(one[0] != other[0] for one, other in pairwise(looks))


@pytest.mark.parametrize("vision", VISIONS)
def test_hues_can_be_told_apart_with_every_kind_of_vision(vision: str) -> None:
    """The distances that the docstring of the colours states."""
    seen = [oklab(VISIONS[vision] @ linear(hue)) for hue in colours.HUES]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) >= 10
    assert min(np.linalg.norm(a - b) for a, b in pairwise(seen)) >= 13


@pytest.mark.parametrize("hue", colours.HUES)
def test_hues_are_seen_on_light_paper_and_on_dark(hue: str) -> None:
    assert all(contrast(hue, paper) >= 3 for paper in PAPERS)


def test_the_reference_of_contrast_is_right() -> None:
    """Black on white is 21:1, and #767676 is the lightest grey with 4.5:1 (WCAG 2.2)."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_a_simple_exhibit_has_no_more_controls_than_it_needs() -> None:
    plain = attention(("a", "b", "c"), n_heads=(1,))
    assert controls(packed(plain, Head(0, 0))) == ["pin", "slot"]
    assert controls(packed(plain)) == ["pin", "layer", "head"]


def test_each_control_is_there_where_it_means_something() -> None:
    assert controls(packed(pair())) == [
        *("pin", "layer", "head", "heads", "level", "hide", "sentences")
    ]  # fmt: skip
    many = attention(tuple("abcdefghijklm"), n_heads=(2,))
    assert controls(packed(many)) == ["pin", "layer", "head", "heads", "share"]


def test_a_document_without_a_control_carries_nothing_for_it() -> None:
    names = {param["name"] for param in document(packed(attention(("a", "b"))))["params"]}
    assert not [name for name in names if "word_" in name or "segments" in name]
    assert not names & {"left", "special_keys", "shares", "hide", "level", "around"}


def test_words_travel_as_a_second_set_of_maps_that_add_up_to_one() -> None:
    of = packed(pair("decoder"))
    values = {param["name"]: param.get("value") for param in document(of)["params"]}
    words = options.Options(of).words
    assert words is not None
    for slot, blob in zip(of.slots, values["word_weights"], strict=True):
        # Tokens 1 to 3 are one word: looked at as their sum, and looking as their mean.
        weights = maps.weights(of.attention, slot).astype(float)
        if slot.pool == "max" and slot.single is None:
            continue  # of words, not of tokens
        columns = np.insert(np.delete(weights, [1, 2, 3], 1), 1, weights[:, 1:4].sum(axis=1), 1)
        rows = np.insert(np.delete(columns, [1, 2, 3], 0), 1, columns[1:4].mean(axis=0), 0)
        levels = [int(blob[i : i + 2], 36) for i in range(0, len(blob), 2)]
        cells = rows[np.tril_indices(7)]
        np.testing.assert_allclose(np.array(levels) / 1295, cells, atol=4 * of.error)
    assert values["word_queries"] == ["[CLS]", "unlikely", "[SEP]", "so", "it", "is", "[SEP]"]
    for slot, blob in zip(of.slots, words.blobs, strict=True):
        rows = words.map(blob)
        assert not np.triu(rows, 1).any()
        if slot.single or slot.pool == "mean":
            np.testing.assert_allclose(rows.sum(axis=1), 1, atol=7 * of.error)


def flat(n_tokens: int, special: float) -> Attention:
    """What is left of a row is spread over many keys, each nearly half a level above a level."""
    source = attention(tuple(f"t{i}" for i in range(n_tokens)), kind="encoder", n_heads=(1,))
    tokens = tuple(replace(token, special=not i) for i, token in enumerate(source.keys))
    share = (1 - special) / 2 / (n_tokens - 2)
    row = np.full(n_tokens, min(1.9 * share, (np.floor(share * 1295) + 0.48) / 1295))
    row[0] = special
    row[1] = 1 - row[0] - row[2:].sum()
    weights = np.tile(row, (1, n_tokens, 1)).astype(np.float32)
    return replace(source, queries=tokens, keys=tokens, layers=Layers.of([weights]))


@pytest.mark.parametrize("special", [0.0, 0.3, 0.6, 0.9, 0.97, 0.998])
def test_printed_digits_of_what_is_shared_out_anew_are_right(special: float) -> None:
    """Of 60 tokens, whose errors add up in what a row has left, if it is added up decoded."""
    source = flat(60, special)
    of = packed(source, Head(0, 0))
    values = {param["name"]: param.get("value") for param in document(of)["params"]}
    whole = packing.decode(values["left"][0]).reshape(60, 2)
    left = whole[:, 0] + whole[:, 1] / 1295
    weights = source.layers[0][0][:, 1:].astype(np.float64)
    limits = re.findall(r"left > ([0-9.]+) \? '.(\d)f'", options.Options(of).digits())
    assert [digits for _, digits in limits] == ["3", "2"]
    if special == 0.998:  # not one digit would be right
        assert not left.any()
        return
    decoded = of.map(of.blobs[0])[:, 1:] / left[:, None]
    n_digits = next((int(n) for limit, n in limits if left[0] > float(limit)), 1)
    worst = np.abs(decoded - weights / weights.sum(axis=1, keepdims=True)).max()
    assert worst <= 10.0**-n_digits
    assert worst <= options.Options(of).error / left.min()


@pytest.mark.parametrize("n_tokens", [10, 100])
def test_a_label_that_is_cut_has_a_tooltip_with_the_whole_of_it(n_tokens: int) -> None:
    """Wide glyphs count double: eleven are as long as 22 letters, of which 18 have room."""
    texts = ("注意力" * 4, "x" * 18, "y" * 19, *map(str, range(n_tokens - 3)))
    spec = document(packed(attention(texts, n_heads=(1,)), Head(0, 0)))
    [cut] = [param["value"] for param in spec["params"] if param["name"] == "cut"]
    assert cut == ["注意力" * 4, "y" * 19]


@pytest.mark.parametrize("n_tokens", [window.LONGEST, window.LONGEST + 1, 300])
def test_the_picture_of_a_long_text_stays_small(n_tokens: int) -> None:
    tokens = tuple((FOX * 40)[:n_tokens])
    spec = document(packed(attention(tokens, n_heads=(1,)), Head(0, 0)))
    svg, _ = charts.static_svg(spec, "edges")
    is_long = "around" in {param["name"] for param in spec["params"]}
    assert is_long == (n_tokens > window.LONGEST)
    assert svg.count("<text") < (130 if is_long else 3 * n_tokens + 10)


def test_a_document_of_several_heads_draws_without_a_page() -> None:
    """In an editor there is no script of ours: the text control alone shows several heads."""
    of = packed(pair())
    spec = document(of)
    for param in spec["params"]:
        if param["name"] == "heads":
            param["value"] = "all"
    svg = vl_convert.vegalite_to_svg(json.loads(json.dumps(spec)))
    for hue in colours.HUES[:2]:
        assert f'stroke="{hue}"' in svg


def test_maps_have_names_of_their_own_where_their_titles_have_other_letters() -> None:
    """The names are those of the text control, and of a link."""
    own = attention(n_heads=(2, 2))
    shown = replace(exhibit(views=("edges",), heads=(Head(1, 1),)), measures=("norms", "rollout"))
    with foreign():
        packed = views.pack(shown, capture(own), (), measured_maps(own))
        words = [swatch.word for swatch in Heads(packed).swatches]
    assert len(words) == len(packed.slots) > 2
    assert len(set(words)) == len(words)
    assert all(word.isascii() and word.isalnum() for word in words)
