"""The index lists every exhibit, and nothing in a title can write its page."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from html.parser import HTMLParser

import pytest

from attention_gallery.gallery_index import index_page
from attention_gallery.terms import Exhibit, Gallery
from attentions import exhibit
from hostile import ATTACK, text_and_tags
from pictures import captioner, picture


def test_tags_are_shown_in_the_index() -> None:
    tagged = dataclasses.replace(exhibit(), tags=("zebra <b>",))
    index = index_page([Gallery("G", "", "g.yml", (tagged,))], "index.md")
    assert "zebra &lt;b&gt;" in index.fragments["cards-0"]


@pytest.mark.parametrize("n_galleries", [1, 2])
def test_the_index_shows_every_exhibit_as_a_card(n_galleries: int) -> None:
    galleries = [
        Gallery(f"Gallery {i}", "Some *prose*.", "g.yml", (exhibit(id=f"e{i}", title=ATTACK),))
        for i in range(n_galleries)
    ]
    index = index_page(galleries, "index.md", "About <b>heads</b>.")
    assert index.title == ("Gallery 0" if n_galleries == 1 else "Galleries")
    introduced = re.search(r"^About &#60;b&#62;heads", index.markdown, re.MULTILINE)
    assert bool(introduced) == (n_galleries == 2), "a single gallery says itself what it is"
    assert index.markdown.count("Some *prose*.") == n_galleries
    for i in range(n_galleries):
        cards = index.fragments[f"cards-{i}"]
        text, tags = text_and_tags(cards)
        assert ATTACK in text
        assert f'href="site:exhibits/e{i}.md"' in cards
        assert f'src="site:exhibits/e{i}/thumbnail.png"' in cards
        assert "script" not in tags


@pytest.mark.parametrize("target", ["", "a red circle"])
def test_an_image_goes_by_what_is_said_of_it_or_by_its_name(target: str) -> None:
    shown, _ = picture(captioner())
    shown = dataclasses.replace(shown, sentence=dataclasses.replace(shown.sentence, target=target))
    index = index_page([Gallery("G", "", "g.yml", (shown,))], "index.md")
    assert (target or "scene.png") in index.fragments["cards-0"]


class Card(HTMLParser):
    """The attributes of the first card."""

    def __init__(self, cards: str) -> None:
        super().__init__()
        self.attributes: dict[str, str | None] = {}
        self.feed(cards)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "li":
            self.attributes = dict(attrs)


def test_cards_tell_scripts_what_they_are_about() -> None:
    tags = ("two words", f'a "quote {ATTACK}')
    shown = dataclasses.replace(exhibit(views=("edges", "grid")), tags=tags)
    shown = dataclasses.replace(shown, sentence=dataclasses.replace(shown.sentence, lang="pt-BR"))
    told = Card(only_card(shown)).attributes
    assert told["data-model"] == shown.model.id
    assert told["data-views"] == "edges grid"
    assert json.loads(told["data-tags"] or "") == list(tags)
    assert told["data-lang"] == "pt-BR"
    assert '<div class="ag-card-sentence" dir="auto" lang="pt-BR">' in only_card(shown)


def only_card(shown: Exhibit) -> str:
    return index_page([Gallery("G", "", "g.yml", (shown,))], "index.md").fragments["cards-0"]


def test_readers_may_choose_where_there_is_more_than_one_exhibit() -> None:
    one, two = exhibit(id="a", views=("edges",)), exhibit(id="b", views=("heatmap",))
    alone = index_page([Gallery("G", "", "g.yml", (one,))], "index.md")
    assert "filters" not in alone.fragments
    # Of one gallery the prose comes first, of several it is part of what is chosen from.
    for galleries, order in (
        ([Gallery("G", "Prose.", "g.yml", (one, two))], ["Prose.", "filters", "cards-0"]),
        (
            [Gallery("G", "Prose.", "g.yml", (one,)), Gallery("H", "", "h.yml", (two,))],
            ["filters", "Prose.", "cards-0"],
        ),
    ):
        index = index_page(galleries, "index.md")
        places = [index.markdown.index(each) for each in order]
        assert places == sorted(places)
        titles = re.search('data-view-titles="([^"]*)"', index.fragments["filters"])
        assert titles
        assert json.loads(html.unescape(titles[1])) == {"edges": "Edges", "heatmap": "Heatmap"}
