"""The state an exhibit opens in: which map is shown, and which row is pinned.

What is worth opening with is also what travels, where not all heads can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from attention_gallery import maps
from attention_gallery.errors import InputError
from attention_gallery.gold import Link
from attention_gallery.maps import Slot
from attention_gallery.terms import Attention, Exhibit


def opening(
    exhibit: Exhibit,
    attention: Attention,
    slots: tuple[Slot, ...],
    gold: tuple[Link, ...] = (),
    others: Sequence[Attention] = (),
) -> tuple[int, int]:
    """What the author says a chart opens with, or what is worth opening with.

    Args:
        exhibit: Says what it opens with, or leaves it open.
        attention: The weights.
        slots: The maps that can be shown.
        gold: What is known about the sentence beforehand.
        others: The weights of what the exhibit is held against.

    Returns:
        Index of a slot, and of a query.

    Raises:
        InputError: A head or a token that is not there.
    """
    start = _start(exhibit, attention, slots, gold, others) if slots else 0
    return start, _pin(exhibit, attention, gold)


def _start(
    exhibit: Exhibit,
    attention: Attention,
    slots: tuple[Slot, ...],
    gold: tuple[Link, ...],
    others: Sequence[Attention],
) -> int:
    head, where = exhibit.start.head, exhibit.start.where or exhibit.where
    if head is None:
        return 0 if exhibit.heads else most_telling(attention, slots, gold, others)[0]
    maps.check_head(head, attention, where)
    try:
        return slots.index(Slot(*head))
    except ValueError:
        raise InputError(
            f"start head {head} is not among the exhibit's heads",
            where,
            "choose one of " + ", ".join(map(str, maps.listed_heads(exhibit))),
        ) from None


def _pin(exhibit: Exhibit, attention: Attention, gold: tuple[Link, ...]) -> int:
    token, n = exhibit.start.token, len(attention.queries)
    if token is None:
        return _first_row(attention, gold)
    if not 0 <= token < n:
        raise InputError(
            f"start token {token} is outside the sentence",
            exhibit.start.where or exhibit.where,
            f"its {n} tokens are numbered 0 to {n - 1}",
        )
    return token


def most_telling(
    attention: Attention,
    slots: Sequence[Slot],
    gold: tuple[Link, ...] = (),
    others: Sequence[Attention] = (),
) -> list[int]:
    """Indices of the heads among maps, the one most worth opening with first.

    Where it is known what belongs together, that is the head that gives it the most; where there is
    something to compare with, the head that differs most from the first of it. Otherwise it is the
    one that looks most decidedly at other words; special tokens and the token itself do not count,
    since most heads rest there.
    """
    score = _score(attention, gold, others)
    heads = [i for i, slot in enumerate(slots) if slot.single and not slot.derived]
    return sorted(heads, key=lambda i: score(slots[i]), reverse=True)


def _score(
    attention: Attention, gold: tuple[Link, ...], others: Sequence[Attention]
) -> Callable[[Slot], float]:
    """How much a head is worth opening with."""
    if gold:

        def found(slot: Slot) -> float:
            weights = maps.weights(attention, slot)
            return float(sum(weights[link.row, list(link.columns)].sum() for link in gold))

        return found
    if others:

        def changed(slot: Slot) -> float:
            return float(
                np.abs(maps.weights(attention, slot) - maps.weights(others[0], slot)).sum()
            )

        return changed
    words = np.array([not token.special for token in attention.keys])
    elsewhere = np.broadcast_to(words, (len(attention.queries), len(words))).copy()
    if attention.kind != "cross":
        np.fill_diagonal(elsewhere, val=False)

    def decided(slot: Slot) -> float:
        return float(np.where(elsewhere, maps.weights(attention, slot), 0).max(axis=1).mean())

    return decided


def _first_row(attention: Attention, gold: tuple[Link, ...]) -> int:
    """The row worth pinning first.

    It is that of a word about which something is known, or else of the last word. In
    cross-attention that is where the last word is about to be written; of a text that the model
    goes on with, where it begins to; of an image, whose patches are not in an order of reading, it
    is the token that sums it up.
    """
    if gold:
        return gold[0].row
    written = [i for i, token in enumerate(attention.queries) if token.generated]
    if attention.kind == "decoder" and written and written[0] > 0:
        return written[0] - 1
    tokens = [i for i, t in enumerate(attention.queries) if not (t.special or t.patch)]
    # A full stop says little.
    words = [i for i in tokens if any(map(str.isalnum, attention.queries[i].text))] or tokens
    if not words and any(token.patch for token in attention.queries):
        return next((i for i, token in enumerate(attention.queries) if not token.patch), 0)
    last = words[-1] if words else len(attention.queries) - 1
    return max(0, last - 1) if attention.kind == "cross" else last
