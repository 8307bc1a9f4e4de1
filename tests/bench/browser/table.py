"""The figures as Markdown: ours beside BertViz's, their ratios, and what was aimed at."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.browser.stopwatch import Reading


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a page, and of what it loads that other pages of its site load too.

    Attributes:
        own: Its document and its data.
        own_gzip: The same, each file compressed.
        shared: Scripts and styles.
        shared_gzip: The same, each file compressed.
    """

    own: int
    own_gzip: int
    shared: int
    shared_gzip: int

    @classmethod
    def of(cls, site: Path, paths: Sequence[str]) -> Sizes:
        """The sizes of a page, which comes first, and of what it loads.

        Args:
            site: The folder that is served.
            paths: Below it. Data lies in a folder named like the page.
        """
        page, *others = (path.lstrip("/") for path in paths)
        own = [page, *(path for path in others if path.startswith(page.removesuffix(".html")))]
        shared = [path for path in others if path not in own]
        return cls(*_bytes(site, own), *_bytes(site, shared))


@dataclass(frozen=True, slots=True)
class Row:
    """What one page gave."""

    name: str
    sizes: Sizes
    reading: Reading


class Pair(NamedTuple):
    """A page of BertViz's, and one of ours."""

    theirs: Row
    own: Row


@dataclass(frozen=True, slots=True)
class Contest:
    """The pages of one model's weights.

    Attributes:
        model: What the model is shaped like.
        heads: BertViz's head view, and our page of the same use.
        grids: BertViz's model view, and our page of the same use.
        overview: BertViz's model view, and our page that is of use for what both views are.
        error: What our pages say a weight is off by at most.
    """

    model: str
    heads: Pair
    grids: Pair
    overview: Pair
    error: float

    @property
    def alike(self) -> tuple[Pair, Pair]:
        """The pages of the same use."""
        return self.heads, self.grids


def contest(found: Contest, floor: Row) -> Iterator[str]:
    """Lines of the table of one model."""
    yield f"\n**{found.model}**: 12 layers of 12 heads, 64 tokens\n"
    yield (
        "| page | kB | gzip | shared kB | gzip | first picture, ms | live, ms | hover, ms "
        "| and on, ms | next layer or head, ms | heap, MB | elements |"
    )
    yield "|" + " --- |" * 12
    yield _line(floor)
    for theirs, own in found.alike:
        yield _line(theirs)
        yield _line(own)
        yield _ratios(theirs, own)
    yield _line(found.overview.own)
    yield _ratios(*found.overview)


def lengths(rows: Sequence[tuple[int, Row]]) -> Iterator[str]:
    """Lines of the table of long texts."""
    views = list(rows[0][1].reading.hovers)
    yield "\n**Longer texts**: ours, four heads listed\n"
    yield (
        "| tokens | kB | gzip | first picture, ms | live, ms | "
        + "".join(f"hover in {view}, ms | and on, ms | " for view in views)
        + "heap, MB | elements |"
    )
    yield "|" + " --- |" * (7 + 2 * len(views))
    for n_tokens, row in rows:
        reading = row.reading
        hovers = "".join(f"{ms:.0f} | " for view in views for ms in reading.hovers[view])
        yield (
            f"| {n_tokens} | {_kb(row.sizes.own)} | {_kb(row.sizes.own_gzip)} "
            f"| {reading.picture:.0f} | {reading.live:.0f} | {hovers}"
            f"{reading.heap / 1e6:.1f} | {reading.elements:,.0f} |"
        )


