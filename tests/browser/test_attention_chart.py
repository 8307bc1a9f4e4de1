"""The charts in a real browser, opened from a file with no network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import vl_convert
from playwright.sync_api import Browser, Locator, Page, expect

from attention_gallery import pages, reading, templates, views
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import FOX, HOSTILE, attention, capture, exhibit
from browser_fixtures import OpenPage, vega

pytestmark = pytest.mark.browser

Show = Callable[..., Page]
SHOWN = exhibit(start=Start(Head(1, 2), 5))


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open an HTML text from a file, as from a USB stick."""

    def show(html: str, fragment: str = "", **options: object) -> Page:
        file = tmp_path / "page.html"
        file.write_text(html, "utf-8")
        options.setdefault("viewport", {"width": 1000, "height": 900})
        return open_page(file.as_uri() + fragment, **options)

    return show


def lone_file(source: Attention, shown: Exhibit = SHOWN) -> tuple[str, Packed]:
    held = capture(source)
    packed = views.pack(shown, held)
    return pages.lone_file(shown, held, packed, views.figures(shown, packed), vega()), packed


def ready(page: Page, view: str) -> None:
    chart = page.locator(f"attention-chart[view={view}]")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-ready", "")


def signal(page: Page, view: str, name: str) -> object:
    return page.evaluate(
        "([view, name]) => document.querySelector(`attention-chart[view=${view}]`)"
        ".embedded.view.signal(name)",
        [view, name],
    )


def choose(page: Page, view: str, name: str, value: int) -> None:
    page.locator(f"attention-chart[view={view}] select[name={name}]").select_option(str(value))


def edges(page: Page, colour: str) -> int:
    return lines(page, colour).count()


def lines(page: Page, colour: str) -> Locator:
    """The edges of a colour; the line at the swatch of the head shown is none."""
    edge = f"line[stroke='{colour}']:not([stroke-width='4'])"
    return page.locator(f"attention-chart[view=edges] .ag-chart {edge}")


def token(page: Page, text: str, side: int) -> tuple[float, float]:
    """The middle of a token's label: side 0 is the queries, 1 the keys."""
    labels = page.locator("attention-chart[view=edges] .ag-chart text", has_text=text)
    box = labels.nth(side).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize(
    "source",
    [
        attention(),
        attention(kind="encoder", n_heads=(2, 5)),
        attention(kind="cross", keys=("le", "renard", "brun")),
        attention(tuple("abcdefgh" * 8), n_heads=(2, 2)),
    ],
    ids=["causal", "unequal", "cross", "long"],
)
def test_the_numbers_in_the_running_chart_are_the_captured_ones(
    show: Show, source: Attention
) -> None:
    """Read back out of Vega, in every head and at every cell, within the stated error."""
    html, packed = lone_file(source, exhibit())
    page = show(html)
    ready(page, "heatmap")
    for layer, weights in enumerate(source.layers):
        for head in (-1, *range(len(weights))):
            choose(page, "heatmap", "layer", layer)
            choose(page, "heatmap", "head", head)
            rows = page.evaluate(
                """() => {
                  const view = document.querySelector("attention-chart[view=heatmap]")
                    .embedded.view;
                  const names = Object.keys(view.getState({data: () => true}).data);
                  const name = names.find((n) => {
                    const first = view.data(n)[0];
                    return first && "weight" in first && "query_text" in first;
                  });
                  return view.data(name).map((d) => [d.query, d.key, d.weight]);
                }"""
            )
            read = np.zeros(weights.shape[1:])
            for query, key, weight in rows:
                read[query, key] = weight
            expected = weights.mean(axis=0) if head < 0 else weights[head]
            assert np.abs(read - expected).max() <= packed.error + 1e-6
            assert len(rows) == packed.n_cells


def test_a_picture_stands_before_and_without_scripts(show: Show) -> None:
    html, _ = lone_file(attention())
    page = show(html, java_script_enabled=False)
    pictures = page.locator(".ag-picture svg")
    assert pictures.count() == 2
    assert all(pictures.nth(i).is_visible() for i in range(2))
    assert "jumps looks at" in pictures.nth(1).inner_html()


def test_the_live_chart_opens_in_the_state_of_the_picture(show: Show) -> None:
    html, packed = lone_file(attention())
    page = show(html)
    ready(page, "edges")
    ready(page, "heatmap")
    assert signal(page, "edges", "slot") == packed.start
    for view, text in (("edges", "L1 H2"), ("heatmap", "jumps looks at")):
        expect(page.locator(f"attention-chart[view={view}] svg")).to_contain_text(text)
    row = packed.shown[5, :6]
    assert edges(page, PIN_COLOUR) == int((row >= 0.005).sum())


