"""The neuron view in a real browser, opened from a file with no network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import vl_convert
from playwright.sync_api import Locator, Page, expect

from attention_gallery import pages, views
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR, VISIBLE
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attention_gallery.views.neuron.vectors import Vectors
from attentions import FOX, HOSTILE, capture, exhibit
from browser_fixtures import OpenPage, signal, vega
from dot_products import made_of

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=neuron]"
SHOWN = exhibit(views=("neuron",), start=Start(Head(1, 1), 7))
SOURCE = made_of(n_dims=16, spread=1.0)

Show = Callable[..., tuple[Page, Packed]]


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the view from a file, as from a USB stick, and wait for it."""

    def show(
        source: Attention = SOURCE, fragment: str = "", shown: Exhibit = SHOWN, **options: object
    ) -> tuple[Page, Packed]:
        held = capture(source)
        packed = views.pack(shown, held)
        html = pages.lone_file(shown, held, packed, views.figures(shown, packed), vega())
        file = tmp_path / "page.html"
        file.write_text(html, "utf-8")
        options.setdefault("viewport", {"width": 1200, "height": 1000})
        page = open_page(file.as_uri() + fragment, **options)
        if options.get("java_script_enabled", True):
            page.locator(CHART).scroll_into_view_if_needed()
            expect(page.locator(CHART)).to_have_attribute("data-ready", "")
        return page, packed

    return show


def choose(page: Page, name: str, value: int) -> None:
    page.locator(f"{CHART} select[name={name}]").select_option(str(value))
    page.wait_for_timeout(100)


def read_rows(page: Page, name: str = "sums") -> list[dict[str, float]]:
    """What the running chart has computed for each key, and the sink."""
    rows: list[dict[str, float]] = page.evaluate(
        f"""() => document.querySelector("{CHART}").embedded.view.data("{name}")
          .filter((d) => d.seen)
          .map(({{key, dot, score, weight}}) => ({{key, dot, score, weight}}))"""
    )
    return rows


def chart(page: Page) -> Locator:
    return page.locator(f"{CHART} .ag-chart svg")


def text(page: Page, said: str, which: int = 0) -> tuple[float, float]:
    """The middle of a token; of several the `which`-th: rows are drawn before the sentence."""
    box = chart(page).locator("text", has_text=re.compile(f"^{said}$")).nth(which).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def move(page: Page, place: tuple[float, float]) -> None:
    page.mouse.move(*place)
    page.wait_for_timeout(150)


def frames(page: Page, colour: str) -> int:
    return chart(page).locator(f"path[stroke='{colour}'][fill-opacity='0']").count()


def outlines(page: Page) -> int:
    return chart(page).locator(f"path[stroke='{HOVER_COLOUR}']:not([fill-opacity])").count()


def numbers(page: Page) -> list[str]:
    return [
        said
        for said in chart(page).locator("text").all_text_contents()
        if re.fullmatch(r"[+−]?\d+\.\d{3}", said)
    ]


@pytest.mark.parametrize(
    "source",
    [
        SOURCE,
        made_of(n_heads=4, n_key_heads=2, window=3),
        made_of(kind="encoder", bias=0.4, scale=1.0, sink=True),
        made_of(("<s>", "the", "fox"), kind="cross", keys=("le", "renard"), n_dims=24),
        made_of(FOX * 4, n_dims=160, spread=0.7),
    ],
    ids=["causal", "shared-keys-and-window", "bias-and-sink", "cross", "long-and-wide"],
)
def test_the_numbers_in_the_running_chart_are_the_captured_ones(
    show: Show, source: Attention
) -> None:
    """In heads and rows drawn at random: those of the build to the last bit, the model's nearly."""
    page, packed = show(source, shown=exhibit(views=("neuron",)))
    heads = Vectors(packed).heads
    rng = np.random.default_rng(5)
    for _ in range(5):
        slot, query = int(rng.integers(len(heads))), int(rng.integers(packed.n_queries))
        choose(page, "slot", slot)
        choose(page, "pin_query", query)
        head, rows = heads[slot], read_rows(page)
        expected = head.row(query)
        assert [row["key"] for row in rows] == np.flatnonzero(expected.seen).tolist()
        for row in rows:
            key = int(row["key"])
            assert (row["dot"], row["score"]) == (expected.dots[key], expected.scores[key])
            assert row["weight"] == pytest.approx(expected.weights[key], abs=1e-12)
            if key < packed.n_keys:
                used = source.layers[head.name.layer][head.name.head, query, key]
                assert abs(row["weight"] - used) <= 0.0005
        assert f"{expected.weights.max():.3f}" in numbers(page)


