"""One exhibit as a manifest of its own: the lines that made its page, for those who repeat it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path, PurePath
from typing import Any

import yaml

from attention_gallery.terms import Exhibit, HeadRule, Model, Sentence

_MODEL = ("source", "revision", "trust_remote_code", "allow_pickle", "dtype", "device", "license")
_SENTENCE = ("pair", "target", "generate", "lang", "license")
# To YAML, these end lines; only as escapes do they come back as they were.
_ENDS = re.compile(r"[\r\x85\u2028\u2029]")
# A link of Markdown to another page of the sources, such as [the next](../fox.md#edges "a title").
_TO_A_PAGE = re.compile(
    r"(?<![!\\])\[(?P<text>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])+)\]"
    r"\(\s*<?(?!/)[^\s()<>:]+\.md(?:[#?][^\s()<>]*)?>?(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)",
    re.DOTALL,
)


def excerpt(exhibit: Exhibit, root: str = "") -> str:
    """A manifest of one exhibit, which makes the same capture.

    Files are named as seen from the folder of the manifest that the exhibit is from. One that is
    neither below that, nor below `root`, is named without its folder, which is nobody's business.
    Of a link to another page of the author's its words are left: that page does not come along.

    Args:
        exhibit: The exhibit.
        root: The folder of the publication's sources; empty where there is none.
    """
    models = [exhibit.model, *(other.model for other in exhibit.against)]
    sentences = [exhibit.sentence, *(other.sentence for other in exhibit.against)]
    data = {
        "title": exhibit.title,
        "models": {model.id: _model(model) for model in models},
        "sentences": {each.id: _sentence(each, exhibit, root) for each in sentences},
        "exhibits": [_exhibit(exhibit, root)],
    }
    written: str = yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=96)
    return written


def _model(model: Model) -> dict[str, Any]:
    kept = _stated(model, _MODEL)
    if model.kind == "api":  # its revision is a digest that nobody wrote
        kept.pop("revision", None)
    return kept


def _sentence(sentence: Sentence, exhibit: Exhibit, root: str) -> Any:
    said = {
        "image": _seen_from(sentence.image, exhibit, root),
        "audio": _seen_from(sentence.audio, exhibit, root),
        "chat": [{"role": role, "content": content} for role, content in sentence.chat],
        # Of a chat it is what all turns say.
        "text": "" if sentence.chat else sentence.text,
        **_stated(sentence, _SENTENCE),
        "gold": {word: list(words) for word, words in sentence.gold.items()},
    }
    said = {key: value for key, value in said.items() if value}
    return sentence.text if said.keys() == {"text"} else said


def _exhibit(exhibit: Exhibit, root: str) -> dict[str, Any]:
    heads, start, question = exhibit.heads, exhibit.start, exhibit.question
    against = {
        "models": [each.model.id for each in exhibit.against if each.model != exhibit.model],
        "sentences": [each.sentence.id for each in exhibit.against if each.model == exhibit.model],
    }
    said = {
        "id": exhibit.id,
        "title": exhibit.title,
        "model": exhibit.model.id,
        "sentence": exhibit.sentence.id,
        "attention": exhibit.attention,
        "heads": {"pattern": heads.pattern, "top": heads.top}
        if isinstance(heads, HeadRule)
        else [f"L{head.layer}H{head.head}" for head in heads],
        "views": list(exhibit.views),
        "measures": list(exhibit.measures),
        "ask": _known(word=question.word, rather_than=question.rather_than, at=question.at),
        "labels": _seen_from(exhibit.labels, exhibit, root),
        "start": _known(head=str(start.head or "").replace(" ", ""), token=start.token),
        "against": {key: names for key, names in against.items() if names},
        "look_for": _TO_A_PAGE.sub(r"\g<text>", exhibit.look_for),
        "prose": _TO_A_PAGE.sub(r"\g<text>", exhibit.prose),
        "tags": list(exhibit.tags),
    }
    return {key: value for key, value in said.items() if value}


def _known(**values: Any) -> dict[str, Any]:
    """What was said of some things; a token may be the one at 0."""
    return {key: value for key, value in values.items() if value not in ("", None)}


def _stated(part: Model | Sentence, names: tuple[str, ...]) -> dict[str, Any]:
    """The values of some fields, except where they are what they are anyway."""
    usual: Mapping[str, Any] = {field.name: field.default for field in fields(part)}
    values = {name: getattr(part, name) for name in names}
    return {name: value for name, value in values.items() if value != usual[name]}


def _seen_from(file: str, exhibit: Exhibit, root: str) -> str:
    if not file or exhibit.where is None:
        return PurePath(file).name
    path, folder = Path(file), Path(exhibit.where.file).resolve().parent
    if any(path.is_relative_to(each) for each in (folder, root) if each):
        return Path(os.path.relpath(path, folder)).as_posix()
    return path.name


class _Writer(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and a list of words in one line."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Whether something that occurs twice is said twice."""
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _ENDS.search(text) else "|" if "\n" in text else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(writer: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    in_line = all(isinstance(item, str) for item in items)
    return writer.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=in_line)


_Writer.add_representer(str, _text)
_Writer.add_representer(list, _list)
