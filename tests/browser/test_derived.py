"""What measures derive from weights, shown as weights are, in a real browser."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from attention_gallery import maps
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import FOX, attention, exhibit, measured_maps
from browser_fixtures import OpenPage, Show, lone_file, shower, signal

pytestmark = pytest.mark.browser

HEATMAP, EDGES, GRID = (f"attention-chart[view={view}]" for view in ("heatmap", "edges", "grid"))
SOURCE = attention(FOX, n_heads=(2, 3))
SHOWN = dataclasses.replace(
    exhibit(views=("edges", "grid", "heatmap"), start=Start(Head(1, 2), 5)),
    measures=("norms", "rollout"),
)


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    return shower(open_page, tmp_path, HEATMAP, (1200, 1000))


def page_of(source: Attention = SOURCE, shown: Exhibit = SHOWN) -> tuple[str, Packed]:
    return lone_file(source, shown, (), measured_maps(source))


def choose(page: Page, chart: str, **choices: int) -> None:
    for name, value in choices.items():
        page.locator(f"{chart} .ag-controls [name={name}]").select_option(str(value))
    page.wait_for_timeout(100)


def cells(page: Page) -> dict[tuple[int, int], float]:
    """The weights that the live heatmap draws, by query and key."""
    rows: list[Any] = page.evaluate(
        f"""() => {{
          const view = document.querySelector("{HEATMAP}").embedded.view;
          const names = Object.keys(view.getState({{data: () => true}}).data);
          const of = names.map((n) => view.data(n))
            .find((rows) => rows?.length && "query_text" in rows[0]);
          return of.map(({{query, key, weight}}) => [query, key, weight]);
        }}"""
    )
    return {(int(query), int(key)): weight for query, key, weight in rows}


def test_each_map_is_what_was_measured_whatever_is_chosen(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    seen = set()
    for derived, layer, head in (
        *((0, layer, 0) for layer in (0, 1)),
        *((1, layer, head) for layer in (0, 1, -1) for head in (-2, -1, 1)),
        *((2, layer, 0) for layer in (0, 1)),
    ):
        choose(page, HEATMAP, derived=derived, layer=layer, head=head)
        slot = packed.slots[signal(page, HEATMAP, "slot")]
        assert bool(slot.derived) == bool(derived)
        assert slot.layer == (None if layer < 0 else layer)
        seen.add(slot)
        weights = maps.weights(packed.attention, slot)
        for (query, key), weight in cells(page).items():
            assert weight == pytest.approx(weights[query, key], abs=packed.error)
    assert len(seen) == 12, "of all layers there is no single head"


def test_all_layers_together_show_what_has_come_through_the_last(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    choose(page, HEATMAP, derived=2, layer=-1)
    assert str(packed.slots[signal(page, HEATMAP, "slot")]) == "L1, rollout"


def test_edges_show_it_too_and_a_map_of_a_layer_has_no_swatches(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    page.locator(EDGES).scroll_into_view_if_needed()
    expect(page.locator(f"{EDGES} .ag-controls [name=derived]")).to_be_visible()
    choose(page, EDGES, derived=1, layer=1, head=2)
    slot = packed.slots[signal(page, EDGES, "slot")]
    assert str(slot) == "L1 H2, norm-based weights"
    row = maps.weights(packed.attention, slot)[5]
    words = signal(page, EDGES, "said")
    assert f"({row.max():.3f})" in words
    assert "H2" in page.locator(f"{EDGES} .ag-chart text").all_text_contents()
    choose(page, EDGES, derived=2)
    assert signal(page, EDGES, "said").startswith("In L1, rollout, ")
    assert "H2" not in page.locator(f"{EDGES} .ag-chart text").all_text_contents()


def test_the_choice_is_in_the_link_and_comes_back(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    choose(page, HEATMAP, derived=1, layer=0, head=1)
    link = page.locator(f"{HEATMAP} .ag-tools a").get_attribute("href") or ""
    assert "derived=1" in link
    again = show(html, link)
    assert str(packed.slots[signal(again, HEATMAP, "slot")]) == "L0 H1, norm-based weights"


def test_a_head_that_is_clicked_in_the_grid_keeps_what_is_shown_of_it(show: Show) -> None:
    """The grid shows weights alone; the others go on showing what a reader chose."""
    html, packed = page_of()
    page = show(html)
    choose(page, HEATMAP, derived=1)
    page.locator(GRID).scroll_into_view_if_needed()
    choose(page, GRID, layer=0, head=1)
    page.get_by_role("button", name="Show in Heatmap").click()
    page.wait_for_timeout(300)
    assert str(packed.slots[signal(page, HEATMAP, "slot")]) == "L0 H1, norm-based weights"


def test_listed_heads_are_in_one_list_with_what_is_derived(show: Show) -> None:
    shown = dataclasses.replace(SHOWN, heads=(Head(1, 1), Head(0, 0)), start=Start(token=5))
    html, packed = page_of(shown=shown)
    page = show(html)
    options = page.locator(f"{HEATMAP} .ag-controls [name=slot] option").all_text_contents()
    assert options == [str(slot) for slot in packed.slots]
    for index, slot in enumerate(packed.slots):
        choose(page, HEATMAP, slot=index)
        weights = maps.weights(packed.attention, slot)
        found = cells(page)
        np.testing.assert_allclose(
            [*found.values()], [weights[place] for place in found], atol=packed.error
        )


def test_what_else_there_is_to_see_is_told(show: Show) -> None:
    page = show(page_of()[0])
    told = page.locator("#heatmap .ag-derived")
    told.locator("summary").click()
    expect(told.locator("dd").first).to_have_text("How much a head writes.")
    assert page.locator("#grid .ag-derived").count() == 0
