"""The view of predictions: what it prints is what was measured, or what an API told."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import vl_convert
from numpy.typing import NDArray

from attention_gallery import api_answer, charts, resources, views
from attention_gallery.codes import Layers
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import ATTENTION_KINDS, Attention, Capture, Exhibit, Measured, Start
from attention_gallery.views import predictions
from attention_gallery.views.predictions.layout import Layout
from attention_gallery.views.predictions.places import LONGEST, Places
from attentions import FOX, HOSTILE, attention, capture, exhibit

SAVED = resources.galleries() / "answers" / "story.json"
N_GUESSES = 5

Numbers = NDArray[np.float64]


def surprised(tokens: tuple[str, ...] = FOX, kind: str = "next", seed: int = 0) -> Measured:
    """What is measured of a text: the softmax of noise at each place.

    What stands at place *i* has number *i*. A model that writes is not asked for the first, and
    asked what comes after the last; one that fills gaps is not asked for the marks at both ends.
    """
    rng = np.random.default_rng(seed)
    texts = [*tokens, ""] if kind == "next" else list(tokens)
    n = len(texts)
    words = [*tokens, *(f"word{i}" for i in range(len(tokens), 50 + len(tokens)))]
    chances = np.exp(rng.normal(scale=1.5, size=(n, len(words))))
    chances /= chances.sum(axis=1, keepdims=True)
    asked = [0 < i < n - (kind == "gap") or kind == "api" for i in range(n)]
    surprisal = np.array(
        [
            -np.log2(chances[i, i]) if asked[i] and texts[i] not in ("", "[MASK]") else np.nan
            for i in range(n)
        ]
    )
    likeliest = np.argsort(-chances, axis=1)[:, :N_GUESSES]
    probability = np.take_along_axis(chances, likeliest, axis=1)
    probability[~np.array(asked)] = np.nan
    facts = {
        "title": "Surprisal",
        "kind": kind,
        "tokens": texts,
        "special": [text == "<s>" for text in texts],
        "guesses": [[words[j] for j in row] if asked[i] else [] for i, row in enumerate(likeliest)],
        "ranks": [
            row.tolist().index(i) if asked[i] and i in row and not np.isnan(surprisal[i]) else -1
            for i, row in enumerate(likeliest)
        ],
    }
    return found({"surprisal": surprisal, "probability": probability}, facts)


def found(arrays: Mapping[str, Numbers], facts: Mapping[str, Any]) -> Measured:
    return Measured("0" * 64, "predictions", arrays, facts, capture(attention()).provenance)


GAPS = ("<s>", "the", "[MASK]", "slept", "</s>")
SHOWN = exhibit(views=("predictions",), start=Start(token=4))

# Golden documents: what is shown, of how many tokens, and what was measured.
FEW = ("<s>", "a", "fox")
CASES: dict[str, tuple[Exhibit, Capture, Mapping[str, Measured]]] = {
    "next": (
        exhibit(views=("predictions",), start=Start(token=2)),
        capture(attention(FEW)),
        {"predictions": surprised(FEW)},
    ),
    "gap": (
        exhibit(views=("predictions",), kind="encoder", start=Start(token=2)),
        capture(attention(GAPS, kind="encoder")),
        {"predictions": surprised(GAPS, "gap")},
    ),
}


def packed(measured: Measured, shown: Exhibit = SHOWN, tokens: tuple[str, ...] = FOX) -> Packed:
    held = capture(attention(tokens, kind=shown.attention or "decoder"))
    return views.pack(shown, held, (), {"predictions": measured})


FOUND = surprised()
OPENED = packed(FOUND)


@cache
def texts(shown: Packed) -> list[str]:
    """All that is written in the static picture."""
    spec = charts.finish(predictions.draw(shown), shown, "")
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return [plain(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def plain(text: str) -> str:
    """Without the marks that isolate a token from the text around it."""
    return html.unescape(text).replace("\u2068", "").replace("\u2069", "")


def printed(chance: float) -> str:
    return f"{chance:.3f}" if chance >= 0.0005 else "< 0.001"


def bits(place: int, measured: Measured = FOUND) -> float:
    return float(measured.arrays["surprisal"][place])


def test_it_is_shown_where_it_is_named_and_there_are_words() -> None:
    for kind in (None, *ATTENTION_KINDS):
        shown = dataclasses.replace(SHOWN, attention=kind)
        assert predictions.fits(shown) == (kind != "vision")
    assert {"predictions"} == predictions.MEASURES
    assert "predictions" not in views.of(exhibit(views=()))


def test_the_picture_opens_with_the_place_that_is_pinned() -> None:
    said = texts(OPENED)
    assert "Where “fox” stands, the model expected" in said
    chance = printed(2 ** -bits(4))
    assert f"“fox” had probability {chance}, a surprisal of {bits(4):.2f} bits." in said
    for guess, probability in zip(
        FOUND.facts["guesses"][4], FOUND.arrays["probability"][4], strict=True
    ):
        assert guess in said
        assert printed(probability) in said


def test_each_token_has_its_bits_and_those_not_asked_for_have_none() -> None:
    said = texts(OPENED)
    first = said.index("<s>")
    assert said[first:][: len(FOX) + 1] == [*FOX, "…"]
    numbers = [text for text in said if re.fullmatch(r"\d+\.\d", text)]
    assert numbers == [f"{round(bits(place), 2):.1f}" for place in range(1, len(FOX))]


def test_the_longest_bar_is_that_of_the_most_surprising_token() -> None:
    assert Layout(Places(OPENED)).most == pytest.approx(max(map(bits, range(1, 10))), abs=0.005)
    calm = found({**FOUND.arrays, "surprisal": FOUND.arrays["surprisal"] / 100}, {**FOUND.facts})
    assert Layout(Places(packed(calm))).most == 8


def test_the_numbers_of_a_place_add_up_to_one() -> None:
    places = Places(OPENED)
    for place in range(1, len(places)):
        own = places.given[place] if places.ranks[place] < 0 else 0
        total = sum(places.chances[place]) + own + places.rests[place]
        assert total == pytest.approx(1, abs=1e-9)
    assert places.rests[0] == 1  # and no row says so: nothing was asked


def test_what_stands_there_is_told_wherever_it_ranks() -> None:
    """Among the likeliest it has one row; else it gets its own."""
    assert FOUND.facts["ranks"][4] == 3
    guesses = [list(row) for row in FOUND.facts["guesses"]]
    guesses[4][3] = "wolf"
    wolf = {**FOUND.facts, "guesses": guesses, "ranks": [-1] * 11}
    among, apart = texts(OPENED), texts(packed(found(FOUND.arrays, wolf)))
    # In the text, and in the list.
    assert (among.count("fox"), apart.count("fox")) == (2, 2)
    assert len(apart) == len(among) + 2


def test_it_is_said_in_words() -> None:
    [figure] = views.figures(SHOWN, OPENED)
    first, second, third = (
        f"“{guess}” {printed(chance)}"
        for guess, chance in zip(
            FOUND.facts["guesses"][4][:3], FOUND.arrays["probability"][4], strict=False
        )
    )
    each = [bits(place) for place in range(1, 10)]
    mean = np.mean(each)
    amount = f"{2**mean:.1f}" if 2**mean < 100 else f"{2**mean:.0f}"
    most = sorted(range(1, 10), key=lambda place: -bits(place))[:3]
    listed = ", ".join(f"“{FOX[place]}” ({bits(place):.2f} bits)" for place in most)
    assert plain(figure.summary) == (
        f"Where “fox” stands, the model expected: {first}, then {second}, {third}. "
        f"“fox” had probability {printed(2 ** -bits(4))}, a surprisal of {bits(4):.2f} bits. "
        f"The surprisal of the 9 tokens is {mean:.2f} bits on average: as much as of a choice "
        f"among {amount} tokens that are equally likely (the perplexity of the text). "
        f"Most surprising: {listed}."
    )


def test_the_table_has_a_row_for_each_place() -> None:
    table = predictions.tabulate(OPENED)
    assert [row[:2] for row in table.rows] == [(str(i), word) for i, word in enumerate([*FOX, "…"])]
    assert table.rows[0][2:] == ("", "", "", "")
    assert table.rows[-1][2:4] == ("", "")
    for place in range(1, 10):
        guess, chance = FOUND.facts["guesses"][place][1], FOUND.arrays["probability"][place, 1]
        assert table.rows[place][2:4] == (printed(2 ** -bits(place)), f"{bits(place):.2f}")
        assert table.rows[place][5] == f"{guess} {printed(chance)}"


def test_why_a_token_has_no_number_is_said() -> None:
    places = Places(OPENED)
    assert plain(places.in_words(0)) == (
        "About “<s>” nothing was asked. No token stands before it."
    )
    after = plain(places.in_words(10))
    assert after.startswith(f"After the end, the model expected: “{FOUND.facts['guesses'][10][0]}”")
    assert after.endswith("Nothing stands there to be surprised by.")
    gaps = Places(views.pack(CASES["gap"][0], CASES["gap"][1], (), CASES["gap"][2]))
    assert plain(gaps.in_words(0)) == "About “<s>” nothing was asked. The tokenizer added it."
    assert plain(gaps.in_words(1)).startswith("With “the” hidden, the model expected: ")
    assert gaps.start == 2
    assert plain(gaps.in_words(2)).startswith("In the gap “[MASK]”, the model expected: ")
    assert "(the pseudo-perplexity of the text)" in gaps.on_the_whole()


def test_it_opens_with_the_most_surprising_place_where_none_is_pinned_that_was_asked() -> None:
    most = int(np.nanargmax(FOUND.arrays["surprisal"]))
    assert (
        Places(packed(FOUND, exhibit(views=("predictions",), start=Start(token=0)))).start == most
    )
    assert Places(OPENED).start == 4


def of_api(arrays: Mapping[str, Numbers], facts: Mapping[str, Any]) -> Packed:
    """What an API told, of a model whose attention nobody has."""
    nothing = Attention("decoder", (), (), Layers.of([]), causal=True)
    return dataclasses.replace(
        OPENED,
        attention=nothing,
        slots=(),
        blobs=(),
        measured={"predictions": found(arrays, facts)},
    )


def test_an_answer_of_an_api_needs_no_attention() -> None:
    arrays, facts = api_answer.measured(SAVED)
    shown = of_api(arrays, facts)
    told = json.loads(SAVED.read_text("utf-8"))["choices"][0]["logprobs"]["content"]
    surprisals = [-token["logprob"] / np.log(2) for token in told]
    most = int(np.argmax(surprisals))
    said = texts(shown)
    assert f"Where “{told[most]['token'].strip()}” stands, the model expected" in said
    numbers = [text for text in said if re.fullmatch(r"\d+\.\d", text)]
    assert numbers == [f"{round(each, 2):.1f}" for each in surprisals]
    summary = plain(predictions.describe(shown))
    assert "Saved from an API, of the model “story-specimen”. The surprisal of the 40" in summary
    assert f"is {np.mean(surprisals):.2f} bits on average" in summary
    assert [row[1] for row in predictions.tabulate(shown).rows] == facts["tokens"]


def test_an_api_may_tell_little() -> None:
    one = {"surprisal": np.array([2.0, np.nan]), "probability": np.zeros((2, 0))}
    facts = {
        "kind": "api", "model": "", "tokens": ["a", "b"], "special": [False] * 2,
        "guesses": [[], []], "ranks": [-1, -1],
    }  # fmt: skip
    shown = of_api(one, facts)
    places = Places(shown)
    assert plain(places.in_words(0)) == (
        "Where “a” stands, the model expected: others are not told. “a” had probability 0.250, a "
        "surprisal of 2.00 bits."
    )
    assert (
        plain(places.in_words(1)) == "About “b” nothing was told. How likely “b” was is not told."
    )
    assert "Saved from an API. The surprisal of the token is 2.00 bits" in places.on_the_whole()
    assert {"0.250", "all others", "0.750"} <= set(texts(shown))
    none = of_api({**one, "surprisal": np.array([np.nan, np.nan])}, facts)
    assert "Of no token it is told how surprising it was." in predictions.describe(none)
    assert "all others" not in texts(none)


def test_hostile_words_are_only_words() -> None:
    shown = packed(surprised(HOSTILE), exhibit(views=("predictions",)), HOSTILE)
    [figure] = views.figures(exhibit(views=("predictions",)), shown)
    assert "<img" not in figure.svg
    said = texts(shown)
    assert HOSTILE[5] in said
    assert json.loads(json.dumps(figure.spec))["params"]
    assert f"“\u2068{HOSTILE[7]}\u2069”" in Places(shown).asks(7)


def test_more_tokens_than_can_be_read_are_refused() -> None:
    tokens = ("word",) * LONGEST
    assert len(Places(packed(surprised(tokens)))) == LONGEST + 1
    with pytest.raises(InputError) as caught:
        Places(packed(surprised((*tokens, "word"))))
    assert str(caught.value) == (
        "the view predictions shows at most 300 tokens, and here are 301; shorten the text, or "
        "take predictions out of the views"
    )
