# ruff: noqa: TID253 - the libraries are what is tested here
"""A device is the one that was meant, or is not here; it says what it has and what it lacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from attention_gallery.capture.model import devices
from attention_gallery.errors import ModelError, Where
from tiny_models import build_tiny

GIB = 1024**3


def machine(monkeypatch: pytest.MonkeyPatch, *, gpus: int = 0, apple: bool = False) -> None:
    """Make this machine look like another."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)


@pytest.mark.parametrize(
    ("gpus", "apple", "wish", "device"),
    [
        (2, False, "auto", "cuda:0"),
        (0, True, "auto", "mps"),
        (0, False, "auto", "cpu"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cpu", "cpu"),
        (0, False, "split", "split"),
    ],
)
def test_the_best_device_is_taken_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch, gpus: int, apple: bool, wish: str, device: str
) -> None:
    machine(monkeypatch, gpus=gpus, apple=apple)
    assert devices.chosen(wish) == device


@pytest.mark.parametrize(
    ("gpus", "built_for", "wish", "message"),
    [
        (
            0,
            "12.8",
            "mps",
            "x.yml:2: this machine has no device mps; it has cpu; auto takes the best there is",
        ),
        (
            2,
            "12.8",
            "cuda:2",
            "x.yml:2: this machine has no device cuda:2; it has cuda:0 and cuda:1 and cpu; auto "
            "takes the best there is",
        ),
        (
            0,
            None,
            "cuda",
            "x.yml:2: this machine has no device cuda; it has cpu; auto takes the best there is; "
            f"PyTorch {torch.__version__} is installed without support for GPUs",
        ),
    ],
)
def test_a_device_that_is_not_here_is_told_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, gpus: int, built_for: str | None, wish: str, message: str
) -> None:
    machine(monkeypatch, gpus=gpus)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(ModelError) as caught:
        devices.chosen(wish, Where("x.yml", 2))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("places", "device", "words"),
    [
        ({"": 0}, "cuda:0", "cuda:0 (Tesla)"),
        ({"wte": 0, "h.0": 0, "h.1": 1}, "cuda:0", "split over cuda:0, cuda:1"),
        ({"wte": "cpu", "h.0": 1, "h.1": "disk"}, "cuda:1", "split over cpu, cuda:1, disk"),
        ({"wte": "cpu", "h": "disk"}, "cpu", "split over cpu, disk"),
        ({"": torch.device("cuda:1")}, "cuda:1", "cuda:1 (Tesla)"),
    ],
)
def test_a_split_model_is_entered_at_its_first_gpu(
    monkeypatch: pytest.MonkeyPatch, places: dict[str, Any], device: str, words: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "Tesla")
    network: Any = SimpleNamespace(hf_device_map=places)
    assert devices.entrance(network) == device
    assert devices.described(network) == words


def test_a_model_on_one_device_is_entered_there() -> None:
    network = build_tiny("gpt2")
    assert devices.entrance(network) == devices.described(network) == "cpu"


def test_the_memory_of_this_machine_is_known() -> None:
    """What can be filled with numbers is less than what there is in all."""
    free = devices.free_bytes("cpu")
    assert free is not None
    assert 2**20 < free < 2**50


def test_a_gpu_has_what_the_driver_leaves_and_what_pytorch_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (3 * GIB, 8 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 2 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: GIB)
    assert devices.free_bytes("cuda:0") == 4 * GIB


def test_an_apple_gpu_has_what_is_recommended_less_what_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 8 * GIB)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 9 * GIB)
    assert devices.free_bytes("mps") == 0


def test_of_another_sort_of_device_nothing_is_known() -> None:
    assert devices.free_bytes("meta") is None


def test_memory_asked_for_in_vain_is_read_from_what_a_cpu_really_says() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15, dtype=torch.float32)
    assert devices.needed_bytes(caught.value) == 4 * 10**15


def test_memory_asked_for_in_vain_is_read_from_what_numpy_really_says() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**50, dtype=np.float64)
    assert devices.needed_bytes(caught.value) == 2**53


@pytest.mark.parametrize(
    ("error", "n_bytes"),
    [
        (
            torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
                "7.79 GiB of which 1.20 GiB is free."
            ),
            2 * GIB,
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 512 bytes."), 512),
        (
            RuntimeError(
                "MPS backend out of memory (MPS allocated: 7.76 GB, other allocations: 1.02 GB, "
                "max allowed: 9.07 GB). Tried to allocate 512.00 MB on private pool."
            ),
            512 * 1024**2,
        ),
        (RuntimeError("CUDA error: out of memory"), 0),
        (MemoryError(), 0),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
        (ValueError("out of memory is no word of this library"), None),
    ],
)
def test_what_was_asked_for_in_vain_is_told_from_other_faults(
    error: Exception, n_bytes: int | None
) -> None:
    assert devices.needed_bytes(error) == n_bytes


def test_an_operation_that_a_device_lacks_is_named() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.linalg.qr(torch.ones(2, 2, dtype=torch.float16))
    assert devices.missing_operation(caught.value) == "geqrf_cpu"
    apple = "The operator 'aten::linalg_qr.out' is not currently implemented for the MPS device."
    assert devices.missing_operation(NotImplementedError(apple)) == "linalg_qr.out"
    assert devices.missing_operation(RuntimeError("shapes do not fit")) == ""
