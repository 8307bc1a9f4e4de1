"""The whole pipeline."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from attention_gallery import build
from attention_gallery import capture as capturing
from attention_gallery.errors import CaptureError, FaultsError, InputError, StoreError
from attention_gallery.store import Store
from attention_gallery.terms import Capture, CaptureRequest
from attentions import attention, capture
from projects import MANIFEST, fill_store, write_manifest


def test_faults_of_all_manifests_are_told_at_once(tmp_path: Path) -> None:
    one = write_manifest(tmp_path, "one", title=1)
    two = write_manifest(tmp_path, "two", titel="x")
    with pytest.raises(FaultsError) as caught:
        build.read([one, two])
    assert "one.yml" in str(caught.value)
    assert "two.yml" in str(caught.value)


def test_a_view_that_cannot_show_a_sentence_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "galleries").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "galleries" / "scene.png")
    manifest = write_manifest(
        tmp_path,
        sentences={"fox": {"image": "scene.png"}, "once": "Once"},
        exhibits=[{"id": "fox", "model": "story", "sentence": "fox", "views": ["edges"]}],
    )
    with pytest.raises(InputError, match="edges cannot show this exhibit; views that can: "):
        build.read([manifest])


def test_stored_captures_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path)
    plan = fill_store(tmp_path)
    monkeypatch.setattr(capturing, "capture_all", pytest.fail)
    assert build.obtain(plan, Store(tmp_path / ".attention")) == 0


def test_changed_prose_captures_nothing_and_a_changed_sentence_only_itself(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    store = Store(tmp_path / ".attention")
    prose = build.read([write_manifest(tmp_path, prose="Other prose.", title="Other")])
    assert build.missing(prose, store) == []
    sentences = {**MANIFEST["sentences"], "fox": "The slow red fox"}
    sentence = build.read([write_manifest(tmp_path, sentences=sentences)])
    assert [request.sentence.id for request in build.missing(sentence, store)] == ["fox"]


def test_what_was_captured_before_a_failure_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = build.read([write_manifest(tmp_path)])
    store = Store(tmp_path / ".attention")

    def one_then_none(requests: Iterable[CaptureRequest]) -> Iterator[Capture]:
        first, *_ = requests
        yield dataclasses.replace(capture(attention()), key=first.key)
        raise CaptureError("no more")

    monkeypatch.setattr(capturing, "capture_all", one_then_none)
    with pytest.raises(CaptureError):
        build.obtain(plan, store)
    assert len(build.missing(plan, store)) == 1


def test_a_site_has_an_index_and_a_page_with_its_files_for_each_exhibit(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    plan = fill_store(tmp_path)
    site = build.build_site(plan, Store(tmp_path / ".attention"))
    assert [page.path for page in site.pages] == ["index.md", "exhibits/fox.md", "exhibits/once.md"]
    paths = {asset.path for asset in site.assets}
    assert {
        f"exhibits/{e}/{f}" for e in ("fox", "once") for f in ("data.js", "weights.npz")
    } < paths
    assert 'rel="next" href="site:exhibits/once.md"' in site.pages[1].fragments["about"]
    assert 'rel="prev" href="site:exhibits/fox.md"' in site.pages[2].fragments["about"]


def test_exhibits_that_cannot_be_drawn_are_all_named(tmp_path: Path) -> None:
    exhibits = [{**exhibit, "attention": "encoder"} for exhibit in MANIFEST["exhibits"]]
    write_manifest(tmp_path, exhibits=exhibits)
    plan = fill_store(tmp_path)
    with pytest.raises(FaultsError) as caught:
        build.build_site(plan, Store(tmp_path / ".attention"))
    assert str(caught.value).count("has no encoder attention; it has decoder") == 2
    assert caught.value.exit_code == InputError.exit_code


def test_a_start_that_is_outside_the_sentence_is_told_at_its_place(tmp_path: Path) -> None:
    exhibits = [{**MANIFEST["exhibits"][0], "start": {"token": 99}}]
    manifest = write_manifest(tmp_path, exhibits=exhibits)
    plan = fill_store(tmp_path)
    with pytest.raises(InputError, match="start token 99 is outside") as caught:
        build.build_site(plan, Store(tmp_path / ".attention"))
    assert caught.value.where is not None
    line = manifest.read_text("utf-8").splitlines()[caught.value.where.line - 1]
    assert line.strip().startswith('"start"')


def test_a_capture_that_has_gone_is_told_by_its_exhibit(tmp_path: Path) -> None:
    plan = build.read([write_manifest(tmp_path)])
    with pytest.raises(FaultsError, match="the capture of fox has gone") as caught:
        build.build_site(plan, Store(tmp_path / "empty"))
    assert all(isinstance(fault, StoreError) for fault in caught.value.faults)


@pytest.mark.parametrize("stored", [True, False])
def test_a_cached_build_imports_neither_torch_nor_transformers(
    tmp_path: Path, stored: bool
) -> None:
    """Poisoned packages stand first on the path; without stored captures they do their work."""
    write_manifest(tmp_path)
    if stored:
        fill_store(tmp_path)
    for name in ("torch", "transformers"):
        package = tmp_path / "poison" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"raise SystemExit('{name} was imported')")
    result = subprocess.run(
        [sys.executable, "-m", "attention_gallery", "build"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "poison")},
        capture_output=True,
        text=True,
        check=False,
    )
    if stored:
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "site/exhibits/fox.html").is_file()
    else:
        assert "was imported" in result.stderr
        assert not (tmp_path / "site").exists()
