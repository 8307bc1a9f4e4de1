"""Commands that bring a site to its readers: push it, or hand it to another generator."""

from __future__ import annotations

from pathlib import Path

import click

from attention_gallery import deployment, language
from attention_gallery.cli import options
from attention_gallery.cli.pipeline import gathered, make_site, planned
from attention_gallery.configuration import configuration
from attention_gallery.deployment import plan_deployment, uncommitted
from attention_gallery.errors import GalleryError, as_bytes
from attention_gallery.export import PAGE_URLS, PageUrls, export
from attention_gallery.export_folder import check_apart
from attention_gallery.manifest.yaml_source import typed
from attention_gallery.terminal import quiet, say, verbose, warn


@click.command(
    short_help="Build the site and push it to GitHub Pages.",
    epilog="""\b
Examples:
  attention-gallery publish --dry-run
  attention-gallery publish --remote-name origin -m "Week 3"
""",
)
@options.manifests
@options.config_file
@click.option("--remote-name", default="", help="The remote repository.  [default: origin]")
@click.option("--remote-branch", default="", help="The branch that is served.  [default: gh-pages]")
@click.option(
    "-m",
    "--message",
    default="",
    help="Of the commit; {sha} is the commit that is checked out, {version} that of MkDocs.",
)
@click.option("--force", is_flag=True, help="Replace what is there, whoever put it there.")
@click.option("--no-history", is_flag=True, help="Keep only this version of the site: one commit.")
@click.option("--dry-run", is_flag=True, help="Build, and say what would be pushed where.")
@options.strict
@options.keep_going
@quiet
@verbose
def publish(
    manifests: tuple[Path, ...],
    config_file: Path | None,
    remote_name: str,
    remote_branch: str,
    message: str,
    force: bool,
    no_history: bool,
    dry_run: bool,
    strict: bool,
    keep_going: bool,
) -> None:
    """Build the site, and push it to the branch that GitHub Pages serves.

    This is `build`, and then `mkdocs gh-deploy` for the folder it wrote: the site becomes a commit
    on the branch gh-pages, which is pushed; your files and your branch stay as they are. On GitHub,
    choose that branch once under Settings, Pages.

    The other way is the workflow that `attention-gallery new` writes: there GitHub builds the site
    from committed captures whenever you push.
    """
    with configuration(manifests, config_file, strict=strict) as config:
        planned_deployment = plan_deployment(
            config, remote=remote_name, branch=remote_branch, message=message
        )
        project = planned(config)
        built = make_site(project, keep_going=keep_going)
        files = [path for path in Path(config.site_dir).rglob("*") if path.is_file()]
        load = f"{len(files)} files, {as_bytes(sum(path.stat().st_size for path in files))}"
        target = f"the branch {planned_deployment.branch} of {planned_deployment.place}"
        if n_captures := uncommitted(project.store.root):
            warn(
                f"{n_captures} captures in {project.store.root} are not committed: "
                "whoever builds the site from the repository has to make them"
            )
        if dry_run:
            say(f'Would push {load} to {target}, as "{planned_deployment.message}"')
        else:
            deployment.deploy(config, planned_deployment, force=force, no_history=no_history)
            say(f"Pushed {load} to {target}")
            if planned_deployment.address:
                say(f"In a minute or two: {planned_deployment.address}")
    if built.shortfall:
        raise GalleryError(built.shortfall)


@click.command(
    "export",
    short_help="Write Markdown for another generator.",
    epilog="""\b
Examples:
  attention-gallery export ../my-zensical-site/docs
  attention-gallery export ../my-hugo-site/content --page-urls directory
""",
)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@options.manifests
@options.config_file
@click.option(
    "--page-urls",
    type=click.Choice(PAGE_URLS),
    default="source",
    show_default=True,
    help="What the other generator makes of the page a/b.md, and of links in HTML to it: source if "
    "it mends links itself, as Zensical does; directory if pages stand at a/b/, as in MkDocs and "
    "Hugo; file if at a/b.html.",
)
@options.keep_going
@quiet
@verbose
def export_command(
    folder: Path,
    manifests: tuple[Path, ...],
    config_file: Path | None,
    page_urls: PageUrls,
    keep_going: bool,
) -> None:
    """Write the exhibits and your pages into DIR, as Markdown for another generator.

    Each page is plain Markdown with finished figures as HTML in it, and their data and assets
    beside it: a generator that leaves HTML in Markdown alone needs no plugin. What else is in DIR
    stays; exported again, only files of the last export are replaced, and only those you did not
    edit. DIR cannot be the folder of your own pages, lie in it or hold it.
    """
    with configuration(manifests, config_file) as config:
        check_apart(folder, Path(typed(Path(config.docs_dir))))
        project = planned(config)
        built = gathered(project, keep_going=keep_going)
        pages = project.plugin.author_pages(config, built.site)
        files = project.plugin.author_files(config)
        with language.speaking(project.plugin.spoken(config)):
            exported = export(built.site, pages, files, folder, page_urls=page_urls)
    say(
        f"{exported.n_pages} pages and {exported.n_files} files, {as_bytes(exported.size)} in "
        f"{folder}; {exported.written} written, {exported.removed} removed"
    )
    if built.shortfall:
        raise GalleryError(built.shortfall)
