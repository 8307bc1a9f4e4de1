"""The view of attribution: its numbers are those that were measured, and what they add up to."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import vl_convert

from attention_gallery import charts, views
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import ATTENTION_KINDS, Capture, Exhibit, Measured
from attention_gallery.views import attribution
from attention_gallery.views.attribution.layout import Layout
from attention_gallery.views.attribution.question import LITTLE, asks, gives
from attention_gallery.views.attribution.said import in_words
from attention_gallery.views.attribution.values import (
    LONGEST,
    METHODS,
    NOT_YET,
    SIGNED,
    Values,
    in_both,
    lines,
)
from attentions import FOX, HOSTILE, attention, capture, exhibit

NEXT = {
    "kind": "next", "word": "jumps", "rather_than": "", "at": 4, "after": "fox",
    "value": -0.105, "unit": "nats", "probability": 0.9,
}  # fmt: skip
GAP = {**NEXT, "kind": "gap", "word": "she", "rather_than": "he", "after": "[MASK]", "value": 1.25}
TRANSLATION = {**NEXT, "kind": "translation", "word": "cat", "after": "black", "probability": 1.0}
LABEL = {
    **NEXT, "kind": "label", "word": "good", "at": None, "after": "", "value": 3.0,
    "unit": "logits", "probability": 0.0002,
}  # fmt: skip


def attributed(
    tokens: tuple[str, ...] = FOX,
    target: tuple[str, ...] = (),
    *,
    answer: dict[str, Any] = NEXT,
    error: float = 0.02,
    scale: float = 2,
    seed: int = 0,
) -> Measured:
    """What is measured of a text, and of what is written: noise, whose sum is off by an error."""
    rng = np.random.default_rng(seed)
    texts = {"encoder": tokens, "decoder": target} if target else {"encoder": tokens}
    arrays: dict[str, Any] = {}
    sides: dict[str, Any] = {}
    for side, text in texts.items():
        kept = [i for i, token in enumerate(text) if token in ("<s>", "</s>")]
        values = rng.normal(scale=scale, size=len(text))
        values[kept] = 0
        arrays |= {
            f"{side}/integrated-gradients": values,
            f"{side}/input-x-gradient": rng.normal(scale=scale, size=len(text)),
            f"{side}/saliency": rng.gamma(scale, size=len(text)),
        }
        start = answer["value"] - float(values.sum()) + error
        sides[side] = {
            "start": start, "end": answer["value"], "error": error, "steps": 64,
            "converged": error <= 0.01 * abs(answer["value"] - start),
            "baseline": "the same text with [MASK] in place of every word", "kept": kept,
        }  # fmt: skip
    facts = {
        "title": "Attribution",
        "answer": answer,
        "tokens": {side: list(text) for side, text in texts.items()},
        "sides": sides,
    }
    return Measured("0" * 64, "attribution", arrays, facts, capture(attention()).provenance)


SHOWN = exhibit(views=("attribution",))
CHAT = ("le", "chat", "noir", "</s>")
PAIR = attributed(CHAT, ("<s>", "the", "black"), answer=TRANSLATION)


# Golden documents: what is shown, and what was measured.
def held(measured: Measured) -> Capture:
    return capture(attention(tuple(measured.facts["tokens"]["encoder"]), n_heads=(1,)))


_ONE = attributed(("<s>", "a", "fox"))
CASES: dict[str, tuple[Exhibit, Capture, Mapping[str, Measured]]] = {
    "of-one-text": (SHOWN, held(_ONE), {"attribution": _ONE}),
    "of-two-texts": (SHOWN, held(PAIR), {"attribution": PAIR}),
}


def packed(measured: Measured, shown: Exhibit = SHOWN) -> Packed:
    return views.pack(shown, held(measured), (), {"attribution": measured})


FOUND = attributed()
OPENED = packed(FOUND)


@cache
def document(shown: Packed) -> dict[str, Any]:
    return charts.finish(attribution.draw(shown), shown, "")


@cache
def texts(shown: Packed, method: int = 0) -> list[str]:
    """All that is written in the static picture."""
    spec = document(shown)
    stated = [
        {**param, "value": method} if param["name"] == "method" else param
        for param in spec["params"]
    ]
    svg = vl_convert.vegalite_to_svg({**spec, "params": stated}, allowed_base_urls=[])
    return [plain(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def plain(text: str) -> str:
    """Without the marks that isolate a token from the text around it."""
    return html.unescape(text).replace("\u2068", "").replace("\u2069", "")


def number(printed: str) -> float:
    return float(printed.replace("−", "-"))


def test_it_is_shown_where_it_is_named_and_there_are_words() -> None:
    for kind in (None, *ATTENTION_KINDS):
        assert attribution.fits(dataclasses.replace(SHOWN, attention=kind)) == (kind != "vision")
    assert {"attribution"} == attribution.MEASURES
    assert "attribution" not in views.of(exhibit(views=()))


@pytest.mark.parametrize("method", range(len(METHODS)))
def test_each_word_has_its_number(method: int) -> None:
    said = texts(OPENED, method)
    found = FOUND.arrays[f"encoder/{list(METHODS)[method]}"]
    printed = [text for text in said if re.fullmatch(r"[+−]?\d+\.\d\d|0", text)]
    np.testing.assert_allclose([number(text) for text in printed], found, atol=0.0051)
    assert any(text[0] in "+−" for text in printed) == (method < 2)
    assert [text for text in said if text in FOX] == list(FOX)


BY_CONSTRUCTION = (
    "Tokens that stand in both texts, such as what the tokenizer added, have 0 by construction: "
    "that says nothing of what they do."
)


def test_the_question_is_the_heading() -> None:
    said = texts(OPENED)
    assert said[0] == "Why “jumps” after “fox”?"
    assert "Blue and + speak for the answer, orange and − against it. Numbers are in nats." in said
    assert plain(asks(GAP)) == "Why “she” rather than “he” where “[MASK]” stands?"
    assert plain(asks(TRANSLATION)) == "Why “cat” after “black” in what is written?"
    assert plain(asks(LABEL)) == "Why the class “good”?"


def test_the_answer_is_told_in_its_own_unit() -> None:
    assert gives(NEXT) == (
        "The model gives it a probability of 0.900, which is a log-probability of −0.105 nats."
    )
    assert gives(GAP) == ("The model answers with a difference of scores (logits) of 1.250 nats.")
    assert gives(LABEL) == (
        "The model gives this class a score of 3.000 logits: a probability of less than 0.001."
    )
    assert gives({**LABEL, "rather_than": "bad", "value": -0.5}) == (
        "The model answers with a difference of scores (logits) of −0.500 logits."
    )
    sure = {**NEXT, "probability": 0.99990, "value": -0.0001}
    assert gives(sure) == (
        "The model gives it a probability of more than 0.999, which is a log-probability of "
        "−0.000100 nats."
    )


def test_what_the_numbers_sum_to_is_told_and_by_how_much_it_is_off() -> None:
    values = FOUND.arrays["encoder/integrated-gradients"]
    total = float(values.sum())
    difference = total - 0.02
    summary = attribution.describe(OPENED)
    assert (
        f"The numbers sum to {total:+.2f} nats. The answer differs from that to the same text with "
        f"[MASK] in place of every word by {difference:+.2f}: an error of 0.02 "
        f"({0.02 / abs(difference):.1%}), with 64 steps."
    ).replace("+-", "−").replace("-", "−") in summary.replace("-", "−")
    assert BY_CONSTRUCTION in summary


def test_numbers_that_do_not_add_up_are_called_rough() -> None:
    rough = packed(attributed(error=1.5))
    assert "That is more than 1%: take them as rough." in attribution.describe(rough)
    assert "rough" in " ".join(texts(rough))
    assert "rough" not in attribution.describe(packed(attributed(error=0.0001)))


def test_only_integrated_gradients_are_said_to_add_up() -> None:
    values = Values(OPENED)
    assert "they need not sum to anything" in in_words(values, "input-x-gradient")
    saliency = in_words(values, "saliency")
    assert BY_CONSTRUCTION not in saliency
    assert "sums to nothing in particular" in saliency
    largest = FOX[FOUND.arrays["encoder/saliency"].argmax()]
    assert f"By saliency it reacts most to “{largest}”" in plain(saliency)


def test_the_words_that_speak_for_and_against_are_named() -> None:
    values = FOUND.arrays["encoder/integrated-gradients"]
    summary = plain(attribution.describe(OPENED))
    best, worst = int(values.argmax()), int(values.argmin())
    assert f"most speaks for it “{FOX[best]}” (+{values[best]:.2f})" in summary
    assert f"most against it “{FOX[worst]}” (−{-values[worst]:.2f})" in summary


def test_both_texts_of_a_pair_are_shown_each_with_its_sum() -> None:
    said = texts(packed(PAIR))
    assert said.index("The text it reads") < said.index("What it has written")
    for word in (*CHAT, "<s>", "the", "black"):
        assert word in said
    told = attribution.describe(packed(PAIR))
    assert "The numbers of the text it reads sum to" in told
    assert "The numbers of what it has written sum to" in told
    table = attribution.tabulate(packed(PAIR))
    assert table.columns == (
        "text", "token", "integrated gradients (nats)", "input × gradient (nats)", "saliency",
    )  # fmt: skip
    assert [row[:2] for row in table.rows[3:5]] == [
        ("the text it reads", "</s>"), ("what it has written", "<s>"),
    ]  # fmt: skip
    assert table.rows[3][2] == "0"


def test_numbers_that_are_small_have_digits_all_the_same() -> None:
    values = Values(packed(attributed(scale=0.01)))
    printed = values.printed("integrated-gradients")
    assert all(re.fullmatch(r"[+−]0\.\d{3,4}|0|0\.0+", text) for text in printed)
    least = Values(packed(attributed(scale=1e-6))).printed("integrated-gradients")
    assert any(re.fullmatch(r"[+−]\de−0\d", text) for text in least)


@pytest.mark.parametrize("answer", [LABEL, {**LABEL, "probability": None}])
def test_numbers_have_the_unit_of_the_answer(answer: dict[str, Any]) -> None:
    """What a class is given are logits; what is measured on a scale has no unit."""
    shown = packed(attributed(answer=answer))
    unit = "" if answer["probability"] is None else " logits"
    told = attribution.describe(shown)
    assert re.search(rf"The numbers sum to [+−]\d+\.\d\d{unit}\. The answer", told)
    assert ("Numbers are in logits." in " ".join(texts(shown))) == bool(unit)
    assert "nats" not in " ".join(texts(shown)) + told
    assert attribution.tabulate(shown).columns[1].endswith("(logits)") == bool(unit)


def test_a_number_on_a_scale_has_no_probability() -> None:
    scale = {**LABEL, "probability": None}
    assert plain(asks(scale)) == "Why the number “good”?"
    assert gives(scale) == "The model answers with 3.000: a number on a scale, and no class."
    assert gives({**NEXT, "probability": None}) == (
        "The model gives it a log-probability of −0.105 nats."
    )
    small = packed(attributed(answer=scale, scale=0.001))
    assert "next to nothing" not in attribution.describe(small), "there is no unit to tell"


def changed(measured: Measured, **arrays: Any) -> Measured:
    """The same, with other numbers, of the text it reads where there are two."""
    found = {f"encoder/{name.replace('_', '-')}": array for name, array in arrays.items()}
    return dataclasses.replace(measured, arrays={**measured.arrays, **found})


def written_later(measured: Measured, side: str, first: int) -> Measured:
    """The same, where tokens from one on change nothing."""
    arrays = {name: np.array(array) for name, array in measured.arrays.items()}
    for method in METHODS:
        arrays[f"{side}/{method}"][first:] = 0
    return dataclasses.replace(measured, arrays=arrays)


@pytest.mark.parametrize(
    ("measured", "side", "first", "n_later"),
    [(FOUND, "encoder", 5, 5), (PAIR, "decoder", 2, 1)],
)
def test_what_is_not_yet_written_has_no_number(
    measured: Measured, side: str, first: int, n_later: int
) -> None:
    facts = {**measured.facts, "answer": {**measured.facts["answer"], "at": first - 1}}
    asked = dataclasses.replace(measured, facts=facts)
    assert Values(packed(asked)).later == [], "what adds something is written"
    shown = packed(written_later(asked, side, first))
    values = Values(shown)
    n = len(values.words)
    assert values.later == list(range(n - n_later, n))
    for method in range(len(METHODS)):
        assert texts(shown, method).count(NOT_YET) == n_later
    assert [row[-1] for row in attribution.tabulate(shown).rows[-n_later:]] == [NOT_YET] * n_later
    name = values.names[n - n_later]
    these = (
        f"{name}, in grey, is" if n_later == 1 else f"Tokens in grey, {name} the first of them, are"
    )
    told = f"{these} not yet written when the model answers, and can add nothing to it."
    assert told in attribution.describe(shown)


def test_a_model_that_sees_all_words_has_none_that_come_later() -> None:
    gap = written_later(attributed(answer=GAP), "encoder", 5)
    assert Values(packed(gap)).later == []
    assert NOT_YET not in texts(packed(gap))


def test_words_that_stand_twice_are_told_apart() -> None:
    twice = ("the", "cat", "saw", "the", "dog")
    numbers = np.array([0.5, 0, 0, 2, -0.5])
    told = attribution.describe(packed(changed(attributed(twice), integrated_gradients=numbers)))
    assert "speaks for it “the [3]” (+2.00), “the [0]” (+0.50), most against it “dog”" in told


@pytest.mark.parametrize("largest", [LITTLE / 50, LITTLE, 20 * LITTLE])
@pytest.mark.parametrize("method", SIGNED)
def test_next_to_nothing_is_not_painted_in_full_colour(method: str, largest: float) -> None:
    numbers = np.linspace(-1, 1, len(FOX)) * largest
    shown = packed(changed(FOUND, **{method.replace("-", "_"): numbers}))
    shares = Values(shown).shares(method)
    assert max(shares) == pytest.approx(min(1, largest / LITTLE), abs=1e-4)
    assert ("All of these numbers are next to nothing" in in_words(Values(shown), method)) == (
        largest < LITTLE
    )
    assert ("most speaks for it" in in_words(Values(shown), method)) == (largest > LITTLE)


def test_what_next_to_nothing_means_is_told_in_the_note_too() -> None:
    small = np.full(len(FOX), 0.01)
    sure = attributed(answer={**NEXT, "probability": 0.9999})
    certain = "the answer is so certain that no small change matters (it is saturated)."
    shown = packed(changed(sure, input_x_gradient=small, integrated_gradients=small))
    assert certain in in_words(Values(shown), "input-x-gradient")
    assert "(it is saturated)." in " ".join(texts(shown, 1))
    assert "no single token changes the answer." in attribution.describe(shown)
    # An answer that is not certain does not change for other reasons.
    unsure = packed(changed(FOUND, input_x_gradient=small))
    assert "saturated" not in in_words(Values(unsure), "input-x-gradient")
    assert "no small change of one token matters" in in_words(Values(unsure), "input-x-gradient")
    # The lengths of gradients have no unit, and are only compared with each other.
    lengths = packed(changed(sure, saliency=small))
    assert max(Values(lengths).shares("saliency")) == 1
    assert "no unit to compare" in " ".join(texts(lengths, 2))


def test_a_gap_stands_in_both_texts_where_all_words_are_gaps() -> None:
    words = ("<s>", "a", "[MASK]", "b", "[MASK]", "</s>")
    numbers = np.array([0, 0, 0, 1, 0.5, 0])
    found = changed(attributed(words, answer=GAP), integrated_gradients=numbers)
    assert in_both(found, "encoder") == [0, 2, 5], "a word may have 0 by chance, and a gap a number"
    assert "the tokenizer added, or the gap that is filled, have 0 by construction" in (
        attribution.describe(packed(found))
    )


def test_a_text_that_is_too_long_is_refused() -> None:
    words = tuple(f"w{i}" for i in range(LONGEST + 1))
    with pytest.raises(InputError, match=f"at most {LONGEST} tokens, and here are {LONGEST + 1};"):
        Values(packed(attributed(words)))
    assert len(Values(packed(attributed(words[:-1]))).words) == LONGEST


def test_lines_wrap_and_nothing_is_wider_than_the_window() -> None:
    layout = Layout(Values(packed(attributed(FOX * 4))))
    for words, width in zip(layout.words, (640, 340), strict=True):
        assert max(x + wide for x, _, wide in words) <= width
        tops = [y for _, y, _ in words]
        assert tops == sorted(tops)
        assert len(set(tops)) > 3
    assert lines("one two three", 7) == ["one two", "three"]
    assert lines("注意力 的", 7) == ["注意力", "的"]


def test_one_token_is_enough() -> None:
    shown = packed(attributed(("a",)))
    assert "a" in texts(shown)
    assert len(attribution.tabulate(shown).rows) == 1


def test_hostile_tokens_are_told_as_they_are() -> None:
    shown = packed(attributed(HOSTILE, answer={**NEXT, "word": HOSTILE[1], "after": HOSTILE[7]}))
    assert [row[0] for row in attribution.tabulate(shown).rows] == list(HOSTILE)
    spec = charts.finish(attribution.draw(shown), shown, "")
    words = next(p["value"] for p in spec["params"] if p["name"] == "words")
    assert words == list(HOSTILE)
    assert HOSTILE[7] in texts(shown)
