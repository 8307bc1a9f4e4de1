"""A page of each view there is, for tests that walk all of them.

What a view shows is the first of its golden cases, so that a new view is walked like the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from attention_gallery import pages, resources, views
from browser_fixtures import OpenPage, vega
from test_views import CASES, OTHERS, packed_of

VIEWS = resources.view_names()


@cache
def page_of(view: str) -> str:
    """A whole page with one view and nothing else to show."""
    case = next((name for name, (shown, _) in CASES.items() if view in views.of(shown)), None)
    assert case, f"no golden case shows {view}: add one to tests/test_views.py"
    shown, held = CASES[case]
    shown = dataclasses.replace(shown, views=(view,))
    packed = packed_of(case, view)
    figures = views.figures(shown, packed)
    others = OTHERS.get(case, ())
    return pages.lone_file(shown, held, packed, figures, vega(), others=others)


class Shown:
    """A view on its page.

    Attributes:
        page: The page.
        chart: The element of the view.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.chart = page.locator("attention-chart")

    def controls(self) -> Iterator[Control]:
        """Its native controls, in the order of the page."""
        for control in self.chart.locator(".ag-controls").locator("select, input").all():
            yield Control(self, control)

    @property
    def link(self) -> str:
        """The fragment of the state shown."""
        return self.chart.locator(".ag-tools a").get_attribute("href") or ""

    def state(self) -> dict[str, object]:
        """What all controls say, what is said in words, and what stands in the picture."""
        return {
            **{control.name: control.value for control in self.controls()},
            "said": self.chart.locator(".ag-reading").inner_text(),
            "written": sorted(self.chart.locator(".ag-chart text").all_text_contents()),
        }

    def settle(self) -> None:
        """Wait until what was chosen is drawn and said."""
        self.page.evaluate(
            """async () => {
              await document.querySelector("attention-chart").embedded.view.runAsync();
              for (let i = 0; i < 2; i++) await new Promise((next) => requestAnimationFrame(next));
            }"""
        )


class Control:
    """A native control of a view: a list, a slider, a check box or a line of text."""

    def __init__(self, shown: Shown, element: Locator) -> None:
        self.shown = shown
        self.element = element
        self.name = element.get_attribute("name") or ""
        self.kind = element.evaluate("e => e.type")

    @property
    def value(self) -> object:
        """What the chart holds for it."""
        value: object = self.shown.page.evaluate(
            "(name) => document.querySelector('attention-chart').embedded.view.signal(name) ?? -1",
            self.name,
        )
        return value

    @property
    def is_fixed(self) -> bool:
        """Whether it offers nothing else than what it says."""
        if self.kind == "select-one":
            return bool(self.element.evaluate("e => e.options.length < 2"))
        return self.kind == "range" and bool(self.element.evaluate("e => e.min === e.max"))

    def press(self) -> None:
        """Change it by keys alone; it has the focus."""
        keyboard = self.shown.page.keyboard
        if self.kind == "checkbox":
            keyboard.press("Space")
        elif self.kind == "text":
            keyboard.type("1")
        else:
            at_end = self.element.evaluate(
                "e => e.type === 'range' ? +e.value >= +e.max"
                " : e.selectedIndex === e.options.length - 1"
            )
            back, on = (
                ("ArrowLeft", "ArrowRight") if self.kind == "range" else ("ArrowUp", "ArrowDown")
            )
            keyboard.press(back if at_end else on)


def opener(open_page: OpenPage, folder: Path) -> Callable[..., Shown]:
    """Opens the page of a view from a file, as from a USB stick, and waits for the chart."""

    def show(view: str, fragment: str = "", **options: Any) -> Shown:
        file = folder / f"{view}.html"
        file.write_text(page_of(view), "utf-8")
        options.setdefault("viewport", {"width": 1200, "height": 900})
        shown = Shown(open_page(file.as_uri() + fragment, **options))
        if options.get("java_script_enabled", True):
            shown.chart.scroll_into_view_if_needed()
            expect(shown.chart).to_have_attribute("data-ready", "")
        return shown

    return show
