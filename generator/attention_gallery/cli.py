"""The commands: the only place that prints, and that turns errors into exit codes."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import click
from mkdocs.commands import build as mkdocs_build
from mkdocs.commands import serve as mkdocs_serve
from mkdocs.config.base import ValidationError
from mkdocs.config.config_options import IpAddress
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import MkDocsException

from attention_gallery import __version__, budget, build, site, views
from attention_gallery.configuration import DEFAULT, configuration, plugin_of
from attention_gallery.errors import GalleryError, InputError, as_bytes
from attention_gallery.manifest.lone import lone_exhibit
from attention_gallery.manifest.values import slug
from attention_gallery.mkdocs_plugin import AttentionGalleryPlugin
from attention_gallery.store import Store
from attention_gallery.terminal import is_loud, quiet, say, tell, tracker, verbose
from attention_gallery.terms import ATTENTION_KINDS, DTYPES, AttentionKind, Dtype, Plan

_manifests = click.argument("manifests", nargs=-1, type=click.Path(path_type=Path))
_config_file = click.option(
    "-f",
    "--config-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default=str(DEFAULT),
    help="MkDocs' configuration. Without one, a plain site is built from the manifests alone.",
)


_dtype = click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default="float32",
    show_default=True,
    help="What the model computes in.",
)
_device = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="What it runs on: cpu, cuda, cuda:1, mps, or split for a model larger than one device.",
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Start here:
  attention-gallery build --example
  attention-gallery show specimen:story "Once upon a time"
  attention-gallery build galleries/mine.yml""",
)
@click.version_option(__version__, prog_name="attention-gallery")
def cli() -> None:
    """Publish what attention does, as static interactive pages.

    A manifest (YAML) names models, sentences and heads; the build captures attention from the
    models once, draws interactive charts, and writes a site that opens from a folder, a USB stick
    or GitHub Pages.
    """


