"""A manifest becomes a Gallery, or one message that names every fault at its place."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from attention_gallery import resources
from attention_gallery.errors import FaultsError, GalleryError, ManifestError, Where
from attention_gallery.manifest import read_manifest
from attention_gallery.manifest.shape import manifest_schema
from attention_gallery.manifest.yaml_source import read_yaml
from attention_gallery.terms import Head

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name for path in (GOLDEN / "manifests").iterdir())
GOOD = [case for case in CASES if case.startswith("good-")]

FIRST = """
title: A first look
models: {story: {source: specimen:story}}
sentences: {once: Once upon a time}
exhibits:
  - {id: once, model: story, sentence: once}
"""


@pytest.fixture(autouse=True)
def _known_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages list specimens and views: those of the tests, not those that ship today."""
    specimens = {path.name: path for path in sorted((GOLDEN / "specimens").iterdir())}
    monkeypatch.setattr(resources, "specimens", lambda: specimens)
    monkeypatch.setattr(resources, "view_names", lambda: ("edges", "heatmap"))


def read(folder: Path, text: str) -> Any:
    path = folder / "manifest.yml"
    path.write_text(text, encoding="utf-8")
    return read_manifest(path)


def plain(value: Any) -> Any:
    """A Gallery as plain data, with places as authors see them and paths as seen from GOLDEN."""
    match value:
        case Where() | Head():
            return str(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case str() if Path(value).is_absolute():
            return Path(value).relative_to(GOLDEN).as_posix()
        case _ if dataclasses.is_dataclass(value):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def written(case: str) -> dict[str, Any]:
    return read_yaml(GOLDEN / "manifests" / case / "manifest.yml").data


@pytest.mark.parametrize("case", CASES)
def test_golden(
    case: str, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    folder = GOLDEN / "manifests" / case
    monkeypatch.chdir(folder)
    if case in GOOD:
        gallery = plain(read_manifest(Path("manifest.yml")))
        text = json.dumps(gallery, indent=1, ensure_ascii=False)
        golden(folder / "gallery.json", f"{text}\n")
    else:
        with pytest.raises(GalleryError) as caught:
            read_manifest(Path("manifest.yml"))
        golden(folder / "error.txt", f"{caught.value}\n")


@pytest.mark.parametrize("case", [case for case in CASES if case not in GOOD])
def test_messages_stay_in_one_line_with_a_place_and_in_our_own_words(case: str) -> None:
    with pytest.raises(GalleryError) as caught:
        read_manifest(GOLDEN / "manifests" / case / "manifest.yml")
    error = caught.value
    for fault in error.faults if isinstance(error, FaultsError) else [error]:
        line = str(fault)
        assert line.isprintable()
        assert fault.where is not None
        assert len(fault.message) < 250
        assert not re.search(r"pydantic|validat|errors\.|None|str\b|dict|input_", fault.message)


@pytest.mark.parametrize("case", GOOD)
def test_schema_accepts_what_is_accepted(case: str) -> None:
    jsonschema.validate(written(case), manifest_schema())


@pytest.mark.parametrize(
    "case",
    ["unknown-key", "missing-exhibits", "empty-exhibits", "wrong-containers", "unknown-attention"],
)
def test_schema_refuses_what_can_be_seen_from_the_manifest_alone(case: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written(case), manifest_schema())


def test_published_schema_is_the_code_s_own(golden: Callable[[Path, str], None]) -> None:
    schema = json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"
    golden(resources.templates() / "manifest.schema.json", schema)


def test_schema_explains_every_key() -> None:
    schema = manifest_schema()
    for shape in (schema, *schema["$defs"].values()):
        mapping = shape["anyOf"][1] if "anyOf" in shape else shape
        for key, field in mapping["properties"].items():
            assert len(field["description"]) > 15, key


def test_file_is_named_as_seen_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "galleries").mkdir()
    with pytest.raises(ManifestError, match=r"^galleries/manifest\.yml: the file is empty"):
        read(tmp_path / "galleries", "")
    monkeypatch.chdir(tmp_path / "galleries")
    assert read(tmp_path, FIRST).file == str(tmp_path / "manifest.yml")


def test_views_that_nobody_names_are_left_open(tmp_path: Path) -> None:
    assert read(tmp_path, FIRST).exhibits[0].views == ()


def test_an_image_is_found_beside_its_manifest_and_needs_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenes").mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "scenes" / "dark.png")
    monkeypatch.chdir(GOLDEN)
    text = FIRST.replace("Once upon a time", "{image: scenes/dark.png}")
    [exhibit] = read(tmp_path, text).exhibits
    assert exhibit.sentence.image == str(tmp_path / "scenes" / "dark.png")
    assert exhibit.sentence.text == ""
    assert exhibit.title == "once"


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PDF"])
def test_an_image_no_browser_can_be_trusted_to_show_is_refused(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "scene.png", kind)
    with pytest.raises(ManifestError, match="is not an image"):
        read(tmp_path, FIRST.replace("Once upon a time", "{image: scene.png}"))


def test_an_image_of_too_many_pixels_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    for width, said in ((50_000, "has 100,000,000 pixels"), (100_000, "has too many pixels")):
        Image.new("1", (width, 2_000)).save(tmp_path / "bomb.png")
        assert (tmp_path / "bomb.png").stat().st_size < 100_000
        with pytest.raises(ManifestError, match=said):
            read(tmp_path, FIRST.replace("Once upon a time", "{image: bomb.png}"))


def test_an_image_that_pillow_gives_up_is_said_to_be_unreadable(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("story", "once " * 1_000_000, zip=True)  # Pillow unpacks no more than 1 MB
    Image.new("RGB", (4, 3)).save(tmp_path / "bomb.png", pnginfo=info)
    with pytest.raises(ManifestError, match=r'"bomb\.png" cannot be read: it is damaged, or'):
        read(tmp_path, FIRST.replace("Once upon a time", "{image: bomb.png}"))


def test_an_exhibit_is_held_against_models_or_sentences(tmp_path: Path) -> None:
    text = FIRST.replace("once: Once upon a time", "once: Once upon a time, he: he")
    text = text.replace("sentence: once", "sentence: once, against: {sentences: [he]}")
    [exhibit] = read(tmp_path, text).exhibits
    [variant] = exhibit.against
    assert (variant.name, variant.model, variant.sentence.id) == ("he", exhibit.model, "he")


def test_names_of_what_an_exhibit_is_held_against_tell_it_apart(tmp_path: Path) -> None:
    def names(sentences: dict[str, Any]) -> list[str]:
        own, *others = sentences
        exhibit = {"id": "x", "model": "story", "sentence": own, "against": {"sentences": others}}
        story = {"story": {"source": "specimen:story"}}
        [read_exhibit] = read(
            tmp_path,
            json.dumps(
                {"title": "T", "models": story, "sentences": sentences, "exhibits": [exhibit]}
            ),
        ).exhibits
        return [variant.name for variant in read_exhibit.against]

    def noir(target: str) -> dict[str, str]:
        return {"text": "le chat noir", "target": target}

    long = "once upon a time there lived a small cat who had no name and no "
    assert names({"a": "she is", "b": "he is"}) == ["he is"]
    assert names({"a": noir("cat"), "b": noir("dog"), "c": noir("hen")}) == ["dog", "hen"]
    assert names({"a": noir("cat"), "b": noir("dog"), "c": noir("dog")}) == ["b", "c"]
    assert names({"a": f"{long}home", "b": f"{long}bed"}) == ["b"]


def test_gold_is_one_word_or_several(tmp_path: Path) -> None:
    text = FIRST.replace("Once upon a time", "{text: a b c, gold: {a: b, c: [a, b]}}")
    assert read(tmp_path, text).exhibits[0].sentence.gold == {"a": ("b",), "c": ("a", "b")}


def test_relative_folder_starts_from_the_manifest_and_needs_no_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(GOLDEN)
    gallery = read(tmp_path, FIRST.replace("specimen:story", "models/mine"))
    model = gallery.exhibits[0].model
    assert (model.kind, model.location) == ("folder", str(tmp_path / "models" / "mine"))


def test_product_of_ten_by_ten_takes_one_exhibit(tmp_path: Path) -> None:
    gallery = read(
        tmp_path,
        json.dumps(
            {
                "title": "Many",
                "models": {f"m{i}": {"source": "specimen:story"} for i in range(10)},
                "sentences": {f"s{i}": f"Sentence {i}" for i in range(10)},
                "exhibits": [
                    {
                        "id": "x",
                        "models": [f"m{i}" for i in range(10)],
                        "sentences": [f"s{i}" for i in range(10)],
                    }
                ],
            }
        ),
    )
    assert len({exhibit.id for exhibit in gallery.exhibits}) == 100
    assert gallery.exhibits[57].id == "x-m5-s7"


def test_long_sentence_is_kept_to_the_letter_and_cut_in_its_title(tmp_path: Path) -> None:
    text = "Aé🦊 " * 2500 + "end"
    gallery = read(tmp_path, FIRST.replace("Once upon a time", f"'{text}'"))
    exhibit = gallery.exhibits[0]
    assert exhibit.sentence.text == text
    assert len(exhibit.title) <= 60


def test_thousand_exhibits_are_read_in_seconds(tmp_path: Path) -> None:
    exhibits = "\n".join(
        f"- {{id: e{i}, model: story, sentence: once, heads: [L0H0]}}" for i in range(1000)
    )
    began = time.perf_counter()
    gallery = read(tmp_path, FIRST[: FIRST.index("exhibits")] + f"exhibits:\n{exhibits}\n")
    assert len(gallery.exhibits) == 1000
    assert time.perf_counter() - began < 10


def test_faults_come_in_the_order_of_the_file() -> None:
    with pytest.raises(FaultsError) as caught:
        read_manifest(GOLDEN / "manifests" / "everything-at-once" / "manifest.yml")
    lines = [fault.where.line for fault in caught.value.faults if fault.where]
    assert lines == sorted(lines)
    assert len(lines) == 13
    assert caught.value.exit_code == 2


def test_all_faults_are_gallery_errors(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="there is no such file"):
        read_manifest(tmp_path / "gone.yml")
