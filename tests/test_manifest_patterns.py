"""Patterns for manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from attention_gallery.errors import InputError
from attention_gallery.manifest.patterns import find_manifests


def test_each_file_is_found_once_in_the_order_of_the_patterns(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yml", "last.yml"):
        (tmp_path / name).touch()
    patterns = ["b.yml", "?.yml", str(tmp_path / "*.yml")]
    found = find_manifests(tmp_path, patterns, "")
    assert [path.name for path in found] == ["b.yml", "a.yml", "last.yml"]


@pytest.mark.parametrize("pattern", ["", "/", "**x"])
def test_what_is_no_pattern_is_told(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a pattern for manifests: .*; write one such as"):
        find_manifests(tmp_path, [pattern], "")


def test_a_pattern_that_matches_nothing_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        find_manifests(tmp_path, ["no*.yml"], "write one")
    assert str(raised.value) == f'no manifest matches "no*.yml" in {tmp_path}; write one'
