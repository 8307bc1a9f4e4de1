"""The heatmap: its margins, its pictures, and what it says."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attention_gallery import charts, maps, packing
from attention_gallery.charts import CIVIDIS
from attention_gallery.codes import Layers
from attention_gallery.maps import Slot
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Head, Start
from attention_gallery.views import heatmap
from attention_gallery.views.heatmap import raster, totals
from attention_gallery.views.heatmap.layout import LONGEST, Layout
from attentions import attention, exhibit


def rgba(uri: str) -> NDArray[np.uint8]:
    """The pixels of a picture in a data URI."""
    png = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(BytesIO(png)).convert("RGBA"))


def of_weights(*heads: NDArray[np.float32], causal: bool = False) -> Attention:
    """One layer with these heads."""
    n_queries, n_keys = heads[0].shape
    shape = attention(
        tuple("q" * n_queries), kind="decoder" if causal else "cross", keys=tuple("k" * n_keys)
    )
    return Attention(
        shape.kind, shape.queries, shape.keys, Layers.of([np.stack(heads)]), causal=causal
    )


def params(packed: Packed) -> dict[str, Any]:
    """What the document holds, by name."""
    found = heatmap.draw(packed).to_dict()["params"]
    return {param["name"]: param["value"] for param in found if "value" in param}


def static(packed: Packed) -> str:
    spec = charts.finish(heatmap.draw(packed), packed, "description")
    return charts.static_svg(spec, "name")[0]


@pytest.mark.parametrize("n_keys", [1, 9, 37, 100])
def test_the_codes_of_keys_hold_what_each_receives_and_sort_by_it(n_keys: int) -> None:
    """Against an argsort of the rounded totals, in which equals keep their places."""
    weights = np.random.default_rng(n_keys).dirichlet(np.full(n_keys, 0.1), size=n_keys)
    weights[:, n_keys // 2 :] = weights[:, n_keys // 2, None]  # many that receive the same
    codes = totals.received(weights)
    sums = weights.sum(axis=0).round(2)
    assert np.allclose([int(code) // n_keys / 100 for code in codes], sums)
    ranked = [n_keys - 1 - int(code) % n_keys for code in sorted(codes, reverse=True)]
    assert ranked == np.argsort(-sums, kind="stable").tolist()


def test_a_row_spreads_over_as_many_keys_as_share_it_evenly() -> None:
    rows = np.array([[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0.25] * 4, [0.9, 0.1, 0, 0]])
    # 2 to the power of the entropy in bits: of (0.9, 0.1) it is 0.469.
    assert totals.spreads(rows) == [1.0, 2.0, 4.0, 1.4]


def test_rows_that_do_not_add_up_to_one_have_totals_instead_and_a_note() -> None:
    packed = packing.pack(exhibit(), attention(n_heads=(4, 1)))
    held = params(packed)
    for i, slot in enumerate(packed.slots):
        rows = [float(value) for value in held["rows"][i].split(" ")]
        sums = maps.weights(packed.attention, slot).sum(axis=1)
        # The maximum over one head is that head.
        pooled = slot.pool == "max" and slot.single is None and slot.layer != 1
        assert held["whole"][i] is not pooled
        assert np.allclose(rows, sums, atol=0.0051) is pooled
        assert ("maximum is no distribution" in held["notes"][i]) is pooled


def test_a_head_that_gives_weight_to_no_token_shows_its_row_totals() -> None:
    sunk = np.array([[0.2, 0.3], [0.5, 0.1]], dtype=np.float32)
    packed = packing.pack(exhibit(heads=(Head(0, 0),)), of_weights(sunk))
    svg = static(packed)
    assert "row total" in svg
    assert "Rows of this map do not add up to 1." in svg
    assert ">0.50<" in svg, "of the row that is pinned"


def test_one_map_is_a_pixel_a_weight_in_the_colours_of_the_chart() -> None:
    weights = np.array([[0.0, 1.0], [0.25, 5 / 9]])
    seen = np.array([[True, True], [False, True]])
    pixels = rgba(raster.exact(weights, seen, root=False))
    assert ["#" + bytes(pixel[:3]).hex() for pixel in pixels[0]] == [CIVIDIS[0], CIVIDIS[-1]]
    assert pixels[..., 3].tolist() == [[255, 255], [0, 255]]
    sixth = [int(CIVIDIS[5][i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(pixels[1, 1, :3].astype(int) - sixth).max() <= 1
    assert np.abs(rgba(raster.exact(weights**2, seen, root=True)).astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("n", [81, 512, 513, 1024, 1500])
def test_a_picture_is_small_and_a_single_bright_cell_stays(n: int) -> None:
    weights = np.zeros((n, n), dtype=np.float32)
    weights[n - 1, 7] = 1
    pixels = rgba(raster.overview(weights, np.tri(n, dtype=np.bool_)))
    assert max(pixels.shape[:2]) <= raster.LARGEST
    bright = np.argwhere((pixels[..., :3] == (0xFE, 0xE8, 0x38)).all(axis=-1))
    pool = -(-n // pixels.shape[0])
    assert bright.tolist() == [[(n - 1) // pool, 7 // pool]]
    assert pixels[0, -1, 3] == 0, "what cannot be seen is transparent"


def test_each_pixel_shows_the_largest_of_the_weights_it_stands_for() -> None:
    weights = np.random.default_rng(0).random((1024, 600)).astype(np.float32) ** 8
    pixels = rgba(raster.overview(weights, np.ones(weights.shape, np.bool_)))
    assert pixels.shape[:2] == (512, 300)
    largest = weights.reshape(512, 2, 300, 2).max(axis=(1, 3))
    levels = np.rint(np.sqrt(largest) * 31)
    # Equal levels have equal colours, and others do not: blue falls and red rises all the way.
    colours = {level: np.unique(pixels[levels == level], axis=0) for level in np.unique(levels)}
    assert all(len(colour) == 1 for colour in colours.values())
    assert len({bytes(colour) for colour in colours.values()}) == len(colours)


@pytest.mark.parametrize(("n", "long"), [(LONGEST, False), (LONGEST + 1, True)])
def test_a_text_that_is_too_long_for_marks_is_a_picture(n: int, long: bool) -> None:
    packed = packing.pack(exhibit(), attention(tuple("t" * n), n_heads=(1,)))
    assert Layout(packed).long is long
    assert ("by 32 of them are marks" in heatmap.describe(packed)) is long
    assert ("pictures" in params(packed)) is long


def test_a_long_source_and_a_short_target_have_a_window_as_high_as_the_target() -> None:
    source = attention(tuple("t" * 5), kind="cross", keys=tuple("s" * 300), n_heads=(1,))
    layout = Layout(packing.pack(exhibit(), source))
    assert (layout.rows, layout.columns) == (5, 32)
    assert "<image" in static(layout.packed)


@pytest.mark.parametrize("n", [64, 81, 300])
def test_the_static_picture_of_many_cells_is_a_picture(n: int) -> None:
    """Thousands of rectangles weigh 57 bytes each, and nobody can point at them."""
    packed = packing.pack(exhibit(), attention(tuple("t" * n), kind="encoder", n_heads=(1,)))
    svg = static(packed)
    assert len(re.findall("<path", svg)) < 400
    images = re.findall(r'<image[^>]*href="(data:image/png[^"]*)"', svg)
    assert len(images) == (1 if n <= LONGEST else 2)
    cells = rgba(images[0])
    assert cells.shape[:2] == ((n, n) if n <= LONGEST else (32, 32))


def test_the_summary_names_the_key_that_receives_most() -> None:
    source = attention()
    packed = packing.pack(exhibit(start=Start(Head(2, 1), 4)), source)
    sums = source.layers[2][1].sum(axis=0)
    name = charts.token_names(source.keys)[sums.argmax()]
    assert f"{name} receives most, {sums.max():.2f} in all." in heatmap.describe(packed)


def test_pooled_maps_have_margins_of_their_own() -> None:
    packed = packing.pack(exhibit(), attention())
    codes = params(packed)["received"][packed.slots.index(Slot(None, pool="max"))]
    largest = np.max([layer.max(axis=0) for layer in packed.attention.layers], axis=0)
    decoded = [int(code) // packed.n_keys / 100 for code in codes.split(" ")]
    assert np.allclose(decoded, largest.sum(axis=0), atol=0.0051)


@pytest.mark.parametrize("causal", [True, False])
def test_a_key_is_told_by_how_many_queries_its_window_lets_see_it(causal: bool) -> None:
    """Against the pairs of a mask, counted one by one."""
    source = attention(kind="decoder" if causal else "encoder", n_heads=(1, 1))
    packed = packing.pack(exhibit(), replace(source, windows=(3, None)))
    n, reaches = packed.n_queries, params(packed)["reaches"]
    for slot, reach in zip(packed.slots, reaches, strict=True):
        window = 3 if slot.layer == 0 else n
        assert reach == window
        for key in range(n):
            seeing = sum(abs(q - key) < window and (q >= key or not causal) for q in range(n))
            told = totals.told_of_key(packed, str(key))
            count = re.findall(r"^\((.*?) == 1 \? ", told)[0]
            assert eval(count.replace("reaches[slot]", str(reach))) == seeing  # noqa: S307
