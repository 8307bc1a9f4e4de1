"""What the commands print."""

from __future__ import annotations

import pytest

from attention_gallery.terminal import as_bytes


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.4, "999 B"),
        (999.7, "1 kB"),
        (1_234, "1.23 kB"),
        (999_700, "1 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_bytes_have_three_digits(size: float, words: str) -> None:
    assert as_bytes(size) == words
