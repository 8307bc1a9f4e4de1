"""Pages and assets as plain data: what every adapter writes.

HTML names other files of the site as ``site:PATH`` in an attribute for an address, quoted as in any
address and with a fragment or not, since only the adapter knows at which address a page will stand;
`resolve` turns these into relative links.
"""

from __future__ import annotations

import filecmp
import html
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

import vl_convert

from attention_gallery import addresses, language, resources
from attention_gallery.cache import kept
from attention_gallery.errors import SiteError
from attention_gallery.terms import Asset, Page, Site, fragment_marker

BUNDLES = "scripts"
"""The folder below a store for scripts that take long to bundle, which may be deleted."""

_TAG = re.compile(r"""<[a-zA-Z](?:[^"'>]|"[^"]*"|'[^']*')*>""")
_ADDRESS = re.compile(r"""(?<=\s)(?:href|src|vega)="site:([^"]*)"|"[^"]*"|'[^']*'""")


def assemble(
    pages: Iterable[Page],
    files: Iterable[Asset],
    vega: str,
    embedded: Mapping[str, Mapping[str, str]] | None = None,
) -> Site:
    """Gather pages and their files, and add the files that all exhibits use.

    Args:
        pages: All that are made of manifests.
        files: Those that only one exhibit uses.
        vega: What draws charts, as one script.
        embedded: HTML for blocks of the author's own pages, by page and name.
    """
    assets_folder = resources.templates() / "assets"
    assets: list[Asset] = [
        Asset(addresses.VEGA, vega.encode()),
        *(
            Asset(path, (assets_folder / Path(path).name).read_bytes())
            for path in (*addresses.STYLES, *addresses.SCRIPTS)
        ),
    ]
    if words := language.words():
        assets.append(Asset(addresses.WORDS, words.encode("ascii")))
    return Site(tuple(pages), (*assets, *files), embedded or {})


def vega_bundle(store: Path) -> str:
    """Vega, Vega-Lite and their embedder as one script, without a network.

    Bundling takes more than a second, so the result is kept below `store` under its version.
    """
    file = store / BUNDLES / f"vega-{version('vl-convert-python')}-enclosed.js"
    return kept(file, _bundle).decode()


def _bundle() -> bytes:
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Its hundreds of short names, `$` among them, would otherwise take those of a theme's scripts.
    return f"(() => {{{bundle}\n}})();\n".encode()


def fill(rendered: str, page: Page, url_of: Callable[[str], str]) -> str:
    """Put a page's fragments into its rendered HTML.

    Args:
        rendered: The page after Markdown and the theme.
        page: Where the fragments are.
        url_of: The address of a path of the site, relative to this page.

    Raises:
        SiteError: A place is gone, or a browser would not see it as one.
    """
    places = _Places()
    places.feed(rendered)
    places.close()
    for name, fragment in page.fragments.items():
        if places.comments.count(fragment_marker(name)) != 1:
            raise SiteError(
                f"{page.path}: the place of {name} is lost in the text before it",
                hint="is there an open <!-- or an unclosed tag such as <textarea> in the prose?",
            )
        rendered = rendered.replace(fragment_marker(name), resolve(fragment, url_of))
    return rendered


class _Places(HTMLParser):
    """Collects what a browser takes for comments, and not what stands inside something else."""

    CDATA_CONTENT_ELEMENTS = (  # type: ignore[misc]  # browsers have more than Python knew of
        "script", "style", "textarea", "title", "xmp", "iframe", "noframes",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.comments: list[str] = []

    def handle_comment(self, data: str) -> None:
        self.comments.append(f"<!--{data}-->")


def resolve(fragment: str, url_of: Callable[[str], str]) -> str:
    """Turn each ``site:PATH`` in an attribute for an address into one.

    A token, or the name of a model, may look like it: what stands anywhere else is only text.
    """

    def address(match: re.Match[str]) -> str:
        if match[1] is None:  # the value of another attribute
            return match[0]
        path, *rest = re.split(r"(?=[?#])", html.unescape(match[1]), maxsplit=1)
        name = match[0].partition("=")[0]
        return f'{name}="{html.escape("".join((url_of(unquote(path)), *rest)), quote=True)}"'

    return _TAG.sub(lambda tag: _ADDRESS.sub(address, tag[0]), fragment)


def check_target(folder: Path) -> None:
    """See that a site may take the place of a folder; the check that costs nothing.

    Raises:
        SiteError: It is a file, or holds files that no build has made.
    """
    if folder.exists() and not folder.is_dir():
        raise SiteError(f"{folder} is a file", hint="choose another folder for the site")
    made = (folder / addresses.SHARED).is_dir()
    if folder.exists() and not made and any(not _is_carried(entry) for entry in folder.iterdir()):
        raise SiteError(
            f"{folder} holds files that no build has made",
            hint="choose an empty folder or an earlier site, since everything in it is replaced",
        )


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Build a folder beside the one it will replace, and swap them when it is whole.

    The last good site stays untouched while the block runs and when it fails. A file whose bytes
    did not change keeps its time stamp, so that uploads and caches see only what is new. What
    publishes a site lies in it under names with a dot (.git, .nojekyll, .domains) and stays.

    Yields:
        An empty folder next to `folder`.

    Raises:
        SiteError: The folders cannot be written, or `folder` is not one a build has made.
    """
    folder = folder.resolve()
    check_target(folder)
    with _explained(f"cannot write beside {folder}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    new, old = staging / "new", staging / "old"
    try:
        new.mkdir()
        yield new
        with _explained(f"cannot replace {folder}"):
            _keep_time_stamps(folder, new)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
    finally:
        with _explained(f"{folder} is not whole; the last site is in {old}"):
            _settle(old, folder)
        shutil.rmtree(staging, ignore_errors=True)


def _settle(old: Path, folder: Path) -> None:
    """Take from an old site what must not go with it: all of it, when the swap was cut short."""
    if old.exists() and not folder.exists():
        old.rename(folder)
    for entry in filter(_is_carried, old.glob("*")):
        if not (folder / entry.name).exists():
            entry.rename(folder / entry.name)


def _is_carried(entry: Path) -> bool:
    return entry.name.startswith(".")


@contextmanager
def _explained(message: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SiteError(f"{message}: {error.strerror}") from error


def _keep_time_stamps(old: Path, new: Path) -> None:
    for file in new.rglob("*"):
        before = old / file.relative_to(new)
        if file.is_file() and before.is_file() and filecmp.cmp(file, before, shallow=False):
            stat = before.stat()
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
