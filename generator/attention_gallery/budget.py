"""How many bytes an exhibit will add to a site, before it is drawn."""

from __future__ import annotations

from pathlib import Path

from attention_gallery.model_source import read_head_counts
from attention_gallery.terms import Capture, Exhibit

SITE = 1_100_000
"""Vega, the theme and the search index: what a site of no exhibits weighs."""

# Measured on the specimens and on all-MiniLM-L6-v2, 4 to 64 tokens.
_PAGE = 45_000
_TOKEN_OF_VIEW = 1_600  # labels, controls and edges in the page and in the static picture
_CELL_OF_CHART = 2  # two digits a weight
_CELL_OF_ARCHIVE = 3.6  # float32, compressed
_CELL_OF_SPRITE = 0.35


def exhibit_bytes(exhibit: Exhibit, capture: Capture | None) -> int | None:
    """Estimate the size of an exhibit's page and files.

    Args:
        exhibit: The exhibit.
        capture: Its capture, where one is stored; the shape is guessed from the model's
            `config.json` and the text's length otherwise.

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
    else:
        counts = read_head_counts(Path(exhibit.model.location), exhibit.attention)
        if exhibit.model.kind == "hub" or counts is None:
            return None
        n_heads, n_layers = counts.layers * counts.heads, counts.layers
        n_queries = n_keys = _guess_tokens(exhibit.sentence.text)
        share = 1.0
    cells = n_queries * n_keys * share
    n_maps = len(exhibit.heads) or n_heads + n_layers
    return round(
        _PAGE
        + len(exhibit.views) * (n_queries + n_keys) * _TOKEN_OF_VIEW / 2
        + n_maps * cells * _CELL_OF_CHART
        + n_heads * cells * (_CELL_OF_ARCHIVE + _CELL_OF_SPRITE)
    )


def _guess_tokens(text: str) -> int:
    """About as many tokens as most vocabularies make of a text."""
    return round(max(1.3 * len(text.split()), len(text) / 4)) + 2
