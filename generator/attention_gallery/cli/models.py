"""Commands about a model: show what it attends to, and try what can be captured from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from attention_gallery import build, language
from attention_gallery.cli import options
from attention_gallery.errors import InputError, as_bytes
from attention_gallery.manifest.lone import lone_exhibit
from attention_gallery.manifest.values import slug
from attention_gallery.store import Store
from attention_gallery.terminal import quiet, say, tell, tracker, verbose
from attention_gallery.terms import ATTENTION_KINDS, AttentionKind, Dtype


@click.command(short_help="Show one text in one HTML file.")
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
@options.dtype
@options.device
@click.option(
    "--attention", type=click.Choice(ATTENTION_KINDS), help="Which attention, where there are more."
)
@click.option(
    "--language",
    "spoken",
    metavar="CODE",
    default=language.ENGLISH,
    show_default=True,
    help="The language of what the page says about the charts, such as hi.",
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
    spoken: str,
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
    with tempfile.TemporaryDirectory() as folder, language.speaking(spoken):
        page = build.show(exhibit, Store(Path(folder)), tracker())
    try:
        output.write_text(page, "utf-8")
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}") from error
    say(f"{as_bytes(output.stat().st_size)} in {output}")


@click.command(short_help="Try what can be captured from a model.")
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
@options.dtype
@options.device
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
