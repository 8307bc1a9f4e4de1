"""A complete small gallery for somebody who begins."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import jinja2
import yaml

from attention_gallery import __version__, git, resources
from attention_gallery.errors import InputError, listing
from attention_gallery.templates import markdown_text, one_line

_TEMPLATE = ".j2"  # what ends so is filled in; all else is copied
_DOT = (
    "dot-"  # what begins so begins with a dot: git, and whoever lists the folder, see it as it is
)
# Punctuation that may be markup somewhere. The rest of it, as in "What's next: heads, 2.", is not.
_MARKUP = re.compile(r"[\"-&(-+/;-\>@\[-`{-~]|:(?! )")


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name, as citations take it apart; `family` alone for a name of one word."""

    given: str
    family: str


def write(folder: Path, *, title: str = "", author: str | None = None) -> list[Path]:
    """Write the starter into a folder, all of it or nothing.

    Args:
        folder: Where it goes; made if it is not there.
        title: What the site is called; by default after the folder.
        author: Who publishes it; None for whom git knows.

    Returns:
        The files, as seen from `folder`.

    Raises:
        InputError: The folder holds something, or cannot be written.
    """
    title = one_line(title) or _title(folder)
    contents = _contents(title, one_line(_known_to_git() if author is None else author))
    _check_free(folder)
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    made: list[Path] = []
    moved: list[Path] = []
    try:
        for each in reversed(missing):
            with suppress(FileExistsError):  # as x/.. is, once x is there
                each.mkdir()
                made.append(each)
        with tempfile.TemporaryDirectory(prefix=".starter-", dir=folder) as staging:
            for path, content in contents.items():
                file = Path(staging, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            # Whole before the first of it is in its place; moving is quick and needs no room.
            for entry in sorted(Path(staging).iterdir()):
                moved.append(entry.rename(folder / entry.name))
    except OSError as error:
        for entry in moved:
            _remove(entry)
        for each in reversed(made):
            with suppress(OSError):  # what somebody else has put there since is not ours
                each.rmdir()
        raise InputError(f"cannot write to {folder}: {error.strerror}") from error
    return [Path(path) for path in contents]


def _check_free(folder: Path) -> None:
    hint = "name a folder that is new or empty"
    try:
        if folder.is_symlink() and not folder.exists():
            raise InputError(f"{folder} is a link that leads nowhere", hint=hint)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file", hint=hint)
        found = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise InputError(f"cannot look into {folder}: {error.strerror}") from error
    if set(found) - {".git"}:
        raise InputError(
            listing(found, f"{folder} is not empty; it holds"),
            hint=f"{hint}; one with nothing but .git is empty enough",
        )


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with suppress(OSError):
            entry.unlink()


def _title(folder: Path) -> str:
    """The name of a folder as a title: ``attention-in-class`` is Attention in class."""
    words = one_line(re.sub(r"[-_]+", " ", folder.resolve().name))
    return words[:1].upper() + words[1:] or "Attention gallery"


def _known_to_git() -> str:
    try:
        return git.answer("config", "user.name")
    except OSError:
        return ""


def shell_word(path: Path) -> str:
    """A path as it is typed in a shell."""
    return shlex.quote(str(path))


def _contents(title: str, author: str) -> dict[str, bytes]:
    """All files by path."""
    root = resources.templates() / "starter"
    environment = jinja2.Environment(  # noqa: S701  YAML and Markdown, each with its own filter
        loader=jinja2.FileSystemLoader(root),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        # As GitHub's workflows have braces of their own.
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
    )
    environment.filters |= {"yaml": _yaml, "markdown": _markdown}
    contents = {}
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        path = file.relative_to(root).as_posix()
        name = re.sub(rf"(^|/){_DOT}", r"\1.", path.removesuffix(_TEMPLATE))
        if path.endswith(_TEMPLATE):
            filled = environment.get_template(path).render(
                title=title,
                author=author,
                name=_name(author),
                today=date.today().isoformat(),
                version=__version__,
            )
            contents[name] = filled.encode()
        else:
            contents[name] = file.read_bytes()
    return contents


def _name(author: str) -> Name:
    """Taken apart at the last space: a guess that the file asks to be looked at."""
    given, _, family = author.rpartition(" ")
    return Name(given, family)


def _yaml(text: str) -> str:
    """A text as a YAML string in one line."""
    written: str = yaml.safe_dump(text, allow_unicode=True, default_style='"', width=float("inf"))
    return written.strip()


def _markdown(text: str) -> str:
    """A text as Markdown that says the same: as it is, if nothing in it could be markup."""
    return markdown_text(text) if _MARKUP.search(text) else text
