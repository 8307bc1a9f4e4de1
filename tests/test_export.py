"""A site as Markdown and files: whole in any generator, careful with what lies there already."""

from __future__ import annotations

import errno
import hashlib
import json
import re
from pathlib import Path

import markdown
import pytest
from markdown_it import MarkdownIt

from attention_gallery import addresses
from attention_gallery.errors import InputError, SiteError
from attention_gallery.export import export
from attention_gallery.export_folder import RECORD, check_apart
from attention_gallery.terms import Asset, Page, Site, fragment_marker

FIGURE = """<section class="ag-figure">

<a href="site:exhibits/fox/data.js">data</a> <a href="site:exhibits/owl.md">next</a>
<a href="site:index.md">all</a> *no emphasis*
<a href="site:exhibits/owl.md#a&amp;b">part</a> <a href="site:my%20page.md">mine</a>

<pre>one

  two</pre>
</section>"""

FOX = Page(
    "exhibits/fox.md",
    "The fox",
    f"# The fox\n\nSome *prose*.\n\n{fragment_marker('edges')}\n\nMore.\n",
    {"edges": FIGURE},
)
OWL = Page("exhibits/owl.md", "The owl", "# The owl\n")
INDEX = Page("index.md", "All", "# All\n")
DATA = Asset("exhibits/fox/data.js", b"data()")
SITE = Site((INDEX, FOX, OWL), (DATA,))


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_export_is_all_pages_and_files_and_a_record_of_them(tmp_path: Path) -> None:
    exported = export(SITE, [Page("about.md", "About", "# About\n")], [], tmp_path / "docs")
    written = files(tmp_path / "docs")
    assert set(written) == {
        "index.md", "about.md", "exhibits/fox.md", "exhibits/owl.md", DATA.path, RECORD,
    }  # fmt: skip
    assert written[DATA.path] == DATA.content
    assert (exported.n_pages, exported.n_files, exported.written) == (4, 1, 5)
    assert exported.size == sum(len(c) for path, c in written.items() if path != RECORD)


@pytest.mark.parametrize("reader", ["commonmark", "python"])
def test_figures_pass_through_markdown_unchanged(tmp_path: Path, reader: str) -> None:
    export(SITE, [], [], tmp_path)
    text = (tmp_path / "exhibits/fox.md").read_text("utf-8")
    html = (
        MarkdownIt("commonmark").render(text)
        if reader == "commonmark"
        else markdown.markdown(text, extensions=["fenced_code", "tables"])
    )
    assert "<em>prose</em>" in html
    assert "*no emphasis*" in html
    assert "<p>More.</p>" in html
    assert re.search(r"<pre>one(&#10;|\n)\n  two</pre>", html)
    assert html.count("<section") == html.count("</section>") == 1
    assert "&lt;" not in html


@pytest.mark.parametrize(
    ("page_urls", "data", "owl", "index", "mine"),
    [
        ("source", "fox/data.js", "owl.md", "../index.md", "../my%20page.md"),
        ("directory", "data.js", "../owl/", "../../", "../../my%20page/"),
        ("file", "fox/data.js", "owl.html", "../index.html", "../my%20page.html"),
    ],
)
def test_links_fit_how_a_generator_makes_addresses(
    tmp_path: Path, page_urls: str, data: str, owl: str, index: str, mine: str
) -> None:
    export(SITE, [], [], tmp_path, page_urls=page_urls)  # type: ignore[arg-type]
    text = (tmp_path / "exhibits/fox.md").read_text("utf-8")
    links = [data, owl, index, f"{owl}#a&amp;b", mine]
    assert re.findall(r'<a href="([^"]*)"', text) == links
    assert f'{"../" * (1 + (page_urls == "directory"))}{addresses.STYLE}"' in text


def test_charts_find_their_files_by_themselves(tmp_path: Path) -> None:
    chart = '<attention-chart exhibit="fox" label="a &gt; b" src="site:x.js" vega="site:v.js">'
    page = Page("a.md", "A", f"{fragment_marker('edges')}\n", {"edges": f"<div>{chart}</div>"})
    export(Site((page,), ()), [], [], tmp_path)
    text = (tmp_path / "a.md").read_text("utf-8")
    assert '<attention-chart exhibit="fox" label="a &gt; b"></div>' in text


def test_what_pages_teach_needs_no_extension(tmp_path: Path) -> None:
    """Neither in the author's pages nor in the prose of exhibits."""
    text = "A [head](glossary:head).\n\n```question\nWhy?\n---\n*So.*\n```\n"
    exhibit = Page(FOX.path, FOX.title, FOX.markdown + text, FOX.fragments)
    export(Site((exhibit,), ()), [Page("a/b.md", "B", text)], [], tmp_path)
    for name in (FOX.path, "a/b.md"):
        html = MarkdownIt("commonmark").render((tmp_path / name).read_text("utf-8"))
        assert ">head</abbr>" in html
        assert "<summary>Answer</summary>\n<p><em>So.</em></p>\n</details>" in html


