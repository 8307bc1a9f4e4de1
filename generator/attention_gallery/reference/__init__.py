"""The reference of the documentation, written from the code it is about.

``python -m attention_gallery.reference`` writes the pages below ``galleries/guide/reference``, and
a test compares them. What they say is said where it is decided: a key by its shape in `manifest`, a
view by its template, a measure by its module, a command and its options by `cli`, an option of the
plugin by its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attention_gallery.reference import (
    commands,
    configuration,
    glossary,
    manifest,
    measures,
    views,
)


def pages() -> Mapping[str, str]:
    """The Markdown of each page, by the name of its file."""
    written = {
        "manifest.md": manifest.page(),
        "views.md": views.page(),
        "measures.md": measures.page(),
        "commands.md": commands.page(),
        "configuration.md": configuration.page(),
        "glossary.md": glossary.page(),
    }
    return {name: f"{text.rstrip()}\n" for name, text in written.items()}


def write(folder: Path) -> None:
    """Write the pages to a folder; one that says the same already is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        file = folder / name
        if not file.is_file() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8", newline="\n")
