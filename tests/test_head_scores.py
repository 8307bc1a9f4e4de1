"""Scores of heads, against plain loops over rows and columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from attention_gallery.codes import ERROR, Layers
from attention_gallery.gold import Link
from attention_gallery.head_scores import HeadScore, distance, entropy, head_scores, largest
from attention_gallery.terms import Attention, AttentionKind, Head, Token
from attentions import attention

WORDS = ("[CLS]", "The", "cat", "saw", "the", "cat", "[SEP]")
GOLD = (Link("cat", ("The",), 2, (1,)), Link("saw", ("cat", "the"), 3, (2, 4)))


def text(causal: bool = False) -> Attention:
    """Two special tokens, and two words that come twice, one of them with another capital."""
    made = attention(WORDS, kind="decoder" if causal else "encoder", n_heads=(2, 3))
    tokens = tuple(Token(word, special=word.startswith("["), id=i) for i, word in enumerate(WORDS))
    return replace(made, queries=tokens, keys=tokens)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def expected(source: Attention, layer: int, head: int) -> dict[str, float]:
    """The scores by their definitions, one weight after the other."""
    a = source.layers[layer][head].astype(float).tolist()
    n = len(a)
    first = 1 if source.causal else 0
    rows = range(first, n)
    twice = {1: 4, 2: 5, 4: 1, 5: 2}
    seen = {i: j for i, j in twice.items() if j < i or not source.causal}
    scores = {
        "known": mean([a[2][1], a[3][2] + a[3][4]]),
        "previous": mean([a[i][i - 1] for i in range(1, n)]),
        "next": mean([a[i][i + 1] for i in range(n - 1)]),
        "itself": mean([a[i][i] for i in rows]),
        "first": mean([a[i][0] for i in range(1, n)]),
        "special": mean([a[i][0] + a[i][n - 1] for i in rows]),
        "same": mean([a[i][j] for i, j in seen.items()]),
        "distance": mean([sum(a[i][j] * abs(i - j) for j in range(n)) for i in rows]),
        "entropy": mean([-sum(w * math.log2(w) for w in a[i] if w > 0) for i in rows]),
        "largest": mean([max(a[i]) for i in rows]),
    }
    if source.causal:
        del scores["next"]
    return scores


@pytest.mark.parametrize("causal", [False, True])
def test_scores_are_what_their_definitions_say(causal: bool) -> None:
    source = text(causal)
    found = head_scores(source, GOLD)
    for layer, n_heads in enumerate(source.n_heads):
        for head in range(n_heads):
            wanted = expected(source, layer, head)
            assert list(found) == list(wanted)
            for name, value in wanted.items():
                assert found[name].values[layer][head] == pytest.approx(value, abs=1e-6), name


def test_attention_across_two_texts_has_the_scores_that_need_no_common_order() -> None:
    source = attention(("a", "b"), kind="cross", keys=("le", "</s>"), n_heads=(2,))
    assert list(head_scores(source)) == ["entropy", "largest"]
    keys = (Token("le"), Token("</s>", special=True))
    found = head_scores(replace(source, keys=keys))
    assert list(found) == ["special", "entropy", "largest"]
    assert found["special"].values[0] == pytest.approx(source.layers[0][:, :, 1].mean(axis=1))


def test_of_a_first_token_that_is_the_only_special_one_there_is_one_score() -> None:
    assert "special" not in head_scores(attention(("<s>", "a", "fox")))
    assert "special" in head_scores(text())


def test_nothing_is_said_of_repetition_where_nothing_repeats() -> None:
    assert "same" not in head_scores(attention(("<s>", "a", "fox")))
    again = attention(("<s>", "a", "<s>"))
    assert "same" not in head_scores(again), "special tokens are no words"


def test_what_a_text_gives_to_an_image_within_it_is_a_score() -> None:
    source = attention(("r0c0", "r0c1", "look"), kind="encoder", n_heads=(2,))
    tokens = (Token("r0c0", patch=(0, 0)), Token("r0c1", patch=(0, 1)), Token("look"))
    found = head_scores(replace(source, queries=tokens, keys=tokens))
    wanted = source.layers[0][:, :, :2].sum(axis=2).mean(axis=1)
    assert found["image"].values[0] == pytest.approx(wanted, abs=1e-6)


def test_a_single_token_is_not_asked_what_it_looks_back_to() -> None:
    kinds: tuple[AttentionKind, ...] = ("encoder", "decoder")
    for kind in kinds:
        found = head_scores(attention(("fox",), kind=kind, n_heads=(1,)))
        assert list(found) == ["distance", "entropy", "largest"]
        assert found["largest"].values[0] == pytest.approx([1])


def test_even_attention_has_the_entropy_of_a_fair_choice() -> None:
    """Of eight keys that is three bits; of one, none."""
    even, sharp = np.full((1, 8, 8), 1 / 8, np.float32), np.eye(8, dtype=np.float32)[None]
    assert entropy(even) == pytest.approx([3], abs=1e-6)
    assert entropy(sharp) == pytest.approx([0], abs=1e-6)
    assert largest(even) == pytest.approx([1 / 8])
    assert distance(sharp) == pytest.approx([0])


def test_a_head_that_looks_one_token_back_is_found_for_what_it_is() -> None:
    back = np.eye(6, k=-1, dtype=np.float32)
    back[0, 0] = 1
    source = replace(attention(tuple("abcdef")), layers=Layers.of([back[None]]))
    found = head_scores(source)
    scores = {name: score.values[0][0] for name, score in found.items()}
    assert scores == pytest.approx(
        {"previous": 1, "itself": 0, "first": 1 / 5, "distance": 1, "entropy": 0, "largest": 1},
        abs=10 * ERROR,
    )


def test_layers_of_no_interest_are_not_computed() -> None:
    found = head_scores(text(), heads=[Head(1, 2)])
    assert np.isnan(found["previous"].values[0]).all()
    assert found["previous"].values[1] == pytest.approx(head_scores(text())["previous"].values[1])


def test_a_score_is_printed_with_its_unit_and_counts_as_it_is_printed() -> None:
    share = HeadScore("share", (np.array([0.12345, 0.9999]),))
    assert [share[Head(0, i)] for i in range(2)] == [0.123, 1.0]
    assert share.told(share[Head(0, 0)]) == "0.123"
    far = HeadScore("mean distance", (np.array([3.14159]),), "tokens")
    assert far.told(far[Head(0, 0)]) == "3.14 tokens"
