"""All that readers of an exhibit's page can take home, as files and as a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attention_gallery import archives, reproduction
from attention_gallery.addresses import file_path
from attention_gallery.chart_files import TITLES, chart_files
from attention_gallery.language import _
from attention_gallery.manifest.excerpt import excerpt
from attention_gallery.packing import Packed
from attention_gallery.terms import Asset, Capture, Exhibit, Figure, Imprint, Model


@dataclass(frozen=True, slots=True)
class File:
    """A file of the site, as a page names it."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class ChartOffer:
    """A chart, in the formats there are."""

    title: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class ArchiveOffer:
    """An archive of numbers, and the lines of Python that read it."""

    path: str
    title: str
    says: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Downloads:
    """What is offered.

    Attributes:
        charts: The charts, as files.
        archives: The numbers.
        manifest_path: Where the exhibit's own manifest is.
        script_path: Where the script is that reproduces the weights; empty where none can.
        script_says: What it does, and what it needs.
        assets: The files themselves.
    """

    charts: tuple[ChartOffer, ...]
    archives: tuple[ArchiveOffer, ...]
    manifest_path: str
    script_path: str
    script_says: str
    assets: tuple[Asset, ...]


def downloads(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    imprint: Imprint,
    cache: Path | None = None,
) -> Downloads:
    """Everything for one exhibit.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        packed: The part of it that is shown.
        figures: Its views, drawn.
        imprint: Says which formats of charts are wanted.
        cache: A folder for pictures that take long to draw; None to keep none.
    """
    assets: list[Asset] = []
    charts = []
    for figure in figures if imprint.downloads else ():
        files = chart_files(exhibit, figure, imprint.downloads, cache)
        assets += files.values()
        offered = tuple(File(file.path, TITLES[name]) for name, file in files.items())
        charts.append(ChartOffer(figure.title, offered))
    offers = []
    if packed.attention.layers:
        offers.append(_weights(exhibit, packed))
    if packed.measured:
        offers.append(_measures(exhibit, packed))
    assets += archives.files(exhibit, packed)
    manifest = Asset(file_path(exhibit, "exhibit.yml"), excerpt(exhibit, imprint.root).encode())
    assets.append(manifest)
    script_path = ""
    if script := reproduction.script(exhibit, capture, packed):
        script_path = file_path(exhibit, "reproduce.py")
        assets.append(Asset(script_path, script.encode()))
    return Downloads(
        tuple(charts),
        tuple(offers),
        manifest.path,
        script_path,
        _of_the_script(exhibit.model),
        tuple(assets),
    )


def _of_the_script(model: Model) -> str:
    if model.kind == "specimen":
        return _(
            "a short Python script that runs the model with the library transformers, and compares "
            "its weights with those of weights.npz; it finds the model in the package "
            "attention-gallery, which has to be installed, too"
        )
    return _(
        "a short Python script that runs the model with the library transformers alone, and "
        "compares its weights with those of weights.npz"
    )


def _weights(exhibit: Exhibit, packed: Packed) -> ArchiveOffer:
    says = _("They are float32, and off by at most 0.00002. To read them in Python:")
    if packed.others:
        says = _(
            "They are float32, and off by at most 0.00002. Names that begin with against_0, "
            "against_1 and so on hold the same of what the exhibit is compared with, in the order "
            "of the names in the array against. To read them in Python:"
        )
    return ArchiveOffer(
        file_path(exhibit, archives.WEIGHTS),
        _("All weights as a NumPy archive")
        if packed.every_head
        else _("The weights of these heads as a NumPy archive"),
        says,
        archives.read_weights(packed),
    )


def _measures(exhibit: Exhibit, packed: Packed) -> ArchiveOffer:
    return ArchiveOffer(
        file_path(exhibit, archives.MEASURES),
        _("All that was measured, as a NumPy archive"),
        _("What is known about the numbers is in it as JSON. To read them in Python:"),
        archives.read_measures(packed),
    )
