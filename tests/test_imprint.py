"""What MkDocs' configuration tells of a publication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mkdocs.config import load_config

from attention_gallery.imprint import read_imprint
from attention_gallery.terms import Imprint
from projects import write_mkdocs


def imprint(folder: Path, **changes: Any) -> Imprint:
    file = write_mkdocs(folder, plugins=[], **changes)
    return read_imprint(load_config(str(file)), ("svg",))


def test_without_an_address_and_a_repository_little_is_known(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    known = imprint(tmp_path)
    assert known == Imprint("Animals", root=str(tmp_path), downloads=("svg",))


def test_name_author_and_address_are_those_of_the_configuration(tmp_path: Path) -> None:
    known = imprint(
        tmp_path,
        site_author="Ada",
        site_description="Reading.",
        site_url="https://example.org/a",
        use_directory_urls=False,
    )
    assert (known.author, known.url, known.flat) == ("Ada", "https://example.org/a/", True)
    assert known.description == "Reading."


@pytest.mark.parametrize(
    ("repo_url", "changes", "expected"),
    [
        ("https://github.com/a/b", {}, "https://github.com/a/b/blob/HEAD/{path}#L{line}"),
        (
            "https://www.github.com/a/b.git",
            {},
            "https://www.github.com/a/b/blob/HEAD/{path}#L{line}",
        ),
        (
            "https://github.com/a/b/",
            {"edit_uri": "edit/main/docs/"},
            "https://github.com/a/b/blob/main/{path}#L{line}",
        ),
        (
            "https://gitlab.com/a/b",
            {"edit_uri": "-/edit/next/docs/"},
            "https://gitlab.com/a/b/-/blob/next/{path}#L{line}",
        ),
        (
            "https://codeberg.org/a/b",
            {},
            "https://codeberg.org/a/b/src/branch/main/{path}#L{line}",
        ),
        (
            "https://codeberg.org/a/b",
            {"edit_uri": "_edit/trunk/docs/"},
            "https://codeberg.org/a/b/src/branch/trunk/{path}#L{line}",
        ),
        (
            "https://github.com/a/b",
            {"edit_uri_template": "blob/stable/docs/{path}?plain=1"},
            "https://github.com/a/b/blob/stable/{path}#L{line}",
        ),
        ("https://git.example.org/a/b", {}, ""),
        ("https://example.org/github.com/a", {}, ""),
    ],
)
def test_a_line_is_shown_by_the_hosts_that_are_known(
    tmp_path: Path, repo_url: str, changes: dict[str, str], expected: str
) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")  # as in a worktree
    folder = tmp_path / "site"
    folder.mkdir()
    known = imprint(folder, repo_url=repo_url, **changes)
    assert known.edit_url == expected
    assert known.root == str(tmp_path)


def test_without_a_repository_on_this_machine_no_file_has_a_path_in_one(tmp_path: Path) -> None:
    if any((each / ".git").exists() for each in tmp_path.parents):
        pytest.skip("the folder for tests is inside a repository")
    known = imprint(tmp_path, repo_url="https://github.com/a/b")
    assert (known.root, known.edit_url) == ("", "")
