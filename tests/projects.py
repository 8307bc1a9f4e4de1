"""Small projects on disk: a manifest, mkdocs.yml, and a store filled without a model."""

from __future__ import annotations

import atexit
import dataclasses
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from attention_gallery import build
from attention_gallery.store import Store
from attention_gallery.terms import Plan
from attentions import FOX, attention, capture

MANIFEST: dict[str, Any] = {
    "title": "Two animals",
    "prose": "About *animals*.",
    "models": {"story": {"source": "specimen:story"}},
    "sentences": {
        "fox": "The quick brown fox jumps over the lazy dog",
        "once": "Once upon a time",
    },
    "exhibits": [
        {"id": "fox", "title": "The fox", "model": "story", "sentence": "fox"},
        {"id": "once", "title": "Once", "model": "story", "sentence": "once", "views": ["edges"]},
    ],
}


def write_manifest(folder: Path, name: str = "animals", **changes: Any) -> Path:
    """A manifest in `folder`/galleries; JSON is YAML."""
    file = folder / "galleries" / f"{name}.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**MANIFEST, **changes}, indent=1, ensure_ascii=False), "utf-8")
    return file


def write_mkdocs(folder: Path, **changes: Any) -> Path:
    """A configuration for the manifests of `folder`, with an empty docs folder."""
    (folder / "docs").mkdir(exist_ok=True)
    config = {
        "site_name": "Animals",
        "theme": {"name": "attention-gallery"},
        "plugins": ["search", "attention-gallery"],
        **changes,
    }
    file = folder / "mkdocs.yml"
    file.write_text(json.dumps(config), "utf-8")
    return file


def fill_store(folder: Path, tokens: tuple[str, ...] = FOX) -> Plan:
    """Put random attention where the captures of all manifests of `folder` would be."""
    plan = build.read(sorted((folder / "galleries").glob("*.yml")))
    store = Store(folder / ".attention")
    for key in plan.requests:
        store.put(dataclasses.replace(capture(attention(tokens)), key=key))
    share_drawings(store.root)
    return plan


def share_drawings(store: Path) -> None:
    """Have what takes long to draw, and is the same in all projects, drawn once for a process."""
    store.mkdir(exist_ok=True)
    for name in ("scripts", "pictures"):
        shared = _drawings() / name
        shared.mkdir(exist_ok=True)
        if not (store / name).exists():
            (store / name).symlink_to(shared, target_is_directory=True)


@cache
def _drawings() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="attention-gallery-drawings-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
