"""A site of our own to measure: the weights BertViz shows, and longer texts with few heads."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from attention_gallery import build
from attention_gallery.store import Store
from attention_gallery.terms import Attention
from attentions import attention, capture
from bench.browser.weights import Source, words
from projects import write_manifest

LENGTHS = (256, 512, 1024)
HEADS = ("L0H0", "L0H1", "L1H0", "L1H1")
PAGES = {"edges": ("edges",), "grid": ("grid",), "overview": ("edges", "grid", "heatmap")}
"""Views, by what the page of them is called."""

FOCUSED = ("edges", "heatmap")
"""Views of a long text."""


def build_site(folder: Path, sources: Sequence[Source]) -> None:
    """Build ``folder/site``, with the pages that `page` and `long_page` name."""
    shutil.rmtree(folder, ignore_errors=True)
    shown: dict[str, Attention] = {_id(source): source.attention for source in sources}
    # Noise is as hard to draw as a model's weights, and needs no model of a thousand tokens.
    for n in LENGTHS:
        shown[f"long-{n}"] = attention(words(n), n_heads=(2, 2), seed=n)
    exhibits = [
        {"id": f"{_id(source)}-{name}", "title": source.name, "model": "none",
         "sentence": _id(source), "views": list(views)}
        for source in sources
        for name, views in PAGES.items()
    ] + [
        {"id": f"long-{n}", "title": f"{n} tokens", "model": "none", "sentence": f"long-{n}",
         "heads": list(HEADS), "views": list(FOCUSED)}
        for n in LENGTHS
    ]  # fmt: skip
    folder.mkdir(parents=True)
    manifest = write_manifest(
        folder,
        title="Weights to measure",
        prose="",
        models={"none": {"source": "specimen:story"}},
        sentences={
            # Captures are stored by what is read: without its name all would be the first one's.
            name: " ".join([f"{name}:", *(token.text for token in source.queries)])
            for name, source in shown.items()
        },
        exhibits=exhibits,
    )
    store = Store(folder / ".attention")
    for key, request in build.read([manifest]).requests.items():
        held = capture(shown[request.sentence.id])
        store.put(dataclasses.replace(held, key=key))
    command = [sys.executable, "-m", "attention_gallery", "build", "--strict"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def page(source: Source, name: str) -> str:
    """Address of one of `PAGES`."""
    return f"exhibits/{_id(source)}-{name}.html"


def long_page(n_tokens: int) -> str:
    """Address of the first chart of a long text, which itself takes more than a window."""
    return f"exhibits/long-{n_tokens}.html#{FOCUSED[0]}"


def stated_error(site: Path, page: str) -> float:
    """What a page says a weight is off by at most."""
    stated = re.search(r"off by at most ([0-9.]+[0-9])", (site / page).read_text("utf-8"))
    if stated is None:
        raise AssertionError(f"{page} states no error")
    return float(stated[1])


def _id(source: Source) -> str:
    return source.name.lower().replace(" ", "-")
