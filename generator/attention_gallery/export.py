"""Adapter: writes the site as Markdown, data and assets, for any generator that reads Markdown.

Figures stand in the Markdown as blocks of HTML that CommonMark and Python-Markdown leave alone, and
each page names the style and the scripts it needs: nothing has to be set up in the other generator.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

from attention_gallery import addresses, export_folder, site
from attention_gallery.commonmark import commonmark
from attention_gallery.errors import SiteError, printable
from attention_gallery.templates import render
from attention_gallery.terms import Asset, Page, Site, fragment_marker

PageUrls = Literal["source", "directory", "file"]
"""What a generator makes of the page ``a/b.md``.

It stands at ``a/b/``, or at ``a/b.html``; or where it does is the generator's own concern, which
reads links, in HTML too, as leading from one source file to another.
"""

PAGE_URLS: tuple[PageUrls, ...] = get_args(PageUrls)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export left.

    Attributes:
        n_pages: How many pages there are.
        n_files: How many other files.
        written: How many files are new, or have other bytes than before.
        removed: How many files of the export before this one are gone.
        size: Bytes of all pages and files.
    """

    n_pages: int
    n_files: int
    written: int
    removed: int
    size: int


def export(
    gallery: Site,
    author_pages: Sequence[Page],
    author_files: Sequence[Asset],
    folder: Path,
    *,
    page_urls: PageUrls = "source",
) -> Exported:
    """Write a site into a folder from which another generator makes pages.

    What is in the folder stays; only files that an earlier export wrote there are replaced, or
    removed where this one has none of their name.

    Args:
        gallery: Its pages and files.
        author_pages: The author's own pages, their blocks made fragments.
        author_files: Other files the pages may link to.
        folder: Where all goes; made where it is not there.
        page_urls: How the other generator makes addresses of pages.

    Raises:
        InputError: What a page teaches is not whole.
        SiteError: A file that no export wrote, or that was edited since, is in the way, a link
            leads out of the folder, or two files have one name: nothing has been written then. Or
            the folder cannot be written: it can be exported to again.
    """
    all_pages = [*gallery.pages, *author_pages]
    words = (file.path for file in gallery.assets if file.path == addresses.WORDS)
    scripts = (*words, *addresses.SCRIPTS)
    contents = _gathered(
        [
            *((page.path, _markdown(page, page_urls, scripts).encode()) for page in all_pages),
            *((file.path, file.content) for file in (*gallery.assets, *author_files)),
        ]
    )
    change = export_folder.put(contents, folder)
    return Exported(
        n_pages=len(all_pages),
        n_files=len(contents) - len(all_pages),
        written=change.written,
        removed=change.removed,
        size=sum(map(len, contents.values())),
    )


def _gathered(files: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Contents by path.

    Raises:
        SiteError: A path leads out of the folder, or is that of two files.
    """
    contents: dict[str, bytes] = {}
    for path, content in files:
        if not export_folder.is_place(path):
            raise SiteError(f"{printable(path)} is no place within a site")
        if path in contents:
            raise SiteError(
                f"two pages or files are called {path}",
                hint="rename the one of yours, or give the exhibit another id",
            )
        contents[path] = content
    return contents


def _markdown(page: Page, page_urls: PageUrls, scripts: Sequence[str]) -> str:
    """A page with its figures in it, and with what they need to become charts.

    Raises:
        InputError: What it teaches is not whole.
    """

    def url_of(path: str) -> str:
        return quote(_relative(path, page.path, page_urls))

    text = commonmark(page.markdown, page.path)
    for name, fragment in page.fragments.items():
        # Charts find their files from where their script is. A generator that mends links would
        # mend some of these attributes, and not others.
        bare = re.sub(
            r'(?<=<attention-chart )([^>]*?) src="site:[^"]*" vega="[^"]*"', r"\1", fragment
        )
        block = _block(site.resolve(bare, url_of))
        text = text.replace(fragment_marker(name), f"\n{block}\n")
    if not page.fragments:
        return text
    needs = render("pages/needs.html.j2", styles=addresses.STYLES, scripts=scripts)
    return f"{text.rstrip()}\n\n{_block(site.resolve(needs, url_of))}\n"


def _block(html: str) -> str:
    """HTML that Markdown takes for one block: without blank lines, which would end it.

    Where it is preformatted, a blank line is written as a character.
    """
    parts = re.split(r"(<pre\b.*?</pre>)", html.strip(), flags=re.DOTALL)
    return "".join(
        re.sub(r"\n(?=[ \t]*\n)", "&#10;", part) if number % 2 else re.sub(r"\n\s*\n", "\n", part)
        for number, part in enumerate(parts)
    )


def _relative(path: str, page: str, page_urls: PageUrls) -> str:
    """The address of a path of the site, seen from a page, once a generator has made it one."""
    target, here = _address(path, page_urls), _address(page, page_urls)
    folder = posixpath.dirname(here)
    relative = posixpath.relpath(target or ".", folder or ".")
    return f"{relative}/" if target.endswith("/") or not target else relative


def _address(path: str, page_urls: PageUrls) -> str:
    """Where a path of the site will stand, or its source does; folders end in a slash."""
    if page_urls == "source" or not path.endswith(".md"):
        return path
    stem = path.removesuffix(".md")
    folder, name = posixpath.split(stem)
    if page_urls == "file":
        return f"{stem}.html"
    if name in ("index", "README"):
        return f"{folder}/" if folder else ""
    return f"{stem}/"
