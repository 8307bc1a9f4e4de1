"""A lesson with a word that explains itself, a question, and a prediction; one site for all tests.

Without a mouse, without a script, on paper.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from attentions import FOX, attention
from browser_fixtures import OpenPage
from projects import fill_store, write_manifest, write_mkdocs

pytestmark = pytest.mark.browser

LESSON = """# A lesson

Several [heads](glossary:head) look at each token.

```question
Do all [heads](glossary:head) look back?
---
In this model **all** of them do.
```

```predict
exhibit: fox
head: L1H2
token: jumps
reveal: A *random* head.
```
"""

ROW = attention(FOX).layers[1][2][FOX.index("jumps")]
"""The weights as they were captured, which nothing on the page has rounded."""


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the page, as on a USB stick."""
    folder = tmp_path_factory.mktemp("lesson")
    fox = {"id": "fox", "title": "The fox", "model": "story", "sentence": "fox", "views": ["edges"]}
    write_manifest(folder, exhibits=[fox])
    fill_store(folder)
    write_mkdocs(folder, use_directory_urls=False)
    (folder / "docs" / "lesson.md").write_text(LESSON, "utf-8")
    command = [sys.executable, "-m", "attention_gallery", "build", "--strict"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "site" / "lesson.html").as_uri()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def score_of(marked: list[int]) -> str:
    got = round(100 * ROW[marked].sum())
    best = round(100 * np.sort(ROW)[::-1][: len(marked)].sum())
    n = len(marked)
    if n == 1:
        return f"Your token gets {got}% of the attention; the best one would get {best}%."
    return f"Your {n} tokens get {got}% of the attention; the best {n} would get {best}%."


def test_a_prediction_is_made_with_keys_alone_and_its_score_is_that_of_the_raw_weights(
    open_page: OpenPage, lesson: str
) -> None:
    page = open_page(lesson)
    prediction = page.locator("attention-prediction")
    score, boxes = prediction.get_by_role("status"), prediction.get_by_role("checkbox")
    tab_to(page, ".ag-reveal > summary")
    page.keyboard.press("Enter")
    expect(score).to_have_text("Mark at least one token first.")
    expect(prediction.locator("details")).not_to_have_attribute("open", "")

    page.reload()
    tab_to(page, ".ag-chip input")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert [box.is_checked() for box in boxes.all()[:4]] == [True, False, True, False]
    tab_to(page, ".ag-reveal > summary")
    page.keyboard.press("Enter")
    expect(score).to_have_text(score_of([0, 2]))
    shown = prediction.locator(".ag-weight").all_text_contents()
    assert len(shown) == FOX.index("jumps") + 1, "tokens that cannot be seen have no weight"
    assert np.abs(np.array(shown, float) - ROW[: len(shown)]).max() < 0.001
    expect(prediction.get_by_text("A random head.")).to_be_visible()
    expect(boxes.first).to_be_disabled()

    page.keyboard.press("Space")  # on the same button, which now is “Try again”
    expect(score).to_have_text("")
    expect(prediction.locator(".ag-weight")).to_have_count(0)
    expect(boxes.first).to_be_focused()
    assert not any(box.is_checked() for box in boxes.all())
    page.keyboard.press("Space")
    tab_to(page, ".ag-reveal > summary")
    page.keyboard.press("Space")
    expect(score).to_have_text(score_of([0]))


def test_as_good_as_can_be_is_said_so(open_page: OpenPage, lesson: str) -> None:
    page = open_page(lesson)
    prediction = page.locator("attention-prediction")
    best = int(ROW.argmax())
    prediction.get_by_role("checkbox").nth(best).check()
    prediction.locator("summary").click()
    got = round(100 * ROW[best])
    expect(prediction.get_by_role("status")).to_have_text(
        f"Your token gets {got}% of the attention: no other gets more."
    )


def test_a_word_opens_its_definition_with_enter_and_closes_it_with_escape(
    open_page: OpenPage, lesson: str
) -> None:
    page = open_page(lesson)
    definition = page.locator("[popover].ag-definition")
    expect(definition).to_have_count(1)
    expect(definition).to_be_hidden()
    tab_to(page, ".ag-term")
    page.keyboard.press("Enter")
    expect(definition).to_be_visible()
    expect(definition).to_contain_text("side by side in a layer")
    word, box = page.locator(".ag-term").first.bounding_box(), definition.bounding_box()
    assert word is not None
    assert box is not None
    assert 0 <= box["y"] - word["y"] - word["height"] < 20, "it stands below its word"
    page.keyboard.press("Escape")
    expect(definition).to_be_hidden()
    assert page.evaluate("document.activeElement.className") == "ag-term"


def test_a_word_looks_like_the_text_around_it(open_page: OpenPage, lesson: str) -> None:
    styles = """e => ['fontFamily', 'fontSize', 'color', 'lineHeight'].map((name) =>
      getComputedStyle(e)[name])"""
    word = open_page(lesson).locator("p > .ag-term").first
    assert word.evaluate(styles) == word.locator("xpath=..").evaluate(styles)
    assert word.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert word.evaluate("e => getComputedStyle(e).textDecorationStyle") == "dotted"


def test_without_a_script_all_can_be_read(open_page: OpenPage, lesson: str) -> None:
    page = open_page(lesson, java_script_enabled=False)
    answer = page.get_by_text("In this model all of them do.")
    expect(answer).to_be_hidden()
    page.locator(".ag-answer > summary").click()
    expect(answer).to_be_visible()
    page.locator(".ag-reveal > summary").click()
    rows = page.locator(".ag-reveal tbody tr").all_inner_texts()
    assert rows[0] == f"{FOX[int(ROW.argmax())]}\t{ROW.max():.3f}"
    page.locator(".ag-term").first.click()
    expect(page.locator(".ag-definition")).to_be_visible()


def test_on_paper_questions_answers_and_definitions_stand_open(
    open_page: OpenPage, lesson: str
) -> None:
    page = open_page(lesson)
    page.emulate_media(media="print")
    for text in ("Which tokens will this head", "In this model", "A random head", "side by side"):
        expect(page.get_by_text(text).first).to_be_visible()
    expect(page.locator(".ag-reveal table")).to_be_visible()
    expect(page.get_by_text("Reveal", exact=True)).to_be_hidden()


def test_a_lesson_stands_in_no_ones_way(open_page: OpenPage, lesson: str) -> None:
    """Before and after all is opened, in light and in dark."""
    page = open_page(lesson, reduced_motion="reduce")
    page.evaluate(Axe().axe_script)
    for opened in (False, True):
        if opened:
            page.locator(".ag-answer > summary").click()
            page.locator(".ag-chip input").nth(1).check()
            page.locator(".ag-reveal > summary").click()
            page.locator(".ag-term").first.click()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("axe.run(document, { preload: false })")["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], scheme
