"""What axe-core finds on a page of every view, and on a site in our theme."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from browser_fixtures import OpenPage
from every_view import VIEWS, opener
from projects import fill_store, write_manifest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_in_a_view_stands_in_anyones_way(
    open_page: OpenPage, tmp_path: Path, view: str
) -> None:
    """With the chart live and all that is folded open, in light and in dark."""
    assert serious(opener(open_page, tmp_path)(view).page) == {}


def test_nothing_on_a_site_stands_in_anyones_way(open_page: OpenPage, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    command = [sys.executable, "-m", "attention_gallery", "build", "--strict"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for name in ("index.html", "exhibits/fox.html"):
        page = open_page((tmp_path / "site" / name).as_uri(), reduced_motion="reduce")
        for chart in page.locator("attention-chart").all():
            chart.scroll_into_view_if_needed()
            expect(chart).to_have_attribute("data-ready", "")
        assert serious(page) == {}, name


def test_what_stands_in_the_way_would_be_found(open_page: OpenPage, tmp_path: Path) -> None:
    page = opener(open_page, tmp_path)("edges").page
    page.locator(".ag-controls label").first.evaluate("e => e.replaceWith(e.lastElementChild)")
    page.add_style_tag(content=".ag-caption { color: #999; background: #bbb; }")
    found = serious(page)
    assert {scheme: sorted(each) for scheme, each in found.items()} == {
        "light": ["color-contrast", "select-name"],
        "dark": ["color-contrast", "select-name"],
    }


def serious(page: Page) -> dict[str, dict[str, list[str]]]:
    """What axe calls serious or critical in light and in dark: by rule, the elements."""
    page.locator("details").evaluate_all("all => all.forEach((e) => { e.open = true; })")
    page.evaluate(Axe().axe_script)
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        result = page.evaluate("axe.run(document, { preload: false, resultTypes: ['violations'] })")
        found[scheme] = {
            violation["id"]: [node["html"] for node in violation["nodes"]]
            for violation in result["violations"]
            if violation["impact"] in ("serious", "critical")
        }
    return {scheme: each for scheme, each in found.items() if each}
