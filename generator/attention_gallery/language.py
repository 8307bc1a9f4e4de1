"""The language of what we say to readers: pages, charts, controls, and pictures in words.

Every such text stands in English where it is used, as ``_("…")``, and in another language in one
file, ``site_templates/languages/<code>.po``. Errors and commands, for authors, stay in English.
"""

from __future__ import annotations

import gettext
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from attention_gallery import resources
from attention_gallery.errors import InputError, choices

ENGLISH = "en"

_RIGHT_TO_LEFT = frozenset(("ar", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"))
_SCRIPTS_RIGHT_TO_LEFT = frozenset(("adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"))


class Catalog(gettext.NullTranslations):
    """The texts of one language; what it lacks is said in English.

    Attributes:
        code: Of the language.
        messages: Its texts, by those in English.
        scripted: Those in English that scripts of a page say.
    """

    def __init__(
        self,
        code: str,
        messages: Mapping[str, str] | None = None,
        scripted: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.code = code
        self.messages = messages or {}
        self.scripted = frozenset(scripted)

    def gettext(self, message: str) -> str:
        """A text in this language."""
        return self.messages.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """One of two texts, as `n` is one or not, as English and Hindi have it."""
        return self.gettext(msgid1 if n == 1 else msgid2)


_current: ContextVar[Catalog] = ContextVar("language", default=Catalog(ENGLISH))  # noqa: B039


def _(message: str) -> str:
    """A text in the language of the site that is being built."""
    return _current.get().gettext(message)


def ngettext(one: str, several: str, n: int) -> str:
    """A text about `n` things in the language of the site that is being built."""
    return _current.get().ngettext(one, several, n)


def marked(message: str) -> str:
    """A text that is said later, by `_`: a constant is made before the language is known."""
    return message


def current() -> Catalog:
    """The catalogue in use."""
    return _current.get()


def words() -> str:
    """A script with the texts that scripts of a page say; empty in English, which they know.

    It is pure ASCII, and runs before them.
    """
    spoken = _current.get()
    said = {text: spoken.messages[text] for text in sorted(spoken.scripted & set(spoken.messages))}
    return f"window.AttentionGalleryWords = {json.dumps(said)};\n" if said else ""


def codes() -> tuple[str, ...]:
    """The languages there are, English first."""
    folder = resources.templates() / "languages"
    return (ENGLISH, *sorted(path.stem for path in folder.glob("*.po") if path.stem != ENGLISH))


def speaks(code: str) -> bool:
    """Whether there is a translation into a language, or it is English."""
    try:
        catalog(code)
    except InputError:
        return False
    return True


def direction(code: str) -> str:
    """Which way a language is written, ``ltr`` or ``rtl``, by its script where that is named."""
    language, *subtags = code.lower().split("-")
    script = next((tag for tag in subtags if len(tag) == 4 and tag.isalpha()), "")
    if script:
        return "rtl" if script in _SCRIPTS_RIGHT_TO_LEFT else "ltr"
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Say all that is said meanwhile in a language.

    Raises:
        InputError: There is no such language.
    """
    token = _current.set(catalog(code))
    try:
        yield
    finally:
        _current.reset(token)


@cache
def catalog(code: str) -> Catalog:
    """The texts of a language; of one without a file, such as pt-BR, those of pt.

    Raises:
        InputError: There is no such language.
    """
    known = codes()
    base = code.replace("_", "-").partition("-")[0].lower()
    found = code if code in known else base
    if found == ENGLISH:
        return Catalog(ENGLISH)
    if found not in known:
        raise InputError(
            f"the interface does not speak {code!r} yet",
            hint=choices(code, known, "it speaks")
            + "; a translation is one file, site_templates/languages/CODE.po",
        )
    from babel.messages.pofile import read_po  # only a site in another language pays for it

    with (resources.templates() / "languages" / f"{found}.po").open("rb") as file:
        read = read_po(file, locale=found, abort_invalid=True)
    messages: dict[str, str] = {}
    scripted: set[str] = set()
    for message in read:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        if not message.fuzzy and ids[0]:
            pairs = zip(ids, texts, strict=False)
            messages |= {str(id_): text for id_, text in pairs if isinstance(text, str) and text}
            # A catalogue tells of each text where it is said.
            if any(file.endswith(".js") for file, _ in message.locations):
                scripted |= {str(id_) for id_ in ids}
    return Catalog(found, messages, scripted)
