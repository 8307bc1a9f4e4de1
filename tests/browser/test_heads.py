"""The view of heads in a real browser, opened from a file with no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from attention_gallery import pages, views
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Measured, Start
from attention_gallery.views.heads import words
from attention_gallery.views.heads.scores import Scores
from attentions import FOX, HOSTILE, attention, capture, exhibit
from browser_fixtures import OpenPage, shower, signal, vega
from test_heads import CASES, measured, plain, probed, silenced

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=heads]"
SOURCE = attention(FOX, n_heads=(3, 1, 4))
SHOWN = exhibit(views=("heads",), start=Start())

Show = Callable[..., tuple[Page, Packed]]


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    shown_page = shower(open_page, tmp_path, CHART, (1100, 1000))

    def show(
        source: Attention = SOURCE,
        shown: Exhibit = SHOWN,
        found: Mapping[str, Measured] | None = None,
        fragment: str = "",
        **options: object,
    ) -> tuple[Page, Packed]:
        if found is None:
            found = measured(source, "previous-token", "induction")
            found = {name: found[name] for name in ("patterns", "ablation")}
        held = capture(source)
        packed = views.pack(shown, held, (), found)
        html = pages.lone_file(shown, held, packed, views.figures(shown, packed), vega())
        return shown_page(html, fragment, **options), packed

    return show


def chart(page: Page) -> Locator:
    return page.locator(f"{CHART} .ag-chart svg")


def texts(page: Page) -> list[str]:
    return chart(page).locator("text").all_text_contents()


def reading(page: Page) -> str:
    return plain(page.locator(f"{CHART} .ag-reading").inner_text())


def choose(page: Page, **values: int) -> None:
    for name, value in values.items():
        page.locator(f"{CHART} select[name={name}]").select_option(str(value))
    page.wait_for_timeout(80)


def drawn(page: Page, mark: str, field: str) -> list[dict[str, Any]]:
    """The rows behind the marks of a kind that have a field."""
    rows: list[dict[str, Any]] = page.evaluate(
        """([chart, mark, field]) => {
          const found = [];
          const walk = (node) => {
            if (node.marktype === mark) {
              found.push(...node.items.map(({ datum }) => datum).filter((d) => d && field in d));
            }
            (node.items ?? []).forEach((item) => item.items && item.items.forEach(walk));
          };
          walk(document.querySelector(chart).embedded.view.scenegraph().root);
          return found.map((datum) => ({...datum}));
        }""",
        [CHART, mark, field],
    )
    return rows


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of_each_head_is_what_the_build_says_of_it(show: Show, case: str) -> None:
    shown, held, found = CASES[case]
    (source,) = held.attentions.values()
    page, packed = show(source, shown, found)
    scores = Scores(packed)
    summary = views.load("heads").describe(packed)
    assert summary.startswith(words.in_words(scores, scores.start))
    assert reading(page) == plain(summary)
    for at, head in [*enumerate(scores.heads)][::-1]:
        choose(page, layer=head.layer, head=head.head)
        assert signal(page, CHART, "said") == words.in_words(scores, at)
    assert reading(page) == plain(words.in_words(scores, 0))


def test_cells_and_dots_are_what_was_measured(show: Show) -> None:
    page, packed = show()
    scores = Scores(packed)
    for first, second in ((0, 1), (len(scores.all) - 4, len(scores.all) - 1)):
        choose(page, score=first, beside=second)
        cells = drawn(page, "rect", "colour")
        for cell in (cell for cell in cells if "cell" in cell):
            expected = scores.all[(first, second)[cell["panel"]]].values[cell["at"]]
            assert cell["value"] == expected
        dots = [dot for dot in drawn(page, "symbol", "dot_x") if "one" not in dot]
        assert len(dots) == len(scores.heads)
        for field, number, sign in (("dot_x", first, 1), ("dot_y", second, -1)):
            places = sign * np.array([dot[field] for dot in dots])
            values = np.array([scores.all[number].values[dot["at"]] for dot in dots])
            slope, _ = np.polyfit(values, places, 1)
            assert slope > 0
            assert np.corrcoef(values, places)[0, 1] == pytest.approx(1)


def test_a_number_in_a_cell_is_short_however_large_it_is(show: Show) -> None:
    page, packed = show(found=measured(SOURCE, "previous-token", "induction"))
    choose(page, score=len(Scores(packed).all) - 1)
    effects = Scores(packed).all[-1].values
    said = set(texts(page))
    for value in effects[np.abs(effects) >= 1000]:
        thousands = value / 1000
        text = f"{thousands:+.1f}k" if abs(thousands) < 9.95 else f"{thousands:+.0f}k"
        assert text.replace("-", "−") in said
    assert (np.abs(effects) >= 1000).any()


def test_effects_are_coloured_from_what_a_head_has_that_carries_nothing(show: Show) -> None:
    """Blue above the total effect and orange below it; a bar to the left is orange."""
    page, packed = show(found=measured(SOURCE, "previous-token", "induction"))
    scores = Scores(packed)
    at = len(scores.all) - 1
    choose(page, score=at, beside=at - 1)
    for number, panel in ((at, 0), (at - 1, 1)):
        score = scores.all[number]
        for cell in (cell for cell in drawn(page, "rect", "colour") if "cell" in cell):
            if cell["panel"] == panel:
                red, _, blue = (int(cell["colour"][i : i + 2], 16) for i in (1, 3, 5))
                difference = score.values[cell["at"]] - score.middle
                if abs(difference) > score.limit / 20:
                    assert (blue > red) == (difference > 0)
    assert "total effect +2,548" in texts(page)
    for head in (3, 2):
        choose(page, layer=2, head=head)
        slot = signal(page, CHART, "slot")
        bars = [row for row in drawn(page, "rect", "colour") if "row" in row]
        assert {row["score"] for row in bars} == {
            i for i in range(len(scores.all)) if scores.bar(i) is not None
        }
        for row in bars:
            value = scores.all[row["score"]].values[slot]
            assert row["value"] == value
            assert row["colour"] == (HOVER_COLOUR if value < 0 else PIN_COLOUR)
        pair = {row["score"]: row for row in bars if row["score"] >= at - 1}
        sizes = {i: row["x2"] - row["x"] for i, row in pair.items()}
        direct, indirect = (abs(scores.all[i].values[slot]) for i in (at, at - 1))
        assert sizes[at] / direct == pytest.approx(sizes[at - 1] / indirect, rel=1e-3)


def test_controls_work_by_keyboard_and_the_card_follows(show: Show) -> None:
    page, packed = show()
    scores = Scores(packed)
    controls = page.locator(f"{CHART} .ag-controls select")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == ["layer", "head", "score", "beside"]
    choose(page, layer=2, head=3)
    assert "L2 H3: " in " ".join(texts(page))
    controls.first.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(80)
    assert signal(page, CHART, "slot") == 3, "L1 has one head only"
    assert reading(page).startswith("L1 H0 (")
    controls.nth(2).focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(80)
    assert signal(page, CHART, "score") == scores.first + 1
    assert scores.all[scores.first + 1].label in texts(page)


def test_a_click_on_a_cell_or_a_dot_shows_its_head_and_pointing_shows_it_everywhere(
    show: Show,
) -> None:
    page, packed = show(shown=exhibit(views=("heads", "edges")))
    box = chart(page).bounding_box()
    assert box is not None
    targets = drawn(page, "rect", "target")
    for panel, at in ((0, 7), (1, 4), (2, 2)):
        [target] = [t for t in targets if t["panel"] == panel and t["at"] == at]
        x = box["x"] + 4 + (target["left"] + target["right"]) / 2
        y = box["y"] + 4 + (target["top"] + target["bottom"]) / 2
        page.mouse.move(x, y)
        page.wait_for_timeout(80)
        name = Scores(packed).heads[at]
        expect(page.locator("#vg-tooltip-element")).to_contain_text(f"{name}, probe: ")
        assert signal(page, CHART, "hovered") == at
        page.mouse.click(x, y)
        page.wait_for_timeout(200)
        assert signal(page, CHART, "slot") == at
        assert reading(page).startswith(str(name))
        other = "attention-chart[view=edges]"
        assert signal(page, other, "slots")[signal(page, other, "slot")] == str(name)


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    page, _ = show(fragment="#heads?layer=0&head=2&score=3&beside=1")
    assert [signal(page, CHART, name) for name in ("slot", "score", "beside")] == [2, 3, 1]


@pytest.mark.parametrize(
    ("n_heads", "width"),
    [((4, 4, 4), 375), ((12,) * 12, 375), ((12,) * 12, 1200), ((32,) * 32, 375), ((1,), 375)],
    ids=["3 x 4", "phone, 12 x 12", "12 x 12", "32 x 32", "1 x 1"],
)
def test_labels_never_overlap_and_a_phone_never_scrolls_sideways(
    show: Show, n_heads: tuple[int, ...], width: int
) -> None:
    source = attention(FOX, n_heads=n_heads)
    page, packed = show(source, viewport={"width": width, "height": 900})
    n = len(Scores(packed).all)
    for first, second in ((0, 1), (n - 1, n - 2)):
        choose(page, score=first, beside=second)
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
    """What ran would open a dialog."""
    source, word = attention(HOSTILE, n_heads=(2, 2)), HOSTILE[1]
    found = {"patterns": probed(source, "self"), "ablation": silenced(source, word=word)}
    page, _ = show(source, found=found)
    choose(page, layer=1, head=1)
    assert f"“{word[:29]}" in reading(page)
    assert page.locator("img").count() == 0
