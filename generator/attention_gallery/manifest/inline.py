"""An exhibit that is written in a block of a Markdown page instead of a manifest.

It becomes the data of a small manifest, whose every value still knows where in the page it stands,
and comes in through the same door as all others.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from yaml.nodes import Node

from attention_gallery.errors import (
    GalleryError,
    ManifestError,
    ModelError,
    choices,
    quoted,
    raise_faults,
)
from attention_gallery.manifest import exhibits_of, folder_of, resolved
from attention_gallery.manifest.faults import dotted, faults_of
from attention_gallery.manifest.shape import ManifestShape
from attention_gallery.manifest.strict import Known
from attention_gallery.manifest.titles import shortened
from attention_gallery.manifest.values import made_showable
from attention_gallery.manifest.yaml_source import Document, Place
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import Exhibit, Gallery, Model, Sentence

ELSEWHERE = {
    "models": "a block shows one exhibit: write model:, or make the product in a manifest",
    "sentences": "a block shows one exhibit: write sentence:, or make the product in a manifest",
    "prose": "write it in the page, before or after the block",
    "look_for": "write it in the page, before or after the block",
    "tags": "the index lists exhibits of manifests only",
}
"""Keys of an exhibit that have no place in a block, and where to write them."""
_SOURCES = "sources: specimen:NAME, ./folder, {source: org/name, revision: <commit>}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What blocks may refer to: all that the manifests of a site name.

    Attributes:
        exhibits: By id.
        models: What each name means; in several manifests it may mean several things.
        sentences: The same.
    """

    exhibits: Mapping[str, Exhibit]
    models: Mapping[str, tuple[Model, ...]]
    sentences: Mapping[str, tuple[Sentence, ...]]


def shelf_of(galleries: Iterable[Gallery]) -> Shelf:
    """All that manifests name, together."""
    galleries = tuple(galleries)
    models = [model for gallery in galleries for model in gallery.models]
    sentences = [sentence for gallery in galleries for sentence in gallery.sentences]
    return Shelf(
        {exhibit.id: exhibit for gallery in galleries for exhibit in gallery.exhibits},
        {each.id: _meanings(each.id, models) for each in models},
        {each.id: _meanings(each.id, sentences) for each in sentences},
    )


def _meanings(name: str, things: list[Any]) -> tuple[Any, ...]:
    """What goes by a name, each thing once, wherever it is written."""
    found: list[Any] = []
    for thing in things:
        known = (replace(each, where=thing.where) for each in found)
        if thing.id == name and thing not in known:
            found.append(thing)
    return tuple(found)


def inline_exhibit(
    data: Mapping[str, Any], document: Document, shelf: Shelf, base: Path, default_id: str
) -> Exhibit:
    """The exhibit that a block holds.

    Args:
        data: What the block says of it.
        document: The block.
        shelf: What it may refer to.
        base: Where relative paths start from.
        default_id: Its id, unless it has one.

    Raises:
        ManifestError: The only fault.
        FaultsError: All faults, when there are several.
    """
    manifest = _Manifest(data, document, shelf, base, default_id)
    translated = manifest.document()
    try:
        shape = ManifestShape.model_validate(translated.data, context=manifest.known())
    except ValidationError as error:
        raise_faults([*manifest.faults, *faults_of(error, translated, shown=manifest.shown)])
        raise
    raise_faults(manifest.faults)
    models, sentences = resolved(shape, translated, base)
    exhibits, faults = exhibits_of(
        shape,
        translated,
        base,
        {name: meanings[0] for name, meanings in shelf.models.items()} | models,
        {name: meanings[0] for name, meanings in shelf.sentences.items()} | sentences,
    )
    raise_faults(faults)
    return exhibits[0]


