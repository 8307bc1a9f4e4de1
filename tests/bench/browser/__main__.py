# ruff: noqa: TID253 - models are run here
"""Bytes and times of our pages, beside BertViz's of the same weights and a page of one picture.

`make bench-browser` fetches BertViz and runs this, in some minutes. Pages are visited in turns,
each in a fresh context, so that a busy machine disturbs all alike; figures are medians of five
visits, or of as many as the argument says, and of three where BertViz draws 600,000 elements.
"""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS))

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from bench.browser import gallery, peers, table
from bench.browser.stopwatch import Act, Reading, Subject, across, spread, visit
from bench.browser.table import Contest, Pair, Row, Sizes
from bench.browser.weights import Source, sources
from browser_fixtures import served

FOLDER = TESTS.parent / "build" / "bench-browser"

# Where the pointer goes on each of our charts: on tokens that can be pinned, which Vega-Lite names
# after a view, and on maps below the diagonal, where all can look. The heatmap of a long text has
# two.
OURS = {
    "grid": spread("attention-chart[view=grid] .ag-chart image"),
    "edges": spread("attention-chart[view=edges] .ag-chart [class*=' view_'] path"),
    "heatmap": across("attention-chart[view=heatmap] .cells_marks", 0, 0.5, 0.5, 1),
}
OVERALL = across("attention-chart[view=heatmap] .picture_marks", 0, 0.5, 0.5, 1)


def head_view(source: Source) -> Subject:
    """BertViz, all heads of a layer: lines between two columns."""
    drawn = "document.querySelector('#attention line')"
    return Subject(
        peers.page(source, "head_view"),
        picture=drawn,
        live=drawn,
        hovers={"edges": spread("#left > g:not(.attentionBoxes) > g")},
        choose=by_key("#layer"),
    )


def model_view(source: Source) -> Subject:
    """BertViz, all heads of all layers: thumbnails, of which a click enlarges one."""
    n_layers, n_heads = len(source.tensors), source.tensors[0].shape[1]
    drawn = f"document.querySelectorAll('.attn_background').length === {n_layers * n_heads}"

    def choose(page: Page) -> Act:
        # In the first column, which the enlarged one does not cover.
        thumbnail = page.locator(".attn_background").nth(n_heads)
        thumbnail.scroll_into_view_if_needed()
        box = thumbnail.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)

        def click(page: Page) -> None:
            page.mouse.down()
            page.mouse.up()

        return click

    return Subject(
        peers.page(source, "model_view"), picture=drawn, live=drawn, choose=choose, is_slow=True
    )


def ours(address: str, views: Sequence[str], *, is_long: bool = False) -> Subject:
    """One of our pages: its first picture stands in the page itself, its charts come after."""
    hovers = {view: OURS[view] for view in views} | ({"all of it": OVERALL} if is_long else {})
    first = f"document.querySelector('attention-chart[view={views[0]}]')"

    def prepare(page: Page) -> None:
        for view in views:
            page.locator(f"attention-chart[view={view}]").scroll_into_view_if_needed()
            page.wait_for_selector(f"attention-chart[view={view}][data-ready]")

    return Subject(
        address,
        # It is whole when what follows it has begun, by which time a chart may have taken its
        # place, and of use where a reader sees it.
        picture=f"{first}?.querySelector('.ag-reading') && "
        f"{first}.getBoundingClientRect().top < innerHeight",
        live=f"{first}?.matches('[data-ready]')",
        prepare=prepare,
        hovers=hovers,
        choose=by_key(f"attention-chart[view={views[0]}] .ag-controls select"),
    )


def floor() -> Subject:
    """What no page can be faster than."""
    drawn = "document.querySelector('img')?.complete"
    return Subject(
        peers.FLOOR,
        picture=drawn,
        live=drawn,
        hovers={"picture": across("img", 0, 0, 1, 1)},
        choose=by_key("select"),
    )


def by_key(selector: str) -> Callable[[Page], Act]:
    """Choose the next of a native list, with the arrow key."""

    def choose(page: Page) -> Act:
        page.locator(selector).first.focus()
        return lambda page: page.keyboard.press("ArrowDown")

    return choose


def readings(
    home: str, browser: Browser, subjects: Sequence[Subject], n_visits: int
) -> dict[str, Reading]:
    """Medians of visits in turns, by address."""
    visits: dict[str, list[Reading]] = {subject.address: [] for subject in subjects}
    for number in range(n_visits):
        for subject in subjects:
            if subject.is_slow and number % 2:
                continue
            began = time.monotonic()
            visits[subject.address].append(visit(browser, home, subject))
            took = time.monotonic() - began
            print(f"{number + 1}/{n_visits} {subject.address}: {took:.0f} s", file=sys.stderr)
    return {address: Reading.median(each) for address, each in visits.items()}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless, the one on the path or in $CHROMIUM."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def main() -> None:
    """Print the tables."""
    n_visits = int(sys.argv[1]) if sys.argv[1:] else 5
    torch.set_num_threads(1)
    models = sources()
    gallery.build_site(FOLDER, models)
    site = FOLDER / "site"
    peers.build_pages(site, models)
    theirs = {"head_view": head_view, "model_view": model_view}
    wanted = (
        {("floor", ""): floor()}
        | {(view, m.name): make(m) for m in models for view, make in theirs.items()}
        | {
            (name, m.name): ours(gallery.page(m, name), views)
            for m in models
            for name, views in gallery.PAGES.items()
        }
        | {
            ("long", f"{n}"): ours(gallery.long_page(n), gallery.FOCUSED, is_long=True)
            for n in gallery.LENGTHS
        }
    )
    load = _load()
    with served(site) as home, chromium() as browser:
        found = readings(home, browser, list(wanted.values()), n_visits)

    def row(title: str, name: str, of: str) -> Row:
        reading = found[wanted[name, of].address]
        return Row(title, Sizes.of(site, reading.paths), reading)

    contests = []
    for m in models:
        heads, grids = (row(f"BertViz {view}", view, m.name) for view in theirs)
        edges, grid, overview = (
            row(f"ours: {', '.join(views)}", name, m.name) for name, views in gallery.PAGES.items()
        )
        error = gallery.stated_error(site, gallery.page(m, "overview"))
        contests.append(
            Contest(m.name, Pair(heads, edges), Pair(grids, grid), Pair(grids, overview), error)
        )
    long = [(n, row(f"{n} tokens", "long", f"{n}")) for n in gallery.LENGTHS]
    print(f"Medians of {n_visits} visits, of {-(-n_visits // 2)} for BertViz model_view.")
    print(f"The machine before: {load}; after: {_load()}.")
    for contest in contests:
        print(*table.contest(contest, row("floor: a picture", "floor", "")), sep="\n")
    print(*table.lengths(long), sep="\n")
    print(*table.targets(contests, long[-1][1]), sep="\n")


def _load() -> str:
    """What the machine does besides: more than its cores and all times are too long."""
    return subprocess.run(["uptime"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
