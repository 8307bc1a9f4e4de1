"""The options of the plugin in mkdocs.yml: from the class that MkDocs reads them with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attention_gallery.markdown_fence import FenceExtension
from attention_gallery.mkdocs_plugin import Options
from attention_gallery.reference.prose import attributes, code, heading, markdown

_INTRODUCTION = """\
# Configuration

The plugin `attention-gallery` adds exhibits to a site that [MkDocs](https://www.mkdocs.org) or
ProperDocs builds. It stands under `plugins` in `mkdocs.yml`; its options are below. Paths start
from the folder of that file.

```yaml
plugins:
  - search
  - attention-gallery:
      manifests: [galleries/*.yml]
```

Without a `mkdocs.yml` the commands build a plain site from the manifests alone."""

_EXTENSION = """\
## The Markdown extension { #extension }

`attention_gallery.markdown_fence` shows exhibits in [blocks](../in-your-own-pages.md) wherever
Python-Markdown renders pages, such as in Zensical, from what is stored. Its options:"""


def page() -> str:
    """The Markdown of the page."""
    options = [part for name in names() for part in _of(name)]
    return "\n\n".join([_INTRODUCTION, *options, _EXTENSION, *_of_extension()])


def _of_extension() -> Iterator[str]:
    for name, (default, told) in FenceExtension().config.items():
        by_default = f" By default {code(_written(default))}." if default else ""
        yield f"- {code(name)}: {markdown(told)}{by_default}"


def names() -> list[str]:
    """The options of the plugin, in the order of its class."""
    return [name for name, _ in Options()._schema]


def _of(name: str) -> Iterator[str]:
    default = _written(dict(Options()._schema)[name].default)
    yield heading(2, code(name), name)
    if default:
        yield f"*By default {code(default)}.*"
    yield markdown(attributes(Options.__doc__).get(name, ""))


def _written(value: Any) -> str:
    """A default as YAML has it; empty for none."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(str, value))}]"
        case None | "":
            return ""
        case _:
            return str(value)
