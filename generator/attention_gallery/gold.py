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

_NUMBER = "([0-9]{1,4})"
_OCCURRENCE = re.compile(rf"(.+) \[{_NUMBER}\]", re.DOTALL)
_PATCHES = re.compile(rf"r{_NUMBER}c{_NUMBER}(?:-r{_NUMBER}c{_NUMBER})?")


@dataclass(frozen=True, slots=True)
class Link:
    """A word, and what it is known to belong to.

    Attributes:
        word: The query word, as the author wrote it.
        partners: The key words, as the author wrote them.
        row: Index of the query whose row answers for the word. In cross-attention this is the row
            that predicts the word's first token, one before the row that bears its name; otherwise
            it is the word's last token: in a model that reads from left to right, the first that
            can have seen the whole word.
        columns: Indices of the keys.
        tokens: Indices of the queries that are the word.
    """

    word: str
    partners: tuple[str, ...]
    row: int
    columns: tuple[int, ...]
    tokens: tuple[int, ...] = ()


def links(sentence: Sentence, attention: Attention) -> tuple[Link, ...]:
    """Find the words of a sentence's gold among the tokens of an attention.

    Raises:
        InputError: When a word is not there, or is there more than once.
    """
    found = []
    for word, partners in sentence.gold.items():
        if attention.kind == "cross":
            # The start token is read first and predicted by nobody.
            tokens = _tokens_of(word, attention.queries, sentence, first=1)
            row = tokens[0] - 1
        else:
            tokens = _tokens_of(word, attention.queries, sentence)
            row = tokens[-1]
        columns = {
            column
            for partner in partners
            for column in _tokens_of(partner, attention.keys, sentence)
        }
        found.append(Link(word, partners, row, tuple(sorted(columns)), tokens))
    return tuple(found)


def _tokens_of(
    word: str, tokens: Sequence[Token], sentence: Sentence, first: int = 0
) -> tuple[int, ...]:
    """Indices of the tokens that make up a word, a phrase, or a rectangle of patches.

    Raises:
        InputError: When it is not there, or is there more than once.
    """
    grid = [token.patch for token in tokens if token.patch]
    if grid and (area := _PATCHES.fullmatch(word)):
        return _inside(area, tokens, grid[-1], sentence.where)
    runs, place = _runs(word, tokens, sentence, first), None
    if not runs and (named := _OCCURRENCE.fullmatch(word)):
        word, place = named[1], int(named[2])
        runs = _runs(word, tokens, sentence, first)
    chosen = [run for run in runs if place in (None, run[0])]
    if len(chosen) == 1:
        return chosen[0]
    if not runs:
        known = dict.fromkeys(token.text for token in tokens[first:])
        hint = choices(word, known, "tokens")
        raise InputError(f"gold: {quoted(word)} is not in the sentence", sentence.where, hint)
    message = f"occurs {len(runs)} times" if place is None else f"is not at [{place}]"
    hint = "write " + " or ".join(f"{word} [{run[0]}]" for run in runs)
    raise InputError(f"gold: {quoted(word)} {message}", sentence.where, hint)


def _inside(
    area: re.Match[str], tokens: Sequence[Token], last: tuple[int, int], where: Where | None
) -> tuple[int, ...]:
    """Indices of the patches of a rectangle, given as `_PATCHES` matched it.

    Raises:
        InputError: When it reaches beyond the last patch of the image, or runs backwards.
    """
    top, left, *corner = (int(number) for number in area.groups() if number)
    bottom, right = corner or (top, left)
    grid = f"the image has rows 0 to {last[0]} and columns 0 to {last[1]}"
    if max(top, bottom) > last[0] or max(left, right) > last[1]:
        raise InputError(f"gold: {quoted(area[0])} reaches outside the image", where, grid)
    if top > bottom or left > right:
        message = f"gold: the corners of {quoted(area[0])} are the wrong way round"
        raise InputError(message, where, f"write the top left one first; {grid}")
    return tuple(
        i
        for i, token in enumerate(tokens)
        if token.patch and top <= token.patch[0] <= bottom and left <= token.patch[1] <= right
    )


def _runs(
    word: str, tokens: Sequence[Token], sentence: Sentence, first: int
) -> list[tuple[int, ...]]:
    """Tokens that are a word; where there are none, runs of tokens that spell it, or a phrase."""
    starts = range(first, len(tokens))
    runs: list[tuple[int, ...]] = [(i,) for i in starts if tokens[i].text == word]
    if runs:
        return runs
    ends = ((start, _end(word.split(), tokens, start)) for start in starts)
    runs = [tuple(range(start, end)) for start, end in ends if end]
    return [run for run in runs if not _glued(word, [tokens[i].text for i in run], sentence)]


def _end(words: Sequence[str], tokens: Sequence[Token], start: int) -> int | None:
    """Where a run of tokens ends that spells words one after the other; None where none starts.

    A piece may be marked with ``##``.
    """
    end = start
    for word in words:
        spelled = ""
        while spelled != word:
            text = tokens[end].text if end < len(tokens) else ""
            spelled += text.removeprefix("##") if spelled else text
            if not text or not word.startswith(spelled):
                return None
            end += 1
    return end


def _glued(word: str, texts: Sequence[str], sentence: Sentence) -> bool:
    """Whether tokens spell a word only because two words of the sentence stand side by side."""
    said = f"{sentence.text}\n{sentence.pair}\n{sentence.target}".casefold()
    return word.casefold() not in said and " ".join(texts).casefold() in said
