"""A chart in another language: its controls, its buttons, and what it says as it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from playwright.sync_api import expect

from attention_gallery import pages, views
from attention_gallery.terms import Head, Start
from browser_fixtures import OpenPage, vega
from test_language_coverage import english, foreign, words_of
from test_views import CASES, packed_of

pytestmark = pytest.mark.browser

_SEEN = """(chart) => [
  ...chart.innerText.split("\\n"),
  ...[...chart.querySelectorAll("text")].map((text) => text.textContent),
  ...[...chart.querySelectorAll("option")].map((option) => option.textContent),
  ...["aria-label", "aria-roledescription"].flatMap((name) =>
    [...chart.querySelectorAll(`[${name}]`)]
      .filter((part) => !part.closest("[aria-hidden=true]"))
      .map((part) => part.getAttribute(name)),
  ),
  ...[...chart.querySelectorAll("[placeholder]")].map((part) => part.placeholder),
]"""


def test_a_running_chart_speaks_the_language_of_its_page(
    open_page: OpenPage, tmp_path: Path
) -> None:
    shown, held = CASES["derived"]
    shown = dataclasses.replace(shown, views=("grid", "edges"), start=Start(Head(1, 0), 2))
    with foreign():
        packed = packed_of("derived", "edges")
        figures = views.figures(shown, packed)
        file = tmp_path / "foreign.html"
        file.write_text(pages.lone_file(shown, held, packed, figures, vega()), "utf-8")
    page = open_page(file.as_uri())
    for view in ("edges", "grid"):
        chart = page.locator(f"attention-chart[view={view}]")
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-ready", "")
        assert english(chart.evaluate(_SEEN), words_of("derived")) == []
        assert chart.get_by_role("button").count() >= 2
    chart = page.locator("attention-chart[view=edges]")
    reading = chart.locator(".ag-reading")
    for token in ("-1", "0", "4"):
        before = reading.inner_text()
        chart.locator("select[name=pin_token]").select_option(token)
        expect(reading).not_to_have_text(before)
        assert english([reading.inner_text()], words_of("derived")) == []


def test_other_heads_are_added_by_the_names_that_a_reader_sees(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """The control is a line of text: what it understands is what is written at the swatches."""
    shown, held = CASES["derived"]
    shown = dataclasses.replace(shown, views=("edges",))
    with foreign():
        packed = packed_of("derived", "edges")
        file = tmp_path / "foreign.html"
        figures = views.figures(shown, packed)
        file.write_text(pages.lone_file(shown, held, packed, figures, vega()), "utf-8")
    page = open_page(file.as_uri())
    chart = page.locator("attention-chart")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-ready", "")
    heads = chart.locator("input[name=heads]")
    for typed, n in (("ｍｅａｎ", 2), ("ａｌｌ", 4), ("ＭＡＸ, ｍｅａｎ", 3)):
        heads.fill(typed)
        page.wait_for_function(
            """(n) => document.querySelector("attention-chart")
              .embedded.view.signal("shown").length === n""",
            arg=n,
        )
