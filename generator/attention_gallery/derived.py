"""What measures derive from weights, as maps that are drawn as weights are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attention_gallery.codes import Layers
from attention_gallery.errors import InputError, Where
from attention_gallery.language import _
from attention_gallery.terms import AttentionKind, Derived, Measured


def derived_maps(
    measured: Measured, kind: AttentionKind, where: Where | None = None
) -> Iterator[Derived]:
    """The maps that a measure has of one kind of attention; none where it has none of any.

    Args:
        measured: What was measured.
        kind: What attends to what.
        where: The exhibit, for the error.

    Raises:
        InputError: When it has maps, and none of this kind.
    """
    for choice, about in measured.facts.get("maps", {}).items():
        layers = measured.layers(f"map/{choice}/{kind}")
        if not layers:
            found = [name.split("/")[2] for name in measured.arrays if name.startswith("map/")]
            raise InputError(
                f"the measure {measured.measure} has no maps of {kind} attention",
                where,
                "it has some of " + ", ".join(dict.fromkeys(found)),
            )
        yield Derived(
            _(about["title"]),
            _(about["says"]).replace("{answer}", _asked(measured.facts.get("answer", {}))),
            Layers(layers),
            about.get("per_head", True),
            about.get("adds_up", True),
        )


def _asked(answer: Mapping[str, Any]) -> str:
    """What was asked of the model; empty where nothing was."""
    word, other, after = (answer.get(part, "") for part in ("word", "rather_than", "after"))
    if other and after:
        said = _("“{word}” rather than “{other}” at “{after}”")
    elif other:
        said = _("“{word}” rather than “{other}”")
    else:
        said = _("“{word}” at “{after}”") if after else "“{word}”" if word else ""
    return said.format(word=word, other=other, after=after)
