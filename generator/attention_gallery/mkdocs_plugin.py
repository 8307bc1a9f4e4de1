"""Adapter: feeds the site to MkDocs. Works unchanged under ProperDocs, which aliases `mkdocs`."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn
from urllib.parse import quote

from mkdocs import localization
from mkdocs.config import config_options
from mkdocs.config.base import BaseConfigOption, Config, ValidationError
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page as MkDocsPage
from mkdocs.structure.toc import AnchorLink

from attention_gallery import (
    addresses,
    anchors,
    author_pages,
    budget,
    build,
    language,
    site,
    weight,
)
from attention_gallery.blocks import find_blocks
from attention_gallery.budget import Budget, read_budget
from attention_gallery.drawings import n_cores
from attention_gallery.errors import GalleryError, InputError, Where
from attention_gallery.imprint import read_imprint
from attention_gallery.manifest.patterns import find_manifests
from attention_gallery.manifest.yaml_source import typed
from attention_gallery.progress import Track, silently
from attention_gallery.store import Store
from attention_gallery.terms import DOWNLOADS, Asset, Imprint, Page, Plan, Site
from attention_gallery.weight import Weight

if TYPE_CHECKING:
    import jinja2
    from mkdocs.livereload import LiveReloadServer

THEME = "attention-gallery"
"""The name of our theme."""

TEACHING = ("attention_gallery.glossary", "attention_gallery.questions")
"""What extends the Markdown of every page, without its author having to say so."""

log = logging.getLogger("mkdocs.plugins.attention-gallery")


# Unlike the other, it is not counted as a warning of MkDocs, which would fail a strict build.
aside = logging.getLogger("attention_gallery")


class _Sizes(BaseConfigOption[Budget | None]):
    """How many bytes there may be; None where the author set no limits."""

    def run_validation(self, value: object, /) -> Budget | None:
        try:
            return None if value is None else read_budget(value)
        except InputError as error:
            raise ValidationError(str(error)) from None


class Options(Config):  # type: ignore[no-untyped-call]
    """What an author can say about the plugin in mkdocs.yml; paths are relative to that file.

    Attributes:
        manifests: Patterns for the manifests, each a path in which ``*`` stands for any name.
        store: The folder in which captures are kept, to be found by the next build. Commit it, and
            a machine without torch builds the site.
        keep_going: Whether exhibits that cannot be captured or drawn are left out of the site, and
            the others are built. The build warns of them, so ``--strict`` fails in the end.
        language: The language of what pages say about exhibits and charts, such as ``hi``. By
            default that of the theme, where there is a translation, or else English.
        budget: Bytes above which the build warns, as in ``{exhibit: 500 kB, page: 1.5 MB, site: 200
            MB}``. By default 2 MB for an exhibit with all its files, 2 MB for a page with all that
            a browser loads for it, 200 MB for the site.
        downloads: What charts can be downloaded as, a file for each; ``[]`` for none. The weights
            are always there.
    """

    manifests = config_options.ListOfItems(config_options.Type(str), default=["galleries/*.yml"])
    store = config_options.Type(str, default=".attention")
    keep_going = config_options.Type(bool, default=False)
    language = config_options.Type(str, default="")
    budget = _Sizes()
    downloads = config_options.ListOfItems(
        config_options.Choice(DOWNLOADS), default=list(DOWNLOADS)
    )


class AttentionGalleryPlugin(BasePlugin[Options]):  # type: ignore[no-untyped-call]
    """Adds the index, a page for each exhibit, and their files.

    Attributes:
        named: Manifests named on the command line, instead of those of the options. On the class,
            because MkDocs makes the plugin anew whenever it reads its configuration.
        prepared: A site made by the caller for the next build; None to make it from the manifests.
        weight: Bytes of the site that was built last.
    """

    named: ClassVar[tuple[Path, ...]] = ()

    def __init__(self) -> None:
        self.prepared: Site | None = None
        self.weight = Weight({}, {}, 0)
        self._pages: dict[str, Page] = {}
        self._site: Site | None = None
        self._is_stale = False
        self._shown: dict[str, str] = {}
        self._files = Files([])
        self._serving = False
        self._server: LiveReloadServer | None = None
        self._pictures: set[Path] = set()
        self._speech = ExitStack()
        self._current: MkDocsPage | None = None

    def manifests(self, config: MkDocsConfig) -> list[Path]:
        """The manifests named on the command line, or those that the options name.

        Raises:
            InputError: A pattern that is none, or matches nothing.
        """
        hint = (
            "write one there, or set the plugin's option `manifests` in mkdocs.yml; [] where pages "
            "hold all exhibits"
        )
        found = find_manifests(_root(config), self._patterns(), hint)
        return list(dict.fromkeys([*self.named, *found]))

    def _patterns(self) -> list[str]:
        return [] if self.named else self.config.manifests

    def store(self, config: MkDocsConfig) -> Store:
        """Where captures are kept."""
        return Store(_root(config) / self.config.store)

    def imprint(self, config: MkDocsConfig) -> Imprint:
        """What is known of the publication."""
        return read_imprint(config, self.config.downloads)

    def page_language(self, config: MkDocsConfig) -> str:
        """The language of the site's pages: the option's, or else the theme's."""
        theme = config.theme  # Material calls it a language, others a locale
        named = self.config.language or theme.get("language") or theme.locale
        return str(named).replace("_", "-")

    def spoken(self, config: MkDocsConfig) -> str:
        """The language of what we say on them: the same where there is a translation."""
        code = self.page_language(config)
        return language.catalog(code).code if language.speaks(code) else language.ENGLISH

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
        config.extra_css += addresses.STYLES
        wanted, spoken = self.page_language(config), self.spoken(config)
        if not language.speaks(wanted):
            log.info("What exhibits say is not translated to %s yet, and stays English", wanted)
        if config.theme.name == THEME:
            logging.getLogger(localization.__name__).addFilter(_is_no_complaint)
        with language.speaking(spoken):
            words = (addresses.WORDS,) if language.words() else ()
        for path in (*words, *addresses.SCRIPTS):
            script = config_options.ExtraScriptValue(path)
            script.defer = True
            config.extra_javascript.append(script)
        root = _root(config)
        manifests = (*self.named, *(root / pattern for pattern in self._patterns()))
        for folder in {path.parent for path in manifests}:
            if folder.is_dir():
                config.watch.append(str(folder))
        for name in TEACHING:
            if name not in config.markdown_extensions:
                config.markdown_extensions.append(name)
            config.mdx_configs.setdefault(name, {})["refuse"] = self._refuse
        return config

    def on_pre_page(self, page: MkDocsPage, *, config: MkDocsConfig, files: Files) -> MkDocsPage:  # noqa: ARG002
        """Know which page a fault is on."""
        self._current = page
        return page

    def _refuse(self, fault: InputError) -> NoReturn:
        """Tell a fault in Markdown with its page, and with its line in the file."""
        page, line = self._current, fault.where.line if fault.where else 0
        if page is None:
            raise fault
        path = page.file.abs_src_path
        above = page.file.content_string.count("\n") - (page.markdown or "").count("\n")
        where = Where(typed(Path(path)) if path else page.file.src_uri, line and line + above)
        raise PluginError(str(InputError(fault.message, where, fault.hint))) from None

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Make the whole site before MkDocs empties its folder: a failure costs nothing.

        While a site is served its last good state stays, since MkDocs would answer no request
        until the fault is mended.
        """
        self._speech.close()
        self._speech.enter_context(language.speaking(self.spoken(config)))  # pages are yet to come
        try:
            # MkDocs may keep this object for the next configuration of the process.
            prepared, self.prepared = self.prepared, None
            self._site = prepared or self._make(config)
        except GalleryError as error:
            if not (self._serving and self._site):
                raise PluginError(str(error)) from None
            self._is_stale = True
            log.error("%s", error)  # noqa: TRY400  the author's fault, not ours
        else:
            self._is_stale = False
            self._shown.clear()
        self._pages = {page.path: page for page in self._site.pages}

    def plan(self, config: MkDocsConfig) -> Plan:
        """What the site is to show.

        Raises:
            GalleryError: Whatever an author has to mend.
        """
        markdown = author_pages.markdown_pages(config, drafts=self._serving)
        return build.read(self.manifests(config), markdown)

    def gather(
        self, plan: Plan, config: MkDocsConfig, *, track: Track, keep_going: bool
    ) -> build.Built:
        """Draw what was planned; the commands and MkDocs build the same site.

        Raises:
            GalleryError: What is wrong with the exhibits.
        """
        with language.speaking(self.spoken(config)):
            return build.build_site(
                plan,
                self.store(config),
                index_path=self.index_path(config),
                track=track,
                keep_going=keep_going or self.config.keep_going,
                imprint=self.imprint(config),
                n_processes=n_cores(),
            )

    def author_pages(self, config: MkDocsConfig, site: Site) -> list[Page]:
        """The author's own pages, with the exhibits of a site in place of their blocks.

        Raises:
            SiteError: The pages have changed since the site was made.
        """
        return author_pages.author_pages(config, site)

    def author_files(self, config: MkDocsConfig) -> list[Asset]:
        """The author's other files."""
        return author_pages.author_files(config)

    def _make(self, config: MkDocsConfig) -> Site:
        plan = self.plan(config)
        self._watch_pictures(plan, config)
        built = self.gather(plan, config, track=silently, keep_going=False)
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
        ours: list[File] = []
        for page in self._made.pages:
            # Navigation repeated on every page would make large galleries quadratic.
            level = InclusionLevel.UNDEFINED if page.in_nav else InclusionLevel.NOT_IN_NAV
            ours.append(File.generated(config, page.path, content=page.markdown, inclusion=level))
        for asset in self._made.assets:
            # An author who keeps manifests out of the site does not mean those of exhibits.
            level = InclusionLevel.INCLUDED
            ours.append(File.generated(config, asset.path, content=asset.content, inclusion=level))
        try:
            author_pages.check_places(ours, files)
        except GalleryError as error:
            raise PluginError(str(error)) from None
        for file in ours:
            files.append(file)
        self._files = files
        return files

    def on_env(
        self,
        env: jinja2.Environment,
        *,
        config: MkDocsConfig,
        files: Files,  # noqa: ARG002
    ) -> jinja2.Environment:
        """Have our theme speak the language of the pages; others have translations of their own."""
        if config.theme.name == THEME:
            code = self.page_language(config)
            env.globals |= {
                "page_language": code,
                "page_direction": language.direction(code),
            }
            env.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
                language._, language.ngettext, newstyle=True
            )
        return env

    def on_page_markdown(
        self,
        markdown: str,
        *,
        page: MkDocsPage,
        config: MkDocsConfig,  # noqa: ARG002
        files: Files,  # noqa: ARG002
    ) -> str:
        """Mark the places of blocks, before anything else makes something of them.

        While a fault is being mended, pages with blocks stay as they were.
        """
        path = page.file.src_uri
        if path in self._pages and path not in self._made.embedded:
            return markdown  # an exhibit's own page, whose prose may tell of blocks
        if self._is_stale and (path in self._shown or find_blocks(markdown)):
            markdown = self._shown.get(path, "")
        fragments = self._made.embedded.get(path, {})
        try:
            marked = author_pages.marked(path, markdown, fragments)
        except GalleryError as error:
            raise PluginError(str(error)) from None
        if fragments:
            self._pages[path] = marked
            self._shown[path] = markdown
        return marked.markdown if fragments else markdown

    def on_page_content(
        self,
        html: str,
        *,
        page: MkDocsPage,
        config: MkDocsConfig,  # noqa: ARG002
        files: Files,  # noqa: ARG002
    ) -> str:
        """Make room for the figures, which are put in too late: for their ids, and in the contents.

        Headings of the same ids get others.
        """
        ours = self._pages.get(page.file.src_uri)
        if ours is None:
            return html
        html, new = anchors.told_apart(html, anchors.ids("".join(ours.fragments.values())))
        for link in _all(page.toc.items):
            link.id = new.get(link.id, link.id)
        if page.toc.items:
            page.toc.items[0].children += [
                AnchorLink(escape(title), name, 2) for name, title in ours.contents
            ]
        return html

    def on_post_page(self, output: str, *, page: MkDocsPage, config: MkDocsConfig) -> str:  # noqa: ARG002
        """Put the finished figures in, after Markdown, search and theme have had their turn."""
        ours = self._pages.get(page.file.src_uri)
        if ours is None:
            return output
        try:
            filled = site.fill(output, ours, lambda path: self._url(path, page.file))
        except GalleryError as error:
            raise PluginError(str(error)) from None
        return filled.replace("</head>", f"{ours.head}</head>", 1)

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Weigh the site: tell what is above its budget, and fail at what GitHub Pages takes."""
        self._speech.close()
        if self._serving:
            return
        self.weight = weight.weigh(Path(config.site_dir))
        # What an author has set is meant; a budget nobody chose fails no strict build.
        warn = log.warning if self.config.budget else aside.warning
        for line in budget.excess(self.weight, self.config.budget or Budget()):
            warn("%s", line)
        try:
            budget.check_limit(self.weight)
        except GalleryError as error:
            raise PluginError(str(error)) from None

    @property
    def _made(self) -> Site:
        """The site as it was made last."""
        return self._site or Site((), ())

    def _url(self, path: str, page: File) -> str:
        file = self._files.get_file_from_path(path)
        if file is not None:
            return file.url_relative_to(page)
        if not path.endswith(".md"):
            raise PluginError(f"{page.src_uri} names {path}, which the site does not have")
        # An author's link: as with those in Markdown, only a strict build fails.
        log.warning("%s links to %s, which the site does not have", page.src_uri, path)
        return quote(posixpath.relpath(path, posixpath.dirname(page.src_uri)))

    def on_build_error(self, *, error: Exception) -> None:  # noqa: ARG002
        """Speak as before."""
        self._speech.close()


def _is_no_complaint(record: logging.LogRecord) -> bool:
    """Whether it is about something else than files that our theme, which uses others, lacks."""
    return not str(record.msg).startswith("No translations could be found for the locale")


def _watch(server: LiveReloadServer, folders: Iterable[Path]) -> None:
    for folder in folders:
        # An image may lie in the root of a project, and captures are written below that.
        server.watch(str(folder), recursive=False)


def _all(links: Iterable[AnchorLink]) -> Iterator[AnchorLink]:
    """Links of a table of contents, and those below them."""
    for link in links:
        yield link
        yield from _all(link.children)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path or ".").resolve().parent
