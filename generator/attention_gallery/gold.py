"""What is known beforehand: from an author's words to rows and columns of a map.

A manifest says ``gold: {it: animal}`` because a grammar, a dictionary or a person knows it. No
model is asked; what a head gives to the right word can then be read off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from attention_gallery.errors import InputError, Where, choices, quoted
from attention_gallery.terms import Attention, Sentence, Token

_OCCURRENCE = re.compile(r"(.+) \[(\d+)\]", re.DOTALL)
_PATCHES = re.compile(r"r(\d+)c(\d+)-r(\d+)c(\d+)")


@dataclass(frozen=True, slots=True)
class Link:
    """A word, and what it is known to belong to.

    Attributes:
        word: The query word, as the author wrote it.
        partners: The key words, as the author wrote them.
        row: Index of the query whose row answers for the word. In cross-attention this is the row
            that predicts the word's first token, one before the row that bears its name; otherwise
            it is the word's last token, the first that can have seen the whole word.
        columns: Indices of the keys.
    """

    word: str
    partners: tuple[str, ...]
    row: int
    columns: tuple[int, ...]


def links(sentence: Sentence, attention: Attention) -> tuple[Link, ...]:
    """Find the words of a sentence's gold among the tokens of an attention.

    Raises:
        InputError: When a word is not there, or is there more than once.
    """
    found = []
    for word, partners in sentence.gold.items():
        if attention.kind == "cross":
            # The start token is read first and predicted by nobody.
            row = _tokens_of(word, attention.queries, sentence.where, first=1)[0] - 1
        else:
            row = _tokens_of(word, attention.queries, sentence.where)[-1]
        columns = {
            column
            for partner in partners
            for column in _tokens_of(partner, attention.keys, sentence.where)
        }
        found.append(Link(word, partners, row, tuple(sorted(columns))))
    return tuple(found)


def _tokens_of(
    word: str, tokens: Sequence[Token], where: Where | None, first: int = 0
) -> tuple[int, ...]:
    """Indices of the tokens that make up a word.

    Raises:
        InputError: When the word is not there, or is there more than once.
    """
    if area := _PATCHES.fullmatch(word):
        top, left, bottom, right = map(int, area.groups())
        inside = tuple(
            i
            for i, token in enumerate(tokens)
            if token.patch and top <= token.patch[0] <= bottom and left <= token.patch[1] <= right
        )
        if inside:
            return inside
    runs, place = _runs(word, tokens, first), None
    if not runs and (named := _OCCURRENCE.fullmatch(word)):
        word, place = named[1], int(named[2])
        runs = _runs(word, tokens, first)
    chosen = [run for run in runs if place in (None, run[0])]
    if len(chosen) == 1:
        return chosen[0]
    if not runs:
        known = dict.fromkeys(token.text for token in tokens[first:])
        hint = choices(word, known, "tokens")
        raise InputError(f"gold: {quoted(word)} is not in the sentence", where, hint)
    message = f"occurs {len(runs)} times" if place is None else f"is not at [{place}]"
    hint = "write " + " or ".join(f"{word} [{run[0]}]" for run in runs)
    raise InputError(f"gold: {quoted(word)} {message}", where, hint)


def _runs(word: str, tokens: Sequence[Token], first: int) -> list[tuple[int, ...]]:
    """All runs of tokens that spell a word together; a piece may be marked with ``##``."""
    runs = []
    for start in range(first, len(tokens)):
        spelled = ""
        for end in range(start, len(tokens)):
            text = tokens[end].text
            spelled += text.removeprefix("##") if end > start else text
            if spelled == word:
                runs.append(tuple(range(start, end + 1)))
            if not word.startswith(spelled):
                break
    return runs
