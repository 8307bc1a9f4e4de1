"""A model's source is understood, and its config.json tells how many heads it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attention_gallery import resources
from attention_gallery.errors import ModelError
from attention_gallery.model_source import (
    model_from_source,
    read_head_counts,
    read_patch_grid,
    rules_out_cross,
    rules_out_vision,
)
from attention_gallery.terms import AttentionKind


@pytest.mark.parametrize("source", ["gpt2", "org/name", "org/name-1.5_x", "a.b/c"])
def test_hub_id(source: str, tmp_path: Path) -> None:
    model = model_from_source(source, tmp_path, revision="main")
    assert (model.kind, model.location, model.revision) == ("hub", source, "main")
    assert model.id == source


def test_folder_is_absolute_and_wins_over_a_hub_id(tmp_path: Path) -> None:
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").touch()
    model = model_from_source("gpt2", tmp_path)
    assert (model.kind, model.location) == ("folder", str(tmp_path / "gpt2"))


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config.json").touch()
    assert model_from_source("~").location == str(tmp_path)


def test_specimen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "specimens", lambda: {"story": tmp_path})
    model = model_from_source("specimen:story", name="s")
    assert (model.id, model.kind, model.location) == ("s", "specimen", str(tmp_path))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("specimen:", "there is no specimen"),
        ("./gone", "there is no folder"),
        ("~no-such-user-here/x", "there is no folder"),
        ("/" + "x" * 5000, "there is no folder"),
        ("x" * 5000, "not a model's source"),
        ("a b", "not a model's source"),
        ("a\0b", "not a model's source"),
        ("org/name/file", "not a model's source"),
        ("", "holds no config.json"),
    ],
)
def test_what_is_no_source(source: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        model_from_source(source, tmp_path)


def test_only_a_hub_model_has_a_revision(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    with pytest.raises(ModelError, match="only a model on the hub has a revision"):
        model_from_source("./", tmp_path, revision="main")


BART = {
    "is_encoder_decoder": True,
    "num_hidden_layers": 3,
    "encoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_layers": 2,
    "decoder_attention_heads": 8,
}
T5 = {"is_encoder_decoder": True, "num_layers": 6, "num_decoder_layers": 4, "num_heads": 8}
NESTED = {
    "is_encoder_decoder": True,
    "encoder": {"num_hidden_layers": 5, "num_attention_heads": 2},
    "decoder": {"n_layer": 4, "n_head": 3},
}
CAPTIONER = {
    "encoder": {
        "num_hidden_layers": 6,
        "num_attention_heads": 3,
        "image_size": 32,
        "patch_size": 4,
    },
    "decoder": {"decoder_layers": 2, "decoder_attention_heads": 8, "num_hidden_layers": 9},
}

CLIP: dict[str, Any] = {
    "text_config": {"num_hidden_layers": 3, "num_attention_heads": 5},
    "vision_config": {
        "depth": 6,
        "num_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    },
}
LLAVA = CLIP | {"image_token_id": 7}


@pytest.mark.parametrize(
    ("config", "attention", "counts"),
    [
        ({"num_hidden_layers": 12, "num_attention_heads": 12}, None, (12, 12)),
        ({"n_layer": 4, "n_head": 2}, "decoder", (4, 2)),
        ({"n_layers": 6, "n_heads": 12}, "encoder", (6, 12)),
        ({"text_config": {"num_hidden_layers": 3, "num_attention_heads": 5}}, None, (3, 5)),
        (BART, "encoder", (3, 4)),
        (BART, "cross", (2, 8)),
        (BART, None, (2, 8)),
        (T5, "encoder", (6, 8)),
        (T5, "decoder", (4, 8)),
        (NESTED, "encoder", (5, 2)),
        (NESTED, None, (4, 3)),
        (CAPTIONER, "encoder", (6, 3)),
        (CAPTIONER, "cross", (2, 8)),
        (CAPTIONER, "decoder", (2, 8)),
        (CAPTIONER | {"is_encoder_decoder": True}, None, (2, 8)),
        (CLIP, "vision", (6, 2)),
        (CLIP, "encoder", (3, 5)),
        (LLAVA, "vision", (6, 2)),
        (LLAVA, "decoder", (3, 5)),
        (LLAVA, None, (3, 5)),
    ],
)
def test_head_counts(
    tmp_path: Path,
    config: dict[str, Any],
    attention: AttentionKind | None,
    counts: tuple[int, int],
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = read_head_counts(tmp_path, attention)
    assert found is not None
    assert (found.layers, found.heads) == counts


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "not JSON",
        '{"n_layer": "4", "n_head": 2}',
        '{"n_layer": 4, "n_head": [2, 4]}',
        '{"n_layer": 4, "n_head": true}',
        '{"n_layer": 4}',
    ],
)
def test_nothing_is_guessed_from_an_unusual_config(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    assert read_head_counts(tmp_path, None) is None
    assert read_head_counts(tmp_path / "gone", None) is None


@pytest.mark.parametrize(
    ("config", "attention"),
    [(CLIP, None), (LLAVA, "cross"), (CLIP | {"vision_config": {}}, "vision")],
)
def test_nothing_is_guessed_where_it_depends_on_the_sentence_or_the_layer(
    tmp_path: Path, config: dict[str, Any], attention: AttentionKind | None
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert read_head_counts(tmp_path, attention) is None


VIT = {"image_size": 224, "patch_size": 16}


@pytest.mark.parametrize(
    ("config", "processor", "grid"),
    [
        (VIT, None, (14, 14)),
        (CAPTIONER, None, (8, 8)),
        (CLIP, None, (4, 4)),
        (CLIP, {"size": 64}, (8, 8)),
        (VIT | {"image_size": [32, 48]}, None, (2, 3)),
        (VIT | {"patch_size": [16, 32]}, None, (14, 7)),
        (VIT | {"image_size": 230}, None, (14, 14)),
        (VIT, {"size": {"height": 64, "width": 32}}, (4, 2)),
        (VIT, {"size": 96}, (6, 6)),
        (VIT, {"size": {"shortest_edge": 256}}, (14, 14)),
        (
            VIT,
            {
                "size": {"shortest_edge": 256},
                "crop_size": {"height": 96, "width": 96},
                "do_center_crop": True,
            },
            (6, 6),
        ),
        (VIT, {"size": 96, "crop_size": 32, "do_center_crop": False}, (6, 6)),
        (VIT, {"size": "large"}, (14, 14)),
        ({"image_size": 224}, None, None),
        ({"image_size": 224, "patch_size": 0}, None, None),
        ({"patch_size": 16}, None, None),
        ({"n_layer": 4}, None, None),
        (None, None, None),
    ],
)
def test_patch_grid(
    tmp_path: Path,
    config: dict[str, Any] | None,
    processor: dict[str, Any] | None,
    grid: tuple[int, int] | None,
) -> None:
    for name, content in {"config": config, "preprocessor_config": processor}.items():
        if content is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_patch_grid(tmp_path) == grid


@pytest.mark.parametrize(
    ("config", "ruled_out"),
    [
        ({"model_type": "gpt2"}, True),
        ({"model_type": "gpt2", "add_cross_attention": True}, False),
        ({"is_encoder_decoder": True}, False),
        ({"encoder": {}, "decoder": {}}, False),
        (None, False),
    ],
)
def test_cross_attention_needs_two_stacks(
    tmp_path: Path, config: dict[str, Any] | None, ruled_out: bool
) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert rules_out_cross(tmp_path) is ruled_out


def test_what_reads_may_look_at_an_image_across(tmp_path: Path) -> None:
    mllama = CLIP | {"text_config": {"cross_attention_layers": [3, 8]}}
    for config, ruled_out in ((CLIP, True), (LLAVA, True), (mllama, False)):
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        assert rules_out_cross(tmp_path) is ruled_out


def test_only_what_sees_beside_reading_has_vision(tmp_path: Path) -> None:
    assert not rules_out_vision(tmp_path)  # nothing is known
    for config, ruled_out in ((CLIP, False), ({"image_config": {}}, False), (VIT, True)):
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        assert rules_out_vision(tmp_path) is ruled_out


def test_a_processor_for_text_and_image_says_how_large_images_become(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CLIP), encoding="utf-8")
    both = {"image_processor": {"size": {"height": 16, "width": 64}}}
    (tmp_path / "processor_config.json").write_text(json.dumps(both), encoding="utf-8")
    assert read_patch_grid(tmp_path) == (2, 8)


def test_a_folder_that_may_not_be_searched_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may search every folder, so the refusal is acted."""

    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(ModelError, match="cannot be read: Permission denied"):
        model_from_source("./", tmp_path)


def test_relative_folders_start_from_where_one_is() -> None:
    with pytest.raises(ModelError) as caught:
        model_from_source("./gone")
    assert caught.value.hint == f"a relative path starts from the working directory, {Path.cwd()}"
    with pytest.raises(ModelError) as caught:
        model_from_source("./gone", Path())
    assert caught.value.hint == "a relative path starts from the folder of this file"
