"""The commands and their options: from click, which prints the same with ``--help``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from attention_gallery.cli import cli
from attention_gallery.reference.prose import code, heading, markdown

_INTRODUCTION = """\
# Commands

Each command prints what stands here with `--help`. Exit codes: 0 done; 1 a build that failed, or
left out exhibits; 2 bad input, such as a manifest with a fault; 130 stopped. Errors name file, line
and column, and what would be right."""


def page() -> str:
    """The Markdown of the page."""
    context = click.Context(cli, info_name="attention-gallery")
    parts = [_INTRODUCTION]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None and not command.hidden:
            parts += _of(command, click.Context(command, info_name=name, parent=context))
    return "\n\n".join(parts)


def _of(command: click.Command, context: click.Context) -> Iterator[str]:
    name = context.info_name or ""
    yield heading(2, name, name)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {usage}\n```"
    yield from _paragraphs(command.help)
    options = [each for each in command.params if isinstance(each, click.Option)]
    yield "\n".join(f"- {_spelled(each, context)}: {_told(each, context)}" for each in options)


def _paragraphs(text: str | None) -> Iterator[str]:
    """The help of a command; what click is told not to wrap stays as it is."""
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith("\b"):
            lines = paragraph.removeprefix("\b").strip("\n")
            yield f"```text\n{lines}\n```"
        else:
            yield markdown(paragraph)


def _spelled(option: click.Option, context: click.Context) -> str:
    names = ", ".join(
        code(name) for name in sorted([*option.opts, *option.secondary_opts], key=len)
    )
    takes = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    return f"{names}{takes.replace('|', ' or ')}"


def _told(option: click.Option, context: click.Context) -> str:
    default = option.get_default(context)
    shown = option.show_default if isinstance(option.show_default, str) else default
    by_default = f" By default {code(str(shown))}." if option.show_default else ""
    # Of some options the default is known when they are used, and their help says what it will be.
    told = re.sub(r"\s*\[default: (.+)\]$", r" By default \1.", option.help or "")
    return markdown(told) + by_default
