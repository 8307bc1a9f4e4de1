"""The command that begins a gallery."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from attention_gallery import starter
from attention_gallery.terminal import quiet, say, verbose


@click.command(
    short_help="Write a small complete gallery to begin with.",
    epilog="""\b
Examples:
  attention-gallery new attention-in-class
  attention-gallery new . --title "Attention in class" --author "Ada Lovelace"
""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--title", default="", help="What the site is called.  [default: after DIR]")
@click.option("--author", default=None, help="Who publishes it.  [default: git's user.name]")
@quiet
@verbose
def new(folder: Path, title: str, author: str | None) -> None:
    """Write a complete small gallery into DIR, to build at once and to change bit by bit.

    Three exhibits on models that come with the package, a page of prose, the settings of a site,
    and what GitHub needs to publish it. DIR has to be new, or empty but for .git.
    """
    written = starter.write(folder, title=title, author=author)
    say(f"{len(written)} files in {folder}. Next:")
    if folder.resolve() != Path.cwd():
        say(f"  cd {starter.shell_word(folder)}")
    if find_spec("torch") is None or find_spec("transformers") is None:
        say('  pip install "attention-gallery[compute]"   which runs models; this machine lacks it')
    say("  attention-gallery serve     look at it, and change it while you look")
    say("  attention-gallery build     write the site; open site/index.html")
    say("README.md there tells how to publish it.")