def test_hovering_shows_a_tokens_edges_and_leaving_takes_them_away(show: Show) -> None:
    html, packed = lone_file(attention())
    page = show(html)
    ready(page, "edges")
    assert edges(page, HOVER_COLOUR) == 0
    for side, row in ((0, packed.shown[4, :5]), (1, packed.shown[4:, 4])):
        page.mouse.move(*token(page, "fox", side))
        page.wait_for_timeout(100)
        assert edges(page, HOVER_COLOUR) == int((row >= 0.005).sum())
        page.mouse.move(5, 5)
        page.wait_for_timeout(100)
        assert edges(page, HOVER_COLOUR) == 0


def test_thickness_is_proportional_to_the_weight(show: Show) -> None:
    html, packed = lone_file(attention())
    page = show(html)
    ready(page, "edges")
    pinned = lines(page, PIN_COLOUR).all()
    widths = [float(line.get_attribute("stroke-width") or 0) for line in pinned]
    weights = [w for w in packed.shown[5, :6] if w >= 0.005]
    assert np.allclose(widths, [0.5 + 11.5 * w for w in weights], atol=1e-6)


def test_a_click_pins_and_prints_the_weights_and_hovering_never_overrides_it(show: Show) -> None:
    html, packed = lone_file(attention())
    page = show(html)
    ready(page, "edges")
    page.mouse.click(*token(page, "brown", 0))
    page.wait_for_timeout(100)
    assert signal(page, "edges", "pin_token") == 3
    chart = page.locator("attention-chart[view=edges] .ag-chart")
    for weight in packed.shown[3, :4]:
        expect(chart).to_contain_text(f"{weight:.3f}")
    pinned = edges(page, PIN_COLOUR)
    page.mouse.move(*token(page, "dog", 0))
    page.wait_for_timeout(100)
    assert edges(page, PIN_COLOUR) == pinned
    assert signal(page, "edges", "pin_token") == 3
    page.keyboard.press("Escape")
    page.wait_for_timeout(100)
    assert edges(page, PIN_COLOUR) == 0


@pytest.mark.parametrize("view", ["edges", "heatmap"])
def test_everything_works_from_the_keyboard(show: Show, view: str) -> None:
    html, _ = lone_file(attention())
    page = show(html)
    ready(page, view)
    controls = page.locator(f"attention-chart[view={view}] .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert (
        names
        == {
            "edges": ["layer", "head", "heads", "hide", "pin_token"],
            "heatmap": ["layer", "head", "sorted", "stretched", "pin_query", "pin_key"],
        }[view]
    )
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        before = signal(page, view, str(name))
        keys = {"heads": "0", "hide": "Space", "pin_key": "ArrowUp", "pin_query": "ArrowUp"}
        page.keyboard.press(keys.get(str(name), "ArrowDown"))
        page.wait_for_timeout(100)
        assert signal(page, view, str(name)) != before, name
        page.keyboard.press("Tab")
    for text in (
        "Link to this state",
        "Download the chart (Vega-Lite)",
        "Download the picture (SVG)",
    ):
        assert page.evaluate("document.activeElement.textContent") == text
        page.keyboard.press("Tab")


def test_controls_say_that_nothing_is_pinned_after_escape(show: Show) -> None:
    page = show(lone_file(attention())[0])
    ready(page, "edges")
    page.keyboard.press("Escape")
    control = page.locator("attention-chart[view=edges] select[name=pin_token]")
    expect(control).to_have_value("-1")
    expect(page.locator("attention-chart[view=edges] .ag-reading")).to_have_text(
        "L1 H2. No token is pinned."
    )


