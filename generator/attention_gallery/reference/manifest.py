"""The keys of a manifest: from their shapes, and the types from the JSON Schema."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from attention_gallery.manifest.exhibit_shape import (
    AgainstShape,
    AskShape,
    ExhibitShape,
    StartShape,
)
from attention_gallery.manifest.prediction_shape import PredictionShape
from attention_gallery.manifest.shape import (
    ManifestShape,
    ModelShape,
    SentenceShape,
    TurnShape,
    manifest_schema,
)
from attention_gallery.manifest.strict import Shape
from attention_gallery.manifest.values import HeadRuleShape
from attention_gallery.reference.prose import code, heading, listed, markdown

SHAPES: Mapping[str, tuple[str, type[Shape]]] = {
    "manifest": ("The file", ManifestShape),
    "models": ("A model", ModelShape),
    "sentences": ("A sentence", SentenceShape),
    "turns": ("A turn of a chat", TurnShape),
    "exhibits": ("An exhibit", ExhibitShape),
    "heads": ("A rule that chooses heads", HeadRuleShape),
    "ask": ("What is asked", AskShape),
    "start": ("How charts open", StartShape),
    "against": ("What an exhibit is held against", AgainstShape),
}
"""The mappings of a manifest: an address, a title, and the shape."""

_INTRODUCTION = """\
# Manifest

A gallery is a YAML file. Each key is listed here with what it takes and what it means. A key that
is not listed is refused, with its line and the keys that were possible. Editors complete and check
manifests with a JSON Schema, `manifest.schema.json`, which comes with the package. This
prints the folder it is in:

```sh
python -c "from attention_gallery import resources; print(resources.templates())"
```

In VS Code, with the extension *YAML*, begin a manifest with `# yaml-language-server: $schema=` and
the path of that file. *Optional* keys may be left out."""

_OF_BLOCKS = """\
## A block predict { #predict }

[Blocks in a page](../in-your-own-pages.md) take the keys of an [exhibit](#exhibits), and `predict`
these besides:"""


def page() -> str:
    """The Markdown of the page."""
    defined = manifest_schema()["$defs"]
    parts = [_INTRODUCTION]
    for anchor, (title, shape) in SHAPES.items():
        parts += [heading(2, title, anchor), markdown(inspect.getdoc(shape) or "")]
        parts += _keys(anchor, shape, defined)
    parts += [_OF_BLOCKS, *_keys("predict", PredictionShape, defined)]
    return "\n\n".join(parts)


def _keys(anchor: str, shape: type[Shape], defined: Mapping[str, Any]) -> Iterator[str]:
    properties = _properties(shape)
    for name, field in shape.model_fields.items():
        kind = _kind(properties[name], defined)
        default = "required" if field.is_required() else _default(field)
        yield heading(3, code(name), f"{anchor}-{name}")
        yield f"*{kind}; {default}.* {markdown(field.description or '')}"


def _properties(shape: type[Shape]) -> Mapping[str, Any]:
    """The JSON Schema of each key; that of a sentence is inside a choice."""
    schema = shape.model_json_schema()
    if "properties" not in schema and "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    whole: Mapping[str, Any] = next(
        (each for each in schema.get("anyOf", ()) if "properties" in each), schema
    )
    return dict(whole["properties"])


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, bool):
        return f"by default {code(str(value).lower())}"
    return (
        f"by default {code(str(value))}" if value and isinstance(value, str | int) else "optional"
    )


def _kind(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> str:
    """What a value is, in words."""
    match schema:
        case {"$ref": str(name)}:
            return _reference(name.rpartition("/")[2], defined)
        case {"enum": list(words)}:
            return listed(map(code, words))
        case {"const": word}:
            return code(str(word))
        case {"anyOf": list(choices)}:
            kinds = (_kind(each, defined) for each in choices if each.get("type") != "null")
            return listed(dict.fromkeys(kinds))
        case {"type": "array", "items": items}:
            return f"list: {_kind(items, defined)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"names, each with {_kind(values, defined)}"
        case {"type": "object", "properties": keys}:
            return f"mapping of {listed(map(code, keys), 'and')}"
        case {"type": "integer"}:
            return "whole number"
        case {"type": "boolean"}:
            return f"{code('true')} or {code('false')}"
        case {"examples": list(examples)}:
            return f"text such as {code(str(examples[0]))}"
        case _:
            return "text"


def _reference(name: str, defined: Mapping[str, Any]) -> str:
    """A link to the shape of a name."""
    for anchor, (title, shape) in SHAPES.items():
        if shape.__name__.removesuffix("Shape") == name.removesuffix("Shape"):
            return f"[{title[0].lower()}{title[1:]}](#{anchor})"
    return _kind(defined.get(name, {}), defined)
