"""Where the numbers of an exhibit come from, as its page tells it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attention_gallery import views
from attention_gallery.facts import facts, license_of
from attention_gallery.manifest import read_manifest
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import Attention, Exhibit, Sentence
from attentions import attention, capture, exhibit
from pictures import encoder, picture
from projects import write_manifest


def told(shown: Exhibit | None = None, source: Attention | None = None) -> dict[str, str]:
    shown, held = shown or exhibit(), capture(source or attention())
    return dict(facts(shown, held.provenance, views.pack(shown, held), ()))


def test_everything_that_decides_the_numbers_is_told() -> None:
    found = told()
    assert found.pop("Precision").startswith("a weight in a chart is off by at most 0.0004")
    assert found == {
        "Model": "specimen:none (NoModel)",
        "SHA-256 of its files": "0123abc",
        "Read with": "NoTokenizer",
        "Attention": "decoder; 3 layers of 4 heads",
        "Heads on this page": "all of them",
        "Rows": "each row is the token the decoder reads there; it may look at itself and back",
        "Computed": "in float32 on cpu, 2026-01-02",
        "Versions": "torch 0.0",
    }


def test_layers_of_unlike_size_are_counted() -> None:
    assert told(source=attention(n_heads=(2, 4, 3)))["Attention"] == (
        "decoder; 3 layers of 2 or 3 or 4 heads"
    )


def licensed(**said: Any) -> Exhibit:
    shown = exhibit()
    return replace(shown, sentence=replace(shown.sentence, **said))


def test_licences_are_told_where_they_are_stated_and_not_otherwise() -> None:
    shown = licensed(license="CC-BY-4.0, by Ada")
    shown = replace(shown, model=replace(shown.model, license="MIT"))
    found = told(shown)
    assert (found["Licence of the model"], found["Licence of the text"]) == (
        "MIT",
        "CC-BY-4.0, by Ada",
    )
    assert not [name for name in told() if "Licence" in name]


def test_the_licence_of_an_image_is_that_of_the_image() -> None:
    shown, held = picture(encoder())
    shown = replace(shown, sentence=replace(shown.sentence, license="CC0-1.0"))
    found = dict(facts(shown, held.provenance, views.pack(shown, held), ()))
    assert found["Licence of the image"] == "CC0-1.0"
    sound = Sentence("s", "", audio="a.wav", license="CC0-1.0")
    assert told(replace(exhibit(), sentence=sound))["Licence of the sound"] == "CC0-1.0"


@pytest.mark.parametrize("source", ["specimen:story", "specimen:story/step-0150"])
def test_the_licence_of_a_specimen_is_that_of_its_card(source: str) -> None:
    assert license_of(model_from_source(source)) == "apache-2.0"


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("---\nlanguage: en\nlicense: mit # free\ntags: [a]\n---\ntext", "mit"),
        ('---\nlicense: "cc-by-4.0"\n---\n', "cc-by-4.0"),
        ("license: mit\n", ""),
        ("---\nlanguage: en\n---\nlicense: mit\n---\n", ""),
        ("---\nlicense: [mit, other]\n---\n", ""),
        ("---\nlicense:\n- mit\n---\n", ""),
        ("---\nlicense: a\x07b\n---\n", "a\ufffdb"),
        ("---\n" + "x: y\n" * 100_000, ""),
        ("", ""),
    ],
)
def test_a_folder_s_card_is_read_and_an_author_knows_better(
    card: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "README.md").write_text(card, "utf-8")
    model = model_from_source(str(tmp_path))
    assert license_of(model) == said
    assert license_of(replace(model, license="Apache-2.0")) == "Apache-2.0"


def test_what_an_author_states_comes_from_the_manifest_in_one_line(tmp_path: Path) -> None:
    manifest = write_manifest(
        tmp_path,
        models={"story": {"source": "specimen:story", "license": "MIT"}},
        sentences={"s": {"text": "Once", "lang": "en-GB", "license": "CC0-1.0,\n  by  me\n"}},
        exhibits=[{"id": "x", "model": "story", "sentence": "s"}],
    )
    [shown] = read_manifest(manifest).exhibits
    assert (shown.model.license, shown.sentence.license) == ("MIT", "CC0-1.0, by me")
    assert shown.sentence.lang == "en-GB"
