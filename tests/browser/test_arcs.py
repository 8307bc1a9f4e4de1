"""The arcs in a real browser, opened from a file with no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from attention_gallery import views
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import FOX, HOSTILE, attention, capture, exhibit
from browser_fixtures import OpenPage, Show, lone_file, shower, signal

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=arcs]"
SEEN = attention(kind="encoder")
SHOWN = exhibit(views=("arcs",), start=Start(Head(1, 2), 5), gold={"jumps": ("fox",)})


class Arc(NamedTuple):
    """An arc, and the box of its path in the document; a weight of -1 for one that has none."""

    side: int
    query: int
    key: int
    weight: float
    left: float
    right: float
    top: float
    bottom: float


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the arcs from a file, as from a USB stick, and wait for them."""
    return shower(open_page, tmp_path, CHART, (1200, 1000))


def page_of(seen: Attention = SEEN, shown: Exhibit = SHOWN) -> tuple[str, Packed]:
    return lone_file(seen, shown)


def choose(page: Page, name: str, value: int) -> None:
    page.locator(f"{CHART} select[name={name}]").select_option(str(value))


def arcs(page: Page, colour: str) -> list[Arc]:
    """The arcs of a colour, as they are drawn."""
    found: list[list[float]] = page.evaluate(
        f"""(colour) => [...document.querySelectorAll("{CHART} .ag-chart path")]
          .filter((path) => path.getAttribute("stroke") === colour && path.__data__.datum.path)
          .map((path) => {{
            const {{side, query, key, weight}} = path.__data__.datum;
            const box = path.getBBox();
            const at = path.transform.baseVal.consolidate().matrix;
            const [left, top] = [box.x + at.e, box.y + at.f];
            return [Number(side), query, key, weight ?? -1, left, left + box.width, top,
                    top + box.height];
          }})""",
        colour,
    )
    return [Arc(int(side), int(q), int(k), *rest) for side, q, k, *rest in found]


def point_at(page: Page, token: str) -> None:
    page.locator(f"{CHART} .ag-chart text").get_by_text(token, exact=True).first.hover()
    page.wait_for_timeout(120)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_arcs_lead_from_token_to_token_with_the_captured_weights(show: Show, kind: Any) -> None:
    """Read from the drawn paths: where they end, on which side, and what they stand for."""
    seen = attention(kind=kind)
    html, packed = page_of(seen)
    page = show(html)
    for layer, head, token in ((0, 1, 3), (2, 3, 7), (1, 0, 0)):
        choose(page, "layer", layer)
        choose(page, "head", head)
        choose(page, "pin_token", token)
        page.wait_for_timeout(120)
        weights = seen.layers[layer][head]
        middles = [middle for middle, _ in signal(page, CHART, "places")]
        row, found = signal(page, CHART, "row"), arcs(page, PIN_COLOUR)
        expected = {(0, token, key) for key in range(10) if weights[token, key] >= 0.006}
        expected |= {
            (1, query, token)
            for query in range(10)
            if query != token and weights[query, token] >= 0.006
        }
        assert expected <= {arc[:3] for arc in found}
        for arc in found:
            assert abs(arc.weight - weights[arc.query, arc.key]) <= packed.error + 1e-6
            assert (arc.key if arc.side else arc.query) == token
            assert arc.top >= row if arc.side else arc.bottom <= row
            if arc.query != arc.key:
                ends = sorted((middles[arc.query], middles[arc.key]))
                assert [arc.left, arc.right] == pytest.approx(ends, abs=0.5)
        numbers = page.evaluate(
            f"""() => [...document.querySelectorAll("{CHART} .ag-chart text")]
              .map((text) => [text.__data__?.datum, text.textContent])
              .filter(([datum]) => datum && "weight" in datum)
              .map(([datum, text]) => [datum.query, datum.key, text])"""
        )
        n_seen = (token + 1 + 9 - token) if kind == "decoder" else 10 + 9
        assert len(numbers) == n_seen
        for query, key, text in numbers:
            assert abs(float(text) - weights[query, key]) <= packed.error + 0.0005 + 1e-6


def test_longer_arcs_are_higher_and_none_leaves_its_room(show: Show) -> None:
    page = show(page_of()[0])
    rise = signal(page, CHART, "rise")
    for side in (0, 1):
        found = [a for a in arcs(page, PIN_COLOUR) if a.side == side and a.query != a.key]
        found.sort(key=lambda arc: arc.right - arc.left)
        heights = [arc.bottom - arc.top for arc in found]
        assert len(heights) > 3
        assert heights == sorted(heights)
        assert heights[-1] <= rise + 0.5


def test_the_story_stands_before_and_without_scripts(show: Show) -> None:
    html, packed = page_of()
    picture = show(html, java_script_enabled=False).locator(".ag-picture svg")
    for text in ("L1 H2", "above: where jumps looks", "lazy", f"{packed.shown[5].max():.3f}"):
        expect(picture).to_contain_text(text)
    assert picture.locator(f"path[stroke='{PIN_COLOUR}']").count() > 3


def test_what_is_known_has_a_dashed_arc(show: Show) -> None:
    page = show(page_of()[0])
    dashed = page.locator(f"{CHART} .ag-chart path[stroke-dasharray]")
    assert dashed.count() == 1
    [arc] = [arc for arc in arcs(page, "currentColor") if arc.weight < 0]
    assert (FOX[arc.query], FOX[arc.key]) == ("jumps", "fox")


