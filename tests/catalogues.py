"""Gathers all texts that readers see into one list, and brings each catalogue up to date with it.

Run as a script, it writes `site_templates/languages/en.po`, which is that list, and all other
catalogues: what is still said keeps its translation, what no longer is goes, and what is new waits
for one. No date and no line number is written, so that only a changed text changes a file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from attention_gallery import resources

ROOT = Path(__file__).parent.parent
LANGUAGES = resources.templates() / "languages"

_PYTHON = ("_", "ngettext", "marked")
_SCRIPT: dict[str, tuple[int, ...] | None] = {"say": None}
_TEMPLATE: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false",
             "trim_blocks": "true", "lstrip_blocks": "true"}  # fmt: skip

_HEADER = """\
# The interface of Attention Gallery: everything that readers are told.
#
# A translation is a copy of en.po under the code of its language. What is in {braces}, what is like
# %%(this)s, and HTML tags stay as they are, wherever the sentence needs them.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Language: %s\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""


def texts() -> Catalog:
    """All texts there are, in the order of the files they are in, without translations."""
    found = Catalog()
    for file in files():
        for said in texts_in(file):
            found.add(said, locations=[(file.relative_to(ROOT).as_posix(), 0)])
    return found


def renewed(file: Path, listed: Catalog) -> bytes:
    """What a catalogue should hold: all that is said, with the translations that are there.

    Args:
        file: The catalogue, which may not be there yet.
        listed: What is said.
    """
    known = Catalog()
    if file.exists():
        with file.open("rb") as old:
            known = read_po(old, abort_invalid=True)
    written = Catalog()
    for message in _messages(listed):
        before = known.get(message.id)
        added = written.add(
            message.id,
            before.string if before else None,
            locations=[(path, None) for path, _ in sorted(set(message.locations))],  # type: ignore[misc]
            user_comments=before.user_comments if before else (),
        )
        # Babel has flags of its own, others in each version.
        added.flags = {"fuzzy"} if before and before.fuzzy else set()
    body = BytesIO()
    write_po(body, written, width=100, omit_header=True, include_lineno=False)
    return (_HEADER % file.stem).encode() + body.getvalue()


def _messages(catalog: Catalog) -> Iterator[Message]:
    """The messages of a catalogue but for its header."""
    return (message for message in catalog if message.id)


def files() -> list[Path]:
    """Everything that says something to readers."""
    package, templates = Path(resources.__file__).parent, resources.templates()
    return [
        *sorted(package.rglob("*.py")),
        *sorted(path for path in templates.rglob("*") if path.suffix in (".j2", ".html", ".js")),
    ]


def texts_in(file: Path) -> Iterator[str | tuple[str, ...]]:
    """The texts of a file, as they stand there; one for one thing and for several is a pair."""
    if file.suffix == ".py":
        yield from _texts_of(ast.parse(file.read_text("utf-8")))
        return
    method, keywords, options = "jinja2", _TEMPLATE, _OPTIONS
    if file.suffix == ".js":
        method, keywords, options = "javascript", _SCRIPT, {"template_string": "true"}
    with file.open("rb") as content:
        for _, text, *_ in extract(method, content, keywords, (), options):
            yield text


def _texts_of(code: ast.Module) -> Iterator[str | tuple[str, ...]]:
    """The texts of a module: of names and of what is looked up there are none."""
    calls = [node for node in ast.walk(code) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = ast.unparse(call.func).removeprefix("language.")
        texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        said = tuple(text for text in texts if isinstance(text, str))
        if name in _PYTHON and any(isinstance(arg, ast.JoinedStr) for arg in call.args):
            raise ValueError(f"nobody can translate {ast.unparse(call)}: it is another each time")
        if name in _PYTHON and said:
            yield said if len(said) > 1 else said[0]


def main() -> None:
    """Renew the list of all texts, and the catalogues there are."""
    listed = texts()
    LANGUAGES.mkdir(exist_ok=True)
    for file in dict.fromkeys((LANGUAGES / "en.po", *sorted(LANGUAGES.glob("*.po")))):
        file.write_bytes(renewed(file, listed))


if __name__ == "__main__":
    main()
