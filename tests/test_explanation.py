"""Attention as explanation: four numbers of each word, and how far they rank the words alike."""

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
from attention_gallery.codes import encode
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import (
    ATTENTION_KINDS,
    Attention,
    Capture,
    Exhibit,
    Head,
    Measured,
    Start,
)
from attention_gallery.views import explanation
from attention_gallery.views.attribution.question import LITTLE
from attention_gallery.views.explanation import said
from attention_gallery.views.explanation.columns import NAMES, PAIRS, Columns
from attention_gallery.views.explanation.layout import LARGEST, SHOWN
from attentions import FOX, HOSTILE, attention, capture, exhibit
from test_attribution import NEXT, attributed


def explained(
    of: Attention, query: int, *, heads: bool = True, answer: dict[str, Any] = NEXT, seed: int = 3
) -> dict[str, Measured]:
    """What is measured: norms of other attention, noise of gradients, and noise of what is lost."""
    rng = np.random.default_rng(seed)
    twin = attention(
        tuple(token.text for token in of.queries),
        kind=of.kind,
        n_heads=of.n_heads,
        keys=tuple(token.text for token in of.keys) if of.kind == "cross" else None,
        seed=seed,
    )
    provenance, n_keys = capture(of).provenance, len(of.keys)
    losses = {f"head/{i}": rng.normal(size=(n, n_keys)) for i, n in enumerate(of.n_heads)}
    lost = {"all": rng.normal(size=n_keys), **(losses if heads else {})}
    facts = {
        "title": "Attention knockout", "answer": answer, "attention": of.kind, "query": query,
        "heads": heads,
    }  # fmt: skip
    shares = {
        f"map/norm-shares/{of.kind}/{i}": encode(layer) for i, layer in enumerate(twin.layers)
    }
    return {
        "norms": Measured("1" * 64, "norms", shares, {"title": "Norms"}, provenance),
        "attribution": attributed(tuple(t.text for t in of.keys), answer=answer, error=0.0001),
        "knockout": Measured("2" * 64, "knockout", lost, facts, provenance),
    }


SHOWN_HEAD = exhibit(views=("explanation",), start=Start(Head(1, 1)))
SHORT = ("<s>", "a", "fox", "ran")
SOURCE = attention()
CROSS = attention(("<s>", "a", "cat"), kind="cross", keys=("un", "chat", "noir"), n_heads=(2, 2))

_CAUSAL = attention(SHORT, n_heads=(2, 2))
_FULL = attention(SHORT, kind="encoder", n_heads=(2, 2))
CASES: dict[str, tuple[Exhibit, Capture, Mapping[str, Measured]]] = {
    "answered": (exhibit(views=("explanation",)), capture(_CAUSAL), explained(_CAUSAL, 2)),
    "answered-by-listed-heads": (
        exhibit(views=("explanation",), heads=(Head(1, 1), Head(0, 0))),
        capture(_FULL),
        explained(_FULL, 3),
    ),
}


def packed(
    source: Attention = SOURCE, query: int = 7, shown: Exhibit = SHOWN_HEAD, **options: Any
) -> Packed:
    return views.pack(shown, capture(source), (), explained(source, query, **options))


OPENED = packed()


@cache
def document(shown: Packed) -> dict[str, Any]:
    return charts.finish(explanation.draw(shown), shown, "")


@cache
def picture(shown: Packed, **params: int) -> str:
    """The static picture, in the state that the controls say."""
    spec = document(shown)
    stated = [
        {**param, "value": params[param["name"]]} if param["name"] in params else param
        for param in spec["params"]
    ]
    svg: str = vl_convert.vegalite_to_svg({**spec, "params": stated}, allowed_base_urls=[])
    return svg


