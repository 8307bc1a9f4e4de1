"""Publishing to a branch of a real repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from command_fixtures import Run
from projects import fill_store, write_manifest, write_mkdocs


def git(*arguments: str, cwd: Path | None = None) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def remote(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed project in the working directory, and the bare repository it is pushed to."""
    home = tmp_path.parent / f"{tmp_path.name}-remote"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "none"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git("init", "-q", "--bare", str(home))
    write_manifest(tmp_path)
    plugin: dict[str, Any] = {
        "attention-gallery": {"downloads": []}
    }  # they take time, and are not what is tried
    write_mkdocs(tmp_path, site_url="https://a.example/notes/", plugins=[plugin])
    fill_store(tmp_path)
    (tmp_path / ".gitignore").write_text("/site/\n/.attention/scripts\n/.attention/pictures\n")
    git("init", "-q", "-b", "main")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.org")
    git("remote", "add", "origin", str(home))
    git("add", ".")
    git("commit", "-q", "-m", "A gallery")
    return home


def test_a_site_is_built_and_pushed_and_nothing_else_changes(
    run: Run, tmp_path: Path, remote: Path
) -> None:
    sha = git("rev-parse", "--short", "HEAD")
    planned = run("publish", "--dry-run")
    assert planned.code == 0, planned.err
    assert f'to the branch gh-pages of {remote}, as "Publish {sha} with MkDocs 1.' in planned.out
    assert (tmp_path / "site/index.html").is_file()
    assert git("branch", "--all", cwd=remote) == ""

    done = run("publish", "-m", "Week {{3}}, {sha}")
    assert done.code == 0, done.err
    assert f"to the branch gh-pages of {remote}" in done.out
    assert done.out.endswith("In a minute or two: https://a.example/notes/\n")
    files = set(git("ls-tree", "-r", "--name-only", "gh-pages", cwd=remote).splitlines())
    site = tmp_path / "site"
    assert files == {".nojekyll"} | {
        path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()
    }
    assert git("log", "-1", "--format=%s", "gh-pages", cwd=remote) == f"Week {{3}}, {sha}"
    assert git("branch", "--show-current") == "main"
    assert git("status", "--porcelain") == ""


def test_what_others_have_published_is_kept_unless_forced(
    run: Run, tmp_path: Path, remote: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path.parent / f"{tmp_path.name}-other"
    git("clone", "-q", str(tmp_path), str(other))
    git("checkout", "-q", "--orphan", "gh-pages", cwd=other)
    git("-c", "user.name=B", "-c", "user.email=b@b.b", "commit", "-q", "-m", "Theirs", cwd=other)
    git("push", "-q", str(remote), "gh-pages", cwd=other)
    (tmp_path / ".attention" / f"{'0' * 64}.npz").write_bytes(b"new")
    (tmp_path / "site").mkdir()
    failed = run("publish")
    assert failed.code == 1
    assert "git could not push gh-pages to" in failed.err
    assert "run `git fetch origin` and try again" in failed.err
    assert "Traceback" not in failed.err
    assert "1 captures in " in caplog.text
    assert git("log", "--format=%s", "gh-pages", cwd=remote) == "Theirs"
    assert run("publish", "--force", "--no-history", "-m", "Mine").code == 0
    assert git("log", "--format=%s", "gh-pages", cwd=remote) == "Mine"


def test_without_a_remote_nothing_is_built(run: Run, tmp_path: Path, remote: Path) -> None:
    git("remote", "remove", "origin")
    result = run("publish")
    assert result.code == 2
    assert 'there is no remote "origin"; add one: `git remote add origin https://' in result.err
    assert not (tmp_path / "site").exists()
