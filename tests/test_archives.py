"""The numbers of an exhibit as NumPy archives, and the lines that read them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attention_gallery import archives, views
from attention_gallery.codes import decode
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import HOSTILE, attention, capture, exhibit, measured_maps


def packed(shown: Exhibit, source: Attention, **measured: Any) -> Packed:
    return views.pack(shown, capture(source), (), measured)


def read(content: bytes) -> Any:
    return np.load(io.BytesIO(content), allow_pickle=False)


def test_an_archive_holds_the_captured_weights_without_pickle() -> None:
    source = attention(HOSTILE, n_heads=(2, 3))
    archive = read(archives.weights(packed(exhibit(), source)))
    assert archive["queries"].tolist() == [token.text for token in source.queries]
    for i, layer in enumerate(source.layers):
        assert archive[f"layer_{i}"].dtype == np.float32
        assert (archive[f"layer_{i}"] == layer).all()


def test_of_listed_heads_it_holds_those_alone() -> None:
    """All heads of a thousand tokens would be hundreds of megabytes."""
    source = attention(n_heads=(2, 3))
    archive = read(archives.weights(packed(exhibit(heads=(Head(1, 2), Head(0, 0))), source)))
    assert sorted(archive.files) == ["L0H0", "L1H2", "keys", "queries"]
    assert (archive["L1H2"] == source.layers[1][2]).all()


def run(lines: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What three lines leave, run where the archives are."""
    assert len(lines.splitlines()) == 3
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102  they are what is tested
    return names


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (exhibit(start=Start(Head(1, 2))), "L1 H2"),
        (exhibit(heads=(Head(1, 2), Head(0, 0))), "L1H2"),
    ],
    ids=["every-head", "listed"],
)
def test_the_lines_print_the_weights_of_the_head_the_page_opens_with(
    shown: Exhibit,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = attention(n_heads=(2, 3))
    made = packed(shown, source)
    (tmp_path / archives.WEIGHTS).write_bytes(archives.weights(made))
    lines = archives.read_weights(made)
    run(lines, tmp_path, monkeypatch)
    assert said in lines
    assert capsys.readouterr().out == f"{source.layers[1][2]}\n"


def test_the_lines_for_measures_print_what_is_known_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = attention(n_heads=(2, 3))
    found = measured_maps(source)
    made = packed(exhibit(), source, **found)
    (tmp_path / archives.MEASURES).write_bytes(archives.measures(made))
    names = run(archives.read_measures(made), tmp_path, monkeypatch)
    assert "'title': 'Norms'" in capsys.readouterr().out
    codes = found["norms"].arrays["map/norms/decoder/1"]
    assert (names["measures"]["norms/map/norms/decoder/1"] == decode(codes)).all()
