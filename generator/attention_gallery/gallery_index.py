"""The page that lists all exhibits, gallery by gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from attention_gallery import views
from attention_gallery.addresses import file_path, page_path
from attention_gallery.templates import one_line, render
from attention_gallery.terms import Exhibit, Gallery, Page, Sentence


@dataclass(frozen=True, slots=True)
class Card:
    """An exhibit in the index."""

    path: str
    title: str
    sentence: str
    model: str
    words: str
    thumbnail: str


@dataclass(frozen=True, slots=True)
class Section:
    """A gallery in the index."""

    title: str
    prose: str
    cards: str


def index_page(galleries: Sequence[Gallery], path: str) -> Page:
    """The page that lists all exhibits, gallery by gallery."""
    fragments: dict[str, str] = {}
    sections = []
    for number, gallery in enumerate(galleries):
        name = f"cards-{number}"
        cards = [_card(exhibit) for exhibit in gallery.exhibits]
        fragments[name] = render("pages/cards.html.j2", cards=cards)
        sections.append(Section(gallery.title, gallery.prose, name))
    title = galleries[0].title if len(galleries) == 1 else "Galleries"
    markdown = render("pages/index.md.j2", title=title, galleries=sections)
    return Page(path, title, markdown, fragments)


def _card(exhibit: Exhibit) -> Card:
    return Card(
        path=page_path(exhibit),
        title=exhibit.title,
        sentence=_shorten(_shown(exhibit.sentence)),
        model=exhibit.model.id,
        words=" · ".join((*exhibit.tags, *views.of(exhibit))),
        thumbnail=file_path(exhibit, "thumbnail.png"),
    )


def _shown(sentence: Sentence) -> str:
    """The words a reader knows a sentence by; a file without any goes by its name."""
    text = " · ".join(filter(None, (sentence.text, sentence.pair)))
    return text or sentence.target or PurePath(sentence.image or sentence.audio).name


def _shorten(text: str, length: int = 120) -> str:
    line = one_line(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
