"""Jinja, and how text becomes harmless on its way into a page.

Everything that came from a manifest or a tokenizer is escaped here: by Jinja in HTML, by the filter
`markdown` in Markdown, by `inline_script` in a script. Only prose, which is Markdown by definition,
goes through as it is.
"""

from __future__ import annotations

import re
from functools import cache

import jinja2
import markupsafe

from attention_gallery import language, resources
from attention_gallery.terms import fragment_marker


def render(template: str, **context: object) -> str:
    """Fill a template below `site_templates`; a name it lacks is an error."""
    return _environment().get_template(template).render(context)


def render_block(template: str, block: str, **context: object) -> str:
    """Fill one block of a template, whether or not the template itself shows it.

    Returns:
        Empty for a template that has no such block of its own.
    """
    found = _environment().get_template(template)
    fill = found.blocks.get(block)
    return "".join(fill(found.new_context(context))).strip() if fill else ""


def one_line(text: str) -> str:
    """White space and control characters become single spaces: a line stays a line."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()


def markdown_text(text: str) -> str:
    """Plain text as Markdown that no dialect reads as markup: ASCII punctuation as entities."""
    return re.sub(r"[!-/:-@\[-`{-~]", lambda match: f"&#{ord(match[0])};", one_line(text))


def inline_script(script: str) -> str:
    """A script fit to stand inside an HTML page: nothing in it can end or comment the element.

    Inside JavaScript strings and regular expressions, where alone these can occur, the escapes
    mean the same characters.
    """
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", script, flags=re.IGNORECASE)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    # The language is that of the moment in which a template is filled.
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
        language._, language.ngettext, newstyle=True
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters["markdown"] = lambda text: _safe(markdown_text(text))
    environment.filters["oneline"] = one_line
    environment.filters["marker"] = lambda name: _safe(fragment_marker(name))
    return environment


def _safe(text: str) -> markupsafe.Markup:
    return markupsafe.Markup(text)  # noqa: S704  escaped or ours by construction
