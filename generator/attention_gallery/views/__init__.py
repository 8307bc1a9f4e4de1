"""One module per view, found by its name; `figures` draws an exhibit's views.

A view module has a ``TITLE`` for readers, ``fits(exhibit)`` that says whether it can show an
exhibit, ``draw(packed)`` that returns an Altair chart, and ``describe(packed)`` and
``tabulate(packed)`` that say the same in words and in numbers. Its template of the same name
explains to a reader how to use it. A view that says ``NAMED_ONLY = True`` is only shown where an
author names it; one that has a ``LONGEST``, a number of tokens, does so where a text is longer. So
is one that needs more than weights, since that takes longer to compute: it says what in ``PARTS``,
a set of `Extra` that captures have to hold, or in ``MEASURES``, a set of names; it may show those
in ``ALSO`` where an exhibit names them. One that can draw maps of what measures derive as it draws
weights says ``DERIVED = True``; others are given weights alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Protocol, cast

import altair as alt
from altair.utils.schemapi import debug_mode

from attention_gallery import charts, gold, packing, reading, resources
from attention_gallery.derived import derived_maps
from attention_gallery.errors import InputError, listing, raise_faults
from attention_gallery.head_rules import ALIGNMENT, chosen
from attention_gallery.language import _
from attention_gallery.packing import Packed
from attention_gallery.terms import (
    Attention,
    Capture,
    Exhibit,
    Extra,
    Figure,
    HeadRule,
    Measured,
    Table,
)

_COMPARISON = "compare"
_OF_ANSWERS = ("predictions",)  # the views that need no attention
_PAIRED = "patching"  # needs a second sentence, and need not draw its weights


class View(Protocol):
    """What a view module offers."""

    TITLE: str

    def fits(self, exhibit: Exhibit, /) -> bool:
        """Whether it can show this exhibit."""

    def draw(self, packed: Packed) -> alt.LayerChart:
        """Draw the chart."""

    def describe(self, packed: Packed) -> str:
        """Say in plain text what the chart opens with."""

    def tabulate(self, packed: Packed) -> Table:
        """Say it in numbers; views that say the same share one table on a page."""


def load(name: str) -> View:
    """The view of a name that `resources.view_names` lists."""
    return cast(View, import_module(f"{__name__}.{name}"))


def of(exhibit: Exhibit, n_tokens: int = 0) -> tuple[str, ...]:
    """Names of the views of an exhibit: those its author lists, or all that fit it by weights.

    Args:
        exhibit: The exhibit.
        n_tokens: Of the longer of its texts, where that is known.
    """
    if exhibit.model.kind == "api":
        return exhibit.views or _OF_ANSWERS
    return exhibit.views or tuple(
        name
        for name in fitting(exhibit)
        if not named_only(name) and n_tokens <= getattr(load(name), "LONGEST", n_tokens)
    )


def parts(exhibit: Exhibit) -> frozenset[Extra]:
    """What the views of an exhibit need of its captures besides weights."""
    return frozenset().union(*map(_parts, of(exhibit)))


def measures(exhibit: Exhibit) -> tuple[str, ...]:
    """Names of what is measured for an exhibit, sorted."""
    chosen = isinstance(exhibit.heads, HeadRule) and exhibit.heads.pattern != ALIGNMENT
    of_views = frozenset().union(*map(_measures, of(exhibit)))
    return tuple(sorted({*exhibit.measures, *of_views, *(["patterns"] if chosen else [])}))


def showing(measure: str, *, maps: bool) -> tuple[str, ...]:
    """Names of the views that show a measure where an exhibit names it.

    Args:
        measure: Its name.
        maps: Whether it has maps of its own.
    """
    return tuple(
        name
        for name in resources.view_names()
        if (maps and shows_derived(name))
        or measure in _measures(name) | getattr(load(name), "ALSO", frozenset())
    )


def shows_weights(name: str) -> bool:
    """Whether a view is about the map that an exhibit opens with."""
    return not _measures(name)


def shows_derived(name: str) -> bool:
    """Whether a view draws what measures derive from weights, too."""
    return bool(getattr(load(name), "DERIVED", False))


def named_only(name: str) -> bool:
    """Whether a view is shown only where an author names it."""
    needs_more = _parts(name) or _measures(name)
    return bool(getattr(load(name), "NAMED_ONLY", False) or needs_more)


def _parts(name: str) -> frozenset[Extra]:
    return getattr(load(name), "PARTS", frozenset())


def _measures(name: str) -> frozenset[str]:
    return getattr(load(name), "MEASURES", frozenset())


def check(exhibits: Iterable[Exhibit]) -> None:
    """See that views were asked for what they can show, and that a comparison is shown.

    Raises:
        InputError: When one was not; of several, all at once.
    """
    raise_faults([fault for exhibit in exhibits for fault in _faults(exhibit)])


def _faults(exhibit: Exhibit) -> Iterator[InputError]:
    for name in exhibit.views:
        if not _fits(name, exhibit):
            hint = listing(fitting(exhibit), "views that can")
            yield InputError(f"the view {name} cannot show this exhibit", exhibit.where, hint)
    if exhibit.against and _COMPARISON not in of(exhibit) and _PAIRED not in measures(exhibit):
        yield InputError(
            "what the exhibit is held against is not shown",
            exhibit.where,
            f"add {_COMPARISON} to its views, or leave out against"
            if _COMPARISON in fitting(exhibit)
            else "images cannot be compared; leave out against",
        )


def fitting(exhibit: Exhibit) -> tuple[str, ...]:
    """Names of the views that can show an exhibit, once what they need is captured."""
    return tuple(name for name in resources.view_names() if _fits(name, exhibit))


def drawable(
    exhibit: Exhibit, attention: Attention, measured: Collection[str] = ()
) -> tuple[str, ...]:
    """Names of the views that can be drawn from what is captured and measured already.

    Args:
        exhibit: The exhibit.
        attention: What was captured of it, with what its weights are made of where that was.
        measured: Names of what was measured for it.
    """
    held = {*attention.parts, *(["predictions"] if attention.predictions else [])}
    return tuple(
        name
        for name in fitting(exhibit)
        if _parts(name) <= held and _measures(name) <= set(measured)
    )


def offered(exhibit: Exhibit) -> tuple[str, ...]:
    """Names of the views that can show an exhibit without anything more being captured for it."""
    held, measured = parts(exhibit), set(measures(exhibit))
    return tuple(
        name for name in fitting(exhibit) if _parts(name) <= held and _measures(name) <= measured
    )


def _fits(name: str, exhibit: Exhibit) -> bool:
    """Whether a view can show an exhibit; of a model behind an API there is no attention."""
    return load(name).fits(exhibit) and (exhibit.model.kind != "api" or name in _OF_ANSWERS)


def pack(
    exhibit: Exhibit,
    capture: Capture,
    others: Sequence[Capture] = (),
    measured: Mapping[str, Measured] | None = None,
) -> Packed:
    """The part of a capture an exhibit shows, packed.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        others: The captures of what it is held against.
        measured: What was measured for it, by the names of measures.

    Raises:
        InputError: The exhibit asks for attention, a head or a token the capture does not have, or
            is held against what cannot be compared with it, or a measure has no maps of it.
    """
    kind = exhibit.attention or capture.natural
    for each in (capture, *others):
        if kind not in each.attentions:
            raise InputError(
                f"{each.provenance.source} has no {kind} attention",
                exhibit.where,
                "it has " + ", ".join(each.attentions),
            )
    attention = capture.attentions[kind]
    # Gold is about the words a reader means by default: those of a translation, not of its source.
    known = gold.links(exhibit.sentence, attention) if kind == capture.natural else ()
    measured = measured or {}
    if isinstance(exhibit.heads, HeadRule):
        heads = chosen(exhibit.heads, measured.get("patterns"), attention, known, exhibit.where)
        exhibit = replace(exhibit, heads=heads)
    shown = [measured[name] for name in exhibit.measures]
    derived = [each for found in shown for each in derived_maps(found, kind, exhibit.where)]
    if derived and others:
        raise InputError(
            "only weights can be compared, and not what is derived from them",
            exhibit.where,
            "leave out against, or these measures",
        )
    return packing.pack(
        exhibit,
        replace(attention, derived=tuple(derived)) if derived else attention,
        known,
        capture.image,
        [other.attentions[kind] for other in others],
        measured,
    )


def figures(exhibit: Exhibit, packed: Packed, also: Sequence[str] = ()) -> tuple[Figure, ...]:
    """Draw all views of an exhibit.

    Args:
        exhibit: The exhibit.
        packed: The part of it that is shown.
        also: Names of views that are drawn besides, where they are not drawn anyway.

    Raises:
        InputError: A view cannot show what was captured.
    """
    try:
        names = (*of(exhibit, max(packed.n_queries, packed.n_keys)), *also)
        return tuple(_figure(exhibit, packed, name) for name in dict.fromkeys(names))
    except InputError as fault:
        raise InputError(fault.message, fault.where or exhibit.where, fault.hint) from None


def document(exhibit: Exhibit, packed: Packed, name: str) -> dict[str, Any]:
    """One view of an exhibit as a whole Vega-Lite document.

    Raises:
        InputError: It cannot show what was captured.
    """
    view = load(name)
    if not shows_derived(name):
        packed = packed.own
    told = _("{view} of “{title}”. {summary}").format(
        view=_(view.TITLE), title=charts.isolated(exhibit.title), summary=view.describe(packed)
    )
    with debug_mode(False):  # Altair would validate each part, and all over again with the next
        return charts.finish(view.draw(packed), packed, told)


def _figure(exhibit: Exhibit, packed: Packed, name: str) -> Figure:
    view = load(name)
    if not shows_derived(name):
        packed = packed.own
    spec = document(exhibit, packed, name)
    svg, width = charts.static_svg(spec, f"{exhibit.id}-{name}")
    return Figure(
        exhibit=exhibit.id,
        view=name,
        title=_(view.TITLE),
        spec=spec,
        svg=svg,
        width=width,
        summary=view.describe(packed),
        truth=reading.truth(packed),
        table=view.tabulate(packed),
        error=packed.error,
    )
