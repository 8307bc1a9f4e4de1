"""Predict, then reveal: a reader marks where a head will look, and sees where it does.

All is in the HTML: a sentence of native check boxes, and the weights as a folded table, which is
what is left without a script. Weights are those of the packed exhibit, as all charts show them.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from numpy.typing import NDArray

from attention_gallery import maps
from attention_gallery.charts import (
    VISIBLE,
    has_patches,
    right_to_left,
    row_names,
    token_names,
)
from attention_gallery.errors import InputError, Where, choices, listing, quoted
from attention_gallery.glossary import GlossaryExtension
from attention_gallery.language import _
from attention_gallery.manifest.prediction_shape import PredictionShape
from attention_gallery.maps import Slot
from attention_gallery.packing import LEVELS, Packed, encoded
from attention_gallery.templates import markdown_text
from attention_gallery.templates import render as fill
from attention_gallery.terms import Attention, Exhibit

LONGEST = 64
"""Tokens that a reader can be asked to choose from."""

_OURS = re.compile(r'<[^>]*\s(?:href|src|vega)="(?=site:)')
"""HTML that names a file of the site, as `site.resolve` reads it."""

ToHtml = Callable[[str], str]
"""What makes HTML of Markdown."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A token that may be marked.

    Attributes:
        name: What it is called.
        level: Its weight, in units of 1/`LEVELS`.
        special: Whether the tokenizer added it.
        seen: Whether the token that looks can see it at all.
        looks: Whether it is the token that looks.
    """

    name: str
    level: int
    special: bool
    seen: bool
    looks: bool

    @property
    def weight(self) -> float:
        """Its weight, as charts decode it."""
        return self.level / LEVELS


def render(
    exhibit: Exhibit,
    packed: Packed,
    asked: PredictionShape,
    *,
    name: str,
    page: str = "",
    where: Where | None = None,
    wheres: Mapping[str, Where] = {},
    to_html: ToHtml | None = None,
) -> str:
    """A prediction as HTML.

    Args:
        exhibit: What it is about.
        packed: Its weights.
        asked: The head and the token that looks, by default those the exhibit opens with, and what
            is said.
        name: What ids in the HTML start with, unique on its page.
        page: The path of its page, from which the author's links to other pages lead.
        where: The place of the block.
        wheres: Where each part of what is asked is written, by key.
        to_html: What makes HTML of the author's Markdown; None for plain Python-Markdown, with the
            glossary.

    Raises:
        InputError: There is nothing to predict, too much to choose from, or no such head or token.
    """
    attention = packed.attention
    _check(packed, where)
    row = packed.pin
    if asked.token is not None:
        row = _row(asked.token, attention, wheres.get("token", where))
    slot = packed.slots[packed.start]
    if asked.head:
        maps.check_head(asked.head, attention, wheres.get("head", where))
        slot = Slot(*asked.head)
    token = row_names(attention)[row]
    chips = _chips(packed, slot, row)
    to_html = to_html or _plain(name, page)
    try:
        ask = to_html(asked.ask or _question(attention, token))
        reveal = to_html(asked.reveal)
    except InputError as fault:
        raise InputError(fault.message, where or fault.where, fault.hint) from None
    told = sorted((c for c in chips if c.weight >= VISIBLE), key=lambda c: -c.level)
    return fill(
        "blocks/prediction.html.j2",
        name=name,
        ask=ask,
        reveal=reveal,
        head=str(slot),
        token=token,
        chips=chips,
        told=told,
        n_left_out=sum(c.seen for c in chips) - len(told),
        lang=exhibit.sentence.lang,
        direction=_direction(attention),
        notes=_notes(attention, slot, row, token),
    )


def _check(packed: Packed, where: Where | None) -> None:
    """See that there is something to predict.

    Raises:
        InputError: When there is not.
    """
    attention = packed.attention
    if not packed.slots:
        raise InputError(
            "this exhibit has no attention to predict",
            where,
            "choose one of a model that runs here",
        )
    if has_patches(attention.keys) or has_patches(attention.queries):
        raise InputError(
            "patches of an image cannot be marked", where, "choose an exhibit of a text"
        )
    if packed.n_keys > LONGEST:
        raise InputError(
            f"{packed.n_keys} tokens are too many to choose from",
            where,
            f"choose a text of {LONGEST} at most",
        )


def _row(token: str | int, attention: Attention, where: Where | None) -> int:
    """The row of a token that an author names.

    Raises:
        InputError: There is none, or more than one.
    """
    n = len(attention.queries)
    if isinstance(token, int):
        if token < n:
            return token
        hint = f"its {n} tokens are numbered 0 to {n - 1}"
        raise InputError(f"token {token} is outside the sentence", where, hint)
    # On a page, what stands there several times has its number behind it.
    texts = [query.text.strip() for query in attention.queries]
    names = [name.strip("\u2068\u2069") for name in token_names(attention.queries)]
    rows = [i for i in range(n) if token in (texts[i], names[i])]
    if not rows:
        hint = choices(token, dict.fromkeys(texts), "its tokens")
        raise InputError(f"the sentence has no token {quoted(token)}", where, hint)
    if len(rows) > 1:
        hint = listing((f"{token} [{i}]" for i in rows), "write one of")
        message = f"the sentence has {len(rows)} tokens {quoted(token)}"
        raise InputError(message, where, hint)
    return rows[0]


def _chips(packed: Packed, slot: Slot, row: int) -> list[Chip]:
    attention = packed.attention
    # Of any head, also one that does not travel with the exhibit, as if it did.
    [blob], _error = encoded(attention, (slot,))
    levels = np.rint(packed.map(blob)[row] * LEVELS).astype(int)
    return [
        Chip(name, int(level), key.special, bool(seen), attention.kind != "cross" and i == row)
        for i, (name, key, level, seen) in enumerate(
            zip(
                token_names(attention.keys),
                attention.keys,
                levels,
                _seen(attention, slot, row),
                strict=True,
            )
        )
    ]


def _seen(attention: Attention, slot: Slot, row: int) -> NDArray[np.bool_]:
    """Which keys a query can see at all."""
    ahead = np.arange(len(attention.keys)) - row
    window = _window(attention, slot)
    seen = np.abs(ahead) < (window or np.inf)
    return seen & (ahead <= 0) if attention.causal else seen


def _window(attention: Attention, slot: Slot) -> int | None:
    layered = attention.windows and slot.layer is not None
    return attention.windows[slot.layer or 0] if layered else None


def _question(attention: Attention, token: str) -> str:
    question = _("Which tokens will this head look at from **{token}**?")
    if attention.kind == "cross":
        question = _("Which tokens of the source will this head look at from **{token}**?")
    return question.format(token=markdown_text(token))


def _notes(attention: Attention, slot: Slot, row: int, token: str) -> list[str]:
    """What a reader has to know of the tokens."""
    behind = len(attention.keys) - 1 - row
    window = _window(attention, slot)
    notes = []
    if attention.kind == "cross":
        text = _("From {token}: when the decoder has just read it, and looks for what comes next.")
        notes.append(text.format(token=token))
    if attention.causal and behind:
        text = _(
            "This model reads one token after the other, so those after {token} cannot be seen yet."
        )
        notes.append(text.format(token=token))
    if window and window <= (row if attention.causal else max(row, behind)):
        text = _("In this layer, tokens that are {n} or more away are out of sight.")
        notes.append(text.format(n=window))
    if any(key.special for key in attention.keys):
        notes.append(_("Tokens with a dashed border are not in the text: the tokenizer adds them."))
    return notes


def _direction(attention: Attention) -> str:
    """Which way the tokens run: that of their first letter that has a direction."""
    for char in "".join(token.text for token in attention.keys if not token.special):
        if unicodedata.bidirectional(char) in ("L", "R", "AL"):
            return "rtl" if right_to_left(char) else "ltr"
    return "ltr"


def _plain(name: str, page: str) -> ToHtml:
    extensions: list[str | Extension] = [
        "fenced_code",
        "tables",
        "sane_lists",
        GlossaryExtension(prefix=f"{name}-"),
        _LinksExtension(page),
    ]
    # Made anew for each text: definitions of words stand below it.
    return lambda text: Markdown(extensions=extensions).convert(text)


class _LinksExtension(Extension):
    """Links to other pages lead to wherever these will stand, as the page's own links do."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Look at links once all are known."""
        md.treeprocessors.register(_Links(md, self._page), "attention_gallery_links", 14)


