"""The measures: from their modules, which say what is computed, from what, and after whom."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from attention_gallery import measures, resources, views
from attention_gallery.reference.prose import code, heading, listed, markdown, sections
from attention_gallery.terms import Reads

_INTRODUCTION = """\
# Measures

A measure is derived from a running model, so that a pretty pattern does not mislead. An exhibit
names it under `measures`, or names a view that needs it. What it found can be downloaded from the
exhibit's page as `measures.npz`, and is `shown.measured` in a [notebook](../notebooks.md): the
names of its arrays are listed here, with their axes in brackets. *Facts* are what there is to know
besides. A name with a capital letter, such as `Asked.facts`, is one of the package's own: more is
said there, below `attention_gallery/measures`."""

_READS: Mapping[Reads, str] = {
    "sentence": "of the exhibit's sentence",
    "pair": "of two sentences that differ in a word: the exhibit's own, and the one under "
    "[`against`](manifest.md#exhibits-against)",
    "model": "of the model, whatever the sentence",
    "labels": "of labelled sentences, in the file under [`labels`](manifest.md#exhibits-labels)",
}


def page() -> str:
    """The Markdown of the page."""
    names = resources.measure_names()
    return "\n\n".join([_INTRODUCTION, *(part for name in names for part in _of(name))])


def _of(name: str) -> Iterator[str]:
    measure = measures.load(name)
    need = measures.need(name)
    module = sys.modules[measure.measure.__module__]
    showing = listed(
        (f"[{view}](views.md#{view})" for view in views.showing(name, maps=need.maps)), "and"
    )
    asks = "; about an answer, see [`ask`](manifest.md#exhibits-ask)" if need.asks else ""
    told = sections(measure.measure.__doc__)
    yield heading(2, f"{code(name)}: {measure.TITLE}", name)
    yield f"Taken {_READS[need.reads]}{asks}. Shown in {showing}."
    yield markdown(sections(module.__doc__)[""])
    yield f"**What is taken.** {markdown(told[''])}"
    if returns := told.get("Returns"):
        yield f"**What is found.** {markdown(returns)}"
    if found := list(_sources(module)):
        yield "**Sources.**"
        yield "\n".join(f"- {markdown(source)}" for source in found)


def _sources(module: Any) -> Iterator[str]:
    """What the docstrings of a module name as the sources of their formulas, each once."""
    tree = ast.parse(inspect.getsource(module))
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Module)
    docstrings = (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds))
    found = (sections(docstring).get("Source", "") for docstring in docstrings)
    yield from dict.fromkeys(" ".join(source.split()) for source in found if source)
