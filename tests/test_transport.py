"""Documents that are sent to a page, and what they weigh."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from attention_gallery import transport, views
from attention_gallery.packing import Packed
from attentions import FOX, attention, capture, exhibit
from documents import CASES, Document, opened, received


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_document_comes_back_as_it_was(case: Callable[[], tuple[Document, Packed]]) -> None:
    document, packed = case()
    parts = transport.encode(document, packed)
    assert received(parts) == json.loads(json.dumps(document))
    assert parts == transport.encode(document, packed)
    assert all(part.isascii() for part in parts)


def test_weights_of_tokens_words_and_others_are_taken_out_of_a_document() -> None:
    for name, params in (("words", {"weights", "word_weights"}), ("against others", {"weights"})):
        document, packed = CASES[name]()
        told, _ = opened(transport.encode(document, packed))
        assert not any(blob in json.dumps(told) for blob in packed.blobs)
        named = [
            document[path[0]]["params"][path[2]]["name"]
            for path in (taken["path"] for taken in told["taken"])
        ]
        assert params <= set(named)
        assert named.count("other_weights") == len(packed.others)


def test_rows_of_all_shapes_are_told() -> None:
    for name, rows in (
        ("causal", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("full", [13] * 13),
        ("cross", [2] * 10),
    ):
        told, _ = opened(transport.encode(*CASES[name]()))
        assert told["taken"][0]["rows"] == rows


def test_pooled_maps_are_off_by_one_at_most_and_cost_next_to_nothing() -> None:
    packed = views.pack(exhibit(), capture(attention(FOX * 3, n_heads=(12,) * 3)))
    parts = transport.encode({"weights": list(packed.blobs)}, packed)
    residuals = opened(parts)[1][13]
    assert len(residuals) == 8 * packed.n_cells
    assert set(residuals) <= {0, 1, 2}
    assert len(parts[14]) < len(residuals) / 8


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_a_page_takes_two_thirds_of_the_bytes_of_compressed_digits(kind: Any) -> None:
    tokens = tuple(str(i) for i in range(48))
    packed = views.pack(exhibit(), capture(attention(tokens, n_heads=(12,) * 4, kind=kind)))
    document = {"weights": list(packed.blobs)}
    compressed = base64.b64encode(gzip.compress(json.dumps(document).encode(), 9))
    assert sum(map(len, transport.encode(document, packed))) < 0.67 * len(compressed)
