"""The heatmap in a real browser: sorted, with its margins, and of texts of a thousand tokens."""

from __future__ import annotations

import base64
import re
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from attention_gallery import charts
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import FOX, HOSTILE, attention, exhibit
from browser_fixtures import OpenPage, Show, lone_file, shower, signal

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=heatmap]"
SHOWN = exhibit(views=("heatmap",), start=Start(Head(1, 2), 5))
LONG = tuple(f"{word}{i % 7}" for i, word in enumerate(FOX * 52))[:512]


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the heatmap from a file, as from a USB stick, and wait for it."""
    return shower(open_page, tmp_path, CHART, (1200, 1000))


def page_of(source: Attention, shown: Exhibit = SHOWN) -> tuple[str, Packed]:
    return lone_file(source, shown)


@cache
def long_file() -> tuple[str, Packed]:
    """Two heads over 512 tokens, opened in the middle."""
    heads = (Head(0, 0), Head(0, 1))
    shown = exhibit(views=("heatmap",), heads=heads, start=Start(token=300))
    return page_of(attention(LONG, n_heads=(2,)), shown)


def choose(page: Page, **choices: int) -> None:
    for name, value in choices.items():
        control = page.locator(f"{CHART} .ag-controls [name={name}]")
        if control.get_attribute("type") == "range":
            control.fill(str(value))
        else:
            control.select_option(str(value))
    page.wait_for_timeout(100)


def marks(page: Page) -> list[dict[str, Any]]:
    """The cells that are marks, as Vega has them."""
    rows = page.evaluate(
        f"""() => {{
          const view = document.querySelector("{CHART}").embedded.view;
          const names = Object.keys(view.getState({{data: () => true}}).data);
          const of = names.map((n) => view.data(n))
            .find((rows) => rows?.length && "query_text" in rows[0]) ?? [];
          return of.map(({{query, key, column, weight, x, y}}) =>
            ({{query, key, column, weight, x, y}}));
        }}"""
    )
    return sorted(rows, key=lambda row: (row["query"], row["column"]))


def point(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place in the chart, in pixels of the window."""
    at = page.evaluate(
        f"""([x, y]) => {{
          const svg = document.querySelector("{CHART} .ag-chart svg");
          const at = new DOMPoint(x, y)
            .matrixTransform(svg.querySelector(".mark-group g").getScreenCTM());
          return [at.x, at.y];
        }}""",
        [x, y],
    )
    return at[0], at[1]


def cell(page: Page, query: int, key: int) -> tuple[float, float]:
    [found] = [row for row in marks(page) if (row["query"], row["key"]) == (query, key)]
    return point(page, found["x"], found["y"])


def in_picture(page: Page, packed: Packed, query: int, column: int) -> tuple[float, float]:
    """The middle of a cell in the picture of a long text."""
    left = 34
    right, bottom = (signal(page, CHART, f"picture_{end}") for end in ("right", "bottom"))
    side = right - left  # of a square
    x = left + (column + 0.5) / packed.n_keys * side
    return point(page, x, bottom - (1 - (query + 0.5) / packed.n_queries) * side)


def frames(page: Page, colour: str) -> int:
    return page.locator(f"{CHART} .ag-chart path[stroke='{colour}']").count()


def sorted_keys(weights: NDArray[np.floating[Any]]) -> list[int]:
    """What receives most comes first; of what is equal as printed, the first does."""
    keys: list[int] = np.argsort(-weights.sum(axis=0).round(2), kind="stable").tolist()
    return keys


def texts(page: Page) -> list[str]:
    return page.locator(f"{CHART} .ag-chart text").all_text_contents()


