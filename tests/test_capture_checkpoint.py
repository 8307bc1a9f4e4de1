# ruff: noqa: TID253 - the libraries are what is tested here
"""The weights in a folder are found whole or not at all, and weighed without being read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from attention_gallery.capture.model.checkpoint import (
    check_checkpoint,
    find_checkpoint,
    is_whole,
    weights_bytes,
)
from attention_gallery.terms import Model
from tiny_models import build_tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in several files."""
    build_tiny("gpt2").save_pretrained(tmp_path, max_shard_size="30KB")
    return tmp_path


def names(folder: Path) -> list[str]:
    found = find_checkpoint(folder)
    return [path.name for path in found.files] if found else []


def test_all_files_that_an_index_lists_are_the_weights(folder: Path) -> None:
    assert names(folder) == sorted(path.name for path in folder.glob("*.safetensors"))
    assert len(names(folder)) > 1


def test_safe_weights_go_before_pickled_ones_and_one_file_before_several(folder: Path) -> None:
    (folder / "pytorch_model.bin").touch()
    assert set(names(folder)) == {path.name for path in folder.glob("*.safetensors")}
    (folder / "model.safetensors").touch()
    assert names(folder) == ["model.safetensors"]
    for path in folder.glob("model*"):
        path.unlink()
    assert names(folder) == ["pytorch_model.bin"]
    (folder / "pytorch_model.bin").unlink()
    assert find_checkpoint(folder) is None


def test_a_folder_is_whole_with_its_configuration_and_every_file_of_weights(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert is_whole(folder)
    for name in ("config.json", "model.safetensors.index.json", names(folder)[-1]):
        copy = shutil.copytree(folder, tmp_path_factory.mktemp("copy") / "model")
        (copy / name).unlink()
        assert not is_whole(copy), name
    (folder / "model.safetensors.index.json").write_text("{")
    assert not is_whole(folder)


@pytest.mark.parametrize("itemsize", [2, 4])
def test_weights_are_weighed_in_the_data_type_they_will_have(folder: Path, itemsize: int) -> None:
    model = Model("m", "./m", "folder", str(folder))
    n_numbers = sum(values.numel() for values in build_tiny("gpt2").parameters())
    assert weights_bytes(model, check_checkpoint(model, folder), itemsize) == n_numbers * itemsize


def test_what_is_quantised_stays_as_small_as_it_is(tmp_path: Path) -> None:
    save_file(
        {
            "packed": torch.zeros(3, 5, dtype=torch.int8),
            "scale": torch.zeros(3, dtype=torch.float16),
        },
        tmp_path / "model.safetensors",
    )
    model = Model("m", "./m", "folder", str(tmp_path))
    assert weights_bytes(model, check_checkpoint(model, tmp_path), 4) == 3 * 5 + 3 * 4


def test_an_index_may_name_the_same_file_often(tmp_path: Path) -> None:
    places = {"a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    found = find_checkpoint(tmp_path)
    assert found is not None
    assert found.missing == ("one.safetensors", "two.safetensors")