@cli.command("build")
@_manifests
@_config_file
@click.option("-d", "--site-dir", type=click.Path(path_type=Path), help="Where the site goes.")
@click.option("--example", is_flag=True, help="Build the gallery that comes with the package.")
@click.option("--strict", is_flag=True, help="Fail on MkDocs' warnings, such as a broken link.")
@click.option(
    "-k",
    "--keep-going",
    is_flag=True,
    help="Leave out the exhibits that cannot be captured or drawn, and build the others.",
)
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
    """
    with configuration(manifests, config_file, site_dir, example=example, strict=strict) as config:
        plugin, plan, store = _planned(config)
        target = Path(config.site_dir)
        site.check_target(target)  # before anything that takes long
        built = build.build_site(
            plan,
            store,
            index_path=plugin.index_path(config),
            track=tracker(),
            keep_going=keep_going or plugin.config.keep_going,
        )
        plugin.prepared = built.site
        with site.replacing(target) as folder:
            config.site_dir = str(folder)
            _run_mkdocs(config)
    captures = len(plan.requests) - len(build.missing(plan, store))
    measures = len(plan.measures) - len(build.unmeasured(plan, store))
    say(
        f"{len(built.shown)} exhibits from {_counted(captures, measures)} "
        f"({built.made} new), "
        f"{as_bytes(_size(target))} in {target}"
    )
    say(f"Open {target / 'index.html'}")
    if built.shortfall:
        raise GalleryError(built.shortfall)


@cli.command()
@_manifests
@_config_file
@quiet
@verbose
def capture(manifests: tuple[Path, ...], config_file: Path | None) -> None:
    """Run the models and store their attention, without building a site.

    Stored captures can be committed or cached, so that a machine without torch builds the site.
    What cannot be captured does not stop the rest; it is told at the end.
    """
    with configuration(manifests, config_file) as config:
        _, plan, store = _planned(config)
        wanted = len(build.missing(plan, store)), len(build.unmeasured(plan, store))
        try:
            build.obtain(plan, store, tracker())
        finally:
            failed = len(build.missing(plan, store)), len(build.unmeasured(plan, store))
            made = (before - after for before, after in zip(wanted, failed, strict=True))
            stored = len(plan.requests) + len(plan.measures) - sum(wanted)
            say(
                f"{_counted(*made)} made, {stored} were stored in {store.root}"
                + (f", {sum(failed)} are missing" if any(failed) else "")
            )


@cli.command()
@_manifests
@_config_file
@quiet
@verbose
def check(manifests: tuple[Path, ...], config_file: Path | None) -> None:
    """Validate manifests; say what would be captured and how large the site will be.

    No model is run and nothing is written.
    """
    with configuration(manifests, config_file) as config:
        _, plan, store = _planned(config)
    wanted = {request.key for request in build.missing(plan, store)}
    total = budget.SITE
    unknown = 0
    for exhibit in plan.exhibits:
        key = plan.keys[exhibit.id]
        stored = None if key in wanted else store.get(key)
        size = budget.exhibit_bytes(exhibit, stored)
        total += size or 0
        unknown += size is None
        state = "stored" if stored else "to capture"
        about = f"about {as_bytes(size)}" if size else "size known once captured"
        shown = ", ".join(views.of(exhibit))
        say(f"{exhibit.id}: {exhibit.model.source}, {shown}; {state}, {about}")
    to_make = len(wanted) + len(build.unmeasured(plan, store))
    say(
        f"{len(plan.exhibits)} exhibits from {_counted(len(plan.requests), len(plan.measures))}, "
        f"{to_make} to make; the site will be about {as_bytes(total)}"
        + (f", and what {unknown} exhibits add" if unknown else "")
    )


def _counted(captures: int, measures: int) -> str:
    """How many of each, where there are any measures at all."""
    return f"{captures} captures" + (f" and {measures} measures" if measures else "")


def _address(_context: click.Context, _parameter: click.Parameter, address: str) -> str:
    try:
        port = IpAddress().run_validation(address).port
    except ValidationError as error:
        raise click.BadParameter(str(error)) from None
    if not 0 <= port <= 65_535:
        raise click.BadParameter(f"{port} is not a valid port")
    return address


@cli.command()
@_manifests
@_config_file
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
        _planned(config)  # a fault that is there from the start is no state to serve
        try:
            mkdocs_serve.serve(config.config_file_path, dev_addr=dev_addr)
        except OSError as error:
            raise InputError(
                f"cannot serve at {dev_addr}: {error.strerror}", hint="try another --dev-addr"
            ) from error
        except MkDocsException as error:
            raise GalleryError(str(error)) from None


@cli.command()
@click.argument("model")
@click.argument("text", default="")
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False),
    help="For a model that sees: the image, a PNG, JPEG or WebP file, instead of TEXT, or beside "
    "it for one that also reads.",
)
@click.option(
    "--audio",
    type=click.Path(exists=True, dir_okay=False),
    help="For a model that hears: the sound, a WAV file, instead of TEXT.",
)
@click.option("--pair", default="", help="A second text, which the model reads together with TEXT.")
@click.option("--target", default="", help="What the decoder of an encoder-decoder reads.")
@click.option("--revision", default="", help="Commit or branch of a model on the hub.")
@_dtype
@_device
@click.option(
    "--attention", type=click.Choice(ATTENTION_KINDS), help="Which attention, where there are more."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The HTML file."
)
@quiet
@verbose
def show(
    model: str,
    text: str,
    pair: str,
    image: str | None,
    audio: str | None,
    target: str,
    revision: str,
    dtype: Dtype,
    device: str,
    attention: AttentionKind | None,
    output: Path | None,
) -> None:
    """Write one HTML file that shows how MODEL attends over TEXT, an image or a sound.

    MODEL is a hub id, a folder, or specimen:NAME. The file needs nothing else: mail it, or open it
    from a USB stick.
    """
    exhibit = lone_exhibit(
        model,
        text,
        pair=pair,
        image=image or "",
        audio=audio or "",
        target=target,
        revision=revision,
        dtype=dtype,
        device=device,
        attention=attention,
    )
    output = output or Path(f"{slug(exhibit.model.source)}.html")
    with tempfile.TemporaryDirectory() as folder:
        page = build.show(exhibit, Store(Path(folder)), tracker())
    try:
        output.write_text(page, "utf-8")
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}") from error
    say(f"{as_bytes(output.stat().st_size)} in {output}")


@cli.command()
@click.argument("model")
@click.argument("text", default="The quick brown fox jumps over the lazy dog.")
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False),
    help="For a model that sees: an image to try it on. By default a drawing of colours.",
)
@click.option(
    "--audio",
    type=click.Path(exists=True, dir_okay=False),
    help="For a model that hears: a WAV file to try it on. By default a tone that rises.",
)
@click.option("--target", default="", help="What the decoder of an encoder-decoder reads.")
@click.option("--revision", default="", help="Commit or branch of a model on the hub.")
@_dtype
@_device
@quiet
@verbose
def doctor(
    model: str,
    text: str,
    image: str | None,
    audio: str | None,
    target: str,
    revision: str,
    dtype: Dtype,
    device: str,
) -> None:
    """Try what can be captured from MODEL, before you write a manifest.

    MODEL is a hub id, a folder, or specimen:NAME. Tells which attention it has, layer by layer, in
    which way it is seen, whether it equals what the model itself reports, and how much memory
    longer texts will take.
    """
    from attention_gallery.capture.diagnosis import diagnose

    exhibit = lone_exhibit(
        model,
        "" if audio else text,
        image=image or "",
        audio=audio or "",
        target=target,
        revision=revision,
        dtype=dtype,
        device=device,
    )
    for line in diagnose(exhibit, tell):
        say(line)


def main() -> NoReturn:
    """Run a command. Exit codes: 0 done, 1 a build that failed or left out, 2 bad input."""
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger().setLevel(logging.WARNING)
    # Without this a build that is told to end would leave its half-made site behind.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        code = cli.main(standalone_mode=False)
    except GalleryError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    sys.exit(code or 0)


def _planned(config: MkDocsConfig) -> tuple[AttentionGalleryPlugin, Plan, Store]:
    plugin = plugin_of(config)
    return plugin, build.read(plugin.manifests(config)), plugin.store(config)


def _run_mkdocs(config: MkDocsConfig) -> None:
    config.plugins.on_startup(command="build", dirty=False)
    try:
        mkdocs_build.build(config)
    except MkDocsException as error:
        raise GalleryError(str(error)) from None
    finally:
        config.plugins.on_shutdown()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
