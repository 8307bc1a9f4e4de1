"""What readers are told is told in their language, and in English where that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

import catalogues
from attention_gallery import addresses, language, measures, resources, site, templates
from attention_gallery.errors import InputError
from attention_gallery.measures import gradient, patterns

TRANSLATED = [code for code in language.codes() if code != language.ENGLISH]


def test_english_needs_no_catalogue() -> None:
    assert language.current().code == "en"
    assert language._("Search") == "Search"
    assert language.ngettext("{n} page", "{n} pages", 2) == "{n} pages"


def test_a_language_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="does not speak 'tlh' yet") as raised:
        language.catalog("tlh")
    assert "en" in raised.value.hint


@pytest.mark.parametrize("code", ["en", "en-GB", "en_US"])
def test_a_region_is_no_other_language(code: str) -> None:
    assert language.catalog(code).code == "en"


@pytest.mark.parametrize(
    ("code", "way"),
    [
        ("hi", "ltr"),
        ("ar", "rtl"),
        ("he-IL", "rtl"),
        ("ar-Latn", "ltr"),
        ("pa-Arab-PK", "rtl"),
        ("zh-Hant", "ltr"),
        ("de-1996", "ltr"),
    ],
)
def test_languages_are_written_in_their_direction(code: str, way: str) -> None:
    assert language.direction(code) == way


def test_a_text_without_a_translation_is_said_in_english() -> None:
    catalog = language.Catalog("xx", {"Search": "Zerch"})
    assert catalog.gettext("Search") == "Zerch"
    assert catalog.gettext("Menu") == "Menu"
    assert catalog.ngettext("Search", "Menu", 1) == "Zerch"


def test_templates_speak_the_language_of_the_moment_and_escape_what_is_put_in() -> None:
    environment = templates._environment()
    template = environment.from_string(
        '{{ _("Search %(what)s", what=what) }} {% trans %}<b>Menu</b>{% endtrans %}'
    )
    assert template.render(what="<i>") == "Search &lt;i&gt; <b>Menu</b>"
    token = language._current.set(language.Catalog("xx", {"Search %(what)s": "%(what)s zerch"}))
    try:
        assert template.render(what="<i>") == "&lt;i&gt; zerch <b>Menu</b>"
    finally:
        language._current.reset(token)


def test_scripts_of_a_page_are_given_their_own_words_in_ascii_and_in_english_none() -> None:
    assert language.words() == ""
    texts = {"Search": "खोज", "Menu": "मेन्यू", "</script>": "</script>"}
    token = language._current.set(language.Catalog("xx", texts, ("Search", "</script>", "Lost")))
    try:
        script = language.words()
    finally:
        language._current.reset(token)
    assert script.isascii()
    assert script.startswith("window.AttentionGalleryWords = {")
    told = json.loads(script.partition(" = ")[2].rstrip(";\n"))
    assert told == {"Search": "खोज", "</script>": "</script>"}


def test_a_site_brings_words_for_its_scripts_where_they_are_not_english() -> None:
    def paths() -> set[str]:
        return {asset.path for asset in site.assemble([], [], "").assets}

    assert addresses.WORDS not in paths()
    token = language._current.set(language.Catalog("xx", {"Menu": "Zmenu"}, ("Menu",)))
    try:
        assert addresses.WORDS in paths()
    finally:
        language._current.reset(token)


def test_the_list_of_all_texts_is_that_of_the_code() -> None:
    """If this fails, run `make strings` and read the difference."""
    file = catalogues.LANGUAGES / "en.po"
    assert file.read_bytes() == catalogues.renewed(file, catalogues.texts())


@pytest.mark.parametrize("name", resources.measure_names())
def test_what_a_measure_is_called_is_in_the_list(name: str) -> None:
    said = {text for message in _listed() for text in _texts(message.id)}
    assert measures.load(name).TITLE in said


def test_what_heads_do_is_in_the_list() -> None:
    said = {text for message in _listed() for text in _texts(message.id)}
    assert {text for told in patterns._TOLD.values() for text in told} <= said
    assert {*gradient._FOR, *gradient._AGAINST} <= said


def test_a_text_stands_by_itself_and_is_no_piece_of_one() -> None:
    """A sentence that is glued together cannot be put in another order."""
    ids = [text for message in _listed() for text in _texts(message.id)]
    assert len(ids) > 100
    glued = re.compile(r"^[\s,;:.)]|[\s,(]$|^(and|or|of|to|by|is) |\b(and|or|of|the|a)$")
    assert [text for text in ids if glued.search(text)] == []


def test_a_renewed_catalogue_keeps_what_is_translated_and_drops_what_is_said_no_more(
    tmp_path: Path,
) -> None:
    listed = Catalog()
    listed.add("Menu", locations=[("b.py", 7), ("a.js", 3), ("b.py", 9)])
    listed.add(("{n} page", "{n} pages"))
    file = tmp_path / "xx.po"
    file.write_bytes(catalogues.renewed(file, listed))
    text = file.read_text("utf-8")
    assert "#: a.js b.py\n" in text
    assert "Date" not in text
    text = text.replace('msgid "Menu"\nmsgstr ""', 'msgid "Menu"\nmsgstr "Zmenu"')
    text = text.replace('msgstr[1] ""', 'msgstr[1] "{n} zpages"')
    file.write_text(text + '\nmsgid "Gone"\nmsgstr "Zgone"\n', "utf-8")
    listed.add("Search")
    renewed = catalogues.renewed(file, listed).decode()
    assert "Gone" not in renewed
    assert 'msgid "Menu"\nmsgstr "Zmenu"' in renewed
    assert 'msgstr[0] ""\nmsgstr[1] "{n} zpages"' in renewed
    assert 'msgid "Search"\nmsgstr ""' in renewed


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_catalogue_says_all_there_is_to_say(code: str) -> None:
    file = catalogues.LANGUAGES / f"{code}.po"
    translated = _read(file)
    missing = [
        message.id
        for message in _listed()
        if (found := translated.get(message.id)) is None
        or found.fuzzy
        or not all(_texts(found.string))
    ]
    assert missing == [], f"{file.name} lacks {len(missing)} texts"
    listed = {message.id for message in _listed()}
    assert [message.id for message in translated if message.id and message.id not in listed] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_keeps_what_is_put_into_a_text_and_its_markup(code: str) -> None:
    wrong = [
        (said, text)
        for message in _read(catalogues.LANGUAGES / f"{code}.po")
        if message.id
        for said, text in zip(_texts(message.id), _texts(message.string), strict=True)
        if text and _kept(said) != _kept(text)
    ]
    assert wrong == []


def _kept(text: str) -> list[str]:
    """What a text has in every language: places for what is put in, and tags."""
    return sorted(re.findall(r"\{[^}]*\}|%%|%\(\w+\)s|</?\w[^>]*>|&\w+;", text))


def _listed() -> list[Message]:
    return [message for message in _read(catalogues.LANGUAGES / "en.po") if message.id]


def _read(file: Path) -> Catalog:
    with file.open("rb") as content:
        return read_po(content, abort_invalid=True)


def _texts(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (text or "",)
