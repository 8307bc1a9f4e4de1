"""Writing with the site open: what is captured again, and what is not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from projects import MANIFEST, fill_store, write_manifest


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A site that is being served from stored captures, and rebuilt."""
    write_manifest(tmp_path)
    fill_store(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "attention_gallery", "serve", "--dev-addr", address]
    log = (tmp_path / "log").open("w")
    with log, subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log) as server:
        yield f"http://{address}/"
        server.terminate()


def wait_for(found: Callable[[], bool], what: str, seconds: int = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"never saw {what}"
        time.sleep(0.2)


def has(address: str, text: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  our own server
            return text in answer.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def edit(folder: Path, **changes: Any) -> None:
    """Change the manifest, with a time stamp that differs for certain."""
    file = write_manifest(folder, **changes)
    later = time.time() + 2
    os.utime(file, (later, later))


def test_prose_captures_nothing_a_sentence_only_itself_and_a_fault_keeps_the_site(
    tmp_path: Path, address: str
) -> None:
    store = tmp_path / ".attention"
    page = address + "exhibits/fox.html"
    wait_for(lambda: has(page, "jumps"), "the first build")
    assert len(list(store.glob("*.npz"))) == 2

    edit(tmp_path, prose="New prose.")
    wait_for(lambda: has(address, "New prose."), "the new prose")
    assert len(list(store.glob("*.npz"))) == 2

    edit(tmp_path, titel="a fault")
    wait_for(lambda: 'did you mean "title"' in (tmp_path / "log").read_text(), "the fault")
    assert has(address, "New prose.")

    edit(tmp_path, sentences={**MANIFEST["sentences"], "fox": "The quick red fox"})
    wait_for(lambda: has(page, "quick red fox"), "the new sentence")
    assert len(list(store.glob("*.npz"))) == 3
    assert "Traceback" not in (tmp_path / "log").read_text()
