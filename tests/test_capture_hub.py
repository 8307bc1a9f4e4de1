"""A hub model becomes a folder, or one line says why not; the hub here is a local stand-in."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import huggingface_hub
import pytest

from attention_gallery.capture import capture_all
from attention_gallery.capture.hub import snapshot
from attention_gallery.errors import ModelError, Where
from attention_gallery.terms import CaptureRequest, Model, Sentence
from tiny_models import save_tiny

COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
CLOSED = "http://127.0.0.1:1"  # nothing listens at this port


class Hub(ThreadingHTTPServer):
    """Serves one repository, ``lab/tiny``, from a folder, as the hub would."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fault = ""  # the error code that all questions are answered with
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path, _, _ = self.path.partition("?")
        files = {path.name: path.read_bytes() for path in self.server.folder.iterdir()}
        if self.server.fault:
            status = 404 if "NotFound" in self.server.fault else 403
            self.answer(b"{}", status, {"X-Error-Code": self.server.fault})
        elif path.startswith(f"/lab/tiny/resolve/{COMMIT}/"):
            content = files[path.rpartition("/")[2]]
            self.answer(content, headers={"ETag": f'"{_digest(content)}"', "X-Repo-Commit": COMMIT})
        elif path == f"/api/models/lab/tiny/revision/{COMMIT}":
            self.answer(json.dumps({"id": "lab/tiny", "sha": COMMIT, "siblings": []}).encode())
        elif path == f"/api/models/lab/tiny/tree/{COMMIT}":
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": _digest(content)}
                for name, content in files.items()
            ]
            self.answer(json.dumps(tree).encode())
        else:
            self.answer(b"{}", 404, {"X-Error-Code": "RepoNotFound"})

    def answer(self, content: bytes, status: int = 200, headers: Any = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _digest(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny(tmp_path_factory.mktemp("hub") / "tiny", "gpt2")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "tokenizer.pkl").write_bytes(b"a pickle")
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    (folder / "source.spm").write_bytes(b"a vocabulary")
    (folder / "words.tiktoken").write_bytes(b"another")
    return folder


def look_for_hub_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", resolve)


@pytest.fixture
def hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub in good health, and an empty cache to download to."""
    hub = Hub(folder)
    Thread(target=hub.serve_forever, args=[0.02], daemon=True).start()
    look_for_hub_at(hub.address, monkeypatch)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    yield hub
    hub.shutdown()
    hub.server_close()


def model_at(location: str = "lab/tiny", revision: str = COMMIT, **more: Any) -> Model:
    return Model("m", location, "hub", location, revision, where=Where("x.yml", 3, 5), **more)


def test_a_hub_model_is_captured_at_its_commit(hub: Hub) -> None:
    request = CaptureRequest("0" * 64, model_at(), Sentence("s", "the black cat"))
    (capture,) = capture_all([request])
    assert capture.provenance.commit == COMMIT
    assert capture.provenance.source == "lab/tiny"
    assert len(capture.attentions["decoder"].queries) == 3


def test_neither_pickles_nor_code_are_downloaded(hub: Hub) -> None:
    names = {path.name for path in snapshot(model_at()).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert {"source.spm", "words.tiktoken"} <= names
    assert not names & {"pytorch_model.bin", "tokenizer.pkl", "modeling_tiny.py"}
    assert "modeling_tiny.py" in {
        path.name for path in snapshot(model_at(trust_remote_code=True)).iterdir()
    }


def test_what_is_downloaded_needs_no_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = snapshot(model_at())
    look_for_hub_at(CLOSED, monkeypatch)
    assert snapshot(model_at()) == first


@pytest.mark.parametrize("missing", ["model.safetensors", "everything"])
def test_a_hub_that_cannot_be_reached_is_told_at_once(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing != "everything":
        (snapshot(model_at()) / missing).unlink()
    look_for_hub_at(CLOSED, monkeypatch)
    began = time.monotonic()
    with pytest.raises(ModelError) as caught:
        snapshot(model_at())
    assert time.monotonic() - began < 5
    assert str(caught.value) == (
        "x.yml:3:5: lab/tiny at 607a30d783df cannot be fetched: the hub cannot be reached "
        "(ConnectError); use a local folder, a model already downloaded, or captures already in "
        "the store"
    )


def test_a_hub_switched_off_is_not_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="the hub cannot be reached"):
        snapshot(model_at())
    assert hub.asked == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("RepoNotFound", "lab/tiny is not a model on the hub; write it as owner/name"),
        ("RevisionNotFound", "lab/tiny at 607a30d783df: the hub has no such revision"),
        ("GatedRepo", "lab/tiny is gated: its licence has to be accepted first; accept it"),
        ("Other", "lab/tiny at 607a30d783df cannot be fetched: the hub answers with status 403"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_line(hub: Hub, fault: str, message: str) -> None:
    hub.fault = fault
    with pytest.raises(ModelError) as caught:
        snapshot(model_at())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_a_name_on_the_hub_is_not_asked_for(hub: Hub) -> None:
    with pytest.raises(ModelError, match="a/b/c is not a model on the hub"):
        snapshot(model_at("a/b/c"))
    assert hub.asked == []
