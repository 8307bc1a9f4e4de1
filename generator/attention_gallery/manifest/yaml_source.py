"""YAML read to plain data that remembers where every key and value stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from attention_gallery.errors import GalleryError, ManifestError, Where, choices, printable, quoted

Place = tuple[str | int, ...]
"""Keys and list indices from the top of a document down to one value."""

# An alias costs a few bytes and stands for a whole subtree, so nine lines can stand for a thousand
# million values. Ten thousand exhibits stay well below both limits.
_MAX_VALUES = 500_000
_MAX_DEPTH = 50

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "str": "text",
    "value": "text",  # a lone "=", for which YAML 1.1 has a type that nobody uses
    "null": "nothing",
    "bool": "true or false",
    "int": "a number",
    "float": "a decimal number",
    "timestamp": "a date",
}

# What usually helps, by a part of the parser's own words.
_SYNTAX_HINTS = {
    "mapping values are not allowed": "text that holds a colon and a space needs quotes",
    "'\\t' that cannot start": "indent with spaces, not with tabs",
    "that cannot start any token": "text that begins with this character needs quotes",
    "scanning an alias": "text that begins with * needs quotes",
    "undefined alias": "text that begins with * needs quotes",
    "expected <block end>": "check the indentation of this line and the lines above",
    "expected ',' or": "a bracket above is not closed, or a comma is missing",
    "while scanning a quoted scalar": "a quotation mark above is not closed",
    "expected a single document": "remove the line ---",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document whose top level is a mapping.

    Attributes:
        file: Its path as the author would type it, seen from the working directory.
        text: Its text.
        data: Plain dicts, lists and scalars; all keys are text.
        keys: The node of each key, by the place of its value.
        values: The node of each value.
        faults: What is wrong with it that did not prevent reading the rest.
    """

    file: str
    text: str
    data: dict[str, Any]
    keys: dict[Place, Node]
    values: dict[Place, Node]
    faults: tuple[GalleryError, ...]

    def nearest(self, place: Place) -> Place:
        """`place`, or the innermost existing value around it."""
        while place not in self.values:
            place = place[:-1]
        return place

    def where(self, place: Place) -> Where:
        """Where the value at `place`, or the innermost existing one around it, begins."""
        return _where(self.file, self.text, self.values[self.nearest(place)].start_mark.index)

    def where_key(self, place: Place) -> Where:
        """Where the key of the value at `place` begins."""
        return _where(self.file, self.text, self.keys[place].start_mark.index)

    def described(self, place: Place) -> str:
        """What YAML takes an existing value for: ``a list``, ``text``, ``a date``, ..."""
        match self.values[place]:
            case MappingNode():
                return "a mapping"
            case SequenceNode():
                return "a list"
            case node:
                return _SCALARS.get(node.tag.removeprefix(_TAG), "text")

    def written(self, place: Place) -> str | None:
        """An existing scalar as the author wrote it; None for a mapping or a list."""
        node = self.values[place]
        return node.value if isinstance(node, ScalarNode) else None


def read_yaml(path: Path) -> Document:
    """Read a file that must hold one YAML mapping.

    Raises:
        ManifestError: When the file cannot be read, is not UTF-8, not YAML, not a mapping, or
            nests or repeats itself without reason.
    """
    file = typed(path)
    text = _read_text(path, file)
    root, loader = _root(file, text)
    if root is None:
        raise ManifestError("the file is empty", Where(file), "begin with a line such as title: …")
    return _document(file, text, root, loader, "keys such as title: and exhibits:")


def read_block(file: str, text: str, line: int, key: str) -> Document:
    """Read the YAML of a block in a page: a mapping, or a text that is the value of one key.

    Args:
        file: The page's path as the author would type it.
        text: The block's.
        line: Where in the page it begins, from 1.
        key: What a text alone is the value of.

    Raises:
        ManifestError: As `read_yaml`.
    """
    text = "\n" * (line - 1) + text  # so that all stands where it stands in the page
    root, loader = _root(file, text)
    if root is None:
        raise ManifestError("the block is empty", Where(file, line - 1), f"write {key}: and an id")
    if isinstance(root, ScalarNode):
        nodes: dict[Place, Node] = {(key,): root}
        return Document(file, text, {key: root.value}, nodes, {(): root, **nodes}, ())
    return _document(file, text, root, loader, f"a key such as {key}:, or an id alone")


def _root(file: str, text: str) -> tuple[Node | None, _Loader]:
    """The top node of a YAML text, and what reads its values.

    Raises:
        ManifestError: The text is not YAML.
    """
    loader = _Loader("")
    try:
        loader = _Loader(text)
        return loader.get_single_node(), loader
    except yaml.reader.ReaderError as error:
        message = f"the character {quoted(chr(error.character))} is not allowed in YAML"
        hint = 'inside double quotes it can be written as an escape, such as "\\x1B"'
        raise ManifestError(message, _where(file, text, error.position), hint) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, text, error) from None
    except (ValueError, OverflowError):  # an escape such as "\UFFFFFFFF", or a huge %YAML version
        message = "not valid YAML: a number that is too large"
        raise ManifestError(message, _where(file, text, loader.index)) from None