SOURCES = {
    "causal": attention(),
    "encoder": attention(kind="encoder", n_heads=(2, 5)),
    "cross": attention(kind="cross", keys=("le", "renard", "brun")),
    "many": attention(tuple("abcdefgh" * 8), n_heads=(2,)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_numbers_of_every_map_are_the_captured_ones_sorted_or_not(
    show: Show, name: str
) -> None:
    """Heads, and means and maxima over a layer and over all: cell by cell, in the right place."""
    source = SOURCES[name]
    html, packed = page_of(source, exhibit(views=("heatmap",)))
    page = show(html)
    every = np.concatenate(list(source.layers))
    of_first, last = source.layers[0], len(source.layers) - 1
    maps = {
        (0, 1): of_first[1],
        (0, -1): of_first.mean(axis=0),
        (last, -2): source.layers[last].max(axis=0),
    }
    if len(source.layers) > 1:
        maps |= {(-1, -1): every.mean(axis=0), (-1, -2): every.max(axis=0)}
    for (layer, head), expected in maps.items():
        for by_received in (0, 1):
            choose(page, layer=layer, head=head, sorted=by_received)
            rows = marks(page)
            read = np.zeros(expected.shape)
            for row in rows:
                read[row["query"], row["key"]] = row["weight"]
            assert np.abs(read - expected).max() <= packed.error + 1e-6
            assert len(rows) == packed.n_cells
            columns = {row["column"]: row["key"] for row in rows}
            order = sorted_keys(expected) if by_received else range(packed.n_keys)
            assert [columns[i] for i in range(packed.n_keys)] == list(order)


@pytest.mark.parametrize("by_received", [0, 1], ids=["by position", "by attention received"])
def test_the_window_of_a_long_text_has_the_captured_numbers(show: Show, by_received: int) -> None:
    html, packed = long_file()
    page = show(html)
    weights = packed.attention.layers[0][1]
    order = sorted_keys(weights) if by_received else list(range(512))
    choose(page, slot=1, sorted=by_received)
    for row, column in np.random.default_rng(by_received).integers(0, 512, size=(8, 2)).tolist():
        choose(page, focus_row=row, focus_column=column)
        top, left = (min(max(at - 16, 0), 512 - 32) for at in (row, column))
        found = {(each["query"], each["column"]): each for each in marks(page)}
        for query in range(top, top + 32):
            for at in range(left, left + 32):
                each = found.pop((query, at), None)
                assert (each is None) == (order[at] > query), "what is not seen has no mark"
                if each:
                    assert each["key"] == order[at]
                    assert abs(each["weight"] - weights[query, order[at]]) <= packed.error + 1e-6
        assert found == {}


def test_labels_pins_and_rings_follow_the_order_of_keys(show: Show) -> None:
    shown = exhibit(views=("heatmap",), gold={"jumps": ("fox",)}, start=Start(Head(1, 2)))
    html, packed = page_of(attention(kind="encoder"), shown)
    page = show(html)
    choose(page, sorted=1, pin_query=7, pin_key=3)
    order = sorted_keys(packed.attention.layers[1][2])
    said = [text for text in texts(page) if text in FOX]
    assert said[10:20] == [FOX[key] for key in order]
    step = signal(page, CHART, "step")
    for selector, query, key in (
        (f"path[stroke='{PIN_COLOUR}']", 7, 3),
        ("path[stroke='black']", 5, 4),
    ):
        box = page.locator(f"{CHART} .ag-chart {selector}").bounding_box()
        x, y = point(
            page,
            signal(page, CHART, "map_x") + (order.index(key) + 0.5) * step,
            signal(page, CHART, "map_y") + (query + 0.5) * step,
        )
        assert box is not None
        assert abs(box["x"] + box["width"] / 2 - x) < 1
        assert abs(box["y"] + box["height"] / 2 - y) < 1
    page.mouse.click(*cell(page, 2, 6))
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("quick looks at over: ")
    assert (signal(page, CHART, "pin_query"), signal(page, CHART, "pin_key")) == (2, 6)


def test_the_margins_tell_what_keys_receive_and_how_rows_spread(show: Show) -> None:
    html, packed = page_of(attention())
    page = show(html)
    weights = packed.attention.layers[1][2]
    sums = weights.sum(axis=0)
    bars = page.locator(f"{CHART} .ag-chart g.mark-rect path[opacity='0.45']")
    boxes = [bars.nth(i).bounding_box() for i in range(20)]
    heights = np.array([box["height"] for box in boxes[:10] if box])
    # Their totals are rounded to hundredths.
    assert np.allclose(heights / heights.max(), sums / sums.max(), atol=0.02)
    entropy = [-sum(w * np.log2(w) for w in row if w > 0) for row in weights.tolist()]
    widths = np.array([box["width"] for box in boxes[10:] if box])
    spread = 2 ** np.array(entropy)
    assert np.allclose(widths / widths.max(), spread / spread.max(), atol=0.04)
    assert {f"{sums[2]:.2f}", f"{spread[5]:.1f}"} <= set(texts(page)), "of what is pinned"
    page.mouse.move(boxes[3]["x"] + 3, boxes[3]["y"] + 1)  # type: ignore[index]
    expect(page.locator("#vg-tooltip-element")).to_contain_text(
        f"brown receives {sums[3]:.2f} in all: {sums[3] / 7:.2f} from each of 7 tokens that can see"
    )
    choose(page, pin_key=3)
    said = page.locator(f"{CHART} .ag-reading")
    expect(said).to_contain_text(f"jumps spreads its attention over about {spread[5]:.1f} tokens.")
    choose(page, head=-2)
    total = packed.attention.layers[1].max(axis=0)[5].sum()
    expect(said).to_contain_text(f"jumps gives {total:.2f} in all.")
    expect(said).to_contain_text("A maximum is no distribution")
    expect(page.locator(f"{CHART} .ag-chart svg")).to_contain_text("row total")


def test_a_label_and_a_bar_keep_the_other_half_of_the_pin(show: Show) -> None:
    page = show(page_of(attention(kind="encoder"))[0])
    page.locator(f"{CHART} .ag-chart text", has_text=re.compile("^lazy$")).first.click()
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("In L1 H2, lazy looks at ")
    before = signal(page, CHART, "pin_key")
    page.locator(f"{CHART} .ag-chart text", has_text=re.compile("^brown$")).nth(1).click()
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("lazy looks at brown: ")
    assert before != 3
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHART} .ag-reading")).to_have_text("L1 H2. No cell is pinned.")


def test_hovering_previews_and_never_moves_the_pin(show: Show) -> None:
    html, packed = page_of(attention())
    page = show(html)
    assert (frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == (1, 0)
    page.mouse.move(*cell(page, 7, 2))
    page.wait_for_timeout(150)
    assert (frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == (1, 1)
    tooltip = page.locator("#vg-tooltip-element")
    expect(tooltip).to_contain_text(f"{packed.shown[7, 2]:.3f}")
    assert signal(page, CHART, "pin_query") == 5


def test_hovering_the_picture_tells_the_largest_weight_there(show: Show) -> None:
    html, packed = long_file()
    page = show(html)
    names, weights = charts.token_names(packed.attention.keys), packed.shown
    assert np.abs(weights - packed.attention.layers[0][0]).max() <= packed.error
    before = marks(page)
    said = page.locator(f"{CHART} .ag-chart text[fill='{HOVER_COLOUR}']")
    for query, key in ((400, 40), (505, 130), (200, 190)):
        page.mouse.move(*in_picture(page, packed, query, key))
        expect(said.first).to_have_text(re.compile("^At most "))
        top, left = query // 11 * 11, key // 11 * 11
        block = weights[top : top + 11, left : left + 11]
        row, column = np.unravel_index(block.argmax(), block.shape)
        expect(said.first).to_have_text(
            f"At most {block.max():.3f}: {names[top + row]} looks at {names[left + column]}"
        )
    assert marks(page) == before, "the window stays where it is"
    page.mouse.move(5, 5)
    expect(said).to_have_count(0)


def test_a_click_in_the_picture_moves_the_window_and_keeps_the_pin(show: Show) -> None:
    html, packed = long_file()
    page = show(html)
    pinned = (signal(page, CHART, "pin_query"), signal(page, CHART, "pin_key"))
    page.mouse.click(*in_picture(page, packed, 450, 100))
    page.wait_for_timeout(100)
    shown = {(row["query"], row["key"]) for row in marks(page)}
    assert (450, 100) in shown
    assert len(shown) == 32 * 32
    assert (signal(page, CHART, "pin_query"), signal(page, CHART, "pin_key")) == pinned
    query, key = 452, 98
    page.mouse.click(*cell(page, query, key))
    weight = packed.attention.layers[0][0][query, key]
    name = charts.token_names(packed.attention.queries)
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text(
        f"In L0 H0, {name[query]} looks at {name[key]}: {weight:.3f}."
    )
    assert {(row["query"], row["key"]) for row in marks(page)} == shown


def test_a_tap_moves_the_window(show: Show) -> None:
    html, packed = long_file()
    page = show(html, viewport={"width": 375, "height": 1200}, has_touch=True)
    page.touchscreen.tap(*in_picture(page, packed, 450, 100))
    page.wait_for_timeout(200)
    assert (450, 100) in {(row["query"], row["key"]) for row in marks(page)}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_window_above_the_diagonal_is_empty(show: Show) -> None:
    page = show(long_file()[0])
    choose(page, focus_row=0, focus_column=511)
    assert marks(page) == []


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page = show(long_file()[0])
    controls = page.locator(f"{CHART} .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["slot", "focus_row", "focus_column", "sorted", "pin_query", "pin_key"]
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        before = signal(page, CHART, str(name))
        page.keyboard.press("ArrowDown" if name in ("slot", "sorted") else "ArrowUp")
        page.wait_for_timeout(100)
        assert signal(page, CHART, str(name)) != before, name
        page.keyboard.press("Tab")


@pytest.mark.parametrize("long", [False, True])
def test_a_link_brings_the_whole_state_back(show: Show, long: bool) -> None:
    html, _ = long_file() if long else page_of(attention())
    page = show(html)
    state = {"slot": 1, "focus_row": 77, "focus_column": 33} if long else {"layer": 2, "head": -2}
    state |= {"sorted": 1} | ({} if long else {"stretched": 1}) | {"pin_query": 7, "pin_key": 2}
    choose(page, **state)
    link = f"#heatmap?{urlencode(state)}"
    expect(page.locator(f"{CHART} .ag-tools a")).to_have_attribute("href", link)
    before = marks(page)
    page = show(html, link)
    for name, value in state.items():
        assert signal(page, CHART, name) == value
    assert marks(page) == before


@pytest.mark.parametrize("n_tokens", [40, 200])
def test_the_picture_that_stands_first_has_the_colours_of_the_marks(
    show: Show, n_tokens: int
) -> None:
    """Many cells are one image until the chart is alive; Vega's own colours are the reference."""
    source = attention(tuple("t" * n_tokens), kind="encoder", n_heads=(1,))
    html, _ = page_of(source, exhibit(views=("heatmap",), heads=(Head(0, 0),)))
    uri = re.findall(r'<image[^>]*href="data:image/png;base64,([^"]*)"', html)[0]
    pixels = np.asarray(Image.open(BytesIO(base64.b64decode(uri))).convert("RGB")).astype(int)
    page = show(html)
    fills = page.locator(f"{CHART} .ag-chart .cells_marks path").evaluate_all(
        "(paths) => paths.map((path) => path.getAttribute('fill').match(/[0-9]+/g).map(Number))"
    )
    assert np.abs(np.array(fills) - pixels.reshape(-1, 3)).max() <= 3
    page.wait_for_timeout(100)
    assert page.locator(f"{CHART} .ag-chart .cells_marks path").count() == pixels.size // 3


@pytest.mark.parametrize(("n_tokens", "width"), [(13, 375), (40, 1200), (130, 375), (130, 1200)])
def test_labels_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, n_tokens: int, width: int
) -> None:
    words = (*HOSTILE, *FOX)
    tokens = tuple(words[i % len(words)] for i in range(n_tokens))
    source = attention(tokens, n_heads=(2,), kind="encoder")
    page = show(
        page_of(source, exhibit(views=("heatmap",)))[0], viewport={"width": width, "height": 900}
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    overlaps = page.evaluate(
        f"""() => {{
          const texts = document.querySelectorAll("{CHART} .ag-chart text");
          const boxes = [...texts].filter((t) => t.textContent.trim().length > 1)
            .map((t) => [t.textContent, t.getBoundingClientRect()]);
          const found = [];
          boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {{
            const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
            const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
            if (x > 5 && y > 5) found.push([a, b, x, y]);
          }}));
          return found;
        }}"""
    )
    assert overlaps == []


def test_a_label_that_is_cut_has_a_tooltip(show: Show) -> None:
    page = show(page_of(attention(HOSTILE))[0])
    page.locator(f"{CHART} .ag-chart text", has_text="xxx").first.hover()
    expect(page.locator("#vg-tooltip-element")).to_have_text("x" * 200)
    assert page.locator("img").count() == 0
