"""What pages teach, read by generators that know nothing of our extensions."""

from __future__ import annotations

import html
import re

import pytest
from markdown import markdown
from markdown_it import MarkdownIt

from attention_gallery.commonmark import commonmark
from attention_gallery.errors import InputError
from attention_gallery.glossary import definition
from attention_gallery.language import speaking

QUESTION = """Before.
```question
Which [head](glossary:head) looks at the *first* token?
---
**L0 H3**:

- see its row
```
After.
"""
LINK = re.compile(r'<abbr title="([^"]*)">(.*?)</abbr>', re.DOTALL)


def rendered(text: str, reader: str = "commonmark") -> str:
    exported = commonmark(text, "page.md")
    if reader == "commonmark":
        return str(MarkdownIt("commonmark").render(exported))
    # Zensical's own choice has these, too.
    return markdown(exported, extensions=["md_in_html", "fenced_code"])


@pytest.mark.parametrize("reader", ["commonmark", "python"])
def test_a_question_is_details_with_markdown_in_them(reader: str) -> None:
    page = LINK.sub(r"\2", rendered(QUESTION, reader).replace(' markdown="1"', ""))
    expected = (
        '<p>Before.</p> <div class="ag-question"> <p class="ag-block-name">Question</p> '
        "<p>Which head looks at the <em>first</em> token?</p> "
        '<details class="ag-answer"> <summary>Answer</summary> '
        "<p><strong>L0 H3</strong>:</p> <ul> <li>see its row</li> </ul> </details> </div> "
        "<p>After.</p>"
    )
    assert "".join(page.split()) == "".join(expected.split())


@pytest.mark.parametrize("reader", ["commonmark", "python"])
@pytest.mark.parametrize(
    ("link", "inside"),
    [
        ("[heads](glossary:head)", "heads"),
        ("[**many** heads](glossary:head)", "<strong>many</strong> heads"),
        ('[a [b] c](<glossary:head> "title")', "a [b] c"),
        ("[two\nlines](glossary:head)", "two\nlines"),
    ],
)
def test_a_link_to_the_glossary_is_an_abbreviation(reader: str, link: str, inside: str) -> None:
    page = rendered(f"# A {link.replace(chr(10), ' ')}\n\n- item\n\n    Of {link}, `x`.\n", reader)
    found = LINK.findall(page)
    assert [text for _, text in found] == [inside.replace("\n", " "), inside]
    assert {html.unescape(title) for title, _ in found} == {definition("head")}
    assert "glossary:" not in page


@pytest.mark.parametrize(
    "text",
    [
        "```markdown\n[heads](glossary:head)\n```",
        "~~~~\n```question\nWhy?\n---\nSo.\n```\n~~~~",
        "- item\n\n    ```text\n    [heads](glossary:head)\n\n    [a](glossary:nothing)\n    ```",
        "Text\n\n    [heads](glossary:head)\n\n    [heads](glossary:head)",
        "`[heads](glossary:head)` and ``a ` [heads](glossary:head)``",
        "\\[heads](glossary:head)",
        "[heads](heads.md) ![a](glossary:head) [b](https://example.org/?glossary:head)",
    ],
)
def test_code_and_other_links_stay_as_they_are(text: str) -> None:
    assert commonmark(text, "page.md") == text


def test_code_within_an_answer_stays_as_it_is() -> None:
    code = "```python\n[heads](glossary:head)\n```"
    page = commonmark(f"```question\nWhy?\n---\n{code}\n\n[heads](glossary:head)\n```", "page.md")
    assert code in page
    assert page.count("<abbr") == 1


def test_it_speaks_the_language_of_the_site() -> None:
    with speaking("hi"):
        page = commonmark(QUESTION, "page.md")
        assert html.unescape(LINK.findall(page)[0][0]) == definition("head")
    assert "Question" not in re.sub("<[^>]*>", "", page)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Text\n\nof\n[a](glossary:heads)",
            'page.md:4: "heads" is not in the glossary; did you mean "head"?',
        ),
        (
            "Text\n\n```question\nWhy?\n```",
            "page.md:3: an answer is missing; between ```question and ``` write the question, "
            "a line ---, and the answer",
        ),
    ],
)
def test_a_fault_is_told_with_its_page_and_line(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        commonmark(text, "page.md")
    assert str(caught.value) == told
