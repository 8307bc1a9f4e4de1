# ruff: noqa: TID253 - the libraries are what is tested here
"""Heads of known jobs are found by their scores, and an untrained model's are not."""

from __future__ import annotations

import json
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from attention_gallery.capture.feeds import prepare
from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.errors import CaptureError, ModelError
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.probes import (
    Probe,
    aligned,
    n_words,
    said_twice,
    sentences,
)
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.patterns import Score, best, measure, scores
from attention_gallery.terms import (
    AttentionKind,
    CaptureRequest,
    Head,
    Measured,
    MeasureRequest,
    Model,
    Pattern,
    Sentence,
)
from grammars import grammar
from runs import MINILM, SPECIMENS
from tiny_models import save_tiny

MARGIN = 0.02  # of the card's scores, which are of other random words


@cache
def loaded(name: str) -> LoadedModel:
    folder = MINILM if name == "minilm" else SPECIMENS / name
    return load(Model(name, name, "folder", str(folder)))


@cache
def scored(name: str) -> dict[AttentionKind, dict[Pattern, Score]]:
    return scores([*said_twice(loaded(name)), *sentences(loaded(name))])


def table(score: Score) -> NDArray[np.float64]:
    """``[layer, head]``."""
    return np.stack(score.heads)


# --- Where heads look on a probe ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["story", "minilm", "fr-en", "pronoun"])
def test_a_probe_says_where_each_pattern_looks(name: str) -> None:
    """Told from the ids alone, whatever the places are."""
    model = loaded(name)
    assert model.tokenizer is not None
    special = set(model.tokenizer.all_special_ids)
    for probe in said_twice(model, n_probes=3):
        ids = probe.run.ids
        words = [i for i, id_ in enumerate(ids) if id_ not in special]
        first, second = words[: len(words) // 2], words[len(words) // 2 :]
        assert [ids[i] for i in first] == [ids[i] for i in second]
        assert len({ids[i] for i in first}) == len(first)
        wanted = probe.wanted["encoder"]
        after = {i for i, id_ in enumerate(ids) if id_ in special and i > words[-1]}
        for query in range(len(ids)):
            twin = {i for i in words if ids[i] == ids[query] and i != query}
            is_word, is_second = query in words, query in second[:-1]
            expected: dict[Pattern, set[int]] = {
                "previous-token": {query - 1} & set(words) if is_word else set(),
                "next-token": {query + 1} & set(words) if is_word else set(),
                "first-token": {0} if query in first[4:] else set(),
                "self": {query} if is_word else set(),
                "duplicate-token": twin if is_word else set(),
                "induction": {i + 1 for i in twin} if is_second else set(),
                "separator": after if is_word else set(),
            }
            for pattern, keys in expected.items():
                if pattern in wanted:
                    assert set(np.flatnonzero(wanted[pattern][query])) == keys, (pattern, query)
        assert ("separator" in wanted) == bool(after)


def test_words_of_a_probe_are_those_that_a_text_consists_of() -> None:
    tokenizer: Any = loaded("minilm").tokenizer
    for probe in said_twice(loaded("minilm"), n_probes=4):
        start, *said, end = probe.run.ids
        assert (start, end) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
        assert tokenizer(tokenizer.decode(said), add_special_tokens=False).input_ids == said


def test_the_decoder_of_a_pair_is_fed_the_words_after_its_start() -> None:
    model = loaded("fr-en")
    probe = said_twice(model, n_probes=1)[0]
    fed: list[Any] = []
    hook = model.network.get_decoder().register_forward_pre_hook(
        lambda _, __, options: fed.append(options["input_ids"][0].tolist()), with_kwargs=True
    )
    with torch.no_grad():
        probe.run.logits()
    hook.remove()
    [[start, *said]] = fed
    assert start == model.network.config.decoder_start_token_id
    assert said == list(probe.run.ids[:-1])
    wanted = probe.wanted["decoder"]
    assert wanted["self"].shape == (len(said) + 1,) * 2
    assert np.array_equal(
        wanted["induction"][1:, 1:], probe.wanted["encoder"]["induction"][:-1, :-1]
    )
    assert "separator" not in wanted


def test_probes_are_the_same_again_and_others_with_another_seed() -> None:
    one, same, other = (
        [probe.run.ids for probe in said_twice(loaded("story"), seed=seed)] for seed in (0, 0, 1)
    )
    assert one == same
    assert not set(one) & set(other)
    assert len(set(one)) == len(one) == 8


def test_a_saying_is_as_short_as_a_model_needs_it() -> None:
    assert loaded("pronoun").network.config.max_position_embeddings == 32
    assert {len(probe.run.ids) for probe in said_twice(loaded("pronoun"))} == {30}
    assert n_words(loaded("pronoun")) == 14
    assert n_words(loaded("story")) == 25
    assert {len(probe.run.ids) for probe in said_twice(loaded("pronoun"), length=7)} == {16}


def test_a_model_that_reads_hardly_anything_cannot_be_probed(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path, "bert")
    model = load(Model("m", "m", "folder", str(folder)))
    assert model.tokenizer is not None
    model.tokenizer.model_max_length = 14
    with pytest.raises(ModelError, match="reads 14 tokens at most, too few for a probe"):
        said_twice(model)


def test_a_model_that_sees_cannot_be_probed_with_words(tmp_path: Path) -> None:
    model = load(Model("m", "m", "folder", str(save_tiny(tmp_path, "vit"))))
    for make in (said_twice, sentences):
        with pytest.raises(CaptureError, match="ViTModel is not fed text; what heads do is probed"):
            make(model)


def test_pieces_of_a_word_belong_together() -> None:
    probes = sentences(loaded("minilm"))
    assert len(probes) == 4
    tokenizer: Any = loaded("minilm").tokenizer
    pieces = tokenizer.convert_ids_to_tokens(list(probes[0].run.ids))
    wanted = probes[0].wanted["encoder"]["same-word"]
    for query, key in np.argwhere(wanted):
        between = pieces[min(query, key) + 1 : max(query, key) + 1]
        assert between
        assert all(piece.startswith("##") for piece in between)
    cut = [piece for piece, after in pairwise(pieces) if after.startswith("##")]
    asked = {int(query) for query, _ in np.argwhere(wanted)}
    assert asked == {
        i
        for i, piece in enumerate(pieces)
        if piece.startswith("##") or (i + 1 < len(pieces) and pieces[i + 1].startswith("##"))
    }
    assert len(cut) > 3


def test_a_model_of_whole_words_reads_no_sentence_of_ours() -> None:
    assert sentences(loaded("fr-en")) == ()
    assert "same-word" not in scored("fr-en")["encoder"]


# --- Scores ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [("story", "decoder"), ("minilm", "encoder"), ("fr-en", "encoder"), ("fr-en", "decoder")],
)
def test_scores_are_means_over_queries_of_what_the_model_reports(
    name: str, kind: AttentionKind
) -> None:
    probes = [*said_twice(loaded(name), n_probes=2), *sentences(loaded(name))[:2]]
    found = scores(probes)[kind]
    given: dict[Pattern, list[NDArray[np.float64]]] = {}
    for probe in probes:
        with torch.no_grad():
            told = probe.run.network(**probe.run.inputs, output_attentions=True)
        name_of = f"{kind}_attentions" if f"{kind}_attentions" in told else "attentions"
        layers = torch.stack(told[name_of])[:, 0].double().numpy()  # [layer, head, query, key]
        for pattern, wanted in probe.wanted.get(kind, {}).items():
            for query, keys in enumerate(wanted):
                seen = [k for k in np.flatnonzero(keys) if kind == "encoder" or k <= query]
                if seen:
                    given.setdefault(pattern, []).append(layers[:, :, query, seen].sum(axis=-1))
    assert given.keys() == found.keys()
    for pattern, rows in given.items():
        assert found[pattern].n_rows == len(rows)
        assert np.allclose(table(found[pattern]), np.mean(rows, axis=0), atol=1e-6)


