"""The view of predictions in a real browser, opened from a file with no network."""

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
from test_predictions import FOUND, SHOWN, plain, surprised

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=predictions]"
Show = Callable[..., Page]


def page_of(measured: Measured, tokens: tuple[str, ...] = FOX, shown: Exhibit = SHOWN) -> str:
    held = capture(attention(tokens))
    packed = views.pack(shown, held, (), {"predictions": measured})
    return pages.lone_file(shown, held, packed, views.figures(shown, packed), vega())


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    return shower(open_page, tmp_path, CHART, (1000, 1000))


def written(page: Page) -> list[str]:
    texts = page.locator(f"{CHART} .ag-chart text").all_text_contents()
    return [plain(text) for text in texts]


def test_the_live_chart_tells_what_was_measured(show: Show) -> None:
    page = show(page_of(FOUND))
    for place in (1, 7, 10):
        page.locator(f"{CHART} input[name=place]").fill(str(place))
        page.wait_for_timeout(80)
        told = written(page)
        for guess, chance in zip(
            FOUND.facts["guesses"][place], FOUND.arrays["probability"][place], strict=True
        ):
            assert guess in told
            assert f"{chance:.3f}" in told
        surprisal = FOUND.arrays["surprisal"][place]
        said = plain(page.locator(f"{CHART} .ag-reading").inner_text())
        assert f"surprisal of {surprisal:.2f} bits" in said or np.isnan(surprisal)
        numbers = [float(text) for text in told if re.fullmatch(r"\d+\.\d", text)]
        np.testing.assert_allclose(numbers, FOUND.arrays["surprisal"][1:10], atol=0.051)


def test_what_is_said_is_the_same_by_the_build_and_by_the_chart(show: Show) -> None:
    page = show(page_of(FOUND))
    reading = page.locator(f"{CHART} .ag-reading")
    opening = reading.inner_text()
    slider = page.locator(f"{CHART} input[name=place]")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(reading).to_contain_text("“\u2068jumps\u2069” had probability")
    expect(slider).to_have_attribute("aria-valuetext", "5 jumps")
    page.keyboard.press("ArrowLeft")
    expect(reading).to_contain_text("“\u2068fox\u2069” had probability")
    assert opening.startswith(reading.inner_text())


def test_a_click_on_a_token_asks_about_it_and_a_link_brings_it_back(show: Show) -> None:
    page = show(page_of(FOUND))
    box = page.locator(f"{CHART} .ag-chart text", has_text="lazy").last.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 4, box["y"] + 4)
    expect(page.locator(f"{CHART} input[name=place]")).to_have_value("8")
    expect(page.locator(f"{CHART} .ag-tools a")).to_have_attribute("href", "#predictions?place=8")
    page = show(page_of(FOUND), "#predictions?place=8")
    expect(page.locator(f"{CHART} input[name=place]")).to_have_value("8")
    assert signal(page, CHART, "place") == 8


@pytest.mark.parametrize("width", [375, 1200])
def test_hostile_words_are_only_words_and_nothing_is_wider_than_the_window(
    show: Show, width: int
) -> None:
    page = show(
        page_of(surprised(HOSTILE), HOSTILE, exhibit(views=("predictions",))),
        viewport={"width": width, "height": 900},
    )
    for place in (1, 6, 12):
        page.locator(f"{CHART} input[name=place]").fill(str(place))
        page.wait_for_timeout(80)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator(f"{CHART} .ag-chart").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert page.locator("img").count() == 0
