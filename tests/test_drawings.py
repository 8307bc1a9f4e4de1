"""Drawing many exhibits: in order, in several processes, and only what was not drawn before."""

from __future__ import annotations

import dataclasses
import functools
import pickle
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from attention_gallery import drawings, language, making
from attention_gallery.drawings import Figures, Gathered, Then, draw
from attention_gallery.errors import FaultsError, GalleryError, InputError, Where
from attention_gallery.terms import Exhibit, Head
from attentions import attention, capture, exhibit


def gathered(shown: Exhibit | None = None, seed: int = 0) -> Gathered:
    held = capture(attention(("<s>", "a", "fox"), n_heads=(2,), seed=seed))
    return Gathered(shown or exhibit(views=("edges",)), held, (), {})


def drawn(
    exhibits: list[Gathered], folder: Path, n_processes: int = 1, then: Then | None = None
) -> list[Figures | GalleryError]:
    return [found for _, found in draw(exhibits, len(exhibits), folder, n_processes, then)]


def figures_equal(one: Figures | GalleryError, other: Figures | GalleryError) -> bool:
    assert not isinstance(one, GalleryError)
    assert not isinstance(other, GalleryError)
    return [dataclasses.asdict(f) for f in one] == [dataclasses.asdict(f) for f in other]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the exhibits that were drawn in this process."""
    ids: list[str] = []
    plain = Gathered.figures

    def figures(self: Gathered) -> Figures:
        ids.append(self.exhibit.id)
        return plain(self)

    monkeypatch.setattr(Gathered, "figures", figures)
    return ids


def test_what_was_drawn_is_not_drawn_again(tmp_path: Path, counted: list[str]) -> None:
    [first] = drawn([gathered()], tmp_path)
    [again] = drawn([gathered()], tmp_path)
    assert counted == ["fox"]
    assert figures_equal(first, again)


@pytest.mark.parametrize(
    "change", [{"title": "Another"}, {"id": "b"}, {"views": ("arcs",)}, {"heads": (Head(0, 1),)}]
)
def test_what_a_chart_shows_decides_whether_it_is_drawn_anew(change: dict[str, object]) -> None:
    shown = exhibit(views=("edges",))
    assert gathered(shown).key != gathered(dataclasses.replace(shown, **change)).key  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"prose": "New"}, {"tags": ("new",)}, {"where": Where("b.yml", 7)}]
)
def test_what_no_chart_shows_does_not(change: dict[str, object]) -> None:
    shown = exhibit()
    assert gathered(shown).key == gathered(dataclasses.replace(shown, **change)).key  # type: ignore[arg-type]


def test_numbers_language_and_code_decide_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {gathered().key, gathered(seed=1).key}
    token = language._current.set(language.Catalog("xx", {"Edges": "Zedges"}))
    keys.add(gathered().key)
    language._current.reset(token)
    monkeypatch.setattr(drawings, "_code", lambda: "changed")
    keys.add(gathered().key)
    assert len(keys) == 4


def test_processes_draw_the_same_in_the_same_order(tmp_path: Path) -> None:
    n_exhibits = drawings._FEW + 1
    exhibits = [gathered(exhibit(id=f"e{i}", views=("arcs",)), i) for i in range(n_exhibits)]
    exhibits[2] = gathered(exhibit(id="e2", views=("arcs",), heads=(Head(9, 9),)))
    # What a block shows of an exhibit as well is no less its own.
    exhibits[3] = dataclasses.replace(exhibits[3], also=("arcs",))
    pictures = tmp_path / "pictures"
    then = functools.partial(making._picture, wanted=("png",), folder=pictures)
    several = drawn(exhibits, tmp_path / "several", n_processes=2, then=then)
    # Only processes do something with it: so it is they that have drawn.
    assert len(list(pictures.glob("*.png"))) == n_exhibits - 1
    alone = drawn(exhibits[:4], tmp_path / "alone")
    assert len(several) == n_exhibits
    assert isinstance(several[2], InputError)
    assert str(several[2]) == str(alone[2])
    for number in (0, 1, 3):
        assert figures_equal(several[number], alone[number])


def test_what_an_author_calls_a_word_is_no_attribute() -> None:
    """A word such as *where* may be known to belong to another."""
    keys = {
        gathered(
            dataclasses.replace(
                exhibit(), sentence=dataclasses.replace(exhibit().sentence, gold=gold)
            )
        ).key
        for gold in ({}, {"where": ("fox",)}, {"where": ("the",)})
    }
    assert len(keys) == 3


@pytest.mark.parametrize("when", ["starting", "drawing"])
def test_what_processes_cannot_do_this_one_does(
    tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch, counted: list[str]
) -> None:
    class Broken:
        def __init__(self, *_: object, **__: object) -> None:
            self.shutdown = lambda **_: None

        def submit(self, *_: object) -> Future[Figures]:
            if when == "starting":
                raise BrokenProcessPool
            future: Future[Figures] = Future()
            future.set_exception(BrokenProcessPool())
            return future

    monkeypatch.setattr(drawings, "ProcessPoolExecutor", Broken)
    n_exhibits = drawings._FEW + 1
    exhibits = [gathered(exhibit(id=f"e{i}", views=("arcs",))) for i in range(n_exhibits)]
    found = drawn(exhibits, tmp_path, n_processes=2)
    assert not any(isinstance(each, GalleryError) for each in found)
    assert counted == [f"e{i}" for i in range(n_exhibits)]


def test_several_faults_pass_from_process_to_process() -> None:
    faults = FaultsError([InputError("b", Where("x.yml", 2), "mend"), InputError("a")])
    passed = pickle.loads(pickle.dumps(faults))  # noqa: S301  what was just made here
    assert str(passed) == str(faults)
    assert passed.exit_code == faults.exit_code
    assert passed.faults[1].where == Where("x.yml", 2)


@pytest.mark.parametrize("damage", [b"", b"x", b"x\nx"])
def test_a_damaged_drawing_is_drawn_anew(tmp_path: Path, damage: bytes, counted: list[str]) -> None:
    drawn([gathered()], tmp_path)
    [file] = tmp_path.glob("*.z")
    file.write_bytes(damage)
    drawn([gathered()], tmp_path)
    assert counted == ["fox", "fox"]


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    [figures] = drawn([gathered()], tmp_path / "file" / "drawings")
    assert not isinstance(figures, GalleryError)