def test_the_story_stands_before_and_without_scripts(show: Show) -> None:
    page, packed = show(java_script_enabled=False)
    picture = page.locator(".ag-picture svg")
    assert picture.is_visible()
    head = Vectors(packed).heads[3]
    row = head.row(7)
    for said in ("q, and below it k", "q × k, one by one", "÷ √16", "softmax", "L1 H1", "jumps"):
        expect(picture).to_contain_text(said)
    for number in (*row.dots[:8], *row.scores[:8], *row.weights[:8]):
        expect(picture).to_contain_text(f"{number:.3f}".replace("-", "−"))
    expect(picture).to_contain_text("comes later: cannot be seen")


def test_what_is_said_on_opening_is_said_again(show: Show) -> None:
    """The sentence of the build and that of the running chart are made by different code."""
    page, packed = show()
    [figure] = views.figures(SHOWN, packed)
    assert figure.summary.startswith(f"{signal(page, CHART, 'said')} Of the 16 products")


def test_hovering_a_row_tells_its_numbers_and_never_moves_the_pin(show: Show) -> None:
    page, packed = show()
    before = numbers(page)
    assert (frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == (1, 0)
    pinned = int(Vectors(packed).heads[3].row(7).weights.argmax())
    other = 2 if pinned != 2 else 3
    move(page, text(page, FOX[other]))
    row = Vectors(packed).heads[3].row(7)
    told = page.locator("#vg-tooltip-element")
    expect(told).to_contain_text(f"{FOX[other]}: q·k is ")
    expect(told).to_contain_text(f"the weight {row.weights[other]:.3f}")
    assert (frames(page, PIN_COLOUR), frames(page, HOVER_COLOUR)) == (1, 1)
    assert numbers(page) == before
    assert signal(page, CHART, "pin_key") == pinned
    move(page, (3, 3))
    assert frames(page, HOVER_COLOUR) == 0


def test_hovering_a_word_outlines_its_weights_around_those_of_the_pinned_one(show: Show) -> None:
    page, packed = show()
    before = numbers(page)
    assert outlines(page) == 0
    move(page, text(page, "lazy", 1))
    weights = Vectors(packed).heads[3].row(8).weights
    assert outlines(page) == int((weights >= VISIBLE).sum())
    assert numbers(page) == before
    assert signal(page, CHART, "pin_query") == 7
    move(page, text(page, "the", 1))
    assert outlines(page) == 0, "the pinned word has no preview"


def test_a_click_on_a_word_makes_it_the_query_and_on_a_row_the_key(show: Show) -> None:
    page, _ = show()
    said = page.locator(f"{CHART} .ag-reading")
    page.mouse.click(*text(page, "lazy", 1))
    expect(said).to_contain_text(re.compile(r"In L1 H1, lazy looks at \w+: q·k is "))
    page.mouse.click(*text(page, "brown"))
    expect(said).to_contain_text("In L1 H1, lazy looks at brown: q·k is ")
    assert (signal(page, CHART, "pin_query"), signal(page, CHART, "pin_key")) == (8, 3)


def test_escape_lets_go_and_leaves_the_vectors(show: Show) -> None:
    page, _ = show()
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHART} .ag-reading")).to_have_text("L1 H1. No query is pinned.")
    assert numbers(page) == []
    assert frames(page, PIN_COLOUR) == 0
    assert chart(page).locator(f"path[fill='{HOVER_COLOUR}']").count() > 40
    for name in ("pin_query", "pin_key"):
        expect(page.locator(f"{CHART} select[name={name}]")).to_have_value("-1")


def test_a_key_that_comes_later_is_said_to_be_out_of_sight(show: Show) -> None:
    page, _ = show()
    choose(page, "pin_key", 9)
    expect(page.locator(f"{CHART} .ag-reading")).to_have_text(
        "In L1 H1, the cannot look at dog, which comes later."
    )


