"""The alignment in a real browser, opened from a file with no network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from attention_gallery import maps
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attention_gallery.views import alignment
from attentions import FOX, HOSTILE, attention, exhibit
from browser_fixtures import OpenPage, Show, lone_file, shower, signal

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=alignment]"
GERMAN = ("der", "schnelle", "braune", "Fuchs", "springt", "über", "den", "Hund", "</s>")
GOLD = {
    "The": ("der",),
    "quick": ("schnelle",),
    "brown": ("braune",),
    "fox": ("Fuchs",),
    "jumps": ("springt", "über"),
    "dog": ("Hund",),
}
# The same in indices: of the word of the target, those of its partners.
KNOWN = {1: {0}, 2: {1}, 3: {2}, 4: {3}, 5: {4, 5}, 9: {7}}
SEEN = attention(kind="cross", keys=GERMAN)
SHOWN = exhibit(views=("alignment",), gold=GOLD, start=Start(Head(1, 2), 4))


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the alignment from a file, as from a USB stick, and wait for it."""
    return shower(open_page, tmp_path, CHART, (1200, 1000))


def page_of(seen: Attention = SEEN, shown: Exhibit = SHOWN) -> tuple[str, Packed]:
    return lone_file(seen, shown)


def rows(page: Page, *fields: str) -> list[list[Any]]:
    """The rows of the first data source in the running chart that has all these fields."""
    found: list[list[Any]] = page.evaluate(
        f"""(fields) => {{
          const view = document.querySelector("{CHART}").embedded.view;
          const names = Object.keys(view.getState({{data: () => true}}).data);
          const name = names.find((n) => fields.every((f) => f in (view.data(n)[0] ?? {{}})));
          return view.data(name).map((row) => fields.map((field) => row[field]));
        }}""",
        list(fields),
    )
    return found


def choose(page: Page, name: str, value: int) -> None:
    page.locator(f"{CHART} select[name={name}]").select_option(str(value))


def label(page: Page, text: str) -> Locator:
    return page.locator(f"{CHART} .ag-chart text").get_by_text(text, exact=True)


def coloured(page: Page, colour: str) -> tuple[int, int]:
    """How many lines, and how many frames, have a colour."""
    marks = page.locator(f"{CHART} .ag-chart")
    return (
        marks.locator(f"line[stroke='{colour}']").count(),
        marks.locator(f"path[stroke='{colour}']").count(),
    )


def cell(page: Page, query: int, key: int) -> tuple[float, float]:
    """The middle of a cell, in pixels of the window."""
    x, y = page.evaluate(
        f"""([query, key]) => {{
          const view = document.querySelector("{CHART}").embedded.view;
          const names = Object.keys(view.getState({{data: () => true}}).data);
          const name = names.find((n) => "told" in (view.data(n)[0] ?? {{}}));
          const row = view.data(name).find((r) => r.query === query && r.key === key);
          const svg = document.querySelector("{CHART} .ag-chart svg");
          const at = new DOMPoint((row.x + row.x2) / 2, (row.y + row.y2) / 2)
            .matrixTransform(svg.querySelector(".mark-group g").getScreenCTM());
          return [at.x, at.y];
        }}""",
        [query, key],
    )
    return x, y


def error_rate(weights: np.ndarray, shift: int) -> float:
    """Of tokens that are words, with the sets of Och and Ney 2003 written out."""
    made = {(token, int(weights[token - shift].argmax())) for token in KNOWN}
    possible = {(token, key) for token, keys in KNOWN.items() for key in keys}
    sure = {(token, key) for token, key in possible if len(KNOWN[token]) == 1}
    return 1 - (len(made & sure) + len(made & possible)) / (len(made) + len(sure))


def test_weights_and_error_rates_in_the_running_chart_are_those_captured(show: Show) -> None:
    """Read back out of Vega in every other map; the rates follow from captured weights alone."""
    html, packed = page_of()
    page = show(html)
    for i, slot in list(enumerate(packed.slots))[::2]:
        weights = maps.weights(SEEN, slot)
        layer = -1 if slot.layer is None else slot.layer
        choose(page, "layer", layer)
        pooled = {"mean": -1, "max": -2}[str(slot.pool)]
        choose(page, "head", pooled if slot.head is None else slot.head)
        assert signal(page, CHART, "slot") == i
        read = np.zeros_like(weights)
        for query, key, weight, _ in rows(page, "query", "key", "weight", "told"):
            read[query, key] = weight
        assert np.abs(read - weights).max() <= packed.error + 1e-6
        drawn = page.locator(f"{CHART} .ag-chart svg")
        for named, shift in (("written next", 1), ("just read", 0)):
            expect(drawn).to_contain_text(f"{named} · error rate {error_rate(weights, shift):.2f}")


def test_the_story_stands_before_and_without_scripts(show: Show) -> None:
    html, packed = page_of()
    picture = show(html, java_script_enabled=False).locator(".ag-picture svg")
    for text in ("L1 H2", "▸ written next", "Fuchs", "jumps", f"{packed.shown[4].max():.3f}"):
        expect(picture).to_contain_text(text)


def test_what_is_said_on_opening_is_said_again(show: Show) -> None:
    """The sentence of the build and that of the running chart are made by different code."""
    html, packed = page_of()
    said = signal(show(html), CHART, "said")
    assert alignment.describe(packed).startswith(str(said))


