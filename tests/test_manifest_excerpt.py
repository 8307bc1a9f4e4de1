"""An exhibit's own manifest, read again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from attention_gallery import build, resources, views
from attention_gallery.manifest import read_manifest
from attention_gallery.manifest.excerpt import excerpt
from attention_gallery.plan import make_plan
from attention_gallery.terms import Exhibit, Gallery
from attentions import HOSTILE, exhibit
from hostile import ATTACK
from projects import write_manifest

CASES = Path(__file__).parent / "golden" / "manifests"
GOOD = sorted(folder.name for folder in CASES.iterdir() if (folder / "gallery.json").is_file())


def without_places(shown: Exhibit) -> Exhibit:
    """What was said, wherever it was said."""
    return replace(
        shown,
        where=None,
        model=replace(shown.model, where=None),
        sentence=replace(shown.sentence, where=None),
        start=replace(shown.start, where=None),
        question=replace(shown.question, where=None),
        against=tuple(
            replace(
                each,
                model=replace(each.model, where=None),
                sentence=replace(each.sentence, where=None),
            )
            for each in shown.against
        ),
    )


@pytest.mark.parametrize("case", GOOD)
def test_read_again_it_is_the_same_exhibit(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specimens = {path.name: path for path in (CASES.parent / "specimens").iterdir()}
    monkeypatch.setattr(resources, "specimens", lambda: specimens)
    folder = tmp_path / case
    shutil.copytree(CASES / case, folder)
    monkeypatch.chdir(folder)
    for shown in read_manifest(Path("manifest.yml")).exhibits:
        Path("exhibit.yml").write_text(excerpt(shown), "utf-8")
        [again] = read_manifest(Path("exhibit.yml")).exhibits
        assert without_places(again) == without_places(shown)


def test_all_exhibits_of_the_example_have_the_same_captures_and_measures(tmp_path: Path) -> None:
    galleries = tmp_path / "galleries"
    shutil.copytree(
        resources.galleries(), galleries, ignore=shutil.ignore_patterns("specimens", "optional")
    )
    plan = build.read(sorted(galleries.glob("*.yml")))
    for shown in plan.exhibits:
        file = galleries / "exhibit.yml"
        file.write_text(excerpt(shown), "utf-8")
        again = build.read([file])
        # Beside others it may share a capture that holds more.
        alone = make_plan([Gallery("", "", "", (shown,))], views.parts)
        assert (again.keys, again.others) == (alone.keys, alone.others)
        assert again.measured == {shown.id: plan.measured[shown.id]}


@pytest.mark.parametrize(
    "text",
    [*HOSTILE, ATTACK, "no", "1e3", "a: b # c", " x ", "a\n b\n\n", "-"]
    + [f"é{end}x \\ y{end}{end} z\n - é{end}" for end in ("\r\n", *"\r\x85\u2028\u2029")]
    + ["\ufeffa", "a\tb\n\tc", "\n\n a", "a \nb", "~", "2020-01-01"],
)
def test_any_text_comes_back(text: str, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yml"
    wanted = {"id": "x", "model": "story", "sentence": "s", "title": f"A {text} title"}
    said = {"look_for": text, "prose": text, "tags": ["x", f"a{text}b"]}
    data = {
        "title": text,
        "models": {"story": {"source": "specimen:story"}},
        "sentences": {"s": {"text": text, "lang": "no", "license": "null"}},
        "exhibits": [wanted | said],
    }
    manifest.write_text(yaml.safe_dump(data, default_style='"'), "utf-8")  # escapes all but ASCII
    [shown] = read_manifest(manifest).exhibits
    assert shown.sentence.text == text
    manifest.write_text(excerpt(shown), "utf-8")
    [again] = read_manifest(manifest).exhibits
    assert without_places(again) == without_places(shown)


def test_files_are_named_as_seen_from_the_manifest_and_others_without_their_folders(
    tmp_path: Path,
) -> None:
    picture = CASES / "good-every-key" / "scene.png"
    inside, outside = tmp_path / "project", tmp_path / "home" / "alice"
    for folder in (inside / "pictures", outside):
        folder.mkdir(parents=True)
        shutil.copy(picture, folder / "scene.png")
    manifest = write_manifest(
        inside,
        models={"m": {"source": "specimen:shapes"}},
        sentences={
            "near": {"image": "../pictures/scene.png"},
            "far": {"image": str(outside / "scene.png")},
        },
        exhibits=[{"id": "a", "model": "m", "sentences": ["near", "far"]}],
    )
    near, far = read_manifest(manifest).exhibits
    assert "image: ../pictures/scene.png\n" in excerpt(near, str(inside))
    assert "image: scene.png\n" in excerpt(near)  # nobody knows where the sources end
    assert "image: scene.png\n" in excerpt(far, str(inside))
    assert "alice" not in excerpt(far, str(inside))


@pytest.mark.parametrize(
    ("said", "alone"),
    [
        ("See [the next\nexhibit](fox-again.md).", "See the next\nexhibit."),
        ('[**A** `[MASK]`](../a/b.md#edges), [b](<b.md> "B").', "**A** `[MASK]`, b."),
        ("[a](a.md) and [b](b.md?x=1#y)", "a and b"),
    ],
)
def test_of_a_link_to_a_page_that_does_not_come_along_its_words_are_left(
    said: str, alone: str
) -> None:
    written = yaml.safe_load(excerpt(replace(exhibit(prose=said), look_for=said)))["exhibits"][0]
    assert (written["prose"], written["look_for"]) == (alone, alone)


@pytest.mark.parametrize(
    "said",
    [
        "[a](https://example.org/a.md)",
        "[head](glossary:head)",
        "[below](#edges)",
        "![a picture](a.png)",
        "\\[no link](a.md)",
        "[" * 9999 + "](a.md)"[1:],
        "[x" * 9999,
    ],
)
def test_all_else_is_left_as_it_is(said: str) -> None:
    assert yaml.safe_load(excerpt(exhibit(prose=said)))["exhibits"][0]["prose"] == said


def test_it_says_no_more_than_it_has_to() -> None:
    assert excerpt(exhibit(views=(), prose="One line.\nAnother.\n")) == (
        "title: The fox\n"
        "models:\n"
        "  none:\n"
        "    source: specimen:none\n"
        "sentences:\n"
        "  fox: The quick brown fox jumps over the lazy dog\n"
        "exhibits:\n"
        "- id: fox\n"
        "  title: The fox\n"
        "  model: none\n"
        "  sentence: fox\n"
        "  prose: |\n"
        "    One line.\n"
        "    Another.\n"
    )
