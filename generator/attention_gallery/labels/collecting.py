"""Labels as they are read, from whatever file, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from attention_gallery.errors import (
    FaultsError,
    GalleryError,
    InputError,
    Where,
    choices,
    quoted,
    raise_faults,
)
from attention_gallery.labels.words import find

MOST = 5_000
"""Labels of the longest file: each sentence is read by a model, and each label learnt."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label, and what it belongs to.

    Attributes:
        sentence: Which of the texts, 0-based.
        name: The label.
        word: What has it, as it is spelled in the text; the text itself where that is all of it.
        span: Where the word stands in the text: its first character, and the one after its last;
            None where the label is of the whole text.
        where: The place in the file.
    """

    sentence: int
    name: str
    word: str
    span: tuple[int, int] | None
    where: Where


@dataclass(frozen=True, slots=True)
class LabelledSentences:
    """What a file of labels holds, checked.

    Attributes:
        file: Its path as the author would type it.
        texts: In the order of the file, each once.
        labels: In the order of the file: two kinds of them or more, each in two texts or more.
    """

    file: str
    texts: tuple[str, ...]
    labels: tuple[Label, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How often each label is given, the most frequent first."""
        return dict(Counter(label.name for label in self.labels).most_common())

    @property
    def of_texts(self) -> bool:
        """Whether labels are of whole texts."""
        return self.labels[0].span is None


class Collected:
    """Texts and labels as they are read, and what is wrong with them.

    Attributes:
        file: Their file, as the author would type it.
        faults: What is wrong.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[GalleryError] = []
        self._texts: dict[str, tuple[int, Where]] = {}
        self._labels: list[Label] = []
        self._given: dict[tuple[str, tuple[int, int] | None], Where] = {}

    def fault(self, message: str, where: Where, hint: str = "") -> None:
        """Note what is wrong."""
        self.faults.append(InputError(message, where, hint))

    def text(self, text: str, where: Where) -> Where | None:
        """Note a text.

        Returns:
            Where it was read before; None where it was not.
        """
        if text in self._texts:
            return self._texts[text][1]
        self._texts[text] = len(self._texts), where
        return None

    def label(self, text: str, word: str | None, name: str, where: Where) -> None:
        """Note a label.

        Args:
            text: The text, which was noted.
            word: The word that has it, as the author wrote it; None for all of the text.
            name: The label.
            where: Its place in the file.

        Raises:
            FaultsError: When there are more than a probe is trained on.
        """
        if len(self._labels) == MOST:
            self.fault(f"there are more than {MOST:,} labels", where, "take some out")
            raise FaultsError(self.faults)
        if not name.strip():
            self.fault("the label is empty", where, "write what is to be told apart")
            return
        span = None
        if word is not None:
            try:
                span = find(word, text, where)
            except InputError as fault:
                self.faults.append(fault)
                return
        if first := self._given.get((text, span)):
            what = "the text" if word is None else quoted(word)
            self.fault(f"{what} has a label already", where, f"it was given at {first}")
            return
        self._given[text, span] = where
        spelled = text[slice(*span)] if span else text
        self._labels.append(Label(self._texts[text][0], name.strip(), spelled, span, where))

    def checked(self) -> LabelledSentences:
        """All that was read.

        Raises:
            InputError: When something is wrong with it.
            FaultsError: When several things are.
        """
        # What was read wrongly may be what is missing below.
        raise_faults(self.faults)
        where = Where(self.file)
        if not self._labels:
            raise InputError("there are no labels", where, "label words, or whole texts")
        kinds = {label.span is None: label for label in reversed(self._labels)}
        if len(kinds) > 1:
            second = max(kinds.values(), key=lambda label: label.sentence)
            message = "some labels are of words, and some of whole texts"
            raise InputError(message, second.where, "put them in two files")
        found: dict[str, list[Label]] = {}
        for label in self._labels:
            found.setdefault(label.name, []).append(label)
        if len(found) < 2:
            hint = f"all are {quoted(self._labels[0].name)}"
            raise InputError("a probe needs two labels to tell apart", where, hint)
        for name, labels in found.items():
            if len({label.sentence for label in labels}) < 2:
                message = (
                    f"the label {quoted(name)} is in one text only, so that it cannot be learnt in "
                    "one and tested in another"
                )
                others = [other for other in found if other != name]
                hint = choices(name, others, "label more texts, or leave it out; others are")
                self.fault(message, labels[0].where, hint)
        raise_faults(self.faults)
        return LabelledSentences(self.file, tuple(self._texts), tuple(self._labels))
