"""The grid of heads in a real browser, opened from a file with no network."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from attention_gallery import views
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.sprite import LEVELS, palette
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import FOX, HOSTILE, attention, exhibit
from browser_fixtures import OpenPage, lone_file

pytestmark = pytest.mark.browser

Show = Callable[..., Page]
CHART = "attention-chart[view=grid]"
ALONE = exhibit(views=("grid",), start=Start(Head(1, 2), 5))
TOGETHER = replace(ALONE, views=("edges", "grid", "heatmap"))
LISTED = exhibit(views=("grid", "heatmap"), heads=(Head(2, 3), Head(0, 1), Head(1, 2)))
SOURCE = attention()


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the grid from a file, as from a USB stick, and wait for it."""

    def show(html: str, fragment: str = "", **options: object) -> Page:
        file = tmp_path / "page.html"
        file.write_text(html, "utf-8")
        options.setdefault("viewport", {"width": 1200, "height": 900})
        page = open_page(file.as_uri() + fragment, **options)
        chart = page.locator(CHART)
        chart.scroll_into_view_if_needed()
        if options.get("java_script_enabled", True):
            expect(chart).to_have_attribute("data-ready", "")
            page.locator(f"{CHART} .ag-chart").scroll_into_view_if_needed()
        return page

    return show


def page_of(source: Attention = SOURCE, shown: Exhibit = ALONE) -> tuple[str, Packed]:
    return lone_file(source, shown)


@cache
def alone() -> tuple[str, Packed]:
    """The page that most tests open, made once."""
    return page_of()


def signal(page: Page, name: str, view: str = "grid") -> object:
    return page.evaluate(
        "([view, name]) => document.querySelector(`attention-chart[view=${view}]`)"
        ".embedded.view.signal(name)",
        [view, name],
    )


def choose(page: Page, name: str, value: int) -> None:
    page.locator(f"{CHART} select[name={name}]").select_option(str(value))


def pictures(page: Page, where: str = ".ag-chart") -> list[tuple[float, float, str]]:
    """Left edge, upper edge and address of each picture; the one shown large is the last."""
    found: list[tuple[float, float, str]] = page.evaluate(
        f"""() => [...document.querySelectorAll("{CHART} {where} image")].map((e) => {{
          const at = e.getBoundingClientRect();
          return [at.x, at.y, e.getAttribute("href") ?? e.getAttribute("xlink:href")];
        }})"""
    )
    return found


def weights_in(address: str) -> NDArray[np.float64]:
    """The weights that a picture's colours stand for; NaN where it is seen through."""
    png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGBA"))
    level = {colour: i for i, colour in enumerate(palette())}
    found = np.full(pixels.shape[:2], np.nan)
    for at in np.ndindex(*found.shape):
        if pixels[at][3]:
            found[at] = (level["#" + bytes(pixels[at][:3]).hex()] / (LEVELS - 1)) ** 2
    return found


def shows(address: str, weights: NDArray[np.float32], *, causal: bool = True) -> bool:
    """Whether a picture shows a map, to half a level of its colours."""
    shown = weights_in(address)
    seen = (np.tri(*weights.shape) if causal else np.ones(weights.shape)) > 0
    off = np.abs(np.sqrt(shown) - np.sqrt(weights))
    return bool((np.isnan(shown) == ~seen).all() and off[seen].max() <= 0.5 / (LEVELS - 1) + 1e-6)


def point_at(page: Page, number: int) -> None:
    """Move the pointer onto a picture, counted in the order of slots."""
    box = page.locator(f"{CHART} .ag-chart image").nth(number).bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(80)


def click_on(page: Page, number: int) -> None:
    point_at(page, number)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_timeout(80)


def frames(page: Page, colour: str) -> int:
    return page.locator(f"{CHART} .ag-chart path[stroke='{colour}']").count()


def title(page: Page) -> str:
    """What the panel says it shows."""
    name = signal(page, "slots")
    focus = signal(page, "focus")
    assert isinstance(name, list)
    assert isinstance(focus, int)
    return str(name[focus])


