"""Attention over images made of random numbers, for tests that need no model."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attention_gallery.codes import Layers
from attention_gallery.terms import Attention, Capture, Exhibit, Head, Sentence, Start, Token
from attentions import capture, exhibit

CAPTION = ("<s>", "a", "red", "circle", "and", "a", "square")
CLASS_TOKEN = ("[CLS]",)


def tokens(texts: tuple[str, ...], grid: tuple[int, int] | None = None) -> tuple[Token, ...]:
    """Tokens of a text; then the patches of a grid of rows and columns, as a capture has them."""
    words = tuple(Token(text, text[:1] in "[<", i) for i, text in enumerate(texts))
    rows, columns = grid or (0, 0)
    places = ((row, column) for row in range(rows) for column in range(columns))
    return words + tuple(Token(f"r{row}c{column}", patch=(row, column)) for row, column in places)


def captioner(
    caption: tuple[str, ...] = CAPTION,
    grid: tuple[int, int] = (3, 4),
    before: tuple[str, ...] = CLASS_TOKEN,
    n_heads: tuple[int, ...] = (2, 2),
) -> Attention:
    """Rows of softmaxed noise: words look at patches and at what stands before them."""
    queries, keys = tokens(caption), tokens(before, grid)
    return Attention(
        "cross", queries, keys, Layers.of(_noise(n_heads, len(queries), len(keys))), False
    )


def encoder(
    grid: tuple[int, int] = (3, 4),
    before: tuple[str, ...] = CLASS_TOKEN,
    n_heads: tuple[int, ...] = (2, 2),
) -> Attention:
    """Rows of softmaxed noise: patches look at each other."""
    seen = tokens(before, grid)
    return Attention("encoder", seen, seen, Layers.of(_noise(n_heads, len(seen), len(seen))), False)


def _noise(
    n_heads: tuple[int, ...], n_queries: int, n_keys: int
) -> tuple[NDArray[np.float32], ...]:
    rng = np.random.default_rng(0)
    layers = []
    for n in n_heads:
        weights = np.exp(rng.normal(scale=2, size=(n, n_queries, n_keys)))
        layers.append((weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32))
    return tuple(layers)


def png(width: int, height: int) -> bytes:
    """A small picture of two gradients.

    Written by hand and not compressed: the same bytes with every version of every library.
    """
    rows = (
        b"\0" + bytes(c for x in range(width) for c in (255 * x // width, 255 * y // height, 99))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 0)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def picture(
    source: Attention,
    *,
    gold: Mapping[str, tuple[str, ...]] | None = None,
    heads: tuple[Head, ...] = (),
    start: Start | None = None,
    size: tuple[int, int] = (16, 12),
) -> tuple[Exhibit, Capture]:
    """An exhibit of an image, and its capture."""
    shown = exhibit(id="scene", heads=heads, start=start, views=("patches",))
    shown = replace(shown, sentence=Sentence("scene", "", image="scene.png", gold=gold or {}))
    return shown, replace(capture(source), image=png(*size))
