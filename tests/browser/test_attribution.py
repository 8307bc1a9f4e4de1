"""The view of attribution in a real browser, opened from a file with no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from attention_gallery import pages, views
from attention_gallery.terms import Measured
from attention_gallery.views.attribution.values import METHODS, NOT_YET
from attentions import FOX, HOSTILE, attention, capture
from browser_fixtures import OpenPage, overlaps, shower, signal, vega
from test_attribution import FOUND, NEXT, PAIR, SHOWN, attributed, number, plain, written_later

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=attribution]"
Show = Callable[..., Page]


def page_of(measured: Measured) -> str:
    held = capture(attention(tuple(measured.facts["tokens"]["encoder"]), n_heads=(1,)))
    packed = views.pack(SHOWN, held, (), {"attribution": measured})
    return pages.lone_file(SHOWN, held, packed, views.figures(SHOWN, packed), vega())


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    return shower(open_page, tmp_path, CHART, (1000, 1000))


def written(page: Page) -> list[str]:
    texts = page.locator(f"{CHART} .ag-chart text").all_text_contents()
    return [plain(text) for text in texts]


def test_the_live_chart_has_the_numbers_of_each_method(show: Show) -> None:
    page = show(page_of(FOUND))
    for index, method in enumerate(METHODS):
        page.locator(f"{CHART} select[name=method]").select_option(str(index))
        page.wait_for_timeout(80)
        printed = [text for text in written(page) if re.fullmatch(r"[+−]?\d+\.\d\d|0", text)]
        found = FOUND.arrays[f"encoder/{method}"]
        np.testing.assert_allclose([number(text) for text in printed], found, atol=0.0051)


def test_another_method_is_chosen_by_keys_and_said(show: Show) -> None:
    page = show(page_of(FOUND))
    reading = page.locator(f"{CHART} .ag-reading")
    assert signal(page, CHART, "said") == reading.inner_text(), "the build says the same"
    page.locator(f"{CHART} select[name=method]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    largest = FOX[FOUND.arrays["encoder/saliency"].argmax()]
    expect(reading).to_contain_text("By saliency it reacts most to")
    assert f"reacts most to “{largest}”" in plain(reading.inner_text())
    link = page.locator(f"{CHART} .ag-tools a").first
    expect(link).to_have_attribute("href", "#attribution?method=2")


def test_a_link_brings_the_method_back(show: Show) -> None:
    page = show(page_of(FOUND), "#attribution?method=1")
    expect(page.locator(f"{CHART} select[name=method]")).to_have_value("1")
    assert "they need not sum to anything" in page.locator(f"{CHART} .ag-reading").inner_text()


def test_pointing_at_a_word_tells_its_number(show: Show) -> None:
    page = show(page_of(FOUND))
    box = page.locator(f"{CHART} .ag-chart text", has_text=re.compile("^fox$")).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    value = f"{FOUND.arrays['encoder/integrated-gradients'][4]:+.2f}".replace("-", "−")
    told = page.locator("#vg-tooltip-element")
    expect(told).to_contain_text(f"fox: {value} nats, by integrated gradients")


def test_what_is_not_yet_written_says_so(show: Show) -> None:
    page = show(page_of(written_later(FOUND, "encoder", 5)))
    assert written(page).count(NOT_YET) == len(FOX) - 5
    box = page.locator(f"{CHART} .ag-chart text", has_text=FOX[6]).first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = page.locator("#vg-tooltip-element")
    expect(told).to_contain_text(f"{FOX[6]}: not yet written when the model answers")


SOURCES = {
    "pair": PAIR,
    "hostile": attributed(HOSTILE, answer={**NEXT, "word": HOSTILE[1], "after": HOSTILE[7]}),
    "long": attributed(FOX * 5),
}


@pytest.mark.parametrize("width", [375, 1200])
@pytest.mark.parametrize("name", SOURCES)
def test_nothing_overlaps_and_nothing_scrolls_sideways(show: Show, name: str, width: int) -> None:
    page = show(page_of(SOURCES[name]), viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(f"{CHART} .ag-chart").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert overlaps(page, CHART) == []
    assert page.locator("img").count() == 0, "hostile text is only text"
