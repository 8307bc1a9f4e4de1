# ruff: noqa: TID253 - the libraries are what is tested here
"""A hub model becomes a folder, or one line says why not; the hub here is a local stand-in."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file

from attention_gallery.capture import capture_all
from attention_gallery.capture.model.hub import snapshot
from attention_gallery.errors import ModelError, Where
from attention_gallery.terms import CaptureRequest, Model, Sentence
from tiny_models import save_tiny

COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
PIECE = 200_000  # bytes
CLOSED = "http://127.0.0.1:1"  # nothing listens at this port


class Hub(ThreadingHTTPServer):
    """Serves one repository, ``lab/tiny``, from a folder, as the hub would."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fault = ""  # the error code that all questions are answered with
        self.status = 403  # and the status it comes with
        self.refuses_files_only = False
        self.pause = 0.0  # seconds after each piece of an answer
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
        if self.server.fault and not (self.server.refuses_files_only and path.startswith("/api/")):
            self.answer(b"{}", self.server.status, {"X-Error-Code": self.server.fault})
        elif path.startswith(f"/lab/tiny/resolve/{COMMIT}/"):
            content = files[path.rpartition("/")[2]]
            self.answer(content, headers={"ETag": f'"{_digest(content)}"', "X-Repo-Commit": COMMIT})
        elif path == f"/api/models/lab/tiny/revision/{COMMIT}":
            siblings = [{"rfilename": name} for name in files]
            about = {"id": "lab/tiny", "sha": COMMIT, "siblings": siblings}
            self.answer(json.dumps(about).encode())
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
            for start in range(0, len(content), PIECE):
                self.wfile.write(content[start : start + PIECE])
                time.sleep(self.server.pause)

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


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "everything"])
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


NOT_A_MODEL = (
    "lab/tiny is not a model on the hub; write it as owner/name; for a private one log in with: hf "
    "auth login"
)
GATED = (
    "lab/tiny is gated: its licence has to be accepted first; accept it on the model's page and "
    "log in with: hf auth login"
)
ELSEWHERE = "use a local folder, a model already downloaded, or captures already in the store"


@pytest.mark.parametrize(
    ("status", "fault", "message"),
    [
        (404, "RepoNotFound", NOT_A_MODEL),
        (401, "RepoNotFound", NOT_A_MODEL),
        (404, "RevisionNotFound", "lab/tiny at 607a30d783df: the hub has no such revision"),
        (403, "GatedRepo", GATED),
        (401, "GatedRepo", GATED),
        (
            429,
            "Other",
            "lab/tiny at 607a30d783df cannot be fetched: the hub answers with status 429; "
            + ELSEWHERE,
        ),
        (
            401,
            "Other",
            "lab/tiny at 607a30d783df cannot be fetched: the hub does not take this machine's "
            "token; log in with: hf auth login, or unset HF_TOKEN",
        ),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_line(
    hub: Hub, status: int, fault: str, message: str
) -> None:
    hub.status, hub.fault = status, fault
    with pytest.raises(ModelError) as caught:
        snapshot(model_at())
    assert str(caught.value) == f"x.yml:3:5: {message}"


def test_a_gated_model_is_known_by_its_files_for_anybody_may_ask_about_it(hub: Hub) -> None:
    hub.status, hub.fault, hub.refuses_files_only = 403, "GatedRepo", True
    with pytest.raises(ModelError) as caught:
        snapshot(model_at())
    assert str(caught.value) == f"x.yml:3:5: {GATED}"


@pytest.fixture
def pickled_hub(hub: Hub, folder: Path, tmp_path: Path) -> Hub:
    """A hub that has the weights as a pickle only."""
    hub.folder = shutil.copytree(folder, tmp_path / "pickled")
    weights = load_file(hub.folder / "model.safetensors")
    torch.save(weights, hub.folder / "pytorch_model.bin")
    (hub.folder / "model.safetensors").unlink()
    return hub


def test_a_pickle_on_the_hub_is_not_downloaded_unless_it_is_allowed(
    pickled_hub: Hub, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        snapshot(model_at())
    assert str(caught.value).startswith(
        "x.yml:3:5: lab/tiny has no weights in safetensors form, only pickled ones "
        "(pytorch_model.bin); "
    )
    assert not any((tmp_path / "cache").rglob("*"))
    names = {path.name for path in snapshot(model_at(allow_pickle=True)).iterdir()}
    assert "pytorch_model.bin" in names
    assert "tokenizer.pkl" not in names


def test_an_allowed_pickle_is_left_where_there_is_a_safe_form(hub: Hub) -> None:
    names = {path.name for path in snapshot(model_at(allow_pickle=True)).iterdir()}
    assert "model.safetensors" in names
    assert "pytorch_model.bin" not in names


def test_what_is_downloaded_as_a_pickle_needs_no_hub(
    pickled_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_at(allow_pickle=True)
    first = snapshot(model)
    look_for_hub_at(CLOSED, monkeypatch)
    assert snapshot(model) == first


def test_a_download_says_how_much_of_it_has_arrived(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", PIECE)
    hub.folder = shutil.copytree(folder, tmp_path / "large")
    (hub.folder / "vocab.txt").write_bytes(b"a" * 3_000_000)
    hub.pause = 0.05
    said: list[str] = []
    snapshot(model_at(), said.append)
    words = [re.fullmatch(r"Fetching lab/tiny: ([0-3]) of 3 MB", text) for text in said]
    arrived = [int(found[1]) for found in words if found]
    assert len(arrived) == len(said) <= 21
    assert arrived == sorted(arrived)
    assert {0, 1, 2} <= {*arrived}
    said.clear()
    snapshot(model_at(), said.append)
    assert said == []


def test_a_download_that_is_broken_off_is_gone_on_with(hub: Hub) -> None:
    """What came before is kept, and is no model as long as something lacks."""
    weights = hub.folder / "model.safetensors"
    whole = snapshot(model_at())
    (whole / weights.name).unlink()
    hub.asked.clear()
    assert snapshot(model_at()) == whole
    fetched = {path.rpartition("/")[2] for path in hub.asked if "/resolve/" in path}
    assert fetched == {weights.name}
    assert (whole / weights.name).read_bytes() == weights.read_bytes()
