"""What a figure shows, in words and in numbers: for screen readers, print and search.

Everything here is computed from the map a chart opens with, so text and picture cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from attention_gallery.charts import VISIBLE, has_patches, row_names, token_names
from attention_gallery.gold import Link
from attention_gallery.language import _, ngettext
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
        return _(
            "Each target token gives {share} of its attention to one source token, on average over "
            "the sentence."
        ).format(share=f"{strongest:.0%}")
    if len(weights) == 1:
        return _("The only token looks at itself.")
    return _(
        "Attention goes {itself} to the token itself, {before} to the token before it, {first} to "
        "the first token of all, {token}, on average over the tokens after the first (for the "
        "second, the token before it is the first of all)."
    ).format(
        itself=f"{np.diagonal(weights)[1:].mean():.0%}",
        before=f"{np.diagonal(weights, -1).mean():.0%}",
        first=f"{weights[1:, 0].mean():.0%}",
        token=token_names(packed.attention.keys)[0],
    )


def _pattern_of_both(packed: Packed) -> str:
    """One sentence on how much the text gives to the image within it, averaged over its tokens."""
    attention = packed.attention
    words = [i for i, token in enumerate(attention.queries) if not (token.patch or token.special)]
    patches = [i for i, token in enumerate(attention.keys) if token.patch]
    share = packed.shown[np.ix_(words, patches)].sum(axis=1).mean()
    return _(
        "Each token of the text gives {share} of its attention to the image, on average."
    ).format(share=f"{share:.0%}")


def _pattern_of_patches(packed: Packed) -> str:
    """One sentence on where the map shown puts its mass in an image, averaged over its rows."""
    weights, keys, names = packed.shown, packed.attention.keys, token_names(packed.attention.keys)
    patches = [i for i, token in enumerate(keys) if token.patch]
    if has_patches(packed.attention.queries):
        told, weights = _("Each patch gives {shares}, on average."), weights[patches]
        at = np.array([keys[i].patch for i in patches])
        distance = np.abs(at[:, None] - at).max(axis=-1)  # 1 for each of the eight around
        among = weights[:, patches]
        places = [
            (_("{share} to itself"), "", np.diagonal(among)),
            (
                _("{share} to the patches around it"),
                "",
                np.where(distance == 1, among, 0).sum(axis=1),
            ),
        ]
    else:
        told = _("Each word gives {shares}, on average.")
        places = [(_("{share} to one patch"), "", weights[:, patches].max(axis=1))]
    places += [
        (_("{share} to {token}"), name, weights[:, i])
        for i, name in enumerate(names)
        if not keys[i].patch
    ]
    shares = (
        said.format(share=f"{share.mean():.0%}", token=token) for said, token, share in places
    )
    return told.format(shares=listed(shares))


def pinned_edges(packed: Packed) -> str:
    """One sentence on the strongest edges of the token that is pinned when the chart opens."""
    slot = packed.slots[packed.start]
    query = row_names(packed.attention)[packed.pin]
    keys = token_names(packed.attention.keys)
    row = packed.shown[packed.pin]
    drawn = [key for key in _strongest(row) if row[key] >= VISIBLE]
    if not drawn:
        return _("In {head}, {query} looks most at no token in particular.").format(
            head=slot, query=query
        )
    parts = ", ".join(f"{keys[key]} ({row[key]:.3f})" for key in drawn)
    return _("In {head}, {query} looks most at {keys}.").format(head=slot, query=query, keys=parts)


def truth(packed: Packed) -> str:
    """What is known beforehand, and what the map shown gives it; empty where nothing is known.

    The word of the pinned row is told first; where there are more words than one, how often the
    map's strongest weight is on what is known.
    """
    if not packed.gold:
        return ""
    link = next((link for link in packed.gold if link.row == packed.pin), packed.gold[0])
    partners = listed(f"“{partner}”" for partner in link.partners)
    n_patches = sum(packed.attention.keys[column].patch is not None for column in link.columns)
    if n_patches:
        partners = ngettext("the patch marked", "the {n} patches marked", n_patches)
        partners = partners.format(n=n_patches)
    # Rounded to the levels of the packing, a whole row may add up to a little more than 1.
    weight = min(1.0, packed.shown[link.row, list(link.columns)].sum())
    known = _("Known beforehand: {word} goes with {partners}.")
    told = " ".join(
        (
            known.format(word=_asked(packed, link), partners=partners),
            _given(packed, n=len(link.columns)).format(
                head=packed.slots[packed.start], weight=f"{weight:.3f}"
            ),
        )
    )
    if len(packed.gold) == 1:
        return told
    missed = [
        _asked(packed, each)
        for each in packed.gold
        if packed.shown[each.row].argmax() not in each.columns
    ]
    of_all = _(
        "Such a thing is known of {n} words: {right} have their largest weight where it belongs."
    )
    if missed:
        of_all = _(
            "Such a thing is known of {n} words: {right} have their largest weight where it "
            "belongs, but not {wrong}."
        )
    n = len(packed.gold)
    right, wrong = n - len(missed), listed(missed) if missed else ""
    return f"{told} {of_all.format(n=n, right=right, wrong=wrong)}"


def _given(packed: Packed, n: int) -> str:
    """The sentence that says what `n` keys get of the head shown first."""
    if packed.attention.kind == "cross":
        return ngettext(
            "About to write it, {head}, the head shown first, gives it {weight}.",
            "About to write it, {head}, the head shown first, gives them {weight} together.",
            n,
        )
    return ngettext(
        "{head}, the head shown first, gives it {weight}.",
        "{head}, the head shown first, gives them {weight} together.",
        n,
    )


def _asked(packed: Packed, link: Link) -> str:
    """The word of a link as the page names it."""
    attention = packed.attention
    if attention.kind == "cross" and has_patches(attention.keys):
        return f"“{row_names(attention)[link.row]}”"
    return f"“{link.word}”"


def listed(words: Iterable[str]) -> str:
    """Words as a sentence lists them, one of them at least."""
    *others, last = words
    return _("{words} and {last}").format(words=", ".join(others), last=last) if others else last


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
        caption=_("Where each token looks in {head}, with its weights").format(
            head=packed.slots[packed.start]
        ),
        columns=(
            _("position"),
            _("query"),
            *(_("strongest key"), _("second"), _("third"))[:n_ranks],
        ),
        rows=tuple(rows),
    )


def _strongest(row: NDArray[np.float64]) -> list[int]:
    """Indices of the largest weights, largest first."""
    order: list[int] = np.argsort(-row, kind="stable")[:_TOP].tolist()
    return order
