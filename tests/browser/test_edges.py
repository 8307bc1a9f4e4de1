"""The edges in a real browser, opened from a file with no network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from attention_gallery import reading
from attention_gallery.charts import HOVER_COLOUR, PIN_COLOUR
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attention_gallery.views.edges.options import SHARES
from attentions import FOX, attention, exhibit
from browser_fixtures import OpenPage, Show, lone_file, shower, signal

pytestmark = pytest.mark.browser

CHART = "attention-chart[view=edges]"
SHOWN = exhibit(views=("edges",), start=Start(Head(1, 2), 5))
TEXTS = (
    *("[CLS]", "un", "like", "ly", "things", "do", "happen", "[SEP]"),
    *("so", "it", "turn", "ed", "out", "[SEP]"),
)
WORDS = (-1, 0, 0, 0, 1, 2, 3, -1, 4, 5, 6, 6, 7, -1)
MEMBERS = [[0], [1, 2, 3], [4], [5], [6], [7], [8], [9], [10, 11], [12], [13]]
SPECIAL = [i for i, word in enumerate(WORDS) if word < 0]


def two_texts(n_heads: tuple[int, ...] = (4, 4)) -> Attention:
    """Two texts with special tokens between them, and words of several tokens."""
    source = attention(TEXTS, kind="encoder", n_heads=n_heads)
    tokens = tuple(
        replace(token, special=word < 0, word=word, segment=int(i > 7))
        for i, (token, word) in enumerate(zip(source.keys, WORDS, strict=True))
    )
    return replace(source, queries=tokens, keys=tokens)


PAIR = two_texts()
LONG = tuple((FOX * 30)[:260])


@pytest.fixture
def show(open_page: OpenPage, tmp_path: Path) -> Show:
    """Open the edges from a file, as from a USB stick, and wait for them."""
    return shower(open_page, tmp_path, CHART, (1000, 1300))


def page_of(source: Attention = PAIR, shown: Exhibit = SHOWN) -> tuple[str, Packed]:
    return lone_file(source, shown)


def set_control(page: Page, name: str, value: object) -> None:
    """Set a native control of any kind, as a reader would."""
    control = page.locator(f"{CHART} .ag-controls [name={name}]")
    kind = control.get_attribute("type") or "select"
    if kind == "select":
        control.select_option(str(value))
    elif kind == "checkbox":
        control.set_checked(bool(value))
    else:
        control.fill(str(value))
    page.wait_for_timeout(60)


def drawn(page: Page, unit: int, *fields: str) -> list[dict[str, Any]]:
    """The rows of lines, or of any other marks, that Vega made for a pinned unit."""
    rows: list[dict[str, Any]] = page.evaluate(
        f"""([unit, fields]) => {{
          const view = document.querySelector("{CHART}").embedded.view;
          const found = Object.keys(view.getState({{data: () => true}}).data)
            .map((name) => view.data(name) ?? [])
            .find((rows) => rows.length && fields.every((field) => field in rows[0])
              && rows[0].token === unit);
          return (found ?? []).map((row) => Object.fromEntries(
            [...fields, "query", "key", "weight"].map((field) => [field, row[field]])));
        }}""",
        [unit, list(fields)],
    )
    return rows


def swatch(page: Page, label: str) -> Locator:
    return page.locator(f"{CHART} .ag-chart text[font-size='11px']").get_by_text(label, exact=True)


def reading_of(page: Page) -> Locator:
    return page.locator(f"{CHART} .ag-reading")


def row_of(source: Attention, layer: int, head: int, query: int) -> NDArray[np.float32]:
    row: NDArray[np.float32] = source.layers[layer][head, query]
    return row


@pytest.mark.parametrize("n_heads", [(4, 4), (2, 5)])
def test_the_weights_of_several_heads_are_the_captured_ones(
    show: Show, n_heads: tuple[int, ...]
) -> None:
    """Read back out of Vega at random tokens, of queries and of keys, within the stated error."""
    source = two_texts(n_heads)
    html, packed = page_of(source, exhibit(views=("edges",), start=Start(Head(0, 0), 0)))
    page = show(html)
    rng = np.random.default_rng(0)
    set_control(page, "heads", "all")
    for layer, n in enumerate(n_heads):
        set_control(page, "layer", layer)
        set_control(page, "head", 0)
        assert signal(page, CHART, "shown") == [str(head) for head in range(n)]
        for token in rng.integers(0, 2 * len(TEXTS), 2).tolist():
            set_control(page, "pin_token", token)
            rows = drawn(page, token, "lane", "kept", "thickness")
            for row in rows:
                expected = source.layers[layer][row["lane"], row["query"], row["key"]]
                assert abs(row["weight"] - expected) <= packed.error + 1e-6
            seen = (source.layers[layer][:, token % 14] if token < 14
                    else source.layers[layer][:, :, token - 14])  # fmt: skip
            assert abs(len(rows) - int((seen >= 0.005).sum())) <= 2, "but for those near the limit"


def test_edges_of_several_heads_lie_beside_each_other_and_their_numbers_are_the_mean(
    show: Show,
) -> None:
    html, packed = page_of()
    page = show(html)
    set_control(page, "heads", "0 3")
    rows = drawn(page, 5, "lane", "kept", "y_key", "colour")
    places = [(row["key"], round(row["y_key"], 3)) for row in rows]
    assert len(set(places)) == len(places), "no edge hides another one"
    assert len({row["colour"] for row in rows}) == 3
    mean = np.mean([packed.map(packed.blobs[packed.start + i])[5] for i in (-2, 0, 1)], axis=0)
    printed = page.locator(f"{CHART} .ag-chart svg")
    for weight in mean:
        expect(printed).to_contain_text(f"{weight:.3f}")
    expect(reading_of(page)).to_contain_text("In the mean of L1: H0, H2, H3, do looks most at ")
    most = int(mean.argmax())
    expect(reading_of(page)).to_contain_text(f"({mean[most]:.3f})")


def test_heads_are_listed_in_the_text_control(show: Show) -> None:
    page = show(page_of()[0])
    for text, shown in (
        ("", ["2"]),
        ("0, 3", ["0", "2", "3"]),
        ("2", ["2"]),
        ("all", ["0", "1", "2", "3"]),
        ("MEAN 1", ["mean", "1", "2"]),
        ("99 -1 x 1e3 constructor", ["1", "2"]),
        ("H3", ["2", "3"]),
        ("h3,H0", ["0", "2", "3"]),
        ("L1H3 L1 H0", ["0", "2", "3"]),
        ("L1: H0, H3", ["0", "2", "3"]),
        ("L1 mean", ["mean", "2"]),
        ("L0H3, L11H3", ["2"]),  # heads of other layers
    ):
        set_control(page, "heads", text)
        assert signal(page, CHART, "shown") == shown, text


def test_heads_that_an_author_listed_are_named_with_or_without_a_space(show: Show) -> None:
    listed = (Head(1, 2), Head(0, 1), Head(0, 3))
    page = show(page_of(shown=replace(SHOWN, heads=listed))[0])
    for text, shown in (
        ("L0H1", ["L1H2", "L0H1"]),
        ("l0 h1, L0 H3", ["L1H2", "L0H1", "L0H3"]),
        ("H1", ["L1H2"]),
        ("all", ["L1H2", "L0H1", "L0H3"]),
    ):
        set_control(page, "heads", text)
        assert signal(page, CHART, "shown") == shown, text


def test_a_click_on_a_printed_weight_lets_nothing_go(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    weight = f"{packed.shown[5].max():.3f}"
    page.locator(f"{CHART} .ag-chart text").get_by_text(weight, exact=True).first.click()
    page.wait_for_timeout(100)
    assert signal(page, CHART, "pinned") == 5
    expect(reading_of(page)).to_contain_text("do looks most at ")


def test_a_wide_label_that_is_cut_has_a_tooltip_and_others_have_none(show: Show) -> None:
    texts = ("注意力" * 4, "fox", "ran")
    page = show(page_of(attention(texts, n_heads=(1,)), exhibit(views=("edges",)))[0])
    labels = page.locator(f"{CHART} .ag-chart text[font-size='14px']")
    tooltip = page.locator("#vg-tooltip-element.visible")
    labels.nth(1).hover()
    page.wait_for_timeout(100)
    expect(tooltip).to_have_count(0)
    labels.first.hover()
    expect(tooltip).to_have_text(texts[0])


def test_over_all_layers_there_are_no_heads_to_add(show: Show) -> None:
    page = show(page_of()[0])
    set_control(page, "heads", "all")
    set_control(page, "layer", -1)
    assert signal(page, CHART, "shown") == ["mean"]
    assert signal(page, CHART, "shown_title") == "mean of all heads"
    set_control(page, "heads", "max")
    assert signal(page, CHART, "shown") == ["max", "mean"]


@pytest.mark.parametrize("heads", [(), (Head(1, 2), Head(0, 1), Head(0, 3))], ids=["all", "listed"])
def test_a_click_on_a_swatch_adds_a_head_or_removes_it_and_a_double_click_shows_it_alone(
    show: Show, heads: tuple[Head, ...]
) -> None:
    page = show(page_of(shown=replace(SHOWN, heads=heads))[0])
    names = ("H2", "H1", "H3") if not heads else ("L1 H2", "L0 H1", "L0 H3")
    words = [name.replace(" ", "") if heads else name[1:] for name in names]
    own, first, second = words
    swatch(page, names[1]).click()
    swatch(page, names[2]).click()
    page.wait_for_timeout(100)
    assert set(signal(page, CHART, "shown")) == {own, first, second}
    # The one that the native control names can be removed as well; another takes its place.
    swatch(page, names[0]).click()
    page.wait_for_timeout(100)
    assert set(signal(page, CHART, "shown")) == {first, second}
    swatch(page, names[2]).dblclick()
    page.wait_for_timeout(150)
    assert signal(page, CHART, "shown") == [second]
    swatch(page, names[2]).click()
    page.wait_for_timeout(100)
    assert signal(page, CHART, "shown") == [second], "the last one stays"
    assert signal(page, CHART, "pinned") == 5, "a click on a swatch lets nothing go"
    expect(reading_of(page)).to_contain_text("do looks most at ")


def test_a_head_alone_has_the_colours_of_a_pin_and_of_what_is_hovered_over(show: Show) -> None:
    html, packed = page_of(attention(n_heads=(12,) * 3))
    page = show(html)
    line = page.locator(f"{CHART} .ag-chart line")
    pinned = page.locator(f"{CHART} .ag-chart line[stroke='{PIN_COLOUR}']")
    # One more is the line of the swatch.
    assert pinned.count() == 1 + int((packed.shown[5] >= 0.005).sum())
    set_control(page, "heads", "all")
    assert pinned.count() == 0
    dashes = {line.nth(i).get_attribute("stroke-dasharray") for i in range(line.count())}
    assert len(dashes - {None, ""}) == 1, "of 12 heads four are dashed"


def test_the_fewest_edges_that_reach_a_share_are_kept_and_what_is_left_out_is_told(
    show: Show,
) -> None:
    html, packed = page_of()
    page = show(html)
    slider = page.locator(f"{CHART} input[name=share]")
    slider.focus()
    row = packed.shown[5]
    order = np.argsort(-row, kind="stable")
    for share in SHARES[1:]:
        page.keyboard.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", f"{share:.0%} of the attention")
        n = int((np.cumsum(row[order]) < share * row.sum() - 1e-12).sum()) + 1
        expect(reading_of(page)).to_contain_text(
            f"Its weak edges are left out, with {row[order[n:]].sum():.3f} of attention."
        )
        kept = {r["key"] for r in drawn(page, 5, "kept", "thickness")}
        assert kept == {int(key) for key in order[:n] if row[key] >= 0.005}


def test_hiding_special_tokens_shares_out_anew_what_the_others_get(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    set_control(page, "hide", value=True)
    row = row_of(PAIR, 1, 2, 5)
    removed = float(row[SPECIAL].sum())
    rows = drawn(page, 5, "kept", "thickness")
    assert rows
    assert not {r["key"] for r in rows} & set(SPECIAL)
    for r in rows:
        # Dividing by what is left makes an error larger as well.
        bound = 3 * packed.error / (1 - removed)
        assert abs(r["weight"] - row[r["key"]] / (1 - removed)) <= bound
    assert sum(r["weight"] for r in rows) == pytest.approx(1, abs=0.03)
    expect(reading_of(page)).to_contain_text(f"Special tokens are hidden, with {removed:.3f};")
    # The same of a key: each row has a share of its own.
    set_control(page, "pin_token", 14 + 4)
    left = 1 - PAIR.layers[1][2][:, SPECIAL].sum(axis=1)
    for r in drawn(page, 18, "kept", "thickness"):
        expected = PAIR.layers[1][2, r["query"], 4] / left[r["query"]]
        assert abs(r["weight"] - expected) <= 3 * packed.error / left[r["query"]]


def test_edges_between_two_texts_can_be_told_from_those_within_one(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    texts = range(8), range(8, 14)
    for choice, own, other in ((1, 0, 0), (2, 0, 1), (3, 1, 0), (4, 1, 1)):
        set_control(page, "sentences", choice)
        token, elsewhere = (5, 9) if own == 0 else (9, 5)
        set_control(page, "pin_token", token)
        row = packed.shown[token]
        kept = {r["key"] for r in drawn(page, token, "kept", "thickness")}
        assert kept == {key for key in texts[other] if row[key] >= 0.005}
        outside = sum(row[key] for key in texts[1 - other])
        expect(reading_of(page)).to_contain_text(
            f"Edges between other texts are left out, with {outside:.3f} of attention."
        )
        # A token of the text that was not asked for has no edges.
        set_control(page, "pin_token", elsewhere)
        assert drawn(page, elsewhere, "kept", "thickness") == []


def test_words_take_the_place_of_their_tokens_and_the_pin_stays_where_it_was(show: Show) -> None:
    html, packed = page_of()
    page = show(html)
    set_control(page, "pin_token", 2)
    set_control(page, "level", 1)
    labels = page.locator(f"{CHART} .ag-chart text").all_text_contents()
    assert labels.count("unlikely") == 2
    assert "like" not in labels
    rows = drawn(page, 2, "kept", "thickness")
    for row in rows:
        block = PAIR.layers[1][2][np.ix_(MEMBERS[1], MEMBERS[row["key"]])]
        assert abs(row["weight"] - block.sum() / 3) <= packed.error + 1e-5
    assert sum(row["weight"] for row in rows) == pytest.approx(1, abs=0.03)
    expect(reading_of(page)).to_contain_text("In L1 H2, unlikely looks most at ")
    page.locator(f"{CHART} .ag-chart text", has_text="turned").first.click()
    expect(reading_of(page)).to_contain_text("turned looks most at ")
    assert signal(page, CHART, "pin_token") == 10, "a word is pinned by its first token"
    page.locator(f"{CHART} .ag-chart text", has_text="happen").first.hover()
    page.wait_for_timeout(100)
    assert page.locator(f"{CHART} .ag-chart line[stroke='{HOVER_COLOUR}']").count() > 0
    set_control(page, "level", 0)
    expect(reading_of(page)).to_contain_text("turn looks most at ")


def test_a_link_brings_the_whole_state_back(show: Show) -> None:
    html, _ = page_of()
    page = show(html)
    state = {
        "layer": 0,
        "head": 3,
        "heads": "0 mean",
        "level": 1,
        "share": 2,
        "hide": True,
        "sentences": 1,
        "pin_token": 14 + 6,
    }
    for name, value in state.items():
        set_control(page, name, value)
    written = {name: str(value).lower() for name, value in state.items()}
    said = reading_of(page).inner_text()
    anchor = page.locator(f"{CHART} .ag-tools a")
    link = anchor.get_attribute("href") or ""
    assert dict(parse_qsl(link.split("?")[1])) == written
    page = show(html, f"#edges?{urlencode(written)}")
    for name, value in state.items():
        assert signal(page, CHART, name) == value
    expect(reading_of(page)).to_have_text(said)


def test_everything_works_from_the_keyboard(show: Show) -> None:
    page = show(page_of()[0])
    controls = page.locator(f"{CHART} .ag-controls :is(select, input)")
    names = [controls.nth(i).get_attribute("name") for i in range(controls.count())]
    assert names == [
        *("layer", "head", "heads", "level", "share", "hide", "sentences", "pin_token")
    ]
    controls.first.focus()
    for name in names:
        assert page.evaluate("document.activeElement.name") == name
        before = signal(page, CHART, str(name))
        keys = {"heads": "0", "share": "ArrowRight", "hide": "Space", "layer": "ArrowUp"}
        page.keyboard.press(keys.get(str(name), "ArrowDown"))
        page.wait_for_timeout(100)
        assert signal(page, CHART, str(name)) != before, name
        page.keyboard.press("Tab")


def long_file(n_heads: int = 2) -> tuple[str, Packed]:
    heads = tuple(Head(0, head) for head in range(n_heads))
    source = attention(LONG, kind="encoder", n_heads=(n_heads,))
    return page_of(source, replace(SHOWN, heads=heads, start=Start(None, 200)))


def listed(page: Page) -> list[dict[str, Any]]:
    """The rows of the keys that are listed."""
    rows: list[dict[str, Any]] = page.evaluate(
        f"""() => {{
          const view = document.querySelector("{CHART}").embedded.view;
          const found = Object.keys(view.getState({{data: () => true}}).data)
            .map((name) => view.data(name) ?? [])
            .find((rows) => rows.length && "y_listed" in rows[0] && !("lane" in rows[0]));
          return found.map(({{key, weight, gap}}) => ({{key, weight, gap}}));
        }}"""
    )
    return sorted(rows, key=lambda row: int(row["key"]))


def test_of_a_long_text_the_largest_weights_are_listed_in_its_order(show: Show) -> None:
    html, packed = long_file()
    page = show(html)
    row = packed.shown[200]
    rows = listed(page)
    assert [r["key"] for r in rows] == sorted(np.argsort(-row, kind="stable")[:24].tolist())
    for before, r in zip([None, *rows], rows, strict=False):
        assert abs(r["weight"] - row[r["key"]]) < 1e-9
        assert r["gap"] == (r["key"] > (before["key"] + 1 if before else 0))
    rest = row.sum() - sum(r["weight"] for r in rows)
    expect(page.locator(f"{CHART} .ag-chart svg")).to_contain_text(f"the other 236: {rest:.3f}")
    expect(reading_of(page)).to_contain_text(reading.pinned_edges(packed))


def test_of_a_long_text_hovering_previews_and_a_click_lists_anew(show: Show) -> None:
    html, packed = long_file()
    page = show(html)
    before = listed(page)
    hovered = page.locator(f"{CHART} .ag-chart line[stroke='{HOVER_COLOUR}']")
    assert hovered.count() == 0
    at = page.locator(f"{CHART} .ag-chart text").get_by_text("195", exact=True).bounding_box()
    assert at is not None
    label = at["x"] + 60, at["y"] + at["height"] / 2
    page.mouse.move(*label)
    page.wait_for_timeout(150)
    seen = [r["key"] for r in before if packed.shown[195, r["key"]] > 0]
    assert hovered.count() == len(seen)
    assert listed(page) == before, "what is pinned stays"
    page.mouse.click(*label)
    page.wait_for_timeout(150)
    assert signal(page, CHART, "pin_token") == 195
    expected = np.argsort(-packed.shown[195], kind="stable")[:24]
    assert [r["key"] for r in listed(page)] == sorted(expected.tolist())
    page.keyboard.press("Escape")
    page.mouse.move(5, 5)
    expect(reading_of(page)).to_have_text("L0 H0. No token is pinned.")


def test_of_a_long_text_the_window_moves_and_the_pin_stays_in_sight(show: Show) -> None:
    page = show(long_file()[0])
    texts = page.locator(f"{CHART} .ag-chart text")
    texts.get_by_text("▲ earlier").click()
    page.wait_for_timeout(100)
    assert signal(page, CHART, "first") == 200 - 12 - 24
    assert signal(page, CHART, "pin_token") == 200
    # Below the window stands what is pinned, and leads back.
    texts.get_by_text("▼ <s> [200]").click()
    page.wait_for_timeout(100)
    assert signal(page, CHART, "first") == 188
    slider = page.locator(f"{CHART} input[name=around]")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "<s> [0]")
    assert signal(page, CHART, "first") == 0
    assert texts.get_by_text("▲").count() == 0, "nothing is earlier"
    expect(page.locator(f"{CHART} .ag-tools a")).to_have_attribute(
        "href", "#edges?slot=0&heads=&share=0&hide=false&around=0&pin_token=200"
    )


def test_of_a_long_text_several_heads_are_shown_at_once(show: Show) -> None:
    html, packed = long_file()
    page = show(html)
    set_control(page, "heads", "all")
    mean = (packed.map(packed.blobs[0])[200] + packed.map(packed.blobs[1])[200]) / 2
    rows = listed(page)
    assert [r["key"] for r in rows] == sorted(np.argsort(-mean, kind="stable")[:24].tolist())
    assert all(abs(r["weight"] - mean[r["key"]]) < 1e-9 for r in rows)


@pytest.mark.parametrize(("width", "n_heads"), [(375, 32), (1000, 3)])
def test_swatches_never_overlap_and_the_page_never_scrolls_sideways(
    show: Show, width: int, n_heads: int
) -> None:
    source = attention(n_heads=(n_heads,))
    page = show(
        page_of(source, replace(SHOWN, start=Start(Head(0, 0), 5)))[0],
        viewport={"width": width, "height": 900},
    )
    set_control(page, "heads", "all")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    overlaps = page.evaluate(
        f"""() => {{
          const texts = document.querySelectorAll("{CHART} .ag-chart text");
          const boxes = [...texts].filter((t) => t.textContent.trim())
            .map((t) => [t.textContent, t.getBoundingClientRect()]);
          const found = [];
          boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {{
            const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
            const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
            if (x > 1 && y > 4) found.push([a, b, x, y]);
          }}));
          return found;
        }}"""
    )
    assert overlaps == []


def test_the_story_stands_before_and_without_scripts(show: Show) -> None:
    html, packed = page_of()
    page = show(html, java_script_enabled=False)
    picture = page.locator(".ag-picture svg")
    assert picture.is_visible()
    for text in ("L1 H2", "H3", "happen", f"{packed.shown[5].max():.3f}"):
        expect(picture).to_contain_text(text)
