"""The glossary: the words that explain themselves in an author's pages."""

from __future__ import annotations

from attention_gallery.glossary import SCHEME, TERMS
from attention_gallery.reference.prose import code, heading, markdown

_INTRODUCTION = """\
# Glossary

Words of this subject, as readers have them explained where an author [links
them](../in-your-own-pages.md#glossary). Behind each stands what such a link leads to."""


def page() -> str:
    """The Markdown of the page."""
    parts = [_INTRODUCTION]
    for name, (title, definition) in TERMS.items():
        parts += [heading(2, title, name), f"{markdown(definition)} {code(SCHEME + name)}"]
    return "\n\n".join(parts)
