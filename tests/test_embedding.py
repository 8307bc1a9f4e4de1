"""What blocks of an author's pages become, in a site that is built from stored captures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attention_gallery import build
from attention_gallery.build import Built
from attention_gallery.errors import GalleryError
from attention_gallery.store import Store
from attention_gallery.terms import MarkdownPage
from projects import MANIFEST, fill_store, write_manifest

TWICE = """
```attention
exhibit: once
```

```attention
exhibit: once
views: [arcs, edges]
```

```predict
model: story
sentence: fox
token: jumps
```
"""


INLINE = """
```attention
model: story
sentence: fox
views: [edges]
```
"""


def built(folder: Path, *texts: str, keep_going: bool = False) -> Built:
    """A site of two exhibits, and of some pages of an author's."""
    fill_store(folder)
    pages = [MarkdownPage(f"p{i}.md", f"p{i}.md", text, folder) for i, text in enumerate(texts)]
    plan = build.read([folder / "galleries/animals.yml"], pages)
    return build.build_site(plan, Store(folder / ".attention"), keep_going=keep_going)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("site")
    write_manifest(folder)
    return built(folder, TWICE, INLINE)


def test_a_block_shows_the_views_it_names_or_those_of_the_exhibit(site: Built) -> None:
    html = site.site.embedded["p0.md"]
    views = {name: re.findall(r'<attention-chart [^>]*view="(\w+)"', html[name]) for name in html}
    assert views == {"block-1": ["edges"], "block-2": ["arcs", "edges"], "block-3": []}


def test_what_only_a_block_shows_is_in_the_data_and_not_on_the_page_of_the_exhibit(
    site: Built,
) -> None:
    [page] = [page for page in site.site.pages if page.path == "exhibits/once.md"]
    assert {"edges", "about"} <= page.fragments.keys()
    assert "arcs" not in page.fragments
    assert not any("arcs" in asset.path for asset in site.site.assets)


def test_ids_of_a_page_are_its_own_however_often_it_shows_an_exhibit(site: Built) -> None:
    html = "".join(site.site.embedded["p0.md"].values())
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert {"once.edges", "once.arcs", "once.edges-2"} <= set(ids)
    named = re.findall(r'url\(#([^"]*)\)|aria-labelledby="([^"]*)"', html)
    assert {a or b for a, b in named} <= set(ids)


def test_exhibits_without_a_page_are_nobody_s_neighbours(site: Built) -> None:
    pages = [page for page in site.site.pages if page.path != "index.md"]
    found = {
        page.path: re.findall(r'rel="(prev|next)" href="site:([^"]*)"', page.fragments["about"])
        for page in pages
    }
    assert found == {
        "exhibits/fox.md": [("next", "exhibits/once.md")],
        "exhibits/once.md": [("prev", "exhibits/fox.md")],
    }
    assert [each.id for each in site.shown] == ["fox", "once", "p1-1", "p0-1"]


def test_an_exhibit_of_a_prediction_needs_no_charts(site: Built) -> None:
    files = [asset.path for asset in site.site.assets if "/p0-1/" in asset.path]
    assert files == ["exhibits/p0-1/weights.npz"]
    assert "jumps" in site.site.embedded["p0.md"]["block-3"]
    assert "p0-1" not in "".join(page.path for page in site.site.pages)


def test_a_block_that_cannot_be_shown_fails_the_build_or_leaves_no_trace(tmp_path: Path) -> None:
    fox, once = MANIFEST["exhibits"]
    write_manifest(tmp_path, exhibits=[fox, {**once, "attention": "encoder"}])
    wrong = "```predict\nexhibit: fox\ntoken: nowhere\n```\n\n```attention\nonce\n```\n"
    with pytest.raises(GalleryError) as raised:
        built(tmp_path, wrong)
    told = str(raised.value)
    assert "p0.md:" in told
    assert "has no encoder attention" in told
    kept = built(tmp_path, wrong, keep_going=True)
    assert kept.site.embedded["p0.md"] == {"block-1": "", "block-2": ""}
    assert [exhibit.id for exhibit in kept.left_out] == ["once"]
    assert "p0.md:" in kept.shortfall
