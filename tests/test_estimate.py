"""Sizes told in advance, against what is then written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attention_gallery import estimate, pages, resources, views
from attention_gallery.terms import (
    DOWNLOADS,
    Attention,
    AttentionKind,
    Exhibit,
    Head,
    Imprint,
    Model,
    Sentence,
)
from attentions import FOX, attention, capture, exhibit, measured_maps
from dot_products import made_of


@pytest.mark.parametrize(
    "source",
    [
        attention(),
        attention(n_heads=(12,) * 6, kind="encoder"),
        attention(FOX * 5, n_heads=(12,) * 4),
        attention(FOX * 3, kind="cross", keys=FOX, n_heads=(4, 4)),
        attention(FOX * 20, n_heads=(2, 2)),
        attention(FOX * 20, n_heads=(2, 2), kind="encoder"),
    ],
    ids=["small", "encoder", "long", "cross", "longest", "longest-encoder"],
)
def test_a_stored_exhibit_is_estimated_within_a_third(source: Attention) -> None:
    shown, held = exhibit(), capture(source)
    packed = views.pack(shown, held)
    page, assets = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    real = sum(len(asset.content) for asset in assets)
    real += sum(len(fragment) for fragment in page.fragments.values()) + len(page.markdown)
    told = estimate.exhibit_bytes(shown, held)
    assert told is not None
    assert 0.67 < told / real < 1.5, (told, real)


@pytest.mark.parametrize("length", [1, 3])
def test_files_of_charts_are_estimated_within_a_third(length: int) -> None:
    source = attention(FOX * length)
    shown, held = exhibit(), capture(source)
    packed = views.pack(shown, held)
    imprint = Imprint(downloads=DOWNLOADS)
    figures = views.figures(shown, packed)
    page, assets = pages.exhibit_page(shown, held, packed, figures, imprint=imprint)
    real = sum(len(asset.content) for asset in assets)
    real += sum(len(fragment) for fragment in page.fragments.values()) + len(page.markdown)
    told = estimate.exhibit_bytes(shown, held, DOWNLOADS)
    assert told is not None
    assert 0.67 < told / real < 1.5, (told, real)


@pytest.mark.parametrize(
    ("source", "heads"),
    [
        (made_of(FOX, n_dims=64), ()),
        (made_of(FOX * 2, n_dims=24, n_heads=4, n_layers=3), ()),
        (made_of(FOX * 3, n_dims=64, n_heads=12, n_layers=12, kind="encoder"), ()),
        (made_of(FOX * 6, n_dims=128, n_heads=4), (Head(0, 0), Head(1, 1))),
    ],
    ids=["small", "all-heads", "some-heads", "listed"],
)
def test_an_exhibit_of_vectors_is_estimated_within_a_third(
    source: Attention, heads: tuple[Head, ...]
) -> None:
    shown, held = exhibit(views=("neuron",), heads=heads), capture(source)
    packed = views.pack(shown, held)
    page, assets = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    real = sum(len(asset.content) for asset in assets)
    real += sum(len(fragment) for fragment in page.fragments.values()) + len(page.markdown)
    told = estimate.exhibit_bytes(shown, held)
    assert told is not None
    assert 0.67 < told / real < 1.5, (told, real)


def test_an_exhibit_with_maps_that_measures_derive_is_estimated_within_a_third() -> None:
    source = attention(FOX * 4, n_heads=(8,) * 4)
    shown, held = replace(exhibit(), measures=("norms",)), capture(source)
    found = measured_maps(source)["norms"]
    twice = {name.replace("norms", "norm-shares"): codes for name, codes in found.arrays.items()}
    about = found.facts["maps"]["norms"]
    maps = {"norms": about, "norm-shares": {**about, "title": "norms, as shares"}}
    found = replace(found, arrays={**found.arrays, **twice}, facts={"title": "Norms", "maps": maps})
    packed = views.pack(shown, held, (), {"norms": found})
    page, assets = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    real = sum(len(asset.content) for asset in assets)
    real += sum(len(fragment) for fragment in page.fragments.values()) + len(page.markdown)
    told = estimate.exhibit_bytes(shown, held)
    assert told is not None
    assert 0.67 < told / real < 1.5, (told, real)


def specimen(text: str) -> Exhibit:
    folder = str(resources.specimens()["story"])
    model = Model("story", "specimen:story", "specimen", folder)
    return Exhibit("x", "X", model, Sentence("s", text))


def test_a_longer_text_is_estimated_larger_before_it_is_captured() -> None:
    short, long = (estimate.exhibit_bytes(specimen("a word " * n), None) for n in (3, 60))
    assert short is not None
    assert long is not None
    assert long > short


@pytest.mark.parametrize(
    ("text", "same"),
    [("注意力是什么", "one two three four five"), ("x" * 10_000, "x" * 100)],
    ids=["signs are tokens", "words end somewhere"],
)
def test_a_text_of_any_script_is_estimated_by_its_tokens(text: str, same: str) -> None:
    one, other = (estimate.exhibit_bytes(specimen(text), None) for text in (text, same))
    assert one is not None
    assert other is not None
    assert 0.9 < one / other < 1.1


def test_nothing_is_known_of_a_model_on_the_hub_before_it_is_captured() -> None:
    hub = Exhibit("x", "X", Model("g", "gpt2", "hub", "gpt2", "0" * 40), Sentence("s", "a"))
    assert estimate.exhibit_bytes(hub, None) is None


EYE = {"num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 4}


def seen(folder: Path, config: dict[str, Any], **fields: Any) -> int | None:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = Model("m", "m", "folder", str(folder))
    sentence = Sentence("s", "", fields.pop("target", ""), str(folder / "scene.png"))
    return estimate.exhibit_bytes(
        Exhibit("x", "X", model, sentence, views=("heatmap",), **fields), None
    )


def test_an_image_is_estimated_by_its_patches_before_it_is_captured(tmp_path: Path) -> None:
    coarse, fine = (seen(tmp_path, EYE | {"patch_size": side}) for side in (8, 4))
    assert coarse is not None
    assert fine is not None
    held = capture(attention(tuple("x" * 65), n_heads=(4, 4), kind="encoder"))
    shown = Exhibit("x", "X", Model("m", "m", "folder", ""), Sentence("s", ""), views=("heatmap",))
    assert fine == estimate.exhibit_bytes(shown, held)
    assert coarse < fine / 4


def test_an_image_without_a_grid_is_not_estimated(tmp_path: Path) -> None:
    assert seen(tmp_path, {key: EYE[key] for key in list(EYE)[:3]}) is None


def test_a_sound_is_not_estimated_before_its_moments_are_known(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(EYE), encoding="utf-8")
    model = Model("m", "m", "folder", str(tmp_path))
    read, heard = Sentence("s", "a tone"), Sentence("s", "", audio="tone.wav")
    assert estimate.exhibit_bytes(Exhibit("x", "X", model, read), None) is not None
    assert estimate.exhibit_bytes(Exhibit("x", "X", model, heard), None) is None


def test_each_attention_of_a_captioner_is_estimated_by_its_ends(tmp_path: Path) -> None:
    config = {"encoder": EYE, "decoder": {"n_layer": 2, "n_head": 4}}
    kinds: tuple[AttentionKind, ...] = ("encoder", "cross", "decoder")
    sizes = [seen(tmp_path, config, attention=kind, target="a red circle") for kind in kinds]
    encoder, cross, decoder = (size or 0 for size in sizes)
    assert encoder > cross > decoder > 0
    assert seen(tmp_path, config, target="a red circle") == cross
    assert (seen(tmp_path, config) or 0) > cross  # the caption it writes may be longer


def test_the_image_of_a_capture_is_counted() -> None:
    held = capture(attention(kind="encoder"))
    without = estimate.exhibit_bytes(exhibit(), held)
    with_image = estimate.exhibit_bytes(exhibit(), replace(held, image=b"x" * 30_000))
    assert without is not None
    assert with_image == without + 2 * 40_000  # in the chart and in its picture
