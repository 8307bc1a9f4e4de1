# ruff: noqa: TID253 - a real model runs out of real memory
"""What cannot fit into memory is told before a machine runs out, and in one line when it does."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

from attention_gallery.capture import capture_all
from attention_gallery.capture.feeds import prepare
from attention_gallery.capture.model import devices, memory
from attention_gallery.capture.model.loading import load
from attention_gallery.capture.model.memory import Need, check_memory, need, out_of_memory
from attention_gallery.errors import CaptureError, Where
from attention_gallery.terms import CaptureRequest, Model, Sentence
from tiny_models import build_tiny, save_tiny


def free(monkeypatch: pytest.MonkeyPatch, **places: int | None) -> None:
    monkeypatch.setattr(devices, "free_bytes", lambda place: places[place])


def gpt2_small() -> Any:
    with torch.device("meta"):
        return transformers.GPT2Model(transformers.GPT2Config())


def test_gpt2_needs_what_was_measured() -> None:
    """Of GPT-2 small at 1,024 tokens: 151 MB are held, and 200 MB while a layer runs."""
    needed = need(gpt2_small(), 1024)
    assert needed is not None
    assert needed.result == 12 * 12 * 1024 * 1025 // 2 * 2
    assert 150e6 < needed.working < 250e6
    halved = need(gpt2_small().half(), 1024)
    assert halved
    assert halved.working == needed.working / 2


def test_twice_the_tokens_need_four_times_the_memory() -> None:
    once, twice = need(gpt2_small(), 500), need(gpt2_small(), 1000)
    assert once
    assert twice
    assert twice.working == 4 * once.working
    assert twice.result == pytest.approx(4 * once.result, rel=0.01)


def test_scores_are_held_as_they_are() -> None:
    network = build_tiny("bert")
    plain, scored = need(network, 10), need(network, 10, {"scores"})
    assert plain
    assert scored
    assert scored.result - plain.result == 2 * 4 * 10**2 * 4


def test_a_target_that_does_not_fit_is_told_before_the_model_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(Model("m", "./m", "folder", str(save_tiny(tmp_path, "marian"))))
    monkeypatch.setattr(memory, "need", lambda _, n, __: Need(0, 10**15 if n > 10 else 0))
    sentence = Sentence("s", "cat", "cat " * 20)
    with pytest.raises(CaptureError, match="tokens take at least"):
        prepare(loaded, CaptureRequest("0" * 64, Model("m", "./m", "folder", ""), sentence))
    monkeypatch.setattr(loaded.network, "generate", lambda **_: pytest.fail("it ran"))
    sentence = Sentence("s", "cat " * 20)
    with pytest.raises(CaptureError, match="tokens take at least"):
        prepare(loaded, CaptureRequest("0" * 64, Model("m", "./m", "folder", ""), sentence))


def test_what_does_not_say_its_size_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, cpu=0)
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(num_hidden_layers=[1, 2]))
    unknown: Any = SimpleNamespace(config=config)
    assert need(unknown, 10) is None
    check_memory(unknown, "cpu", 10)


def test_what_fits_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = need(gpt2_small(), 1000)
    assert needed
    free(monkeypatch, cpu=needed.working + needed.result)
    check_memory(gpt2_small(), "cpu", 1000)
    free(monkeypatch, cpu=needed.result, **{"cuda:0": needed.working})
    check_memory(gpt2_small(), "cuda:0", 1000)
    free(monkeypatch, cpu=None)
    check_memory(gpt2_small(), "cpu", 1000)


@pytest.mark.parametrize(
    ("places", "device", "message"),
    [
        ({"cpu": 10**9}, "cpu", "100,000 tokens take at least 3.4 TB of memory on cpu, where 1 GB"),
        ({"cpu": 10**15, "cuda:0": 8 * 10**10}, "cuda:0", "on cuda:0, where 80 GB are free"),
        ({"cpu": 10**9, "cuda:0": 10**15}, "cuda:0", "on cpu, where 1 GB are free"),
    ],
)
def test_what_cannot_fit_is_told_before(
    monkeypatch: pytest.MonkeyPatch, places: dict[str, int], device: str, message: str
) -> None:
    free(monkeypatch, **places)
    with pytest.raises(CaptureError, match=re.escape(message)) as caught:
        check_memory(gpt2_small(), device, 100_000)
    assert caught.value.hint == "shorten the text: twice the tokens take four times the memory"


def test_a_real_lack_of_memory_is_told_with_what_was_asked_for() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 55, dtype=torch.uint8)
    error = out_of_memory(caught.value, "cpu")
    assert error is not None
    assert re.fullmatch(
        r"the model ran out of memory on cpu: it asked for 36,028.8 TB more, and .* [GM]B are free",
        error.message,
    )
    assert out_of_memory(RuntimeError("shapes do not fit"), "cpu") is None


def test_an_exhibit_that_is_too_large_is_named_and_the_others_are_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model("m", "./m", "folder", str(save_tiny(tmp_path, "bert")))
    requests = [
        CaptureRequest(key * 64, model, Sentence(key, text), (Where("a.yml", line),))
        for key, text, line in (("a", "cat", 4), ("b", "cat " * 40, 7))
    ]
    huge = 10**15
    monkeypatch.setattr(memory, "need", lambda _, n, __: Need(0, huge if n > 10 else 0))
    done: list[str] = []
    with pytest.raises(CaptureError) as caught:
        done.extend(capture.key[0] for capture in capture_all(requests))
    assert done == ["a"]
    assert str(caught.value).startswith(
        'a.yml:7: ./m on sentence "b": 42 tokens take at least 1,000.0 TB'
    )