def test_the_way_to_a_state_leaves_no_trace(show: Show) -> None:
    """Sums of a chart are made again with every change: nothing may grow or move by that."""
    page, _ = show()
    before = marks(page)
    start = {name: signal(page, CHART, name) for name in ("slot", "pin_query", "pin_key")}
    for name, value in (
        ("slot", 0), ("pin_query", 9), ("pin_key", -1), ("pin_query", -1), ("slot", 2),
        ("pin_query", 0), ("pin_key", 5),
    ):  # fmt: skip
        choose(page, name, value)
    for word in ("quick", "fox", "dog"):
        move(page, text(page, word))
        move(page, text(page, word, 1))
    move(page, (3, 3))
    for name, before_it in start.items():
        choose(page, name, int(str(before_it)))
    assert marks(page) == before


def marks(page: Page) -> list[str]:
    """All that is drawn: each mark with what it says, and its attributes in one order."""
    drawn = chart(page).locator("path, line, text")
    told: list[str] = drawn.evaluate_all(
        """marks => marks.map((mark) => [mark.tagName, mark.textContent,
          ...[...mark.attributes].map((a) => `${a.name}=${a.value}`).sort()].join(" "))"""
    )
    return sorted(told)


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page, _ = show()
    controls = page.locator(f"{CHART} .ag-controls select")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["slot", "pin_query", "pin_key"]
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        labelled = page.evaluate("document.activeElement.labels[0]?.textContent ?? ''")
        assert labelled.strip(), name
        before = signal(page, CHART, str(name))
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(100)
        assert signal(page, CHART, str(name)) != before, name
        page.keyboard.press("Tab")


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    page, _ = show()
    state = {"slot": 1, "pin_query": 9, "pin_key": 4}
    for name, value in state.items():
        choose(page, name, value)
    link = f"#neuron?{urlencode(state)}"
    expect(page.locator(f"{CHART} .ag-tools a")).to_have_attribute("href", link)
    page, _ = show(fragment=link)
    expect(page.locator(f"{CHART} select[name=pin_query]")).to_have_value("9")
    for name, value in state.items():
        assert signal(page, CHART, name) == value


def test_the_document_that_is_saved_is_whole(show: Show) -> None:
    page, packed = show()
    with page.expect_download() as download:
        page.locator("button", has_text="Vega-Lite").click()
    spec = json.loads(Path(download.value.path()).read_text("utf-8"))
    vectors = next(p for p in spec["params"] if p["name"] == "query_vectors")
    assert len(vectors["value"]) == 4
    assert {len(each) for each in vectors["value"]} == {4 * packed.n_queries * 16}
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    assert "q × k, one by one" in svg


SOURCES = {
    "short": made_of(("<s>", "a", "fox"), n_dims=8),
    "everything": made_of(kind="encoder", bias=0.4, sink=True, n_dims=64),
    "hostile": made_of(HOSTILE, kind="encoder", n_dims=24),
    "long": made_of(FOX * 6, n_dims=96, scale=0.5),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("width", [375, 1200])
def test_labels_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, width: int, source: Attention
) -> None:
    page, _ = show(
        source, shown=exhibit(views=("neuron",)), viewport={"width": width, "height": 900}
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(f"{CHART} .ag-chart").evaluate("e => e.scrollWidth <= e.clientWidth")
    overlaps = page.evaluate(
        f"""() => {{
          const texts = document.querySelectorAll("{CHART} .ag-chart text");
          const boxes = [...texts].filter((t) => t.textContent.trim())
            .map((t) => [t.textContent, t.getBoundingClientRect()]);
          const found = [];
          boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {{
            const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
            const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
            if (x > 2 && y > 4) found.push([a, b, x, y]);
          }}));
          return found;
        }}"""
    )
    assert overlaps == []


def test_hostile_text_is_only_text(show: Show) -> None:
    """In the picture, controls and tooltips; anything that ran would open a dialog."""
    page, _ = show(SOURCES["hostile"], shown=exhibit(views=("neuron",)))
    choose(page, "pin_key", 1)
    choose(page, "pin_query", 2)
    box = chart(page).locator("text", has_text="<img").first.bounding_box()
    assert box is not None
    move(page, (box["x"] + 5, box["y"] + 5))
    assert page.locator("img").count() == 0
    expect(page.locator("#vg-tooltip-element")).to_contain_text("</script><img")
