"""The views: from their modules and their templates, which say to readers how they are read."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jinja2

from attention_gallery import measures, resources, views
from attention_gallery.reference.prose import code, heading, listed, markdown

_BARE = """\
{% block how %}{% endblock %}\0{% block touch %}{% endblock %}\0{% block ask %}{% endblock %}"""
"""What stands in for the template of a figure: the words of a view alone."""

_INTRODUCTION = """\
# Views

A view is a way to draw an exhibit. An exhibit that names no `views` gets all that fit it, except
those that are shown only where they are named. Several views of an exhibit share one page, and some
follow the head that is chosen in another. What each says about itself here is what its readers see
beside it; on a page, more may be said, as the text and the model need it."""


def page() -> str:
    """The Markdown of the page."""
    return "\n\n".join(
        [_INTRODUCTION, *(part for name in resources.view_names() for part in _of(name))]
    )


def _of(name: str) -> Iterator[str]:
    view = views.load(name)
    how, touch, ask = _words(name)
    yield heading(2, f"{code(name)}: {view.TITLE}", name)
    yield _shown(name)
    yield how
    if touch:
        yield f"**To use it.** {touch}"
    if ask:
        yield f"**What to look for.** {ask}"
    if fits := inspect.getdoc(view.fits):
        yield f"**What it fits.** {markdown(fits)}"


def _shown(name: str) -> str:
    """When a view is shown, and what it needs besides weights."""
    view: Any = views.load(name)
    needed = sorted(getattr(view, "MEASURES", ()))
    also = sorted(getattr(view, "ALSO", ()))
    maps = _with_maps() if views.shows_derived(name) else []
    told = [
        "Shown only where it is named."
        if views.named_only(name)
        else "Shown by default, where it fits."
    ]
    if longest := getattr(view, "LONGEST", 0):
        told = [f"Shown by default up to {longest} tokens, and beyond where it is named."]
    if needed:
        told.append(f"Its numbers are of {listed(map(_link, needed), 'and')}, taken by itself.")
    if also:
        told.append(f"Shows {listed(map(_link, also), 'and')} too, where `measures` names them.")
    if maps:
        told.append(f"Draws {listed(map(_link, maps), 'and')} too, where `measures` names them.")
    return " ".join(told)


def _with_maps() -> list[str]:
    """Names of the measures that have maps."""
    return [name for name in resources.measure_names() if measures.need(name).maps]


def _link(measure: str) -> str:
    return f"[{measure}](measures.md#{measure})"


def _words(name: str) -> list[str]:
    """What a view's template says, of a short text and a model of one stack, as Markdown."""
    loader = jinja2.ChoiceLoader(
        [
            jinja2.DictLoader({"pages/figure.html.j2": _BARE}),
            jinja2.FileSystemLoader(resources.templates()),
        ]
    )
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    bare = SimpleNamespace(
        view=name,
        spec=SimpleNamespace(params=[]),
        table=SimpleNamespace(caption="", columns=[], rows=[]),
    )
    said = environment.get_template(f"views/{name}.html.j2").render(figure=bare, derived=())
    return [_markdown(part) for part in said.split("\0")]


def _markdown(fragment: str) -> str:
    text = re.sub(r"</?em>", "*", fragment)
    text = re.sub(r"</?strong>", "**", text)
    text = re.sub(r"</?code>", "`", text)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())