class _Manifest:
    """The data of a manifest that holds one exhibit, and where in the block each part stands.

    Attributes:
        faults: What is wrong with names that stand for models and sentences.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        block: Document,
        shelf: Shelf,
        base: Path,
        default_id: str,
    ) -> None:
        self.faults: list[GalleryError] = []
        self._block, self._shelf, self._base = block, shelf, base
        self._moved: dict[Place, Place] = {("exhibits", 0): ()}
        self._models: dict[str, Any] = {}
        self._sentences: dict[str, Any] = {}
        self._unknown: set[str] = set()
        self._exhibit: dict[str, Any] = {"id": default_id}
        for key, value in data.items():
            place = (key,)
            if key in ELSEWHERE:
                message = f"{key}: has no place in a block"
                where = block.where_key(place)
                self.faults.append(ManifestError(message, where, ELSEWHERE[key]))
                if (one := key.removesuffix("s")) in ("model", "sentence"):
                    self._exhibit.setdefault(one, self._stand_in())
            elif key == "model":
                self._exhibit[key] = self._model(value, place)
            elif key == "sentence":
                self._exhibit[key] = self._sentence(value, place)
            elif key == "against" and isinstance(value, dict):
                self._exhibit[key] = self._against(value, key)
            else:
                self._exhibit[key] = value

    def _against(self, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """What the exhibit is held against, by names."""
        return {
            **value,
            **{
                several: [name_of(each, (key, several, i)) for i, each in enumerate(value[several])]
                for several, name_of in (("models", self._model), ("sentences", self._sentence))
                if isinstance(value.get(several), list)
            },
        }

    def document(self) -> Document:
        """The manifest, at the places of the block."""
        block = self._block
        data = {
            "title": "-",
            "models": self._models,
            "sentences": self._sentences,
            "exhibits": [self._exhibit],
        }
        keys: dict[Place, Node] = {}
        values: dict[Place, Node] = {(): block.values[()]}
        for to, at in self._moved.items():
            values |= {to + p[len(at) :]: n for p, n in block.values.items() if p[: len(at)] == at}
            keys |= {to + p[len(at) :]: n for p, n in block.keys.items() if p[: len(at)] == at}
            keys.setdefault(to, values[to])
        return Document(block.file, block.text, data, keys, values, ())

    def known(self) -> Known:
        """What the exhibit may refer to."""
        folders: dict[str, Path | None] = {
            name: Path(meanings[0].location) if meanings[0].kind in ("folder", "specimen") else None
            for name, meanings in self._shelf.models.items()
        }
        folders |= dict.fromkeys(self._unknown)
        folders |= {name: folder_of(model, self._base) for name, model in self._models.items()}
        sentences = self._shelf.sentences.keys() | self._sentences.keys() | self._unknown
        return Known(self._base, folders, sentences)

    def shown(self, place: Place) -> Place:
        """Where an author sees what is at a place of the manifest."""
        start = max((at for at in self._moved if place[: len(at)] == at), key=len, default=())
        return self._moved.get(start, ()) + place[len(start) :]

    def _model(self, value: Any, place: Place) -> Any:
        """The name of a model that the block names, or tells the source of."""
        if isinstance(value, dict):
            return self._taken(value, str(value.get("source", "")), self._models, "models", place)
        if not isinstance(value, str) or self._is_known(value, self._shelf.models, place):
            return value
        if not value.startswith(".") and not {"/", ":"} & set(value):
            hint = choices(value, self._shelf.models, "models")
            hint += "" if hint.endswith("?") else f"; {_SOURCES}"
            self._fault(f"unknown model {quoted(value)}", place, hint)
            return self._stand_in()
        if self._is_of_the_hub(value):
            hint = f"write {{source: {value}, revision: <commit>}}, with 40 hex digits"
            self._fault("a model on the hub needs a revision", place, hint)
            return self._stand_in()
        return self._taken({"source": value}, value, self._models, "models", place)

    def _sentence(self, value: Any, place: Place) -> Any:
        """The name of a sentence that the block names, or says."""
        if isinstance(value, dict):
            return self._taken(
                value, str(value.get("text", "")), self._sentences, "sentences", place
            )
        known = self._shelf.sentences
        if not isinstance(value, str) or self._is_known(value, known, place):
            return value
        # Of one word nobody can tell whether it is a text or the name of one, unless it nearly is.
        if len(value.split()) == 1 and (near := difflib.get_close_matches(value[:100], known, 1)):
            hint = f"did you mean {quoted(near[0])}? a text of one word is written {{text: …}}"
            self._fault(f"unknown sentence {quoted(value)}", place, hint)
            return self._stand_in()
        return self._taken(value, value, self._sentences, "sentences", place)

    def _is_known(self, name: str, things: Mapping[str, tuple[Any, ...]], place: Place) -> bool:
        meanings = things.get(name, ())
        if len(meanings) > 1:
            places = " and ".join(str(each.where) for each in meanings)
            hint = f"it is written at {places}: rename one, or write out here what you mean"
            self._fault(f"{quoted(name)} means several things", place, hint)
        return bool(meanings)

    def _is_of_the_hub(self, source: str) -> bool:
        try:
            return model_from_source(source, self._base).kind == "hub"
        except ModelError:  # told where the model itself is validated
            return False

    def _taken(
        self, value: Any, says: str, things: dict[str, Any], several: str, place: Place
    ) -> str:
        """Put a model or a sentence into the manifest, under a name that nothing else has."""
        name = shortened(made_showable(says)) or "of this block"
        while name in things or name in self._shelf.models or name in self._shelf.sentences:
            name += "′"
        things[name] = value
        self._moved[several, name] = place
        if isinstance(value, dict) and isinstance(self._block.written(place), str):
            self._moved[several, name, "source"] = place
        return name

    def _stand_in(self) -> str:
        """A name in place of a wrong one, which is told once."""
        name = f"?{len(self._unknown)}"
        self._unknown.add(name)
        return name

    def _fault(self, message: str, place: Place, hint: str) -> None:
        where = self._block.where(place)
        self.faults.append(ManifestError(f"{dotted(place)}: {message}", where, hint))
