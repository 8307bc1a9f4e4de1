"""The view of patches: where things stand, and what its document and its picture hold."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from attention_gallery import charts, maps, views
from attention_gallery.packing import Packed, decode
from attention_gallery.terms import Attention, Figure
from attention_gallery.views import patches
from attention_gallery.views.patches.layout import Layout
from attentions import FOX, HOSTILE, exhibit
from pictures import CAPTION, captioner, encoder, picture, png

CASES: dict[str, Attention] = {
    "captioner": captioner(),
    "encoder": encoder(),
    "nothing-but-patches": encoder(before=()),
    "words-and-patches-only": captioner(before=()),
    "registers": captioner(before=("[CLS]", *(f"[REG{i}]" for i in range(4)))),
    "hostile": captioner(("<s>", *HOSTILE)),
    "one-word": captioner(("<s>",)),
    "one-patch": encoder((1, 1)),
    "many-patches": encoder((24, 24), n_heads=(1,)),
    "a-column": captioner(grid=(9, 1)),
}


def packed(source: Attention, **more: object) -> Packed:
    return views.pack(*picture(source, **more))  # type: ignore[arg-type]


def figure(source: Attention, **more: object) -> Figure:
    shown, held = picture(source, **more)  # type: ignore[arg-type]
    [only] = views.figures(shown, views.pack(shown, held))
    return only


@pytest.mark.parametrize("case", CASES)
def test_every_shape_of_model_is_drawn_with_the_image_inside(case: str) -> None:
    """No address but that of the image itself, and no broken number."""
    drawn = figure(CASES[case])
    image = base64.b64encode(png(16, 12)).decode("ascii")
    assert f'href="data:image/png;base64,{image}"' in drawn.svg
    assert "pixelated" in drawn.svg
    assert "NaN" not in drawn.svg
    assert "Infinity" not in drawn.svg
    assert "undefined" not in drawn.svg
    addresses = [value for value in _values(drawn.spec, "url") if not value.startswith("data:")]
    assert addresses == []


def _values(node: object, name: str) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from _values(value, name)
    elif isinstance(node, list):
        for item in node:
            yield from _values(item, name)


def test_hostile_words_are_text_in_the_static_picture() -> None:
    svg = figure(CASES["hostile"]).svg
    assert "<img" not in svg
    assert "</script" not in svg


@pytest.mark.parametrize("size", [(16, 12), (48, 48), (224, 224), (300, 100), (37, 91)])
def test_a_patch_is_as_large_on_the_image_as_on_the_map(size: tuple[int, int]) -> None:
    layout = Layout(packed(captioner(grid=(12, 12)), size=size))
    assert layout.image == (12 * layout.step[0], 12 * layout.step[1])
    assert all(isinstance(step, int) and step >= 1 for step in layout.step)
    width, height = size
    assert layout.image[0] / layout.image[1] == pytest.approx(width / height, rel=0.15)


def test_words_stay_on_the_page_and_off_each_other() -> None:
    words = (*FOX, *HOSTILE) * 3
    layout = Layout(packed(captioner(words)))
    right = 0
    lines: list[int] = []
    for x, line, width in layout.places:
        if lines and line == lines[-1]:
            assert x >= right
        else:
            assert x == 0
        right = x + width
        lines.append(line)
        assert right <= layout.width
    assert lines == sorted(lines)
    assert layout.top > lines[-1] * 40 + 30


def test_an_arabic_caption_runs_from_right_to_left() -> None:
    layout = Layout(packed(captioner(("<s>", "دائرة", "حمراء", "صغيرة"))))
    lefts = [x for x, _, _ in layout.places]
    assert lefts == sorted(lefts, reverse=True)
    assert lefts[0] + layout.places[0][2] == layout.width


def test_a_captioners_words_stand_where_they_are_about_to_be_written() -> None:
    layout = Layout(packed(captioner()))
    assert layout.labels == [*CAPTION[1:], "…"]
    assert Layout(packed(encoder())).labels == ["[CLS]"]


def test_the_border_of_what_is_known_runs_around_it_and_not_through_it() -> None:
    layout = Layout(packed(captioner(), gold={"circle": ("r0c1-r1c2",)}))
    segments = layout.known()
    assert len(segments) == 8  # two patches by two
    assert {row for row, *_ in segments} == {2}  # the row that reads "red"
    step, top = layout.step[0], layout.top
    box = (step, top, 3 * step, top + 2 * step)
    for _, x, y, x2, y2 in segments:
        assert x == x2 in (box[0], box[2]) or y == y2 in (box[1], box[3])
    length = sum(abs(x2 - x) + abs(y2 - y) for _, x, y, x2, y2 in segments)
    assert length == 8 * step


@pytest.mark.parametrize("source", [captioner(), encoder()], ids=["captioner", "encoder"])
def test_the_mean_over_all_rows_travels_with_each_head(source: Attention) -> None:
    shown = packed(source)
    params = {p["name"]: p.get("value") for p in figure(source).spec["params"]}
    for slot, blob in zip(shown.slots, params["means"], strict=True):
        weights = maps.weights(source, slot)
        assert np.abs(decode(blob) - weights.mean(axis=0)).max() <= 1 / 2590 + 1e-6


def test_the_summary_says_where_a_word_looks() -> None:
    shown = packed(captioner())
    pinned = replace(shown, pin=2)
    row = pinned.shown[2]
    name = charts.token_names(shown.attention.keys)[int(row.argmax())]
    summary = patches.describe(pinned)
    slot = shown.slots[shown.start]
    assert f"In {slot}, circle (after red) looks most at {name} ({row.max():.3f})" in summary


def test_only_what_sees_an_image_fits() -> None:
    shown, _ = picture(captioner())
    assert patches.fits(shown)
    assert not patches.fits(replace(shown, attention="decoder"))
    assert not patches.fits(exhibit())


def test_a_document_is_small() -> None:
    """Weights are most of it: what else is there does not grow with the patches."""
    source = captioner(grid=(14, 14), n_heads=(1,))
    shown = packed(source)
    weights = sum(map(len, shown.blobs))
    assert len(json.dumps(figure(source).spec)) < weights + 60_000


def test_a_key_that_is_no_patch_has_no_border() -> None:
    known = {"red": ("[CLS]",)}
    shown = packed(captioner(), gold=known)
    assert shown.gold
    assert Layout(shown).known() == []
    assert "dashed line" not in patches.describe(shown)
