"""What readers are told is told in their language, and in English where that is not there."""

from __future__ import annotations

import pytest

from attention_gallery import language, templates
from attention_gallery.errors import InputError


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


@pytest.mark.parametrize(("code", "way"), [("hi", "ltr"), ("ar", "rtl"), ("he-IL", "rtl")])
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
