"""The same exhibits in our theme and in others that authors already have, by both engines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from browser_fixtures import OpenPage, served
from projects import MANIFEST, fill_store, write_manifest, write_mkdocs

pytestmark = pytest.mark.browser

MATERIAL = {
    "name": "material",
    "font": False,  # or it asks another host for one
    "features": ["navigation.instant"],
    "palette": {"scheme": "default"},
}
BOOTSTRAP = {"name": "mkdocs", "highlightjs": False}  # likewise
THEMES: dict[str, tuple[str, dict[str, Any]]] = {
    "ours": ("mkdocs", {"name": "attention-gallery"}),
    "ours, from right to left": ("mkdocs", {"name": "attention-gallery", "locale": "ar"}),
    "material": ("properdocs", MATERIAL),
    "mkdocs": ("mkdocs", BOOTSTRAP),
    "readthedocs": ("mkdocs", {"name": "readthedocs", "highlightjs": False}),
}
SWITCHES = {
    "material": "(to) => document.body.dataset.mdColorScheme = {dark: 'slate'}[to] ?? 'default'",
    "mkdocs": "(to) => document.documentElement.dataset.bsTheme = to",
}
"""What readers' buttons do in themes that do not follow the system by themselves."""

CUT = """[...document.querySelectorAll(".ag-chart svg text")].filter((text) => {
  const [whole, label] = [text.closest("svg"), text].map((each) => each.getBoundingClientRect());
  return label.width && (label.left < whole.left - 2 || label.right > whole.right + 2);
}).map((text) => text.textContent)"""
"""The labels of charts that their edges cut."""

OURS = [".ag-figure", ".ag-about", ".ag-cards", "gallery-filters"]


SITE_URL = "https://example.org/"


class Site(NamedTuple):
    """A site in a theme, and where it is served."""

    theme: str
    root: str


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two exhibits, whose captures all themes share."""
    folder = tmp_path_factory.mktemp("themes")
    fox, once = MANIFEST["exhibits"]
    fox = {**fox, "views": ["edges", "heatmap"], "tags": ["long", "animals"]}
    write_manifest(folder, exhibits=[fox, {**once, "title": "Once" * 30}])
    fill_store(folder)
    return folder


@pytest.fixture(scope="module", params=THEMES)
def site(project: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    engine, theme = THEMES[request.param]
    write_mkdocs(
        project,
        site_url=SITE_URL,
        theme=theme,
        plugins=["search", {"attention-gallery": {"downloads": []}}],
        site_dir=request.param,
        use_directory_urls=False,
    )
    subprocess.run(
        [sys.executable, "-m", engine, "build", "-q", "--strict", "-f", "mkdocs.yml"],
        cwd=project,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    with served(project / request.param) as root:
        yield Site(request.param, root)


def charts(page: Page) -> None:
    """Wait until every chart of a page lives."""
    expect(page.locator("attention-chart").first).to_be_attached()
    for chart in page.locator("attention-chart").all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-ready", "")


def faults(page: Page, theme: str) -> dict[str, list[str]]:
    """What axe finds in what is ours, in light and in dark: by rule, the elements."""
    page.evaluate(Axe().axe_script)
    found: dict[str, list[str]] = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.evaluate(SWITCHES.get(theme, "() => 0"), scheme)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        if theme != "readthedocs":  # it is always light
            light = min(map(int, paper.strip("rgba()").split(",")[:3])) > 128
            assert light == (scheme == "light"), paper
        result = page.evaluate(
            "(include) => axe.run({ include }, { preload: false, resultTypes: ['violations'] })",
            OURS,
        )
        for violation in result["violations"]:
            nodes = [node["html"] for node in violation["nodes"]]
            found[f"{violation['id']} in {scheme}"] = nodes
    return found


def fits_a_phone(page: Page) -> bool:
    """Whether a page does, with all that is folded open."""
    page.locator(f":is({', '.join(OURS)}) details").evaluate_all(
        "all => all.forEach((each) => { each.open = true; })"
    )
    page.set_viewport_size({"width": 380, "height": 800})
    return bool(page.evaluate("document.documentElement.scrollWidth <= 380"))


def test_exhibits_live_are_accessible_and_fit_a_phone(site: Site, open_page: OpenPage) -> None:
    size = {"width": 1280, "height": 900}
    page = open_page(f"{site.root}exhibits/fox.html", viewport=size, reduced_motion="reduce")
    charts(page)
    chart = page.locator("attention-chart[view=heatmap]")
    chart.locator("select[name=layer]").select_option(label="L2")
    expect(chart.locator(".ag-reading")).to_contain_text("L2")
    assert page.evaluate(CUT) == []
    assert fits_a_phone(page)
    assert faults(page, site.theme) == {}
    page.close()  # before its server


def test_the_index_is_a_grid_of_cards_that_can_be_chosen_from(
    site: Site, open_page: OpenPage
) -> None:
    size = {"width": 1280, "height": 900}
    page = open_page(f"{site.root}index.html", viewport=size, reduced_motion="reduce")
    fox, once = (card.bounding_box() for card in page.locator(".ag-card").all())
    assert fox
    assert once
    assert fox["y"] == once["y"], "cards stand side by side"
    left, right = sorted((fox, once), key=lambda box: box["x"])
    assert left["x"] + left["width"] < right["x"]
    assert fits_a_phone(page)
    assert faults(page, site.theme) == {}

    page.get_by_label("View").select_option(label="Heatmap")
    expect(page.locator(".ag-card:visible")).to_have_count(1)
    expect(page.locator("gallery-filters").get_by_role("status")).to_have_text("1 of 2 exhibits")
    page.close()


@pytest.mark.parametrize("site", ["material"], indirect=True)
def test_what_is_ours_starts_on_a_page_that_comes_without_loading(
    project: Path, site: Site, open_page: OpenPage
) -> None:
    """Material's instant navigation takes the next page's content into this one."""
    sitemap = project / "material" / "sitemap.xml"  # only what it lists is taken so
    sitemap.write_text(sitemap.read_text("utf-8").replace(SITE_URL, site.root), "utf-8")
    page = open_page(f"{site.root}index.html")
    page.wait_for_load_state("networkidle")
    page.evaluate("window.still = true")
    page.locator("a.ag-card-title", has_text="The fox").click()
    page.wait_for_url("**/exhibits/fox.html")
    charts(page)
    page.go_back()
    page.get_by_label("View").select_option(label="Heatmap")
    expect(page.locator(".ag-card:visible")).to_have_count(1)
    assert page.evaluate("window.still"), "pages were loaded, so nothing was tried"
    page.close()