@pytest.mark.parametrize(
    ("source", "causal"),
    [
        (SOURCE, True),
        (attention(kind="encoder", n_heads=(2, 5)), False),
        (attention(kind="cross", keys=("le", "renard", "brun"), n_heads=(3,)), False),
    ],
    ids=["causal", "unequal", "cross"],
)
def test_every_head_stands_in_its_layer_and_shows_its_weights(
    show: Show, source: Attention, causal: bool
) -> None:
    page = show(page_of(source, exhibit(views=("grid",)))[0])
    *tiles, _ = pictures(page)
    columns = sorted({round(x) for x, _, _ in tiles})
    rows = sorted({round(y) for _, y, _ in tiles})
    assert (len(rows), len(columns)) == (source.n_layers, max(source.n_heads))
    heads = [(i, h) for i, n in enumerate(source.n_heads) for h in range(n)]
    assert len(tiles) == len(heads)
    for (x, y, address), (layer, head) in zip(tiles, heads, strict=True):
        assert (rows[layer], columns[head]) == (round(y), round(x))
        assert shows(address, source.layers[layer][head], causal=causal)


def test_the_scores_in_the_running_chart_are_those_of_the_captured_weights(show: Show) -> None:
    page = show(alone()[0])
    titles, scores, slots = (signal(page, name) for name in ("score_titles", "scores", "slots"))
    assert isinstance(titles, list)
    assert isinstance(scores, list)
    assert isinstance(slots, list)
    rng = np.random.default_rng(1)
    for layer, head in zip(rng.integers(0, 3, 6), rng.integers(0, 4, 6), strict=True):
        weights = SOURCE.layers[layer][head].astype(float)
        apart = np.abs(np.arange(10)[:, None] - np.arange(10))
        wanted = {
            "attention to the previous token": np.diagonal(weights, -1).mean(),
            "attention to the first token": weights[1:, 0].mean(),
            "attention to the same word elsewhere": weights[7, 1],  # the, The
            "mean distance": (weights * apart).sum(axis=1)[1:].mean(),
            "largest weight of a row": weights[1:].max(axis=1).mean(),
        }
        for name, value in wanted.items():
            found = scores[titles.index(name)][slots.index(f"L{layer} H{head}")]
            assert found == pytest.approx(value, abs=0.006 if name == "mean distance" else 0.0006)


