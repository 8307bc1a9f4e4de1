"""The adapter to MkDocs, run as authors run it, under both engines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import File, get_files
from PIL import Image

from attention_gallery import build, resources
from attention_gallery.author_pages import check_places, marked
from attention_gallery.configuration import configuration, plugin_of
from attention_gallery.errors import GalleryError, InputError, SiteError
from attention_gallery.terms import Site
from attentions import HOSTILE
from projects import MANIFEST, fill_store, write_manifest, write_mkdocs
from sounds import write_wav

ENGINES = {"mkdocs": ["build"], "properdocs": ["build", "-f", "mkdocs.yml"]}
ATTACK = '</script><img src=x onerror=alert(1)> & "q"'


def run(
    folder: Path, engine: str = "mkdocs", *, strict: bool = True
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", engine, *ENGINES[engine], *["--strict"] * strict],
        cwd=folder,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def project(folder: Path, **changes: object) -> Path:
    write_manifest(folder)
    write_mkdocs(folder, **changes)
    fill_store(folder)
    return folder


class Links(HTMLParser):
    """The addresses on a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v for k, v in attrs if k in ("href", "src", "vega") and v]


# ProperDocs keeps the two built-in themes in packages of their own.
@pytest.mark.parametrize(
    ("engine", "theme"),
    [
        ("mkdocs", "attention-gallery"),
        ("mkdocs", "mkdocs"),
        ("mkdocs", "readthedocs"),
        ("properdocs", "attention-gallery"),
    ],
)
@pytest.mark.parametrize("directories", [True, False])
def test_every_address_of_a_page_leads_to_a_file(
    tmp_path: Path, engine: str, directories: bool, theme: str
) -> None:
    project(tmp_path, use_directory_urls=directories, theme={"name": theme})
    result = run(tmp_path, engine)
    assert result.returncode == 0, result.stderr
    pages = ["index.html", "exhibits/fox/index.html" if directories else "exhibits/fox.html"]
    for page in pages:
        file = tmp_path / "site" / page
        for address in Links(file).addresses:
            path = address.split("#")[0].split("?")[0]
            if path.startswith(("http", "data:", "mailto:")) or not path:
                continue
            target = (file.parent / path).resolve()
            assert target.is_file() or (target / "index.html").is_file(), f"{page}: {address}"
        assert "<!--attention-gallery" not in file.read_text("utf-8")
        assert '"site:' not in file.read_text("utf-8")


def test_an_author_who_has_a_home_page_keeps_it(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "docs/index.md").write_text("# My home\n\n[all](exhibits/index.md)\n")
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr
    assert "My home" in (tmp_path / "site/index.html").read_text("utf-8")
    assert "Two animals" in (tmp_path / "site/exhibits/index.html").read_text("utf-8")


def test_hostile_text_is_text_on_pages_and_in_search(tmp_path: Path) -> None:
    write_manifest(
        tmp_path,
        title=ATTACK,
        sentences={"fox": ATTACK, "once": "مرحبا 🙂 e\u0301 a\u200db"},
        exhibits=[
            {**exhibit, "title": f"{ATTACK} {exhibit['id']}"} for exhibit in MANIFEST["exhibits"]
        ],
    )
    write_mkdocs(tmp_path)
    fill_store(tmp_path, HOSTILE)
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr
    for page in ("index.html", "exhibits/fox/index.html", "exhibits/once/index.html"):
        html = (tmp_path / "site" / page).read_text("utf-8")
        assert "<img src=x" not in html
    entries = json.loads((tmp_path / "site/search/search_index.json").read_text("utf-8"))["docs"]
    text = " ".join(entry["text"] for entry in entries)
    assert "مرحبا 🙂 e\u0301 a\u200db" in text
    assert "onerror=alert(1)" in text


def test_search_finds_sentences_and_not_the_labels_of_pictures(tmp_path: Path) -> None:
    project(tmp_path)
    run(tmp_path)
    entries = json.loads((tmp_path / "site/search/search_index.json").read_text("utf-8"))["docs"]
    [page] = [entry["text"] for entry in entries if entry["location"] == "exhibits/fox/"]
    assert page == "The fox The quick brown fox jumps over the lazy dog"


