"""The starter, as it is written: it builds, its prose is true, and it can be published."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import markdown
import numpy as np
import pytest
import yaml
from mkdocs.utils.yaml import yaml_load

from attention_gallery import __version__, build, starter
from attention_gallery.cache import kept
from attention_gallery.errors import InputError
from attention_gallery.store import Store
from command_fixtures import Run
from hostile import text_and_tags

GOLDEN = Path(__file__).parent / "golden" / "commands"
HOSTILE = (
    'Tom & <b>"Jerry"</b>: #1 *it\'s* [a](b) {{ x }} << y >> <% z %> \u202eعربي 🦊 \\ `c` a_b_'
    " {: .x onclick=alert(1) }"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter with the captures of its real models."""
    folder = tmp_path_factory.mktemp("starter") / "attention-in-class"
    starter.write(folder, author="Ada Lovelace")
    plan = build.read([folder / "galleries/first.yml"])
    build.obtain(plan, Store(folder / ".attention"))
    return folder


def read(folder: Path) -> dict[str, Any]:
    loaded = yaml_load((folder / "mkdocs.yml").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_it_is_called_after_its_folder(project: Path) -> None:
    config = read(project)
    assert config["site_name"] == "Attention in class"
    assert config["site_author"] == "Ada Lovelace"
    assert (project / "docs/index.md").read_text("utf-8").startswith("# Attention in class\n")


def test_it_builds_as_it_is_and_without_a_model(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the published workflow does, strictly, from the captures that came with it."""
    for name in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.chdir(project)
    monkeypatch.setenv("SITE_URL", "https://ada.github.io/notes")
    result = run("build", "--strict")
    assert result.code == 0, result.err
    assert "(0 new)" in result.out
    assert "WARNING" not in result.err
    home = (project / "site/index.html").read_text("utf-8")
    assert '<link rel="canonical" href="https://ada.github.io/notes/' in home
    assert re.findall(r'href="([^"]*what-came-next[^"]*)"', home)
    assert not re.findall(r'href="[^":]*\.md["#]', home)
    assert 'href="who-was-tired.html"' in (project / "site/exhibits/index.html").read_text("utf-8")


def test_mkdocs_builds_it_too(project: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/exhibits/what-came-next.html").is_file()


def test_without_captures_and_torch_a_build_says_what_to_do(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    assert run("new", "mine", "-q") == (0, "", "")
    monkeypatch.chdir(tmp_path / "mine")
    for name in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    result = run("build", "--strict")
    assert result.code == 1
    golden(GOLDEN / "starter-without-torch.txt", result.err.splitlines()[-1] + "\n")
    assert not Path("site").exists()


# What its prose says: exhibit, which of its captures, head, index of the query and of the key.
SAID = [
    *[("the-word-before", 0, (0, 2), query, query - 1) for query in range(2, 10)],
    ("what-came-next", 0, (1, 0), 14, 4),
    ("what-came-next", 0, (1, 0), 13, 3),
    ("who-was-tired", 0, (2, 2), 9, 2),
    ("who-was-tired", 1, (2, 2), 9, 7),
]


@pytest.mark.parametrize(("exhibit", "which", "head", "query", "key"), SAID)
def test_its_prose_is_true(
    project: Path, exhibit: str, which: int, head: tuple[int, int], query: int, key: int
) -> None:
    """The head gives the token more than half of the weight that it has for the query."""
    plan = build.read([project / "galleries/first.yml"])
    keys = (plan.keys[exhibit], *plan.others[exhibit])
    capture = Store(project / ".attention").get(keys[which])
    assert capture is not None
    row = capture.attentions[capture.natural].layers[head[0]][head[1], query]
    assert np.argmax(row) == key
    assert row[key] > 0.5


def test_a_title_and_a_name_are_what_the_author_wrote(tmp_path: Path) -> None:
    starter.write(tmp_path / "x", title=HOSTILE, author=f"Zoë {HOSTILE}")
    assert read(tmp_path / "x")["site_name"] == HOSTILE
    citation = yaml.safe_load((tmp_path / "x/CITATION.cff").read_text("utf-8"))
    assert citation["title"] == HOSTILE
    [person] = citation["authors"]
    assert f"{person['given-names']} {person['family-names']}" == f"Zoë {HOSTILE}"
    heading = (tmp_path / "x/docs/index.md").read_text("utf-8").splitlines()[0]
    html = markdown.markdown(heading, extensions=read(tmp_path / "x")["markdown_extensions"][:-1])
    assert text_and_tags(html) == (HOSTILE, {"h1"})
    assert html.startswith("<h1>")


def test_a_title_sets_no_attributes(tmp_path: Path) -> None:
    title = "Foo {: .x onclick=alert(1) }"
    starter.write(tmp_path / "x", title=title, author=title)
    for page in ("README.md", "docs/index.md", "docs/about.md"):
        text = (tmp_path / "x" / page).read_text("utf-8")
        html = markdown.markdown(text, extensions=["attr_list"])
        assert title in text_and_tags(html)[0]
        assert "onclick" not in "".join(re.findall("<[^>]*>", html))


@pytest.mark.parametrize("title", ["What's next: heads, 2.", "हिन्दी - où?", "- 1. Yes!"])
def test_a_title_without_markup_is_written_as_it_is(tmp_path: Path, title: str) -> None:
    starter.write(tmp_path / "x", title=title, author="")
    heading = (tmp_path / "x/docs/index.md").read_text("utf-8").splitlines()[0]
    assert heading == f"# {title}"
    assert text_and_tags(markdown.markdown(heading)) == (title, {"h1"})


def test_a_name_that_is_not_utf_8_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gitconfig").write_bytes(b"[user]\nname = Andr\xe9\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.chdir(tmp_path)
    starter.write(tmp_path / "x")
    assert read(tmp_path / "x")["site_author"] == "Andr\ufffd"


@pytest.mark.parametrize(
    ("author", "authors"),
    [
        ("Ada Lovelace", [{"given-names": "Ada", "family-names": "Lovelace"}]),
        ("Plato", [{"name": "Plato"}]),
        ("", [{"name": "The authors of X"}]),
    ],
)
def test_the_citation_has_all_that_its_format_asks_for(
    tmp_path: Path, author: str, authors: list[dict[str, str]]
) -> None:
    """Citation File Format 1.2.0: these keys, all of them strings, and at least one author."""
    starter.write(tmp_path / "x", author=author)
    citation = yaml.safe_load((tmp_path / "x/CITATION.cff").read_text("utf-8"))
    assert citation.pop("authors") == authors
    assert all(isinstance(value, str) for value in citation.values())
    assert set(citation) == {"cff-version", "message", "type", "title", "date-released"}
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", citation["date-released"])


def test_the_workflow_publishes_from_captures_without_torch(project: Path) -> None:
    workflow = yaml.safe_load((project / ".github/workflows/publish.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    assert workflow["concurrency"] == {"group": "pages", "cancel-in-progress": False}
    making, publishing = (workflow["jobs"][name]["steps"] for name in ("build", "publish"))
    assert workflow["jobs"]["publish"]["needs"] == "build"
    used = [step["uses"] for step in (*making, *publishing) if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)
    names = [action.partition("@")[0].removeprefix("actions/") for action in used]
    assert names == [
        "checkout", "setup-python", "configure-pages", "upload-pages-artifact", "deploy-pages",
    ]  # fmt: skip
    commands = [step["run"] for step in making if "run" in step]
    assert commands == ["pip install -r requirements.txt", "attention-gallery build --strict"]
    [builds] = [step for step in making if step.get("run", "").startswith("attention-gallery")]
    asked = re.findall(r"!ENV \[([A-Z_]+)", (project / "mkdocs.yml").read_text("utf-8"))
    assert sorted(builds["env"]) == sorted(asked)
    lines = (project / "requirements.txt").read_text("utf-8").splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert wanted == [f"attention-gallery~={__version__}"]


def test_captures_are_committed_and_what_is_made_anew_is_not(project: Path) -> None:
    (project / "site").mkdir(exist_ok=True)
    (project / "site/index.html").touch()
    kept(project / ".attention/scripts/vega.js", lambda: b"")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "init", "-q"], cwd=project, check=True, env=env)
    found = subprocess.run(
        ["git", "status", "--porcelain", "-uall"],
        cwd=project, check=True, capture_output=True, text=True, env=env,
    ).stdout  # fmt: skip
    assert found.count(".npz") == 4
    assert "vega" not in found
    assert "site/" not in found


def test_what_is_there_is_never_written_over(
    run: Run, tmp_path: Path, golden: Callable[[Path, str], None]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    said = []
    for folder in ("full", "file", "file/below", "link", "link/below"):
        result = run("new", folder)
        assert result.code == 2
        said.append(result.err)
    golden(GOLDEN / "cannot-begin.txt", "".join(said))
    left = sorted(path.name for path in tmp_path.rglob("*"))
    assert left == ["file", "full", "link", "notes.txt"]


def test_a_new_repository_is_empty_enough(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    result = run("new", ".", "--title", "Mine", "--author", "")
    assert result.code == 0, result.err
    assert "cd " not in result.out
    assert "site_author" not in read(tmp_path)
    assert not list(tmp_path.glob(".starter-*"))


@pytest.mark.parametrize("there", [True, False], ids=["empty folder", "no folder"])
def test_a_failure_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    folder = tmp_path / "a" / "b"
    if there:
        folder.mkdir(parents=True)
    rename, left = Path.rename, [3]

    def fails_later(self: Path, target: Path) -> Path:
        left[0] -= 1
        if not left[0]:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_later)
    with pytest.raises(InputError, match=r"cannot write to .*: No space left on device"):
        starter.write(folder)
    assert list(tmp_path.rglob("*")) == ([folder.parent, folder] if there else [])


def test_a_folder_is_named_in_any_way(tmp_path: Path) -> None:
    starter.write(tmp_path / "a" / ".." / "b" / "c", author="")
    assert read(tmp_path / "b" / "c")["site_name"] == "C"


def test_next_steps_can_be_typed_as_they_are_told(run: Run) -> None:
    result = run("new", "a folder")
    assert "  cd 'a folder'\n" in result.out
    assert json.dumps("A folder") in Path("a folder/mkdocs.yml").read_text("utf-8")
