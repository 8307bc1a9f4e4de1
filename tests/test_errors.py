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
