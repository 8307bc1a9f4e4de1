"""The index lists every exhibit, and nothing in a title can write its page."""

from __future__ import annotations

import dataclasses

import pytest

from attention_gallery.gallery_index import index_page
from attention_gallery.terms import Gallery
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
    index = index_page(galleries, "index.md")
    assert index.title == ("Gallery 0" if n_galleries == 1 else "Galleries")
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