def test_what_is_pinned_is_said_in_words(show: Show) -> None:
    """For screen readers: the same sentence as the static one, and always of the state shown."""
    html, packed = lone_file(attention())
    page = show(html)
    ready(page, "heatmap")
    ready(page, "edges")
    said = page.locator("attention-chart[view=edges] .ag-reading")
    assert reading.pinned_edges(packed) in said.inner_text()
    choose(page, "edges", "pin_token", 4)
    choose(page, "edges", "pin_token", 5)
    expect(said).to_have_text(reading.pinned_edges(packed))
    choose(page, "edges", "pin_token", 10 + 4)
    expect(said).to_contain_text("In L1 H2, fox is looked at most by ")
    said = page.locator("attention-chart[view=heatmap] .ag-reading")
    choose(page, "heatmap", "pin_key", 3)
    expect(said).to_contain_text(f"In L1 H2, jumps looks at brown: {packed.shown[5, 3]:.3f}. ")
    choose(page, "heatmap", "pin_key", 9)
    expect(said).to_contain_text("In L1 H2, jumps cannot look at dog, which comes later. ")
    chart = page.locator("attention-chart[view=heatmap]")
    expect(chart.locator(".ag-chart svg")).to_contain_text("jumps cannot look at dog")
    assert "cannot look at dog" in (chart.locator(".ag-chart").get_attribute("aria-label") or "")


def test_a_link_on_the_page_itself_changes_the_state(show: Show) -> None:
    page = show(lone_file(attention())[0])
    page.evaluate("location.hash = '#heatmap?layer=2&head=0&pin_query=6&pin_key=1'")
    chart = page.locator("attention-chart[view=heatmap]")
    expect(chart.locator("select[name=layer]")).to_have_value("2")
    expect(chart.locator(".ag-chart svg")).to_contain_text("over looks at The")
    page.wait_for_function("scrollY > 200")


def test_a_chart_that_is_moved_starts_again(show: Show) -> None:
    page = show(lone_file(attention())[0])
    ready(page, "edges")
    page.evaluate("document.body.append(document.querySelector('attention-chart[view=edges]'))")
    ready(page, "edges")
    assert page.locator("attention-chart[view=edges] .ag-controls").count() == 1
    assert page.locator("attention-chart[view=edges] .ag-chart svg").count() == 1


def test_colours_can_be_stretched_to_the_head(show: Show) -> None:
    page = show(lone_file(attention(), exhibit(start=Start(Head(0, 0), 9)))[0])
    ready(page, "heatmap")
    choose(page, "heatmap", "head", -1)
    legend = page.locator("attention-chart[view=heatmap] .ag-chart svg")
    expect(legend).to_contain_text("1.0")
    assert signal(page, "heatmap", "brightest") == 1
    choose(page, "heatmap", "stretched", 1)
    assert signal(page, "heatmap", "brightest") == signal(page, "heatmap", "largest")[0]  # type: ignore[index]


@pytest.mark.parametrize("view", ["edges", "heatmap"])
def test_a_link_brings_the_whole_state_back(show: Show, view: str) -> None:
    html, _ = lone_file(attention())
    page = show(html)
    ready(page, view)
    choose(page, view, "layer", 2)
    choose(page, view, "head", -1)
    pins = {"edges": {"pin_token": 13}, "heatmap": {"pin_query": 7, "pin_key": 2}}[view]
    for name, value in pins.items():
        choose(page, view, name, value)
    anchor = page.locator(f"attention-chart[view={view}] .ag-tools a")
    expect(anchor).to_have_attribute("href", re.compile("=".join(map(str, [*pins.items()][-1]))))
    link = anchor.get_attribute("href")
    assert link is not None
    page = show(html, link)
    ready(page, view)
    for name, value in {"layer": 2, "head": -1, **pins}.items():
        assert signal(page, view, name) == value


@pytest.mark.parametrize(
    "fragment", ["#edges?layer=99&head=x&pin_token=-7", "#edges?%%%", "#edges?__proto__=1", "#x?y"]
)
def test_a_link_that_means_nothing_opens_the_page_as_usual(show: Show, fragment: str) -> None:
    html, packed = lone_file(attention())
    page = show(html, fragment)
    ready(page, "edges")
    assert signal(page, "edges", "slot") == packed.start
    assert signal(page, "edges", "pin_token") == 5


def test_listed_heads_are_one_control(show: Show) -> None:
    html, _ = lone_file(attention(), exhibit(heads=(Head(2, 1), Head(0, 3))))
    page = show(html)
    ready(page, "edges")
    options = page.locator("attention-chart[view=edges] select[name=slot] option")
    assert options.all_text_contents() == ["L2 H1", "L0 H3"]
    choose(page, "edges", "slot", 1)
    expect(page.locator("attention-chart[view=edges] .ag-chart")).to_contain_text("L0 H3")


