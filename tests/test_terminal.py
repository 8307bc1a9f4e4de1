"""What the commands print."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest

from attention_gallery.progress import Announce, silently
from attention_gallery.terminal import tracker


class Terminal(io.StringIO):
    """A terminal as a program sees it."""

    def isatty(self) -> bool:
        return True


def work(announce: Announce) -> Iterator[int]:
    announce("Loading org/name")
    yield 1
    announce("Loading \x1b[2J" + "very-" * 20 + "long: 7 of 9 MB")
    yield 2


@pytest.mark.parametrize("columns", [80, 200])
def test_a_bar_names_what_is_being_done_in_one_line(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert list(tracker()(work, "Capturing attention", 2)) == [1, 2]
    shown = re.sub(r"\x1b\[\?25[hl]", "", terminal.getvalue())  # the cursor, hidden and shown
    lines = [line.rstrip() for line in shown.strip("\r\n").split("\r")]
    assert all(len(line) <= columns for line in lines)
    starts = [line.split("  [")[0] for line in lines if line]
    assert list(dict.fromkeys(starts)) == [
        "Capturing attention",
        "Loading org/name",
        r"Loading \x1b[2Jvery-very-ve…y-very-very-long: 7 of 9 MB",
    ]
    assert "0/2" in lines[1]
    assert "2/2" in lines[-1]


def test_what_is_announced_is_a_line_each_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(tracker()(work, "Capturing attention", 2)) == [1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["Capturing attention", "Loading org/name"]
    assert len(lines) == 3


def test_what_is_told_silence_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(silently(work, "Capturing attention", 2)) == [1, 2]
    assert capsys.readouterr() == ("", "")
