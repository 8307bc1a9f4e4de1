"""Adapter: exhibits in any Markdown that Python-Markdown renders, such as Zensical's.

    markdown_extensions: [attention_gallery.markdown_fence]

It shows what is stored already and runs no model: `attention-gallery capture` does. Charts find
their data by the address of their script, so the files that `attention-gallery export` writes have
to be at the top of the site.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from attention_gallery import build, language, site
from attention_gallery.blocks import find_blocks, replaced
from attention_gallery.errors import GalleryError
from attention_gallery.manifest import read_manifest
from attention_gallery.manifest.patterns import find_manifests
from attention_gallery.manifest.yaml_source import typed
from attention_gallery.store import Store
from attention_gallery.terms import Gallery, MarkdownPage

_PRIORITY = 27
"""After white space is normalised and what is included is included, before blocks become code."""


class FenceExtension(Extension):
    """Shows exhibits in place of blocks; its options are those of the MkDocs plugin."""

    def __init__(self, **options: Any) -> None:
        self.config = {
            "manifests": [["galleries/*.yml"], "Patterns for the manifests."],
            "store": [".attention", "The folder in which captures are kept."],
            "docs": ["docs", "The folder of all pages."],
            "language": ["", "The language of what is said about exhibits, such as hi."],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Take part in rendering."""
        md.preprocessors.register(_Blocks(md, self.getConfigs()), "attention-gallery", _PRIORITY)


class _Blocks(Preprocessor):
    """Puts finished HTML in place of blocks."""

    def __init__(self, md: Markdown, options: dict[str, Any]) -> None:
        super().__init__(md)
        self._options = options

    def run(self, lines: list[str]) -> list[str]:
        """Lines with placeholders for HTML.

        Raises:
            GalleryError: What is wrong with the blocks, all of it at once.
        """
        text = "\n".join(lines)
        found = find_blocks(text)
        if not found:
            return lines
        try:
            html = self._html(self._page(text))
        except GalleryError as fault:
            # Generators print where an error was raised, which is no concern of an author's.
            raise fault.with_traceback(None) from None
        return replaced(text, found, map(self.md.htmlStash.store, html)).split("\n")

    def _html(self, page: MarkdownPage) -> list[str]:
        """The HTML of the blocks of a page.

        Raises:
            GalleryError: What is wrong with them.
        """
        with language.speaking(self._options["language"] or language.ENGLISH):
            plan = build.read_page(page, _galleries(_stamped(self._options["manifests"])))
            store = Store(Path(self._options["store"]))
            html = build.blocks_from_store(plan, store, linked=bool(page.path))
        # As seen from the page's file: Zensical makes addresses of that, in HTML as well.
        folder = PurePosixPath(page.path).parent.as_posix()
        return [
            site.resolve(html[block.name], lambda path: quote(posixpath.relpath(path, folder)))
            for block in plan.blocks
        ]

    def _page(self, text: str) -> MarkdownPage:
        """The page that is being rendered, as far as the generator tells.

        Zensical gives a page without its front matter, so lines are counted in the file.
        """
        # Zensical's own extensions find it here, too.
        context: Any = next((each for each in self.md.preprocessors if hasattr(each, "page")), None)
        if context is None:
            return MarkdownPage("", "Markdown", text, Path(self._options["docs"]))
        page, config = context.page, context.config
        file = Path(config.get("docs_dir") or self._options["docs"]) / page.path
        try:
            written = file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            written = text
        blocks = [block.text.split() for block in find_blocks(text)]
        if blocks != [block.text.split() for block in find_blocks(written)]:
            written = text  # what another extension has changed is in no file
        return MarkdownPage(page.path, typed(file), written, file.parent)


def _stamped(patterns: Sequence[str]) -> tuple[tuple[Path, int], ...]:
    """The manifests, each with the time of its last change.

    Raises:
        InputError: A pattern that is none, or matches nothing.
    """
    hint = "set the option `manifests` of attention_gallery.markdown_fence"
    found = find_manifests(Path(), patterns, hint)
    return tuple((path, path.stat().st_mtime_ns) for path in found)


@lru_cache(maxsize=4)
def _galleries(manifests: tuple[tuple[Path, int], ...]) -> tuple[Gallery, ...]:
    """What manifests hold, read once for all pages."""
    return tuple(read_manifest(path) for path, _ in manifests)


def makeExtension(**options: Any) -> FenceExtension:  # noqa: N802  Python-Markdown's name
    """The extension, as Python-Markdown asks for it."""
    return FenceExtension(**options)