def test_a_head_that_looks_at_all_it_sees_alike_gets_the_baseline() -> None:
    """By the formula: the n-th token of a causal model sees n keys."""
    n = 25
    causal = scored("story")["decoder"]
    after_first = np.arange(1, 2 * n + 1)  # place of each word; <|endoftext|> is at 0
    assert causal["previous-token"].uniform == pytest.approx(np.mean(1 / (after_first[1:] + 1)))
    assert causal["induction"].uniform == pytest.approx(np.mean(1 / (after_first[n:-1] + 1)))
    assert causal["duplicate-token"].uniform == pytest.approx(np.mean(1 / (after_first[n:] + 1)))
    whole = scored("minilm")["encoder"]
    for pattern in ("previous-token", "next-token", "induction", "self", "separator"):
        assert whole[pattern].uniform == pytest.approx(1 / (2 * n + 2))
    assert "next-token" not in causal


def test_the_heads_of_the_story_model_are_those_of_its_card() -> None:
    found = scored("story")["decoder"]
    induction, previous = table(found["induction"]), table(found["previous-token"])
    assert induction[1, 0] == pytest.approx(0.86, abs=MARGIN)
    assert induction[1].min() > 0.8 > 0.1 > np.delete(induction, 1, axis=0).max()
    assert previous[0, 2] == pytest.approx(0.93, abs=MARGIN)
    assert previous.argmax() == 2
    assert table(found["first-token"]).argmax() == 8  # L2 H0, the sink