def test_exhibits_are_not_repeated_in_the_navigation_of_every_page(tmp_path: Path) -> None:
    project(tmp_path, theme={"name": "mkdocs"})
    run(tmp_path)
    html = (tmp_path / "site/index.html").read_text("utf-8")
    assert html.count('exhibits/once/"') == 1  # its card


def test_a_wrong_manifest_stops_the_build_before_the_last_site_is_touched(tmp_path: Path) -> None:
    project(tmp_path)
    run(tmp_path)
    before = (tmp_path / "site/index.html").read_bytes()
    write_manifest(tmp_path, titel="x")
    result = run(tmp_path)
    assert result.returncode != 0
    assert "galleries/animals.yml:" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "site/index.html").read_bytes() == before


def test_a_pattern_that_matches_nothing_is_told(tmp_path: Path) -> None:
    project(tmp_path, plugins=[{"attention-gallery": {"manifests": ["nowhere/*.yml"]}}])
    result = run(tmp_path)
    assert result.returncode != 0
    assert 'no manifest matches "nowhere/*.yml"' in result.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_an_option_keeps_a_build_going_without_the_exhibits_that_fail(
    tmp_path: Path, engine: str
) -> None:
    """One is captured here and now; the model of the other is no model."""
    broken = tmp_path / "galleries/broken"
    shutil.copytree(resources.specimens()["story"], broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    write_manifest(
        tmp_path,
        models={**MANIFEST["models"], "broken": {"source": "./broken"}},
        exhibits=[*MANIFEST["exhibits"], {"id": "lost", "model": "broken", "sentence": "fox"}],
    )
    write_mkdocs(tmp_path, plugins=[{"attention-gallery": {"keep_going": True}}])
    result = run(tmp_path, engine, strict=False)
    assert result.returncode == 0, result.stderr
    [warning] = [line for line in result.stderr.splitlines() if line.startswith("WARNING")]
    assert "galleries/animals.yml:" in warning
    assert "./broken" in warning
    assert "\n1 of 3 exhibits left out: lost\n" in result.stderr
    index = (tmp_path / "site/index.html").read_text("utf-8")
    assert 'href="exhibits/once/"' in index
    assert "lost" not in index
    assert not (tmp_path / "site/exhibits/lost").exists()


def test_a_strict_build_that_keeps_going_writes_the_site_and_fails(tmp_path: Path) -> None:
    project(tmp_path, plugins=[{"attention-gallery": {"keep_going": True}}])
    fox, once = MANIFEST["exhibits"]
    write_manifest(tmp_path, exhibits=[fox, {**once, "attention": "encoder"}])
    text = "```predict\nexhibit: fox\ntoken: jumps\nreveal: See [once](exhibits/once.md).\n```\n"
    (tmp_path / "docs/lesson.md").write_text(f"# A lesson\n\n{text}", "utf-8")
    result = run(tmp_path)
    assert result.returncode == 1
    assert "has no encoder attention" in result.stderr
    assert "lesson.md links to exhibits/once.md, which the site does not have" in result.stderr
    assert (tmp_path / "site/exhibits/fox/index.html").is_file()
    assert not (tmp_path / "site/exhibits/once").exists()


def test_a_page_of_the_author_is_not_replaced(tmp_path: Path) -> None:
    project(tmp_path)
    mine = tmp_path / "docs/exhibits/fox.md"
    mine.parent.mkdir()
    mine.write_text("# Mine")
    result = run(tmp_path)
    assert result.returncode != 0
    assert f"{mine} has the place of the exhibits' exhibits/fox.md" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("exhibits/fox.md", "exhibits/fox.md; rename the file, or give the exhibit another id"),
        ("exhibits/fox/index.md", "exhibits/fox.md; rename the file, or give the exhibit"),
        ("exhibits/fox/README.md", "exhibits/fox.md"),
        ("exhibits/fox/index.html", "exhibits/fox.md"),
        ("exhibits/fox/data.js", "exhibits/fox/data.js"),
        ("assets/attention-gallery/vega.js", "assets/attention-gallery/vega.js; rename the file"),
        ("exhibits/fox.html", ""),
        ("exhibits/fix/index.md", ""),
        ("drafts/exhibits/fox.md", ""),
    ],
)
def test_no_file_of_an_author_is_replaced(tmp_path: Path, name: str, place: str) -> None:
    config = load_config(str(write_mkdocs(tmp_path, exclude_docs="drafts/")))
    made = ("exhibits/fox.md", "exhibits/fox/data.js", "assets/attention-gallery/vega.js")
    ours = [File(path, None, config.site_dir, use_directory_urls=True) for path in made]
    mine = tmp_path / "docs" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    if not place:
        check_places(ours, get_files(config))
        return
    with pytest.raises(SiteError) as raised:
        check_places(ours, get_files(config))
    assert str(raised.value).startswith(f"{mine} has the place of the exhibits' {place}")


