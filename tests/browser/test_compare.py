"""The comparison in a real browser, opened from a file with no network."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from attention_gallery import comparison, pages, views
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.maps import Slot
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import FOX, HOSTILE, attention, capture, exhibit
from browser_fixtures import OpenPage, Show, shower, signal, vega

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=compare]"
STEPS = ("step 100", "step 200", "step 300")
SHOWN = exhibit(views=("compare",), start=Start(Head(1, 2), 5), against=STEPS)
OWN = attention()
OTHERS = tuple(attention(seed=seed) for seed in (1, 2, 3))
SHE = ("<s>", "the", "nurse", "said", "she", "slept")
HE = tuple("he" if word == "she" else word for word in SHE)


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the comparison from a file, as from a USB stick, and wait for it."""
    return shower(open_page, tmp_path, CHART, (1200, 900))


def lone_file(
    own: Attention = OWN, others: tuple[Attention, ...] = OTHERS, shown: Exhibit = SHOWN
) -> tuple[str, Packed]:
    held, against = capture(own), [capture(other) for other in others]
    packed = views.pack(shown, held, against)
    figures = views.figures(shown, packed)
    return pages.lone_file(shown, held, packed, figures, vega(), others=against), packed


def choose(page: Page, name: str, value: int) -> None:
    page.locator(f"{CHART} select[name={name}]").select_option(str(value))


def frames(page: Page, colour: str) -> int:
    """Cells framed in a colour; the frame of the head shown is not counted."""
    framed = page.locator(f"{CHART} .ag-chart path[stroke='{colour}']")
    return framed.count() - (colour == PIN_COLOUR)


def cell(page: Page, which: int, query: int, key: int) -> tuple[float, float]:
    """The middle of a cell of one of the three maps, in pixels of the window."""
    x, y = page.evaluate(
        f"""([map, query, key]) => {{
          const view = document.querySelector("{CHART}").embedded.view;
          const data = Object.keys(view.getState({{data: () => true}}).data);
          const maps = data.map((name) => view.data(name) ?? [])
            .filter((rows) => rows.length && "change" in rows[0] && "x2" in rows[0]);
          const row = maps[map].find((r) => r.query === query && r.key === key);
          const svg = document.querySelector("{CHART} .ag-chart svg");
          const at = new DOMPoint((row.x + row.x2) / 2, (row.y + row.y2) / 2)
            .matrixTransform(svg.querySelector(".mark-group g").getScreenCTM());
          return [at.x, at.y];
        }}""",
        [which, query, key],
    )
    return x, y


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (attention(), attention(seed=1)),
        (
            attention(kind="encoder", n_heads=(2, 5)),
            attention(kind="encoder", n_heads=(2, 5), seed=1),
        ),
        (
            attention(kind="cross", keys=("le", "renard")),
            attention(kind="cross", keys=("la", "poule"), seed=1),
        ),
        (attention(FOX * 3, n_heads=(2, 2)), attention(FOX * 3, n_heads=(2, 2), seed=1)),
    ],
    ids=["causal", "unequal", "cross", "long"],
)
def test_the_differences_in_the_running_chart_are_the_captured_ones(
    show: Show, own: Attention, other: Attention
) -> None:
    """Read back out of Vega, in every head and at every cell, within twice the stated error."""
    html, packed = lone_file(own, (other,), exhibit(views=("compare",), against=("other",)))
    page = show(html)
    for layer, (weights, others) in enumerate(zip(own.layers, other.layers, strict=True)):
        for head in (-1, *range(len(weights))):
            choose(page, "layer", layer)
            choose(page, "head", head)
            rows = page.evaluate(
                f"""() => {{
                  const view = document.querySelector("{CHART}").embedded.view;
                  const names = Object.keys(view.getState({{data: () => true}}).data);
                  const name = names.find((n) => "change" in (view.data(n)[0] ?? {{}}));
                  return view.data(name).map((d) => [d.query, d.key, d.change]);
                }}"""
            )
            read = np.zeros(weights.shape[1:])
            for query, key, change in rows:
                read[query, key] = change
            change = weights - others
            expected = change.mean(axis=0) if head < 0 else change[head]
            assert np.abs(read - expected).max() <= 2 * packed.error + 1e-6
            assert len(rows) == packed.n_cells