def texts(shown: Packed, **params: int) -> list[str]:
    """All that is written in the static picture."""
    svg = picture(shown, **params)
    return [plain(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def plain(text: str) -> str:
    """Without the marks that isolate a token from the text around it."""
    return html.unescape(text).replace("\u2068", "").replace("\u2069", "")


def number(printed: str) -> float:
    return float("nan" if printed == said.UNTOLD else printed.replace("−", "-"))


def expected(shown: Packed, layer: int, head: int, query: int) -> list[np.ndarray[Any, Any]]:
    """The columns of a head, out of what was captured and measured."""
    n = query + 1 if shown.triangle else shown.n_keys
    found = shown.measured
    norms = dataclasses.replace(
        shown.attention,
        layers=type(shown.attention.layers)(
            found["norms"].layers(f"map/norm-shares/{shown.attention.kind}")
        ),
    )
    gradients = found["attribution"].arrays["encoder/integrated-gradients"].copy()
    gradients[found["attribution"].facts["sides"]["encoder"]["kept"]] = np.nan
    columns = [
        shown.attention.layers[layer][head][query],
        norms.layers[layer][head][query],
        gradients,
        -found["knockout"].arrays[f"head/{layer}"][head],
    ]
    return [column[:n].astype(float) for column in columns]


def test_it_is_shown_where_it_is_named_and_there_are_words() -> None:
    for kind in (None, *ATTENTION_KINDS):
        fitting = explanation.fits(dataclasses.replace(SHOWN_HEAD, attention=kind))
        assert fitting == (kind != "vision")
    assert {"norms", "attribution", "knockout"} == explanation.MEASURES
    assert "explanation" not in views.of(exhibit(views=()))


def cells(shown: Packed, **params: int) -> np.ndarray[Any, Any]:
    """The numbers of the words, ``[column, word]``; each column is drawn after the other."""
    return numbers(texts(shown, **params))


def numbers(written: list[str]) -> np.ndarray[Any, Any]:
    """Those of the words, of all that is written; nan where one says nothing."""
    printed = [text for text in written if re.fullmatch(rf"[+−]?\d+\.\d{{3}}|{said.UNTOLD}", text)]
    return np.array([number(text) for text in printed]).reshape(len(NAMES), -1)


@pytest.mark.parametrize("head", [Head(0, 0), Head(1, 1), Head(2, 3)])
def test_each_word_has_the_numbers_that_were_measured(head: Head) -> None:
    shown = packed(shown=exhibit(views=("explanation",), start=Start(head)))
    found = cells(shown)
    assert found.shape == (4, 8), "later words are not seen"
    for column, own in zip(found, expected(shown, *head, 7), strict=True):
        np.testing.assert_allclose(column, own, atol=0.0011)


def test_correlations_are_those_of_scipy_of_the_numbers_by_size() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    columns = [np.abs(column) for column in cells(OPENED)]
    printed = [text for text in texts(OPENED) if re.fullmatch(r"−?[01]\.\d\d", text)]
    found = [number(text) for text in printed]
    assert np.isnan(columns[2][0]), "what the tokenizer added has no gradients"
    reference = [
        stats.spearmanr(columns[a], columns[b], nan_policy="omit").statistic for a, b in PAIRS
    ]
    np.testing.assert_allclose(found, reference, atol=0.0051)
    assert max(map(abs, found)) > 0.2


def test_of_pooled_heads_the_loss_is_that_of_all_heads() -> None:
    lost = -OPENED.measured["knockout"].arrays["all"][:8]
    for params in ({"layer": 1, "head": -1}, {"layer": -1, "head": -1}):
        np.testing.assert_allclose(cells(OPENED, **params)[3], lost, atol=0.0006)
        assert "in all heads" in texts(OPENED, **params)
        np.testing.assert_allclose(cells(OPENED, **params)[1].sum(), 1, atol=0.01)
    assert "in this head" in texts(OPENED)


def test_where_single_heads_were_not_tried_the_loss_is_that_of_all() -> None:
    shown = packed(heads=False)
    np.testing.assert_allclose(
        cells(shown)[3], -shown.measured["knockout"].arrays["all"][:8], atol=0.0006
    )
    assert "in all heads" in texts(shown)
    assert "no head may look at a word" in explanation.describe(shown)


@pytest.mark.parametrize("order", range(1, 5))
def test_words_are_sorted_by_a_column_the_largest_first_whichever_way(order: int) -> None:
    found = cells(OPENED, order=order)
    # Marks are drawn in the order of rows, and rows in that of words: places tell.
    sizes = np.nan_to_num(np.abs(cells(OPENED)[order - 1]))
    svg = picture(OPENED, order=order)
    places = re.findall(r'translate\([\d.]+,([\d.]+)\)"[^>]*>([^<]*)</text>', svg)
    names = [plain(name) for name in Columns(OPENED).names]
    top = {plain(name): float(y) for y, name in places if plain(name) in names}
    by_place = sorted(range(8), key=lambda key: top[names[key]])
    assert list(sizes[by_place]) == sorted(sizes, reverse=True)
    assert found.shape == (4, 8)
    assert f"Words, by {NAMES[order - 1]}" in texts(OPENED, order=order)


def test_it_is_said_in_words() -> None:
    summary = plain(explanation.describe(OPENED))
    weight, norms, gradients, loss = expected(OPENED, 1, 1, 7)
    assert summary.startswith(
        "Why “jumps” after “fox”? The model gives it a probability of 0.900, which is a "
        "log-probability of −0.105 nats. It answers at “the”. In L1 H1, it looks most at "
        f"“{FOX[weight.argmax()]}” ({weight.max():.3f}), and most is written of "
        f"“{FOX[norms.argmax()]}” ({norms.max():.3f}). In the whole text, "
        f"“{FOX[np.nanargmax(np.abs(gradients))]}” counts most "
    )
    assert f"changes most for “{FOX[np.abs(loss).argmax()]}” (loss " in summary


def test_gradients_that_do_not_add_up_are_called_so() -> None:
    measured = explained(SOURCE, 7) | {"attribution": attributed(error=2)}
    shown = views.pack(SHOWN_HEAD, capture(SOURCE), (), measured)
    rough = "The gradients miss what they should add up to by over 1%."
    assert rough in explanation.describe(shown)
    measured["attribution"] = attributed(error=0.0001)
    shown = views.pack(SHOWN_HEAD, capture(SOURCE), (), measured)
    assert rough not in explanation.describe(shown)


@pytest.mark.parametrize(
    ("correlation", "which"), [(None, 0), (1.0, 1), (0.7, 1), (0.5, 2), (0.3, 3), (-0.9, 3)]
)
def test_what_is_said_of_weights_follows_from_the_loss(
    correlation: float | None, which: int
) -> None:
    assert said.verdict(correlation, LITTLE) == which


def test_where_next_to_nothing_depends_on_it_an_order_is_no_guide() -> None:
    assert said.verdict(1.0, 0.049) == 4
    assert said.verdict(None, 0.0) == 0


def test_a_pair_is_explained_by_what_its_decoder_looks_at() -> None:
    shown = packed(CROSS, 1, exhibit(views=("explanation",), start=Start(Head(1, 0))))
    found = cells(shown)
    assert found.shape == (4, 3)
    for column, own in zip(found, expected(shown, 1, 0, 1), strict=True):
        np.testing.assert_allclose(column, own, atol=0.0011)
    assert "L1 H0, looking from “a”" in texts(shown)
    assert "of text read" in texts(shown)
    assert "In the text it reads, “" in explanation.describe(shown)
    assert "whole text" not in explanation.describe(shown)


def test_another_attention_than_the_one_that_answers_is_refused() -> None:
    other = attention(kind="encoder")
    shown = views.pack(SHOWN_HEAD, capture(other), (), explained(SOURCE, 7))
    with pytest.raises(InputError) as caught:
        views.figures(SHOWN_HEAD, shown)
    assert str(caught.value) == (
        "the model answers by its decoder attention, and the exhibit shows another; let the "
        "exhibit show attention: decoder over a text, or take explanation out of the views"
    )


def test_of_a_long_text_those_words_are_shown_that_have_the_largest_numbers() -> None:
    words = tuple(f"w{i}" for i in range(SHOWN + 1))
    source = attention(words, kind="encoder", n_heads=(1,))
    shown = packed(source, 3, exhibit(views=("explanation",), start=Start(Head(0, 0))))
    for order in range(5):
        found = cells(shown, order=order)
        assert found.shape == (4, LARGEST)
        column = max(0, order - 1)
        own = np.sort(np.abs(expected(shown, 0, 0, 3)[column]))[::-1][:LARGEST]
        np.testing.assert_allclose(np.sort(np.abs(found[column]))[::-1], own, atol=0.0011)
    assert "Words, in the order of the text (those 40 of 65 with the largest)" in texts(shown)
    whole = attention(words[:-1], kind="encoder", n_heads=(1,))
    shown = packed(whole, 3, exhibit(views=("explanation",), start=Start(Head(0, 0))))
    assert cells(shown).shape == (4, SHOWN)


def test_one_word_has_no_order() -> None:
    shown = packed(attention(("a",)), 0, exhibit(views=("explanation",), start=Start(Head(0, 0))))
    assert cells(shown).shape == (4, 1)
    assert texts(shown).count("unknown") == len(PAIRS)
    assert "Too few words have different numbers" in explanation.describe(shown)


def test_what_rests_on_one_word_is_no_correlation() -> None:
    """All of the weight and all of the loss on the same word is no order of the words."""
    alone = np.zeros(len(FOX))
    alone[3] = -2
    measured = explained(SOURCE, 7)
    lost = {name: np.broadcast_to(alone, (4, len(FOX))) for name in ("head/0", "head/1", "head/2")}
    knockout = dataclasses.replace(measured["knockout"], arrays={"all": alone, **lost})
    shown = views.pack(SHOWN_HEAD, capture(SOURCE), (), {**measured, "knockout": knockout})
    assert texts(shown).count("unknown") == 3, "all that the loss is compared with"
    summary = explanation.describe(shown)
    assert "the loss unknown. Too few words have different numbers" in summary
    assert f"changes most for “{FOX[3]}” (loss +2.000)" in plain(summary)


def test_words_that_stand_in_the_text_without_words_have_no_gradients() -> None:
    """Theirs is 0 by construction: to rank it would make the numbers disagree."""
    words = ("<s>", "a", "[MASK]", "fox", "ran", "</s>")
    source = attention(words, kind="encoder", n_heads=(2,))
    measured = explained(source, 2, answer={**NEXT, "kind": "gap", "after": "[MASK]"})
    gradients = np.array([0, 0.25, 0, 1.5, 0, 0])
    arrays = {**measured["attribution"].arrays, "encoder/integrated-gradients": gradients}
    measured["attribution"] = dataclasses.replace(measured["attribution"], arrays=arrays)
    opening = exhibit(views=("explanation",), start=Start(Head(0, 0)))
    shown = views.pack(opening, capture(source), (), measured)
    np.testing.assert_array_equal(cells(shown)[2], [np.nan, 0.25, np.nan, 1.5, 0, np.nan])
    assert [row[3] for row in explanation.tabulate(shown).rows] == [
        "–", "+0.250", "–", "+1.500", "0.000", "–",
    ]  # fmt: skip
    columns = Columns(shown)
    weight = columns.weight(0)[[1, 3, 4]]
    by_hand = 1 - 6 * sum((weight.argsort().argsort() - [1, 2, 0]) ** 2) / (3 * 8)
    assert columns.alike(0)[PAIRS.index((0, 2))] == by_hand


def test_where_no_word_has_gradients_nothing_counts() -> None:
    source = attention(("<s>", "</s>"), kind="encoder", n_heads=(1,))
    shown = packed(source, 1, exhibit(views=("explanation",), start=Start(Head(0, 0))))
    assert "In the whole text, nothing counts. Where" in explanation.describe(shown)


def test_the_table_says_the_same() -> None:
    table = explanation.tabulate(OPENED)
    assert [plain(row[0]) for row in table.rows] == [f"“{token}”" for token in FOX[:8]]
    found = np.array([[number(cell) for cell in row[1:]] for row in table.rows]).T
    np.testing.assert_array_equal(found, cells(OPENED))


def test_layers_may_have_different_numbers_of_heads() -> None:
    source = attention(n_heads=(1, 3))
    shown = packed(source, 5, exhibit(views=("explanation",), start=Start(Head(1, 2))))
    for column, own in zip(cells(shown), expected(shown, 1, 2, 5), strict=True):
        np.testing.assert_allclose(column, own, atol=0.0011)


def test_hostile_tokens_are_told_as_they_are() -> None:
    shown = packed(
        attention(HOSTILE),
        len(HOSTILE) - 1,
        answer={**NEXT, "word": HOSTILE[1], "after": HOSTILE[7]},
    )
    rows = explanation.tabulate(shown).rows
    assert [plain(row[0])[1:-1] for row in rows] == [charts.short(token) for token in HOSTILE]
    assert any(text.startswith("“</script><img") for text in texts(shown))
