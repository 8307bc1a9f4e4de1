"""A real browser, and pages that notice when something goes wrong on them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    expect,
    sync_playwright,
)

from attention_gallery import pages, site, views
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Measured
from attentions import capture

OpenPage = Callable[..., Page]
Show = Callable[..., Page]


@cache
def vega() -> str:
    """What draws charts, as one script: made once for all tests of a process."""
    return site._bundle().decode()


def lone_file(
    source: Attention,
    shown: Exhibit,
    others: Sequence[Attention] = (),
    measured: Mapping[str, Measured] | None = None,
) -> tuple[str, Packed]:
    """An exhibit in one file, and what is packed in it."""
    held, against = capture(source), [capture(other) for other in others]
    packed = views.pack(shown, held, against, measured)
    figures = views.figures(shown, packed)
    return pages.lone_file(shown, held, packed, figures, vega(), others=against), packed


def overlaps(page: Page, chart: str) -> list[object]:
    """Texts of a chart that stand on one another."""
    found: list[object] = page.evaluate(
        """(chart) => {
          const boxes = [...document.querySelectorAll(`${chart} .ag-chart text`)]
            .filter((t) => t.textContent.trim())
            .map((t) => [t.textContent, t.getBoundingClientRect()]);
          const found = [];
          boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
            const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
            const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
            if (x > 2 && y > 4) found.push([a, b, x, y]);
          }));
          return found;
        }""",
        chart,
    )
    return found


def shower(open_page: OpenPage, folder: Path, chart: str, size: tuple[int, int]) -> Show:
    """What opens a page from a file, as from a USB stick, and waits for a chart of it.

    Args:
        open_page: The fixture.
        folder: Where the file is written.
        chart: Selects the chart.
        size: Of the window, unless a test has another.
    """

    def show(html: str, fragment: str = "", **options: object) -> Page:
        file = folder / "page.html"
        file.write_text(html, "utf-8")
        options.setdefault("viewport", {"width": size[0], "height": size[1]})
        page = open_page(file.as_uri() + fragment, **options)
        found = page.locator(chart)
        found.scroll_into_view_if_needed()
        if options.get("java_script_enabled", True):
            expect(found).to_have_attribute("data-ready", "")
        return page

    return show


def signal(page: Page, chart: str, name: str) -> Any:
    """The value of a signal in a running chart."""
    return page.evaluate(
        "([chart, name]) => document.querySelector(chart).embedded.view.signal(name)",
        [chart, name],
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium: $CHROMIUM, or the one on the path. Its absence fails only where it must be."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("Chromium is missing: install it, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a fresh context; options are those of Playwright's `new_context`.

    After the test, no page may have written an error to the console, thrown one, opened a dialog
    (the usual proof of injected script), or asked a host other than its own for anything.
    """
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(address: str, *, init_script: str = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        home = "file:" if address.startswith("file:") else "/".join(address.split("/")[:3]) + "/"

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                complaints.append(f"console: {message.text}")

        def on_dialog(dialog: Dialog) -> None:
            complaints.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        def on_request(request: Request) -> None:
            if not request.url.startswith((home, "data:", "blob:")):
                complaints.append(f"request: {request.url}")

        page.on("console", on_console)
        page.on("dialog", on_dialog)
        page.on("request", on_request)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        if init_script:
            page.add_init_script(init_script)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; the address ends in a slash."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Tests have their own way of telling."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
