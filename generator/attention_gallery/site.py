"""Pages and assets as plain data: what every adapter writes.

HTML names other files of the site as ``site:PATH`` in an attribute, since only the adapter knows
at which address a page will stand; `resolve` turns these into relative links.
"""

from __future__ import annotations

import filecmp
import html
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import vl_convert

from attention_gallery import pages, resources
from attention_gallery.errors import SiteError
from attention_gallery.terms import Asset, Page, Site, fragment_marker

_SITE_URL = re.compile(r'(?<==")site:([^"]*)(?=")')


def assemble(made: Iterable[tuple[Page, tuple[Asset, ...]]], vega: str) -> Site:
    """Gather pages and their files, and add the files that all exhibits use."""
    assets_folder = resources.templates() / "assets"
    site_pages: list[Page] = []
    assets: list[Asset] = [
        Asset(pages.VEGA, vega.encode()),
        *(
            Asset(path, (assets_folder / Path(path).name).read_bytes())
            for path in (pages.ELEMENT, pages.STYLE)
        ),
    ]
    for page, files in made:
        site_pages.append(page)
        assets.extend(files)
    return Site(tuple(site_pages), tuple(assets))


def vega_bundle(cache: Path) -> str:
    """Vega, Vega-Lite and their embedder as one script, without a network.

    Bundling takes more than a second, so the result is kept in `cache` under its version.

    Raises:
        SiteError: The cache cannot be written.
    """
    file = cache / f"vega-{version('vl-convert-python')}.js"
    try:
        return file.read_text("utf-8")
    except OSError:
        bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=cache, delete=False) as part:
            part.write(bundle)
        Path(part.name).replace(file)
    except OSError as error:
        raise SiteError(f"cannot write {file}: {error.strerror}") from error
    return bundle


def fill(rendered: str, page: Page, url_of: Callable[[str], str]) -> str:
    """Put a page's fragments into its rendered HTML.

    Args:
        rendered: The page after Markdown and the theme.
        page: Where the fragments are.
        url_of: The address of a path of the site, relative to this page.
    """
    for name, fragment in page.fragments.items():
        rendered = rendered.replace(fragment_marker(name), resolve(fragment, url_of))
    return rendered


def resolve(fragment: str, url_of: Callable[[str], str]) -> str:
    """Turn each ``site:PATH`` in an attribute into an address."""
    return _SITE_URL.sub(
        lambda match: html.escape(url_of(html.unescape(match[1])), quote=True), fragment
    )


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Build a folder beside the one it will replace, and swap them when it is whole.

    The last good site stays untouched while the block runs and when it fails. A file whose bytes
    did not change keeps its time stamp, so that uploads and caches see only what is new.

    Yields:
        An empty folder next to `folder`.

    Raises:
        SiteError: The folders cannot be written, or `folder` is not one a build has made.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise SiteError(f"{folder} is a file", hint="choose another folder for the site")
    if folder.exists() and any(folder.iterdir()) and not _is_site(folder):
        raise SiteError(
            f"{folder} holds files that no build has made",
            hint="choose an empty folder or an earlier site, since everything in it is replaced",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise SiteError(f"cannot write beside {folder}: {error.strerror}") from error
    try:
        new, old = staging / "new", staging / "old"
        new.mkdir()
        yield new
        _keep_time_stamps(folder, new)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_site(folder: Path) -> bool:
    return (folder / pages.SHARED).is_dir() or (folder / "sitemap.xml").is_file()


def _keep_time_stamps(old: Path, new: Path) -> None:
    for file in new.rglob("*"):
        before = old / file.relative_to(new)
        if file.is_file() and before.is_file() and filecmp.cmp(file, before, shallow=False):
            stat = before.stat()
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
