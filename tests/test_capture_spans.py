"""A token's place in its text is the one possible place, or none."""

from __future__ import annotations

from itertools import combinations

import pytest

from attention_gallery.capture.text.spans import searched_spans, stated_spans


def placed(text: str, *spellings: str | None) -> list[str | None]:
    """What of the text the tokens are found to be."""
    return [span and text[slice(*span)] for span in searched_spans(text, spellings)]


@pytest.mark.parametrize(
    ("text", "spellings", "found"),
    [
        ("the black cat", ["the", "black", "cat"], ["the", "black", "cat"]),
        ("The Black", ["the", "black"], ["The", "Black"]),
        ("unhappy", ["un", "##happy"], ["un", "happy"]),
        ("Unhappy", ["un@@", "happy"], ["Un", "happy"]),
        ("Café élan", ["cafe", "elan"], ["Café", "élan"]),
        ("Cafe\u0301 x", ["café", "x"], ["Cafe\u0301", "x"]),
        ("ﬁne ½", ["fine", "1", "⁄", "2"], ["ﬁne", "½", "½", "½"]),
        ("a ☃ b", ["a", None, "b"], ["a", "☃", "b"]),
        ("☃ b", [None, "b"], ["☃", "b"]),
        ("a ☃ ☂", ["a", None, None], ["a", "☃", "☂"]),
        ("é", ["\udcc3", "\udca9"], ["é", "é"]),
        ("a日b", ["a", "\udce6", "\udc97", "\udca5", "b"], ["a", "日", "日", "日", "b"]),
        ("é  b", ["\udcc3", "\udca9", " ", " ", "b"], ["é", "é", " ", " ", "b"]),
    ],
)
def test_tokens_are_found_where_they_can_only_be(
    text: str, spellings: list[str | None], found: list[str]
) -> None:
    assert placed(text, *spellings) == found


@pytest.mark.parametrize(
    ("text", "spellings", "found"),
    [
        # The unknown token may be "x" or "xa".
        ("xa a", [None, "a"], [None, None]),
        # Two unknown tokens share what nobody knows how to divide.
        ("a ☃☂ b", ["a", None, None, "b"], ["a", None, None, "b"]),
        # One of the two was dropped; which one?
        ("a a", ["a"], [None]),
        ("cat dog", ["cat", "bird", "dog"], ["cat", None, "dog"]),
        # Written otherwise, and again as it is: the place of the second is not the first's.
        ("œuf oe b", ["oe", "uf", "b"], [None, None, "b"]),
        ("a b c", ["a", None, "c"], ["a", "b", "c"]),
        ("a b b c", ["a", None, "c"], ["a", None, "c"]),
        ("", ["a"], [None]),
        # A space has a token here and none there; it may be the one put before the text.
        ("a b c", ["a", " ", "b", "c"], ["a", None, "b", "c"]),
    ],
)
def test_a_place_that_is_not_certain_is_not_given(
    text: str, spellings: list[str | None], found: list[str | None]
) -> None:
    assert placed(text, *spellings) == found


def test_no_other_way_to_place_certain_tokens_exists() -> None:
    """Every text of up to seven letters a and b against all the ways to leave letters out."""
    for number in range(2, 2**8):
        text = f"{number:b}"[1:].replace("0", "a").replace("1", "b")
        for n_tokens in range(1, len(text) + 1):
            ways = list(combinations(range(len(text)), n_tokens))
            for way in ways:
                spellings = [text[i] for i in way]
                all_ways = [w for w in ways if [text[i] for i in w] == spellings]
                for n, span in enumerate(searched_spans(text, spellings)):
                    starts = {w[n] for w in all_ways}
                    assert (span is not None) == (len(starts) == 1)
                    assert span is None or span == (way[n], way[n] + 1)


@pytest.mark.parametrize(
    ("text", "stated", "spelling", "found"),
    [
        ("a cat", (1, 5), "cat", "cat"),
        ("a\tcat", (1, 5), "cat", "cat"),
        ("a. \n", (1, 4), ". \n", ". \n"),
        ("a b", (1, 2), " ", " "),
        ("a  b", (1, 3), "  ", "  "),
        ("日", (0, 1), " ", None),
        ("a", (0, 0), "</s>", None),
        ("\u3000", (0, 1), "\udce3", "\u3000"),
        ("e\u0301t", (0, 1), "e", "e\u0301"),
    ],
)
def test_a_stated_place_is_cut_down_to_what_can_be_seen(
    text: str, stated: tuple[int, int], spelling: str, found: str | None
) -> None:
    (span,) = stated_spans(text, [stated], [spelling])
    assert (span and text[slice(*span)]) == found


def test_bytes_of_a_run_that_is_stated_as_one_are_given_to_their_characters() -> None:
    stated = [(0, 2)] * 5
    spellings = ["\udcc3", "\udca9", "\udce6", "\udc97", "\udca5"]
    assert stated_spans("é日", stated, spellings) == ((0, 1),) * 2 + ((1, 2),) * 3
