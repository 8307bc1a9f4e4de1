"""The view of patches in a real browser, opened from a file with no network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import vl_convert
from playwright.sync_api import Locator, Page, expect

from attention_gallery import charts, pages, reading, views
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Start
from browser_fixtures import OpenPage, vega
from pictures import captioner, encoder, picture

pytestmark = pytest.mark.browser

# Rows 0 to 6 are the words; keys follow: [CLS] is 7, and the patches from 8 on.
PATCH = 8


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Callable[..., tuple[Page, Packed]]:
    """Open an exhibit of one image from a file, and wait for its chart."""

    def show(
        source: Attention,
        fragment: str = "",
        gold: dict[str, tuple[str, ...]] | None = None,
        **options: object,
    ) -> tuple[Page, Packed]:
        shown, held = picture(source, gold=gold, start=Start(token=2))
        packed = views.pack(shown, held)
        html = pages.lone_file(shown, held, packed, views.figures(shown, packed), vega())
        file = tmp_path / "page.html"
        file.write_text(html, "utf-8")
        options.setdefault("viewport", {"width": 1000, "height": 1000})
        page = open_page(file.as_uri() + fragment, **options)
        if options.get("java_script_enabled", True):
            expect(page.locator("attention-chart")).to_have_attribute("data-ready", "")
        return page, packed

    return show


Shown = Callable[..., tuple[Page, Packed]]


def signal(page: Page, name: str) -> object:
    return page.evaluate(
        "(name) => document.querySelector('attention-chart').embedded.view.signal(name)", name
    )


def choose(page: Page, name: str, value: int) -> None:
    page.locator(f"select[name={name}]").select_option(str(value))
    page.wait_for_timeout(100)


def read_map(page: Page) -> dict[int, float]:
    """The weights the running chart shows on its map, by key."""
    rows = page.evaluate(
        """() => {
          const view = document.querySelector("attention-chart").embedded.view;
          const names = Object.keys(view.getState({data: () => true}).data);
          const name = names.find((n) => {
            const rows = view.data(n);
            return rows.length && rows.every((d) => d.picture === 1 && "tip" in d && !d.rank);
          });
          return view.data(name).map((d) => [d.key, d.weight]);
        }"""
    )
    return {int(key): weight for key, weight in rows}


def chart(page: Page) -> Locator:
    return page.locator("attention-chart .ag-chart")


def squares(page: Page, colour: str) -> list[float]:
    """The shares of a patch that the hollow squares of a colour enclose."""
    paths = page.locator(f"attention-chart .ag-chart path[stroke='{colour}'][stroke-width='1.5']")
    width = page.locator("attention-chart .ag-chart image").evaluate("e => e.getBBox().width") / 4
    boxes = [paths.nth(i).evaluate("e => e.getBBox()['width']") for i in range(paths.count())]
    return sorted((box / width) ** 2 for box in boxes)


def frames(page: Page, colour: str) -> int:
    return page.locator(
        f"attention-chart .ag-chart path[stroke='{colour}'][stroke-width='2.5']"
    ).count()


def word(page: Page, text: str) -> tuple[float, float]:
    box = chart(page).locator("text", has_text=re.compile(f"^{text}$")).first.bounding_box()
    assert box is not None
    return box["x"] + 5, box["y"] + 5


def patch(page: Page, row: int, column: int, on_map: bool = False) -> tuple[float, float]:
    """The middle of a patch of the 3 rows by 4 columns, a little off the squares' lines."""
    box = chart(page).locator("image").bounding_box()
    assert box is not None
    step = box["width"] / 4
    x = box["x"] + (column + 0.5) * step + (box["width"] * (1 + 16 / 224) if on_map else 0)
    return x, box["y"] + (row + 0.5) * step


def move(page: Page, place: tuple[float, float]) -> None:
    page.mouse.move(*place)
    page.wait_for_timeout(100)


@pytest.mark.parametrize(
    "source",
    [captioner(), encoder(), captioner(grid=(14, 14), n_heads=(1, 3)), encoder((6, 6), ())],
    ids=["captioner", "encoder", "unequal", "nothing-but-patches"],
)
def test_the_numbers_in_the_running_chart_are_the_captured_ones(
    show: Shown, source: Attention
) -> None:
    """Read back out of Vega, in heads and rows drawn at random, within the stated error."""
    page, packed = show(source)
    rng = np.random.default_rng(7)
    patches = [i for i, token in enumerate(source.keys) if token.patch]
    n_tokens = packed.n_queries + (packed.n_keys if source.kind == "encoder" else 0)
    for _ in range(6):
        layer = int(rng.integers(source.n_layers))
        head = int(rng.integers(-1, source.n_heads[layer]))
        token = int(rng.integers(-1, n_tokens))
        for name, value in (("layer", layer), ("head", head), ("pin_token", token)):
            choose(page, name, value)
        weights = source.layers[layer]
        shown = weights.mean(axis=0) if head < 0 else weights[head]
        row = (
            shown.mean(axis=0)
            if token < 0
            else shown[token]
            if token < packed.n_queries
            else shown[:, token - packed.n_queries]
        )
        read = read_map(page)
        assert sorted(read) == patches
        assert max(abs(read[key] - row[key]) for key in patches) <= packed.error + 1e-6


