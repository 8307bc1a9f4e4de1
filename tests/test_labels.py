"""Files of labels are read as they are meant, or it is said what is wrong in which line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from attention_gallery import labels, resources
from attention_gallery.errors import GalleryError
from attention_gallery.labels import LabelledSentences, read_labels
from grammars import grammar

GOLDEN = Path(__file__).parent / "golden" / "labels"
CASES = sorted(folder.name for folder in GOLDEN.iterdir())
OURS = resources.galleries() / "labels"


@pytest.mark.parametrize("case", CASES)
def test_golden(
    case: str, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    monkeypatch.chdir(GOLDEN / case)
    [file] = Path().glob("labels.*")
    if case.startswith("good"):
        found = json.dumps(asdict(read_labels(file)), ensure_ascii=False, indent=1)
        golden(GOLDEN / case / "read.json", f"{found}\n")
        return
    with pytest.raises(GalleryError) as caught:
        read_labels(file)
    assert caught.value.exit_code == 2
    golden(GOLDEN / case / "error.txt", f"{caught.value}\n")


@pytest.mark.parametrize("name", sorted(path.name for path in OURS.iterdir()))
def test_a_word_is_where_it_is_said_to_be(name: str) -> None:
    found = read_labels(OURS / name)
    for label in found.labels:
        text = found.texts[label.sentence]
        start, end = label.span or (0, None)
        assert label.word == text[start:end]
    assert sum(found.counts.values()) == len(found.labels)
    assert list(found.counts.values()) == sorted(found.counts.values(), reverse=True)


def test_one_word_is_not_a_part_of_another() -> None:
    found = read_labels(GOLDEN / "good-words" / "labels.yml")
    spans = {label.word: label.span for label in found.labels if label.sentence in (1, 2)}
    assert spans["old dogs"] == (14, 22)
    assert spans["cats"] == (30, 34)
    assert spans["魚"] == (2, 3)  # where no spaces part words, each character may be one
    assert not found.of_texts
    assert read_labels(GOLDEN / "good-texts" / "labels.yml").of_texts


@pytest.mark.parametrize("ending", ["csv", "yml"])
def test_a_file_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"nouns.{ending}").touch()
    with pytest.raises(GalleryError, match=f'^noun.{ending}: .*did you mean "nouns.{ending}"'):
        read_labels(Path(f"noun.{ending}"))
    (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(GalleryError, match=f"^folder.{ending}: "):
        read_labels(Path(f"folder.{ending}"))


@pytest.mark.parametrize("ending", ["csv", "yml"])
def test_there_may_be_so_many_labels_and_no_more(tmp_path: Path, ending: str) -> None:
    def write(n: int) -> Path:
        file = tmp_path / f"many.{ending}"
        rows = [(f"text {i}", "ab"[i % 2]) for i in range(n)]
        if ending == "csv":
            lines = ["text,label", *(f"{text},{label}" for text, label in rows)]
        else:
            lines = ["sentences:", *(f"- {{text: {t}, label: {one}}}" for t, one in rows)]
        file.write_text("\n".join(lines), "utf-8")
        return file

    assert len(read_labels(write(labels.MOST)).labels) == 5000
    with pytest.raises(
        GalleryError, match=f"many.{ending}:5002.*: there are more than 5,000 label"
    ):
        read_labels(write(labels.MOST + 1))


def ours(name: str) -> LabelledSentences:
    found = read_labels(OURS / name)
    assert len(found.texts) >= 24
    assert len(found.labels) >= 60
    return found


def test_who_does_it_is_known_from_the_grammar() -> None:
    found = ours("who-does-it.csv")
    rules = grammar("pronoun")
    for number, text in enumerate(found.texts):
        *_, actor, _, reflexive = text.rstrip(".").split()
        own = {label.word: label.name for label in found.labels if label.sentence == number}
        [doer] = [word for word, name in own.items() if name == "does it"]
        assert set(text.rstrip(".").split()) <= rules.vocabulary()
        number_, gender = rules.FORMS[doer]
        told = rules.FORMS[reflexive]
        assert number_ == told[0]
        assert told[1] in (gender, None)
        nearest = "whom" not in text and "near" not in text
        assert (actor == doer) == nearest, text


def test_a_word_is_the_first_of_its_tale_where_it_was_not_read_before() -> None:
    found = ours("first-or-again.yml")
    for label in found.labels:
        assert label.span is not None
        before = found.texts[label.sentence][: label.span[0]]
        assert (label.name == "first") == (label.word not in re.findall(r"\w+", before))


def test_whether_a_review_is_for_its_film_is_known_from_the_grammar() -> None:
    found = ours("for-or-against.yml")
    read = grammar("classifier").read
    assert all(read(found.texts[label.sentence]).label == label.name for label in found.labels)
