"""The view of heads: its numbers are those that were measured, and its words say what they mean."""

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
from numpy.typing import NDArray

from attention_gallery import charts, templates, views
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Capture, Exhibit, Head, Measured, Sentence, Start
from attention_gallery.views import heads
from attention_gallery.views.heads.scores import Scores, effect
from attentions import FOX, HOSTILE, attention, capture, exhibit

SHORT = ("<s>", "a", "fox")
SHOWN = exhibit(views=("heads",), start=Start(Head(1, 1)))


def measure(name: str, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> Measured:
    held = {key: np.asarray(array, np.float64) for key, array in arrays.items()}
    provenance = capture(attention(SHORT)).provenance
    return Measured("0" * 64, name, held, {"title": name, **facts}, provenance)


def probed(source: Attention, *names: str, seed: int = 0) -> Measured:
    """Heads give anything to each pattern; the first head of all gives most to the first."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, Any] = {}
    told = {}
    for number, name in enumerate(names):
        folder = f"{source.kind}/{name}"
        for layer, n_heads in enumerate(source.n_heads):
            arrays[f"{folder}/trained/{layer}"] = rng.random(n_heads) * 0.5
            arrays[f"{folder}/untrained/{layer}"] = 0.04 + rng.random(n_heads) * 0.01
        arrays[f"{folder}/uniform"] = [0.03 + layer / 100 for layer in range(source.n_layers)]
        if not number:
            arrays[f"{folder}/trained/0"][0] = 0.97
        told[name] = {
            "n_rows": 7,
            "title": name.replace("-", " "),
            "gives": f"what {name} heads look at",
            "says": f"It looks there as {name} heads do.",
        }
    return measure("patterns", arrays, {"patterns": {source.kind: told}})


def silenced(
    source: Attention, *, word: str = "cats", against: str = "", seed: int = 1
) -> Measured:
    rng = np.random.default_rng(seed)
    arrays: dict[str, Any] = {"zero/all": -2.5, "mean/all": -1.25}
    for by in ("zero", "mean"):
        for layer, n_heads in enumerate(source.n_heads):
            arrays[f"{by}/{layer}"] = rng.normal(size=n_heads)
    return measure("ablation", arrays, {"kind": source.kind, "answer": answer(word, against)})


def patched(source: Attention, *, seed: int = 2) -> Measured:
    rng = np.random.default_rng(seed)
    arrays = {
        f"{name}/{layer}": rng.normal(size=n_heads) * scale
        for name, scale in (("indirect", 1), ("direct", 4000))
        for layer, n_heads in enumerate(source.n_heads)
    }
    facts = {
        "total": 2548.4,
        "indirect_of_all": 99.7,
        "direct_of_all": 41.3,
        "odds": [0.012, 30.7],
        "kind": source.kind,
        "given": "weights",
        "texts": ["she", "he"],
        "answer": answer("engineer", "nurse"),
    }
    return measure("patching", arrays, facts)


def answer(word: str, against: str = "", unit: str = "nats") -> dict[str, Any]:
    return {
        "kind": "next", "word": word, "rather_than": against, "at": 2, "after": "fox",
        "value": -1.0, "unit": unit, "probability": 0.4,
    }  # fmt: skip


def measured(source: Attention, *patterns: str) -> dict[str, Measured]:
    """All that the view can show."""
    found = {"ablation": silenced(source), "patching": patched(source)}
    return {"patterns": probed(source, *patterns), **found} if patterns else found


TWO_BY_TWO = attention(SHORT, n_heads=(2, 2))
CROSS = attention(SHORT, kind="cross", keys=("un", "renard"), n_heads=(2, 2))
CASES: dict[str, tuple[Exhibit, Capture, Mapping[str, Measured]]] = {
    "probed": (
        exhibit(views=("heads",), start=Start(Head(1, 0), 2)),
        capture(TWO_BY_TWO),
        measured(TWO_BY_TWO, "previous-token", "induction"),
    ),
    "aligned": (
        exhibit(views=("heads",), heads=(Head(1, 1),), gold={"fox": ("renard",)}),
        capture(CROSS),
        {"patterns": probed(TWO_BY_TWO, "self"), "ablation": silenced(CROSS)},
    ),
}


def packed(
    source: Attention = TWO_BY_TWO,
    found: Mapping[str, Measured] | None = None,
    shown: Exhibit = SHOWN,
) -> Packed:
    if found is None:
        found = measured(source, "previous-token", "induction")
        found = {name: found[name] for name in ("patterns", "ablation")}
    return views.pack(shown, capture(source), (), found)


OPENED = packed()
PAIRED = packed(found=measured(TWO_BY_TWO, "previous-token", "induction"))


def document(shown: Packed) -> dict[str, Any]:
    """What its document holds, by the names of parameters."""
    spec = heads.draw(shown).to_dict(validate=False)
    return {param["name"]: param.get("value") for param in spec["params"]}


@cache
def texts(shown: Packed) -> list[str]:
    """All that is written in the static picture."""
    spec = charts.finish(heads.draw(shown), shown, "")
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def plain(text: str) -> str:
    """Without the marks that isolate a token from the text around it."""
    return text.replace("\u2068", "").replace("\u2069", "")


def flat(found: Measured, folder: str) -> NDArray[np.float64]:
    return np.concatenate(found.layers(folder))


def in_cell(value: float, *, signed: bool) -> str:
    """Two decimals; no zero before the point."""
    if signed and abs(value) < 0.005:
        return "0"
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    return re.sub(r"^([+-]?)0[.]", r"\1.", text).replace("-", "−")


def test_it_is_shown_where_it_is_named_of_what_is_read() -> None:
    assert "heads" not in views.of(exhibit(views=()))
    assert views.measures(SHOWN) == ("patterns",)
    assert heads.fits(SHOWN)
    for sentence in (Sentence("scene", "", image="/scene.png"), Sentence("s", "", audio="/s.wav")):
        assert not heads.fits(dataclasses.replace(SHOWN, sentence=sentence))


@pytest.mark.parametrize("listed", [(), (Head(2, 1),)], ids=["all", "listed"])
def test_the_document_holds_what_was_measured_of_all_heads(listed: tuple[Head, ...]) -> None:
    """Also of those whose maps do not travel: one sees a head among all others."""
    source = attention(n_heads=(3, 1, 4))
    found = measured(source, "previous-token", "induction")
    shown = document(packed(source, found, exhibit(views=("heads",), heads=listed)))
    assert shown["slots"] == [
        f"L{layer} H{head}" for layer, n in enumerate((3, 1, 4)) for head in range(n)
    ]
    values = dict(zip(shown["labels"], shown["values"], strict=True))
    for label, name, folder in (
        ("probe: previous token", "patterns", "decoder/previous-token/trained"),
        ("probe: induction", "patterns", "decoder/induction/trained"),
        ("without it: nothing instead", "ablation", "zero"),
        ("without it: its mean instead", "ablation", "mean"),
        ("pair: indirect effect", "patching", "indirect"),
    ):
        np.testing.assert_allclose(values[label], flat(found[name], folder), atol=0.0005)
    # Of large effects whole numbers are told.
    direct = flat(found["patching"], "direct")
    np.testing.assert_allclose(values["pair: direct effect"], direct, atol=0.5)
    back = [np.diagonal(head, -1).mean() for layer in source.layers for head in layer]
    np.testing.assert_allclose(values["sentence: to previous token"], back, atol=0.0006)
    assert shown["untrained"][0] == pytest.approx(
        flat(found["patterns"], "decoder/previous-token/untrained").max(), abs=0.0005
    )
    assert shown["uniform"][0] == [0.03, 0.04, 0.05]


def test_the_picture_has_the_number_of_each_head_by_two_scores_and_the_card_of_one() -> None:
    found = OPENED.measured
    said = texts(OPENED)
    pattern = np.round(flat(found["patterns"], "decoder/previous-token/trained"), 3)
    effects = np.round(flat(found["ablation"], "zero"), 3)
    for value in pattern:
        assert in_cell(float(value), signed=False) in said
    for value in effects:
        assert in_cell(float(value), signed=True) in said
    assert f"{pattern[3]:.3f}" in said
    assert f"{effects[3]:+.3f}".replace("-", "−") in said
    assert {"L0", "L1", "H0", "H1", "probe: previous token", "On this sentence"} <= set(said)
    assert {"without it: nothing instead (nats)", "its mean over this sentence"} <= set(said)


def test_it_opens_with_the_pattern_that_the_head_shown_stands_out_by() -> None:
    """L0 H0 gives 0.97 to the previous token; L1 H0 stands out by induction."""
    for head, expected in ((Head(0, 0), "previous token"), (Head(1, 0), "induction")):
        scores = Scores(packed(shown=exhibit(views=("heads",), start=Start(head))))
        assert scores.heads[scores.start] == head, "as its author says"
        assert scores.named[scores.start]
        assert scores.all[scores.first].title == expected
        assert scores.all[scores.second].label == "without it: nothing instead"


def test_it_opens_with_the_pattern_followed_furthest_where_the_head_shown_follows_none() -> None:
    found = probed(TWO_BY_TWO, "previous-token", "induction")
    found.arrays["decoder/previous-token/trained/1"][1] = 0.1
    found.arrays["decoder/induction/trained/1"][1] = 0.12
    two = Scores(packed(found={"patterns": found}))
    assert not two.named[two.start]
    assert [two.first, two.second] == [0, 1], "0.97 of L0 H0"
    none = Scores(packed(found={}))
    assert none.all[none.first].group == none.all[none.second].group == "sentence"


@pytest.mark.parametrize("case", ["probed", "aligned", "encoder"])
def test_what_scores_are_chosen_by_fits_a_control(case: str) -> None:
    source = attention(HOSTILE, kind="encoder", n_heads=(2, 2))
    if case == "encoder":
        shown = packed(source, measured(source, "duplicate-token"))
    else:
        told, held, found = CASES[case]
        shown = views.pack(told, held, (), found)
    labels = document(shown)["labels"]
    assert max(map(len, labels)) <= 28
    assert len(set(labels)) == len(labels)


def test_it_opens_with_the_effects_of_a_pair_where_an_author_names_one() -> None:
    scores = Scores(PAIRED)
    opened = [scores.all[i].title for i in (scores.first, scores.second)]
    assert opened == ["indirect effect", "direct effect"]


def test_a_head_is_named_after_a_pattern_that_it_follows_far_beyond_both_baselines() -> None:
    arrays: dict[str, Any] = {
        "decoder/self/trained/0": [0.9, 0.45],
        "decoder/self/trained/1": [0.9, 0.5],
        "decoder/self/untrained/0": [0.1, 0.2],
        "decoder/self/untrained/1": [0.1, 0.1],
        "decoder/self/uniform": [0.1, 0.7],
    }
    facts = {"patterns": {"decoder": {"self": {"title": "self", "gives": "it", "says": "."}}}}
    scores = Scores(packed(found={"patterns": measure("patterns", arrays, facts)}))
    assert scores.named == [True, True, False, False]
    assert scores.best == [0, 0, 0, 0]


def test_the_summary_says_what_the_head_does_on_the_probe_and_what_is_lost_without_it() -> None:
    found = OPENED.measured
    shown = packed(shown=exhibit(views=("heads",), start=Start(Head(0, 0))))
    said = plain(heads.describe(shown))
    patterns, effects = found["patterns"], found["ablation"]
    untrained = flat(patterns, "decoder/previous-token/untrained").max()
    assert said.startswith(
        "L0 H0 (previous token): on the probe it gives 0.970 to what previous-token heads look at; "
        f"the best head of an untrained model gives {untrained:.3f}, one that looks at all it sees "
        "alike 0.030. It looks there as previous-token heads do. On this sentence: attention to "
        "the previous token "
    )
    mean, zero = (effect(float(flat(effects, by)[0])) for by in ("mean", "zero"))
    assert (
        "Without it, with nothing in its place, the log-probability of “cats” changes by "
        f"{zero} nats; with its mean over this sentence in its place, by {mean} nats."
    ) in said
    assert (
        said.endswith(
            "Those with most of each: previous token L0 H0 0.970, induction "
            f"L0 H1 {flat(patterns, 'decoder/induction/trained')[1]:.3f}."
        )
        or "induction L1" in said
    )


def test_it_says_that_single_effects_need_not_add_up_with_what_they_add_up_to() -> None:
    said = plain(heads.describe(PAIRED))
    ablation, patching = PAIRED.measured["ablation"], PAIRED.measured["patching"]
    zero, mean, indirect = (
        effect(float(flat(found, folder).sum()))
        for found, folder in ((ablation, "zero"), (ablation, "mean"), (patching, "indirect"))
    )
    assert f"the 4 heads change it by {zero} nats in sum; all at once, by −2.500 nats." in said
    assert (
        "With their means over this sentence in their places that is "
        f"{mean} nats in sum, and −1.250 nats all at once."
    ) in said
    assert "effects of single heads need not add up" in said
    assert "are 0.012 after the first sentence and 30.7 after the second" in said
    assert "after the second: a total effect of +2,548, where +1 is twice the odds." in said
    assert "Their indirect effect together is +99.7: the first sentence is read" in said
    assert "Their direct effect is +41.3: everything is changed but that." in said
    assert f"The indirect effects of single heads sum up to {indirect}" in said


def changed(scale: float) -> Measured:
    found = silenced(TWO_BY_TWO)
    arrays = {name: array * scale for name, array in found.arrays.items()}
    largest = max(np.abs(array).max() for name, array in arrays.items() if "all" not in name)
    assert (largest < 0.01) == (scale < 0.01)
    return dataclasses.replace(found, arrays=arrays)


def test_it_says_where_no_single_head_changes_the_answer() -> None:
    told = "No single head changes this answer by 0.01 or more."
    assert told in heads.describe(packed(found={"ablation": changed(0.001)}))
    assert told not in heads.describe(packed(found={"ablation": changed(1)}))
    rows = {
        label: cells
        for label, *cells in heads.tabulate(packed(found={"ablation": changed(0)})).rows
    }
    assert rows["without it: nothing instead"][0] == "no single head"


def test_a_head_leads_a_pattern_only_if_it_is_above_the_best_untrained_one() -> None:
    found = probed(TWO_BY_TWO, "previous-token", "induction")
    for layer in (0, 1):
        found.arrays[f"decoder/induction/trained/{layer}"][:] = 0.03
    found.arrays["decoder/previous-token/trained/1"][:] = 0.03
    opened = packed(found={"patterns": found})
    said = heads.describe(opened)
    assert "previous token L0 H0 0.970, induction none above an untrained one." in said
    rows = {label: cells for label, *cells in heads.tabulate(opened).rows}
    assert rows["probe: induction"][:3] == ["none above an untrained one", "", ""]
    assert [bool(cell) for cell in rows["probe: previous token"][:3]] == [True, True, False]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (answer("cats"), "the log-probability of “cats”"),
        (answer("cats", "dogs"), "the logarithm of the odds of “cats” against “dogs”"),
        (answer("positive", unit="logits"), "the score of the class “positive”"),
    ],
)
def test_what_changes_is_called_by_its_name(found: dict[str, Any], expected: str) -> None:
    ablation = silenced(TWO_BY_TWO)
    asked = dataclasses.replace(ablation, facts={**ablation.facts, "answer": found})
    said = plain(heads.describe(packed(found={"ablation": asked})))
    assert f"with nothing in its place, {expected} changes by" in said
    assert f" {found['unit']};" in said


@pytest.mark.parametrize("name", ["ablation", "patching"])
def test_effects_of_another_attention_than_the_one_shown_are_refused(name: str) -> None:
    other = {"ablation": silenced, "patching": patched}[name](CROSS)
    with pytest.raises(InputError, match=f"^{name} is of cross attention.* shows decoder"):
        heads.draw(packed(found={name: other}))


def test_nothing_is_said_of_a_probe_where_heads_are_those_of_cross_attention() -> None:
    shown, held, found = CASES["aligned"]
    opened = views.pack(shown, held, (), found)
    [figure] = views.figures(shown, opened)
    told = (figure.summary, figure.table.caption, *figure.table.columns, *texts(opened))
    assert "probe" not in " ".join(told)
    assert "untrained" not in " ".join(told)
    assert figure.summary.startswith("L1 H1, a head of cross-attention. On this sentence: ")
    how = templates.render(
        "views/heads.html.j2", figure=figure, cross=True, derived=(), standalone=True, truth=""
    )
    assert "for each head of cross-attention" in how
    assert "probe" not in how.split("<attention-chart")[0]


def test_direct_effects_are_ranked_and_coloured_by_how_far_they_are_from_the_total() -> None:
    """A head that carries nothing leaves the total: it is not what has the largest effect."""
    found = patched(TWO_BY_TWO)
    total = 94.7
    for layer, effects in enumerate(([94.7, 94.6], [60.6, 98.0])):
        found.arrays[f"direct/{layer}"][:] = effects
    found = dataclasses.replace(found, facts={**found.facts, "total": total})
    opened = packed(found={"patching": found})
    rows = {label: cells for label, *cells in heads.tabulate(opened).rows}
    assert rows["pair: direct effect"][:4] == ["L1 H0 +60.6", "L1 H1 +98.0", "L0 H1 +94.6", "+41.3"]
    assert "furthest from the total of +94.7" in heads.tabulate(opened).caption
    held = document(opened)
    at = held["labels"].index("pair: direct effect")
    assert (held["middles"][at], held["limits"][at]) == (total, pytest.approx(34.1))
    assert held["spans"][at] == [60.6, 98.0]
    assert held["bars"][at] == held["bars"][at - 1], "compared, so on one scale"
    assert held["bars"][at][0] < 0 < held["bars"][at][1] == 98.0
    assert "total effect +94.7" in texts(opened)
    assert {"+94.7", "+94.6", "+60.6", "+98.0"} <= set(texts(opened)), "in cells, and in the card"


def test_only_shares_and_effects_have_bars() -> None:
    held = document(OPENED)
    barred = dict(zip(held["labels"], held["barred"], strict=True))
    assert not barred["sentence: mean distance"]
    assert not barred["sentence: entropy"]
    assert barred["sentence: largest weight"]
    assert barred["probe: induction"]
    assert barred["without it: nothing instead"]


def test_blue_is_more_and_orange_is_less() -> None:
    colours = document(OPENED)["divergences"]
    assert (colours[0], colours[-1]) == (charts.HOVER_COLOUR, charts.PIN_COLOUR)


def test_what_heads_give_to_what_is_known_is_among_the_scores() -> None:
    shown, _, found = CASES["aligned"]
    source, opened = CROSS, packed(CROSS, found, shown)
    scores = Scores(opened)
    assert scores.all[scores.first].title == "attention to what is known to be right"
    # Of "fox", the row that predicts it, given to "renard".
    expected = [float(head[1, 1]) for layer in source.layers for head in layer]
    np.testing.assert_allclose(scores.all[scores.first].values, expected, atol=0.0006)
    assert scores.of("probe") == [], "no probe is of cross-attention"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "+0.000"), (-0.4, "−0.400"), (9.9994, "+9.999"), (-60.64, "−60.6"), (2548.4, "+2,548")],
)
def test_effects_are_printed_with_their_sign_and_large_ones_with_fewer_decimals(
    value: float, expected: str
) -> None:
    assert effect(value) == expected


def test_the_table_has_a_line_for_each_score_with_its_leaders_and_baselines() -> None:
    rows = {label: cells for label, *cells in heads.tabulate(PAIRED).rows}
    assert list(rows) == document(PAIRED)["labels"]
    assert rows["probe: previous token"][0] == "L0 H0 0.970"
    assert rows["probe: previous token"][-1] == "0.030 to 0.040"
    direct = flat(PAIRED.measured["patching"], "direct")
    largest = int(np.abs(direct - 2548.4).argmax())
    names = ["L0 H0", "L0 H1", "L1 H0", "L1 H1"]
    assert rows["pair: direct effect"][0] == (f"{names[largest]} {effect(float(direct[largest]))}")
    assert rows["pair: direct effect"][-3:] == ["+41.3", "", ""]
    assert rows["without it: nothing instead"][3] == "−2.500 nats"
    assert rows["without it: its mean instead"][3] == "−1.250 nats"


def test_many_heads_have_colours_without_numbers_and_a_short_table() -> None:
    source = attention(FOX, n_heads=(16,) * 10)
    opened = packed(source)
    said = texts(opened)
    assert sum(bool(re.fullmatch(r"[+−]?[.]\d\d", text)) for text in said) == 0
    assert len(heads.tabulate(opened).rows) == len(document(opened)["labels"]) < 20
    few = texts(OPENED)
    assert sum(bool(re.fullmatch(r"[+−]?\d?[.]\d\d|0", text)) for text in few) >= 8


@pytest.mark.parametrize("tokens", [FOX[:1], FOX * 20], ids=["one", "two hundred"])
def test_any_length_of_text_and_a_single_head_are_shown(tokens: tuple[str, ...]) -> None:
    source = attention(tokens, n_heads=(1,))
    opened = packed(source, shown=exhibit(views=("heads",)))
    assert heads.describe(opened).startswith("L0 H0 (previous token): on the probe it gives 0.970")
    assert "L0 H0: previous token" in texts(opened)


def test_hostile_words_are_only_words() -> None:
    source = attention(HOSTILE, n_heads=(2, 2))
    for word in HOSTILE[1:]:
        found = {"patterns": probed(source, "self"), "ablation": silenced(source, word=word)}
        opened = packed(source, found)
        assert f"“\u2068{charts.short(word)}\u2069”" in heads.describe(opened)
        if "<img" in word:
            [figure] = views.figures(SHOWN, opened)
            assert "<img" not in figure.svg
            assert "&lt;img" in figure.svg
