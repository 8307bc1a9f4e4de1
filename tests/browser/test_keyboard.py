"""Every view without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser_fixtures import OpenPage
from every_view import VIEWS, Shown, opener

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  const { activeElement: e } = document;
  const { outlineStyle, outlineWidth } = getComputedStyle(e);
  return {
    name: e.name || e.textContent,
    inside: Boolean(e.closest("attention-chart")),
    outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1,
  };
}"""

POPOVER = """() => {
  const box = document.createElement("div");
  box.popover = "auto";
  document.body.append(box);
  box.showPopover();
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_each_control_is_reached_and_changes_what_is_shown_and_escape_lets_go(
    open_page: OpenPage, tmp_path: Path, view: str
) -> None:
    """Tab goes through all of them in their order, and one sees where one is.

    What is pinned at the end is released by Escape, unless that closes something above the page.
    """
    shown = opener(open_page, tmp_path)(view)
    tools = shown.chart.locator(".ag-tools").locator("a, button").all_text_contents()
    controls = list(shown.controls())
    assert controls
    for control in controls:
        focused = tab_to_the_chart(shown) if control is controls[0] else tab(shown)
        assert focused == {"name": control.name, "inside": True, "outlined": True}
        if not control.is_fixed:
            before = control.value
            control.press()
            shown.settle()
            assert control.value != before, f"{control.name} does not change by keys"
    for text in tools:
        assert tab(shown) == {"name": text, "inside": True, "outlined": True}
    pins = [control for control in controls if control.name.startswith("pin_")]
    assert all(pin.value != -1 for pin in pins)
    shown.page.evaluate(POPOVER)
    shown.page.keyboard.press("Escape")
    expect(shown.page.locator("[popover]")).to_be_hidden()
    shown.settle()
    assert all(pin.value != -1 for pin in pins)
    shown.page.keyboard.press("Escape")
    shown.settle()
    assert [(pin.value, pin.element.input_value()) for pin in pins] == [(-1, "-1")] * len(pins)


def tab(shown: Shown) -> dict[str, object]:
    """Press Tab, and tell where that leads."""
    shown.page.keyboard.press("Tab")
    focused: dict[str, object] = shown.page.evaluate(FOCUSED)
    return focused


def tab_to_the_chart(shown: Shown) -> dict[str, object]:
    for _ in range(10):
        focused = tab(shown)
        if focused["inside"]:
            return focused
    raise AssertionError("Tab does not lead to the chart")
