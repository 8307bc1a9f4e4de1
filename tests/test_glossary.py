"""Words that explain themselves."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from markdown import markdown

from attention_gallery import language
from attention_gallery.errors import InputError
from attention_gallery.glossary import TERMS, makeExtension
from hostile import ATTACK

NAMES = ["extra", "toc", "attention_gallery.glossary"]

TEXT = """# The [head](glossary:head)

Many [attention *heads*](glossary:head "titled"), each with a [query][q]; [a page](https://x.org).

[q]: glossary:query
"""


def tree(text: str, extensions: list[Any] = NAMES) -> ElementTree.Element:
    """The page; well-formed, so that a parser of XML reads it."""
    html = markdown(text, extensions=extensions)
    return ElementTree.fromstring(f"<div>{html}</div>")  # noqa: S314  our own


def test_a_link_becomes_a_button_that_opens_its_definition() -> None:
    page = tree(TEXT)
    buttons = page.findall(".//button")
    assert ["".join(button.itertext()) for button in buttons] == [
        "head",
        "attention heads",
        "query",
    ]
    assert buttons[1].find("em") is not None
    definitions = {each.get("id"): each for each in page.findall(".//*[@popover]")}
    for button in buttons:
        assert button.get("type") == "button"  # it would send a form that it stands in
        assert button.get("popovertarget") in definitions
        assert button.get("aria-describedby") == button.get("popovertarget")
    assert page.find(".//a").get("href") == "https://x.org"  # type: ignore[union-attr]


def test_each_word_is_defined_once_below_all_text() -> None:
    page = tree(TEXT)
    ids = [each.get("id") for each in page.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    assert [child.get("class") for child in page][-1] == "ag-terms"
    words = [each.text for each in page.findall(".//*[@popover]/strong")]
    assert words == ["Head", "Query"]


def test_a_page_without_such_words_is_what_it_was() -> None:
    text = "A [head](head.md) and `[heads](glossary:head)`."
    assert markdown(text, extensions=NAMES) == markdown(text, extensions=NAMES[:-1])


def test_texts_on_one_page_can_have_ids_of_their_own() -> None:
    page = tree("[a](glossary:key)", [makeExtension(prefix="predict-1-")])
    assert page.find(".//button").get("popovertarget") == "predict-1-ag-term-key"  # type: ignore[union-attr]
    assert page.find(".//*[@id='predict-1-ag-term-key']") is not None


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("heads", 'page:3: "heads" is not in the glossary; did you mean "head"?'),
        (
            "entropy",
            'page:3: "entropy" is not in the glossary; its terms: token, layer, head, query, key, '
            "value, weight, softmax, logit, probe",
        ),
        ("", 'page:3: "" is not in the glossary; its terms: token, '),
    ],
)
def test_a_word_that_is_not_in_it_is_refused_with_its_line(word: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        markdown(f"# T\n\na [word](glossary:{word}) b", extensions=NAMES)
    assert str(caught.value).startswith(said)


def test_definitions_are_translated_and_harmless() -> None:
    name, definition = TERMS["head"]
    token = language._current.set(language.Catalog("xx", {name: "सिर", definition: ATTACK}))
    try:
        page = markdown("[x](glossary:head)", extensions=NAMES)
        english = markdown("[x](glossary:head)", extensions=[makeExtension(language="en")])
    finally:
        language._current.reset(token)
    assert "<strong>सिर</strong>" in page
    assert "<img" not in page
    assert definition in english


def test_what_is_told_of_a_word_is_one_or_two_short_sentences() -> None:
    for name, definition in TERMS.values():
        assert name.isalpha()
        assert 60 < len(definition) < 220
        assert definition.endswith(".")
