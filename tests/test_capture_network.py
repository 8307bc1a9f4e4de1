# ruff: noqa: TID253 - the libraries are what is tested here
"""A model that is split over memory and disk computes what it computes in one piece."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
import transformers
from transformers import PreTrainedModel

from attention_gallery.capture import capture_all
from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.errors import ModelError, Where
from attention_gallery.terms import Capture, CaptureRequest, Model, Sentence
from tiny_models import save_tiny


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A machine whose memory has room for so many bytes of a model; the rest goes to disk."""

    def limit(n_bytes: int) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=n_bytes))

    return limit


def model_at(folder: Path, device: str) -> Model:
    return Model("m", "./m", "folder", str(folder), device=device, where=Where("x.yml", 3, 5))


def loaded(folder: Path, device: str) -> LoadedModel:
    return load(model_at(folder, device))


def captured(folder: Path, device: str) -> Capture:
    sentence = Sentence("s", "the black cat", "le chat noir")  # only some read the second
    (capture,) = capture_all([CaptureRequest("0" * 64, model_at(folder, device), sentence)])
    return capture


@pytest.mark.parametrize("shape", ["gpt2", "llama", "bart", "t5"])
def test_a_split_model_attends_as_it_does_in_one_piece(
    tmp_path: Path, little_memory: Callable[[int], None], shape: str
) -> None:
    folder = save_tiny(tmp_path / shape, shape)
    whole = captured(folder, "cpu")
    size = (folder / "model.safetensors").stat().st_size
    little_memory(int(size * 0.6))
    split = captured(folder, "split")
    assert "disk" in split.provenance.device
    assert list(split.attentions) == list(whole.attentions)
    for kind, attention in whole.attentions.items():
        assert split.attentions[kind].queries == attention.queries
        for ours, theirs in zip(split.attentions[kind].layers, attention.layers, strict=True):
            assert (ours == theirs).all()


def test_a_split_model_answers_as_the_library_s_own(
    tmp_path: Path, little_memory: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_tiny(tmp_path / "gpt2", "gpt2", layers=4)
    ids = torch.tensor([[5, 6, 7]])
    reference = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32)(ids)
    little_memory(120_000)
    found = loaded(folder, "split")
    assert not caplog.records
    assert any(values.is_meta for values in found.network.parameters())
    assert found.device == "cpu"
    answer: Any = found.network(ids.to(found.device))
    assert torch.allclose(answer.last_hidden_state, reference.last_hidden_state, atol=1e-6)


def test_what_a_split_model_keeps_on_disk_goes_with_it(
    tmp_path: Path, little_memory: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pickled weights cannot be read in parts: those on disk are written once more."""
    folder = save_tiny(tmp_path / "gpt2", "gpt2", layers=4)
    network: PreTrainedModel = transformers.AutoModel.from_pretrained(folder)
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    little_memory(120_000)
    model = Model("m", "./m", "folder", str(folder), device="split", allow_pickle=True)
    found: LoadedModel | None = load(model)
    assert found is not None
    (kept,) = tmp_path.glob("attention-gallery-*")
    assert list(kept.iterdir())
    del found
    gc.collect()
    assert not kept.exists()


def test_a_model_cannot_be_split_without_what_splits_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers.utils, "is_accelerate_available", lambda: False)
    with pytest.raises(ModelError) as caught:
        loaded(save_tiny(tmp_path / "gpt2", "gpt2"), "split")
    assert str(caught.value) == (
        "x.yml:3:5: ./m cannot be split over devices without accelerate; pip install "
        '"attention-gallery[large]"'
    )
