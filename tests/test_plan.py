"""A plan asks for each capture once, under a key made of all that decides it and nothing else."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attention_gallery import plan as plan_module
from attention_gallery.digests import digest_folder
from attention_gallery.errors import FaultsError, InputError, ModelError, Where
from attention_gallery.plan import make_plan
from attention_gallery.terms import (
    Exhibit,
    Extra,
    Gallery,
    Head,
    Model,
    Need,
    Plan,
    Question,
    Sentence,
    Start,
    Variant,
)

KEY_OF_NORMS = "671c86f370ba919f8c7c3c569699e9cfccf280230a8205bd9760eb4719f28b8c"
COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
HUB = Model("gpt2", "gpt2", "hub", "gpt2", COMMIT)
ONCE = Sentence("once", "Once upon a time")
EXHIBIT = Exhibit("once", "Once", HUB, ONCE, where=Where("a.yml", 7, 5))


def planned(*exhibits: Exhibit) -> Plan:
    return make_plan([Gallery("A gallery", "", "a.yml", exhibits)])


def key_of(exhibit: Exhibit) -> str:
    return planned(exhibit).keys[exhibit.id]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors", "README.md", "train.py"):
        (folder / name).write_text(name, encoding="utf-8")
    return folder


def on_disk(folder: Path) -> Exhibit:
    return replace(EXHIBIT, model=Model("mine", str(folder), "folder", str(folder)))


def test_key_is_the_same_in_every_process_and_version() -> None:
    """A change here throws away every stored capture of every author: raise CAPTURE_FORMAT."""
    assert plan_module.CAPTURE_FORMAT == 3
    assert key_of(EXHIBIT) == "1694348518c7e6baa1be8ce8b68b4ef31f79cca63e233e19a9db8b8d1b3d6658"


@pytest.mark.parametrize(
    "change",
    [
        lambda e: replace(e, title="Another"),
        lambda e: replace(e, prose="Look."),
        lambda e: replace(e, heads=(Head(0, 1),)),
        lambda e: replace(e, views=("grid",)),
        lambda e: replace(e, attention="decoder"),
        lambda e: replace(e, start=Start(Head(0, 1), 2)),
        lambda e: replace(e, tags=("fox",)),
        lambda e: replace(e, where=Where("b.yml", 1, 1)),
        lambda e: replace(e, model=replace(e.model, id="other", where=Where("b.yml"))),
        lambda e: replace(e, sentence=replace(e.sentence, id="other")),
        lambda e: replace(e, model=replace(e.model, device="cuda:1")),
        lambda e: replace(e, model=replace(e.model, allow_pickle=True)),
        lambda e: replace(e, look_for="Look."),
        lambda e: replace(e, model=replace(e.model, license="MIT")),
        lambda e: replace(e, sentence=replace(e.sentence, lang="en", license="CC0-1.0")),
    ],
    ids=[
        "title",
        "prose",
        "heads",
        "views",
        "attention",
        "start",
        "tags",
        "where",
        "model-name",
        "sentence-name",
        "device",
        "pickle",
        "look-for",
        "model-licence",
        "sentence-language-and-licence",
    ],
)
def test_what_only_changes_the_page_keeps_the_key(change: Callable[[Exhibit], Exhibit]) -> None:
    assert key_of(change(EXHIBIT)) == key_of(EXHIBIT)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: replace(e, sentence=replace(e.sentence, text="Once upon a time ")),
        lambda e: replace(e, sentence=replace(e.sentence, target="Es war einmal")),
        lambda e: replace(e, sentence=Sentence("once", "", "Once upon a time")),
        lambda e: replace(e, sentence=replace(e.sentence, pair="there was a cat")),
        lambda e: replace(e, sentence=replace(e.sentence, chat=(("user", "Once upon a time"),))),
        lambda e: replace(e, sentence=replace(e.sentence, chat=(("system", "Once upon a time"),))),
        lambda e: replace(e, sentence=replace(e.sentence, generate=5)),
        lambda e: replace(e, model=replace(e.model, location="gpt3")),
        lambda e: replace(e, model=replace(e.model, revision="0" * 40)),
        lambda e: replace(e, model=replace(e.model, trust_remote_code=True)),
        lambda e: replace(e, model=replace(e.model, dtype="bfloat16")),
    ],
    ids=[
        "text",
        "target",
        "swapped",
        "pair",
        "chat",
        "role",
        "generate",
        "model",
        "revision",
        "trust",
        "dtype",
    ],
)
def test_what_changes_the_capture_changes_the_key(change: Callable[[Exhibit], Exhibit]) -> None:
    assert key_of(change(EXHIBIT)) != key_of(EXHIBIT)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    path.write_bytes(b"these bytes are never looked into")
    return path


def seeing(image: Path) -> Exhibit:
    where = Where("a.yml", 4, 3)
    return replace(EXHIBIT, sentence=Sentence("scene", "", "a circle", str(image), where=where))


def test_key_of_an_image_is_the_same_in_every_process_and_version(image: Path) -> None:
    assert key_of(seeing(image)) == (
        "24fa5b1fca034add2b28192ad2c4242b9818eed5b87dd052090dc6bdec2699c1"
    )


def test_an_image_counts_by_its_bytes_not_by_its_path(image: Path, tmp_path: Path) -> None:
    before = key_of(seeing(image))
    moved = image.rename(tmp_path / "moved.png")
    assert key_of(seeing(moved)) == before
    moved.write_bytes(b"other bytes")
    assert key_of(seeing(moved)) != before


def test_an_image_is_no_text(image: Path) -> None:
    seen = seeing(image)
    keys = {
        key_of(seen),
        key_of(replace(seen, sentence=replace(seen.sentence, image=""))),
        key_of(replace(seen, sentence=replace(seen.sentence, text="a circle"))),
        key_of(replace(seen, sentence=replace(seen.sentence, target=""))),
    }
    assert len(keys) == 4


def test_an_image_is_read_once_for_all_its_exhibits(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    path_open = Path.open

    def note(path: Path, *args: Any, **kwargs: Any) -> Any:
        opened.append(path)
        return path_open(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", note)
    planned(*(replace(seeing(image), id=id_) for id_ in ("one", "two", "three")))
    assert opened == [image]


def test_an_image_that_went_away_is_a_fault_of_the_sentence(image: Path) -> None:
    image.unlink()
    with pytest.raises(
        InputError, match=r'a\.yml:4:3: the image of "scene" cannot be read: No such file'
    ):
        planned(seeing(image))


def hearing(sound: Path) -> Exhibit:
    where = Where("a.yml", 4, 3)
    return replace(EXHIBIT, sentence=Sentence("tone", "", "a cat", where=where, audio=str(sound)))


def test_key_of_a_sound_is_the_same_in_every_process_and_version(image: Path) -> None:
    assert key_of(hearing(image)) == (
        "a3ee315b232fb10535fcc4a8ee96e85ee6147946459a101d732178abb0bcfa53"
    )


def test_a_sound_counts_by_its_bytes_and_is_no_image(image: Path, tmp_path: Path) -> None:
    before = key_of(hearing(image))
    assert before != key_of(seeing(image))
    moved = image.rename(tmp_path / "moved.wav")
    assert key_of(hearing(moved)) == before
    moved.write_bytes(b"other bytes")
    assert key_of(hearing(moved)) != before


def test_a_request_says_which_bytes_of_a_sound_it_is_about(image: Path) -> None:
    [request] = planned(hearing(image)).requests.values()
    assert request.audio_digest == hashlib.sha256(image.read_bytes()).hexdigest()
    assert request.image_digest == ""


def test_a_sound_that_went_away_is_a_fault_of_the_sentence(image: Path) -> None:
    image.unlink()
    with pytest.raises(
        InputError, match=r'a\.yml:4:3: the sound of "tone" cannot be read: No such file'
    ):
        planned(hearing(image))


def test_new_capture_format_changes_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(EXHIBIT)
    monkeypatch.setattr(plan_module, "CAPTURE_FORMAT", plan_module.CAPTURE_FORMAT + 1)
    assert key_of(EXHIBIT) != before


def test_equal_captures_are_requested_once_for_all_exhibits_that_need_them() -> None:
    again = replace(EXHIBIT, id="again", where=Where("a.yml", 12, 5))
    other = replace(EXHIBIT, id="other", sentence=Sentence("fox", "The quick brown fox"))
    plan = planned(EXHIBIT, other, again)
    first, second = plan.requests.values()
    assert first.sentence == ONCE
    assert first.wheres == (EXHIBIT.where, again.where)
    assert second.sentence.id == "fox"
    assert plan.keys["once"] == plan.keys["again"] == first.key
    assert list(plan.requests) == [first.key, second.key]
    assert [exhibit.id for exhibit in plan.exhibits] == ["once", "other", "again"]


def test_what_an_exhibit_is_held_against_is_captured_too_and_only_once() -> None:
    fox = Sentence("fox", "The quick brown fox")
    alone = replace(EXHIBIT, id="alone", sentence=fox, where=Where("a.yml", 12, 5))
    held = replace(EXHIBIT, against=(Variant("The quick brown fox", EXHIBIT.model, fox),))
    plan = planned(held, alone)
    assert [request.sentence.id for request in plan.requests.values()] == ["once", "fox"]
    assert plan.keys["once"] == key_of(EXHIBIT)
    assert plan.others == {"once": (plan.keys["alone"],), "alone": ()}
    assert plan.requests[plan.keys["alone"]].wheres == (EXHIBIT.where, alone.where)


def test_equal_ids_in_two_galleries_name_both_places() -> None:
    other = replace(EXHIBIT, where=Where("b.yml", 3, 9))
    with pytest.raises(InputError) as caught:
        make_plan([Gallery("A", "", "a.yml", (EXHIBIT,)), Gallery("B", "", "b.yml", (other,))])
    told = str(caught.value)
    assert told.startswith('b.yml:3:9: the id "once" is taken; first at a.yml:7:5; give one')


def test_copies_of_a_folder_share_captures(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    folder.rename(tmp_path / "original")
    copy.mkdir()
    for file in (tmp_path / "original").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "README.md").unlink()
    here, there = on_disk(tmp_path / "original"), replace(on_disk(copy), id="copy")
    assert len(planned(here, there).requests) == 1


def test_what_is_kept_besides_weights_makes_another_key_in_any_order() -> None:
    def key(*parts: Extra) -> str:
        plan = make_plan([Gallery("", "", "a.yml", (EXHIBIT,))], lambda _: frozenset(parts))
        [request] = plan.requests.values()
        assert request.parts == frozenset(parts)
        assert plan.keys == {EXHIBIT.id: request.key}
        return request.key

    assert key() == key_of(EXHIBIT)
    assert key("query", "key") == key("key", "query")
    kept = {key(), key("query"), key("query", "key"), key("scores"), key("predictions")}
    assert len(kept) == 5


def test_one_pass_keeps_what_all_its_exhibits_need() -> None:
    other = replace(EXHIBIT, id="other", where=Where("a.yml", 9, 1))
    needs: dict[str, frozenset[Extra]] = {
        EXHIBIT.id: frozenset({"query", "key"}),
        "other": frozenset({"scores", "predictions"}),
    }
    gallery = Gallery("", "", "a.yml", (EXHIBIT, other))
    plan = make_plan([gallery], lambda exhibit: needs[exhibit.id])
    [request] = plan.requests.values()
    assert request.parts == {"query", "key", "scores", "predictions"}
    assert request.recorded == {"query", "key", "scores"}
    assert request.wheres == (EXHIBIT.where, other.where)
    assert set(plan.keys.values()) == {request.key}


def test_folder_is_digested_once_for_all_its_exhibits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def digest(path: Path, *, own_code: bool) -> str:
        read.append(path)
        return digest_folder(path)

    monkeypatch.setattr(plan_module, "digest_folder", digest)
    sentences = [Sentence(str(i), f"Sentence {i}") for i in range(5)]
    planned(*(replace(on_disk(folder), id=s.id, sentence=s) for s in sentences))
    assert read == [folder]


def test_folder_that_went_away_is_a_fault_of_the_model(folder: Path) -> None:
    gone = replace(
        EXHIBIT,
        model=Model("mine", "./gone", "folder", str(folder / "gone"), where=Where("a.yml", 2)),
    )
    with pytest.raises(
        ModelError, match=r'a\.yml:2: the model "mine" cannot be read: No such file'
    ):
        planned(gone)


def test_planning_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, attention_gallery.manifest, attention_gallery.plan;"
        "sys.exit(bool({'torch', 'transformers', 'altair'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


SENTENCE, MODEL = Need("norms", "sentence", asks=False), Need("patterns", "model", asks=False)
ASKING, PAIR = Need("ablation", "sentence", asks=True), Need("patching", "pair", asks=True)
LABELS = Need("probing", "labels", asks=False)
OTHER = Sentence("other", "Twice upon a time")


def measured(exhibit: Exhibit, *needs: Need) -> Plan:
    return make_plan([Gallery("A gallery", "", "a.yml", (exhibit,))], needs_of=lambda _: needs)


def measure_key(exhibit: Exhibit, need: Need) -> str:
    return measured(exhibit, need).measured[exhibit.id][need.measure]


def test_key_of_a_measure_is_the_same_in_every_process_and_version() -> None:
    """A change here throws away every stored measure of every author: raise MEASURE_FORMAT."""
    assert plan_module.MEASURE_FORMAT == 1
    assert measure_key(EXHIBIT, SENTENCE) == KEY_OF_NORMS


def test_what_is_asked_counts_only_for_measures_that_are_about_an_answer() -> None:
    asking = replace(EXHIBIT, question=Question("dog", "cat", 3))
    assert measure_key(asking, SENTENCE) == measure_key(EXHIBIT, SENTENCE)
    keys = {
        measure_key(replace(EXHIBIT, question=question), ASKING)
        for question in (
            Question(),
            Question("dog"),
            Question("dog", "cat"),
            Question("dog", "cat", 3),
        )
    }
    assert len(keys) == 4


def test_a_measure_of_a_model_is_taken_once_for_all_its_sentences() -> None:
    other = replace(EXHIBIT, id="other", sentence=OTHER)
    plan = make_plan(
        [Gallery("A gallery", "", "a.yml", (EXHIBIT, other))], needs_of=lambda _: (MODEL, SENTENCE)
    )
    assert [request.measure for request in plan.measures.values()].count("patterns") == 1
    assert [request.measure for request in plan.measures.values()].count("norms") == 2
    (of_model,) = (each for each in plan.measures.values() if each.measure == "patterns")
    assert (of_model.passes, len(of_model.wheres)) == ((), 2)


def test_a_measure_of_a_pair_is_of_both_sentences_in_order() -> None:
    paired = replace(EXHIBIT, against=(Variant("other", HUB, OTHER),))
    (request,) = measured(paired, PAIR).measures.values()
    assert [each.sentence.id for each in request.passes] == ["once", "other"]
    turned = replace(EXHIBIT, sentence=OTHER, against=(Variant("once", HUB, ONCE),))
    assert measure_key(turned, PAIR) != request.key


def test_a_measure_of_a_pair_needs_a_second_sentence() -> None:
    with pytest.raises(InputError, match="two sentences that differ in a word; name the other"):
        measured(EXHIBIT, PAIR)


def test_a_measure_of_labels_needs_a_file_and_changes_with_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of labelled sentences, and none are named"):
        measured(EXHIBIT, LABELS)
    file = tmp_path / "labels.csv"
    labelled = replace(EXHIBIT, labels=str(file))
    with pytest.raises(InputError, match=r"labels\.csv\" cannot be read: No such file"):
        measured(labelled, LABELS)
    file.write_text("text,label\n", encoding="utf-8")
    before = measure_key(labelled, LABELS)
    file.write_text("text,label\na,b\n", encoding="utf-8")
    assert measure_key(labelled, LABELS) != before


def test_all_that_measures_lack_is_told_at_once() -> None:
    with pytest.raises(FaultsError) as caught:
        measured(EXHIBIT, PAIR, LABELS)
    assert len(caught.value.faults) == 2