def test_a_page_without_figures_loads_nothing(tmp_path: Path) -> None:
    export(SITE, [], [], tmp_path)
    assert (tmp_path / "exhibits/owl.md").read_text("utf-8") == OWL.markdown


def test_a_second_export_writes_what_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    export(SITE, [], [], tmp_path)
    (tmp_path / "mine.md").write_text("mine", "utf-8")
    before = (tmp_path / "exhibits/fox.md").stat().st_mtime_ns
    changed = Page(INDEX.path, INDEX.title, "# All of them\n")
    exported = export(Site((changed, FOX), (DATA,)), [], [], tmp_path)
    assert (exported.written, exported.removed) == (1, 1)
    assert (tmp_path / "exhibits/fox.md").stat().st_mtime_ns == before
    assert not (tmp_path / "exhibits/owl.md").exists()
    assert (tmp_path / "mine.md").read_text("utf-8") == "mine"


def test_a_file_that_no_export_wrote_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("mine", "utf-8")
    with pytest.raises(SiteError, match=r"no export has written: index\.md"):
        export(SITE, [], [], tmp_path)
    assert files(tmp_path) == {"index.md": b"mine"}


@pytest.mark.parametrize("page", [INDEX, OWL])
def test_an_exported_file_that_was_edited_is_neither_overwritten_nor_removed(
    tmp_path: Path, page: Page
) -> None:
    export(SITE, [], [], tmp_path)
    (tmp_path / page.path).write_text("edited", "utf-8")
    with pytest.raises(SiteError, match=rf"edited since they were exported: {page.path}"):
        export(Site((INDEX, FOX), (DATA,)), [], [], tmp_path)
    assert (tmp_path / page.path).read_text("utf-8") == "edited"
    assert "exhibits/owl.md" in json.loads((tmp_path / RECORD).read_text("utf-8"))["files"]


def test_what_is_there_already_with_the_same_bytes_stays_the_author_s(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text(INDEX.markdown, "utf-8")
    assert export(SITE, [], [], tmp_path).written == 3
    assert "index.md" not in json.loads((tmp_path / RECORD).read_text("utf-8"))["files"]
    assert export(Site((FOX,), (DATA,)), [], [], tmp_path).removed == 1
    assert (tmp_path / "index.md").read_text("utf-8") == INDEX.markdown
    with pytest.raises(SiteError, match=r"no export has written: index\.md"):
        export(Site((Page("index.md", "All", "# New\n"),), ()), [], [], tmp_path)


def test_an_edited_file_that_became_what_is_exported_is_the_author_s(tmp_path: Path) -> None:
    export(SITE, [], [], tmp_path)
    new = Page(INDEX.path, INDEX.title, "# New\n")
    (tmp_path / "index.md").write_text(new.markdown, "utf-8")
    assert export(Site((new, FOX, OWL), (DATA,)), [], [], tmp_path).written == 0
    export(Site((FOX, OWL), (DATA,)), [], [], tmp_path)
    assert (tmp_path / "index.md").read_text("utf-8") == new.markdown


@pytest.mark.parametrize(
    ("folder", "relation"),
    [("docs", "is"), ("docs/en/out", "lies in"), (".", "holds"), ("alias", "is")],
)
def test_the_folder_of_the_author_s_pages_is_no_place_for_an_export(
    tmp_path: Path, folder: str, relation: str
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "alias").symlink_to("docs")
    with pytest.raises(InputError) as caught:
        check_apart(tmp_path / folder, docs)
    assert str(caught.value).replace(str(tmp_path), "~") == (
        f"cannot export to {Path('~') / folder}: it {relation} the folder of your own pages, "
        "~/docs; choose a folder beside it, or one of another project"
    )
    check_apart(tmp_path / "docs-of-another", docs)


@pytest.mark.parametrize("n_written", range(6))
def test_an_export_that_was_cut_short_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_written: int
) -> None:
    """After any of its files, its record among them, and with other contents."""

    def site(word: str) -> Site:
        pages = (Page(page.path, page.title, f"# {word}\n") for page in (INDEX, FOX))
        return Site(tuple(pages), (DATA, Asset("exhibits/fox/more.js", word.encode())))

    export(SITE, [], [], tmp_path)
    before = files(tmp_path)
    replace, done = Path.replace, iter(range(n_written))

    def replace_until_full(draft: Path, target: Path) -> Path:
        if next(done, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(draft, target)

    with monkeypatch.context() as full:
        full.setattr(Path, "replace", replace_until_full)
        if n_written < 5:  # a record, two pages, a file, and the record
            with pytest.raises(SiteError, match="No space left on device"):
                export(site("new"), [], [], tmp_path)
        else:
            export(site("new"), [], [], tmp_path)
    if not n_written:
        assert files(tmp_path) == before
    export(site("newer"), [], [], tmp_path)
    written = files(tmp_path)
    assert set(written) == {"index.md", FOX.path, DATA.path, "exhibits/fox/more.js", RECORD}
    assert written["index.md"] == b"# newer\n"
    export(Site((), ()), [], [], tmp_path)
    assert set(files(tmp_path)) == {RECORD}


@pytest.mark.parametrize("place", ["exhibits", "exhibits/fox"])
def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path, place: str) -> None:
    folder, outside = tmp_path / "docs", tmp_path / "outside"
    outside.mkdir()
    (folder / place).parent.mkdir(parents=True)
    (folder / place).symlink_to(outside)
    with pytest.raises(SiteError, match=rf"links in .* lead out of it: {place}"):
        export(SITE, [], [], folder)
    assert not files(outside)
    assert not files(folder)


