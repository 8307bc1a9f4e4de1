"""From a configuration to a site, as several commands go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mkdocs.commands import build as mkdocs_build
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import MkDocsException

from attention_gallery import build, site, weight
from attention_gallery.build import Built
from attention_gallery.configuration import plugin_of
from attention_gallery.errors import GalleryError, as_bytes
from attention_gallery.mkdocs_plugin import AttentionGalleryPlugin
from attention_gallery.store import Store
from attention_gallery.terminal import is_verbose, say, tracker
from attention_gallery.terms import Plan
from attention_gallery.weight import Weight

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A project that was read and is right: nothing has been run or written."""

    config: MkDocsConfig
    plugin: AttentionGalleryPlugin
    plan: Plan
    store: Store


def planned(config: MkDocsConfig) -> Planned:
    """Read the manifests of a configuration.

    Raises:
        GalleryError: Whatever an author has to mend.
    """
    plugin = plugin_of(config)
    return Planned(config, plugin, plugin.plan(config), plugin.store(config))


def gathered(project: Planned, *, keep_going: bool) -> Built:
    """Capture what is missing and draw all exhibits.

    Raises:
        GalleryError: What is wrong with the exhibits.
    """
    return project.plugin.gather(
        project.plan, project.config, track=tracker(), keep_going=keep_going
    )


def make_site(project: Planned, *, keep_going: bool) -> Built:
    """Write the site over the last one, once it is whole, and say how large it is.

    Raises:
        GalleryError: Why there is no new site; the last one is as it was.
    """
    target = Path(project.config.site_dir)
    site.check_target(target)  # before anything that takes long
    built = gathered(project, keep_going=keep_going)
    project.plugin.prepared = built.site
    with site.replacing(target) as folder:
        project.config.site_dir = str(folder)
        _run_mkdocs(project.config)
    project.config.site_dir = str(target)
    weighed = project.plugin.weight
    report(weighed)
    captures = len(project.plan.requests) - len(build.missing(project.plan, project.store))
    measures = len(project.plan.measures) - len(build.unmeasured(project.plan, project.store))
    say(
        f"{len(built.shown)} exhibits from {counted(captures, measures)} "
        f"({built.made} new), {as_bytes(weighed.total)} in {target}"
    )
    return built


def report(weighed: Weight) -> None:
    """Say which exhibits and pages are the largest."""
    for title, sizes in (
        ("exhibit", weighed.exhibits),
        ("page, with all that it loads", weighed.pages),
    ):
        for line in weight.table(title, sizes, n_listed(_LISTED)):
            say(line)


def n_listed(usual: int) -> int | None:
    """How many lines a table may have; None for all."""
    return None if is_verbose() else usual


def counted(captures: int, measures: int) -> str:
    """How many of each, where there are any measures at all."""
    return f"{captures} captures" + (f" and {measures} measures" if measures else "")


def _run_mkdocs(config: MkDocsConfig) -> None:
    config.plugins.on_startup(command="build", dirty=False)
    try:
        mkdocs_build.build(config)
    except MkDocsException as error:
        raise GalleryError(str(error)) from None
    finally:
        config.plugins.on_shutdown()
