# ruff: noqa: TID253 - what scripts do to the library is undone
"""Scripts that reproduce an exhibit, run as a reader would, on specimens."""

from __future__ import annotations

import ast
import logging
import re
import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from attention_gallery import archives, build, reproduction, views
from attention_gallery.drawings import Gathered
from attention_gallery.store import Store
from attention_gallery.terms import Exhibit, Model
from attentions import HOSTILE, attention, capture, exhibit
from pictures import encoder, picture
from projects import write_manifest

SENTENCES = {
    "once": "Once upon a time, in a land “far” away",
    "tale": {"text": "Once upon a time", "generate": 5},
    "chat": {"text": "le chat noir", "target": "the black cat"},
    "untold": {"text": "le chat noir", "generate": 6},
    "two": {"text": "the nurse said", "pair": "she was tired"},
}
EXHIBITS: list[dict[str, Any]] = [
    {"id": "plain", "model": "story", "sentence": "once"},
    {"id": "listed", "model": "story", "sentence": "once", "heads": ["L2H1", "L0H3"]},
    {"id": "written-on", "model": "story", "sentence": "tale"},
    {"id": "half", "model": "half", "sentence": "once"},
    {"id": "cross", "model": "fr-en", "sentence": "chat"},
    {"id": "encoder", "model": "fr-en", "sentence": "chat", "attention": "encoder"},
    {"id": "decoder", "model": "fr-en", "sentence": "untold", "attention": "decoder"},
    {"id": "two-texts", "model": "bias", "sentence": "two"},
]


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Gathered]:
    folder = tmp_path_factory.mktemp("reproduction")
    names = ("story", "fr-en", "bias")
    models: dict[str, Any] = {name: {"source": f"specimen:{name}"} for name in names}
    models["half"] = {"source": "specimen:story/step-0500", "dtype": "bfloat16"}
    manifest = write_manifest(folder, models=models, sentences=SENTENCES, exhibits=EXHIBITS)
    plan, store = build.read([manifest]), Store(folder / ".attention")
    build.obtain(plan, store)
    return {each.id: build.gather(each, store) for each in plan.exhibits}


def run(made: Gathered, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    packed = made.packed()
    (folder / "weights.npz").write_bytes(archives.weights(packed))
    script = folder / "reproduce.py"
    script.write_text(reproduction.script(made.exhibit, made.capture, packed), "utf-8")
    monkeypatch.chdir(folder)
    return runpy.run_path(str(script))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the library would print besides; its own handler writes to where it was first loaded."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.add_handler(handler)
    yield told
    transformers.logging.remove_handler(handler)
    transformers.logging.set_verbosity(verbosity)
    transformers.logging.enable_progress_bar()


@pytest.mark.parametrize("name", [each["id"] for each in EXHIBITS])
def test_the_library_alone_finds_the_same_weights(
    captured: dict[str, Gathered],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    logged: list[str],
) -> None:
    found = run(captured[name], tmp_path, monkeypatch)
    assert found["off"] < (0.00003 if name != "half" else 0.02)
    printed = capsys.readouterr()
    assert printed.out == f"The largest difference of two weights is {found['off']:.6f}.\n"
    assert (printed.err, logged) == ("", [])


def test_other_weights_are_found_to_be_others(
    captured: dict[str, Gathered], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = archives.weights

    def changed(packed: Any) -> bytes:
        layers = packed.attention.layers
        other = type(layers).of([layers[0][:, ::-1], *layers[1:]])
        return true(replace(packed, attention=replace(packed.attention, layers=other)))

    monkeypatch.setattr(archives, "weights", changed)
    with pytest.raises(AssertionError):
        run(captured["plain"], tmp_path, monkeypatch)


def script(shown: Exhibit) -> str:
    held = capture(attention())
    return reproduction.script(shown, held, views.pack(shown, held))


def test_a_model_of_the_hub_is_taken_at_its_commit() -> None:
    commit = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
    model = Model("gpt2", "a/gpt2", "hub", "a/gpt2", commit, trust_remote_code=True)
    said = script(replace(exhibit(), model=model))
    assert said.count(f"(source, revision='{commit}', trust_remote_code=True") == 2
    assert "source = 'a/gpt2'" in said
    assert "attention_gallery" not in said


def test_versions_are_those_of_the_capture_as_an_index_of_packages_has_them() -> None:
    held = capture(attention())
    versions = {"torch": "2.9.0+cpu", "transformers": "5.1.0", "tokenizers": "0.22"}
    held = replace(held, provenance=replace(held.provenance, versions=versions))
    said = reproduction.script(exhibit(), held, views.pack(exhibit(), held))
    assert "# pip install torch==2.9.0 transformers==5.1.0 numpy attention-gallery\n" in said


def test_hostile_text_is_a_string_and_no_program() -> None:
    for text in (*HOSTILE, "'''\"\"\"\\", "a\nimport os\u2028b\rc", "x\u202ey", "\x1b[31m"):
        shown = exhibit(title=text, text=text)
        said = script(replace(shown, model=replace(shown.model, source=text)))
        tree = ast.parse(said)
        texts = {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
        assert text in texts
        assert [each.names[0].name for each in tree.body if isinstance(each, ast.Import)] == [
            "inspect"
        ]
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", said)


def test_what_a_few_lines_cannot_do_has_no_script() -> None:
    shown, held = picture(encoder())
    assert reproduction.script(shown, held, views.pack(shown, held)) == ""
    asked = replace(exhibit(), model=Model("m", "api:a.json", "api", "a.json"))
    assert script(asked) == ""


def test_weights_in_the_archive_are_those_of_the_capture(captured: dict[str, Gathered]) -> None:
    """Or the script would compare a thing with itself."""
    packed = captured["plain"].packed()
    assert not np.array_equal(packed.attention.layers[0], packed.attention.layers[1])
