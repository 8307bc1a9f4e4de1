"""The view of the logit lens in a real browser, opened from a file with no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from attention_gallery import pages, views
from attention_gallery.terms import Exhibit, Measured
from attentions import FOX, HOSTILE, attention, capture, exhibit
from browser_fixtures import OpenPage, shower, signal, vega
from test_lens import FOUND, SHOWN, chance, guess, plain, seen

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=lens]"
Show = Callable[..., Page]


def page_of(measured: Measured, tokens: tuple[str, ...] = FOX, shown: Exhibit = SHOWN) -> str:
    held = capture(attention(tokens))
    packed = views.pack(shown, held, (), {"lens": measured})
    return pages.lone_file(shown, held, packed, views.figures(shown, packed), vega())


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    return shower(open_page, tmp_path, CHART, (1000, 1000))


def go(page: Page, state: int, place: int) -> None:
    """Move both sliders, as a reader does."""
    page.locator(f"{CHART} input[name=state]").fill(str(state))
    page.locator(f"{CHART} input[name=place]").fill(str(place))
    page.wait_for_timeout(80)


def written(page: Page) -> list[str]:
    texts = page.locator(f"{CHART} .ag-chart text").all_text_contents()
    return [plain(text) for text in texts]


def test_the_live_chart_tells_what_was_measured(show: Show) -> None:
    page = show(page_of(FOUND))
    for state, place in ((0, 0), (2, 7), (3, 9)):
        go(page, state, place)
        told = written(page)
        for rank in range(5):
            assert guess(state, place, rank) in told
            assert f"{chance(state, place, rank):.3f}" in told
        assert f"Entropy: {FOUND.arrays['entropy'][state, place]:.2f} bits" in told
        numbers = [float(text) for text in told if re.fullmatch(r"[01]\.\d\d", text)]
        cells = np.exp(FOUND.arrays["log_probability"][..., 0]).ravel()
        np.testing.assert_allclose(numbers, cells, atol=0.0056)  # rounded twice


def test_what_is_said_is_the_same_by_the_build_and_by_the_chart(show: Show) -> None:
    page = show(page_of(FOUND))
    reading = page.locator(f"{CHART} .ag-reading")
    opening = reading.inner_text()
    slider = page.locator(f"{CHART} input[name=state]")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(reading).to_contain_text("At “\u2068fox\u2069”, after L1: ")
    expect(slider).to_have_attribute("aria-valuetext", "after L1")
    page.keyboard.press("ArrowRight")
    expect(reading).to_contain_text("At “\u2068fox\u2069”, after L2: ")
    assert opening.startswith(reading.inner_text())


def test_a_click_on_a_cell_shows_it_and_a_link_brings_it_back(show: Show) -> None:
    page = show(page_of(FOUND))
    label = page.locator(f"{CHART} .ag-chart text", has_text="after L0").last.bounding_box()
    column = page.locator(f"{CHART} .ag-chart text", has_text="over").last.bounding_box()
    assert label
    assert column
    page.mouse.click(column["x"] + column["width"] / 2, label["y"] + 5)
    expect(page.locator(f"{CHART} input[name=state]")).to_have_value("1")
    expect(page.locator(f"{CHART} input[name=place]")).to_have_value("6")
    link = "#lens?state=1&place=6"
    expect(page.locator(f"{CHART} .ag-tools a")).to_have_attribute("href", link)
    page = show(page_of(FOUND), link)
    assert [signal(page, CHART, name) for name in ("state", "place")] == [1, 6]


def test_the_slider_of_tokens_turns_the_page(show: Show) -> None:
    tokens = tuple(f"t{i}" for i in range(26))
    html = page_of(seen(tokens, 1), tokens, exhibit(views=("lens",)))
    for width, first, last in ((1000, 8, 16), (380, 10, 14)):
        page = show(html, viewport={"width": width, "height": 900})
        go(page, 1, 12)
        told = written(page)
        assert told[told.index("token read") + 3] == f"t{first}"
        assert f"tokens {first} to {last} of 26" in told


@pytest.mark.parametrize("width", [375, 1200])
def test_hostile_words_are_only_words_and_nothing_is_wider_than_the_window(
    show: Show, width: int
) -> None:
    page = show(
        page_of(seen(HOSTILE), HOSTILE, exhibit(views=("lens",))),
        viewport={"width": width, "height": 900},
    )
    for place in (1, 6, 12):
        go(page, 2, place)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator(f"{CHART} .ag-chart").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert page.locator("img").count() == 0
