"""What services show of a shared link."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from attention_gallery import sharing
from attention_gallery.charts import shades
from attention_gallery.sprite import LEVELS, sprite
from attention_gallery.terms import Imprint
from attentions import HOSTILE, attention, exhibit
from hostile import ATTACK
from pictures import encoder, picture

PUBLISHED = Imprint(site_name="Reading attention", url="https://example.org/a/")


class Properties(HTMLParser):
    """Collects what ``<meta>`` elements say, and that there are no others."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "meta"
        said = dict(attrs)
        self.found[str(said.get("property") or said.get("name"))] = str(said["content"])


def head(title: str = "The fox", description: str = "It looks.", **known: object) -> dict[str, str]:
    imprint = Imprint(**known) if known else PUBLISHED  # type: ignore[arg-type]
    return Properties(sharing.head(exhibit(title=title), description, imprint)).found


def test_a_published_page_is_told_of_with_a_picture() -> None:
    assert head() == {
        "og:type": "article",
        "og:title": "The fox",
        "og:description": "It looks.",
        "og:url": "https://example.org/a/exhibits/fox/",
        "og:site_name": "Reading attention",
        "og:image": "https://example.org/a/exhibits/fox/share.png",
        "og:image:type": "image/png",
        "og:image:width": "1200",
        "og:image:height": "630",
        "twitter:card": "summary_large_image",
    }


def test_without_an_address_nothing_points_anywhere() -> None:
    found = head(site_name="Here")
    assert found["twitter:card"] == "summary"
    assert found.keys() == {
        "og:type", "og:title", "og:description", "og:site_name", "twitter:card",
    }  # fmt: skip


def test_pages_may_be_files() -> None:
    assert head(url="https://example.org/", flat=True)["og:url"] == (
        "https://example.org/exhibits/fox.html"
    )


def test_any_text_stays_text_in_one_line() -> None:
    for text in (ATTACK, *HOSTILE, "a\n\nb", "x" * 10_000):
        found = head(text, text)
        assert found["og:title"] == text
        assert "\n" not in found["og:description"]
        assert len(found["og:description"]) <= 300


def drawn(title: str, thumbnail: bytes) -> Image.Image:
    made = sharing.share_image(exhibit(title=title), thumbnail, PUBLISHED)
    image = Image.open(io.BytesIO(made))
    assert image.size == (1200, 630)
    assert len(made) < 60_000
    return image.convert("RGB")


def test_the_picture_shows_the_heads_in_their_own_colours() -> None:
    image = drawn("The fox", sprite(attention()))
    colours = {colour for _, colour in image.getcolors(1 << 20) or ()}
    assert {tuple(map(int, shade)) for shade in shades(LEVELS)} & colours


def test_the_picture_shows_the_image_of_an_exhibit_about_one() -> None:
    _, held = picture(encoder())
    image = np.asarray(drawn("Seen", held.image))
    assert len(np.unique(image[200:500, 72:400].reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("title", ["ध्यान", "注意 and more", "العربية", "🙂"])
def test_a_title_that_the_font_lacks_is_not_drawn_as_boxes(title: str) -> None:
    with_title = np.asarray(drawn("The fox", sprite(attention())))
    without = np.asarray(drawn(title, sprite(attention())))
    ink = np.array([28, 32, 38])
    assert (np.abs(with_title.astype(int) - ink).max(axis=-1) < 8).any()
    assert not (np.abs(without[:70].astype(int) - ink).max(axis=-1) < 8).any()


@pytest.mark.parametrize("title", ["x" * 10_000, "many words " * 200, "", "a – “b” … c"])
def test_titles_of_any_length_leave_room_for_the_heads(title: str) -> None:
    image = np.asarray(drawn(title, sprite(attention(n_heads=(16,) * 24))))
    paper = np.array([253, 252, 250])
    heads = (np.abs(image[260:480, 72:].astype(int) - paper).max(axis=-1) > 100).sum()
    assert heads > 5_000


def test_the_same_exhibit_makes_the_same_picture() -> None:
    thumbnail = sprite(attention())
    one, other = (sharing.share_image(exhibit(), thumbnail, PUBLISHED) for _ in range(2))
    assert one == other