def test_pointing_previews_a_token_and_moves_no_pin(show: Show) -> None:
    page = show(page_of()[0])
    pinned = arcs(page, PIN_COLOUR)
    point_at(page, "dog")
    assert {a.key if a.side else a.query for a in arcs(page, HOVER_COLOUR)} == {9}
    assert arcs(page, PIN_COLOUR) == pinned
    point_at(page, "jumps")
    assert arcs(page, HOVER_COLOUR) == [], "the pinned token's arcs are there already"
    page.mouse.move(5, 5)
    page.wait_for_timeout(120)
    assert arcs(page, HOVER_COLOUR) == []


def test_a_click_pins_and_escape_lets_go(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    page.locator(f"{CHART} .ag-chart text").get_by_text("lazy", exact=True).click()
    reading = page.locator(f"{CHART} .ag-reading")
    key = int(packed.shown[8].argmax())
    expect(reading).to_contain_text(f"lazy looks most at {FOX[key]} ({packed.shown[8, key]:.3f})")
    expect(page.locator(f"{CHART} .ag-chart svg")).to_contain_text("below: who looks at lazy")
    page.keyboard.press("Escape")
    expect(reading).to_contain_text("No token is pinned")
    assert arcs(page, PIN_COLOUR) == []


@pytest.mark.parametrize("tokens", [FOX, FOX[:1]], ids=["sentence", "one"])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_what_is_described_of_a_token_is_said_of_it_when_it_is_chosen(
    show: Show, kind: Any, tokens: tuple[str, ...]
) -> None:
    """The sentences of the build and those of the running chart are made by different code."""
    seen = attention(tokens, kind=kind, n_heads=(1, 4))
    page = show(page_of(seen, exhibit(views=("arcs",), start=Start(Head(1, 2), 0)))[0])
    for token in range(len(tokens)):
        choose(page, "pin_token", token)
        shown = exhibit(views=("arcs",), start=Start(Head(1, 2), token))
        told = views.load("arcs").describe(views.pack(shown, capture(seen)))
        reading = f"{CHART} .ag-reading"
        page.wait_for_function(
            "([reading, told]) => told.startsWith(document.querySelector(reading).innerText)",
            arg=[reading, told],
        )
        assert " other" in page.locator(reading).inner_text()


def test_a_wide_label_that_is_cut_has_a_tooltip_and_others_have_none(show: Show) -> None:
    texts = ("注意力" * 4, "fox", "ran")
    page = show(page_of(attention(texts, n_heads=(1,)), exhibit(views=("arcs",)))[0])
    labels = page.locator(f"{CHART} .ag-chart text[font-size='15px']")
    tooltip = page.locator("#vg-tooltip-element.visible")
    labels.nth(1).hover()
    page.wait_for_timeout(100)
    expect(tooltip).to_have_count(0)
    labels.first.hover()
    expect(tooltip).to_have_text(texts[0])


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page = show(page_of()[0])
    controls = page.locator(f"{CHART} .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["layer", "head", "pin_token"]
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        before = signal(page, CHART, str(name))
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(100)
        assert signal(page, CHART, str(name)) != before, name
        page.keyboard.press("Tab")


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    html, _ = page_of()
    page = show(html)
    state = {"layer": 2, "head": 0, "pin_token": 8}
    for name, value in state.items():
        choose(page, name, value)
    link = f"#arcs?{urlencode(state)}"
    expect(page.locator(f"{CHART} .ag-tools a").first).to_have_attribute("href", link)
    page = show(html, link)
    for name, value in state.items():
        assert signal(page, CHART, name) == value


@pytest.mark.parametrize("tokens", [HOSTILE, FOX * 3, FOX[:1]], ids=["hostile", "many", "one"])
@pytest.mark.parametrize("width", [375, 1200])
def test_labels_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, width: int, tokens: tuple[str, ...]
) -> None:
    seen = attention(tokens, kind="encoder", n_heads=(2,))
    page = show(
        page_of(seen, exhibit(views=("arcs",)))[0], viewport={"width": width, "height": 1000}
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    overlaps = page.evaluate(
        f"""() => {{
          const texts = document.querySelectorAll("{CHART} .ag-chart text");
          const boxes = [...texts].filter((t) => t.textContent.trim())
            .map((t) => [t.textContent, t.getBoundingClientRect()]);
          const found = [];
          boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {{
            const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
            const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
            if (x > 1 && y > 4) found.push([a, b, x, y]);
          }}));
          return found;
        }}"""
    )
    assert overlaps == []


def test_hostile_text_is_only_text(show: Show) -> None:
    """In pictures, controls and tooltips; anything that ran would open a dialog."""
    seen = attention(HOSTILE, kind="encoder", n_heads=(1,))
    page = show(page_of(seen, exhibit(views=("arcs",)))[0])
    page.locator(f"{CHART} .ag-chart text", has_text="<img").or_(
        page.locator(f"{CHART} .ag-chart text", has_text="</script>")
    ).first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text("<img src=x onerror=a")
    assert page.locator("img").count() == 0
