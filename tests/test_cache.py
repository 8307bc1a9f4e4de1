"""Files that take long to make, kept and made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from attention_gallery.cache import kept


class Maker:
    """Makes the same content, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return b"made\nof lines\n"


def test_content_is_made_once(tmp_path: Path) -> None:
    make = Maker()
    file = tmp_path / "pictures" / "a.png"
    assert [kept(file, make) for _ in range(3)] == [b"made\nof lines\n"] * 3
    assert make.times == 1


@pytest.mark.parametrize("damage", [b"", b"made", b"0" * 64 + b"\nmade\nof lines\n"])
def test_what_was_damaged_is_made_again(tmp_path: Path, damage: bytes) -> None:
    make = Maker()
    file = tmp_path / "a.png"
    kept(file, make)
    file.write_bytes(damage)
    assert kept(file, make) == b"made\nof lines\n"
    assert make.times == 2
    kept(file, make)
    assert make.times == 2


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file")
    assert kept(tmp_path / "pictures" / "a.png", Maker()) == b"made\nof lines\n"


def test_git_leaves_a_cache_alone_and_nothing_half_written_stays(tmp_path: Path) -> None:
    kept(tmp_path / "a.png", Maker())
    assert (tmp_path / ".gitignore").read_text() == "*\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == [".gitignore", "a.png"]