def test_a_picture_with_the_image_stands_before_and_without_scripts(show: Shown) -> None:
    page, _ = show(captioner(), java_script_enabled=False)
    image = page.locator(".ag-picture svg image")
    assert image.is_visible()
    assert "circle (after red)" in page.locator(".ag-picture svg").inner_html()


def test_the_image_is_drawn_pixel_by_pixel(show: Shown) -> None:
    page, _ = show(captioner())
    style = chart(page).locator("image").evaluate("e => getComputedStyle(e).imageRendering")
    assert style == "pixelated"


def test_hollow_squares_enclose_the_weight(show: Shown) -> None:
    page, packed = show(captioner())
    row = packed.shown[2, 1:]
    expected = sorted(w for w in row if w >= 0.01)
    assert np.allclose(squares(page, PIN_COLOUR), expected, atol=1e-3)
    assert squares(page, HOVER_COLOUR) == []


@pytest.mark.parametrize("source", [captioner(), encoder()], ids=["captioner", "encoder"])
def test_the_way_to_a_state_leaves_no_trace(show: Shown, source: Attention) -> None:
    """Formulas of a chart run again with every change: nothing may move or grow by that."""
    page, packed = show(source)
    before = marks(page)
    for name, value in (
        ("pin_token", 4), ("head", 0), ("pin_token", packed.n_queries + 3), ("stretched", 0),
        ("layer", 0), ("layer", 1), ("pin_token", -1), ("head", 1),
    ):  # fmt: skip
        choose(page, name, value)
    for row in range(3):
        for column in range(4):
            move(page, patch(page, row, column))
    move(page, (3, 3))
    slot = packed.slots[packed.start].single
    assert slot is not None
    for name, value in (
        ("layer", slot.layer), ("head", slot.head), ("stretched", 1), ("pin_token", packed.pin),
    ):  # fmt: skip
        choose(page, name, value)
    assert marks(page) == before


def marks(page: Page) -> list[str]:
    """All that is drawn: each mark with where it is, what it says and how it looks.

    Only the legend's gradient gets another name each time.
    """
    drawn = (
        chart(page)
        .locator("path, line, text, image")
        .evaluate_all("marks => marks.map((m) => m.outerHTML)")
    )
    return sorted(re.sub(r"gradient_\d+", "gradient", mark) for mark in drawn)


def test_hovering_a_word_previews_where_it_looks_and_never_overrides_a_pin(show: Shown) -> None:
    page, packed = show(captioner())
    pinned, before = squares(page, PIN_COLOUR), read_map(page)
    move(page, word(page, "square"))
    expected = sorted(w for w in packed.shown[5, 1:] if w >= 0.01)
    assert np.allclose(squares(page, HOVER_COLOUR), expected, atol=1e-3)
    assert squares(page, PIN_COLOUR) == pinned
    assert read_map(page) == before
    move(page, (3, 3))
    assert squares(page, HOVER_COLOUR) == []
    page.keyboard.press("Escape")
    page.wait_for_timeout(100)
    expect(chart(page)).to_contain_text("mean over all words")
    move(page, word(page, "square"))
    expect(chart(page)).to_contain_text("where square (after a) looks")
    assert read_map(page)[1] == pytest.approx(packed.shown[5, 1])


@pytest.mark.parametrize("on_map", [False, True])
def test_hovering_a_patch_tells_which_words_look_at_it(show: Shown, on_map: bool) -> None:
    page, packed = show(captioner())
    move(page, patch(page, 1, 2, on_map))
    expect(chart(page)).to_contain_text("its weight on row 1 column 2")
    for weight in packed.shown[:, 1 + 4 + 2]:
        expect(chart(page)).to_contain_text(f"{weight:.3f}")
    assert frames(page, HOVER_COLOUR) == 2
    told = page.locator("#vg-tooltip-element")
    expect(told).to_have_text(f"row 1 column 2: {packed.shown[2, 1 + 4 + 2]:.3f}")
    assert signal(page, "pin_token") == 2
    move(page, (3, 3))
    expect(chart(page)).to_contain_text("all patches together")


def test_each_word_tells_how_much_of_its_weight_is_on_patches(show: Shown) -> None:
    page, packed = show(captioner())
    for row in packed.shown:
        expect(chart(page)).to_contain_text(f"{1 - row[0]:.2f}")


