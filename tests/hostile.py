"""A text that would write the page if it could, and what a reader would see of a page."""

from __future__ import annotations

from html.parser import HTMLParser

ATTACK = "</script><img src=x onerror=alert(1)> *b* [x](y) `c` &amp; \"q\" 'r' {{ 7 }}"


def text_and_tags(html: str) -> tuple[str, set[str]]:
    """What a reader sees, and the names of all elements."""
    text: list[str] = []
    tags: set[str] = set()

    class Parser(HTMLParser):
        def handle_data(self, data: str) -> None:
            text.append(data)

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)

    Parser().feed(html)
    return "".join(text), tags
