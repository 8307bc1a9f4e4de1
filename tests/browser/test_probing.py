"""The view of probing in a real browser, opened from a file with no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from attention_gallery import pages, views
from attention_gallery.terms import Measured
from attentions import HOSTILE, attention, capture
from browser_fixtures import OpenPage, shower, signal, vega
from test_probing import SHOWN, packed, plain, probed

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=probing]"

Show = Callable[..., Page]


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the view of what was measured, and wait for it."""
    opened = shower(open_page, tmp_path, CHART, (1000, 900))

    def show(measured: Measured, fragment: str = "", **options: object) -> Page:
        shown = packed(measured)
        held = capture(attention(("<s>", "a", "fox"), n_heads=(2, 2)))
        html = pages.lone_file(SHOWN, held, shown, views.figures(SHOWN, shown), vega())
        return opened(html, fragment, **options)

    return show


def texts(page: Page) -> list[str]:
    return page.locator(f"{CHART} .ag-chart text").all_text_contents()


def reading(page: Page) -> str:
    return plain(page.locator(f"{CHART} .ag-reading").inner_text())


@pytest.mark.parametrize("n_layers", [3, 64])
def test_the_slider_tells_each_layer_in_the_numbers_that_were_measured(
    show: Show, n_layers: int
) -> None:
    measured = probed(n_layers)
    page = show(measured)
    slider = page.locator(f"{CHART} input[name=state]")
    real, control = (
        np.round(measured.arrays[name].mean(axis=0), 2) for name in ("accuracy", "control")
    )
    for state in (0, n_layers // 2, n_layers):
        slider.fill(str(state))
        name = f"after L{state - 1}" if state else "words"
        expect(page.locator(f"{CHART} .ag-controls")).to_contain_text(name)
        whence = f"From the states {name}," if state else "From the words alone, before any layer,"
        expect(page.locator(f"{CHART} .ag-reading")).to_contain_text(whence)
        said = reading(page)
        assert f"accuracy of {real[state]:.2f} (" in said
        assert f"by heart, are told with {control[state]:.2f}:" in said
        legend = texts(page)
        assert any(text.startswith(f"labels as they are: {real[state]:.2f} (") for text in legend)
        assert f"{control[state]:.2f}" in legend


def test_keys_move_the_slider_and_a_link_brings_the_layer_back(show: Show) -> None:
    measured = probed()
    page = show(measured, "#probing?state=1")
    assert signal(page, CHART, "state") == 1
    page.locator(f"{CHART} input[name=state]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("From the states after L1,")
    link = page.locator(f"{CHART} .ag-tools a").get_attribute("href")
    assert link == "#probing?state=2"


def test_a_click_on_a_layer_tells_it(show: Show) -> None:
    page = show(probed())
    box = page.locator(f"{CHART} .ag-chart text", has_text="L2").last.bounding_box()
    assert box is not None
    # Anywhere in the column of its name.
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] - 90)
    expect(page.locator(f"{CHART} .ag-reading")).to_contain_text("From the states after L2,")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(show: Show, scheme: str) -> None:
    page = show(
        probed(64, labels=HOSTILE[1:]),
        viewport={"width": 380, "height": 800},
        color_scheme=scheme,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert signal(page, CHART, "narrow")
    shown = page.locator(f"{CHART} .ag-chart svg").bounding_box()
    assert shown is not None
    assert shown["width"] <= 380
