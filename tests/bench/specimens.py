"""Seconds until each specimen is loaded, after the imports, in a fresh process each.

Run by `make bench`. The design wants less than a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from attention_gallery import resources

# The class that the configuration names is what the Auto class would find; importing it first keeps
# its time out, as it would be paid once for any number of models.
PROGRAM = """
import sys, time, torch, transformers
folder, architecture = sys.argv[1:]
architecture = getattr(transformers, architecture)
began = time.perf_counter()
architecture.from_pretrained(folder)
loaded = time.perf_counter()
transformers.AutoTokenizer.from_pretrained(folder)
print(loaded - began, time.perf_counter() - loaded)
"""


def seconds(folder: Path) -> tuple[float, float]:
    """How long a fresh process takes to load the model, and its tokenizer."""
    [architecture] = json.loads((folder / "config.json").read_text("utf-8"))["architectures"]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), architecture],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    model, tokenizer = map(float, ran.stdout.split())
    return model, tokenizer


def main() -> None:
    """Print the table."""
    print("| specimen | weights | model, s | tokenizer, s |")
    print("| --- | --- | --- | --- |")
    for name, folder in resources.specimens().items():
        size = (folder / "model.safetensors").stat().st_size
        model, tokenizer = seconds(folder)
        print(f"| {name} | {size / 1e6:.2f} MB | {model:.3f} | {tokenizer:.3f} |", flush=True)


if __name__ == "__main__":
    main()
