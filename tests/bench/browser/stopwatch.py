"""Times a page in Chromium: until it shows something, until it answers, and how fast it does.

All times are milliseconds on the page's own clock and end when the frame has been drawn by its main
thread. What the compositor adds is left out, for it cannot be told from the idle wait for a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

Spot = tuple[float, float]
Act = Callable[[Page], None]

_SCRIPT = (Path(__file__).parent / "stopwatch.js").read_text("utf-8")
_N_HOVERS = 5  # onto the chart, and as many within it, each visit
_PATIENCE = 120_000  # for BertViz on a busy machine, ms
_MOVED = ("pointerover", "pointermove", "mouseover")  # whichever a page hears first
_CHOSEN = ("keydown", "pointerdown")


@dataclass(frozen=True, slots=True)
class Subject:
    """A page, and how to tell what it does.

    Attributes:
        address: Below that of the server.
        picture: A JavaScript expression: whether it shows what a reader came for.
        live: The same: whether it answers.
        prepare: Brings the whole of it to life, which may need scrolling.
        hovers: For each thing one can hover over, what brings it into sight and lists its spots.
        choose: Gets ready for a choice of another layer or head, and says how to make it.
        is_slow: Whether it takes so long that it is visited every other time only.
    """

    address: str
    picture: str
    live: str
    prepare: Act = lambda page: None
    hovers: Mapping[str, Callable[[Page], list[Spot]]] = field(default_factory=dict)
    choose: Callable[[Page], Act] | None = None
    is_slow: bool = False


class Hover(NamedTuple):
    """How long a hover takes: the medians of many.

    Attributes:
        entering: From beside the chart onto something in it.
        moving_on: From there straight to the next.
    """

    entering: float
    moving_on: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one visit, or the medians of several, gave; None where there was nothing to measure.

    Attributes:
        picture: From navigation to the first useful picture.
        live: From navigation until it answers.
        choice: From the key or click that chooses another head or layer.
        heap: JavaScript heap after garbage collection, bytes.
        elements: Elements of the document.
        hovers: From the pointer's move, by what was hovered over.
        paths: Of all that was loaded, the page itself first.
    """

    picture: float
    live: float
    choice: float | None
    heap: float
    elements: float
    hovers: Mapping[str, Hover]
    paths: tuple[str, ...]

    @classmethod
    def median(cls, readings: Sequence[Reading]) -> Reading:
        """The median of each figure."""
        return cls(
            median(each.picture for each in readings),
            median(each.live for each in readings),
            _median([each.choice for each in readings if each.choice is not None]),
            median(each.heap for each in readings),
            median(each.elements for each in readings),
            {
                name: Hover(*map(median, zip(*(r.hovers[name] for r in readings), strict=True)))
                for name in readings[0].hovers
            },
            readings[0].paths,
        )


def visit(browser: Browser, home: str, subject: Subject) -> Reading:
    """Open a page that has never been opened before, and try all it has."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(_PATIENCE)
    paths: list[str] = []
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    page.add_init_script(
        f"{_SCRIPT}; stopwatch.picture = stopwatch.reached(() => {subject.picture}, {_PATIENCE});"
        f"stopwatch.live = stopwatch.reached(() => {subject.live}, {_PATIENCE});"
    )
    page.goto(home + subject.address, wait_until="commit")
    picture, live = (page.evaluate(f"stopwatch.{name}") for name in ("picture", "live"))
    subject.prepare(page)
    heap, elements = _heap(page), page.evaluate("document.querySelectorAll('*').length")
    choice = _choice(page, subject) if subject.choose else None
    hovers = {name: _hover(page, spots(page)) for name, spots in subject.hovers.items()}
    context.close()
    loaded = tuple(path for path in dict.fromkeys(paths) if path != "/favicon.ico")
    return Reading(picture, live, choice, heap, elements, hovers, loaded)


def _choice(page: Page, subject: Subject) -> float:
    assert subject.choose is not None
    took = _answer(page, _CHOSEN, subject.choose(page), _PATIENCE)
    assert took is not None, f"{subject.address} does not answer to a choice"
    return took


def _hover(page: Page, spots: Sequence[Spot]) -> Hover:
    """Medians over the moves that changed something."""

    def leave() -> None:
        page.mouse.move(2, 2)
        page.wait_for_timeout(100)

    def took(spot: Spot) -> float | None:
        return _answer(page, _MOVED, lambda page: page.mouse.move(*spot), patience=3000)

    entering = []
    for spot in spots:
        leave()
        entering.append(took(spot))
    leave()
    return Hover(_typical(entering), _typical([took(spot) for spot in spots]))


def _typical(took: Sequence[float | None]) -> float:
    answered = [each for each in took if each is not None]
    assert 2 * len(answered) > len(took), (
        f"only {len(answered)} of {len(took)} moves changed anything"
    )
    return median(answered)


def _answer(page: Page, events: Sequence[str], act: Act, patience: int) -> float | None:
    page.evaluate(
        "([events, ms]) => { stopwatch.answered = stopwatch.answer(events, ms); }",
        [list(events), patience],
    )
    act(page)
    took: float | None = page.evaluate("stopwatch.answered")
    return took


def _heap(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    page.wait_for_timeout(300)
    session.send("HeapProfiler.collectGarbage")
    used: Any = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(used)


def _median(figures: Sequence[float]) -> float | None:
    return median(figures) if figures else None


def spread(selector: str) -> Callable[[Page], list[Spot]]:
    """Spots evenly spread over what a selector finds in sight, with nothing above it.

    Args:
        selector: CSS; the first it finds is scrolled to.
    """

    def spots(page: Page) -> list[Spot]:
        found = page.evaluate(
            """([selector, n]) => {
              const meant = [...document.querySelectorAll(selector)];
              meant[0].scrollIntoView({ block: "start", behavior: "instant" });
              const middle = (r) => [r.x + r.width / 2, r.y + r.height / 2];
              const middles = meant.map((e) => middle(e.getBoundingClientRect()))
                .filter((at) => meant[0].closest("svg").contains(document.elementFromPoint(...at)));
              const some = Math.min(n, middles.length);
              return Array.from({ length: some }, (_, i) =>
                middles[Math.floor((i * middles.length) / some)]);
            }""",
            [selector, _N_HOVERS],
        )
        return [(x, y) for x, y in found]

    return spots


def across(
    selector: str, left: float, top: float, right: float, bottom: float
) -> Callable[[Page], list[Spot]]:
    """Spots of a rectangle within an element, given in parts of what is in sight of it."""

    def spots(page: Page) -> list[Spot]:
        page.locator(selector).first.evaluate(
            "e => e.scrollIntoView({ block: 'start', behavior: 'instant' })"
        )
        x, y, x2, y2 = page.locator(selector).first.evaluate(
            """e => { const r = e.getBoundingClientRect();
              return [Math.max(0, r.left), Math.max(0, r.top),
                Math.min(innerWidth, r.right), Math.min(innerHeight, r.bottom)]; }"""
        )
        places = [(i * 0.618 % 1, (i + 0.5) / _N_HOVERS) for i in range(_N_HOVERS)]
        return [
            (x + (x2 - x) * (left + (right - left) * u), y + (y2 - y) * (top + (bottom - top) * v))
            for u, v in places
        ]

    return spots
