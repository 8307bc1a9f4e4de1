"""One module per view, found by its name; `figures` draws an exhibit's views.

A view module has a ``TITLE`` for readers, ``draw(packed)`` that returns an Altair chart, and
``describe(packed)`` that says the same in words. Its template of the same name explains to a
reader how to use it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

import altair as alt

from attention_gallery import charts, packing, reading
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import Capture, Exhibit, Figure


class View(Protocol):
    """What a view module offers."""

    TITLE: str

    def draw(self, packed: Packed) -> alt.LayerChart:
        """Draw the chart."""

    def describe(self, packed: Packed) -> str:
        """Say in plain text what the chart opens with."""


def load(name: str) -> View:
    """The view of a name that `resources.view_names` lists."""
    return cast(View, import_module(f"{__name__}.{name}"))


def pack(exhibit: Exhibit, capture: Capture) -> Packed:
    """The part of a capture an exhibit shows, packed.

    Raises:
        InputError: The exhibit asks for attention, a head or a token the capture does not have.
    """
    kind = exhibit.attention or capture.natural
    if kind not in capture.attentions:
        raise InputError(
            f"{exhibit.model.source} has no {kind} attention",
            exhibit.where,
            "it has " + ", ".join(capture.attentions),
        )
    return packing.pack(exhibit, capture.attentions[kind])


def figures(exhibit: Exhibit, packed: Packed) -> tuple[Figure, ...]:
    """Draw all views of an exhibit."""
    return tuple(_figure(exhibit, packed, name) for name in exhibit.views)


def _figure(exhibit: Exhibit, packed: Packed, name: str) -> Figure:
    view = load(name)
    summary = view.describe(packed)
    spec = charts.finish(view.draw(packed), packed, f"{view.TITLE} of “{exhibit.title}”. {summary}")
    svg, width = charts.static_svg(spec, f"{exhibit.id}-{name}")
    return Figure(
        exhibit=exhibit.id,
        view=name,
        title=view.TITLE,
        spec=spec,
        svg=svg,
        width=width,
        summary=summary,
        table=reading.strongest_keys(packed),
        error=packed.error,
    )
