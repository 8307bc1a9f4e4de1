"""The whole pipeline."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image

from attention_gallery import build
from attention_gallery import capture as capturing
from attention_gallery.errors import CaptureError, FaultsError, InputError, StoreError, Where
from attention_gallery.progress import Announce
from attention_gallery.store import Store
from attention_gallery.terms import Capture, CaptureRequest
from attentions import attention, capture
from projects import MANIFEST, fill_store, write_manifest

T = TypeVar("T")


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

    def one_then_none(requests: Iterable[CaptureRequest], _announce: Announce) -> Iterator[Capture]:
        first, *_ = requests
        yield dataclasses.replace(capture(attention()), key=first.key)
        raise CaptureError("no more")

    monkeypatch.setattr(capturing, "capture_all", one_then_none)
    with pytest.raises(CaptureError):
        build.obtain(plan, store)
    assert len(build.missing(plan, store)) == 1


def test_the_model_that_is_being_loaded_is_announced(tmp_path: Path) -> None:
    shown: list[str] = []

    def track(work: Callable[[Announce], Iterable[T]], label: str, length: int, /) -> Iterable[T]:
        shown.append(f"{label}, {length}")
        return work(shown.append)

    plan = build.read([write_manifest(tmp_path)])
    build.obtain(plan, Store(tmp_path / ".attention"), track)
    assert shown[:2] == ["Capturing attention, 2", "Loading specimen:story"]


def test_a_site_has_an_index_and_a_page_with_its_files_for_each_exhibit(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    plan = fill_store(tmp_path)
    site = build.build_site(plan, Store(tmp_path / ".attention")).site
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
    class Emptied(Store):
        """Somebody else empties it after it was seen to hold everything."""

        def get(self, key: str) -> None:
            self._path(key).unlink()
            super().get(key)

    write_manifest(tmp_path)
    plan = fill_store(tmp_path)
    with pytest.raises(FaultsError, match="the capture of fox has gone") as caught:
        build.build_site(plan, Emptied(tmp_path / ".attention"))
    assert all(isinstance(fault, StoreError) for fault in caught.value.faults)


def test_an_exhibit_that_cannot_be_drawn_leaves_no_trace_when_going_on(tmp_path: Path) -> None:
    fox, once = MANIFEST["exhibits"]
    bad = {**fox, "id": "bad", "title": "The bad", "start": {"token": 99}}
    write_manifest(tmp_path, exhibits=[fox, bad, once])
    plan = fill_store(tmp_path)
    built = build.build_site(plan, Store(tmp_path / ".attention"), keep_going=True)
    assert [page.path for page in built.site.pages] == [
        "index.md",
        "exhibits/fox.md",
        "exhibits/once.md",
    ]
    assert not [asset.path for asset in built.site.assets if "bad" in asset.path]
    index, first, second = built.site.pages
    assert "bad" not in "".join(index.fragments.values())
    assert 'rel="next" href="site:exhibits/once.md"' in first.fragments["about"]
    assert 'rel="prev" href="site:exhibits/fox.md"' in second.fragments["about"]
    assert [exhibit.id for exhibit in built.shown] == ["fox", "once"]
    assert [exhibit.id for exhibit in built.left_out] == ["bad"]
    [fault] = built.faults
    assert built.shortfall == f"{fault}\n1 of 3 exhibits left out: bad"
    assert "start token 99 is outside" in str(fault)


@pytest.mark.parametrize("failing", ["first", "last"])
def test_the_neighbour_of_an_end_that_is_left_out_is_an_end(tmp_path: Path, failing: str) -> None:
    exhibits = [
        {
            **MANIFEST["exhibits"][0],
            "id": each,
            **({"start": {"token": 99}} if each == failing else {}),
        }
        for each in ("first", "middle", "last")
    ]
    write_manifest(tmp_path, exhibits=exhibits)
    plan = fill_store(tmp_path)
    built = build.build_site(plan, Store(tmp_path / ".attention"), keep_going=True)
    links = [
        rel
        for page in built.site.pages[1:]
        for rel in ("prev", "next")
        if f'rel="{rel}"' in page.fragments["about"]
    ]
    assert links == ["next", "prev"]


def test_a_gallery_of_which_nothing_is_left_is_not_in_the_index(tmp_path: Path) -> None:
    write_manifest(tmp_path, "good", title="The good")
    fox = MANIFEST["exhibits"][0]
    bad = {**fox, "id": "bad", "attention": "encoder"}
    write_manifest(tmp_path, "bad", title="The bad", prose="Nothing.", exhibits=[bad])
    plan = fill_store(tmp_path)
    built = build.build_site(plan, Store(tmp_path / ".attention"), keep_going=True)
    index = built.site.pages[0]
    assert index.title == "The good"
    assert "Nothing." not in index.markdown


def test_what_could_not_be_captured_is_left_out_with_all_that_is_held_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fox, once = MANIFEST["exhibits"]
    sentences = {**MANIFEST["sentences"], "red": "The quick red fox jumps over the lazy dog"}
    pair = {**fox, "id": "pair", "views": ["compare"], "against": {"sentences": ["red"]}}
    drawn_wrong = {**once, "id": "wrong", "attention": "encoder"}
    exhibits = [fox, drawn_wrong, pair, {**fox, "id": "red", "sentence": "red"}]
    plan = build.read([write_manifest(tmp_path, sentences=sentences, exhibits=exhibits)])

    def all_but_red(requests: Iterable[CaptureRequest], _announce: Announce) -> Iterator[Capture]:
        for request in requests:
            if request.sentence.id != "red":
                yield dataclasses.replace(capture(attention()), key=request.key)
        raise FaultsError([CaptureError("no red", Where("z.yml", 1)), CaptureError("nor here")])

    monkeypatch.setattr(capturing, "capture_all", all_but_red)
    store = Store(tmp_path / ".attention")
    built = build.build_site(plan, store, keep_going=True)
    assert [exhibit.id for exhibit in built.shown] == ["fox"]
    assert [exhibit.id for exhibit in built.left_out] == ["wrong", "pair", "red"]
    assert built.made == 2
    messages = [fault.message for fault in built.faults]
    assert messages == ["nor here", "specimen:none has no encoder attention", "no red"]  # by place

    with pytest.raises(FaultsError, match="no red"):
        build.build_site(plan, store)


def test_going_on_with_nothing_is_a_failure(tmp_path: Path) -> None:
    exhibits = [{**exhibit, "attention": "encoder"} for exhibit in MANIFEST["exhibits"]]
    write_manifest(tmp_path, exhibits=exhibits)
    plan = fill_store(tmp_path)
    with pytest.raises(FaultsError, match="has no encoder attention"):
        build.build_site(plan, Store(tmp_path / ".attention"), keep_going=True)


def test_a_store_that_cannot_be_written_stops_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a full disk would replace a good site by what happened to be stored."""
    write_manifest(tmp_path)
    fill_store(tmp_path)
    sentences = {**MANIFEST["sentences"], "fox": "Another fox"}
    plan = build.read([write_manifest(tmp_path, sentences=sentences)])

    def anything(requests: Iterable[CaptureRequest], _announce: Announce) -> Iterator[Capture]:
        for request in requests:
            yield dataclasses.replace(capture(attention()), key=request.key)

    def full(_store: Store, _capture: Capture) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(capturing, "capture_all", anything)
    monkeypatch.setattr(Store, "put", full)
    with pytest.raises(StoreError, match="the disk is full"):
        build.build_site(plan, Store(tmp_path / ".attention"), keep_going=True)


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
