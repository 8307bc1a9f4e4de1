"""What a figure shows, in words and in numbers: for screen readers, print and search.

Everything here is computed from the map a chart opens with, so text and picture cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from attention_gallery.charts import VISIBLE, has_patches, row_names, token_names
from attention_gallery.gold import Link
from attention_gallery.packing import Packed
from attention_gallery.terms import Table

_TOP = 3


def pattern(packed: Packed) -> str:
    """One sentence on where the map shown puts its mass, averaged over its rows.

    Self, previous and first token are the places where most heads of trained models look
    (Source: Clark et al. 2019, section 3.1, doi:10.18653/v1/W19-4828). The first row is left out:
    it has no previous token, and in a causal model it has no choice.
    """
    weights = packed.shown
    if has_patches(packed.attention.keys):
        if any(not (token.patch or token.special) for token in packed.attention.keys):
            return _pattern_of_both(packed)
        return _pattern_of_patches(packed)
    if packed.attention.kind == "cross":
        strongest = weights.max(axis=1).mean()
        return (
            f"Each target token gives {strongest:.0%} of its attention to one source"
            " token, on average over the sentence."
        )
    if len(weights) == 1:
        return "The only token looks at itself."
    first = token_names(packed.attention.keys)[0]
    places = {
        "the token itself": np.diagonal(weights)[1:].mean(),
        "the token before it": np.diagonal(weights, -1).mean(),
        f"the first token of all, {first}": weights[1:, 0].mean(),
    }
    parts = ", ".join(f"{share:.0%} to {place}" for place, share in places.items())
    return (
        f"Attention goes {parts}, on average over the tokens after the first (for the second, the "
        "token before it is the first of all)."
    )


def _pattern_of_both(packed: Packed) -> str:
    """One sentence on how much the text gives to the image within it, averaged over its tokens."""
    attention = packed.attention
    words = [i for i, token in enumerate(attention.queries) if not (token.patch or token.special)]
    patches = [i for i, token in enumerate(attention.keys) if token.patch]
    share = packed.shown[np.ix_(words, patches)].sum(axis=1).mean()
    return f"Each token of the text gives {share:.0%} of its attention to the image, on average."


def _pattern_of_patches(packed: Packed) -> str:
    """One sentence on where the map shown puts its mass in an image, averaged over its rows."""
    weights, keys, names = packed.shown, packed.attention.keys, token_names(packed.attention.keys)
    patches = [i for i, token in enumerate(keys) if token.patch]
    if has_patches(packed.attention.queries):
        who, weights = "Each patch", weights[patches]
        at = np.array([keys[i].patch for i in patches])
        distance = np.abs(at[:, None] - at).max(axis=-1)  # 1 for each of the eight around
        among = weights[:, patches]
        places = {
            "itself": np.diagonal(among),
            "the patches around it": np.where(distance == 1, among, 0).sum(axis=1),
        }
    else:
        who, places = "Each word", {"one patch": weights[:, patches].max(axis=1)}
    places |= {name: weights[:, i] for i, name in enumerate(names) if not keys[i].patch}
    *parts, last = (f"{share.mean():.0%} to {place}" for place, share in places.items())
    return f"{who} gives {', '.join(parts)}{' and ' if parts else ''}{last}, on average."


def pinned_edges(packed: Packed) -> str:
    """One sentence on the strongest edges of the token that is pinned when the chart opens."""
    slot = packed.slots[packed.start]
    query = row_names(packed.attention)[packed.pin]
    keys = token_names(packed.attention.keys)
    row = packed.shown[packed.pin]
    drawn = [key for key in _strongest(row) if row[key] >= VISIBLE]
    parts = ", ".join(f"{keys[key]} ({row[key]:.3f})" for key in drawn)
    return f"In {slot}, {query} looks most at {parts or 'no token in particular'}."


def truth(packed: Packed) -> str:
    """What is known beforehand, and what the map shown gives it; empty where nothing is known.

    The word of the pinned row is told first; where there are more words than one, how often the
    map's strongest weight is on what is known.
    """
    if not packed.gold:
        return ""
    link = next((link for link in packed.gold if link.row == packed.pin), packed.gold[0])
    partners = _listed(f"“{partner}”" for partner in link.partners)
    n_patches = sum(packed.attention.keys[column].patch is not None for column in link.columns)
    if n_patches:
        partners = "the patch marked" if n_patches == 1 else f"the {n_patches} patches marked"
    # Rounded to the levels of the packing, a whole row may add up to a little more than 1.
    weight = min(1.0, packed.shown[link.row, list(link.columns)].sum())
    several = len(link.columns) > 1
    told = (
        f"Known beforehand: {_asked(packed, link)} goes with {partners}. "
        f"{'About to write it, ' if packed.attention.kind == 'cross' else ''}"
        f"{packed.slots[packed.start]}, the head shown first, gives "
        f"{'them' if several else 'it'} {weight:.3f}{' together' if several else ''}."
    )
    if len(packed.gold) == 1:
        return told
    missed = [
        _asked(packed, each)
        for each in packed.gold
        if packed.shown[each.row].argmax() not in each.columns
    ]
    n, others = len(packed.gold), f", but not {_listed(missed)}" if missed else ""
    return (
        f"{told} Such a thing is known of {n} words: {n - len(missed)} have their largest weight "
        f"where it belongs{others}."
    )


def _asked(packed: Packed, link: Link) -> str:
    """The word of a link as the page names it."""
    attention = packed.attention
    if attention.kind == "cross" and has_patches(attention.keys):
        return f"“{row_names(attention)[link.row]}”"
    return f"“{link.word}”"


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def strongest_keys(packed: Packed) -> Table:
    """For each query of the map shown the keys with the largest weights.

    Keys that a causal model cannot see are not in the table: those weights do not exist.
    """
    attention, keys = packed.attention, token_names(packed.attention.keys)
    queries = [token.text for token in attention.queries]
    if has_patches(attention.keys):
        queries = row_names(attention)
    n_ranks = min(_TOP, len(keys))
    rows = []
    for i, (query, row) in enumerate(zip(queries, packed.shown, strict=True)):
        seen = row[: i + 1] if packed.triangle else row
        cells = [f"{keys[key]} {row[key]:.3f}" for key in _strongest(seen)]
        cells += [""] * (n_ranks - len(cells))
        rows.append((str(i), query, *cells))
    return Table(
        caption=f"Where each token looks in {packed.slots[packed.start]}, with its weights",
        columns=("position", "query", *("strongest key", "second", "third")[:n_ranks]),
        rows=tuple(rows),
    )


def _strongest(row: NDArray[np.float64]) -> list[int]:
    """Indices of the largest weights, largest first."""
    order: list[int] = np.argsort(-row, kind="stable")[:_TOP].tolist()
    return order
