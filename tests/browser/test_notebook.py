"""What a notebook shows and saves works in a browser, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from attention_gallery.notebook import Shown, capture
from browser_fixtures import OpenPage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shown() -> Shown:
    return capture("specimen:story", None, "The quick brown fox", views=["heatmap", "edges"])


def test_a_saved_exhibit_opens_from_a_file(
    shown: Shown, tmp_path: Path, open_page: OpenPage
) -> None:
    page = open_page(shown.save(tmp_path / "fox.html").as_uri())
    expect(page.locator("attention-chart").first).to_have_attribute("data-ready", "")


def test_an_exhibit_in_a_cell_works_and_is_as_high_as_it_needs(
    shown: Shown, tmp_path: Path, open_page: OpenPage
) -> None:
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<meta charset='utf-8'><div>{shown._repr_html_()}</div>", "utf-8")
    page = open_page(notebook.as_uri(), viewport={"width": 900, "height": 700})
    cell = page.frame_locator("iframe")
    edges = cell.locator("attention-chart#edges, #edges attention-chart").first
    edges.scroll_into_view_if_needed()
    expect(edges).to_have_attribute("data-ready", "")
    edges.get_by_label("Layer").select_option("1")
    edges.hover()  # a chart that is pointed at writes its state into the address
    expect(edges).to_contain_text("In L1")
    edges.get_by_role("link", name="Link to this state").click()
    assert page.url == notebook.as_uri()
    expect(edges).to_contain_text("In L1")
    height = page.frames[1].evaluate("document.documentElement.scrollHeight - innerHeight")
    assert height <= 0


def test_a_chart_of_altair_is_drawn_dark_on_white(
    shown: Shown, tmp_path: Path, open_page: OpenPage
) -> None:
    shown.heatmap().save(tmp_path / "chart.html", inline=True)
    page = open_page((tmp_path / "chart.html").as_uri())
    title = page.locator("svg text", has_text="L").first
    expect(title).to_be_visible()
    assert title.evaluate("text => getComputedStyle(text).fill") == "rgb(0, 0, 0)"