def targets(contests: Sequence[Contest], longest: Row) -> Iterator[str]:
    """Lines of the table of what was aimed at, with the worst of the models."""
    yield "\n| target | wanted | worst measured | met |\n| --- | --- | --- | --- |"
    heads = [contest.heads for contest in contests]
    models = [pair for contest in contests for pair in (contest.grids, contest.overview)]
    alike = [pair for contest in contests for pair in contest.alike]
    pairs = heads + models
    for name, some in (("", alike), (" (overview)", [contest.overview for contest in contests])):
        yield _at_least(
            f"page bytes, times fewer{name}", 20, [a.sizes.own / b.sizes.own for a, b in some]
        )
        yield _at_least(
            f"page bytes after gzip, times fewer{name}",
            20,
            [a.sizes.own_gzip / b.sizes.own_gzip for a, b in some],
        )
    yield _at_most("stated error", 0.0005, [contest.error for contest in contests], ".5f")
    yield _at_least("first picture, times sooner than model_view", 10, _sooner(models))
    yield _at_least("first picture, times sooner than head_view", 3, _sooner(heads))
    yield _at_least(
        "hover in edges, times faster than head_view",
        10,
        [
            theirs.reading.hovers["edges"].entering / own.reading.hovers["edges"].entering
            for theirs, own in heads
        ],
    )
    hovers = [ms for _, own in pairs for hover in own.reading.hovers.values() for ms in hover]
    yield _at_most("hover in any view, ms", 33, hovers, ".0f")
    yield _at_most(
        "heap, times BertViz's", 1, [b.reading.heap / a.reading.heap for a, b in pairs], ".2f"
    )
    yield _at_most("1,024 tokens: first picture, ms", 1000, [longest.reading.picture], ".0f")
    slow = [ms for hover in longest.reading.hovers.values() for ms in hover]
    yield _at_most("1,024 tokens: hover in any view, ms", 50, slow, ".0f")


def _sooner(pairs: Sequence[Pair]) -> list[float]:
    return [theirs.reading.picture / own.reading.picture for theirs, own in pairs]


def _at_least(name: str, wanted: float, found: Sequence[float]) -> str:
    return f"| {name} | ≥ {wanted} | {min(found):.1f} | {_met(min(found) >= wanted)} |"


def _at_most(name: str, wanted: float, found: Sequence[float], form: str) -> str:
    return f"| {name} | ≤ {wanted} | {max(found):{form}} | {_met(max(found) <= wanted)} |"


def _met(is_met: bool) -> str:
    return "yes" if is_met else "**no**"


def _line(row: Row) -> str:
    sizes, reading = row.sizes, row.reading
    entering, moving_on = (
        ", ".join(f"{view} {hover[which]:.0f}" for view, hover in reading.hovers.items()) or "-"
        for which in (0, 1)
    )
    choice = "-" if reading.choice is None else f"{reading.choice:.0f}"
    return (
        f"| {row.name} | {_kb(sizes.own)} | {_kb(sizes.own_gzip)} | {_kb(sizes.shared)} "
        f"| {_kb(sizes.shared_gzip)} | {reading.picture:.0f} | {reading.live:.0f} | {entering} "
        f"| {moving_on} | {choice} | {reading.heap / 1e6:.1f} | {reading.elements:,.0f} |"
    )


def _ratios(theirs: Row, own: Row) -> str:
    a, b = theirs.reading, own.reading
    hover = ["-", "-"]
    if "edges" in a.hovers:
        both = zip(a.hovers["edges"], b.hovers["edges"], strict=True)
        hover = [f"{slow / quick:.1f}" for slow, quick in both]
    choice = "-" if not (a.choice and b.choice) else f"{a.choice / b.choice:.1f}"
    times = [
        f"{theirs.sizes.own / own.sizes.own:.1f}",
        f"{theirs.sizes.own_gzip / own.sizes.own_gzip:.1f}",
        "",
        "",
        f"{a.picture / b.picture:.1f}",
        f"{a.live / b.live:.1f}",
        *hover,
        choice,
        f"{a.heap / b.heap:.1f}",
        f"{a.elements / b.elements:.1f}",
    ]
    return f"| *ratio* | {' | '.join(times)} |"


def _bytes(site: Path, paths: Sequence[str]) -> tuple[int, int]:
    contents = [(site / path).read_bytes() for path in paths]
    return sum(map(len, contents)), sum(len(gzip.compress(each, 9)) for each in contents)


def _kb(size: int) -> str:
    return f"{size / 1000:,.0f}"
