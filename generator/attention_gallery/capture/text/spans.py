"""Where tokens stand in the text that they were cut from.

Fast tokenizers state it, down to the space before a word. Of others only the tokens are known: what
they spell is looked for in the text, and a place counts only where no other is possible.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby

from attention_gallery.capture.text.words import Span

# What a part of a word may bear: ``##`` before it or ``@@`` behind it.
_MARKER = re.compile(r"^##(?=.)|(?<=.)@@$", re.DOTALL)

_WORD = re.compile(r"\S+")
_UNSEEN = ("Mn", "Me", "Cc", "Cf", "Co", "Cn")  # accents, and what has no shape


def stated_spans(
    text: str, stated: Sequence[Span], spellings: Sequence[str]
) -> tuple[Span | None, ...]:
    """The places that a fast tokenizer states, cut down to what can be seen of each token.

    Args:
        text: What was cut.
        stated: The place of each token; it may begin or end with space.
        spellings: What each token spells; a byte that is no whole character is spelled as Python
            decodes it with ``surrogateescape``.

    Returns:
        The place of each token; None for one that stands for nothing in the text.
    """
    spans = [_seen_of(text, *places) for places in zip(stated, spellings, strict=True)]
    # A Unigram model states of each byte of an unknown run of characters where the run is.
    for run, indices in groupby(range(len(spans)), key=spans.__getitem__):
        alike = list(indices)
        if run and len(alike) > 1 and run[1] - run[0] > 1:
            finer = searched_spans(text[slice(*run)], [spellings[i] for i in alike])
            if None not in finer:
                spans[alike[0] : alike[-1] + 1] = [
                    span and (run[0] + span[0], run[0] + span[1]) for span in finer
                ]
    return _with_marks(text, spans)


def searched_spans(text: str, spellings: Sequence[str | None]) -> tuple[Span | None, ...]:
    """The places of tokens whose tokenizer states none.

    What they spell is looked for as it is; if some of it is not to be found, then in a form in
    which case, accents and compatibility variants do not count. Between tokens anything may be
    missing, so there can be several ways to place them. The leftmost and the rightmost way bound
    all others: a token that has the same place in both has it in every way.

    Args:
        text: What was cut.
        spellings: What each token spells, as for `stated_spans`; None for one that does not tell,
            such as ``[UNK]``.

    Returns:
        The place of each token; None where it is not certain.
    """
    spans = _search(text, spellings, lambda char: char)
    if spans is None:
        bare = [spelling and _MARKER.sub("", spelling).strip() for spelling in spellings]
        spans = _search(text, bare, _folded, partly=True) or []
    elif _encoded("".join(spelling or "" for spelling in spellings)) != _encoded(text):
        # Some spaces have no token, so nobody knows which of them have one.
        spans = [
            span if spelling and spelling.strip() else None
            for span, spelling in zip(spans, spellings, strict=True)
        ]
    _fill_gaps(text, spellings, spans)
    return tuple(spans) if None in spans else _with_marks(text, spans)


def _seen_of(text: str, stated: Span, spelling: str) -> Span | None:
    """The part of a stated place that holds what a token spells, without the space around it."""
    start, end = stated
    part = text[start:end]
    if not spelling.strip():  # a space put before the text is stated to be its first character
        return stated if part.isspace() else None
    space = None if part.strip() else " "  # a wide space may be spelled in bytes
    if not spelling[0].isspace():
        start += len(part) - len(part.lstrip(space))
    if not spelling[-1].isspace():
        end -= len(part) - len(part.rstrip(space))
    return (start, end) if start < end else None


def _search(
    text: str,
    spellings: Sequence[str | None],
    fold: Callable[[str], str],
    *,
    partly: bool = False,
) -> list[Span | None] | None:
    """Look for tokens in a text, both in the form that `fold` gives each character.

    Returns:
        The place of each token, None where it is not certain. Nothing at all if one of them is
        nowhere to be found, unless `partly` says that this may be.
    """
    # Bytes, because some tokens are parts of a character. UTF-8 keeps characters apart.
    form = bytearray()
    owners: list[int] = []  # of each byte: the character it comes from
    for i, char in enumerate(text):
        folded = _encoded(fold(char))
        form += folded
        owners += [i] * len(folded)
    wanted = [
        spelling if spelling is None else _encoded("".join(map(fold, spelling)))
        for spelling in spellings
    ]
    left = _leftmost(form, wanted)
    mirrored = _leftmost(form[::-1], [token and token[::-1] for token in wanted[::-1]])
    right = [place and (len(form) - place[1], len(form) - place[0]) for place in mirrored[::-1]]
    if not partly and any(
        token and not place
        for token, *places in zip(wanted, left, right, strict=True)
        for place in places
    ):
        return None
    return [
        (owners[place[0]], owners[place[1] - 1] + 1) if place and place == other else None
        for place, other in zip(left, right, strict=True)
    ]


def _leftmost(form: bytearray, wanted: Sequence[bytes | None]) -> list[Span | None]:
    """The first place of each token behind the one before it; None for one that has none."""
    places: list[Span | None] = []
    behind = 0
    for token in wanted:
        start = form.find(token, behind) if token else -1
        if token is None:
            behind += 1  # whatever it stands for, it is something
        elif start >= 0:
            behind = start + len(token)
        places.append((start, behind) if start >= 0 else None)
    return places


def _fill_gaps(text: str, spellings: Sequence[str | None], spans: list[Span | None]) -> None:
    """Place unknown tokens where there are as many words between their neighbours as there are."""
    for unknown, run in groupby(range(len(spellings)), key=lambda i: spellings[i] is None):
        if not unknown:
            continue
        indices = list(run)
        first, last = indices[0], indices[-1]
        before = spans[first - 1] if first else (0, 0)
        after = spans[last + 1] if last + 1 < len(spans) else (len(text), len(text))
        if before is None or after is None:
            continue
        words = list(_WORD.finditer(text, before[1], after[0]))
        if len(words) == len(indices):
            spans[first : last + 1] = [word.span() for word in words]


def _with_marks(text: str, spans: Sequence[Span | None]) -> tuple[Span | None, ...]:
    """Give an accent that has no token of its own to the letter before it.

    Many tokenizers drop accents, or make one character of both.
    """
    taken = {i for span in spans if span for i in range(*span)}

    def with_marks(start: int, end: int) -> Span:
        while end < len(text) and end not in taken and unicodedata.category(text[end])[0] == "M":
            end += 1
        return start, end

    return tuple(span and with_marks(*span) for span in spans)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _folded(char: str) -> str:
    """A character without case, accents and variants; nothing of one that cannot be seen."""
    if char.isspace():
        return " "
    if unicodedata.category(char) == "Cs":  # a byte
        return char
    plain = unicodedata.normalize("NFKD", char).casefold()
    return "".join(part for part in plain if unicodedata.category(part) not in _UNSEEN)
