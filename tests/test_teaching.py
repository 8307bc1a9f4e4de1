"""What the extensions for learners share, and that MkDocs has them without being asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from markdown import Extension, Markdown, markdown
from markdown.preprocessors import Preprocessor
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from attention_gallery import glossary, questions
from attention_gallery.configuration import plugin_of
from attention_gallery.errors import InputError
from attention_gallery.teaching import TeachingExtension
from attention_gallery.terms import Site
from projects import write_manifest, write_mkdocs

LESSON = """---
title: A lesson
---

A [head](glossary:{term}).

```question
Why?
---
{answer}
```
"""


@pytest.mark.parametrize("make", [glossary.makeExtension, questions.makeExtension])
def test_a_language_that_is_not_spoken_is_refused(make: Callable[..., TeachingExtension]) -> None:
    with pytest.raises(InputError, match="the interface does not speak 'tlh' yet"):
        markdown("text", extensions=[make(language="tlh")])


def test_a_generator_that_tells_of_its_page_has_faults_with_file_and_line(tmp_path: Path) -> None:
    """As Zensical does, which gives a page without its front matter."""

    class Context(Preprocessor):
        page = SimpleNamespace(path="a/lesson.md")
        config: ClassVar = {"docs_dir": str(tmp_path)}

        def run(self, lines: list[str]) -> list[str]:
            return lines

    class Telling(Extension):
        def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
            md.preprocessors.register(Context(md), "context", 0)

    text = "# T\n\n[a](glossary:heads)\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "lesson.md").write_text(f"---\ntitle: T\n---\n{text}", "utf-8")
    with pytest.raises(InputError) as caught:
        markdown(text, extensions=[Telling(), glossary.makeExtension()])
    assert str(caught.value.where) == f"{tmp_path}/a/lesson.md:6"


def built(folder: Path, monkeypatch: pytest.MonkeyPatch, **lesson: str) -> str:
    """The page as MkDocs makes it, of a site that has no exhibits."""
    monkeypatch.chdir(folder)
    write_manifest(folder)
    file = write_mkdocs(folder, theme={"name": "mkdocs"}, use_directory_urls=False)
    (folder / "docs" / "lesson.md").write_text(LESSON.format(**lesson), "utf-8")
    config = load_config(str(file))
    plugin_of(config).prepared = Site((), ())
    build(config)
    return (folder / "site" / "lesson.html").read_text("utf-8")


def test_under_mkdocs_nothing_has_to_be_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = built(tmp_path, monkeypatch, term="head", answer="So.")
    assert 'popovertarget="ag-term-head"' in page
    assert '<details class="ag-answer">' in page


@pytest.mark.parametrize(
    ("term", "answer", "said"),
    [
        ("heads", "So.", 'docs/lesson.md:5: "heads" is not in the glossary; did you mean "head"?'),
        ("head", "", "docs/lesson.md:7: an answer is missing; between ```question and ``` write"),
    ],
)
def test_under_mkdocs_a_fault_names_its_page_and_the_line_in_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    term: str,
    answer: str,
    said: str,
) -> None:
    with pytest.raises(Abort):
        built(tmp_path, monkeypatch, term=term, answer=answer)
    assert said in caplog.text
    assert "Traceback" not in caplog.text
