"""What a site of 100 and of 1,000 exhibits takes to build from stored captures, and how it grows.

Run by `make bench` (minutes). Captures are random, of the shape of a small model on the first words
of a long text, so that no model runs. Each build is a process of its own, as an author's is.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from attention_gallery import build
from attention_gallery.store import Store
from attentions import attention, capture
from projects import write_mkdocs

CASES: tuple[tuple[int, list[str] | None], ...] = ((100, None), (100, []), (1_000, []))
"""How many exhibits, and which files of charts to offer: all, or none."""
TALE = """When the old king saw that his youngest daughter had gone into the wood to look for the
golden ball he called his servants"""
LAYERS, HEADS = 3, 4


def project(folder: Path, n_exhibits: int, downloads: list[str] | None) -> None:
    """A project with that many exhibits on sentences of 8 to 23 tokens, all of them stored."""
    sentences = {
        f"s{i}": " ".join([*TALE.split()[: 7 + i % 16], str(i)]) for i in range(n_exhibits)
    }
    manifest = {
        "title": "Many",
        "models": {"story": {"source": "specimen:story"}},
        "sentences": sentences,
        "exhibits": [{"id": "e", "model": "story", "sentences": list(sentences)}],
    }
    (folder / "galleries").mkdir(parents=True)
    file = folder / "galleries" / "many.yml"
    file.write_text(json.dumps(manifest), "utf-8")
    options = {} if downloads is None else {"downloads": downloads}
    plugins = ["search", {"attention-gallery": options}]
    write_mkdocs(folder, use_directory_urls=False, plugins=plugins)
    store = Store(folder / ".attention")
    for key, request in build.read([file]).requests.items():
        tokens = tuple(request.sentence.text.split())
        made = capture(attention(tokens, n_heads=(HEADS,) * LAYERS))
        store.put(dataclasses.replace(made, key=key))


def measured(folder: Path) -> tuple[float, float, float, int]:
    """Seconds, seconds of cores, peak megabytes of the main process, and bytes of a build."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "attention_gallery", "build", "--quiet"], cwd=folder
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        raise SystemExit(f"the build failed: {status}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = sum(path.stat().st_size for path in (folder / "site").rglob("*") if path.is_file())
    return seconds, cores, usage.ru_maxrss / 1e3, size


def main() -> None:
    """Print the table."""
    print("A site from stored captures, 3 layers of 4 heads, 8 to 23 tokens, all views that fit\n")
    print("| exhibits | files of charts | build | cores | again | peak memory | site |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for n_exhibits, downloads in CASES:
        with tempfile.TemporaryDirectory() as name:
            project(Path(name), n_exhibits, downloads)
            seconds, cores, memory, size = measured(Path(name))
            again, *_ = measured(Path(name))
        print(
            f"| {n_exhibits:,} | {'all' if downloads is None else 'none'} | {seconds:.0f} s | "
            f"{cores:.0f} s | {again:.0f} s | {memory:.0f} MB | {size / 1e6:.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
