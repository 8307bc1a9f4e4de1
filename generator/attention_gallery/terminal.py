"""What the commands print beside errors, and how loud they are."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import click

from attention_gallery.errors import printable
from attention_gallery.progress import Announce, Track, silently

T = TypeVar("T")


def _set_level(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(_context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        if given:
            logging.getLogger().setLevel(level)

    return callback


# How loud a command is, is the level of the root logger; MkDocs goes by it too.
quiet = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_set_level(logging.ERROR),
    help="Print errors only.",
)  # fmt: skip
verbose = click.option(
    "-v", "--verbose", is_flag=True, expose_value=False, callback=_set_level(logging.INFO),
    help="Also print what MkDocs does, and all lines of tables.",
)  # fmt: skip


def is_loud() -> bool:
    """Whether a command may print anything but errors."""
    return logging.getLogger().isEnabledFor(logging.WARNING)


def is_verbose() -> bool:
    """Whether a command is to tell more than most want to know."""
    return logging.getLogger().isEnabledFor(logging.INFO)


def say(text: str) -> None:
    """Print a line, unless the command is to be quiet."""
    if is_loud():
        click.echo(text)


def warn(text: str) -> None:
    """Say what the author may want to mend, unless the command is to be quiet."""
    logging.getLogger(__name__).warning("%s", text)


def tell(doing: str) -> None:
    """Say beside what is printed what is being done now, unless the command is to be quiet."""
    if is_loud():
        click.echo(printable(doing, 200), err=True)


def tracker() -> Track:
    """A progress bar, unless the command is to be quiet."""
    return _progress if is_loud() else silently


def _progress(work: Callable[[Announce], Iterable[T]], label: str, length: int, /) -> Iterable[T]:
    """Show how much is done, how long the rest may take, and what is being done now.

    Where stderr is no terminal there is no bar, but a line for each thing that is announced.
    """
    with click.progressbar(
        length=length,
        label=label,
        show_pos=True,
        show_eta=True,
        width=0,  # what the label leaves
        file=sys.stderr,
    ) as bar:

        def announce(doing: str) -> None:
            bar.label = _shortened(printable(doing, 200))
            bar.render_progress()

        for item in work(announce):
            yield item
            bar.update(1)


def _shortened(text: str) -> str:
    """A text that leaves room for a short bar in 80 columns, less its middle.

    A name is known by its beginning and its end, and a figure may follow it.
    """
    return text if len(text) <= 55 else f"{text[:27]}…{text[-27:]}"
