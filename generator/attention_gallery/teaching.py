"""What the extensions of Python-Markdown share that put something for learners on a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from attention_gallery.errors import InputError, Where
from attention_gallery.language import speaking


class _Written(Preprocessor):
    """Keeps the lines of a page, before anything is done to them."""

    lines: list[str]

    def run(self, lines: list[str]) -> list[str]:
        self.lines = list(lines)
        return lines


class TeachingExtension(Extension):
    """An extension that speaks the language of a site, and may find faults in what was written.

    Its options are ``language``, a code such as ``hi``, by default that of the site that is being
    built, or else English; and ``refuse``, what is done with a fault: by default it is raised.
    """

    def __init__(self, **options: Any) -> None:
        self.config = {
            "language": ["", "The language of the texts that are put in, such as hi"],
            "refuse": [_raised, "What is called with a fault that an author has to mend"],
            **getattr(self, "config", {}),
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Keep a page as it was written, to tell the line of a fault."""
        self.written = _Written(md)
        md.preprocessors.register(self.written, f"{type(self).__name__} written", 100)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Speak the language meanwhile, and do with a fault what is to be done.

        Raises:
            InputError: A fault, unless another end was made of it.
        """
        code = self.getConfig("language")
        with speaking(code) if code else nullcontext():
            try:
                yield
            except InputError as fault:
                self.getConfig("refuse")(_located(fault, self.written))


def _raised(fault: InputError) -> NoReturn:
    raise fault


def _located(fault: InputError, written: _Written) -> InputError:
    """A fault with its file, as far as the generator tells of it; Zensical does."""
    # Zensical's own extensions find it here, too.
    contexts = (each for each in written.md.preprocessors if hasattr(each, "page"))
    context: Any = next(contexts, None)
    if context is None or fault.where is None:
        return fault
    file = Path(context.config.get("docs_dir") or "docs") / context.page.path
    line = fault.where.line
    try:
        # The page was given without its front matter.
        line += len(file.read_text("utf-8-sig").split("\n")) - len(written.lines)
    except (OSError, UnicodeDecodeError):
        line = 0
    return InputError(fault.message, Where(str(file), line), fault.hint)