@pytest.mark.parametrize("by", ["click", "control"])
def test_names_move_by_one_and_with_them_all_that_is_known(show: Show, by: str) -> None:
    page = show(page_of()[0])
    before = sorted(rows(page, "token", "key", "query"))
    assert [[query, key] for token, key, query in before] == [
        [token - 1, key] for token, keys in sorted(KNOWN.items()) for key in sorted(keys)
    ]
    expect(label(page, "<s>")).to_have_count(0)
    if by == "click":
        page.locator(f"{CHART} .ag-chart text", has_text="just read").click()
    else:
        choose(page, "naming", 1)
    expect(label(page, "<s>")).to_have_count(1)
    moved = sorted(rows(page, "token", "key", "query"))
    assert moved == [[token, key, query + 1] for token, key, query in before]
    pinned = (signal(page, CHART, "pin_query"), signal(page, CHART, "pin_key"))
    assert pinned == (4, -1), "the row stays"
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("having read fox, the decoder")


def test_verdicts_are_those_of_the_links_made(show: Show) -> None:
    page = show(page_of()[0])
    for naming, shift in ((0, 1), (1, 0)):
        choose(page, "naming", naming)
        weights = maps.weights(SEEN, maps.Slot(1, 2))
        expected = ["✓" if weights[t - shift].argmax() in KNOWN[t] else "✗" for t in KNOWN]
        assert [verdict for _, verdict in sorted(rows(page, "link", "verdict"))] == expected


def test_pointing_at_a_cell_or_a_word_shows_it_in_both_pictures_and_moves_no_pin(
    show: Show,
) -> None:
    html, packed = page_of()
    page = show(html)
    visible = (packed.shown[4] >= 0.005).sum()
    assert coloured(page, PIN_COLOUR) == (visible, 1)
    page.mouse.move(*cell(page, 7, int(packed.shown[7].argmax())))
    page.wait_for_timeout(120)
    assert coloured(page, HOVER_COLOUR) == (1, 1)
    for word, weights in (
        (label(page, "quick"), packed.shown[1]),
        (label(page, "Hund").first, packed.shown[:, 7]),
        (label(page, "Hund").last, packed.shown[:, 7]),
    ):
        word.hover()
        page.wait_for_timeout(120)
        assert coloured(page, HOVER_COLOUR) == ((weights >= 0.005).sum(), 1)
        assert coloured(page, PIN_COLOUR) == (visible, 1)
    page.mouse.move(5, 5)
    page.wait_for_timeout(120)
    assert coloured(page, HOVER_COLOUR) == (0, 0)


def test_a_click_pins_a_word_or_a_cell_and_escape_lets_go(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    reading = page.locator(f"{CHART} .ag-reading")
    label(page, "Hund").last.click()
    most = int(packed.shown[:, 7].argmax())
    name = f"about to write {FOX[most + 1]}" if most + 1 < len(FOX) else "what follows dog"
    expect(reading).to_contain_text(f"the decoder looks at Hund most when {name} (")
    page.mouse.click(*cell(page, 5, 3))
    expect(reading).to_contain_text(
        f"about to write over, the decoder looks at Fuchs: {packed.shown[5, 3]:.3f}."
    )
    page.keyboard.press("Escape")
    expect(reading).to_contain_text("L1 H2. Nothing is pinned.")
    assert coloured(page, PIN_COLOUR) == (0, 0)


def test_a_wide_label_that_is_cut_has_a_tooltip_and_others_have_none(show: Show) -> None:
    texts = ("<s>", "注意力" * 4, "fox")
    seen = attention(texts, kind="cross", keys=("renard", "の" * 10), n_heads=(1,))
    page = show(page_of(seen, exhibit(views=("alignment",)))[0])
    tooltip = page.locator("#vg-tooltip-element.visible")
    label(page, "fox").hover()
    page.wait_for_timeout(100)
    expect(tooltip).to_have_count(0)
    words = page.locator(f"{CHART} .ag-chart text", has_text="…")
    words.filter(has_text="注").hover()
    expect(tooltip).to_have_text(texts[1])
    words.filter(has_text="の").last.hover()
    expect(tooltip).to_have_text("の" * 10)


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page = show(page_of()[0])
    controls = page.locator(f"{CHART} .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names[:3] == ["layer", "head", "naming"]
    assert sorted(map(str, names[3:])) == ["pin_key", "pin_query"]
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
    state = {"layer": 2, "head": 0, "naming": 1, "pin_query": 7, "pin_key": 2}
    for name, value in state.items():
        choose(page, name, value)
    anchor = page.locator(f"{CHART} .ag-tools a", has_text="Link to this state")
    expect(anchor).to_have_attribute("href", re.compile("naming=1.*pin_key=2|pin_key=2.*naming=1"))
    page = show(html, f"#alignment?{urlencode(state)}")
    for name, value in state.items():
        assert signal(page, CHART, name) == value


@pytest.mark.parametrize("n_tokens", [20, 64])
@pytest.mark.parametrize("width", [375, 1200])
def test_labels_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, width: int, n_tokens: int
) -> None:
    words = (*HOSTILE, *FOX)
    english, other = (
        tuple(each[i % len(each)] for i in range(n_tokens)) for each in (words, words[::-1])
    )
    seen = attention(english, kind="cross", keys=other, n_heads=(2,))
    page = show(
        page_of(seen, exhibit(views=("alignment",)))[0],
        viewport={"width": width, "height": 1000},
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
            if (x > 4 && y > 4) found.push([a, b, x, y]);
          }}));
          return found;
        }}"""
    )
    assert overlaps == []


def test_hostile_text_is_only_text(show: Show) -> None:
    """In pictures, controls and tooltips; anything that ran would open a dialog."""
    seen = attention(HOSTILE, kind="cross", keys=HOSTILE[::-1])
    page = show(page_of(seen, exhibit(views=("alignment",)))[0])
    page.mouse.move(*cell(page, 0, 1))
    page.wait_for_timeout(150)
    assert page.locator("img").count() == 0
    expect(page.locator("#vg-tooltip-element")).to_contain_text("about to write </script><img")
