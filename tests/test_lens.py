"""The view of the logit lens: what it prints is what was measured after each layer."""

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
from attention_gallery.terms import ATTENTION_KINDS, Capture, Exhibit, Measured, Start
from attention_gallery.views import lens
from attention_gallery.views.lens.states import LONGEST, States
from attentions import FOX, HOSTILE, attention, capture, exhibit

N_GUESSES = 5


def seen(
    tokens: tuple[str, ...] = FOX, n_layers: int = 3, *, seed: int = 0, n_words: int = 60
) -> Measured:
    """What is measured of a text: the softmax of noise, which comes nearer to the end by layers."""
    rng = np.random.default_rng(seed)
    n = len(tokens)
    words = [*tokens, *(f"word{i}" for i in range(n, n + n_words))]
    end = rng.normal(scale=2, size=(n, len(words)))
    logits = np.array(
        [
            end * state / n_layers + rng.normal(scale=2 - 2 * state / n_layers, size=end.shape)
            for state in range(n_layers + 1)
        ]
    )
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    ids = np.argsort(-logs, axis=-1)[..., :N_GUESSES]
    last = logs[-1].argmax(-1)
    arrays = {
        "log_probability": np.take_along_axis(logs, ids, -1),
        "of_last": logs[:, np.arange(n), last],
        "entropy": -(np.exp(logs) * logs).sum(-1) / np.log(2),
    }
    facts: dict[str, Any] = {
        "title": "Logit lens",
        "kind": "next",
        "tokens": list(tokens),
        "states": ["words", *(f"after L{layer}" for layer in range(n_layers))],
        "guesses": [[[words[i] for i in place] for place in state] for state in ids],
    }
    return Measured("0" * 64, "lens", arrays, facts, capture(attention()).provenance)


SHOWN = exhibit(views=("lens",), start=Start(token=4))

# Golden documents: what is shown, of which tokens, and what was measured.
FEW = ("<s>", "a", "fox")
_LONG = FOX * 2
CASES: dict[str, tuple[Exhibit, Capture, Mapping[str, Measured]]] = {
    "few": (
        exhibit(views=("lens",), start=Start(token=2)),
        capture(attention(FEW)),
        {"lens": seen(FEW, 2)},
    ),
    "pages": (
        exhibit(views=("lens",), start=Start(token=12)),
        capture(attention(_LONG)),
        {"lens": seen(_LONG, 1)},
    ),
}


def packed(measured: Measured, shown: Exhibit = SHOWN, tokens: tuple[str, ...] = FOX) -> Packed:
    return views.pack(shown, capture(attention(tokens)), (), {"lens": measured})


FOUND = seen()
OPENED = packed(FOUND)
STATES = States(OPENED)