def test_pointing_at_a_head_shows_it_large_and_a_click_keeps_it_until_escape(show: Show) -> None:
    page = show(alone()[0])
    assert (title(page), frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == ("L1 H2", 1, 0)
    point_at(page, 11)
    assert (title(page), frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == ("L2 H3", 1, 1)
    assert shows(pictures(page)[-1][2], SOURCE.layers[2][3])
    expect(page.locator("#vg-tooltip-element")).to_contain_text("L2 H3")

    click_on(page, 4)
    assert (title(page), signal(page, "pinned")) == ("L1 H0", True)
    expect(page.locator(f"{CHART} .ag-chart")).to_contain_text("L1 H0, pinned")
    point_at(page, 11)
    assert title(page) == "L1 H0", "hover never overrides a pin"
    assert (frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == (1, 1)
    assert shows(pictures(page)[-1][2], SOURCE.layers[1][0])

    page.keyboard.press("Escape")
    page.wait_for_timeout(80)
    assert title(page) == "L2 H3"
    page.mouse.move(5, 5)
    page.wait_for_timeout(80)
    assert (title(page), frames(page, HOVER_COLOUR)) == ("L1 H0", 0), "what was chosen stays so"


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page = show(alone()[0])
    controls = page.locator(f"{CHART} .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["layer", "head", "order", "in_place"]
    controls.first.focus()
    for name, key in zip(names, ("ArrowDown", "ArrowDown", "ArrowDown", " "), strict=True):
        assert page.evaluate("document.activeElement.name") == name
        before = signal(page, str(name))
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        assert signal(page, str(name)) != before, name
        page.keyboard.press("Tab")
    assert (title(page), frames(page, PIN_COLOUR)) == ("L2 H3", 1)


def test_a_choice_lets_go_of_what_was_clicked(show: Show) -> None:
    page = show(alone()[0])
    click_on(page, 4)
    choose(page, "layer", 2)
    assert (title(page), signal(page, "pinned")) == ("L2 H0", False)


def test_what_is_pooled_has_a_frame_around_all_it_is_pooled_of_and_no_scores(show: Show) -> None:
    page = show(alone()[0])
    choose(page, "head", -1)
    assert (title(page), frames(page, PIN_COLOUR)) == ("L1 mean", 4)
    assert shows(pictures(page)[-1][2], SOURCE.layers[1].mean(axis=0))
    expect(page.locator(f"{CHART} .ag-reading")).to_have_text("L1 mean.")
    dashes = page.locator(f"{CHART} .ag-chart text", has_text="–")
    titles = signal(page, "score_titles")
    assert isinstance(titles, list)
    assert dashes.count() == len(titles)
    choose(page, "layer", -1)
    assert (title(page), frames(page, PIN_COLOUR)) == ("mean of all heads", 12)


@pytest.mark.parametrize("shown", [ALONE, LISTED], ids=["all", "listed"])
def test_heads_are_ordered_by_a_score_and_go_back_to_their_places(
    show: Show, shown: Exhibit
) -> None:
    html, packed = page_of(shown=shown)
    page = show(html)
    heads = [slot.single for slot in packed.slots if slot.single]
    back = [np.diagonal(SOURCE.layers[head.layer][head.head], -1).mean() for head in heads]
    natural = [(x, y) for x, y, _ in pictures(page)[:-1]]
    choose(page, "order", 1)
    page.wait_for_timeout(80)
    ordered = pictures(page)[:-1]
    reading = sorted(range(len(heads)), key=lambda i: (round(ordered[i][1]), ordered[i][0]))
    assert reading == np.argsort(back)[::-1].tolist()
    first = heads[reading[0]]
    named = page.locator(f"{CHART} .ag-chart text", has_text=str(first))
    assert named.count() >= 1
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text(
        "The heads are ordered by attention to the previous token."
    )
    page.locator(f"{CHART} input[name=in_place]").check()
    page.wait_for_timeout(80)
    assert [(x, y) for x, y, _ in pictures(page)[:-1]] == natural
    bars = page.locator(f"{CHART} .ag-chart path[fill='currentColor'][opacity='0.85']")
    assert bars.count() == len(heads)
    widths = [bars.nth(i).evaluate("e => e.getBBox().width") for i in range(len(heads))]
    assert np.array(widths) / max(widths) == pytest.approx(np.array(back) / max(back), abs=0.01)


def test_what_is_said_on_opening_is_said_again(show: Show) -> None:
    """The sentence of the build and that of the running chart are made by different code."""
    html, packed = alone()
    page = show(html)
    said = signal(page, "said")
    assert isinstance(said, str)
    assert views.load("grid").describe(packed).startswith(said + " Of 12 heads")
    choose(page, "layer", 0)
    back = np.diagonal(SOURCE.layers[0][2], -1).mean()
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text(
        f"L0 H2: attention to the previous token {back:.3f}, to the token itself "
    )


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    html, _ = alone()
    page = show(html)
    for name, value in {"layer": 2, "head": 0, "order": 3}.items():
        choose(page, name, value)
    page.locator(f"{CHART} input[name=in_place]").check()
    state = {"layer": 2, "head": 0, "order": 3, "in_place": "true"}
    link = f"#grid?{urlencode(state)}"
    expect(page.locator(f"{CHART} .ag-tools a")).to_have_attribute("href", link)
    page = show(html, link)
    assert [signal(page, name) for name in state] == [2, 0, 3, True]
    assert (title(page), frames(page, PIN_COLOUR)) == ("L2 H0", 1)


def test_a_click_is_shown_by_the_other_charts_of_the_page(show: Show) -> None:
    page = show(page_of(shown=TOGETHER)[0])
    click_on(page, 11)
    for view in ("edges", "heatmap"):
        chart = page.locator(f"attention-chart[view={view}]")
        expect(chart).to_have_attribute("data-ready", "")
        expect(chart.locator("select[name=layer]")).to_have_value("2")
        expect(chart.locator("select[name=head]")).to_have_value("3")
        assert (signal(page, "layer", view), signal(page, "head", view)) == (2, 3)
    choose(page, "layer", 0)
    page.get_by_role("button", name="Show in Heatmap").click()
    heatmap = page.locator("attention-chart[view=heatmap]")
    expect(heatmap.locator("select[name=layer]")).to_have_value("0")
    expect(heatmap).to_be_in_viewport()
    assert page.evaluate("document.activeElement.closest('attention-chart').view") == "heatmap"


def test_listed_heads_are_named_and_a_click_on_one_is_shown_by_the_other_charts(
    show: Show,
) -> None:
    page = show(page_of(shown=LISTED)[0])
    texts = page.locator(f"{CHART} .ag-chart text").all_text_contents()
    assert [text for text in texts if text in ("L2 H3", "L0 H1", "L1 H2")][:3] == [
        "L2 H3", "L0 H1", "L1 H2",
    ]  # fmt: skip
    click_on(page, 1)
    assert title(page) == "L0 H1"
    expect(page.locator("attention-chart[view=heatmap] select[name=slot]")).to_have_value("1")


def test_brackets_and_windows_are_marked_while_heads_stand_in_their_places(show: Show) -> None:
    source = replace(SOURCE, kv_heads=(2, 2, 2), windows=(4, None, 4))
    page = show(page_of(source)[0])
    lines = page.locator(f"{CHART} .ag-chart line[opacity='0.7']")
    bars = page.locator(f"{CHART} .ag-chart path[opacity='0.55']")
    assert (lines.count(), bars.count()) == (6, 2)
    tiles = pictures(page)
    for number, (first, last) in enumerate(((0, 1), (2, 3))):
        box = lines.nth(3 * number).bounding_box()
        assert box
        assert tiles[first][0] <= box["x"] <= tiles[first][0] + 3
        assert box["x"] + box["width"] > tiles[last][0]
        assert box["y"] < tiles[first][1]
    point_at(page, 3)
    expect(page.locator(f"{CHART} .ag-chart")).to_contain_text(
        "shares keys: H2 to H3, sees the last 4 tokens"
    )
    choose(page, "order", 1)
    page.wait_for_timeout(80)
    assert (lines.count(), bars.count()) == (0, 0)


def test_the_story_stands_before_and_without_scripts(show: Show) -> None:
    page = show(alone()[0], java_script_enabled=False)
    picture = page.locator(".ag-picture svg")
    assert picture.is_visible()
    tiles = page.locator(".ag-picture svg image")
    assert tiles.count() == 12 + 1
    address = tiles.nth(12).get_attribute("xlink:href") or tiles.nth(12).get_attribute("href")
    assert shows(str(address), SOURCE.layers[1][2])
    for text in ("L2", "H3", "L1 H2", "jumps", "attention to the previous token"):
        expect(picture).to_contain_text(text)


@pytest.mark.parametrize(
    ("width", "n_heads"),
    [(375, (12,) * 6), (1200, (12,) * 6), (375, (32,) * 8), (375, (2,) * 30), (1200, (1,))],
    ids=str,
)
def test_labels_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, width: int, n_heads: tuple[int, ...]
) -> None:
    words = (*HOSTILE, *FOX)
    source = replace(
        attention(words, n_heads=n_heads, kind="encoder"),
        kv_heads=tuple(max(1, n // 2) for n in n_heads),
        windows=(4,) * len(n_heads),
    )
    page = show(
        page_of(source, exhibit(views=("grid",)))[0], viewport={"width": width, "height": 900}
    )
    choose(page, "order", 1)
    for _ in range(2):
        page.wait_for_timeout(80)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        overlaps = page.evaluate(
            f"""() => {{
              const boxes = [...document.querySelectorAll("{CHART} .ag-chart text")]
                .filter((t) => t.textContent.trim().length > 1)
                .map((t) => [t.textContent, t.getBoundingClientRect()]);
              const found = [];
              boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {{
                const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
                const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
                if (Math.min(x, y) > 6) found.push([a, b, x, y]);
              }}));
              return found;
            }}"""
        )
        assert overlaps == []
        page.locator(f"{CHART} input[name=in_place]").check()


def test_hostile_text_is_only_text(show: Show) -> None:
    """In the panel and in tooltips; anything that ran would open a dialog."""
    page = show(page_of(attention(HOSTILE, kind="encoder"), exhibit(views=("grid",)))[0])
    point_at(page, 3)
    label = page.locator(f"{CHART} .ag-chart text", has_text="</scr").first
    label.hover(force=True)
    expect(page.locator("#vg-tooltip-element")).to_contain_text("<img src=x onerror=a")
    assert page.locator("img").count() == 0
