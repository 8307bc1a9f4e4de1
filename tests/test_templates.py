"""How text becomes harmless."""

from __future__ import annotations

import string
from html.parser import HTMLParser

import jinja2
import markdown
import pytest
from playwright.sync_api import Browser

from attention_gallery import templates
from attentions import HOSTILE

BLOCKS = ["a\n\n# b\n- c", "1. x", "[a]: http://x", "    code", "&lt;", "***"]


class Elements(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", [*HOSTILE, string.punctuation, *BLOCKS])
def test_text_in_markdown_stays_the_same_text(text: str) -> None:
    extensions = ["extra", "admonition", "toc", "sane_lists"]
    page = Elements(markdown.markdown(templates.markdown_text(text), extensions=extensions))
    assert page.names == ["p"]
    assert page.text == templates.one_line(text)


def test_one_line_is_one_line() -> None:
    assert templates.one_line(" a\t\nb\r\x00\x1bc\u2028d ") == "a b c d"


@pytest.mark.browser
@pytest.mark.parametrize("text", ["</script>", "</SCRIPT >", "<!-- <script>", "a<b", "\\</script>"])
def test_a_script_inside_a_page_keeps_its_meaning(browser: Browser, text: str) -> None:
    """Run as strings of each kind and as a regular expression; the page ends after the script."""
    quoted = text.replace("\\", "\\\\")
    script = f"window.said = [\"{quoted}\", '{quoted}', `{quoted}`];"
    script += "window.found = /<\\/script/.test('x')"
    page = browser.new_page()
    page.set_content(f"<script>{templates.inline_script(script)}</script><p>after</p>")
    assert page.evaluate("window.said") == [text] * 3
    assert page.evaluate("window.found") is False
    assert page.locator("body").inner_text().strip() == "after"
    page.close()


def test_a_name_a_template_lacks_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        templates.render("views/edges.html.j2")


def test_one_block_of_a_template_is_filled_alone_and_one_it_lacks_is_empty() -> None:
    asked = templates.render_block("views/grid.html.j2", "ask")
    assert asked == "Which heads look alike, and which one stands out?"
    assert templates.render_block("views/grid.html.j2", "nothing") == ""
    with pytest.raises(jinja2.UndefinedError):
        templates.render_block("views/edges.html.j2", "how")