def test_a_link_within_the_folder_is_an_author_s_way_to_lay_it_out(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "exhibits").symlink_to("pages")
    export(SITE, [], [], tmp_path)
    assert (tmp_path / "pages/owl.md").is_file()


def test_a_folder_moved_behind_a_link_loses_nothing(tmp_path: Path) -> None:
    folder, outside = tmp_path / "docs", tmp_path / "outside"
    export(SITE, [], [], folder)
    (folder / "exhibits").rename(outside)
    (folder / "exhibits").symlink_to(outside)
    with pytest.raises(SiteError, match="lead out of it"):
        export(Site((INDEX,), ()), [], [], folder)
    assert (outside / "owl.md").is_file()


@pytest.mark.parametrize("what", ["folder", "link", "link to itself"])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, what: str) -> None:
    place = tmp_path / "docs/index.md"
    (tmp_path / "same.md").write_text(INDEX.markdown, "utf-8")
    if what == "folder":
        place.mkdir(parents=True)
    else:
        place.parent.mkdir()
        place.symlink_to("../same.md" if what == "link" else "index.md")
    with pytest.raises(SiteError, match=r"no export has written: index\.md"):
        export(SITE, [], [], tmp_path / "docs")
    assert not files(tmp_path / "docs").keys() - {"index.md"}


def test_a_file_where_a_folder_has_to_be_goes_only_if_it_was_exported(tmp_path: Path) -> None:
    export(Site((), (Asset("exhibits", b""),)), [], [], tmp_path / "ours")
    export(SITE, [], [], tmp_path / "ours")
    assert (tmp_path / "ours" / DATA.path).is_file()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/exhibits").write_text("mine", "utf-8")
    with pytest.raises(SiteError, match="no export has written: exhibits;"):
        export(SITE, [], [], tmp_path / "mine")
    assert files(tmp_path / "mine") == {"exhibits": b"mine"}


def test_words_of_another_language_run_before_the_scripts_that_say_them(tmp_path: Path) -> None:
    def scripts(site: Site) -> list[str]:
        export(site, [], [], tmp_path)
        text = (tmp_path / "exhibits/fox.md").read_text("utf-8")
        return re.findall(r'<script src="\.\./([^"]*)" defer></script>', text)

    assert scripts(SITE) == [*addresses.SCRIPTS]
    words = Asset(addresses.WORDS, b"words()")
    assert scripts(Site(SITE.pages, (DATA, words))) == [addresses.WORDS, *addresses.SCRIPTS]


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"two pages or files are called index\.md"):
        export(SITE, [Page("index.md", "Mine", "# Mine\n")], [], tmp_path / "docs")
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize(
    "path",
    ["../out.md", "/out.md", "a/../../out.md", "..\\out.md", "a\\..\\..\\out.md", "\\out.md",
     "C:out.md", "C:\\out.md", "\\\\host\\share\\out.md", "a\0.md", "\udcff.md", RECORD],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(SiteError, match="is no place within a site"):
        export(SITE, [Page(path, "Out", "")], [], tmp_path / "docs")


@pytest.mark.parametrize(
    "record",
    [
        "", "{", "[]", "[" * 100_000, '{"files": [1]}', '{"files": {"y": 1, "z": [[1]]}}',
        *(json.dumps({"files": {path: ["X"]}}) for path in ("../x", "..\\x", "a\0", "\ud800")),
    ],
)  # fmt: skip
def test_a_damaged_record_removes_nothing(tmp_path: Path, record: str) -> None:
    (tmp_path / "x").write_text("x", "utf-8")
    (tmp_path / "docs").mkdir()
    digest = hashlib.sha256(b"x").hexdigest()
    (tmp_path / "docs" / RECORD).write_text(record.replace('"X"', f'"{digest}"'), "utf-8")
    assert export(SITE, [], [], tmp_path / "docs").removed == 0
    assert (tmp_path / "x").exists()
