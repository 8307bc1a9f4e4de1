"""The theme in a real browser, built by both engines, from a folder and from a server."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.commands.build import get_context
from mkdocs.config import load_config
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from playwright.sync_api import Page, expect

from attention_gallery import addresses, language, resources
from attention_gallery.configuration import plugin_of
from browser_fixtures import OpenPage, served
from projects import MANIFEST, fill_store, write_manifest, write_mkdocs

HOSTILE = "</script><img src=x onerror=alert(1)>"
ASSETS = resources.templates() / "theme" / "assets" / "attention-gallery"

PAGES = {
    "index.md": "# Gallery\n\nWelcome.\n",
    "article.md": """# Questions & answers

Text[^1] with a [link](index.md).

## One

```python
a_line_of_code = that_is(much="longer", than="a phone", is_wide="and must scroll in its own box")
```

## Two

| query | key | weight | head | layer | another | and_another | and_yet_another |
| --- | --- | --- | --- | --- | --- | --- | --- |
| `pronoun` | `brown` | 0.123456 | 1 | 2 | 3 | 4 | 5 |

## Three

### What `</script><img src=x onerror=alert(1)>` says

Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft.

[^1]: A note.
""",
    "navigation.md": "# Its own heading\n\nThe zebra of the navigation.\n",
    "guide/deep/arabic.md": "---\nlang: ar\ndir: rtl\n---\n# القِطَّة\n\nجلست القطة على السجادة.\n",
    "exhibits/matter.md": f'---\ntitle: "{HOSTILE}"\n---\n\nThe zebra of the front matter.\n',
    "exhibits/heading.md": f"# {HOSTILE.replace('<', '&lt;')}\n\nThe zebra of the heading.\n"
    '\n<section class="ag-wide">A wide figure.</section>\n',
}
CONFIG: dict[str, Any] = {
    "site_name": f"Site {HOSTILE}",
    "site_url": "https://example.org/",
    "site_description": 'About "attention" & more',
    "repo_url": "https://example.org/repo",
    "edit_uri": "edit/",
    "theme": {"name": "attention-gallery"},
    "plugins": ["search"],
    "not_in_nav": "exhibits/*",
    "nav": [
        {"Gallery": "index.md"},
        "article.md",
        {HOSTILE: "navigation.md"},
        {f"Guide {HOSTILE}": [{"Deep": ["guide/deep/arabic.md"]}]},
    ],
    "markdown_extensions": ["footnotes", "tables", {"toc": {"permalink": True}}],
}


class Site(NamedTuple):
    """A built site.

    Attributes:
        folder: Where its files are.
        root: Its address, ending in a slash.
        directory_urls: Whether pages are folders.
    """

    folder: Path
    root: str
    directory_urls: bool

    def address(self, page: str) -> str:
        if self.directory_urls:
            return self.root + ("" if page == "index" else f"{page}/")
        return f"{self.root}{page}.html"


def build(folder: Path, engine: str, pages: dict[str, str], **config: Any) -> Path:
    """Build a site in `folder` as a person would, warnings being errors; return where it is."""
    for name, text in pages.items():
        file = folder / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    (folder / "mkdocs.yml").write_text(json.dumps(config), "utf-8")
    subprocess.run(
        [sys.executable, "-m", engine, "build", "-q", "--strict", "-f", "mkdocs.yml"],
        cwd=folder,
        check=True,
    )
    return folder / "site"


@pytest.fixture(scope="module", params=["mkdocs from a folder", "properdocs from a server"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    engine, _, place = request.param.partition(" ")
    on_server = "server" in place
    folder = tmp_path_factory.mktemp(engine)
    built = build(folder, engine, PAGES, **CONFIG, use_directory_urls=on_server)
    if on_server:
        with served(built) as root:
            yield Site(built, root, directory_urls=True)
    else:
        yield Site(built, f"{built.as_uri()}/", directory_urls=False)


ALL_PAGES = [name.removesuffix(".md") for name in PAGES]


@pytest.mark.browser
@pytest.mark.parametrize("name", ALL_PAGES)
def test_every_page_opens_without_complaint_and_fits_a_phone(
    site: Site, open_page: OpenPage, name: str
) -> None:
    page = open_page(site.address(name), viewport={"width": 375, "height": 700})
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    codes = page.locator("td code").evaluate_all("all => all.map((e) => e.getClientRects().length)")
    assert set(codes) <= {1}, "no word of code is broken to make a column narrower"
    page.get_by_role("button", name="Menu").click()
    assert page.evaluate("document.querySelector('.ag-menu').scrollWidth") <= 375


@pytest.mark.browser
def test_prose_begins_at_the_same_place_on_every_page(site: Site, open_page: OpenPage) -> None:
    """With or without a table of contents, a section, or a wide figure."""
    page = open_page(site.address("index"))
    for width in (375, 1000, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 700})
        begins = set()
        for name in ("index", "article", "navigation", "exhibits/heading"):
            page.goto(site.address(name))
            begins.add(page.evaluate("document.querySelector('h1').getBoundingClientRect().left"))
        assert len(begins) == 1, width


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("exhibits/matter", HOSTILE),
        ("exhibits/heading", HOSTILE),
        ("navigation", HOSTILE),
        ("article", "Questions & answers"),
        ("index", None),
    ],
)
def test_titles_from_every_source_are_text_escaped_once(
    site: Site, open_page: OpenPage, name: str, title: str | None
) -> None:
    page = open_page(site.address(name))
    site_name = str(CONFIG["site_name"])
    assert page.title() == (f"{title} – {site_name}" if title else site_name)
    expect(page.locator(".ag-brand")).to_have_text(site_name)
    expect(page.locator(".ag-nav > ul > li > a")).to_have_text(
        ["Gallery", "Questions & answers", HOSTILE, f"Guide {HOSTILE}"]
    )
    expect(page.locator("img[onerror]")).to_have_count(0)


@pytest.mark.browser
def test_neighbours_breadcrumbs_and_contents_show_titles_as_text(
    site: Site, open_page: OpenPage
) -> None:
    page = open_page(site.address("article"))
    expect(page.locator("[rel=next] bdi")).to_have_text(HOSTILE)
    expect(page.locator("[rel=prev] bdi")).to_have_text("Gallery")
    expect(page.locator(".ag-toc a")).to_have_text(["One", "Two", "Three", f"What {HOSTILE} says"])

    page.goto(site.address("guide/deep/arabic"))
    expect(page.locator(".ag-eyebrow a")).to_have_text([f"Guide {HOSTILE}", "Deep"])
    expect(page.locator(".ag-section p")).to_have_text(f"Guide {HOSTILE}")
    expect(page.locator("article")).to_have_attribute("dir", "rtl")
    expect(page.locator(".ag-toc")).to_have_count(0)


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox").focus()
    page.keyboard.type(words)


@pytest.mark.browser
def test_search_by_keyboard_finds_pages_and_shows_titles_as_text(
    site: Site, open_page: OpenPage
) -> None:
    page = open_page(site.address("article"))
    search(page, "ZÈBRA the")
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("3 pages found")
    expect(page.locator(".ag-result-title")).to_have_text([HOSTILE] * 3)
    expect(page.locator(".ag-result-text mark").first).to_have_text("The")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(re.compile("navigation|matter|heading"))
    assert page.title().startswith(HOSTILE)


@pytest.mark.browser
def test_search_leads_to_headings_ignores_vowel_points_and_closes(
    site: Site, open_page: OpenPage
) -> None:
    page = open_page(site.address("exhibits/matter"))
    search(page, "القطة")
    expect(page.locator(".ag-result-title")).to_have_text("القِطَّة")
    page.keyboard.press("Escape")
    expect(page.locator(".ag-results")).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_be_focused()

    # Neither the title again nor the number of the footnote.
    page.get_by_role("searchbox").fill("link")
    expect(page.locator(".ag-result-text")).to_have_text(re.compile(r"^Text with a link\. One "))

    page.get_by_role("searchbox").fill("two")
    expect(page.locator(".ag-result-title")).to_have_text("Questions & answers › Two")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"article(\.html|/)#two$"))

    search(page, "nothing has this word")
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("No page found")


@pytest.mark.browser
def test_the_choice_of_colours_works_by_keyboard_and_lasts(site: Site, open_page: OpenPage) -> None:
    page = open_page(site.address("index"), color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)

    expect(page.get_by_role("radio", name="As the system")).to_be_checked()
    page.get_by_role("radio", name="As the system").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(paper) != light

    page.goto(site.address("article"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()

    page.get_by_role("radio", name="Dark").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("html")).not_to_have_attribute("data-theme", re.compile(".*"))
    page.reload()
    assert page.evaluate(paper) == light


@pytest.mark.browser
def test_colours_follow_the_system_when_storage_is_forbidden(
    site: Site, open_page: OpenPage
) -> None:
    forbid = """Object.defineProperty(window, "localStorage", {
        get() { throw new DOMException("denied", "SecurityError"); } });"""
    page = open_page(site.address("index"), init_script=forbid, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("radio", name="Light").focus()
    page.keyboard.press("Space")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate(paper) != dark


@pytest.mark.browser
def test_skip_link_and_phone_menu_work_by_keyboard(site: Site, open_page: OpenPage) -> None:
    page = open_page(site.address("article"), viewport={"width": 375, "height": 700})
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    menu = page.get_by_role("button", name="Menu")
    expect(page.locator(".ag-nav")).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ag-nav")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".ag-nav")).to_be_hidden()
    expect(menu).to_be_focused()


@pytest.mark.browser
def test_a_page_is_whole_without_scripts(site: Site, open_page: OpenPage) -> None:
    page = open_page(
        site.address("article"),
        java_script_enabled=False,
        viewport={"width": 375, "height": 700},
    )
    page.get_by_role("button", name="Menu").click()
    expect(page.locator(".ag-nav")).to_be_visible()
    expect(page.locator(".ag-scripted")).to_have_count(2)
    for needs_scripts in page.locator(".ag-scripted").all():
        expect(needs_scripts).to_be_hidden()


@pytest.mark.browser
def test_paper_is_white_and_without_navigation(site: Site, open_page: OpenPage) -> None:
    page = open_page(site.address("article"), color_scheme="dark")
    page.get_by_role("radio", name="Dark").check()
    address = page.get_by_text(re.compile(r"^https://example.org/article(.html|/)$"))
    expect(address).to_be_hidden()
    page.emulate_media(media="print")
    expect(address).to_be_visible()
    colours = (
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert page.evaluate(colours) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    for chrome in (".ag-nav", ".ag-search", ".ag-scheme", ".ag-rail", ".ag-turn", ".ag-skip"):
        expect(page.locator(chrome)).to_be_hidden()


@pytest.mark.browser
@pytest.mark.parametrize("site", ["properdocs from a server"], indirect=True)
def test_the_page_for_missing_pages_finds_its_files(site: Site, open_page: OpenPage) -> None:
    page = open_page(f"{site.root}404.html")
    search(page, "welcome")
    expect(page.locator(".ag-result-title")).to_have_text("Gallery")
    page.keyboard.press("Enter")
    page.wait_for_url(site.root)


@pytest.mark.browser
@pytest.mark.parametrize("site", ["properdocs from a server"], indirect=True)
@pytest.mark.parametrize("name", ["article", "guide/deep/arabic", "404", "search", "menu"])
def test_nothing_of_the_theme_stands_in_anyones_way(
    site: Site, open_page: OpenPage, name: str
) -> None:
    """What axe-core finds, in light and in dark; exhibits have tests of their own."""
    address = f"{site.root}404.html" if name == "404" else site.address(name)
    if name in ("search", "menu"):
        address = site.address("article")
    width = 375 if name == "menu" else 1280
    page = open_page(address, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    if name == "search":
        search(page, "zebra")
        expect(page.locator(".ag-result-title").first).to_be_visible()
    if name == "menu":
        page.get_by_role("button", name="Menu").click()
    page.evaluate(Axe().axe_script)
    for dark in (False, True):
        page.emulate_media(color_scheme="dark" if dark else "light")
        result = page.evaluate("axe.run(document, { preload: false })")
        found = {each["id"]: [n["html"] for n in each["nodes"]] for each in result["violations"]}
        assert found == {}, dark


def test_both_engines_write_the_same_site(tmp_path: Path) -> None:
    def files(engine: str) -> dict[str, bytes]:
        site = build(tmp_path / engine, engine, PAGES, **CONFIG)
        # The search plugin of each engine writes an index of its own, which the theme ignores.
        return {
            path.relative_to(site).as_posix(): path.read_bytes()
            for path in site.rglob("*")
            if path.is_file() and path.suffix != ".gz"
        }

    assert files("mkdocs") == files("properdocs")


def test_a_site_can_change_language_blocks_styles_and_scripts(tmp_path: Path) -> None:
    overrides = {
        "../overrides/main.html": (
            '{% extends "base.html" %}{% block extrahead %}<meta name="mine">{% endblock %}'
        )
    }
    site = build(
        tmp_path,
        "mkdocs",
        {"index.md": "# Home\n", "sub/page.md": "Text\n", "mine.css": "", **overrides},
        site_name="Site",
        site_description='About "attention" & more',
        theme={"name": "attention-gallery", "locale": "ar", "custom_dir": "overrides"},
        extra_css=["mine.css"],
        extra_javascript=[{"path": "mine.js", "type": "module"}],
        copyright="<b>Ours</b>",
        plugins=[],
    )
    html = (site / "sub" / "page" / "index.html").read_text("utf-8")
    assert '<html lang="ar" dir="rtl">' in html
    assert '<meta name="mine">' in html
    assert '<meta name="description" content="About &#34;attention&#34; &amp; more">' in html
    assert '<script src="../../mine.js" type="module"></script>' in html
    assert html.index("theme.css") < html.index('href="../../mine.css"')
    assert "<h1>Page</h1>" in html, "a page without a heading gets its title as one"
    assert "<b>Ours</b>" in html
    assert 'role="search"' not in html
    assert not (site / "assets" / "attention-gallery" / "search-index.js").exists()


def test_the_theme_is_small_and_names_no_other_host() -> None:
    texts = {file.name: file.read_text("utf-8") for file in ASSETS.iterdir()}
    ours = ("theme.css", "theme.js", "scheme.js")
    assert sum(len(texts[name].encode()) for name in ours) < 31_000
    for name, text in texts.items():
        assert re.findall(r"//[a-z]", text.replace("http://www.w3.org/2000/svg", "")) == [], name


def test_styles_and_scripts_of_a_site_are_small() -> None:
    """All that every page loads; Vega comes only with the first chart."""
    shared = resources.templates() / "assets"
    files = [ASSETS / name for name in ("theme.css", "theme.js", "scheme.js")]
    files += [shared / Path(path).name for path in (*addresses.STYLES, *addresses.SCRIPTS)]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 60_000


def test_the_theme_knows_what_is_written_from_right_to_left_without_the_plugin() -> None:
    base = (ASSETS.parent.parent / "base.html").read_text("utf-8")
    listed = re.search(r"set direction = .* in \((.*?)\)", base)
    assert listed
    assert {"ar", "fa", "he", "ur"} == set(re.findall(r"\w+", listed[1])) < language._RIGHT_TO_LEFT


@pytest.mark.parametrize(
    ("theme", "options", "code"),
    [
        ({"name": "attention-gallery"}, {}, "en"),
        ({"name": "attention-gallery", "locale": "pt_BR"}, {}, "pt-BR"),
        ({"name": "attention-gallery", "locale": "ar"}, {"language": "hi"}, "hi"),
        ({"name": "mkdocs", "locale": "fr"}, {}, "fr"),
        ({"name": "material", "language": "hi"}, {}, "hi"),
    ],
)
def test_pages_are_in_the_language_of_the_option_or_of_the_theme(
    tmp_path: Path, theme: dict[str, str], options: dict[str, str], code: str
) -> None:
    file = write_mkdocs(tmp_path, theme=theme, plugins=[{"attention-gallery": options}])
    config = load_config(str(file))
    assert plugin_of(config).page_language(config) == code


def test_a_site_speaks_one_language_from_the_menu_to_the_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arabic = {
        "Menu": "القائمة",
        "Search": 'بحث "سريع"',
        "Galleries": "المعارض",
        "Edges": "خطوط",
        "Page not found": "الصفحة غير موجودة",
    }
    monkeypatch.setattr(language, "catalog", lambda code: language.Catalog(code, arabic))
    monkeypatch.setattr("attention_gallery.site.vega_bundle", lambda _: "")
    for name in ("animals", "others"):
        write_manifest(tmp_path, name, exhibits=[{**MANIFEST["exhibits"][1], "id": name}])
    fill_store(tmp_path)
    file = write_mkdocs(
        tmp_path,
        use_directory_urls=False,
        plugins=["search", {"attention-gallery": {"language": "ar", "downloads": []}}],
    )
    (tmp_path / "docs" / "page.md").write_text("---\nlang: en\ndir: ltr\n---\n# Page\n")
    mkdocs_build(load_config(str(file)))
    index = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert '<html lang="ar" dir="rtl">' in index
    assert "القائمة" in index
    assert 'placeholder="بحث &#34;سريع&#34;"' in index
    assert "<h1" in index
    assert "المعارض</h1>" in index
    assert "story</bdi> · خطوط" in index
    assert "الصفحة غير موجودة" in (tmp_path / "site" / "404.html").read_text("utf-8")
    page = (tmp_path / "site" / "page.html").read_text("utf-8")
    assert '<article class="ag-prose" lang="en" dir="ltr">' in page, "what an author says of a page"
    assert language.current().code == "en", "what follows is said as before"


def test_what_no_translation_has_is_said_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("attention_gallery.site.vega_bundle", lambda _: "")
    write_manifest(tmp_path, exhibits=MANIFEST["exhibits"][1:])
    fill_store(tmp_path)
    file = write_mkdocs(tmp_path, theme={"name": "attention-gallery", "locale": "ar"})
    with caplog.at_level("INFO", "mkdocs"):
        mkdocs_build(load_config(str(file)))
    assert "not translated to ar" in caplog.text
    assert [each.msg for each in caplog.records if each.levelname == "WARNING"] == []
    index = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert '<html lang="ar" dir="rtl">' in index
    assert 'placeholder="Search"' in index


@pytest.mark.parametrize(
    ("code", "direction"), [("az-Arab", "rtl"), ("ar-Latn", "ltr"), ("hi", "ltr")]
)
def test_pages_run_as_the_script_of_their_language_does(
    tmp_path: Path, code: str, direction: str
) -> None:
    file = write_mkdocs(tmp_path, plugins=[{"attention-gallery": {"language": code}}])
    config = load_config(str(file))
    env = plugin_of(config).on_env(config.theme.get_env(), config=config, files=Files([]))
    context = get_context(Navigation([], []), Files([]), config, base_url=".")
    page = env.get_template("404.html").render(context)
    assert f'<html lang="{code}" dir="{direction}">' in page


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance of ``#rrggbb``."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "least"),
    [
        ("text", 7.0),
        ("muted", 4.5),
        ("accent", 4.5),
        ("good", 4.5),
        ("warning", 4.5),
        ("danger", 4.5),
        ("focus", 3.0),
    ],
)
def test_every_ink_has_contrast_on_paper_and_surface(scheme: str, ink: str, least: float) -> None:
    pairs = re.findall(
        r"--ag-(\w+): light-dark\((#\w{6}), (#\w{6})\);", (ASSETS / "theme.css").read_text("utf-8")
    )
    colours = {name: light if scheme == "light" else dark for name, light, dark in pairs}
    for ground in ("background", "surface"):
        a, b = sorted((luminance(colours[ink]), luminance(colours[ground])))
        assert (b + 0.05) / (a + 0.05) >= least