def test_the_story_stands_before_and_without_scripts(show: Show) -> None:
    html, packed = lone_file()
    page = show(html, java_script_enabled=False)
    picture = page.locator(".ag-picture svg")
    assert picture.is_visible()
    own, other = packed.shown, packed.map(packed.others[0].blobs[packed.start])
    key = comparison.pinned_key(packed)
    for text in ("none", "step 100", f"{own[5, key]:.3f}", f"{other[5, key]:.3f}", "L1 H2"):
        expect(picture).to_contain_text(text)


def test_the_slider_is_moved_by_keys_and_names_what_it_shows(show: Show) -> None:
    html, packed = lone_file()
    page = show(html)
    slider, said = (
        page.locator(f"{CHART} input[name=variant]"),
        page.locator(f"{CHART} .ag-reading"),
    )
    key = comparison.pinned_key(packed)
    slider.focus()
    for step, name in enumerate(STEPS):
        expect(slider).to_have_attribute("aria-valuetext", name)
        expect(
            page.locator(f"{CHART} .ag-controls label", has_text="Compare with")
        ).to_contain_text(name)
        expect(page.locator(f"{CHART} .ag-chart svg")).to_contain_text(name)
        other = packed.map(packed.others[step].blobs[packed.start])[5, key]
        expect(said).to_contain_text(f"{packed.shown[5, key]:.3f} in none, {other:.3f} in {name}")
        page.keyboard.press("ArrowRight")
    assert signal(page, CHART, "variant") == 2, "it ends where the last one is"


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page = show(lone_file()[0])
    controls = page.locator(f"{CHART} .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["variant", "layer", "head", "stretched", "pin_query", "pin_key"]
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        before = signal(page, CHART, str(name))
        page.keyboard.press(
            "ArrowUp"
            if name in ("pin_key", "pin_query")
            else "ArrowDown"
            if name != "variant"
            else "ArrowRight"
        )
        page.wait_for_timeout(100)
        assert signal(page, CHART, str(name)) != before, name
        page.keyboard.press("Tab")


def test_against_one_there_is_no_slider(show: Show) -> None:
    page = show(
        lone_file(others=OTHERS[:1], shown=exhibit(views=("compare",), against=STEPS[:1]))[0]
    )
    assert page.locator(f"{CHART} input").count() == 0


def test_what_is_said_on_opening_is_said_again(show: Show) -> None:
    """The sentence of the build and that of the running chart are made by different code."""
    html, packed = lone_file()
    page = show(html)
    assert signal(page, CHART, "said") == comparison.pinned_change(packed)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_hovering_any_map_shows_the_cell_in_all_three_and_never_moves_the_pin(
    show: Show, which: int
) -> None:
    html, packed = lone_file()
    page = show(html)
    assert (frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == (3, 0)
    page.mouse.move(*cell(page, which, 7, 2))
    page.wait_for_timeout(150)
    assert (frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == (3, 3)
    own, other = packed.shown[7, 2], packed.map(packed.others[0].blobs[packed.start])[7, 2]
    expect(page.locator("#vg-tooltip-element")).to_contain_text(
        f"the looks at quick: {own:.3f} in none, {other:.3f} in step 100"
    )
    assert signal(page, CHART, "pin_query") == 5
    page.mouse.move(5, 5)
    page.wait_for_timeout(150)
    assert frames(page, HOVER_COLOUR) == 0


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_click_in_any_map_pins_and_escape_releases(show: Show, which: int) -> None:
    page = show(lone_file()[0])
    page.mouse.click(*cell(page, which, 8, 3))
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("lazy looks at brown: ")
    assert (signal(page, CHART, "pin_query"), signal(page, CHART, "pin_key")) == (8, 3)
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHART} .ag-reading")).to_have_text("L1 H2. No cell is pinned.")
    page.mouse.move(5, 5)
    page.wait_for_timeout(150)
    assert frames(page, PIN_COLOUR) == 0


def test_a_cell_that_a_causal_model_cannot_see_has_no_number(show: Show) -> None:
    page = show(lone_file()[0])
    choose(page, "pin_key", 9)
    expect(page.locator(f"{CHART} .ag-reading")).to_have_text(
        "In L1 H2, jumps cannot look at dog, which comes later."
    )
    assert signal(page, CHART, "numbers") == ["–", "–", "–"]


@pytest.mark.parametrize("heads", [(), (Head(2, 3), Head(1, 2))], ids=["all", "listed"])
def test_a_click_on_the_square_of_a_head_shows_it_and_keeps_the_pin(
    show: Show, heads: tuple[Head, ...]
) -> None:
    shown = exhibit(views=("compare",), heads=heads, start=Start(Head(1, 2), 5), against=STEPS)
    page = show(lone_file(shown=shown)[0])
    squares = page.locator(f"{CHART} .ag-chart path[fill='currentColor'][stroke='currentColor']")
    assert squares.count() == len(heads) or squares.count() == 12
    squares.nth(0 if heads else 11).click()
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("In L2 H3, jumps looks at ")
    assert signal(page, CHART, "pin_query") == 5
    chosen = {"slot": "0"} if heads else {"layer": "2", "head": "3"}
    for name, value in chosen.items():
        expect(page.locator(f"{CHART} select[name={name}]")).to_have_value(value)


def test_the_squares_say_how_much_each_head_changed(show: Show) -> None:
    html, packed = lone_file()
    page = show(html)
    squares = page.locator(f"{CHART} .ag-chart path[fill='currentColor'][stroke='currentColor']")
    squares.nth(5).hover()
    share = comparison.moved(packed, packed.others[0])[packed.slots.index(Slot(1, 1))]
    expect(page.locator("#vg-tooltip-element")).to_contain_text(f"L1 H1: {share:.0%} of each")


def test_a_minimal_pair_labels_each_map_and_marks_the_words_that_differ(show: Show) -> None:
    own, other = attention(SHE, kind="encoder"), attention(HE, kind="encoder", seed=1)
    said = ("the nurse said he slept",)
    shown = exhibit(views=("compare",), start=Start(token=4), against_sentences=said)
    page = show(lone_file(own, (other,), shown)[0])
    bold = page.locator(f"{CHART} .ag-chart text[font-weight='700']")
    assert sorted(bold.all_text_contents()) == ["he", "he", "she", "she", "she/he", "she/he"]
    reading = page.locator(f"{CHART} .ag-reading")
    choose(page, "pin_key", 2)
    expect(reading).to_have_text(re.compile("she/he looks at nurse: .* with “she”, .* with “he”"))


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    html, _ = lone_file()
    page = show(html)
    state = {"variant": 2, "layer": 2, "head": -1, "stretched": 1, "pin_query": 7, "pin_key": 2}
    page.locator(f"{CHART} input[name=variant]").fill("2")
    for name, value in state.items():
        if name != "variant":
            choose(page, name, value)
    anchor = page.locator(f"{CHART} .ag-tools a")
    link = f"#compare?{urlencode(state)}"
    expect(anchor).to_have_attribute("href", link)
    page = show(html, link)
    for name, value in state.items():
        assert signal(page, CHART, name) == value
    expect(page.locator(f"{CHART} input[name=variant]")).to_have_attribute(
        "aria-valuetext", "step 300"
    )


@pytest.mark.parametrize("value", ["3", "-1", "1.5", "x", "length", ""])
def test_a_link_to_what_is_not_there_opens_on_the_first(show: Show, value: str) -> None:
    page = show(lone_file()[0], f"#compare?variant={value}&layer=0")
    assert (signal(page, CHART, "variant"), signal(page, CHART, "layer")) == (0, 0)


@pytest.mark.parametrize("n_tokens", [5, 18, 30])
@pytest.mark.parametrize("width", [375, 1200])
def test_labels_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, width: int, n_tokens: int
) -> None:
    words = (*HOSTILE, *FOX)
    own, other = (
        tuple(each[i % len(each)] for i in range(n_tokens)) for each in (words, words[::-1])
    )
    shown = exhibit(views=("compare",), against=("other",))
    attentions = (attention(tokens, n_heads=(12,) * 3, kind="encoder") for tokens in (own, other))
    first, second = attentions
    page = show(lone_file(first, (second,), shown)[0], viewport={"width": width, "height": 900})
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
    own, other = (attention(words, kind="encoder") for words in (HOSTILE, HOSTILE[::-1]))
    shown = exhibit(views=("compare",), against=(HOSTILE[1], HOSTILE[2]))
    page = show(lone_file(own, (other, own), shown)[0])
    page.mouse.move(*cell(page, 0, 1, 1))
    page.wait_for_timeout(150)
    assert page.locator("img").count() == 0
    expect(page.locator("#vg-tooltip-element")).to_contain_text("<img src=x onerror=a…")