def test_manifests_on_the_command_line_last_as_long_as_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MkDocs reads its configuration again whenever it rebuilds a site that is served."""
    monkeypatch.chdir(tmp_path)
    write_mkdocs(tmp_path)
    mine = tmp_path / "mine.yml"
    with configuration((Path("mine.yml"),), None) as first:
        again = load_config(first.config_file_path)
        assert plugin_of(again).manifests(again) == [mine]
        watched = plugin_of(again).on_config(again).watch
        assert str(tmp_path) in watched
    with pytest.raises(InputError, match="no manifest matches"):
        plugin_of(again).manifests(again)


class Watcher(LiveReloadServer):
    """A server that is told what to watch, and watches nothing."""

    def __init__(self) -> None:
        self.folders: dict[str, bool] = {}

    def watch(self, path: str, func: None = None, *, recursive: bool = True) -> None:
        self.folders[path] = recursive


def test_the_folders_of_images_and_sounds_are_watched_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the first build, which is made before there is a server, and those of later ones."""
    nothing = build.Built(Site((), ()), 0, (), (), ())
    monkeypatch.setattr(build, "build_site", lambda *_, **__: nothing)
    folders = [tmp_path / name for name in ("pictures", "galleries/near", "more")]
    for folder in folders:
        folder.mkdir(parents=True)
        Image.new("RGB", (4, 3)).save(folder / "x.png")
        write_wav(folder / "x.wav")

    def write(*sources: str) -> None:
        keys = {".png": "image", ".wav": "audio"}
        sentences = {
            f"s{i}": {keys[Path(source).suffix]: source} for i, source in enumerate(sources)
        }
        exhibits = [{"id": name, "model": "story", "sentence": name} for name in sentences]
        write_manifest(tmp_path, sentences=sentences, exhibits=exhibits)

    write_mkdocs(tmp_path)
    config = load_config(str(tmp_path / "mkdocs.yml"))
    plugin = plugin_of(config)
    plugin.on_config(config)
    server = Watcher()

    write("../pictures/x.png", "near/x.png")
    plugin.on_pre_build(config=config)
    assert plugin.on_serve(server, config=config, builder=list) is server
    assert server.folders == {str(tmp_path / "pictures"): False}

    write("../pictures/x.png", "../more/x.wav")
    plugin.on_pre_build(config=config)
    assert set(server.folders) == {str(tmp_path / "pictures"), str(tmp_path / "more")}


