"""YAML is read with the place of every key and value, and refused with the place of its fault."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from attention_gallery.errors import ManifestError
from attention_gallery.manifest.yaml_source import Document, read_yaml


def read(folder: Path, content: str | bytes) -> Document:
    path = folder / "manifest.yml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_yaml(path)


def place(document: Document, *keys: str | int) -> tuple[int, int]:
    where = document.where(keys)
    return where.line, where.column


def test_places_of_keys_and_values(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b: [x, {c: y}]\n  d: |\n    text\n")
    assert place(document, "a", "b", 1, "c") == (2, 14)
    assert place(document, "a", "d") == (3, 6)
    key = document.where_key(("a", "b", 1, "c"))
    assert (key.line, key.column) == (2, 11)


def test_place_of_what_is_missing_is_that_of_what_should_hold_it(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b: 1\n")
    assert place(document, "a", "c", "d") == (2, 3)
    assert document.nearest(("a", "c", "d")) == ("a",)


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"a: x\r\nb: {c: y}\r\n", 2, 8),
        ("\ufeffb: {c: y}\n".encode(), 1, 8),
        ('a: "\u2028 \u0085"\nb: {c: y}\n'.encode(), 2, 8),
        ("a: 🦊\nb: {🦊: z, c: y}\n".encode(), 2, 14),
    ],
    ids=["CRLF", "byte order mark", "characters YAML ends lines at", "emoji"],
)
def test_lines_and_columns_are_those_of_an_editor(
    tmp_path: Path, content: bytes, line: int, column: int
) -> None:
    assert place(read(tmp_path, content), "b", "c") == (line, column)


def test_an_alias_has_the_value_and_the_place_of_its_anchor(tmp_path: Path) -> None:
    document = read(tmp_path, "a: &x [1, 2]\nb: *x\n")
    assert document.data["b"] == [1, 2]
    assert place(document, "b", 1) == (1, 11)


@pytest.mark.parametrize(
    "content",
    [
        "a0: &a0 [x]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)),
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000)),
        "a: &a {b: *a}\n",
        "a: " + "[" * 20_000,
        "a: " + "{b: " * 20_000,
        "- " * 20_000,
    ],
    ids=["wide aliases", "deep aliases", "endless alias", "brackets", "braces", "dashes"],
)
def test_bombs_end_soon_in_one_message(tmp_path: Path, content: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ManifestError, match=r"nested too deeply|without end"):
        read(tmp_path, content)
    assert time.perf_counter() - began < 20


def test_first_of_two_equal_keys_counts_and_reading_goes_on(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\na: 2\nb: 3\n")
    assert document.data == {"a": 1, "b": 3}
    assert [str(fault.message) for fault in document.faults] == ['the key "a" is written twice']


def test_missing_file_names_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "gallery.yml").touch()
    with pytest.raises(ManifestError, match=r'no such file; did you mean "gallery\.yml"'):
        read_yaml(tmp_path / "galery.yml")


def test_folder_is_not_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="this is a folder"):
        read_yaml(tmp_path)


def test_file_below_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ManifestError, match="cannot be read: Not a directory"):
        read_yaml(tmp_path / "file" / "manifest.yml")
