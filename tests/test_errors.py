"""What can go wrong, and with which exit code."""

from __future__ import annotations

import pytest

from attention_gallery.errors import (
    FaultsError,
    GalleryError,
    InputError,
    ModelError,
    StoreError,
    Where,
    as_bytes,
    raise_faults,
)


@pytest.mark.parametrize(
    ("faults", "exit_code"),
    [
        ([InputError("a"), ModelError("b")], 2),
        ([InputError("a"), StoreError("b")], 1),
        ([StoreError("a"), FaultsError([InputError("b")])], 1),
    ],
)
def test_several_faults_are_bad_input_when_all_of_them_are(
    faults: list[GalleryError], exit_code: int
) -> None:
    with pytest.raises(FaultsError) as caught:
        raise_faults(faults)
    assert caught.value.exit_code == exit_code


def test_faults_are_told_in_the_order_of_their_places() -> None:
    late, early = (InputError("x", Where("a.yml", line)) for line in (10, 9))
    assert FaultsError([late, early]).faults == (early, late)


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
        (4_800_000_000_000, "4.8 TB"),
    ],
)
def test_bytes_have_three_digits(size: float, words: str) -> None:
    assert as_bytes(size) == words
