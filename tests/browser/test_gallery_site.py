"""A whole gallery in a real browser: from a folder on a stick, and from a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from attentions import HOSTILE
from browser_fixtures import OpenPage, served
from projects import MANIFEST, fill_store, write_manifest

pytestmark = pytest.mark.browser

ATTACK = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of two exhibits, one of them full of hostile text."""
    folder = tmp_path_factory.mktemp("gallery")
    sentences = {**MANIFEST["sentences"], "once": f"Once {ATTACK} مرحبا 🙂 a\u200db"}
    exhibits = [MANIFEST["exhibits"][0], {**MANIFEST["exhibits"][1], "title": f"Once {ATTACK}"}]
    write_manifest(folder, sentences=sentences, exhibits=exhibits)
    fill_store(folder, HOSTILE)
    command = [sys.executable, "-m", "attention_gallery", "build", "--strict"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "site"


@pytest.fixture(params=["file", "http"])
def home(site: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the site's home page."""
    if request.param == "file":
        yield (site / "index.html").as_uri()
    else:
        with served(site) as address:
            yield f"{address}index.html"


def charts(page: Page) -> None:
    """Scroll to every chart of the page and wait until it lives."""
    for chart in page.locator("attention-chart").all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-ready", "")


def test_a_reader_goes_from_the_index_to_an_exhibit_and_on_to_its_neighbour(
    home: str, open_page: OpenPage
) -> None:
    page = open_page(home)
    thumbnails = page.locator("img.ag-thumb")
    assert thumbnails.count() == 2
    page.wait_for_function(
        "[...document.querySelectorAll('img.ag-thumb')].every((i) => i.complete && i.naturalWidth)"
    )
    page.get_by_role("link", name="The fox").click()
    charts(page)
    page.get_by_role("link", name="Once").last.click()
    charts(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(ATTACK)
    assert page.locator("img[onerror]").count() == 0


def test_a_link_to_a_state_opens_that_state(home: str, open_page: OpenPage) -> None:
    address = home.replace("index.html", "exhibits/fox.html")
    page = open_page(f"{address}#heatmap?layer=2&head=1&pin_query=7&pin_key=3")
    charts(page)
    chart = page.locator("attention-chart[view=heatmap]")
    assert chart.locator("select[name=layer]").input_value() == "2"
    expect(chart.locator("svg")).to_contain_text("L2 H1")
    expect(chart.locator("svg")).to_contain_text(f"\u2068{HOSTILE[7]}\u2069 looks at {HOSTILE[3]}")


def test_nothing_is_loaded_for_a_chart_before_a_reader_comes_near(
    site: Path, open_page: OpenPage
) -> None:
    loaded = "performance.getEntriesByType('resource').some((e) => e.name.endsWith('vega.js'))"
    with served(site) as address:
        page = open_page(f"{address}exhibits/fox.html", viewport={"width": 1000, "height": 40})
        page.wait_for_load_state("networkidle")
        assert not page.evaluate(loaded)
        page.locator("attention-chart").first.scroll_into_view_if_needed()
        charts(page)
        assert page.evaluate(loaded)
        page.close()  # before its server


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
def test_no_page_scrolls_sideways(home: str, open_page: OpenPage, width: int, scheme: str) -> None:
    for name in ("index.html", "exhibits/fox.html", "exhibits/once.html"):
        page = open_page(
            home.replace("index.html", name),
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
        )
        charts(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_weights_are_a_file_to_download(home: str, open_page: OpenPage) -> None:
    page = open_page(home.replace("index.html", "exhibits/fox.html"))
    page.locator(".ag-downloads").evaluate("e => { e.open = true; }")
    with page.expect_download() as download:
        page.get_by_role("link", name="NumPy archive").click()
    assert download.value.suggested_filename == "weights.npz"


def test_text_follows_the_scheme_into_the_pictures(home: str, open_page: OpenPage) -> None:
    """Labels are drawn in the page's text colour, live and static."""
    address = home.replace("index.html", "exhibits/fox.html")
    for scripts in (True, False):
        page = open_page(address, color_scheme="dark", java_script_enabled=scripts)
        if scripts:
            charts(page)
        label = page.locator("attention-chart[view=edges] svg text", has_text="العربية").first
        colour = "element => getComputedStyle(element).fill"
        red, green, blue = label.evaluate(colour).strip("rgb()").split(",")
        assert min(int(red), int(green), int(blue)) > 180
