"""A folder's digest changes with all that decides what its model does, and with nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from attention_gallery.digests import digest_file, digest_folder, digest_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors", "README.md", "train.py"):
        (folder / name).write_text(name, encoding="utf-8")
    return folder


def test_a_file_and_plain_data_have_the_digests_that_anyone_computes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a fox")
    assert digest_file(tmp_path / "file") == hashlib.sha256(b"a fox").hexdigest()
    data = {"b": [1, "ä"], "a": None}
    assert digest_of(data) == hashlib.sha256(rb'{"a":null,"b":[1,"\u00e4"]}').hexdigest()
    assert digest_of({"a": None, "b": [1, "ä"]}) == digest_of(data)


@pytest.mark.parametrize("name", ["README.md", "train.py", "grammar.py", "corpus.txt", "log.json"])
def test_files_no_model_is_loaded_from_keep_the_digest(folder: Path, name: str) -> None:
    before = digest_folder(folder)
    (folder / name).write_text("changed", encoding="utf-8")
    assert digest_folder(folder) == before


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors",
        "model-00002-of-00002.safetensors",
        "pytorch_model.bin",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "merges.txt",
        "source.spm",
        "spiece.model",
        "special_tokens_map.json",
        "generation_config.json",
        "modeling_mine.py",
        "preprocessor_config.json",
        "image_processing_mine.py",
    ],
)
def test_files_a_model_is_loaded_from_change_the_digest(folder: Path, name: str) -> None:
    before = digest_folder(folder)
    (folder / name).write_text("changed", encoding="utf-8")
    assert digest_folder(folder) != before


def test_the_digest_of_a_model_that_reads_is_what_it_always_was(folder: Path) -> None:
    """As with keys: a change here throws captures away."""
    assert digest_folder(folder) == (
        "987806e4f7e5b3bec21f53654cc383e0fba601679e75062ab9e66846d754c98d"
    )


@pytest.mark.parametrize(
    "name", ["chat_template.jinja", "chat_template.json", "processing_mine.py", "vocab.txt"]
)
def test_a_file_that_decides_what_a_model_reads_changes_the_digest(folder: Path, name: str) -> None:
    before = digest_folder(folder)
    (folder / name).write_text("other", encoding="utf-8")
    assert digest_folder(folder) != before


def test_any_code_counts_where_a_model_runs_its_own(folder: Path) -> None:
    plain, trusted = digest_folder(folder), digest_folder(folder, own_code=True)
    assert plain != trusted
    (folder / "train.py").write_text("other", encoding="utf-8")
    assert digest_folder(folder) == plain
    assert digest_folder(folder, own_code=True) != trusted


def test_contents_that_change_places_change_the_digest(folder: Path) -> None:
    before = digest_folder(folder)
    (folder / "config.json").write_text("tokenizer.json", encoding="utf-8")
    (folder / "tokenizer.json").write_text("config.json", encoding="utf-8")
    assert digest_folder(folder) != before
