"""Every view as one reader passes it on to another: by a link, without scripts, on paper."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import expect

from browser_fixtures import OpenPage
from every_view import VIEWS, Control, opener

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("view", VIEWS)
def test_a_link_brings_back_what_every_control_says_and_what_is_shown(
    open_page: OpenPage, tmp_path: Path, view: str
) -> None:
    show = opener(open_page, tmp_path)
    shown = show(view)
    opening = shown.state()
    changed = set()
    for control in shown.controls():
        if not control.is_fixed:
            choose_another(control)
            shown.settle()
            changed.add(control.name)
    left = shown.state()
    assert {name for name in changed if left[name] != opening[name]} == changed
    assert left["said"] != opening["said"] or left["written"] != opening["written"]
    link = shown.link
    said = dict(parse_qsl(link.partition("?")[2], keep_blank_values=True))
    assert list(said) == [control.name for control in shown.controls()]
    assert show(view, link).state() == left


def choose_another(control: Control) -> None:
    """Another value than that of the opening state, in a way that suits its kind."""
    element = control.element
    if control.kind == "checkbox":
        element.click()
    elif control.kind == "text":
        element.fill("1")
    elif control.kind == "range":
        low, high, value = element.evaluate("e => [e.min, e.max, e.value]")
        element.fill(high if value != high else low)
    else:
        options = element.locator("option").evaluate_all("all => all.map((e) => e.value)")
        element.select_option(next(o for o in reversed(options) if o != element.input_value()))


@pytest.mark.parametrize("view", VIEWS)
def test_picture_words_and_numbers_are_there_without_scripts(
    open_page: OpenPage, tmp_path: Path, view: str
) -> None:
    shown = opener(open_page, tmp_path)(view, java_script_enabled=False)
    expect(shown.chart.locator(".ag-picture svg")).to_be_visible()
    expect(shown.chart.locator(".ag-reading")).not_to_be_empty()
    table = shown.page.locator(".ag-table")
    shown.page.locator(".ag-numbers summary").click()
    for each in table.all():
        expect(each).to_be_visible()
    assert table.first.locator("tbody tr").count() >= 1


@pytest.mark.parametrize("view", VIEWS)
def test_paper_shows_the_picture_and_no_controls(
    open_page: OpenPage, tmp_path: Path, view: str
) -> None:
    """As it was left: what was chosen before is what is printed."""
    shown = opener(open_page, tmp_path)(view)
    shown.page.emulate_media(media="print")
    expect(shown.chart.locator("svg").first).to_be_visible()
    for part in (".ag-controls", ".ag-tools"):
        expect(shown.chart.locator(part)).to_be_hidden()
