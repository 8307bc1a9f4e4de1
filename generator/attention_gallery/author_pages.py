"""The author's own pages and files, as MkDocs has them, and places in them for exhibits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure import files as mkdocs_files
from mkdocs.structure.files import File, InclusionLevel

from attention_gallery import addresses
from attention_gallery.blocks import find_blocks, replaced
from attention_gallery.errors import SiteError
from attention_gallery.manifest.yaml_source import typed
from attention_gallery.terms import Asset, MarkdownPage, Page, Site, fragment_marker


def markdown_pages(config: MkDocsConfig, *, drafts: bool = False) -> Iterator[MarkdownPage]:
    """The Markdown pages that MkDocs will include.

    Args:
        config: Says where they are, and which.
        drafts: Whether drafts are among them.
    """
    for file in _files(config, drafts=drafts):
        if file.is_documentation_page() and file.abs_src_path is not None:
            path = Path(file.abs_src_path)
            try:
                text = file.content_string
            except (OSError, UnicodeDecodeError):
                continue  # MkDocs will tell
            yield MarkdownPage(file.src_uri, typed(path), text, path.parent)


def marked(path: str, markdown: str, fragments: Mapping[str, str]) -> Page:
    """A page with markers in place of its blocks.

    Args:
        path: The page's.
        markdown: Its text.
        fragments: The HTML of its blocks, by name, in their order.

    Raises:
        SiteError: It holds other blocks than those that were read before.
    """
    found = find_blocks(markdown)
    if len(found) != len(fragments):
        raise SiteError(
            f"{path} has {len(found)} blocks where {len(fragments)} were read from its file",
            hint="blocks that another plugin adds or takes away cannot be shown",
        )
    text = replaced(markdown, found, map(fragment_marker, fragments))
    return Page(path, "", text, fragments)


def author_pages(config: MkDocsConfig, site: Site) -> list[Page]:
    """The author's own pages, each with its blocks as fragments.

    Args:
        config: Says where they are, and which.
        site: What their blocks were made for.

    Raises:
        SiteError: Pages have changed since.
    """
    return [
        marked(page.path, page.text, site.embedded.get(page.path, {}))
        for page in markdown_pages(config)
    ]


def author_files(config: MkDocsConfig) -> list[Asset]:
    """The other files that MkDocs will copy, without those of its theme."""
    return [
        Asset(file.src_uri, file.content_bytes)
        for file in _files(config, drafts=False)
        if not file.is_documentation_page()
    ]


def check_places(ours: Iterable[File], others: Iterable[File]) -> None:
    """See that nothing of a site takes the place of another file, whatever that is called.

    Args:
        ours: Files of the site.
        others: Those of the author, and of the theme.

    Raises:
        SiteError: A place is taken.
    """
    others = list(others)
    sources = {file.src_uri: file for file in others}
    places = {
        file.dest_uri: file for file in others if file.inclusion is not InclusionLevel.EXCLUDED
    }
    for file in ours:
        taken = sources.get(file.src_uri) or places.get(file.dest_uri)
        if taken:
            is_shared = file.src_uri.startswith(addresses.SHARED)
            raise SiteError(
                f"{taken.abs_src_path} has the place of the exhibits' {file.src_uri}",
                hint="rename the file" + ", or give the exhibit another id" * (not is_shared),
            )


def _files(config: MkDocsConfig, *, drafts: bool) -> Iterator[File]:
    with _without_warnings():
        found = mkdocs_files.get_files(config)
    left_out = {InclusionLevel.EXCLUDED, *([] if drafts else [InclusionLevel.DRAFT])}
    return (file for file in found if file.inclusion not in left_out)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """MkDocs will warn of conflicting files itself, when it looks for them."""
    log = mkdocs_files.log
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
