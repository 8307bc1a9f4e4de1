"""What axe-core finds on a page of every view, and on a site in our theme."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from attentions import FOX, attention, exhibit
from barriers import serious
from browser_fixtures import OpenPage, lone_file, shower
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


def test_what_is_wider_than_a_phone_is_reached_and_scrolled_by_keyboard(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """The picture, where no script comes, and the chart that takes its place, and the focus."""
    html, _ = lone_file(attention(FOX * 4), exhibit(views=("heatmap",)))
    show = shower(open_page, tmp_path, "attention-chart", (380, 800))
    # Axe needs a script, so the page is kept from running its own.
    file = tmp_path / "still.html"
    file.write_text(re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL), "utf-8")
    still = open_page(file.as_uri(), viewport={"width": 380, "height": 800})
    scrolls(still, ".ag-picture")
    assert out_of_reach(still) == 0
    still.locator(".ag-picture").evaluate("e => e.removeAttribute('tabindex')")
    assert out_of_reach(still) == 1
    focus = "() => document.querySelector('.ag-picture').focus()"
    on_it = f"addEventListener('DOMContentLoaded', {focus});"
    live = show(html, init_script=on_it, reduced_motion="reduce")
    expect(live.locator(".ag-chart")).to_be_focused()
    scrolls(live, ".ag-chart")
    assert out_of_reach(live) == 0
    live.keyboard.press("Tab")
    live.set_viewport_size({"width": 1200, "height": 800})
    expect(live.locator(".ag-chart")).not_to_have_attribute("tabindex", "0")


def out_of_reach(page: Page) -> int:
    """How many rules of axe's on what scrolls are broken."""
    page.evaluate(Axe().axe_script)
    rule = "{ preload: false, runOnly: ['scrollable-region-focusable'] }"
    return len(page.evaluate(f"axe.run(document, {rule})")["violations"])


def scrolls(page: Page, part: str) -> None:
    """See that the keyboard gets to a part that is too wide, and moves what is in it."""
    found = page.locator(part)
    wide = "part => (e => e.scrollWidth > e.clientWidth)(document.querySelector(part))"
    page.wait_for_function(wide, arg=part)
    for _ in range(40):
        if found.evaluate("e => e === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(found).to_be_focused()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert found.evaluate("e => e.scrollLeft") > 0


def test_what_stands_in_the_way_would_be_found(open_page: OpenPage, tmp_path: Path) -> None:
    page = opener(open_page, tmp_path)("edges").page
    page.locator(".ag-controls label").first.evaluate("e => e.replaceWith(e.lastElementChild)")
    page.add_style_tag(content=".ag-caption { color: #999; background: #bbb; }")
    found = serious(page)
    assert {scheme: sorted(each) for scheme, each in found.items()} == {
        "light": ["color-contrast", "select-name"],
        "dark": ["color-contrast", "select-name"],
    }
