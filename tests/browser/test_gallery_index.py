"""The index in a real browser: readers choose among exhibits, and the address says what."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser_fixtures import OpenPage
from projects import MANIFEST, fill_store, write_manifest

pytestmark = pytest.mark.browser

ATTACK = '"]}</script><img src=x onerror=alert(1)>&'


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an index of two galleries, with hostile words in models and tags."""
    folder = tmp_path_factory.mktemp("index")
    models = {name: {"source": "specimen:story"} for name in ("story", "tale")}
    sentences = {
        "fox": {"text": "The quick brown fox", "lang": "en"},
        "cat": {"text": "بسيط", "lang": "ar"},
        "plain": "Once",
    }
    both: dict[str, Any] = {"models": models, "sentences": sentences}
    fox, once = MANIFEST["exhibits"]
    write_manifest(
        folder,
        **both,
        exhibits=[
            {**fox, "tags": ["animals", ATTACK]},
            {**once, "model": "tale", "sentence": "plain", "tags": ["animals"]},
        ],
    )
    cat = {"id": "cat", "title": "القطة", "model": "story", "sentence": "cat", "views": ["edges"]}
    write_manifest(folder, "cats", **both, title="Cats", prose="About cats.", exhibits=[cat])
    fill_store(folder)
    command = [sys.executable, "-m", "attention_gallery", "build", "--strict"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "site" / "index.html").as_uri()


def shown(page: Page) -> list[str]:
    return page.locator(".ag-card:visible .ag-card-title").all_inner_texts()


def told(page: Page) -> str:
    return page.locator("gallery-filters").get_by_role("status").inner_text()


def test_what_is_chosen_is_kept_in_the_address_and_told(index: str, open_page: OpenPage) -> None:
    page = open_page(index)
    assert told(page) == "3 exhibits"
    assert sorted(shown(page)) == ["Once", "The fox", "القطة"]
    everything = page.get_by_role("button", name="Show all")
    expect(everything).to_be_hidden()

    # A theme lists what is on the page where there is more of it.
    cats = "<nav><ul><li><a href='#cats'>To the cats</a></li></ul></nav>"
    page.locator("h1").evaluate(
        "(title, nav) => title.insertAdjacentHTML('beforebegin', nav)", cats
    )
    page.get_by_label("Model").select_option("story")
    page.get_by_label("View").select_option(label="Edges")
    assert told(page) == "2 of 3 exhibits"
    expect(page.get_by_text("To the cats")).to_be_visible()
    page.get_by_label("Tag").select_option(ATTACK)
    assert shown(page) == ["The fox"]
    expect(page.get_by_role("heading", name="Cats")).to_be_hidden()
    expect(page.get_by_text("About cats.")).to_be_hidden()
    expect(page.get_by_text("To the cats")).to_be_hidden()
    # What would leave nothing is no choice.
    expect(page.get_by_label("Language").locator("option:enabled")).to_have_text(["all", "English"])

    page.reload()
    assert shown(page) == ["The fox"]
    assert page.get_by_label("Tag").input_value() == ATTACK
    page.get_by_role("link", name="The fox").click()
    page.wait_for_url("**/fox.html")
    page.go_back()
    assert told(page) == "1 of 3 exhibits"

    everything.click()
    assert told(page) == "3 exhibits"
    assert page.url == index
    expect(page.get_by_label("Model")).to_be_focused()
    expect(page.get_by_role("heading", name="Cats")).to_be_visible()


def test_links_to_what_is_not_there_show_what_is(index: str, open_page: OpenPage) -> None:
    page = open_page(f"{index}?model=none&language=ar&mine=1")
    assert shown(page) == ["القطة"]
    assert page.url == f"{index}?language=ar&mine=1", "what is not offered goes"
    page.get_by_label("Language").select_option("")
    assert page.url == f"{index}?mine=1", "what is not ours stays"
    # Each value is there, but not together.
    page.goto(f"{index}?model=tale&language=ar")
    assert (shown(page), told(page)) == ([], "No exhibit has all of this")
    page.goto(f"{index}?language=en#cats")
    assert told(page) == "3 exhibits"
    expect(page.get_by_role("heading", name="Cats")).to_be_in_viewport()


def test_choosing_works_by_keyboard(index: str, open_page: OpenPage) -> None:
    page = open_page(index, viewport={"width": 380, "height": 800})
    page.get_by_label("Model").focus()
    page.keyboard.type("tale")
    expect(page.locator(".ag-card:visible")).to_have_count(1)
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show all")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".ag-card:visible")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") == 380


def test_without_scripts_all_is_shown_and_nothing_offered(index: str, open_page: OpenPage) -> None:
    page = open_page(f"{index}?model=tale", java_script_enabled=False)
    expect(page.locator(".ag-card:visible")).to_have_count(3)
    expect(page.locator("select")).to_have_count(0)
    assert page.locator("gallery-filters").bounding_box()["height"] == 0  # type: ignore[index]