class _Links(Treeprocessor):
    def __init__(self, md: Markdown, page: str) -> None:
        super().__init__(md)
        self._page = page

    def run(self, root: ElementTree.Element) -> None:
        """Prepare links.

        Raises:
            InputError: One is written as only we write them.
        """
        for raw in filter(_OURS.search, map(str, self.md.htmlStash.rawHtmlBlocks)):
            raise _not_theirs(_OURS.split(raw, 1)[1].partition('"')[0])
        for image in root.iter("img"):
            if image.get("src", "").startswith("site:"):
                raise _not_theirs(image.get("src", ""))
        for link in root.iter("a"):
            link.set("href", _of_the_site(link.get("href", ""), self._page))


def _not_theirs(address: str) -> InputError:
    hint = "link to a page by its file, as in lessons/first.md"
    return InputError(f"{quoted(address)} is no address", hint=hint)


def _of_the_site(href: str, page: str) -> str:
    """A link to a page as one that is resolved later; any other link as it is.

    Raises:
        InputError: It is written as only we write them.
    """
    if href.startswith("site:"):
        raise _not_theirs(href)
    try:
        parts = urlsplit(href)
    except ValueError:
        return href
    if parts.scheme or parts.netloc or not parts.path.endswith(".md") or parts.path[0] == "/":
        return href
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), parts.path))
    return href if path.startswith("../") else f"site:{parts._replace(path=path).geturl()}"
