"""The site as plain data, and how it takes the place of the last one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import vl_convert

from attention_gallery import addresses, site
from attention_gallery.errors import SiteError
from attention_gallery.terms import Asset, Page, fragment_marker


def test_assembling_keeps_all_pages_and_files_and_adds_the_shared_ones() -> None:
    page = Page("exhibits/a.md", "A", "# A")
    result = site.assemble([page], [Asset("exhibits/a/data.js", b"1")], "vega()")
    assert result.pages == (page,)
    contents = {asset.path: asset.content for asset in result.assets}
    assert contents["exhibits/a/data.js"] == b"1"
    assert contents["assets/attention-gallery/vega.js"] == b"vega()"
    assert {addresses.ELEMENT, addresses.STYLE} <= {*contents}


def test_filling_puts_fragments_in_and_resolves_addresses() -> None:
    page = Page("a.md", "A", "", {"one": '<a href="site:b.md?x=1&amp;y">text site:b.md</a>'})
    rendered = f"<main>{fragment_marker('one')}</main>"
    filled = site.fill(rendered, page, lambda path: f"../{path}")
    assert filled == '<main><a href="../b.md?x=1&amp;y">text site:b.md</a></main>'


def test_what_only_looks_like_an_address_is_left_alone() -> None:
    """A model, a tag or a token may have any name."""
    plain = (
        """<li data-model="site:story" title=' href="site:a"' data-src="site:b">"""
        """<text> href="site:c"</text>1 < 2 src="site:d"</li>"""
    )
    fragment = f'{plain}<img\nsrc="site:e.png" alt="site:e">'
    assert site.resolve(fragment, "../{}".format) == f'{plain}<img\nsrc="../e.png" alt="site:e">'


@pytest.mark.parametrize(
    "before",
    ["<!-- ", "<textarea>", "<script>", "<style>", "<title>", "<xmp>", "<iframe>"],
)
def test_a_figure_that_the_prose_would_swallow_is_reported(before: str) -> None:
    page = Page("exhibits/a.md", "A", "", {"edges": "<svg></svg>"})
    with pytest.raises(SiteError, match="the place of edges is lost in the text before it"):
        site.fill(f"<p>{before}</p>{fragment_marker('edges')}", page, str)


def test_a_figure_has_one_place() -> None:
    page = Page("exhibits/a.md", "A", "", {"edges": "<svg></svg>"})
    for rendered in ("<p>nothing</p>", fragment_marker("edges") * 2):
        with pytest.raises(SiteError, match="the place of edges is lost"):
            site.fill(rendered, page, str)


def test_a_closed_comment_swallows_nothing() -> None:
    page = Page("exhibits/a.md", "A", "", {"edges": "<svg></svg>"})
    rendered = f"<!-- note --><textarea>a</textarea>{fragment_marker('edges')}"
    assert site.fill(rendered, page, str).endswith("</textarea><svg></svg>")


def test_vega_is_bundled_once_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = site.vega_bundle(tmp_path)
    assert "vegaEmbed" in bundle
    assert bundle.startswith("(() => {"), "a theme's scripts keep their names"
    monkeypatch.setattr(vl_convert, "javascript_bundle", pytest.fail)
    assert site.vega_bundle(tmp_path) == bundle


def an_earlier_site(folder: Path) -> Path:
    target = folder / "site"
    (target / "assets/attention-gallery").mkdir(parents=True)
    return target


def test_a_whole_site_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = an_earlier_site(tmp_path)
    (target / "stale.html").write_text("old")
    with site.replacing(target) as folder:
        (folder / "index.html").write_text("new")
        assert (target / "stale.html").exists()
    assert [path.name for path in target.iterdir()] == ["index.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_failed_build_leaves_the_last_good_site_untouched(tmp_path: Path) -> None:
    target = an_earlier_site(tmp_path)
    (target / "index.html").write_text("good")
    with pytest.raises(ZeroDivisionError), site.replacing(target) as folder:  # noqa: PT012
        (folder / "index.html").write_text("half")
        raise ZeroDivisionError
    assert (target / "index.html").read_text() == "good"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), PermissionError(13, "Permission denied")])
def test_a_swap_that_is_cut_short_leaves_the_last_good_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    target = an_earlier_site(tmp_path)
    (target / "index.html").write_text("good")
    rename = Path.rename

    def stopped(self: Path, to: Path) -> Path:
        if self.name == "new":
            raise stop
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", stopped)
    expected = SiteError if isinstance(stop, OSError) else KeyboardInterrupt
    with pytest.raises(expected), site.replacing(target) as folder:
        (folder / "index.html").write_text("new")
    assert (target / "index.html").read_text() == "good"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_publishes_a_site_stays_in_it(tmp_path: Path) -> None:
    """A site may be the work tree of a branch that is pushed somewhere."""
    target = an_earlier_site(tmp_path)
    (target / ".git").mkdir()
    (target / ".git/HEAD").write_text("ref: refs/heads/pages")
    (target / ".nojekyll").write_text("old")
    with site.replacing(target) as folder:
        (folder / ".nojekyll").write_text("new")
    assert (target / ".git/HEAD").read_text() == "ref: refs/heads/pages"
    assert (target / ".nojekyll").read_text() == "new"


def test_files_that_did_not_change_keep_their_time_stamp(tmp_path: Path) -> None:
    target = an_earlier_site(tmp_path)
    for name, text in (("same", "1"), ("changed", "1")):
        (target / name).write_text(text)
        os.utime(target / name, (1_000, 1_000))
    with site.replacing(target) as folder:
        (folder / "same").write_text("1")
        (folder / "changed").write_text("2")
    assert (target / "same").stat().st_mtime == 1_000
    assert (target / "changed").stat().st_mtime > 1_000


def test_a_file_in_the_place_of_the_site_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "site"
    target.write_text("mine")
    with pytest.raises(SiteError, match="is a file"), site.replacing(target):
        pass
    assert target.read_text() == "mine"


def test_a_folder_with_files_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Everything in the folder would be replaced: `--site-dir .` must not cost a home folder."""
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(SiteError, match="no build has made"), site.replacing(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_a_site_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sitemap.xml").write_text("mine")
    with pytest.raises(SiteError, match="no build has made"):
        site.check_target(tmp_path)


def test_an_empty_work_tree_is_a_place_for_a_site(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    site.check_target(tmp_path)
