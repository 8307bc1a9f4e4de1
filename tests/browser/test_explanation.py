"""Attention as explanation in a real browser, opened from a file with no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from attention_gallery import pages, views
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attention_gallery.views.explanation import said
from attention_gallery.views.explanation.columns import Columns
from attentions import FOX, HOSTILE, attention, capture, exhibit
from browser_fixtures import OpenPage, overlaps, shower, signal, vega
from test_attribution import NEXT
from test_explanation import SHOWN_HEAD, SOURCE, expected, explained, numbers, plain

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=explanation]"
Show = Callable[..., tuple[Page, Packed]]


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    open_file = shower(open_page, tmp_path, CHART, (1000, 1000))

    def show(
        source: Attention = SOURCE,
        query: int = 7,
        shown: Exhibit = SHOWN_HEAD,
        fragment: str = "",
        answer: dict[str, Any] = NEXT,
        **options: object,
    ) -> tuple[Page, Packed]:
        held = capture(source)
        packed = views.pack(shown, held, (), explained(source, query, answer=answer))
        html = pages.lone_file(shown, held, packed, views.figures(shown, packed), vega())
        return open_file(html, fragment, **options), packed

    return show


def choose(page: Page, **controls: int) -> None:
    for name, value in controls.items():
        page.locator(f"{CHART} select[name={name}]").select_option(str(value))
    page.wait_for_timeout(100)


def written(page: Page) -> list[str]:
    texts = page.locator(f"{CHART} .ag-chart text").all_text_contents()
    return [plain(text) for text in texts]


def cells(page: Page) -> np.ndarray[Any, Any]:
    """The numbers of the words, ``[column, word]``."""
    return numbers(written(page))


def test_the_live_chart_has_the_numbers_of_each_head(show: Show) -> None:
    page, packed = show()
    for layer, head in ((0, 0), (2, 3), (1, 2)):
        choose(page, layer=layer, head=head)
        for column, own in zip(cells(page), expected(packed, layer, head, 7), strict=True):
            np.testing.assert_allclose(column, own, atol=0.0011)
        assert f"L{layer} H{head}, looking from “the”" in written(page)


def test_what_is_said_of_each_map_is_what_the_build_would_say(show: Show) -> None:
    """The sentence of the build and that of the running chart are made by different code."""
    page, packed = show()
    columns = Columns(packed)
    for layer, head in ((1, 1), (0, -1), (2, -2), (-1, -1), (0, 3)):
        choose(page, layer=layer, head=head)
        slot = signal(page, CHART, "slot")
        assert signal(page, CHART, "said") == said.in_words(columns, slot)
    assert page.locator(f"{CHART} .ag-reading").inner_text() == said.in_words(columns, slot)


def test_what_has_no_gradients_is_said_and_shown_by_the_running_chart_too(show: Show) -> None:
    source = attention(("<s>", "</s>"), kind="encoder", n_heads=(2,))
    page, packed = show(source, 1, exhibit(views=("explanation",), start=Start(Head(0, 0))))
    assert "nothing counts" in signal(page, CHART, "said")
    assert signal(page, CHART, "said") == said.in_words(Columns(packed), packed.start)
    assert np.isnan(cells(page)[2]).all()


def test_words_are_sorted_by_keys_alone(show: Show) -> None:
    page, packed = show()
    control = page.locator(f"{CHART} select[name=order]")
    control.focus()
    page.keyboard.press("ArrowDown")
    expect(control).to_have_value("1")
    expect(page.locator(f"{CHART} .ag-chart")).to_contain_text("Words, by weight")
    weights = expected(packed, 1, 1, 7)[0]
    first = page.locator(f"{CHART} .ag-chart text", has_text=FOX[int(weights.argmax())]).last
    last = page.locator(f"{CHART} .ag-chart text", has_text=FOX[int(weights.argmin())]).last
    tops = [text.bounding_box() for text in (first, last)]
    assert tops[0] is not None
    assert tops[1] is not None
    assert tops[0]["y"] < tops[1]["y"]


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    page, _ = show(fragment="#explanation?layer=2&head=0&order=4")
    assert [signal(page, CHART, name) for name in ("layer", "head", "order")] == [2, 0, 4]
    assert "Words, by loss" in written(page)


def test_pointing_at_a_row_tells_all_its_numbers(show: Show) -> None:
    page, packed = show()
    names = page.locator(f"{CHART} .ag-chart text", has_text=re.compile("fox"))
    box = names.last.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    weight, norms, *_ = (column[4] for column in expected(packed, 1, 1, 7))
    told = page.locator("#vg-tooltip-element")
    expect(told).to_contain_text(f"weight {weight:.3f}, share of norms {norms:.3f}, integrated")


SOURCES = {
    "own": (SOURCE, 7),
    "cross": (attention(("<s>", "a"), kind="cross", keys=("un", "chat"), n_heads=(2, 2)), 1),
    "hostile": (attention(HOSTILE), len(HOSTILE) - 1),
    "long": (attention(FOX * 8, kind="encoder", n_heads=(2,)), 3),
}


@pytest.mark.parametrize("width", [375, 1200])
@pytest.mark.parametrize("name", SOURCES)
def test_nothing_overlaps_and_nothing_scrolls_sideways(show: Show, name: str, width: int) -> None:
    source, query = SOURCES[name]
    page, _ = show(
        source,
        query,
        exhibit(views=("explanation",), start=Start(Head(0, 0))),
        answer={**NEXT, "word": HOSTILE[1], "after": HOSTILE[7]},
        viewport={"width": width, "height": 900},
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(f"{CHART} .ag-chart").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert overlaps(page, CHART) == []
    assert page.locator("img").count() == 0, "hostile text is only text"
