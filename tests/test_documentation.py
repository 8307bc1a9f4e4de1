# ruff: noqa: S102, TID253 - code on a page is run as its readers run it
"""The documentation is true: its code runs, its reference is the code's, nothing is left out.

How blocks of code are run:

- ``yaml`` with a title is a whole manifest. Without one it is a part of the manifest before it on
  the page, or of the one that `attention-gallery new` wrote there: names are added, and exhibits of
  the same id are replaced. With ``plugins`` or ``markdown_extensions`` it is an `mkdocs.yml`.
- ``sh``: of our commands `new`, `check`, and `build` after `new`, are run. Of the others, which
  wait, push, or take long, arguments and options have to be right.
- ``python``: the blocks of a page are one program. Names of models on the hub stand for specimens.
- ``markdown`` holds blocks of ours, which are checked against the gallery of this repository; so
  are those outside of it, which readers see drawn.
- ``text`` is what is printed.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import markdown
import mkdocs.config
import pytest
import transformers
import yaml
from click.testing import CliRunner
from markdown.extensions.toc import slugify

from attention_gallery import addresses, build, measures, reference, resources, views
from attention_gallery.cli import cli
from attention_gallery.embedding import read_blocks
from attention_gallery.manifest import read_manifest
from attention_gallery.manifest.shape import manifest_schema
from attention_gallery.mkdocs_plugin import Options
from attention_gallery.reference import prose
from attention_gallery.reference.configuration import names as option_names
from attention_gallery.reference.manifest import SHAPES
from attention_gallery.terms import Gallery, MarkdownPage

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "galleries" / "guide"
REFERENCE = GUIDE / "reference"
PAGES = (
    ROOT / "README.md",
    *sorted(GUIDE.glob("*.md")),
    *sorted((ROOT / "galleries").glob("*.md")),
)

# What a line of sh may begin with that is not ours to run.
_ELSEWHERE = {".", "git", "hf", "make", "pip", "python", "python3"}
_RUN = {"new", "check"}
_STAND_INS = {"openai-community/gpt2": "story"}
_OURS = {"attention", "predict", "question"}


@dataclass(frozen=True)
class Code:
    """A block of code on a page."""

    language: str
    text: str


def code_of(page: Path) -> Iterator[Code]:
    """The blocks of a page; one inside another is part of it."""
    inside: list[str] | None = None
    opening = re.compile(r"(`{3,})([\w-]*) *")
    ticks = language = ""
    for line in page.read_text("utf-8").splitlines():
        if inside is None:
            if found := opening.fullmatch(line):
                ticks, language = found.groups()
                inside = []
            assert not re.match(r" +```", line), f"{page.name}: no block where it is indented"
        elif line == ticks:
            yield Code(language, "\n".join(inside))
            inside = None
        else:
            inside.append(line)
    assert inside is None, f"a block of {page.name} is not closed"


@pytest.fixture(scope="module")
def galleries() -> list[Gallery]:
    return [read_manifest(file) for file in sorted((ROOT / "galleries").glob("*.yml"))]


@dataclass
class Reader:
    """Somebody who does what a page says, in an empty folder."""

    folder: Path
    galleries: Sequence[Gallery]
    manifest: dict[str, Any] = field(default_factory=dict)
    project: Path | None = None  # what `new` wrote
    program: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        beside = self.folder / "galleries"
        beside.mkdir()
        for name in ("my-model", "our-model"):
            (beside / name).symlink_to(resources.specimens()["story"])
        answer = next((ROOT / "galleries" / "answers").glob("*.json"))
        (beside / "answer.json").write_bytes(answer.read_bytes())

    def follow(self, page: Path) -> None:
        for code in code_of(page):
            act = getattr(self, f"_{code.language}", None)
            assert act or code.language == "text", f"{code.language!r} is not run: see above"
            if act:
                act(code.text)
        self._markdown(page.read_text("utf-8"))

    def _yaml(self, text: str) -> None:
        said = yaml.safe_load(text)
        if said.keys() & {"plugins", "markdown_extensions"}:
            self._mkdocs(said)
            return
        if "title" in said:
            self.manifest = said
        else:
            exhibits = said.get("exhibits", [])
            if not said.keys() & {"models", "sentences", "exhibits"}:  # keys of an exhibit
                exhibits = [{"id": "x", "model": "m", "sentence": "s", **said}]
                said = {"models": {"m": {"source": "specimen:pronoun"}}, "sentences": {"s": "she"}}
            for key in ("models", "sentences"):
                self.manifest[key] = self.manifest.get(key, {}) | said.get(key, {})
            kept = {each["id"]: each for each in (*self.manifest.get("exhibits", ()), *exhibits)}
            self.manifest = {"title": "t", **self.manifest, "exhibits": [*kept.values()]}
        if self.manifest["exhibits"]:
            build.read([self._write_manifest()])

    def _write_manifest(self) -> Path:
        name = "first.yml" if self.project else "page.yml"
        file = (self.project or self.folder) / "galleries" / name
        file.write_text(json.dumps(self.manifest), "utf-8")
        return file

    def _mkdocs(self, said: dict[str, Any]) -> None:
        folder = self.folder / "site-of-ours"
        (folder / "docs").mkdir(parents=True, exist_ok=True)
        file = folder / "mkdocs.yml"
        file.write_text(json.dumps({"site_name": "x", **said}), "utf-8")
        config = mkdocs.config.load_config(str(file))
        assert "plugins" not in said or config.plugins["attention-gallery"]
        assert said.get("extra_css", [*addresses.STYLES]) == [*addresses.STYLES]
        assert said.get("extra_javascript", [*addresses.SCRIPTS]) == [*addresses.SCRIPTS]

    def _sh(self, text: str) -> None:
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["attention-gallery"]:
                self._command(words[1:])
            elif words[:1] == ["cd"]:
                self.folder = self.folder / words[1]
            else:
                assert not words or words[0] in _ELSEWHERE, f"{words[0]} is not run: see above"

    def _command(self, words: list[str]) -> None:
        name = words[0]
        if name in _RUN or (name == "build" and self.project):
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(self.folder)
                done = CliRunner().invoke(cli, words, catch_exceptions=False)
            assert done.exit_code == 0, done.output
        else:
            command = cli.get_command(click.Context(cli), name)
            assert command, f"there is no command {name}"
            command.make_context(name, words[1:])
        if name == "new":
            self.project = self.folder / words[1]
            written = self.project / "galleries" / "first.yml"
            self.manifest = yaml.safe_load(written.read_text("utf-8"))

    def _python(self, text: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for auto in (transformers.AutoModelForCausalLM, transformers.AutoTokenizer):
                load = auto.from_pretrained
                patch.setattr(auto, "from_pretrained", _standing_in(load))
            exec(compile(text, "page", "exec"), self.program)

    def _markdown(self, text: str) -> None:
        page = MarkdownPage("page.md", "page.md", text, self.folder)
        read_blocks([page], self.galleries)
        teaching = ["attention_gallery.glossary", "attention_gallery.questions"]
        markdown.markdown(text, extensions=["fenced_code", *teaching])

    def __getattr__(self, name: str) -> Any:
        if name.removeprefix("_") in _OURS:
            return lambda _text: None  # read with the page they stand in
        raise AttributeError(name)


def _standing_in(load: Callable[..., Any]) -> Callable[..., Any]:
    """Loads a specimen where a page has a model of the hub."""
    specimens = resources.specimens()
    return lambda name, **options: load(
        specimens[_STAND_INS[name]] if name in _STAND_INS else name, **options
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, galleries: list[Gallery]) -> None:
    Reader(tmp_path, galleries).follow(page)


# --- Nothing is left out ----------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_the_reference_is_what_the_code_says(
    name: str, golden: Callable[[Path, str], None]
) -> None:
    """Renewed by `python -m attention_gallery.reference`, too."""
    golden(REFERENCE / name, reference.pages()[name])


def test_each_mapping_of_a_manifest_has_a_place_in_the_reference() -> None:
    told = {shape.__name__.removesuffix("Shape") for _, shape in SHAPES.values()}
    found = {name.removesuffix("Shape") for name in manifest_schema()["$defs"]}
    assert {"Manifest", *found} <= told


@pytest.mark.parametrize("shape", [shape for _, shape in SHAPES.values()])
def test_each_key_of_a_manifest_is_described(shape: type[Any]) -> None:
    assert shape.__doc__
    assert [name for name, key in shape.model_fields.items() if not key.description] == []


@pytest.mark.parametrize("name", resources.view_names())
def test_each_view_says_how_it_is_read_and_used(name: str) -> None:
    section = section_of("views.md", name)
    assert views.load(name).TITLE in section
    assert len(section.split()) > 60
    assert "**To use it.**" in section
    assert "**What it fits.**" in section


@pytest.mark.parametrize("name", resources.measure_names())
def test_each_measure_says_what_is_taken_and_where_it_is_shown(name: str) -> None:
    section = section_of("measures.md", name)
    assert measures.load(name).TITLE in section
    assert "**What is taken.**" in section
    assert "rray" in section
    assert "**Sources.**" in section
    assert "Shown in [" in section


def test_each_command_and_option_says_what_it_does() -> None:
    context = click.Context(cli)
    silent = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command
        silent += [name] * (not command.help)
        options = [each for each in command.params if isinstance(each, click.Option)]
        silent += [f"{name} {option.opts[0]}" for option in options if not option.help]
        section = section_of("commands.md", name)
        silent += [
            f"{name} {spelled}"
            for spelled in itertools.chain.from_iterable(option.opts for option in options)
            if f"`{spelled}`" not in section
        ]
    assert silent == []


def test_each_option_of_the_plugin_says_what_it_does() -> None:
    told = prose.attributes(Options.__doc__)
    assert option_names() == [*told]


def section_of(page: str, anchor: str) -> str:
    """What a page of the reference says below a heading."""
    text = (REFERENCE / page).read_text("utf-8")
    found = re.search(
        rf"^## [^\n]* {{ #{re.escape(anchor)} }}\n(.*?)(?=^## |\Z)", text, re.M | re.S
    )
    assert found, f"{page} has no place for {anchor}"
    return found[0]


# --- It can be found --------------------------------------------------------------------------


def test_each_page_is_in_the_navigation() -> None:
    listed = re.findall(r"[\w./-]+\.md", (ROOT / "mkdocs.yml").read_text("utf-8"))
    there = {file.relative_to(ROOT / "galleries").as_posix() for file in GUIDE.rglob("*.md")}
    assert there <= set(listed)


@pytest.mark.parametrize("page", sorted(GUIDE.rglob("*.md")), ids=lambda page: page.stem)
def test_links_within_the_guide_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", text):
        file = page.parent / target if target else page
        assert file.is_file(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    named = [re.fullmatch(r"(.*?) *(?:\{ *#([\w-]+) *\})?", heading) for heading in headings]
    return {match[2] or slugify(match[1], "-") for match in named if match}
