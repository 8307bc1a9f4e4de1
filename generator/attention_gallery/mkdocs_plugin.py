"""Adapter: feeds the site to MkDocs. Works unchanged under ProperDocs, which aliases `mkdocs`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mkdocs.config import config_options
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page as MkDocsPage

from attention_gallery import addresses, build, site
from attention_gallery.errors import GalleryError, InputError, quoted
from attention_gallery.store import Store
from attention_gallery.terms import Page, Plan, Site

if TYPE_CHECKING:
    from mkdocs.livereload import LiveReloadServer

log = logging.getLogger("mkdocs.plugins.attention-gallery")


class Options(Config):  # type: ignore[no-untyped-call]
    """What an author can say about the plugin in mkdocs.yml; paths are relative to that file."""

    manifests = config_options.ListOfItems(config_options.Type(str), default=["galleries/*.yml"])
    store = config_options.Type(str, default=".attention")
    keep_going = config_options.Type(bool, default=False)


class AttentionGalleryPlugin(BasePlugin[Options]):  # type: ignore[no-untyped-call]
    """Adds the index, a page for each exhibit, and their files.

    Attributes:
        named: Manifests named on the command line, instead of those of the options. On the class,
            because MkDocs makes the plugin anew whenever it reads its configuration.
        prepared: A site made by the caller for the next build; None to make it from the manifests.
    """

    named: ClassVar[tuple[Path, ...]] = ()

    def __init__(self) -> None:
        self.prepared: Site | None = None
        self._pages: dict[str, Page] = {}
        self._site = Site((), ())
        self._files = Files([])
        self._serving = False
        self._server: LiveReloadServer | None = None
        self._pictures: set[Path] = set()

    def manifests(self, config: MkDocsConfig) -> list[Path]:
        """The manifests named on the command line, or those that the options name.

        Raises:
            InputError: A pattern that is none, or matches nothing.
        """
        root = _root(config)
        found = list(self.named)
        for pattern in self._patterns():
            folder = Path(pattern).anchor or "."
            relative = pattern.removeprefix(folder) if folder != "." else pattern
            try:
                matches = sorted((root / folder).glob(relative))
            except ValueError as error:
                raise InputError(
                    f"{quoted(pattern)} is not a pattern for manifests: {error}",
                    hint="write one such as galleries/*.yml",
                ) from None
            if not matches:
                raise InputError(
                    f"no manifest matches {pattern!r} in {root}",
                    hint="write one there, or set the plugin's option `manifests` in mkdocs.yml",
                )
            found += matches
        return list(dict.fromkeys(found))

    def _patterns(self) -> list[str]:
        return [] if self.named else self.config.manifests

    def store(self, config: MkDocsConfig) -> Store:
        """Where captures are kept."""
        return Store(_root(config) / self.config.store)

    def index_path(self, config: MkDocsConfig) -> str:
        """The index is the home page, unless the author has written one."""
        homes = (Path(config.docs_dir) / name for name in ("index.md", "README.md"))
        return "exhibits/index.md" if any(home.exists() for home in homes) else "index.md"

    def on_startup(
        self,
        *,
        command: Literal["build", "gh-deploy", "serve"],
        dirty: bool,  # noqa: ARG002
    ) -> None:
        """Have this object live through all rebuilds of a served site, as MkDocs has it."""
        self._serving = command == "serve"

    def on_shutdown(self) -> None:
        """Forget a site that was made for a build which then did not come to it."""
        self.prepared = None

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Load the exhibits' style and element on every page, and watch the manifests."""
        config.extra_css.append(addresses.STYLE)
        element = config_options.ExtraScriptValue(addresses.ELEMENT)
        element.defer = True
        config.extra_javascript.append(element)
        root = _root(config)
        manifests = (*self.named, *(root / pattern for pattern in self._patterns()))
        for folder in {path.parent for path in manifests}:
            if folder.is_dir():
                config.watch.append(str(folder))
        return config

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Make the whole site before MkDocs empties its folder: a failure costs nothing.

        While a site is served its last good state stays, since MkDocs would answer no request
        until the fault is mended.
        """
        try:
            # MkDocs may keep this object for the next configuration of the process.
            prepared, self.prepared = self.prepared, None
            self._site = prepared or self._make(config)
        except GalleryError as error:
            if not (self._serving and self._site.pages):
                raise PluginError(str(error)) from None
            log.error("%s", error)  # noqa: TRY400  the author's fault, not ours
        self._pages = {page.path: page for page in self._site.pages}

    def _make(self, config: MkDocsConfig) -> Site:
        plan = build.read(self.manifests(config))
        self._watch_pictures(plan, config)
        built = build.build_site(
            plan,
            self.store(config),
            index_path=self.index_path(config),
            keep_going=self.config.keep_going,
        )
        log.info("Captured %d of %d sentences", built.made, len(plan.requests))
        if built.shortfall:
            log.warning("%s", built.shortfall)  # if strict, MkDocs writes the site and then fails
        return built.site

    def _watch_pictures(self, plan: Plan, config: MkDocsConfig) -> None:
        """Watch the folders of images and sounds, wherever they are, unless they are anyway."""
        watched = [Path(path).resolve() for path in (config.docs_dir, *config.watch)]
        # Not those of the requests: equal files in several places are one request.
        sentences = [exhibit.sentence for exhibit in plan.exhibits]
        sentences += [other.sentence for exhibit in plan.exhibits for other in exhibit.against]
        # A sentence has one of the two, or neither.
        files = [sentence.image or sentence.audio for sentence in sentences]
        folders = {Path(file).parent for file in files if file}
        new = {
            folder
            for folder in folders - self._pictures
            if not any(folder.is_relative_to(path) for path in watched)
        }
        self._pictures |= new
        if self._server:
            _watch(self._server, new)

    def on_serve(
        self,
        server: LiveReloadServer,
        *,
        config: MkDocsConfig,  # noqa: ARG002
        builder: Callable[..., Any],  # noqa: ARG002
    ) -> LiveReloadServer:
        """Watch the images of the first build, and keep the server for those of later ones."""
        self._server = server
        _watch(server, self._pictures)
        return server

    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Add the site's pages and assets as generated files."""
        taken = [page.path for page in self._site.pages if files.get_file_from_path(page.path)]
        if taken:
            raise PluginError(
                f"{Path(config.docs_dir) / taken[0]} has the place of the exhibits' {taken[0]}; "
                "rename the file, or give the exhibit another id"
            )
        for page in self._site.pages:
            # Navigation repeated on every page would make large galleries quadratic.
            level = InclusionLevel.UNDEFINED if page.in_nav else InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, page.path, content=page.markdown, inclusion=level))
        for asset in self._site.assets:
            files.append(File.generated(config, asset.path, content=asset.content))
        self._files = files
        return files

    def on_post_page(self, output: str, *, page: MkDocsPage, config: MkDocsConfig) -> str:  # noqa: ARG002
        """Put the finished figures in, after Markdown, search and theme have had their turn."""
        ours = self._pages.get(page.file.src_uri)
        if ours is None:
            return output
        try:
            return site.fill(output, ours, lambda path: self._url(path, page.file))
        except GalleryError as error:
            raise PluginError(str(error)) from None

    def _url(self, path: str, page: File) -> str:
        file = self._files.get_file_from_path(path)
        if file is None:
            raise PluginError(f"{page.src_uri} names {path}, which the site does not have")
        return file.url_relative_to(page)


def _watch(server: LiveReloadServer, folders: Iterable[Path]) -> None:
    for folder in folders:
        # An image may lie in the root of a project, and captures are written below that.
        server.watch(str(folder), recursive=False)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path or ".").resolve().parent
