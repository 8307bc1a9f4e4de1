"""How many bytes an exhibit will add to a site, before it is drawn."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from attention_gallery import packing, views
from attention_gallery.model_source import read_head_counts, read_patch_grid, rules_out_cross
from attention_gallery.terms import Capture, Download, Exhibit
from attention_gallery.views.neuron import layout, vectors

SITE = 1_100_000
"""Vega, the theme and the search index: what a site of no exhibits weighs."""

# Measured on the specimens and on all-MiniLM-L6-v2, 4 to 64 tokens, and on noise of up to 300.
_PAGE = 30_000
_TOKEN = 90  # in the table, at either end of an edge
# Of vectors: the formulas, a cell of the picture, and how many numbers most have.
_FORMULAS = 20_000
_CELL_OF_VECTOR = 80
_DIMENSIONS = 64
_CELL_OF_CHART = 0.85  # a level, on its way to the page
_CELL_OF_ARCHIVE = 3.6  # float32, compressed
_HEAD_OF_SPRITE = 850
_CELL_OF_SPRITE = 0.15
_BYTE_OF_IMAGE = 8 / 3  # base64, inside the chart and its static picture
# Of a chart's files: what each has besides, and its share of what the chart's picture takes.
_FILES: Mapping[Download, tuple[int, float]] = {
    "vega-lite": (23_000, 0),
    "svg": (0, 0.85),
    "png": (0, 0.9),
    "pdf": (15_000, 1),
}
_CELL_OF_DOCUMENT = 2  # digits of a level, not compressed


class _Drawn(NamedTuple):
    """What a view adds to a page: its static picture, and what its document holds besides weights.

    Attributes:
        base: Whatever it shows.
        token: For each token, at either end of an edge.
        cell: For each cell of one map.
        head: For each map that travels.
        bar: For each row and column of each map that travels.
        longest: Tokens of the longest text that is drawn whole; None for no limit.
        picture: For each cell of each map of a longer text.
    """

    base: int
    token: float = 0
    cell: float = 0
    head: float = 0
    bar: float = 0
    longest: int | None = None
    picture: float = 0


_VIEWS: Mapping[str, _Drawn] = {
    "alignment": _Drawn(7_000, token=700, cell=80),
    "arcs": _Drawn(4_000, token=750),
    "attribution": _Drawn(0, token=200),
    "compare": _Drawn(0, token=510, cell=171),
    "edges": _Drawn(10_000, token=870, longest=96),
    "explanation": _Drawn(15_000, token=600),
    "generation": _Drawn(10_000, token=300),
    "grid": _Drawn(15_000, head=1_700),
    "heads": _Drawn(45_000, head=500),
    "heatmap": _Drawn(15_000, token=500, cell=20, bar=2.6, longest=80, picture=1.4),
    "lens": _Drawn(10_000, token=400),
    "neuron": _Drawn(0, token=450),
    "patches": _Drawn(0, token=430),
    "predictions": _Drawn(0, token=350),
    "probing": _Drawn(0),
}
# How many maps measures have of each head; the rest of what they find is small.
_MAPS: Mapping[str, int] = {"gradient": 2, "norms": 2}
# Of a longer text a part is drawn, as large as this.
_LONG = 45_000
_PIXELS = 512  # that the side of a map's picture has at most

# Chinese and Japanese signs and Korean syllables are mostly tokens of their own.
_SIGN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_LONGEST_WORD = 25  # tokens; BERT even makes one token of a word of more than 100 letters

_CAPTION = 16  # tokens, where the model writes what it sees


def exhibit_bytes(
    exhibit: Exhibit, capture: Capture | None, downloads: Collection[Download] = ()
) -> int | None:
    """Estimate the size of an exhibit's page and files.

    Args:
        exhibit: The exhibit.
        capture: Its capture, where one is stored; the shape is guessed from the model's
            `config.json` and the length of the text, or the patches of the image, otherwise.
        downloads: What each chart is also written as.

    Returns:
        Bytes, or None when nothing about the model is known before it is captured.
    """
    if capture is not None:
        attention = capture.attentions.get(exhibit.attention or capture.natural)
        if attention is None:
            return None
        n_heads = sum(attention.n_heads)
        n_queries, n_keys = len(attention.queries), len(attention.keys)
        share = 0.5 if attention.causal else 1.0
        n_dims = max((q.shape[-1] for q in attention.parts.get("query", ())), default=_DIMENSIONS)
    else:
        counts = read_head_counts(Path(exhibit.model.location), exhibit.attention)
        if exhibit.model.kind == "hub" or counts is None:
            return None
        n_heads = counts.layers * counts.heads
        shape = _guess_shape(exhibit)
        if shape is None:
            return None
        n_queries, n_keys = shape
        share = 1.0
        n_dims = _DIMENSIONS
    cells = n_queries * n_keys * share
    n_sides = 1 + len(exhibit.against)
    # What is pooled follows from the heads, and takes next to nothing.
    n_maps = exhibit.n_listed_heads or min(
        n_heads, packing.BUDGET // round(2 * cells * n_sides) + 1
    )
    names = views.of(exhibit, max(n_queries, n_keys))
    n_derived = sum(_MAPS.get(name, 0) for name in views.measures(exhibit))
    n_shown = n_maps * (n_sides + sum(_MAPS.get(name, 0) for name in exhibit.measures))
    drawn = [_of_view(name, n_queries, n_keys, cells, n_maps) for name in names]
    files = sum(
        base + part * size for base, part in (_FILES[name] for name in downloads) for size in drawn
    )
    return round(
        _PAGE
        + (n_queries + n_keys) * _TOKEN
        + sum(drawn)
        + files
        + (len(names) * n_shown * cells * _CELL_OF_DOCUMENT if "vega-lite" in downloads else 0)
        + n_shown * cells * _CELL_OF_CHART
        + (n_maps * n_sides + n_heads * n_derived) * cells * _CELL_OF_ARCHIVE
        + n_heads * min(cells * _CELL_OF_SPRITE, _HEAD_OF_SPRITE)
        + len(capture.image if capture else b"") * _BYTE_OF_IMAGE
        + _of_vectors(exhibit, n_heads, n_queries, n_keys, n_dims)
    )


def _of_vectors(exhibit: Exhibit, n_heads: int, n_queries: int, n_keys: int, n_dims: int) -> int:
    """What vectors add to a chart and its picture, where there is a view that shows them."""
    if not views.parts(exhibit):
        return 0
    digits = 4 * (n_queries + n_keys) * n_dims
    travelling = exhibit.n_listed_heads * digits or max(
        digits, min(n_heads * digits, vectors.BUDGET)
    )
    n_cells = 2 * layout.n_cells(n_dims, n_keys) * n_keys
    return _FORMULAS + travelling + n_cells * _CELL_OF_VECTOR


def _of_view(name: str, n_queries: int, n_keys: int, cells: float, n_maps: int) -> float:
    """What a view adds; one that was never measured counts as a map of many marks."""
    drawn = _VIEWS.get(name, _VIEWS["compare"])
    size = drawn.base + n_maps * (drawn.head + drawn.bar * (n_queries + n_keys))
    n_tokens = max(n_queries, n_keys)
    if drawn.longest is None or n_tokens <= drawn.longest:
        return size + (n_queries + n_keys) * drawn.token + cells * drawn.cell
    return size + _LONG + n_maps * drawn.picture * cells * min(1, _PIXELS / n_tokens) ** 2


def _guess_shape(exhibit: Exhibit) -> tuple[int, int] | None:
    """About how many queries and keys; None when those of an image or a sound are not known."""
    sentence, folder = exhibit.sentence, Path(exhibit.model.location)
    if sentence.audio:
        return None
    if not sentence.image:
        n_tokens = _guess_tokens(f"{sentence.text} {sentence.pair}")
        return n_tokens, n_tokens
    grid = read_patch_grid(folder)
    if grid is None:
        return None
    n_patches = grid[0] * grid[1] + 1  # most encoders add a token that sums them up
    if sentence.text:
        return _guess_beside_text(exhibit, n_patches)
    n_words = _guess_tokens(sentence.target) if sentence.target else _CAPTION
    kind = exhibit.attention or ("encoder" if rules_out_cross(folder) else "cross")
    return (
        n_patches if kind == "encoder" else n_words,
        n_words if kind == "decoder" else n_patches,
    )


def _guess_beside_text(exhibit: Exhibit, n_patches: int) -> tuple[int, int]:
    """About how many queries and keys; where the image is within the text, they are of both."""
    n_words = _guess_tokens(exhibit.sentence.text)
    match exhibit.attention:
        case "vision":
            return n_patches, n_patches
        case "cross":
            return n_words, n_patches
    return n_words + n_patches, n_words + n_patches


def _guess_tokens(text: str) -> int:
    """About as many tokens as most vocabularies make of a text."""
    words = _SIGN.sub(" ", text).split()
    parts = sum(min(max(1.3, len(word) / 4), _LONGEST_WORD) for word in words)
    return round(len(_SIGN.findall(text)) + parts) + 2