def test_a_click_pins_a_word_or_a_patch_and_escape_lets_go(show: Shown) -> None:
    page, _ = show(captioner())
    page.mouse.click(*word(page, "square"))
    page.wait_for_timeout(100)
    assert signal(page, "pin_token") == 5
    page.mouse.click(*patch(page, 2, 0))
    page.wait_for_timeout(100)
    assert signal(page, "pin_token") == PATCH + 8
    assert frames(page, PIN_COLOUR) == 2
    expect(page.locator(".ag-reading")).to_contain_text("row 2 column 0 is looked at most by")
    move(page, patch(page, 0, 0))
    assert signal(page, "asked") == 1 + 8
    page.keyboard.press("Escape")
    expect(page.locator("select[name=pin_token]")).to_have_value("-1")
    move(page, (3, 3))
    assert frames(page, PIN_COLOUR) == 0


def test_among_patches_the_image_has_those_that_look_and_the_map_those_looked_at(
    show: Shown,
) -> None:
    page, packed = show(encoder())
    page.mouse.click(*patch(page, 1, 2))
    page.wait_for_timeout(100)
    assert signal(page, "pin_token") == 1 + 4 + 2
    expect(chart(page)).to_contain_text("where row 1 column 2 looks")
    page.mouse.click(*patch(page, 1, 2, on_map=True))
    page.wait_for_timeout(100)
    assert signal(page, "pin_token") == packed.n_queries + 1 + 4 + 2
    expect(chart(page)).to_contain_text("who looks at row 1 column 2")
    assert read_map(page)[3] == pytest.approx(packed.shown[3, 7])


def test_what_is_known_is_marked_for_the_word_that_is_shown(show: Shown) -> None:
    page, _ = show(captioner(), gold={"circle": ("r0c1-r1c2",)})
    lines = chart(page).locator("line[stroke-dasharray='5,3']")
    assert lines.count() == 2 * 8
    choose(page, "pin_token", 4)
    assert lines.count() == 0


def test_everything_works_from_the_keyboard(show: Shown) -> None:
    page, _ = show(captioner())
    controls = page.locator(".ag-controls select")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["layer", "head", "stretched", "pin_token"]
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        before = signal(page, str(name))
        page.keyboard.press("ArrowUp" if before == 1 and name != "stretched" else "ArrowDown")
        page.wait_for_timeout(100)
        assert signal(page, str(name)) != before, name
        page.keyboard.press("Tab")


def test_what_is_pinned_is_said_in_words(show: Shown) -> None:
    """The same sentence as the static one."""
    page, packed = show(captioner())
    said = page.locator(".ag-reading")
    assert reading.pinned_edges(packed) in said.inner_text()
    choose(page, "pin_token", 6)
    expect(said).to_contain_text("what follows square looks most at")
    choose(page, "pin_token", 2)
    expect(said).to_have_text(reading.pinned_edges(packed))


def test_a_link_brings_the_whole_state_back(show: Shown) -> None:
    page, _ = show(captioner())
    state = {"layer": 1, "head": -1, "stretched": 0, "pin_token": PATCH + 3}
    for name, value in state.items():
        choose(page, name, value)
    anchor = page.locator(".ag-tools a")
    expect(anchor).to_have_attribute("href", re.compile(f"pin_token={PATCH + 3}"))
    link = anchor.get_attribute("href")
    page, _ = show(captioner(), link)
    expect(page.locator("select[name=layer]")).to_have_value("1")
    for name, value in state.items():
        assert signal(page, name) == value


def test_colours_reach_to_one_or_to_the_largest_weight(show: Shown) -> None:
    page, packed = show(captioner())
    brightest = chart(page).locator(f"path[fill='{_rgb(charts.CIVIDIS[-1])}']")
    assert brightest.count() >= 1
    choose(page, "stretched", 0)
    assert packed.shown[2, 1:].max() < 0.99
    assert brightest.count() == 0


def _rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))


def test_the_document_that_is_saved_is_whole(show: Shown) -> None:
    page, packed = show(captioner())
    with page.expect_download() as download:
        page.locator("button", has_text="Vega-Lite").click()
    spec = json.loads(Path(download.value.path()).read_text("utf-8"))
    weights = next(p for p in spec["params"] if p["name"] == "weights")
    assert weights["value"] == list(packed.blobs)
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    assert 'href="data:image/png;base64,' in svg


@pytest.mark.parametrize("source", [captioner(), encoder((14, 14), n_heads=(1,))])
def test_a_phone_shows_it_whole(show: Shown, source: Attention) -> None:
    """Nothing scrolls sideways, neither the page nor the chart in it."""
    page, _ = show(source, viewport={"width": 375, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert chart(page).evaluate("e => e.scrollWidth <= e.clientWidth")
