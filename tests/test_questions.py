"""A question whose answer is hidden, and still Markdown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from markdown import markdown

from attention_gallery import language
from attention_gallery.errors import InputError
from attention_gallery.questions import makeExtension
from hostile import ATTACK

NAMES = ["attention_gallery.questions"]

QUESTION = """Before
```question
Why do **heads**

1. look back
2. see [this][there]

```python
x = 1
---
```
---
Because. $a_b$[^1]
```
After

[there]: https://example.org
[^1]: A note.
"""


def html(text: str, extensions: list[Any] = NAMES) -> str:
    return re.sub(r"\n+", "\n", markdown(text, extensions=extensions))


@pytest.mark.parametrize("fenced", ["extra", "pymdownx.superfences"])
def test_both_parts_are_markdown_of_the_page_with_all_that_it_extends(fenced: str) -> None:
    page = html(QUESTION, ["footnotes", fenced, *NAMES] if fenced != "extra" else [fenced, *NAMES])
    question, answer = page.split('<details class="ag-answer">')
    assert question.startswith('<p>Before</p>\n<div class="ag-question">')
    assert "<strong>heads</strong>" in question
    assert '<ol>\n<li>look back</li>\n<li>see <a href="https://example.org">' in question
    assert "---" in re.sub("<[^>]*>", "", question)
    answer, after = answer.split("</details>\n</div>")
    assert answer.startswith("\n<summary>Answer</summary>\n<p>Because. $a_b$<sup")
    assert after.startswith("\n<p>After</p>")


def test_what_shows_how_a_question_is_written_is_no_question() -> None:
    page = html("````markdown\n```question\nno answer\n```\n````", ["fenced_code", *NAMES])
    assert "ag-question" not in page
    assert "```question" in page


def test_two_questions_do_not_run_into_one_another() -> None:
    page = html("```question\na\n---\nb\n```\n```question\nc\n---\nd\n```")
    assert re.findall(r"<p>(\w)</p>", page) == ["a", "b", "c", "d"]
    assert page.count("<details") == page.count("</details>") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a\n\n```question\nWhy?\n```",
            "page:3: an answer is missing; between ```question and ``` write the question, a line "
            "---, and the answer",
        ),
        ("```question\nWhy?\n---\n \n```", "page:1: an answer is missing; "),
        ("```question\n---\nSo.\n```", "page:1: a question before the answer is missing; "),
        ("```question\n~~~\n---\n~~~\n```", "page:1: an answer is missing; "),
        ("a\n```question\nWhy?\n---\nSo.", "page:2: this question is not closed; end it with a "),
        ("```question\nq\n---\n```\nx\n```\n```", "page:1: an answer is missing; "),
    ],
)
def test_a_question_that_is_not_whole_names_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        markdown(text, extensions=NAMES)
    assert str(caught.value).startswith(said)


def test_a_fault_can_be_kept_and_the_page_is_then_as_it_was_written() -> None:
    faults: list[InputError] = []
    page = html("```question\nWhy?\n```", [makeExtension(refuse=faults.append)])
    assert [fault.message for fault in faults] == ["an answer is missing"]
    assert "Why?" in page


def test_what_is_said_around_it_is_translated_and_harmless() -> None:
    texts = {"Question": ATTACK, "Answer": "जवाब"}
    token = language._current.set(language.Catalog("xx", texts))
    try:
        page = html("```question\na\n---\nb\n```")
        english = html("```question\na\n---\nb\n```", [makeExtension(language="en")])
    finally:
        language._current.reset(token)
    assert "<summary>जवाब</summary>" in page
    assert "<img" not in page
    assert "<summary>Answer</summary>" in english
