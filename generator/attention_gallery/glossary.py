"""Words that explain themselves, as an extension of Python-Markdown.

An ordinary link, ``[heads](glossary:head)``, becomes a button that looks like a word and opens the
definition as a native popover: without a script, and closed by Escape. The definitions stand once,
at the end of the page: a list of words on paper, and in browsers that know no popovers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

from attention_gallery.errors import InputError, Where, choices, quoted
from attention_gallery.language import _, marked
from attention_gallery.teaching import TeachingExtension

SCHEME = "glossary:"

TERMS: dict[str, tuple[str, str]] = {
    "token": (
        marked("Token"),
        marked(
            "A piece of text as a model reads it: a word, a part of one, or a punctuation mark. "
            "Special tokens, such as [CLS], are added by the model’s own tokenizer."
        ),
    ),
    "layer": (
        marked("Layer"),
        marked(
            "One of the steps that a model takes one after the other. Each reads what the one "
            "before it left for every token, and adds to it. L0 is the first."
        ),
    ),
    "head": (
        marked("Head"),
        marked(
            "One of several attention mechanisms that work side by side in a layer, each with its "
            "own way of choosing where to look. L5 H1 is head 1 of layer 5, both counted from 0."
        ),
    ),
    "query": (
        marked("Query"),
        marked(
            "What a token that looks is searching for, as a vector. The better it fits the key of "
            "another token, the more that token is looked at. On a map of weights, a row."
        ),
    ),
    "key": (
        marked("Key"),
        marked(
            "What a token can be found by when others look, as a vector that is compared with "
            "their queries. On a map of weights, a column."
        ),
    ),
    "value": (
        marked("Value"),
        marked(
            "What a token hands over when it is looked at, as a vector. A head adds up the values "
            "of all tokens, each multiplied by its weight."
        ),
    ),
    "weight": (
        marked("Weight"),
        marked(
            "The share of its attention that a query gives to a key: a number from 0 to 1. "
            "The weights of one query add up to 1."
        ),
    ),
    "softmax": (
        marked("Softmax"),
        marked(
            "What turns scores into shares: all become positive and add up to 1, and the larger a "
            "score is, the more of the whole it gets."
        ),
    ),
    "logit": (
        marked("Logit"),
        marked(
            "The score a model gives to a word of its vocabulary, before softmax turns all of them "
            "into probabilities."
        ),
    ),
    "probe": (
        marked("Probe"),
        marked(
            "A small classifier that learns to read a property, such as the part of speech, off "
            "the vectors inside a model. That it can be read there does not show that the model "
            "uses it."
        ),
    ),
}
"""For each term what it is called at the head of its definition, and the definition."""


def definition(term: str, where: Where | None = None) -> str:
    """What a term means, in the language that is spoken.

    Args:
        term: The term, as links name it.
        where: The place of a link.

    Raises:
        InputError: It is not in the glossary.
    """
    if term not in TERMS:
        hint = choices(term, TERMS, "its terms")
        raise InputError(f"{quoted(term)} is not in the glossary", where, hint)
    return _(TERMS[term][1])


class GlossaryExtension(TeachingExtension):
    """The extension; see its base for what can be configured.

    One option more is ``prefix``: what the ids of definitions start with, for texts that become
    parts of one page.
    """

    def __init__(self, **options: Any) -> None:
        self.config = {"prefix": ["", "What the ids of definitions start with"]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Have links to the glossary replaced once all links are known."""
        super().extendMarkdown(md)
        md.treeprocessors.register(_Glossary(md, self), "attention_gallery_glossary", 15)


def makeExtension(**options: Any) -> GlossaryExtension:  # noqa: N802  Python-Markdown's name
    """What Python-Markdown calls for ``attention_gallery.glossary``."""
    return GlossaryExtension(**options)


class _Glossary(Treeprocessor):
    """Makes buttons of links to the glossary, and puts the definitions below the page."""

    def __init__(self, md: Markdown, extension: GlossaryExtension) -> None:
        super().__init__(md)
        self._extension = extension

    def run(self, root: ElementTree.Element) -> None:
        prefix = self._extension.getConfig("prefix")
        used: dict[str, None] = {}
        with self._extension.working():
            for link in root.iter("a"):
                href = link.get("href", "")
                if href.startswith(SCHEME):
                    term = href.removeprefix(SCHEME)
                    self._check(term)
                    used[term] = None
                    _make_button(link, f"{prefix}ag-term-{term}")
            if used:
                root.append(_definitions(used, prefix))

    def _check(self, term: str) -> None:
        """See that a term is in the glossary.

        Raises:
            InputError: It is not.
        """
        lines = enumerate(self._extension.written.lines, 1)
        line = next((i for i, line in lines if f"{SCHEME}{term}" in line), 0)
        definition(term, Where("page", line))


def _make_button(link: ElementTree.Element, id_: str) -> None:
    link.tag = "button"
    link.attrib.clear()
    link.attrib.update(
        {"type": "button", "class": "ag-term", "popovertarget": id_, "aria-describedby": id_}
    )


def _definitions(terms: Iterable[str], prefix: str) -> ElementTree.Element:
    # Material's search leaves out what is marked so.
    all_of_them = ElementTree.Element("div", {"class": "ag-terms", "data-search-exclude": ""})
    for term in terms:
        popover = ElementTree.SubElement(
            all_of_them,
            "p",
            {"class": "ag-definition", "id": f"{prefix}ag-term-{term}", "popover": ""},
        )
        word = ElementTree.SubElement(popover, "strong")
        word.text, word.tail = _(TERMS[term][0]), f" {definition(term)}"
    return all_of_them
