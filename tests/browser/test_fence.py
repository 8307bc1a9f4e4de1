"""Exhibits between an author's paragraphs, in a browser: by the plugin, and under Zensical."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from barriers import serious
from browser_fixtures import OpenPage, served
from projects import fill_store, write_manifest, write_mkdocs

pytestmark = pytest.mark.browser

FENCE = "attention_gallery.markdown_fence"
ASSETS = "assets/attention-gallery"
LESSON = """# A lesson

Point at a word.

```attention
exhibit: fox
views: [edges]
```

Now as a map, of another sentence.

```attention
model: story
sentence: once
views: [heatmap]
id: inline
```

And the first again.

```attention
exhibit: fox
views: [edges]
```
"""


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with three blocks, built in our theme."""
    folder = tmp_path_factory.mktemp("lesson")
    write_manifest(folder)
    write_mkdocs(
        folder,
        use_directory_urls=False,
        plugins=["search", {"attention-gallery": {"downloads": []}}],
    )
    (folder / "docs/lessons").mkdir()
    (folder / "docs/lessons/first.md").write_text(LESSON, "utf-8")
    fill_store(folder)
    run(folder, "attention_gallery", "build", "--strict")
    return folder / "site/lessons/first.html"


def run(folder: Path, *command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def pin(chart: Locator, value: str) -> None:
    """Have a chart show a token, with the keyboard's control."""
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-ready", "")
    chart.locator("[name=pin_token], [name=pin_query]").select_option(value)


def test_each_exhibit_of_a_page_is_a_chart_of_its_own(open_page: OpenPage, lesson: Path) -> None:
    """Each has its state and its link, which brings back the chart it is of, and no other."""
    page = open_page(lesson.as_uri())
    charts = page.locator("attention-chart")
    expect(charts).to_have_count(3)
    for chart, token in zip(charts.all(), ("4", "2", "6"), strict=True):
        pin(chart, token)
    said = [chart.locator(".ag-reading").text_content() for chart in charts.all()]
    assert len(set(said)) == 3
    link = charts.last.locator(".ag-tools a").first.get_attribute("href") or ""
    assert link.startswith("#fox.edges-2?")
    ids = page.locator("[id]").evaluate_all("all => all.map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert serious(page) == {}

    again = open_page(lesson.as_uri() + link)
    expect(again.locator("attention-chart").last.locator(".ag-reading")).to_have_text(said[2] or "")
    expect(again.locator("[id='fox.edges-2']")).to_be_in_viewport()
    first = again.locator("attention-chart").first.locator(".ag-reading")
    assert first.text_content() not in said


def test_without_scripts_and_on_a_phone_every_picture_is_there(
    open_page: OpenPage, lesson: Path
) -> None:
    page = open_page(
        lesson.as_uri(), java_script_enabled=False, viewport={"width": 380, "height": 800}
    )
    for chart in page.locator("attention-chart").all():
        expect(chart.locator(".ag-picture svg")).to_be_visible()
        expect(chart.locator(".ag-reading")).not_to_be_empty()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_links_of_a_page_lead_to_the_exhibit_and_to_files(
    open_page: OpenPage, lesson: Path
) -> None:
    page = open_page(lesson.as_uri())
    hrefs = page.locator(".ag-block a").evaluate_all(
        "all => all.map((a) => a.getAttribute('href'))"
    )
    files = [href for href in hrefs if not href.startswith("#")]
    assert "../exhibits/fox.html" in files
    assert "../exhibits/inline/weights.npz" in files
    assert all((lesson.parent / href).is_file() for href in files)
    assert not (lesson.parent.parent / "exhibits/inline.html").exists()


def test_zensical_shows_what_is_stored(open_page: OpenPage, lesson: Path, tmp_path: Path) -> None:
    """The files of an export, and a page as its author wrote it, blocks and all."""
    project = lesson.parent.parent.parent
    run(project, "attention_gallery", "export", str(tmp_path / "docs"))
    (tmp_path / "docs/lessons/first.md").write_text(LESSON, "utf-8")
    options = {
        "manifests": [str(project / "galleries/*.yml")],
        "store": str(project / ".attention"),
    }
    config = {
        "site_name": "Z",
        "theme": {"name": "material", "font": False},
        "markdown_extensions": [{FENCE: options}, "pymdownx.superfences"],
        "extra_css": [f"{ASSETS}/exhibit.css"],
        "extra_javascript": [f"{ASSETS}/attention-chart.js"],
    }
    (tmp_path / "mkdocs.yml").write_text(json.dumps(config), "utf-8")
    run(tmp_path, "zensical", "build", "-f", "mkdocs.yml")
    with served(tmp_path / "site") as address:
        page = open_page(address + "lessons/first/")
        expect(page.locator("attention-chart")).to_have_count(3)
        for chart in page.locator("attention-chart").all():
            pin(chart, "2")
            expect(chart.locator(".ag-chart svg")).to_be_visible()
        link = page.get_by_role("link", name="More about").first
        assert page.request.get(link.evaluate("a => a.href")).ok
        # A page as it was exported: all it needs is named in it, and every link leads somewhere.
        page.goto(address + "exhibits/fox/")
        for chart in page.locator("attention-chart").all():
            chart.scroll_into_view_if_needed()
            expect(chart.locator(".ag-chart svg")).to_be_visible()
        links = page.locator("article :is([href], [src])")
        used = links.evaluate_all("found => found.map((each) => each.href || each.src)")
        own = {url.split("#")[0] for url in used if url.startswith(address)}
        assert len(own) >= 10
        assert [url for url in own if not page.request.get(url).ok] == []
