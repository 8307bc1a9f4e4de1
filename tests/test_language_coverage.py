"""Nothing that readers see is forgotten: in a language of other letters, no English is left.

All texts of the interface are written with full-width letters, as a translator's would be in
others. What then still has ASCII letters is a token, a name, or a text that nobody can translate.
"""

from __future__ import annotations

import dataclasses
import html
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

import catalogues
from attention_gallery import language, pages, views
from attention_gallery.packing import Packed
from attention_gallery.templates import render_block
from attention_gallery.terms import Exhibit, Figure
from test_views import CASES, DOCUMENTS, MEASURED, OTHERS, packed_of

_KEPT = re.compile(r"\{[^}]*\}|%\(\w+\)s|%%|</?\w[^>]*>|&\w+;")
_WIDE = {ord(c): ord(c) + 0xFEE0 for c in string.ascii_letters}

# What no one translates: names of files and of heads, and signs of mathematics.
_NAMES = re.compile(
    r"\b(\w+\.(yml|py|npz|csv)|L\d+|H\d+|r\d+c\d+|CLS|SEP|q|k|softmax|JavaScript)\b"
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")
_EXPRESSIONS = ("expr", "calculate", "test", "signal", "text", "tooltip")


class Foreign(language.Catalog):
    """Says all that is in the list of texts with full-width letters, and nothing else.

    What is put into a text, and markup, stays as it is.
    """

    def __init__(self) -> None:
        listed = [message for message in catalogues.texts() if message.id]
        of_scripts = {
            text
            for message in listed
            if any(file.endswith(".js") for file, _ in message.locations)
            for text in _texts(message.id)
        }
        texts = {text for message in listed for text in _texts(message.id)}
        # These tests make up what measures tell; that it is listed is tested where it is told.
        texts |= set(
            _told_by_measures([each.facts for of in MEASURED.values() for each in of.values()])
        )
        super().__init__("xx", {text: _widened(text) for text in texts}, of_scripts)


def _texts(said: str | Sequence[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def _told_by_measures(part: object) -> Iterator[str]:
    """Titles and sentences in facts."""
    if isinstance(part, Mapping):
        yield from (part[key] for key in ("title", "gives", "says") if key in part)
        for each in part.values():
            yield from _told_by_measures(each)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _told_by_measures(each)


def _widened(text: str) -> str:
    kept = _KEPT.findall(text)
    parts = [part.translate(_WIDE) for part in _KEPT.split(text)]
    return "".join(a + b for a, b in zip(parts, [*kept, ""], strict=True))


_foreign = cache(Foreign)


@contextmanager
def foreign() -> Iterator[None]:
    """Say everything in other letters meanwhile."""
    token = language._current.set(_foreign())
    try:
        yield
    finally:
        language._current.reset(token)


@pytest.mark.parametrize(("view", "case"), DOCUMENTS)
def test_no_text_of_a_view_is_only_in_english(view: str, case: str) -> None:
    known = words_of(case)
    shown = dataclasses.replace(CASES[case][0], views=(view,))
    with foreign():
        packed = packed_of(case, view)
        [figure] = views.figures(shown, packed)
        page = _explained(shown, packed, figure)
    seen = [*_written(figure), *_documented(figure.spec), *_readable(page)]
    assert english(seen, known) == []


def test_no_text_of_a_page_is_only_in_english() -> None:
    shown, held = CASES["causal"]
    with foreign():
        packed = packed_of("causal")
        page, _ = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    text = "".join((page.markdown, *page.fragments.values()))
    # Programs, names of files and versions stay what they are.
    prose = re.sub(r"<(pre|code)\b.*?</\1>", "", text, flags=re.DOTALL)
    assert english(_readable(prose), words_of("causal") | {"torch"}) == []


def _explained(shown: Exhibit, packed: Packed, figure: Figure) -> str:
    """The figure as it stands on a page, with what is told about it, and what is asked."""
    question = render_block(f"views/{figure.view}.html.j2", "ask", figure=figure)
    return pages.figure_html(shown, packed, figure, truth=figure.truth, standalone=True) + question


def _written(figure: Figure) -> Iterator[str]:
    """What is told in words and in numbers, and what stands in the picture."""
    yield from (figure.title, figure.summary, figure.truth, figure.spec["description"])
    yield from (figure.table.caption, *figure.table.columns)
    for row in figure.table.rows:
        yield from row
    yield from (html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)<", figure.svg))


def _documented(spec: Mapping[str, Any]) -> Iterator[str]:
    """What a running chart may show: its controls, and sentences in its expressions."""
    for param in spec["params"]:
        bind = param.get("bind") or {}
        controls = (
            bind.values() if isinstance(bind.get("query", bind.get("token")), dict) else [bind]
        )
        for control in controls:
            yield from (control.get("name", ""), control.get("placeholder", ""))
            yield from map(str, control.get("labels", ()))
        yield from _phrases(param.get("value"))
    yield from _spoken(spec)


def _phrases(value: object) -> Iterator[str]:
    """Texts of several words in lists of the document; a single word may be an identifier."""
    if isinstance(value, str):
        if " " in value.strip():
            yield value
    elif isinstance(value, Sequence):
        for each in value:
            yield from _phrases(each)


def _spoken(part: object, key: str = "") -> Iterator[str]:
    """Titles, and those texts within expressions that have words and a space."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            yield from _spoken(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from _spoken(value, key)
    elif isinstance(part, str) and key == "title":
        yield part
    elif isinstance(part, str) and key in _EXPRESSIONS:
        # Words between spaces, or with one behind, are names in a text control.
        said = (text for text in _LITERAL.findall(part) if re.search(r"^ .|\S \S", text))
        yield from (text for text in said if not re.search(r"[\[\]$\\|]|^ \w+ $", text))


def _readable(page: str) -> list[str]:
    """The texts of HTML, and the attributes that are read out; the picture is told elsewhere."""
    page = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    said = re.findall(r'\b(?:aria-label|label|title|alt|placeholder)="([^"]*)"', page)
    return [html.unescape(text) for text in (*said, *re.split(r"<[^>]*>", page))]


def words_of(case: str) -> set[str]:
    """All that is the author's, the model's or the tokenizer's: never translated."""
    shown, held = CASES[case]
    found: set[str] = set()
    measured = [each.facts for each in MEASURED.get(case, {}).values()]
    for each in (shown, held, OTHERS.get(case, ()), _without_words(measured)):
        _gather(each, found)
    return found


def _without_words(part: Any) -> Any:
    """Facts of measures but for those that are told to readers as they are."""
    if isinstance(part, Mapping):
        told = ("title", "says", "gives", "unit", "maps", "kind")
        return {key: _without_words(value) for key, value in part.items() if key not in told}
    return [_without_words(each) for each in part] if isinstance(part, list | tuple) else part


def _gather(part: object, found: set[str]) -> None:
    if isinstance(part, str):
        found.update(_WORD.findall(part))
    elif isinstance(part, Mapping):
        for name, each in part.items():
            _gather(list(each) if name == "labels" and isinstance(each, Mapping) else each, found)
    elif isinstance(part, list | tuple):
        for each in part:
            _gather(each, found)
    elif dataclasses.is_dataclass(part) and not isinstance(part, type):
        for field in dataclasses.fields(part):
            if field.name not in ("attentions", "layers", "arrays"):
                _gather(getattr(part, field.name), found)
            elif field.name == "attentions":
                _gather(list(getattr(part, field.name).values()), found)


def english(texts: Iterator[str] | list[str], known: set[str]) -> list[str]:
    """Those texts that have words in ASCII letters, but for those that are known."""
    left = (text for text in texts if set(_WORD.findall(_NAMES.sub("", text))) - known)
    return list(dict.fromkeys(text.strip() for text in left))