@cache
def texts(shown: Packed, **params: int) -> list[str]:
    """All that is written in the static picture, in the state that the controls say."""
    spec = charts.finish(lens.draw(shown), shown, "")
    for param in spec["params"]:
        if param["name"] in params:
            param["value"] = params[param["name"]]
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return [plain(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def plain(text: str) -> str:
    """Without the marks that isolate a token from the text around it."""
    return html.unescape(text).replace("\u2068", "").replace("\u2069", "")


def printed(chance: float) -> str:
    return f"{chance:.3f}" if chance >= 0.0005 else "< 0.001"


def chance(state: int, place: int, rank: int = 0) -> float:
    return float(np.exp(FOUND.arrays["log_probability"][state, place, rank]))


def guess(state: int, place: int, rank: int = 0) -> str:
    return str(FOUND.facts["guesses"][state][place][rank])


def test_it_is_shown_where_it_is_named_and_there_are_words() -> None:
    for kind in (None, *ATTENTION_KINDS):
        assert lens.fits(dataclasses.replace(SHOWN, attention=kind)) == (kind != "vision")
    assert {"lens"} == lens.MEASURES
    assert "lens" not in views.of(exhibit(views=()))


def test_each_cell_has_the_likeliest_token_and_its_probability() -> None:
    said = texts(OPENED)
    first = said.index(guess(0, 0), said.index("all others"))
    cells = [(state, place) for state in range(4) for place in range(10)]
    assert said[first:][: len(cells)] == [guess(*cell) for cell in cells]
    numbers = [text for text in said if re.fullmatch(r"[01]\.\d\d", text)]
    assert numbers == [f"{round(chance(*cell), 3):.2f}" for cell in cells]


def test_rows_are_layers_and_columns_are_tokens() -> None:
    said = texts(OPENED)
    at = said.index("token read")
    assert said[at:][:5] == ["token read", "words", "after L0", "after L1", "after L2"]
    assert said[at + 5 :][:10] == list(FOX)


def test_what_agrees_with_the_end_is_told_by_the_last_digit() -> None:
    ends = [guess(-1, place) for place in range(10)]
    for state in range(4):
        for place in range(10):
            agrees = STATES.ranks[state][place] == 0
            assert agrees == (guess(state, place) == ends[place])
    svg = vl_convert.vegalite_to_svg(charts.finish(lens.draw(OPENED), OPENED, ""))
    agreeing = sum(rank == 0 for row in STATES.ranks for rank in row)
    assert 10 < agreeing < 40
    # A frame for each; the cell that is shown has others.
    assert len(re.findall(r'<path[^>]*stroke="currentColor" stroke-width="2"', svg)) == agreeing


def test_it_opens_where_the_answer_is_the_likeliest_for_good() -> None:
    assert (STATES.place, STATES.start) == (4, since(4)[1])
    assert STATES.start > 0
    said = texts(OPENED)
    for rank in range(N_GUESSES):
        assert guess(STATES.start, 4, rank) in said
        assert printed(chance(STATES.start, 4, rank)) in said
    entropy = FOUND.arrays["entropy"][STATES.start, 4]
    assert f"Entropy: {entropy:.2f} bits" in said


def test_what_is_said_in_the_end_has_a_row_of_its_own_where_it_is_not_among_the_likeliest() -> None:
    state, place = next(
        (state, place)
        for state, row in enumerate(STATES.ranks)
        for place, rank in enumerate(row)
        if rank < 0
    )
    said = texts(OPENED, state=state, place=place)
    own = float(np.exp(FOUND.arrays["of_last"][state, place]))
    rest = 1 - own - sum(chance(state, place, rank) for rank in range(N_GUESSES))
    at = said.index("all others")
    assert said[at - 1] == guess(-1, place)
    assert printed(own) in said
    assert any(abs(float(text) - rest) < 0.004 for text in said if re.fullmatch(r"0\.\d{3}", text))


def since(place: int) -> tuple[int, int]:
    """First and for good: counted anew, by tokens."""
    same = [guess(state, place) == guess(-1, place) for state in range(4)]
    settled = max((state + 1 for state in range(4) if not same[state]), default=0)
    return same.index(True), settled


def test_from_which_layer_on_the_answer_is_the_likeliest_is_said() -> None:
    for place in range(10):
        assert (STATES.first(place), STATES.settled(place)) == since(place)
    wavering = seen(("a", "b"), 3)
    for state, text in enumerate(("x", "y", "x", "y")):
        wavering.facts["guesses"][state][0][0] = text
        wavering.arrays["of_last"][state, 0] = (
            wavering.arrays["log_probability"][state, 0, 0] if text == "y" else -50.0 - state
        )
    states = States(packed(wavering, exhibit(views=("lens",)), ("a", "b")))
    assert states.since(0) == "first after L0, for good from L2 on"


def test_it_is_said_in_words() -> None:
    place = next(place for place in range(10) if since(place)[0] == since(place)[1] == 3)
    shown = exhibit(views=("lens",), start=Start(token=place))
    [figure] = views.figures(shown, packed(FOUND, shown))
    listed = [f"“{guess(3, place, rank)}” {printed(chance(3, place, rank))}" for rank in range(3)]
    half = sorted(since(place)[1] for place in range(10))[4]
    assert half > 0
    assert plain(figure.summary) == (
        f"At “{FOX[place]}”, after L2: {listed[0]}, then {listed[1]}, {listed[2]}. In the end: "
        f"“{guess(-1, place)}” {printed(chance(-1, place))}, the likeliest from L2 on. Only "
        f"from L{half - 1} on, at least half of the 10 tokens have their final answer."
    )


def test_the_table_has_a_row_for_each_token() -> None:
    for place, row in enumerate(lens.tabulate(OPENED).rows):
        assert row == (
            str(place), FOX[place], guess(-1, place), printed(chance(-1, place)),
            STATES.since(place),
        )  # fmt: skip


def test_a_long_text_is_shown_in_pages_that_are_nearly_equal() -> None:
    tokens = tuple(f"t{i}" for i in range(26))
    shown = packed(seen(tokens, 1), exhibit(views=("lens",), start=Start(token=0)), tokens)
    for place, page in ((0, range(8)), (7, range(8)), (8, range(8, 17)), (25, range(17, 26))):
        said = texts(shown, place=place)
        at = said.index("token read") + 3
        assert said[at:][: len(page)] == [tokens[i] for i in page]
        assert f"tokens {page[0]} to {page[-1]} of 26" in said
    assert not [text for text in texts(OPENED) if "of 10" in text]


def test_of_many_layers_cells_are_low_and_the_legend_tells_what_colours_mean() -> None:
    tokens = ("a", "b")
    shown = packed(seen(tokens, 40), exhibit(views=("lens",)), tokens)
    said = texts(shown)
    assert "after L39" in said
    assert not [text for text in said if re.fullmatch(r"[01]\.\d\d", text)]
    assert "probability 0" in said


def test_one_token_and_large_grids_are_shown() -> None:
    one = States(packed(seen(("a",), 2), exhibit(views=("lens",)), ("a",)))
    assert one.on_the_whole() == ""
    tokens = ("a",) * LONGEST
    shown = packed(seen(tokens, 20, n_words=5), exhibit(views=("lens",)), tokens)
    assert {len(cell) for row in States(shown).likely for cell in row} == {3}


def test_hostile_words_are_only_words() -> None:
    shown = packed(seen(HOSTILE), exhibit(views=("lens",)), HOSTILE)
    [figure] = views.figures(exhibit(views=("lens",)), shown)
    assert "<img" not in figure.svg
    assert f"“\u2068{HOSTILE[7]}\u2069”" in States(shown).in_words(0, 7)


def test_more_tokens_than_can_be_turned_to_are_refused() -> None:
    tokens = ("word",) * (LONGEST + 1)
    with pytest.raises(InputError) as caught:
        States(packed(seen(tokens, 1, n_words=5), exhibit(views=("lens",)), tokens))
    assert str(caught.value) == (
        "the view lens shows at most 300 tokens, and here are 301; shorten the text, or take lens "
        "out of the views"
    )
