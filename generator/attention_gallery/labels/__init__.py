"""Labelled sentences: what a probe is trained to tell, read from a file an author wrote.

A label belongs to a word of a text, or to the text as a whole; a file has labels of one kind. In
YAML::

    sentences:
      - text: the cat sees the dogs
        labels: {cat: singular, dogs: plural}

or, of whole texts, ``label: positive`` beside the text. In CSV the same is a row for each labelled
word, in columns ``text``, ``word`` and ``label``, or a row for each text in ``text`` and ``label``;
rows of the same text are one sentence. A word, or a phrase, is written as it stands in the text;
where it stands there more than once, with a number behind it: ``the (2)`` is the second *the*.

Any model may read the file, so nothing in it depends on how a tokenizer cuts words.
"""

from __future__ import annotations

from pathlib import Path

from attention_gallery.digests import digest_file
from attention_gallery.errors import InputError, Where, listing
from attention_gallery.labels.collecting import MOST, Collected, Label, LabelledSentences
from attention_gallery.labels.document import read_document
from attention_gallery.labels.table import read_table

__all__ = ["MOST", "Label", "LabelledSentences", "read_labels"]

_READERS = {".yml": read_document, ".yaml": read_document, ".csv": read_table}


def read_labels(path: Path, digest: str = "") -> LabelledSentences:
    """Read a file of labelled sentences.

    Args:
        path: YAML or CSV, as its name ends; UTF-8.
        digest: SHA-256 that it must have, in hex digits; empty when any will do.

    Raises:
        InputError: When it cannot be read, or labels are missing, unclear, too few or too many, or
            it holds something else than it did.
        FaultsError: When several things are wrong, all at once.
    """
    path = path.absolute()
    file = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    read = _READERS.get(path.suffix.lower())
    if read is None:
        hint = listing(_READERS, "its name ends in one of these")
        raise InputError("a file of labels is YAML or CSV", Where(file), hint)
    collected = Collected(file)
    read(path, collected)
    labelled = collected.checked()
    if digest and digest_file(path) != digest:
        raise InputError("the labels changed while they were read", Where(file), "run again")
    return labelled
