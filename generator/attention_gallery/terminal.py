"""What the commands print beside errors, and how loud they are."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import click

from attention_gallery import build

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
    help="Also print what MkDocs does.",
)  # fmt: skip


def is_loud() -> bool:
    """Whether a command may print anything but errors."""
    return logging.getLogger().isEnabledFor(logging.WARNING)


def say(text: str) -> None:
    """Print a line, unless the command is to be quiet."""
    if is_loud():
        click.echo(text)


def tracker() -> build.Track:
    """A progress bar, unless the command is to be quiet."""
    return _progress if is_loud() else build.silently


def _progress(items: Iterable[T], label: str, length: int, /) -> Iterable[T]:
    with click.progressbar(
        items, length=length, label=label, show_pos=True, show_eta=True, file=sys.stderr
    ) as bar:
        yield from bar


def as_bytes(size: float) -> str:
    """Bytes as people say them, in powers of 1,000."""
    for unit in ("B", "kB", "MB"):
        if round(size) < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
