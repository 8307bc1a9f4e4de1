"""The view of probing: what it prints is what was measured, and says what it is about."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import vl_convert

from attention_gallery import charts, views
from attention_gallery.packing import Packed
from attention_gallery.terms import Capture, Exhibit, Measured, Sentence
from attention_gallery.views import probing
from attentions import HOSTILE, attention, capture, exhibit

SHOWN = dataclasses.replace(exhibit(views=("probing",)), labels="labels.csv")


def probed(
    n_layers: int = 3,
    *,
    labels: tuple[str, ...] = ("plural", "singular"),
    of: str = "words",
    file: str = "labels.csv",
    seed: int = 0,
) -> Measured:
    """What probes of a model might have found: shares of 40 tests."""
    rng = np.random.default_rng(seed)
    shape = (5, n_layers + 1)
    held = capture(attention())
    return Measured(
        "3" * 64,
        "probing",
        {
            "accuracy": rng.integers(20, 41, shape) / 40,
            "control": rng.integers(10, 35, shape) / 40,
            "majority": rng.integers(16, 24, 5) / 40,
        },
        {
            "title": "Probing",
            "labels": {label: 66 - i for i, label in enumerate(labels)},
            "of": of,
            "states": ["words", *(f"after L{i}" for i in range(n_layers))],
            "file": file,
            "n_sentences": 60,
            "n_words": 26,
            "n_train": 91.0,
            "n_test": 40.0,
            "known": 0.75,
            "repeats": 5,
            "held_out": 0.3,
            "seed": 0,
            "penalty": 1.0,
            "side": "",
        },
        held.provenance,
    )


CASES: dict[str, tuple[Exhibit, Capture, Mapping[str, Measured]]] = {
    "words": (
        SHOWN,
        capture(attention(("<s>", "a", "fox"), n_heads=(2, 2))),
        {"probing": probed()},
    ),
}


def packed(measured: Measured, shown: Exhibit = SHOWN) -> Packed:
    held = capture(attention(("<s>", "a", "fox"), n_heads=(2, 2)))
    return views.pack(shown, held, (), {"probing": measured})


def texts(shown: Packed) -> list[str]:
    """All that is written in the static picture."""
    spec = charts.finish(probing.draw(shown), shown, "")
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def plain(text: str) -> str:
    """Without the marks that isolate a label from the text around it."""
    return text.replace("\u2068", "").replace("\u2069", "")


def signed(difference: float) -> str:
    return f"{'+' if difference >= 0 else chr(0x2212)}{abs(difference):.2f}"


def means(measured: Measured) -> tuple[list[float], list[float]]:
    """Of real and of random labels, as they are printed."""
    real, control = (
        np.round(measured.arrays[name].mean(axis=0), 2).tolist() for name in ("accuracy", "control")
    )
    return real, control


def spreads(measured: Measured, name: str) -> list[str]:
    """From the worst repeat to the best one, at each state."""
    ordered = np.round(np.sort(measured.arrays[name], axis=0), 2)
    return [f"{low:.2f} to {high:.2f}" for low, high in zip(ordered[0], ordered[-1], strict=True)]


def test_it_fits_texts_and_is_shown_where_it_is_named() -> None:
    assert probing.fits(SHOWN)
    for sentence in (Sentence("a", "", image="a.png"), Sentence("a", "", audio="a.wav")):
        assert not probing.fits(dataclasses.replace(SHOWN, sentence=sentence))
    assert views.measures(SHOWN) == ("probing",)
    assert "probing" not in views.of(dataclasses.replace(SHOWN, views=()))


def test_each_state_has_its_numbers_in_the_picture() -> None:
    measured = probed()
    said = texts(packed(measured))
    real, control = means(measured)
    for row in (real, control):
        for number in row:
            assert f"{number:.2f}" in said
    for one, other in zip(real, control, strict=True):
        assert signed(round(one - other, 2)) in said
    for name in ("words", "L0", "L1", "L2"):
        assert name in said


def test_it_opens_where_labels_are_told_best_beyond_random_ones() -> None:
    measured = probed()
    real, control = means(measured)
    best = int(np.argmax(np.round(np.subtract(real, control), 2)))
    said = texts(packed(measured))
    name = measured.facts["states"][best]
    assert f"Accuracy of linear probes {name if best else 'of the words alone'}" in said
    spread = spreads(measured, "accuracy")[best]
    assert f"labels as they are: {real[best]:.2f} ({spread})" in said
    spread = spreads(measured, "control")[best]
    assert f"words labelled at random: {control[best]:.2f} ({spread})" in said
    majority = measured.arrays["majority"].mean()
    assert f"always the commonest label: {majority:.2f}" in said
    assert f"difference (selectivity): {signed(real[best] - control[best])}" in said


def test_it_is_said_in_words() -> None:
    measured = probed()
    real, control = means(measured)
    best = int(np.argmax(np.subtract(real, control)))
    summary = plain(probing.describe(packed(measured)))
    assert summary.startswith(
        f"From the states after L{best - 1}, a linear probe tells apart “plural” and “singular” "
        f"with an accuracy of {real[best]:.2f} ("
    )
    assert (
        f"the real ones {real[best] - control[best]:.2f} better. From the words alone, real "
        in (summary)
    )
    assert summary.endswith(
        "The chart is about the model and the 131 labelled words in 60 sentences of “labels.csv”, "
        "not about the sentence of this page. Of the words in tests, 75% are in training too."
    )


@pytest.mark.parametrize(
    ("accuracy", "said"), [(0.6, "0.20 worse."), (0.8, "no better."), (0.9, "0.10 better.")]
)
def test_it_is_said_which_labels_are_told_better(accuracy: float, said: str) -> None:
    measured = probed(1)
    arrays = {
        "accuracy": np.full((5, 2), accuracy),
        "control": np.full((5, 2), 0.8),
        "majority": np.full(5, 0.5),
    }
    shown = packed(dataclasses.replace(measured, arrays=arrays))
    summary = probing.describe(shown)
    assert summary.startswith("From the words alone, before any layer, a linear probe")
    assert f"are told with 0.80: the real ones {said}" in summary
    assert summary.count("From the words alone") == 1


def test_of_whole_texts_nothing_is_said_of_words() -> None:
    shown = packed(probed(of="texts"))
    summary = plain(probing.describe(shown))
    assert "Labels given to texts at random, which can only be guessed," in summary
    assert "and the 131 labelled texts of “labels.csv”" in summary
    assert "in training too" not in summary
    assert any(text.startswith("texts labelled at random: ") for text in texts(shown))


def test_the_table_says_the_same() -> None:
    measured = probed()
    table = probing.tabulate(packed(measured))
    real, control = means(measured)
    assert [row[0] for row in table.rows] == measured.facts["states"]
    for i, row in enumerate(table.rows):
        assert (row[1], row[3]) == (f"{real[i]:.2f}", f"{control[i]:.2f}")
        assert row[5] == signed(round(real[i] - control[i], 2))
        assert row[4] == spreads(measured, "control")[i]
    assert "labels.csv" in table.caption


@pytest.mark.parametrize("n_layers", [1, 12, 64])
def test_numbers_below_states_keep_apart(n_layers: int) -> None:
    """Where there are many states, some have numbers, and the one that is told always does."""
    measured = probed(n_layers)
    shown = packed(measured)
    spec = charts.finish(probing.draw(shown), shown, "")
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    names = {f"L{i}" for i in range(n_layers)} | {"words"}
    found = re.findall(r'translate\(([\d.]+),([\d.]+)\)"[^>]*>([^<]*)</text>', svg)
    places = {text: float(x) for x, y, text in found if text in names}
    ordered = sorted(places.values())
    assert min(np.diff(ordered)) >= 30
    assert value(spec, "brief")[value(spec, "state")] in places
    assert len(ordered) == n_layers + 1 if n_layers < 13 else 8 <= len(ordered) <= 16


def value(spec: Any, name: str) -> Any:
    return next(param["value"] for param in spec["params"] if param["name"] == name)


def test_labels_of_any_kind_are_told_as_they_are() -> None:
    shown = packed(probed(labels=HOSTILE[1:], file="</script>" + "x" * 90))
    [figure] = views.figures(SHOWN, shown)
    assert "</script><img src=x onerror=a…" in figure.summary
    assert f"and {len(HOSTILE) - 4} more with an accuracy" in figure.summary
    assert "<img" not in figure.svg
    assert "x" * 40 not in figure.summary
    three = probing.describe(packed(probed(labels=("a", "b", "c"))))
    assert "tells apart “a”, “b” and “c” with" in plain(three)
