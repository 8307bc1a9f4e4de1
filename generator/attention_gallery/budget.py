"""How many bytes an exhibit will add to a site, before it is drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from attention_gallery import views
from attention_gallery.model_source import read_head_counts, read_patch_grid, rules_out_cross
from attention_gallery.terms import Capture, Exhibit
from attention_gallery.views.neuron import layout, vectors

SITE = 1_100_000
"""Vega, the theme and the search index: what a site of no exhibits weighs."""

# Measured on the specimens and on all-MiniLM-L6-v2, 4 to 64 tokens, and on noise of 200 tokens.
_PAGE = 30_000
_TOKEN = 90  # in the table, at either end of an edge
# Labels and lines of the static picture, and rectangles.
_TOKEN_OF_PICTURE = {"compare": 510, "edges": 770, "heatmap": 170, "neuron": 450, "patches": 430}
_CELL_OF_PICTURE = {"compare": 171, "edges": 0, "heatmap": 57, "neuron": 0, "patches": 0}
# Of vectors: the formulas, a cell of the picture, and how many numbers most have.
_FORMULAS = 20_000
_CELL_OF_VECTOR = 80
_DIMENSIONS = 64
_CELL_OF_CHART = 2  # two digits a weight
_CELL_OF_ARCHIVE = 3.6  # float32, compressed
_CELL_OF_SPRITE = 0.5
_BYTE_OF_IMAGE = 8 / 3  # base64, inside the chart and its static picture

# Chinese and Japanese signs and Korean syllables are mostly tokens of their own.
_SIGN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_LONGEST_WORD = 25  # tokens; BERT even makes one token of a word of more than 100 letters

_CAPTION = 16  # tokens, where the model writes what it sees


def exhibit_bytes(exhibit: Exhibit, capture: Capture | None) -> int | None:
    """Estimate the size of an exhibit's page and files.

    Args:
        exhibit: The exhibit.
        capture: Its capture, where one is stored; the shape is guessed from the model's
            `config.json` and the length of the text, or the patches of the image, otherwise.

    Returns:
        Bytes, or None when nothing about the model is known before it is captured.
    """
    if capture is not None:
        attention = capture.attentions.get(exhibit.attention or capture.natural)
        if attention is None:
            return None
        n_heads, n_layers = sum(attention.n_heads), attention.n_layers
        n_queries, n_keys = len(attention.queries), len(attention.keys)
        share = 0.5 if attention.causal else 1.0
        n_dims = max((q.shape[-1] for q in attention.parts.get("query", ())), default=_DIMENSIONS)
    else:
        counts = read_head_counts(Path(exhibit.model.location), exhibit.attention)
        if exhibit.model.kind == "hub" or counts is None:
            return None
        n_heads, n_layers = counts.layers * counts.heads, counts.layers
        shape = _guess_shape(exhibit)
        if shape is None:
            return None
        n_queries, n_keys = shape
        share = 1.0
        n_dims = _DIMENSIONS
    cells = n_queries * n_keys * share
    n_maps = (len(exhibit.heads) or n_heads + n_layers) * (1 + len(exhibit.against))
    return round(
        _PAGE
        + (n_queries + n_keys) * (_TOKEN + _of_pictures(exhibit, _TOKEN_OF_PICTURE))
        + cells * _of_pictures(exhibit, _CELL_OF_PICTURE)
        + n_maps * cells * _CELL_OF_CHART
        + n_heads * cells * (_CELL_OF_ARCHIVE + _CELL_OF_SPRITE)
        + len(capture.image if capture else b"") * _BYTE_OF_IMAGE
        + _of_vectors(exhibit, n_heads, n_queries, n_keys, n_dims)
    )


def _of_vectors(exhibit: Exhibit, n_heads: int, n_queries: int, n_keys: int, n_dims: int) -> int:
    """What vectors add to a chart and its picture, where there is a view that shows them."""
    if not views.parts(exhibit):
        return 0
    digits = 4 * (n_queries + n_keys) * n_dims
    travelling = len(exhibit.heads) * digits or max(digits, min(n_heads * digits, vectors.BUDGET))
    n_cells = 2 * layout.n_cells(n_dims, n_keys) * n_keys
    return _FORMULAS + travelling + n_cells * _CELL_OF_VECTOR


def _of_pictures(exhibit: Exhibit, sizes: Mapping[str, int]) -> int:
    """The sum over an exhibit's views; one that was never measured counts as the largest."""
    return sum(sizes.get(view, max(sizes.values())) for view in views.of(exhibit))


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
