"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from attention_gallery.configuration import DEFAULT
from attention_gallery.terms import DTYPES

manifests = click.argument("manifests", nargs=-1, type=click.Path(path_type=Path))
config_file = click.option(
    "-f",
    "--config-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default=str(DEFAULT),
    help="MkDocs' configuration. Without one, a plain site is built from the manifests alone.",
)
site_dir = click.option(
    "-d", "--site-dir", type=click.Path(path_type=Path), help="Where the site goes."
)
strict = click.option(
    "--strict", is_flag=True, help="Fail on MkDocs' warnings, such as a broken link."
)
keep_going = click.option(
    "-k",
    "--keep-going",
    is_flag=True,
    help="Leave out the exhibits that cannot be captured or drawn, and build the others.",
)
dtype = click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default="float32",
    show_default=True,
    help="What the model computes in.",
)
device = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="What it runs on: cpu, cuda, cuda:1, mps, or split for a model larger than one device.",
)
