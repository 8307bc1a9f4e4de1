"""A model behind an API is shown as far as its saved answer goes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attention_gallery import api_model, build
from attention_gallery.errors import GalleryError, InputError
from attention_gallery.store import Store
from attention_gallery.terms import Plan
from projects import write_manifest

ANSWER = Path(__file__).parent / "golden" / "api-answer" / "good-story-specimen" / "answer.json"


def planned(folder: Path, source: str = "api:answer.json", **exhibit: object) -> Plan:
    (folder / "galleries").mkdir(exist_ok=True)
    shutil.copy(ANSWER, folder / "galleries" / "answer.json")
    manifest = write_manifest(
        folder,
        models={"far": {"source": source}},
        sentences={"asked": "Tell me a story"},
        exhibits=[{"id": "told", "model": "far", "sentence": "asked", **exhibit}],
    )
    return build.read([manifest])


def test_a_page_shows_what_it_expected_and_that_no_attention_is_told(tmp_path: Path) -> None:
    built = build.build_site(planned(tmp_path), Store(tmp_path / ".attention"))
    page = next(page for page in built.site.pages if page.path == "exhibits/told.md")
    assert list(page.fragments) == ["look-for", "predictions", "about"]
    about = page.fragments["about"]
    assert "not told by the API" in about
    assert "story-specimen, behind an API" in about
    assert "weights.npz" not in about
    assert "Precision" not in about
    files = {asset.path for asset in built.site.assets if asset.path.startswith("exhibits/told/")}
    assert {path.rsplit("/", 1)[1] for path in files} == {
        "data.js",
        "exhibit.yml",
        "measures.npz",
        "thumbnail.png",
    }


def test_the_numbers_are_those_of_the_answer(tmp_path: Path) -> None:
    plan, store = planned(tmp_path), Store(tmp_path / ".attention")
    build.obtain(plan, store)
    (key,) = plan.measures
    found = store.get_measured(key)
    assert found is not None
    content = json.loads(ANSWER.read_text("utf-8"))["choices"][0]["logprobs"]["content"]
    bits = [-token["logprob"] / np.log(2) for token in content]
    np.testing.assert_allclose(found.arrays["surprisal"], bits, atol=1e-9)


def test_a_changed_answer_is_read_again(tmp_path: Path) -> None:
    plan, store = planned(tmp_path), Store(tmp_path / ".attention")
    assert build.obtain(plan, store) == 2
    assert build.obtain(planned(tmp_path), store) == 0
    answer = tmp_path / "galleries" / "answer.json"
    answer.write_text(answer.read_text("utf-8") + "\n", "utf-8")
    changed = build.read([tmp_path / "galleries" / "animals.yml"])
    assert build.obtain(changed, store) == 2


def test_views_of_attention_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"view edges cannot show .*; views that can: predictions"):
        planned(tmp_path, views=["edges"])


def test_nothing_else_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the measure norms is shown by no view"):
        planned(tmp_path, measures=["norms"])
    (request,) = planned(tmp_path).measures.values()
    with pytest.raises(InputError, match="norms cannot be measured of a model behind an API"):
        api_model.measured(replace(request, measure="norms"))


def test_an_answer_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    answer = tmp_path / "galleries" / "answer.json"
    answer.write_text(answer.read_text("utf-8") + " ", "utf-8")
    with pytest.raises(GalleryError, match=r"answer\.json changed while it was read; run again"):
        build.obtain(plan, Store(tmp_path / ".attention"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match=r'there is no file "nowhere\.json"'):
        planned(tmp_path, source="api:nowhere.json")
