# ruff: noqa: TID253 - the scripts train models
"""The scripts that all specimens share: their command line, training, and making them again."""

from __future__ import annotations

import dataclasses
import importlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from attention_gallery import resources

SPECIMENS = resources.galleries() / "specimens"


def script(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SPECIMENS)
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    return script("recipe")


@pytest.fixture(scope="module")
def retrain() -> ModuleType:
    return script("retrain")


# --- the command line of every train.py ---


@pytest.fixture
def did(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a recipe with options; gives what it did: what, with which folder and seed."""
    # Tests of one process share torch's threads.
    monkeypatch.setattr(recipe.torch, "set_num_threads", lambda _: None)
    score = script("scoring").Score("seen", trained=0.9, untrained=0.1, head="L1 H0")

    def run(*options: str) -> list[tuple[str, Path, int]]:
        done: list[tuple[str, Path, int]] = []

        def note(what: str, result: Any) -> Callable[[Path, int], Any]:
            def noted(folder: Path, seed: int) -> Any:
                done.append((what, folder, seed))
                return result

            return noted

        made = recipe.Recipe(
            tmp_path, note("make", None), note("report", "A table."), note("scores", [score])
        )
        monkeypatch.setattr("sys.argv", ["train.py", *options])
        recipe.run(made)
        return done

    return run


def test_a_recipe_trains_in_its_folder_and_then_reports(did: Any, tmp_path: Path) -> None:
    assert did() == [("make", tmp_path, 0), ("report", tmp_path, 0)]


def test_a_recipe_trains_elsewhere_with_another_seed(did: Any) -> None:
    there = Path("there")
    assert did("--out", "there", "--seed", "3") == [("make", there, 3), ("report", there, 3)]


def test_a_recipe_only_trains(did: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert did("--train") == [("make", tmp_path, 0)]
    assert "A table." not in capsys.readouterr().out


def test_a_recipe_only_measures(
    did: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert did("--measure") == [("report", tmp_path, 0)]
    assert capsys.readouterr().out == "A table.\n"


def test_a_recipe_prints_nothing_but_scores(
    did: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert did("--scores") == [("scores", tmp_path, 0)]
    assert json.loads(capsys.readouterr().out) == [
        {"name": "seen", "trained": 0.9, "untrained": 0.1, "head": "L1 H0"}
    ]


def test_a_recipe_does_one_thing_at_a_time(did: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        did("--scores", "--train")
    assert "not allowed with" in capsys.readouterr().err


# --- training ---


def test_training_tells_of_every_step_and_of_the_start() -> None:
    class Line(torch.nn.Module):  # type: ignore[misc]
        """Learns to say one."""

        def __init__(self) -> None:
            super().__init__()
            self.said = torch.nn.Parameter(torch.zeros(()))

        def forward(self) -> Any:
            return SimpleNamespace(loss=(self.said - 1) ** 2)

    model = Line()
    seen = {}
    script("training").train(
        model,
        lambda _: SimpleNamespace(inputs={}),
        n_steps=4,
        peak_rate=0.1,
        warmup=1,
        at_step=lambda step: seen.update({step: model.said.item()}),
    )
    assert list(seen) == [0, 1, 2, 3, 4]
    assert seen[0] == 0
    assert seen[4] == model.said.item() > seen[3] > seen[0]


# --- making them again ---


def said(trained: float, head: str = "L0 H1") -> list[dict[str, Any]]:
    """What `train.py --scores` says of a specimen with one score."""
    return [{"name": "finding", "trained": trained, "untrained": 0.05, "head": head}]


@pytest.mark.parametrize(
    ("again", "fell"), [(0.95, False), (0.81, False), (0.79, True), (float("nan"), True)]
)
def test_a_score_falls_when_it_is_clearly_below_the_committed_one(
    retrain: ModuleType, again: float, fell: bool
) -> None:
    [one] = retrain.compare(said(0.9), said(again))
    assert one.fell is fell


def test_scores_of_what_was_not_made_again_cannot_fall(retrain: ModuleType) -> None:
    [one] = retrain.compare(said(0.9), None)
    assert not one.fell


def test_the_table_names_both_heads_and_marks_what_fell(retrain: ModuleType) -> None:
    held = retrain.Specimen("a", 1234, 2_500_000, retrain.compare(said(0.9), said(0.85, "L1 H2")))
    fell = retrain.Specimen("b", 10, 40_000, retrain.compare(said(0.9, ""), said(0.1, "")))
    table = retrain.table([dataclasses.replace(s, seconds=61.4) for s in (held, fell)])
    assert table.splitlines() == [
        "| specimen | parameters | file size | training time | score | committed | retrained "
        "| untrained | best head |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| a | 1,234 | 2.50 MB | 61 s | finding | 0.900 | 0.850 | 0.050 | L0 H1 / L1 H2 |",
        "| b | 10 | 0.04 MB | 61 s | finding | 0.900 | 0.100 (fell) | 0.050 |  |",
    ]


def test_the_table_without_training_is_about_the_committed_models(retrain: ModuleType) -> None:
    scores = retrain.compare(said(0.9) + said(0.8), None)
    assert retrain.table([retrain.Specimen("a", 1, 0, scores)]).splitlines() == [
        "| specimen | parameters | file size | score | committed | untrained | best head |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| a | 1 | 0.00 MB | finding | 0.900 | 0.050 | L0 H1 |",
        "|  |  |  | finding | 0.800 | 0.050 | L0 H1 |",
    ]


def test_parameters_are_counted_without_reading_the_weights(
    retrain: ModuleType, tmp_path: Path
) -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "weight": {"dtype": "F16", "shape": [3, 4], "data_offsets": [0, 24]},
        "bias": {"dtype": "F16", "shape": [5], "data_offsets": [24, 34]},
    }
    text = json.dumps(header).encode()
    (tmp_path / "weights").write_bytes(struct.pack("<Q", len(text)) + text)
    assert retrain.parameters(tmp_path / "weights") == 17


@pytest.fixture
def cabinet(retrain: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of two specimens whose scripts take no time: the second falls when made again."""
    for name, again in (("good", 0.88), ("worse", 0.2)):
        folder = tmp_path / "specimens" / name
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
        (folder / "train.py").write_text(
            "import json, pathlib, sys\n"
            "out = pathlib.Path(sys.argv[-1])\n"
            "if '--train' in sys.argv:\n"
            "    print('step 1')\n"
            "    out.mkdir(parents=True)\n"
            "else:\n"
            f"    trained = {again} if '--out' in sys.argv else 0.9\n"
            "    assert trained == 0.9 or out.is_dir()\n"
            "    print(json.dumps([dict(name='n', trained=trained, untrained=0.0, head='')]))\n"
        )
    monkeypatch.setattr(retrain, "HERE", tmp_path / "specimens")
    return tmp_path / "specimens"


def run(retrain: ModuleType, monkeypatch: pytest.MonkeyPatch, *options: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["retrain.py", *map(str, options)])
    status: int = retrain.main()
    return status


def test_specimens_are_made_elsewhere_and_compared(
    retrain: ModuleType,
    cabinet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(cabinet.rglob("*"))
    assert run(retrain, monkeypatch, "good", "--out", tmp_path / "made") == 0
    assert sorted(cabinet.rglob("*")) == before
    assert (tmp_path / "made" / "good").is_dir()
    printed = capsys.readouterr().out
    assert "good: step 1\n" in printed
    assert "| n | 0.900 | 0.880 | 0.000 |  |" in printed


def test_a_fallen_score_fails_and_is_named(
    retrain: ModuleType,
    cabinet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(retrain, monkeypatch, "--out", tmp_path / "made") == 1
    printed = capsys.readouterr()
    assert printed.err == "worse: n fell from 0.900 to 0.200\n"
    assert "| good |" in printed.out


def test_a_script_that_fails_spoils_nothing_but_the_status(
    retrain: ModuleType,
    cabinet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (cabinet / "worse" / "train.py").write_text("raise SystemExit('out of luck')")
    assert run(retrain, monkeypatch, "--out", tmp_path / "made") == 1
    printed = capsys.readouterr()
    assert "worse: out of luck\n" in printed.out
    assert "worse: train.py --train --out" in printed.err
    assert "| good |" in printed.out


def test_only_scores_trains_nothing(
    retrain: ModuleType,
    cabinet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = tmp_path / "made"
    assert run(retrain, monkeypatch, "--only-scores", "--out", made) == 0
    assert not made.exists()
    assert "retrained" not in capsys.readouterr().out


def test_an_unknown_name_and_the_committed_folder_are_refused(
    retrain: ModuleType,
    cabinet: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        run(retrain, monkeypatch, "goood")
    assert "no such specimen: goood; there are good, worse" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(retrain, monkeypatch, "--out", cabinet)
    assert "would replace the committed specimens" in capsys.readouterr().err
