"""The commands: the only place that prints, and that turns errors into exit codes."""

from __future__ import annotations

import logging
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, TypeVar

import click
from mkdocs.commands import build as mkdocs_build
from mkdocs.commands import serve as mkdocs_serve
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import MkDocsException

from attention_gallery import __version__, budget, build, resources, site
from attention_gallery.configuration import configuration, plugin_of
from attention_gallery.errors import GalleryError, InputError
from attention_gallery.mkdocs_plugin import AttentionGalleryPlugin
from attention_gallery.model_source import model_from_source
from attention_gallery.store import Store
from attention_gallery.terms import ATTENTION_KINDS, AttentionKind, Exhibit, Plan, Sentence

T = TypeVar("T")

_manifests = click.argument("manifests", nargs=-1, type=click.Path(path_type=Path))
_config_file = click.option(
    "-f",
    "--config-file",
    type=click.Path(path_type=Path),
    default=Path("mkdocs.yml"),
    show_default=True,
    help="MkDocs' configuration. Without one, a plain site is built from the manifests alone.",
)


def _set_level(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(_context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        if given:
            logging.getLogger().setLevel(level)

    return callback


# How loud a command is, is the level of the root logger; MkDocs goes by it too.
_quiet = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_set_level(logging.ERROR),
    help="Print errors only.",
)  # fmt: skip
_verbose = click.option(
    "-v", "--verbose", is_flag=True, expose_value=False, callback=_set_level(logging.INFO),
    help="Also print what MkDocs does.",
)  # fmt: skip


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
@_quiet
@_verbose
def build_command(
    manifests: tuple[Path, ...],
    config_file: Path,
    site_dir: Path | None,
    example: bool,
    strict: bool,
) -> None:
    """Build the site from MANIFESTS, or from those mkdocs.yml names.

    Attention that was captured before is taken from the store; a build that captures nothing does
    not need torch. The last good site stays until the new one is whole.
    """
    with configuration(manifests, config_file, site_dir, example=example, strict=strict) as config:
        plugin, plan, store = _planned(config)
        track = _tracker()
        made = build.obtain(plan, store, track)
        plugin.prepared = build.build_site(
            plan, store, index_path=plugin.index_path(config), track=track
        )
        target = Path(config.site_dir)
        with site.replacing(target) as folder:
            config.site_dir = str(folder)
            _run_mkdocs(config)
    if _loud():
        click.echo(
            f"{len(plan.exhibits)} exhibits from {len(plan.requests)} captures ({made} new), "
            f"{_bytes(_size(target))} in {target}"
        )
        click.echo(f"Open {target / 'index.html'}")


@cli.command()
@_manifests
@_config_file
@_quiet
@_verbose
def capture(manifests: tuple[Path, ...], config_file: Path) -> None:
    """Run the models and store their attention, without building a site.

    Stored captures can be committed or cached, so that a machine without torch builds the site.
    """
    with configuration(manifests, config_file) as config:
        _, plan, store = _planned(config)
        made = build.obtain(plan, store, _tracker())
    if _loud():
        click.echo(f"{made} captures made, {len(plan.requests) - made} were stored in {store.root}")


@cli.command()
@_manifests
@_config_file
def check(manifests: tuple[Path, ...], config_file: Path) -> None:
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
        about = f"about {_bytes(size)}" if size else "size known once captured"
        click.echo(
            f"{exhibit.id}: {exhibit.model.source}, {', '.join(exhibit.views)}; {state}, {about}"
        )
    click.echo(
        f"{len(plan.exhibits)} exhibits from {len(plan.requests)} captures, {len(wanted)} to make; "
        f"the site will be about {_bytes(total)}"
        + (f", and what {unknown} exhibits add" if unknown else "")
    )


@cli.command()
@_manifests
@_config_file
@click.option(
    "-a", "--dev-addr", default="127.0.0.1:8000", show_default=True, help="Address to serve at."
)
def serve(manifests: tuple[Path, ...], config_file: Path, dev_addr: str) -> None:
    """Serve the site and rebuild it while you write.

    Editing a sentence captures that sentence; editing prose captures nothing.
    """
    logging.getLogger().setLevel(logging.INFO)
    with configuration(manifests, config_file) as config:
        mkdocs_serve.serve(config.config_file_path, dev_addr=dev_addr)


@cli.command()
@click.argument("model")
@click.argument("text")
@click.option("--target", default="", help="What the decoder of an encoder-decoder reads.")
@click.option("--revision", default="", help="Commit or branch of a model on the hub.")
@click.option(
    "--attention", type=click.Choice(ATTENTION_KINDS), help="Which attention, where there are more."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The HTML file."
)
@_quiet
@_verbose
def show(
    model: str,
    text: str,
    target: str,
    revision: str,
    attention: AttentionKind | None,
    output: Path | None,
) -> None:
    """Write one HTML file that shows how MODEL attends over TEXT.

    MODEL is a hub id, a folder, or specimen:NAME. The file needs nothing else: mail it, or open it
    from a USB stick.
    """
    sentence = Sentence("text", text, target)
    exhibit = Exhibit(
        id="show",
        title=f"{model} on “{text if len(text) <= 60 else text[:59] + '…'}”",
        model=model_from_source(model, revision=revision),
        sentence=sentence,
        attention=attention,
        views=resources.view_names(),
    )
    output = output or Path(f"{re.sub(r'[^a-z0-9]+', '-', model.lower()).strip('-')}.html")
    with tempfile.TemporaryDirectory() as folder:
        page = build.show(exhibit, Store(Path(folder)), _tracker())
    try:
        output.write_text(page, "utf-8")
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}") from error
    if _loud():
        click.echo(f"{_bytes(output.stat().st_size)} in {output}")


def main() -> NoReturn:
    """Run a command. Exit codes: 0 done, 1 a failed build, 2 bad input."""
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger().setLevel(logging.WARNING)
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


def _loud() -> bool:
    return logging.getLogger().isEnabledFor(logging.WARNING)


def _tracker() -> build.Track:
    return _progress if _loud() else build.silently


def _progress(items: Iterable[T], label: str, length: int, /) -> Iterable[T]:
    with click.progressbar(
        items, length=length, label=label, show_pos=True, show_eta=True, file=sys.stderr
    ) as bar:
        yield from bar


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _bytes(size: float) -> str:
    """Bytes as people say them, in powers of 1,000."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


if __name__ == "__main__":
    main()