LESSON = """---
title: A lesson
---
# A lesson

```attention
fox
```

```predict
exhibit: fox
token: jumps
reveal: See [the fox](../exhibits/fox.md#edges), and [all](../index.md).
```

```attention
model: story
sentence: once
views: [edges]
```
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_exhibits_stand_in_the_pages_of_the_author(tmp_path: Path, engine: str) -> None:
    project(
        tmp_path,
        plugins=["search", {"attention-gallery": {"downloads": []}}],
        markdown_extensions=[{"toc": {"permalink": True}}],
    )
    fox, once = MANIFEST["exhibits"]
    prose = "## Edges\n\n## About\n\n### About title\n\n## Fox grid 0\n"
    write_manifest(tmp_path, exhibits=[{**fox, "prose": prose}, once])
    (tmp_path / "docs/lessons").mkdir()
    headings = "\n## Predict 1\n\n## Fox edges 0\n"
    (tmp_path / "docs/lessons/first.md").write_text(LESSON + headings, "utf-8")
    result = run(tmp_path, engine)
    assert result.returncode == 0, result.stderr
    file = tmp_path / "site/lessons/first/index.html"
    html = file.read_text("utf-8")
    assert html.count('<div class="ag-block') == 2
    assert "<!--attention-gallery" not in html
    for address in Links(file).addresses:
        path = address.split("#")[0].split("?")[0]
        target = (file.parent / path).resolve()
        if path and not path.startswith(("http", "data:")):
            assert target.is_file() or (target / "index.html").is_file(), address
    assert '<a href="../../exhibits/fox/#edges">the fox</a>' in html
    # No heading takes an id, by which others link to a figure.
    exhibit = (tmp_path / "site/exhibits/fox/index.html").read_text("utf-8")
    for page in (html, exhibit):
        ids = re.findall(r'\sid="([^"]*)"', page)
        assert len(ids) == len(set(ids))
    assert re.search(r'<h2 id="edges_1">Edges<a class="headerlink" href="#edges_1"', exhibit)
    assert exhibit.index('<a href="#edges_1">') < exhibit.index('<a href="#edges">')
    assert 'class="ag-figure" id="edges"' in exhibit
    # The exhibit of the page is none of the index, and has no page; its numbers are there.
    assert "lessons-first-" not in (tmp_path / "site/index.html").read_text("utf-8")
    [own] = (tmp_path / "site/exhibits").glob("lessons-first-*")
    assert {path.name for path in own.iterdir()} == {"data.js", "weights.npz"}


def test_a_site_needs_no_manifest_where_its_pages_hold_all_exhibits(tmp_path: Path) -> None:
    project(tmp_path, plugins=[{"attention-gallery": {"manifests": [], "downloads": []}}])
    text = LESSON.split("\n\n")[-1].replace("story", "specimen:story")
    text = text.replace("sentence: once", "sentence: Once upon a time")
    (tmp_path / "docs/index.md").write_text(f"# Home\n\n{text}", "utf-8")
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr
    assert "ag-block" in (tmp_path / "site/index.html").read_text("utf-8")
    assert [path.name for path in (tmp_path / "site/exhibits").iterdir()] == ["index-1"]


def test_faults_of_all_pages_come_before_the_last_site_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path)
    write_mkdocs(tmp_path, exclude_docs="drafts/")
    for name in ("docs/a.md", "docs/b/c.md", "docs/drafts/d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("# A\n\n```attention\nexhibit: fix\n```\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with configuration((), None) as config, pytest.raises(GalleryError) as raised:
        plugin_of(config).plan(config)
    assert str(raised.value).splitlines() == [
        f'{name}:4:10: exhibit: unknown exhibit "fix"; did you mean "fox"?'
        for name in ("docs/a.md", "docs/b/c.md")
    ]


def test_an_exhibit_of_a_page_may_not_have_the_id_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path)
    write_mkdocs(tmp_path)
    text = "```attention\nmodel: story\nsentence: fox\nid: once\n```\n"
    (tmp_path / "docs/a.md").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    with configuration((), None) as config, pytest.raises(InputError) as raised:
        plugin_of(config).plan(config)
    assert str(raised.value).startswith('docs/a.md:4:5: the id "once" is taken; first at gall')


def test_a_page_that_is_served_keeps_its_exhibits_while_a_block_is_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MkDocs keeps the plugin, and asks it for the same pages again."""
    project(tmp_path, plugins=[{"attention-gallery": {"downloads": []}}])
    lesson = tmp_path / "docs/lesson.md"
    lesson.write_text(LESSON, "utf-8")
    monkeypatch.chdir(tmp_path)
    config = load_config("mkdocs.yml")
    config.plugins.on_startup(command="serve", dirty=False)
    page = tmp_path / "site/lesson/index.html"

    mkdocs_build(config)
    assert page.read_text("utf-8").count('<div class="ag-block') == 2
    lesson.write_text(LESSON.replace("fox", "fix") + "\nNew words.\n", "utf-8")
    (tmp_path / "docs/other.md").write_text("New words elsewhere.\n", "utf-8")
    mkdocs_build(config)
    html = page.read_text("utf-8")
    assert html.count('<div class="ag-block') == 2
    assert "New words." not in html
    assert "New words elsewhere." in (tmp_path / "site/other/index.html").read_text("utf-8")
    lesson.write_text(f"{LESSON}\nNew words.\n", "utf-8")
    mkdocs_build(config)
    assert "New words." in page.read_text("utf-8")


def test_a_block_that_another_plugin_adds_is_told(tmp_path: Path) -> None:
    with pytest.raises(GalleryError) as raised:
        marked("a.md", "```attention\nfox\n```\n", {})
    assert "a.md has 1 blocks where 0 were read from its file" in str(raised.value)