@pytest.mark.parametrize("view", ["edges", "heatmap"])
def test_the_document_that_is_saved_is_whole(show: Show, view: str) -> None:
    """It draws on its own, without the page's scripts."""
    html, packed = lone_file(attention(HOSTILE))
    page = show(html)
    ready(page, view)
    with page.expect_download() as download:
        page.locator(f"attention-chart[view={view}] button", has_text="Vega-Lite").click()
    assert download.value.suggested_filename == f"fox-{view}.vl.json"
    spec = json.loads(Path(download.value.path()).read_text("utf-8"))
    weights = next(p for p in spec["params"] if p["name"] == "weights")
    assert weights["value"] == list(packed.blobs)
    assert vl_convert.vegalite_to_svg(spec).startswith("<svg")


def test_hostile_text_is_only_text(show: Show) -> None:
    """In pictures, controls, tooltips and tables; anything that ran would open a dialog."""
    html, _ = lone_file(attention(HOSTILE), exhibit(title=HOSTILE[1], text=" ".join(HOSTILE)))
    page = show(html)
    ready(page, "heatmap")
    ready(page, "edges")
    page.mouse.move(*token(page, "</script", 0))
    page.wait_for_timeout(100)
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3
    expect(page.locator("#vg-tooltip-element")).to_contain_text("onerror=alert(1)")


@pytest.mark.parametrize("n_tokens", [10, 24, 64])
def test_labels_and_numbers_never_overlap(show: Show, n_tokens: int) -> None:
    words = (*HOSTILE, *FOX)
    tokens = tuple(words[i % len(words)] for i in range(n_tokens))
    html, _ = lone_file(attention(tokens, n_heads=(1,)), exhibit())
    page = show(html)
    ready(page, "edges")
    overlaps = page.evaluate(
        """() => {
          const texts = document.querySelectorAll("attention-chart[view=edges] .ag-chart text");
          const boxes = [...texts].filter((t) => t.textContent.trim())
            .map((t) => [t.textContent, t.getBoundingClientRect()]);
          const found = [];
          boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
            const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
            const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
            if (x > 1 && y > 4) found.push([a, b, x, y]);
          }));
          return found;
        }"""
    )
    assert overlaps == []


@pytest.mark.parametrize("width", [375, 1000])
def test_the_page_never_scrolls_sideways(show: Show, width: int) -> None:
    html, _ = lone_file(attention(HOSTILE * 3), exhibit(text="x" * 10_000))
    page = show(html, viewport={"width": width, "height": 800})
    ready(page, "edges")
    ready(page, "heatmap")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_chart_that_cannot_be_loaded_leaves_its_picture(browser: Browser, tmp_path: Path) -> None:
    """The page's scripts are there, Vega is not: the one test whose page may complain."""
    html, _ = lone_file(attention())
    file = tmp_path / "page.html"
    file.write_text(html.replace(templates.inline_script(vega()), ""), "utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    expect(page.locator(".ag-note").first).to_contain_text("could not be loaded")
    assert page.locator(".ag-picture svg").first.is_visible()
    context.close()


def test_a_chart_that_is_moved_while_it_loads_is_drawn_once(show: Show) -> None:
    html, _ = lone_file(attention())
    page = show(html)
    ready = page.locator("attention-chart[view=edges][data-ready]")
    expect(ready).to_have_count(1)
    page.evaluate(
        """async () => {
          const chart = document.querySelector("attention-chart[view=edges]");
          const place = chart.parentElement;
          chart.remove();
          place.append(chart);
          const first = chart.start();
          chart.remove();
          place.append(chart);
          await Promise.all([first, chart.start()]);
        }"""
    )
    expect(ready).to_have_count(1)
    for part in (".ag-controls", ".ag-chart svg.marks", ".ag-tools"):
        expect(ready.locator(part)).to_have_count(1)


@pytest.mark.parametrize(
    "fragment",
    [
        "#edges?hide=constructor",
        "#edges?hide=1",
        "#heatmap?layer=0.5",
        "#heatmap?pin_query=__proto__",
    ],
)
def test_a_link_that_names_what_no_control_offers_changes_nothing(
    show: Show, fragment: str
) -> None:
    html, _ = lone_file(attention())
    view = fragment[1:].split("?")[0]
    state = """(view) => {
      const chart = document.querySelector(`attention-chart[view=${view}]`);
      return chart.choices().map((control) => [control.name, chart.signal(control.name)]);
    }"""
    page = show(html)
    page.locator(f"attention-chart[view={view}]").scroll_into_view_if_needed()
    expect(page.locator(f"attention-chart[view={view}][data-ready]")).to_have_count(1)
    before = page.evaluate(state, view)
    page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
    page.wait_for_timeout(200)
    assert page.evaluate(state, view) == before
