"""The page that lists all exhibits, gallery by gallery, and lets readers choose among them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from attention_gallery import views
from attention_gallery.addresses import file_path, page_path
from attention_gallery.language import _
from attention_gallery.templates import one_line, render
from attention_gallery.terms import Exhibit, Gallery, Page, Sentence

FILTERS = "filters"
"""The fragment in which a script offers to show only some exhibits."""


@dataclass(frozen=True, slots=True)
class Card:
    """An exhibit in the index.

    Attributes:
        path: Its page.
        title: As the author wrote it.
        sentence: What it is about, shortened.
        lang: The language of that, as a tag of BCP 47; empty where nobody said.
        model: The model's name in the manifest.
        views: Names of its views.
        view_titles: What readers call them.
        tags: The author's words.
        thumbnail: Its picture.
    """

    path: str
    title: str
    sentence: str
    lang: str
    model: str
    views: tuple[str, ...]
    view_titles: tuple[str, ...]
    tags: tuple[str, ...]
    thumbnail: str


@dataclass(frozen=True, slots=True)
class Section:
    """A gallery in the index."""

    title: str
    prose: str
    cards: str


def index_page(galleries: Sequence[Gallery], path: str, introduction: str = "") -> Page:
    """The page that lists all exhibits, gallery by gallery.

    Args:
        galleries: In order.
        path: Where the page is.
        introduction: What the publication is, in a line; a single gallery says so itself.
    """
    fragments: dict[str, str] = {}
    sections = []
    titles: dict[str, str] = {}
    n_cards = 0
    for number, gallery in enumerate(galleries):
        name = f"cards-{number}"
        cards = [_card(exhibit) for exhibit in gallery.exhibits]
        n_cards += len(cards)
        for card in cards:
            titles.update(zip(card.views, card.view_titles, strict=True))
        fragments[name] = render("pages/cards.html.j2", cards=cards)
        sections.append(Section(gallery.title, gallery.prose, name))
    if n_cards > 1:
        fragments[FILTERS] = render("pages/filters.html.j2", view_titles=_as_json(titles))
    title = galleries[0].title if len(galleries) == 1 else _("Galleries")
    markdown = render(
        "pages/index.md.j2",
        title=title,
        introduction=introduction,
        galleries=sections,
        filters=FILTERS if FILTERS in fragments else "",
    )
    return Page(path, title, markdown, fragments)


def _card(exhibit: Exhibit) -> Card:
    names = views.of(exhibit)
    return Card(
        path=page_path(exhibit),
        title=exhibit.title,
        sentence=_shorten(_shown(exhibit.sentence)),
        lang=exhibit.sentence.lang,
        model=exhibit.model.id,
        views=names,
        view_titles=tuple(_(views.load(name).TITLE) for name in names),
        tags=tuple(map(one_line, exhibit.tags)),
        thumbnail=file_path(exhibit, "thumbnail.png"),
    )


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(sentence: Sentence) -> str:
    """The words a reader knows a sentence by; a file without any goes by its name."""
    text = " · ".join(filter(None, (sentence.text, sentence.pair)))
    return text or sentence.target or PurePath(sentence.image or sentence.audio).name


def _shorten(text: str, length: int = 120) -> str:
    line = one_line(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
