"""Exhibits in Markdown that Python-Markdown renders alone, from what is stored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from markdown import Extension, Markdown, markdown
from markdown.preprocessors import Preprocessor

from attention_gallery.errors import GalleryError
from projects import fill_store, write_manifest

ME = "attention_gallery.markdown_fence"
TEXT = "# Title\n\nBefore.\n\n```attention\nexhibit: fox\nviews: [edges]\n```\n\nAfter.\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest and what is captured for it."""
    folder = tmp_path_factory.mktemp("project")
    write_manifest(folder)
    fill_store(folder)
    return folder


@pytest.fixture(autouse=True)
def _here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def render(text: str, *others: str | Extension, **options: object) -> str:
    return markdown(text, extensions=[*others, ME, "fenced_code"], extension_configs={ME: options})


def test_a_block_becomes_its_figures_between_the_prose() -> None:
    html = render(TEXT)
    before, figure, after = html.partition('<div class="ag-block">')
    assert before.endswith("<p>Before.</p>\n")
    assert figure
    assert after.endswith("</div>\n<p>After.</p>")
    assert 'anchor="fox.edges"' in after
    assert "<svg" in after
    assert "Where these numbers come from" in after


def test_charts_find_their_data_by_themselves_where_no_page_is_known() -> None:
    html = render(TEXT)
    assert "src=" not in html
    assert "site:" not in html
    assert "href=" not in html.replace('xlink:href="', "")


def test_an_exhibit_that_is_shown_twice_has_ids_of_its_own() -> None:
    html = render(TEXT + TEXT)
    ids = [part.split('"')[0] for part in html.split(' id="')[1:]]
    assert 'id="fox.edges-2"' in html
    assert len(ids) == len(set(ids))


def test_other_code_stays_code() -> None:
    html = render("````\n```attention\nfox\n```\n````\n\n```python\nx = 1\n```\n")
    assert "ag-block" not in html
    assert "```attention" in html


def test_a_fault_names_the_line() -> None:
    with pytest.raises(GalleryError) as raised:
        render(f"{TEXT}\n```attention\nexhibit: fix\n```\n\n```attention\nfax\n```\n")
    assert str(raised.value).splitlines() == [
        'Markdown:13:10: exhibit: unknown exhibit "fix"; did you mean "fox"?',
        'Markdown:17:1: exhibit: unknown exhibit "fax"; did you mean "fox"?',
    ]


def test_what_is_not_captured_is_told_with_the_command_that_does() -> None:
    new = "```attention\nmodel: story\nsentence: Never captured so far.\nid: mine\n```\n"
    with pytest.raises(GalleryError) as raised:
        render(new)
    assert str(raised.value) == (
        "Markdown:1: what mine shows is not in .attention; "
        "run `attention-gallery capture`, on a machine with torch"
    )


def test_a_pattern_that_matches_nothing_is_told() -> None:
    with pytest.raises(GalleryError, match="no manifest matches"):
        render(TEXT, manifests=["nowhere/*.yml"])


def test_what_is_said_is_in_the_language_of_the_option() -> None:
    assert "How to read and use this chart" in render(TEXT, language="en")


def test_no_model_is_run_and_torch_is_not_needed(project: Path) -> None:
    poison = project / "poison"
    poison.mkdir()
    for name in ("torch", "transformers"):
        (poison / f"{name}.py").write_text("raise AssertionError('imported')\n")
    code = f"import markdown; markdown.markdown({TEXT!r}, extensions=[{ME!r}])"
    path = os.pathsep.join([str(poison), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )


class Context(Extension):
    """What tells of the page, as Zensical does."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        tells = Preprocessor(md)
        tells.page = type("Page", (), {"path": self.path})  # type: ignore[attr-defined]
        tells.config = {"docs_dir": "docs"}  # type: ignore[attr-defined]
        tells.run = lambda lines: lines  # type: ignore[method-assign]
        md.preprocessors.register(tells, "rendering_context", 0)


def test_where_the_page_is_known_lines_are_those_of_its_file_and_links_are_there(
    project: Path,
) -> None:
    page = project / "docs/lessons/first.md"
    page.parent.mkdir(parents=True)
    page.write_text(f"---\ntitle: First\n---\n{TEXT}\n```attention\nfix\n```\n", "utf-8")
    with pytest.raises(GalleryError, match=r"^docs/lessons/first\.md:16:1: exhibit: unknown"):
        render(f"{TEXT}\n```attention\nfix\n```\n", Context("lessons/first.md"))
    page.write_text(TEXT, "utf-8")
    assert 'href="../exhibits/fox.md"' in render(TEXT, Context("lessons/first.md"))