def test_the_best_heads_come_first() -> None:
    found = scored("story")["decoder"]
    assert best(found["previous-token"], 1) == (Head(0, 2),)
    assert {head.layer for head in best(found["induction"], 4)} == {1}
    given = [table(found["induction"])[head] for head in best(found["induction"], 12)]
    assert given == sorted(given, reverse=True)


def test_a_layer_that_cannot_see_so_far_back_gets_nothing_and_could_get_nothing(
    tmp_path: Path,
) -> None:
    """The first layer of this model sees four tokens, the second all."""
    model = load(Model("m", "m", "folder", str(save_tiny(tmp_path, "gpt_oss"))))
    found = scores(said_twice(model, n_probes=1))["decoder"]
    assert found["induction"].uniform[0] == 0 < found["induction"].uniform[1]
    assert not found["induction"].heads[0].any()
    assert found["induction"].heads[1].all()
    # The second word sees two, the third three, and the 47 after them four.
    assert found["previous-token"].uniform[0] == pytest.approx((1 / 2 + 1 / 3 + 47 / 4) / 49)


@pytest.mark.parametrize("name", ["story", "minilm", "fr-en", "pronoun", "bias"])
def test_untrained_heads_stay_at_the_baseline(name: str) -> None:
    for patterns in scored(name).values():
        for score in patterns.values():
            untrained, uniform = np.stack(score.untrained), score.uniform[:, None]
            assert untrained.shape == table(score).shape
            assert np.abs(untrained - uniform).max() < max(0.03, 0.3 * uniform.max())


def test_scores_are_the_same_again() -> None:
    for one, two in zip(
        scored("story")["decoder"].values(),
        scores([*said_twice(loaded("story")), *sentences(loaded("story"))])["decoder"].values(),
        strict=True,
    ):
        assert np.array_equal(table(one), table(two))
        assert np.array_equal(np.stack(one.untrained), np.stack(two.untrained))


def test_a_real_encoder_has_heads_for_neighbours_and_rests_on_its_first_token() -> None:
    found = scored("minilm")["encoder"]
    assert table(found["previous-token"]).max() > 0.95
    assert table(found["next-token"]).max() > 0.4
    by_layer = table(found["first-token"]).mean(axis=1)
    assert by_layer[0] < 0.2 < 0.5 < by_layer[1:5].min()
    assert table(found["separator"]).mean(axis=1).max() < 0.05  # it is [CLS], not [SEP]


