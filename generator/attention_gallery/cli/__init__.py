"""The commands: the only place that prints, and that turns errors into exit codes."""

from __future__ import annotations

import logging
import signal
import sys
from typing import NoReturn

import click

from attention_gallery import __version__
from attention_gallery.cli.galleries import build_command, capture, check, serve
from attention_gallery.cli.models import doctor, show
from attention_gallery.cli.publishing import export_command, publish
from attention_gallery.cli.starting import new
from attention_gallery.errors import GalleryError


class _InOrder(click.Group):
    """Lists its commands as one comes to need them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Start here:
  attention-gallery new my-gallery
  attention-gallery build --example
  attention-gallery show specimen:story "Once upon a time\"""",
)
@click.version_option(__version__, prog_name="attention-gallery")
def cli() -> None:
    """Publish what attention does, as static interactive pages.

    A manifest (YAML) names models, sentences and heads; the build captures attention from the
    models once, draws interactive charts, and writes a site that opens from a folder, a USB stick
    or GitHub Pages.
    """


for _command in (new, check, capture, build_command, serve, publish, export_command, show, doctor):
    cli.add_command(_command)


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
