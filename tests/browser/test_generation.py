"""The view of generation in a real browser, opened from a file with no network."""

from __future__ import annotations

import dataclasses
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
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Sentence, Start
from attentions import FOX, HOSTILE, attention, capture, exhibit
from browser_fixtures import OpenPage, signal, vega
from pictures import captioner, png
from predicted import predicted

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=generation]"
SHOWN = exhibit(views=("generation",), start=Start(Head(1, 1), 4))
OPEN = exhibit(views=("generation",))
SOURCE = predicted(attention(FOX), n_given=6)
TRANSLATED = predicted(
    attention(("<s>", "a", "black", "cat"), kind="cross", keys=("un", "chat", "noir")), last="</s>"
)
CAPTIONED = predicted(captioner(), n_given=1, last="</s>")

Show = Callable[..., tuple[Page, Packed]]


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the view from a file, as from a USB stick, and wait for it."""

    def show(
        source: Attention = SOURCE, fragment: str = "", shown: Exhibit = SHOWN, **options: object
    ) -> tuple[Page, Packed]:
        held = capture(source)
        if source is CAPTIONED:
            held = dataclasses.replace(held, image=png(16, 12))
            seen = Sentence("scene", "", image="/scene.png")
            shown = dataclasses.replace(shown, sentence=seen)
        packed = views.pack(shown, held)
        html = pages.lone_file(shown, held, packed, views.figures(shown, packed), vega())
        file = tmp_path / "page.html"
        file.write_text(html, "utf-8")
        options.setdefault("viewport", {"width": 1000, "height": 1000})
        page = open_page(file.as_uri() + fragment, **options)
        if options.get("java_script_enabled", True):
            page.locator(CHART).scroll_into_view_if_needed()
            expect(page.locator(CHART)).to_have_attribute("data-ready", "")
        return page, packed

    return show


def go(page: Page, step: int, **head: int) -> None:
    """Move the slider, and choose a head, as a reader does."""
    for name, value in head.items():
        page.locator(f"{CHART} select[name={name}]").select_option(str(value))
    page.locator(f"{CHART} input[name=step]").fill(str(step))
    page.wait_for_timeout(80)


def drawn(page: Page, field: str) -> list[dict[str, float]]:
    """The rows behind the texts that are on the screen now and have a field."""
    rows: list[dict[str, float]] = page.evaluate(
        """([chart, field]) => {
          const found = [];
          const walk = (node) => {
            if (node.marktype === "text") {
              for (const item of node.items) {
                if (item.datum && field in item.datum) found.push({...item.datum, said: item.text});
              }
            }
            (node.items ?? []).forEach((item) => item.items && item.items.forEach(walk));
          };
          walk(document.querySelector(chart).embedded.view.scenegraph().root);
          return found.map(({key, weight, place, chance, said}) =>
            ({key, weight, place, chance, said}));
        }""",
        [CHART, field],
    )
    return rows


def chart(page: Page) -> Locator:
    return page.locator(f"{CHART} .ag-chart svg")


def texts(page: Page) -> list[str]:
    return [plain(said) for said in chart(page).locator("text").all_text_contents()]


def plain(text: str) -> str:
    """Without the marks that isolate a token from the text around it."""
    return text.replace("\u2068", "").replace("\u2069", "")


def reading(page: Page) -> str:
    return plain(page.locator(f"{CHART} .ag-reading").inner_text())


def word(page: Page, said: str) -> tuple[float, float]:
    """The middle of a token of the text, which is drawn before the list of the likeliest."""
    box = chart(page).locator("text", has_text=re.compile(f"^{said}$")).first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("source", [SOURCE, TRANSLATED, CAPTIONED], ids=["own", "cross", "image"])
def test_the_numbers_in_the_running_chart_are_the_captured_ones(
    show: Show, source: Attention
) -> None:
    """At steps and heads drawn at random, and for a mean over heads."""
    page, packed = show(source, shown=OPEN)
    found = source.predictions
    assert found is not None
    rng = np.random.default_rng(7)
    for trial in range(5):
        layer = int(rng.integers(source.n_layers))
        head = int(rng.integers(source.n_heads[layer])) if trial else -1
        step = int(rng.integers(packed.n_queries))
        go(page, step, layer=layer, head=head)
        used = source.layers[layer].mean(axis=0) if head < 0 else source.layers[layer][head]
        weights = drawn(page, "weight")
        assert weights
        for row in weights:
            assert abs(row["weight"] - used[step, int(row["key"])]) <= 0.0005
        chances = {int(row["place"]): row["chance"] for row in drawn(page, "chance")}
        for rank, chance in enumerate(found.probabilities[step]):
            assert chances[rank] == pytest.approx(chance, abs=0.0005)
        follows = found.follows[step]
        ids = [token.id for token in found.likeliest[step]]
        if follows and follows.id not in ids:
            given = 2.0 ** -found.surprisals[step]
            assert chances[5] == pytest.approx(given, abs=0.0005)
        assert sum(chances.values()) == pytest.approx(1, abs=1e-9)
        bits = f"surprisal {found.surprisals[step]:.2f} bits"
        assert any(bits in said for said in texts(page)) == bool(follows)


def test_the_story_stands_before_and_without_scripts(show: Show) -> None:
    page, _ = show(java_script_enabled=False)
    picture = page.locator(".ag-picture svg")
    assert picture.is_visible()
    for said in ("What may come after", "Next, by the author", "L1 H1: where", "all others"):
        expect(picture).to_contain_text(said)
    for token in FOX:
        expect(picture).to_contain_text(token)


@pytest.mark.parametrize("source", [SOURCE, CAPTIONED], ids=["own", "image"])
def test_what_is_said_on_opening_is_said_again(show: Show, source: Attention) -> None:
    """The sentence of the build and that of the running chart are made by different code."""
    shown = exhibit(views=("generation",), start=Start(Head(1, 1), 2))
    page, packed = show(source, shown=shown)
    summary = views.load("generation").describe(packed)
    assert summary.startswith(str(signal(page, CHART, "said")))
    assert len(str(signal(page, CHART, "said"))) > 100
    go(page, 3)
    assert reading(page).startswith("After “")
    assert reading(page) == plain(str(signal(page, CHART, "said")))


def test_the_slider_says_which_token_it_has_come_to(show: Show) -> None:
    page, _ = show()
    slider = page.locator(f"{CHART} input[name=step]")
    expect(slider).to_have_attribute("aria-valuetext", "5 jumps")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "6 over")
    assert "What may come after “jumps”" in texts(page)
    assert "Next, by the model: “over”" in texts(page)
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "1 The")
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "10 …")
    assert "No word follows." in texts(page)


def test_a_click_on_a_token_goes_to_the_step_that_chose_it(show: Show) -> None:
    page, _ = show()
    page.mouse.click(*word(page, "lazy"))
    page.wait_for_timeout(100)
    assert signal(page, CHART, "step") == 7
    assert "Next, by the model: “lazy”" in texts(page)
    page.mouse.click(*word(page, "<s>"))
    page.wait_for_timeout(100)
    step = signal(page, CHART, "step")
    assert step == 0, "nothing chose the start: it is what the first step reads"


def test_hovering_a_token_tells_its_numbers_and_moves_nothing(show: Show) -> None:
    page, packed = show()
    before = texts(page)
    told = page.locator("#vg-tooltip-element")
    page.mouse.move(*word(page, "quick"))
    expect(told).to_contain_text(f"looked at: {packed.shown[4, 2]:.3f}")
    expect(told).to_contain_text("quick: probability ")
    page.mouse.move(*word(page, "lazy"))
    expect(told).to_contain_text("lazy: probability ")
    expect(told).not_to_contain_text("looked at")  # it is still to come
    page.mouse.move(3, 3)
    assert texts(page) == before
    assert signal(page, CHART, "step") == 4


def test_the_way_to_a_state_leaves_no_trace(show: Show) -> None:
    page, _ = show()
    before, size = marks(page), chart(page).bounding_box()
    for step, layer, head in ((0, 0, 0), (9, 2, 3), (5, -1, -2), (8, 1, -1)):
        go(page, step, layer=layer, head=head)
        assert chart(page).bounding_box() == size, "nothing on the page moves"
    go(page, 4, layer=1, head=1)
    page.mouse.move(3, 3)
    assert marks(page) == before


def marks(page: Page) -> list[str]:
    """All that is drawn: each mark with what it says, and its attributes in one order."""
    told: list[str] = (
        chart(page)
        .locator("path, line, text, image")
        .evaluate_all(
            """marks => marks.map((mark) => [mark.tagName, mark.textContent,
          ...[...mark.attributes].map((a) => `${a.name}=${a.value}`).sort()].join(" "))"""
        )
    )
    return sorted(told)


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page, _ = show()
    controls = page.locator(f"{CHART} .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["layer", "head", "step"]
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        assert page.evaluate("document.activeElement.labels[0]?.textContent ?? ''").strip(), name
        before = signal(page, CHART, str(name))
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(100)
        assert signal(page, CHART, str(name)) != before, name
        page.keyboard.press("Tab")


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    page, _ = show()
    go(page, 7, layer=2, head=-2)
    link = f"#generation?{urlencode({'layer': 2, 'head': -2, 'step': 7})}"
    expect(page.locator(f"{CHART} .ag-tools a").first).to_have_attribute("href", link)
    page, _ = show(fragment=link)
    expect(page.locator(f"{CHART} input[name=step]")).to_have_value("7")
    assert [signal(page, CHART, name) for name in ("layer", "head", "step")] == [2, -2, 7]


def test_the_document_that_is_saved_is_whole(show: Show) -> None:
    page, _ = show()
    with page.expect_download() as download:
        page.locator("button", has_text="Vega-Lite").click()
    spec = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert "What may come after" in vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])


SOURCES = {
    "translated": TRANSLATED,
    "captioned": CAPTIONED,
    "hostile": predicted(attention(HOSTILE), n_given=3),
    "long": predicted(attention(FOX * 4 + ("x" * 40, "注意力", "🙂👩‍👩‍👧", "العربية")), n_given=20),
}


@pytest.mark.parametrize(
    ("name", "width"),
    [("translated", 375), ("captioned", 375), ("hostile", 375), ("hostile", 1200), ("long", 375)],
)
def test_labels_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, name: str, width: int
) -> None:
    page, packed = show(SOURCES[name], shown=OPEN, viewport={"width": width, "height": 900})
    for step in (packed.pin, packed.n_queries // 2):
        go(page, step, layer=0, head=-1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator(f"{CHART} .ag-chart").evaluate("e => e.scrollWidth <= e.clientWidth")
        assert overlaps(page) == []


def overlaps(page: Page) -> list[object]:
    found: list[object] = page.evaluate(
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
    return found


def test_hostile_text_is_only_text(show: Show) -> None:
    """In the picture, the slider, the reading and tooltips; what ran would open a dialog."""
    page, _ = show(SOURCES["hostile"], shown=OPEN)
    for step in (0, 1, 5):
        go(page, step)
    expect(page.locator(f"{CHART} input[name=step]")).to_have_attribute(
        "aria-valuetext", f"6 {HOSTILE[6]}"
    )
    box = chart(page).locator("text", has_text="<img").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    expect(page.locator("#vg-tooltip-element")).to_contain_text("</script><img")
    assert page.locator("img").count() == 0