# --- Alignment ------------------------------------------------------------------------------------


def translations(n_texts: int) -> list[Probe]:
    model, words = loaded("fr-en"), grammar("fr-en")
    probes = []
    for number, (french, english) in enumerate(islice(words.pairs(7, "heldout"), n_texts)):
        sentence = Sentence(str(number), french, english)
        request = CaptureRequest("0" * 64, Model("m", "m", "folder", ""), sentence)
        feed = prepare(model, request)
        links = list(enumerate(words.gold_alignment(french, english)))
        shape = (len(feed.target), len(feed.tokens))
        probes.append(aligned(Run.of(model, feed), shape, links))
    return probes


def test_the_alignment_heads_of_the_translator_are_those_of_its_card() -> None:
    probes = translations(40)
    (found,) = scores(probes)["cross"].values()
    heads = table(found)
    # The card's weight on gold words, of rows named after what they predict.
    assert heads[1] == pytest.approx([0.979, 0.979, 0.982, 0.977], abs=MARGIN)
    assert heads[0] == pytest.approx([0.276, 0.450, 0.314, 0.170], abs=3 * MARGIN)
    assert np.abs(np.stack(found.untrained) - found.uniform[:, None]).max() < 0.05
    expected = [
        keys.sum() / len(keys)
        for probe in probes
        for keys in probe.wanted["cross"]["alignment"]
        if keys.any()
    ]
    assert found.uniform == pytest.approx(np.mean(expected))
    assert found.n_rows == len(expected)


# --- As a measure ---------------------------------------------------------------------------------


def measured(name: str) -> Measured:
    model = loaded(name)
    request = MeasureRequest("0" * 64, "patterns", Model(name, name, "folder", ""))
    arrays, facts = measure(Case(model, request))
    return Measured("0" * 64, "patterns", arrays, facts, model.provenance)


@pytest.mark.parametrize("name", ["story", "fr-en", "minilm"])
def test_the_measure_holds_all_scores_of_all_kinds_with_their_baselines(name: str) -> None:
    found, expected = measured(name), scored(name)
    told = found.facts["patterns"]
    assert {kind: set(patterns) for kind, patterns in told.items()} == {
        kind: set(patterns) for kind, patterns in expected.items()
    }
    n_arrays = 0
    for kind, patterns in expected.items():
        for pattern, score in patterns.items():
            folder = f"{kind}/{pattern}"
            for layers, reference in (
                (found.layers(f"{folder}/trained"), score.heads),
                (found.layers(f"{folder}/untrained"), score.untrained),
            ):
                assert {layer.dtype for layer in layers} == {np.dtype("float64")}
                np.testing.assert_array_equal(np.stack(layers), np.stack(reference))
                n_arrays += len(layers)
            np.testing.assert_array_equal(found.arrays[f"{folder}/uniform"], score.uniform)
            n_arrays += 1
            assert told[kind][pattern]["n_rows"] == score.n_rows
            assert all(told[kind][pattern][name] for name in ("title", "gives", "says"))
    assert len(found.arrays) == n_arrays


def test_the_measure_says_what_it_probed_with() -> None:
    story, pronoun = measured("story").facts, measured("pronoun").facts
    assert (story["n_probes"], story["length"], story["seed"]) == (8, 25, 0)
    assert story["n_sentences"] == 4
    assert (pronoun["length"], pronoun["n_sentences"]) == (14, 0)
    assert json.loads(json.dumps(story)) == story


def test_a_model_that_sees_is_not_measured(tmp_path: Path) -> None:
    model = Model("m", "m", "folder", str(save_tiny(tmp_path, "vit")))
    with pytest.raises(CaptureError, match="choose a model that reads"):
        measure(Case(load(model), MeasureRequest("0" * 64, "patterns", model)))
