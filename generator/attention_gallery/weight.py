"""How many bytes a built site has: each exhibit, each page, and all of it.

Bytes are those on disk. GitHub Pages sends text compressed, in about a third of them.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attention_gallery.errors import as_bytes

_FOLDER = "exhibits"

# What a browser loads for a page by itself. What stands between angle brackets is markup: in text
# they are escaped.
_LOADING = re.compile(
    r'<(?:script|img|source|audio|video|attention-chart)\b[^<>]*>|<link\b[^<>]*"stylesheet"[^<>]*>'
)
_ADDRESS = re.compile(r'\b(?:src|vega|href|poster)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes of a site, or what they are estimated at.

    Attributes:
        exhibits: By id: the exhibit's page and its folder.
        pages: By path: the page and all that a browser loads with it. Empty where not known.
        total: Of all files.
    """

    exhibits: Mapping[str, int]
    pages: Mapping[str, int]
    total: int


def weigh(folder: Path) -> Weight:
    """Weigh a built site.

    Args:
        folder: Where it is.
    """
    sizes = dict(_sizes(folder))
    pages = [path for path in sizes if path.endswith(".html")]
    exhibits: dict[str, int] = {}
    for path, size in sizes.items():
        parts = path.removesuffix(".html").split("/")
        # The index of exhibits may stand in their folder; it is none.
        if parts[0] == _FOLDER and len(parts) > 1 and parts[1] != "index":
            exhibits[parts[1]] = exhibits.get(parts[1], 0) + size
    loaded = {page: {page} | _loaded(folder, page, sizes) for page in pages}
    return Weight(
        exhibits,
        {page: sum(sizes[path] for path in files) for page, files in loaded.items()},
        sum(sizes.values()),
    )


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]  # .git is not served
        for name in names:
            file = Path(place, name)
            yield file.relative_to(folder).as_posix(), file.stat().st_size


def _loaded(folder: Path, page: str, sizes: Mapping[str, int]) -> set[str]:
    """The files of the site that a page names to be loaded, not what scripts ask for later."""
    html = (folder / page).read_text("utf-8", errors="replace")
    found = set()
    for tag in _LOADING.finditer(html):
        for address in _ADDRESS.findall(tag[0]):
            path = unquote(urlsplit(address).path)
            found.add(posixpath.normpath(posixpath.join(posixpath.dirname(page), path)))
    return found & sizes.keys()


def table(title: str, sizes: Mapping[str, int], longest: int | None) -> list[str]:
    """Lines for an author, what is largest first; none where there is nothing.

    Args:
        title: What it is whose bytes are told.
        sizes: Bytes by name.
        longest: How many are listed; None for all.
    """
    ordered = largest(sizes)
    if not ordered:
        return []
    lines = [f"{as_bytes(size):>9}  {name}" for name, size in ordered[:longest]]
    if rest := len(ordered) - len(lines):
        lines.append(f"{'':>9}  {rest} more, down to {as_bytes(ordered[-1][1])} (-v lists all)")
    return [f"{'bytes':>9}  {title}", *lines]


def largest(sizes: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names and bytes, what is largest first."""
    return sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
