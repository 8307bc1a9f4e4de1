"""Where a site is to go, from real repositories."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mkdocs.config.defaults import MkDocsConfig

from attention_gallery.deployment import DeploymentError, deploy, plan_deployment, uncommitted
from attention_gallery.errors import InputError

GOLDEN = Path(__file__).parent / "golden" / "commands"


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty repository, and no settings of whoever runs the tests."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    git("init", "-q", "-b", "main")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.org")


def config(**options: str) -> MkDocsConfig:
    config = MkDocsConfig()
    config.load_dict({"site_name": "Mine", **options})
    return config


@pytest.mark.parametrize(
    ("url", "place", "address"),
    [
        ("https://github.com/Ada/notes.git", ..., "https://ada.github.io/notes/"),
        ("git@github.com:ada/notes.git", ..., "https://ada.github.io/notes/"),
        ("https://github.com/ada/Ada.github.io/", ..., "https://ada.github.io/"),
        (
            "https://ada:secret@github.com/ada/notes",
            "https://github.com/ada/notes",
            "https://ada.github.io/notes/",
        ),
        ("/somewhere/else.git", ..., ""),
    ],
)
def test_readers_find_a_site_where_github_serves_it(url: str, place: object, address: str) -> None:
    """And no password is told."""
    git("remote", "add", "origin", url)
    planned = plan_deployment(config())
    assert planned.place == (url if place is ... else place)
    assert planned.address == address
    assert plan_deployment(config(site_url="https://a.example/")).address == "https://a.example/"


def test_the_command_line_comes_before_the_configuration() -> None:
    git("remote", "add", "upstream", "/a.git")
    git("remote", "add", "mirror", "/b.git")
    written = config(remote_name="upstream", remote_branch="pages")
    planned = plan_deployment(written)
    assert (planned.remote, planned.place, planned.branch) == ("upstream", "/a.git", "pages")
    planned = plan_deployment(written, remote="mirror", branch="site/one")
    assert (planned.remote, planned.place, planned.branch) == ("mirror", "/b.git", "site/one")


def test_a_message_names_the_commit() -> None:
    git("remote", "add", "origin", "/a.git")
    assert plan_deployment(config()).message.startswith("Publish a first version with MkDocs 1.")
    git("commit", "-q", "--allow-empty", "-m", "x")
    sha = git("rev-parse", "--short", "HEAD")
    assert plan_deployment(config(), message="{{week}} {sha}").message == f"{{week}} {sha}"


def test_what_is_not_right_is_told_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    said = []

    def fails(**asked: str) -> None:
        with pytest.raises(InputError) as caught:
            plan_deployment(config(), **asked)
        said.append(str(caught.value).replace(str(tmp_path), "HOME"))

    fails()  # no remote at all
    git("remote", "add", "upstream", "/a.git")
    fails()
    fails(remote="--all")
    git("remote", "add", "origin", "/b.git")
    fails(branch="a b")
    fails(branch="-d")
    fails(branch="main")  # checked out
    fails(message="{week}")
    fails(message="{")
    git("config", "--unset", "user.email")
    git("config", "user.useConfigOnly", "true")
    fails()
    monkeypatch.chdir(tmp_path)
    fails()
    monkeypatch.setenv("PATH", "")
    fails()
    golden(GOLDEN / "cannot-publish.txt", "\n".join(said) + "\n")


@pytest.mark.parametrize("no_history", [True, False])
def test_what_cannot_be_pushed_leaves_the_branch_as_it_was(
    tmp_path: Path, no_history: bool
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("new")
    git("remote", "add", "origin", str(tmp_path / "unreachable.git"))
    for message in ("one", "two"):
        git("commit", "-q", "--allow-empty", "-m", message)
    git("branch", "gh-pages")
    written = config(site_dir=str(tmp_path / "site"))
    written.config_file_path = str(tmp_path / "mine" / "mkdocs.yml")
    with pytest.raises(DeploymentError, match="could not push gh-pages"):
        deploy(written, plan_deployment(written), no_history=no_history)
    assert git("log", "--format=%s", "gh-pages") == "two\none"


def test_a_name_that_is_not_utf_8_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_bytes(b"[user]\nname = Andr\xe9\n")
    git("config", "--unset", "user.name")
    git("remote", "add", "origin", "/a.git")
    assert plan_deployment(config()).place == "/a.git"


def test_captures_that_are_not_committed_are_counted(tmp_path: Path) -> None:
    store = tmp_path / "mine" / ".attention"
    store.mkdir()
    for name in ("a.npz", "b c.npz", "notes.txt"):
        (store / name).write_text("1")
    assert uncommitted(store) == 2
    git("add", ".")
    git("commit", "-q", "-m", "x")
    assert uncommitted(store) == 0
    (store / "a.npz").write_text("2")
    assert uncommitted(store) == 1
    assert uncommitted(tmp_path / "elsewhere") == 0
