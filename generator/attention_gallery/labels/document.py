"""Labelled sentences in YAML."""

from __future__ import annotations

from pathlib import Path

from attention_gallery.errors import InputError, ManifestError, choices, quoted, raise_faults
from attention_gallery.labels.collecting import Collected
from attention_gallery.manifest.yaml_source import Document, read_yaml

_BEGIN = "begin with sentences:, and below it a list of texts with their labels"
_LABELS = "write labels: {word: label}, or label: … for the whole text"


def read_document(path: Path, collected: Collected) -> None:
    """Read sentences.

    Raises:
        InputError: When there is no such file, or it is no YAML mapping.
        FaultsError: When several things are wrong with its YAML, or there are too many labels.
    """
    _read(_document(path), collected)


def _document(path: Path) -> Document:
    """A file's YAML.

    Raises:
        InputError: When there is no such file, or it is no YAML mapping.
        FaultsError: When several things are wrong.
    """
    try:
        document = read_yaml(path)
    except ManifestError as fault:
        # How a gallery begins is no help here.
        hint = _BEGIN if "title:" in fault.hint else fault.hint
        message = fault.message.replace("not a manifest", "not a file of labels")
        raise InputError(message, fault.where, hint) from None
    raise_faults(document.faults)
    return document


def _read(document: Document, collected: Collected) -> None:
    """Read a list of sentences."""
    for key in document.data:
        if key != "sentences":
            hint = choices(key, ["sentences"])
            collected.fault(f"unknown key {quoted(key)}", document.where_key((key,)), hint)
    sentences = document.data.get("sentences")
    if not isinstance(sentences, list) or not sentences:
        where = document.where(("sentences",))
        collected.fault("there is no list of sentences", where, _BEGIN)
        return
    for number in range(len(sentences)):
        _read_sentence(document, number, collected)


def _read_sentence(document: Document, number: int, collected: Collected) -> None:
    """Read a text with its labels."""
    place = ("sentences", number)
    item = document.data["sentences"][number]
    legal = ("text", "labels", "label")
    where = document.where(place)
    if not isinstance(item, dict):
        collected.fault(
            f"a sentence is {document.described(place)}", where, "write text: … and its labels"
        )
        return
    for key in item:
        if key not in legal:
            where_key = document.where_key((*place, key))
            collected.fault(f"unknown key {quoted(key)}", where_key, choices(key, legal))
    text = document.written((*place, "text")) if "text" in item else None
    if not text or not text.strip():
        collected.fault("the sentence has no text", where, "write text: …")
        return
    if first := collected.text(text, where):
        # In training and in tests alike, a text would be told by heart.
        collected.fault("the text is written twice", where, f"it was read at {first}")
        return
    if ("label" in item) == ("labels" in item):
        both = "label" in item
        collected.fault(
            "the sentence has both label: and labels:" if both else "the sentence has no labels",
            where,
            _LABELS,
        )
    elif "label" in item:
        name = _scalar(document, (*place, "label"), collected)
        if name is not None:
            collected.label(text, None, name, document.where((*place, "label")))
    elif isinstance(item["labels"], dict) and item["labels"]:
        for word in item["labels"]:
            at = (*place, "labels", word)
            name = _scalar(document, at, collected)
            if name is not None:
                collected.label(text, word, name, document.where_key(at))
    else:
        whole = (*place, "labels")
        what = document.described(whole) if item["labels"] != {} else "empty"
        message = f"labels is {what}, and should say which word has which label"
        collected.fault(message, document.where(whole), _LABELS)


def _scalar(document: Document, place: tuple[str | int, ...], collected: Collected) -> str | None:
    """A label as the author wrote it, be it a number or what YAML takes for true."""
    if document.described(place) == "nothing":
        return ""
    written = document.written(place)
    if written is None:
        message = f"a label is {document.described(place)}, and no text"
        collected.fault(message, document.where(place), "write one label")
    return written
