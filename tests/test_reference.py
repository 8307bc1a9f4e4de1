"""Docstrings and descriptions become Markdown that says the same."""

from __future__ import annotations

from pathlib import Path

import markdown as python_markdown
import pytest

from attention_gallery.manifest.shape import manifest_schema
from attention_gallery.reference import commands, manifest, pages, prose, write

DOCSTRING = """What it is.

    More of it.

    Attributes:
        first: In one line, with ``code``.
        second: In two
            lines.

    Source: Somebody 2020, "A title",
    section 3.

    Source: not this one.

    Raises:
        ValueError: Never.
    """


def test_a_docstring_is_taken_apart_by_its_sections() -> None:
    found = prose.sections(DOCSTRING)
    assert found[""] == "What it is.\n\nMore of it."
    assert found["Source"].startswith('Somebody 2020, "A title",\nsection 3.')
    assert found["Raises"] == "ValueError: Never."
    assert prose.attributes(DOCSTRING) == {
        "first": "In one line, with ``code``.",
        "second": "In two lines.",
    }


@pytest.mark.parametrize(
    "text", ["a_b_c", "<script>x</script>", "the [3]", "[a](b)", "{it: animal}", "``<a>``"]
)
def test_what_a_docstring_says_is_no_markup(text: str) -> None:
    html = python_markdown.markdown(prose.markdown(text))
    assert html.count("<") == 2 + 2 * ("``" in text)  # a paragraph, and code in it


def test_words_in_a_row() -> None:
    assert prose.listed(["a"]) == "a"
    assert prose.listed(["a", "b", "c"]) == "a, b or c"


def test_each_key_of_the_schema_has_a_heading_and_a_type() -> None:
    page = manifest.page()
    for schema in manifest_schema()["$defs"].values():
        for name in schema.get("properties", ()):
            assert f"### `{name}` {{ #" in page
    assert "*`float32`, `bfloat16` or `float16`; by default `float32`.*" in page


def test_what_help_says_of_a_default_is_said_in_words() -> None:
    assert "[default:" not in commands.page()
    assert "By default `127.0.0.1:8000`." in commands.page()


def test_pages_are_written_where_they_have_changed(tmp_path: Path) -> None:
    write(tmp_path / "reference")
    first = tmp_path / "reference" / "views.md"
    before = first.stat().st_mtime_ns
    (tmp_path / "reference" / "measures.md").write_text("old", "utf-8")
    write(tmp_path / "reference")
    assert first.stat().st_mtime_ns == before
    assert (tmp_path / "reference" / "measures.md").read_text("utf-8") == pages()["measures.md"]
