"""Commands about a gallery: validate, capture, build, serve."""

from __future__ import annotations

import logging
from pathlib import Path

import click
from mkdocs.commands import serve as mkdocs_serve
from mkdocs.config.base import ValidationError
from mkdocs.config.config_options import IpAddress
from mkdocs.exceptions import MkDocsException

from attention_gallery import budget, build, estimate, views, weight
from attention_gallery.budget import Budget
from attention_gallery.cli import options
from attention_gallery.cli.pipeline import counted, make_site, n_listed, planned
from attention_gallery.configuration import configuration
from attention_gallery.errors import GalleryError, InputError, as_bytes
from attention_gallery.terminal import is_loud, quiet, say, tracker, verbose, warn
from attention_gallery.weight import Weight


@click.command("build", short_help="Capture what is missing, and write the site.")
@options.manifests
@options.config_file
@options.site_dir
@click.option("--example", is_flag=True, help="Build the gallery that comes with the package.")
@options.strict
@options.keep_going
@quiet
@verbose
def build_command(
    manifests: tuple[Path, ...],
    config_file: Path | None,
    site_dir: Path | None,
    example: bool,
    strict: bool,
    keep_going: bool,
) -> None:
    """Build the site from MANIFESTS, or from those mkdocs.yml names.

    Attention that was captured before is taken from the store; a build that captures nothing does
    not need torch. The last good site stays until the new one is whole.

    An exhibit that fails fails the build, and what was captured is kept. With --keep-going the
    site is built without it: why is said at the end, and the exit code is 1. A fault of a manifest
    itself still stops everything, and so does a site that would show nothing.

    Says which exhibits and pages are the largest, and warns of those above the `budget` of the
    plugin in mkdocs.yml. A site that GitHub Pages would not take, above 1 GB, fails.
    """
    with configuration(manifests, config_file, site_dir, example=example, strict=strict) as config:
        built = make_site(planned(config), keep_going=keep_going)
        say(f"Open {Path(config.site_dir) / 'index.html'}")
    if built.shortfall:
        raise GalleryError(built.shortfall)


@click.command(short_help="Run the models and store their attention.")
@options.manifests
@options.config_file
@quiet
@verbose
def capture(manifests: tuple[Path, ...], config_file: Path | None) -> None:
    """Run the models and store their attention, without building a site.

    Stored captures can be committed or cached, so that a machine without torch builds the site.
    What cannot be captured does not stop the rest; it is told at the end.
    """
    with configuration(manifests, config_file) as config:
        project = planned(config)
        plan, store = project.plan, project.store
        wanted = len(build.missing(plan, store)), len(build.unmeasured(plan, store))
        try:
            build.obtain(plan, store, tracker())
        finally:
            failed = len(build.missing(plan, store)), len(build.unmeasured(plan, store))
            made = (before - after for before, after in zip(wanted, failed, strict=True))
            stored = len(plan.requests) + len(plan.measures) - sum(wanted)
            say(
                f"{counted(*made)} made, {stored} were stored in {store.root}"
                + (f", {sum(failed)} are missing" if any(failed) else "")
            )


@click.command(short_help="Validate manifests; estimate captures and sizes.")
@options.manifests
@options.config_file
@quiet
@verbose
def check(manifests: tuple[Path, ...], config_file: Path | None) -> None:
    """Validate manifests; say what would be captured and how large the site will be.

    The largest exhibits come first, the first ten of them without --verbose; sizes are estimates.
    No model is run and nothing is written.
    """
    with configuration(manifests, config_file) as config:
        project = planned(config)
    plan, store = project.plan, project.store
    wanted = {request.key for request in build.missing(plan, store)}
    sizes: dict[str, int] = {}
    described: dict[str, int] = {}
    unknown = []
    for exhibit in plan.exhibits:
        key = plan.keys[exhibit.id]
        stored = None if key in wanted else store.get(key)
        size = estimate.exhibit_bytes(exhibit, stored, project.plugin.config.downloads)
        shown = ", ".join(views.of(exhibit))
        state = "stored" if stored else "to capture"
        line = f"{exhibit.id}: {exhibit.model.source}, {shown}; {state}"
        if size is None:
            unknown.append(line)
        else:
            sizes[exhibit.id] = described[line] = size
    total = estimate.SITE + sum(sizes.values())
    for line in weight.table("exhibit, estimated", described, n_listed(10)):
        say(line)
    for line in unknown[: n_listed(10)]:
        say(f"{'?':>9}  {line}; size known once captured")
    to_make = len(wanted) + len(build.unmeasured(plan, store))
    say(
        f"{len(plan.exhibits)} exhibits from {counted(len(plan.requests), len(plan.measures))}, "
        f"{to_make} to make; the site will be about {as_bytes(total)}"
        + (f", and what {len(unknown)} exhibits add" if unknown else "")
    )
    estimated = Weight(sizes, {}, total)
    for line in budget.excess(estimated, project.plugin.config.budget or Budget()):
        warn(line)
    budget.check_limit(estimated)


def _address(_context: click.Context, _parameter: click.Parameter, address: str) -> str:
    try:
        port = IpAddress().run_validation(address).port
    except ValidationError as error:
        raise click.BadParameter(str(error)) from None
    if not 0 <= port <= 65_535:
        raise click.BadParameter(f"{port} is not a valid port")
    return address


@click.command(short_help="Serve the site, rebuilt while you write.")
@options.manifests
@options.config_file
@click.option(
    "-a",
    "--dev-addr",
    default="127.0.0.1:8000",
    show_default=True,
    callback=_address,
    help="Address to serve at.",
)
@quiet
@verbose
def serve(manifests: tuple[Path, ...], config_file: Path | None, dev_addr: str) -> None:
    """Serve the site and rebuild it while you write.

    Editing a sentence captures that sentence; editing prose captures nothing.
    """
    if is_loud():
        logging.getLogger().setLevel(logging.INFO)
    with configuration(manifests, config_file) as config:
        planned(config)  # a fault that is there from the start is no state to serve
        try:
            mkdocs_serve.serve(config.config_file_path, dev_addr=dev_addr)
        except OSError as error:
            raise InputError(
                f"cannot serve at {dev_addr}: {error.strerror}", hint="try another --dev-addr"
            ) from error
        except MkDocsException as error:
            raise GalleryError(str(error)) from None