def _document(file: str, text: str, root: Node, loader: _Loader, keys: str) -> Document:
    """The data of a top node, with the places of all it holds.

    Raises:
        ManifestError: It is no mapping, or repeats itself without end.
    """
    reading = _Reading(file, text, loader)
    data = reading.value(root, ())
    if not isinstance(data, dict):
        raise ManifestError(
            f"the top level is {'a list' if isinstance(data, list) else 'plain text'}",
            _where(file, text, root.start_mark.index),
            f"it must be a mapping with {keys}",
        )
    return Document(file, text, data, reading.keys, reading.values, tuple(reading.faults))


def typed(path: Path) -> str:
    """A path as an author would type it, seen from the working directory."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _read_text(path: Path, file: str) -> str:
    """Text of a UTF-8 file, without its byte order mark.

    Raises:
        ManifestError: When there is no such file, or it has another encoding.
    """
    where = Where(file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        others = sorted(other.name for other in path.parent.glob("*.y*ml"))
        hint = choices(path.name, others, "beside it lie") if others else ""
        raise ManifestError("there is no such file", where, hint) from None
    except IsADirectoryError:
        raise ManifestError("this is a folder, not a manifest", where) from None
    except OSError as error:
        raise ManifestError(f"cannot be read: {error.strerror}", where) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        raise ManifestError(
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            _where(file, before, len(before)),
            "save the file with the encoding UTF-8",
        ) from None


def _where(file: str, text: str, index: int) -> Where:
    # Counted here, because the parser also ends a line at U+2028 and U+0085, and editors do not.
    line = text.count("\n", 0, index) + 1
    return Where(file, line, index - text.rfind("\n", 0, index))


def _syntax_error(file: str, text: str, error: yaml.MarkedYAMLError) -> ManifestError:
    problem, context = error.problem or "", error.context or ""
    said = f"{context}, {problem}"
    hint = next((hint for part, hint in _SYNTAX_HINTS.items() if part in said), "")
    mark = error.problem_mark or error.context_mark
    where = _where(file, text, mark.index) if mark else Where(file)
    # The context is about the parser, unless the problem only continues its sentence.
    shown = said if problem.startswith("but ") else problem
    return ManifestError(f"not valid YAML: {printable(shown, 120)}", where, hint)


class _Loader(yaml.SafeLoader):
    """Stops at a depth that no manifest needs, before its own recursion exhausts Python's."""

    _depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            mark = parent.start_mark if parent else None
            raise yaml.composer.ComposerError(None, None, "nested too deeply", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Reading:
    """One walk from nodes to plain data, which notes every place and collects faults."""

    def __init__(self, file: str, text: str, loader: _Loader) -> None:
        self.keys: dict[Place, Node] = {}
        self.values: dict[Place, Node] = {}
        self.faults: list[GalleryError] = []
        self._file, self._text, self._loader = file, text, loader

    def value(self, node: Node, place: Place) -> Any:
        """Plain data of a node.

        Raises:
            ManifestError: When aliases make the document too deep or too large.
        """
        self.values[place] = node
        if len(place) > _MAX_DEPTH or len(self.values) > _MAX_VALUES:
            where = _where(self._file, self._text, node.start_mark.index)
            raise ManifestError("aliases (*name) repeat this without end", where)
        if node.tag.removeprefix(_TAG) not in ("map", "seq", *_SCALARS):
            self._fault(node, f"the tag {quoted(node.tag)} is not known", "leave the tag out")
        match node:
            case MappingNode():
                return self._mapping(node, place)
            case SequenceNode():
                return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
            case _:
                return self._scalar(node)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                self._fault(
                    key,
                    "merge keys (<<) are not read",
                    "write the keys out, or make a product with models: and sentences:",
                )
            elif not isinstance(key, ScalarNode):
                self._fault(key, "a key must be text", "write key: value")
            elif key.tag != _TAG + "str":
                kind = _SCALARS.get(key.tag.removeprefix(_TAG), "something else")
                message = f"the key {quoted(key.value)} must be text, and YAML reads it as {kind}"
                self._fault(key, message, f"write it in quotes: {quoted(key.value)}")
            elif key.value in data:
                first = self.keys[(*place, key.value)].start_mark.index
                message = f"the key {quoted(key.value)} is written twice"
                self._fault(key, message, f"first at {_where(self._file, self._text, first)}")
            else:
                self.keys[(*place, key.value)] = key
                data[key.value] = self.value(value, (*place, key.value))
        return data

    def _scalar(self, node: Node) -> Any:
        kind = _SCALARS.get(node.tag.removeprefix(_TAG), "text")
        if kind == "text":
            return node.value
        try:
            return self._loader.construct_object(node)
        except (ValueError, LookupError, AttributeError):
            # YAML's own patterns let 2024-13-45 and 0x_ pass, and !!bool can stand before anything.
            message = f"{quoted(node.value)} looks like {kind} and is none"
            self._fault(node, message, f"write it in quotes: {quoted(node.value)}")
            return node.value

    def _fault(self, node: Node, message: str, hint: str) -> None:
        where = _where(self._file, self._text, node.start_mark.index)
        self.faults.append(ManifestError(message, where, hint))
