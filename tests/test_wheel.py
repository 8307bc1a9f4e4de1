"""The package as people install it, with the sources out of reach."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from projects import write_manifest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def build(kind: str, source: Path, out: Path) -> Path:
    result = run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out, cwd=source)
    assert result.returncode == 0, result.stderr
    [made] = out.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of scripts of an environment that has the wheel, and the libraries of this one.

    A .pth file lends the libraries; .pth files behind it are not followed, so the editable install
    of the sources stays out of reach.
    """
    folder = tmp_path_factory.mktemp("env")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    result = run(*pip, "install", "-q", "--no-deps", "--no-index", wheel, cwd=folder)
    assert result.returncode == 0, result.stderr
    [libraries] = folder.glob("lib/python*/site-packages")
    (libraries / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def test_the_wheel_holds_templates_specimens_and_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "py.typed",
        "site_templates/theme/base.html",
        "site_templates/manifest.schema.json",
        "site_templates/starter/dot-github/workflows/publish.yml",
        "galleries/1-story.yml",
        "galleries/specimens/story/model.safetensors",
    ):
        assert f"attention_gallery/{name}" in names
    assert not [name for name in names if "__pycache__" in name or "/.attention/" in name]
    assert wheel.stat().st_size < 13_000_000


def test_the_wheel_holds_the_whole_example_and_nothing_that_lies_beside_it(wheel: Path) -> None:
    """People link models of their own into galleries/optional."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in (*ROOT.glob("galleries/*.yml"), *ROOT.glob("galleries/*.md")):
        assert f"attention_gallery/galleries/{file.name}" in names
    assert not [name for name in names if "galleries/optional" in name]


def test_a_wheel_from_the_sdist_holds_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path / "wheel")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_the_sources_are_out_of_reach(installed: Path, tmp_path: Path) -> None:
    code = "from attention_gallery import resources; print(resources.templates())"
    where = run(installed / "python", "-c", code, cwd=tmp_path).stdout
    assert where.startswith(str(installed.parent))


def test_it_builds_the_example_in_an_empty_folder_and_then_without_torch(
    installed: Path, tmp_path: Path
) -> None:
    command = installed / "attention-gallery"
    first = run(command, "build", "--example", "--strict", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "site/what-attention-shows.html").is_file()
    assert not (tmp_path / "site/specimens").exists()
    poison = tmp_path / "poison"
    poison.mkdir()
    for name in ("torch", "transformers"):
        (poison / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
    second = run(command, "build", "--example", cwd=tmp_path, PYTHONPATH=str(poison))
    assert second.returncode == 0, second.stderr
    assert "(0 new)" in second.stdout


def test_it_builds_a_manifest_that_stands_alone(installed: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    result = run(installed / "attention-gallery", "build", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "site/exhibits/fox.html").is_file()
