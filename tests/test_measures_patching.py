# ruff: noqa: TID253 - models are run here
"""Effects are those of Vig et al. 2020: worked out by hand, done anew, and as published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.gpt2 import modeling_gpt2

import runs
from attention_gallery import terms
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import CaptureError, InputError, Where
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.patching import Question, effects, measure
from attention_gallery.terms import CaptureRequest, Measured, MeasureRequest, Model, Sentence
from two_heads import DOCTOR, HE, ILL, LATE, SHE, two_heads


def by_hand() -> tuple[Run, Run]:
    network = two_heads()
    she, he = ((DOCTOR, word) for word in (SHE, HE))
    return tuple(Run(network, {"input_ids": torch.tensor([ids])}, ids) for ids in (she, he))  # type: ignore[return-value]


# Log2 of the odds of "ill": 4 bits times the first head's weight on "doctor", and 2 bits times the
# second head's on "he". After "she" 4/4 + 0 = 1, after "he" 12/4 + 2/2 = 4.
def test_weights_are_given_as_worked_out_by_hand() -> None:
    found = effects(*by_hand(), Question((LATE,), (ILL,)))
    assert found.odds == pytest.approx((2, 16), rel=1e-5)
    assert found.total == pytest.approx(16 / 2 - 1, rel=1e-5)
    # In "she" the first head looks as in "he", 12/4 + 0; the second looks as ever.
    np.testing.assert_allclose(found.indirect, [[2**3 / 2 - 1, 0]], rtol=1e-5)
    # In "he" the first head looks as in "she", 4/4 + 2/2.
    np.testing.assert_allclose(found.direct, [[2**2 / 2 - 1, 16 / 2 - 1]], rtol=1e-5)
    assert found.indirect_of_all == pytest.approx(2**3 / 2 - 1, rel=1e-5)
    assert found.direct_of_all == pytest.approx(2**2 / 2 - 1, rel=1e-5)


def test_what_heads_hand_on_is_given_as_worked_out_by_hand() -> None:
    found = effects(*by_hand(), Question((LATE,), (ILL,)), given="output")
    # Now the second head brings its bit of "he" along.
    np.testing.assert_allclose(found.indirect, [[2**3 / 2 - 1, 2**2 / 2 - 1]], rtol=1e-5)
    np.testing.assert_allclose(found.direct, [[2**2 / 2 - 1, 2**3 / 2 - 1]], rtol=1e-5)
    assert found.indirect_of_all == pytest.approx(found.total)
    assert found.direct_of_all == pytest.approx(0)


class Overridden:
    """GPT-2's own attention, with the weights of some heads set: written for this test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set: dict[int, dict[int, Tensor]] = {}
        self.seen: dict[int, Tensor] = {}
        monkeypatch.setattr(modeling_gpt2, "eager_attention_forward", self)

    def __call__(
        self, module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **_: Any
    ) -> tuple[Tensor, Tensor]:
        n = query.shape[-2]
        scores = query @ key.mT / query.shape[-1] ** 0.5
        weights = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf).softmax(-1)
        self.seen[module.layer_idx] = weights.clone()
        for head, given in self.set.get(module.layer_idx, {}).items():
            weights[0, head, : len(given), : len(given)] = given
        return (weights @ value).transpose(1, 2), weights

    def odds(self, network: Any, ids: list[int], ways: list[list[int]]) -> float:
        means = []
        for way in ways:
            logs = network(torch.tensor([ids + way]), use_cache=False).logits[0].log_softmax(-1)
            ends = zip(range(len(ids) - 1, len(ids) + len(way) - 1), way, strict=True)
            means.append(np.mean([logs[place, token].item() for place, token in ends]))
        return float(np.exp(means[1] - means[0]))


@torch.no_grad()  # type: ignore[untyped-decorator]
def test_effects_of_longer_ways_to_go_on_are_those_of_weights_set_in_the_models_own_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = runs.random("gpt2", layers=3)
    first = list(run.ids)
    second = [*first[:-1], 399]
    ways = [[5, 6], [7, 8, 9]]
    other = Run(
        run.network, dict(run.inputs) | {"input_ids": torch.tensor([second])}, tuple(second)
    )
    found = effects(run, other, Question((5, 6), (7, 8, 9)))

    model = Overridden(monkeypatch)
    seen = []
    for ids in (first, second):
        run.network(torch.tensor([ids]), use_cache=False)
        seen.append(dict(model.seen))
    base = model.odds(run.network, first, ways)

    def effect(ids: list[int], donor: dict[int, Tensor], heads: list[tuple[int, int]]) -> float:
        model.set = {layer: {} for layer, _ in heads}
        for layer, head in heads:
            model.set[layer][head] = donor[layer][0, head]
        return model.odds(run.network, ids, ways) / base - 1

    every = [(layer, head) for layer in range(3) for head in range(4)]
    assert found.total == pytest.approx(effect(second, seen[0], []), rel=1e-6)
    for layer, head in every:
        indirect, direct = found.indirect[layer][head], found.direct[layer][head]
        assert indirect == pytest.approx(effect(first, seen[1], [(layer, head)]), rel=1e-6)
        assert direct == pytest.approx(effect(second, seen[0], [(layer, head)]), rel=1e-6)
    assert found.indirect_of_all == pytest.approx(effect(first, seen[1], every), rel=1e-6)
    assert found.direct_of_all == pytest.approx(effect(second, seen[0], every), rel=1e-6)
    assert np.abs(found.indirect).max() > 0.01


def told(pronoun: str, model: str = "bias") -> Run:
    text = f"the nurse told the engineer that {pronoun} was late , so the [MASK] left"
    return runs.trained(model, text)


def test_the_bias_specimen_takes_she_for_the_nurse_and_he_for_the_engineer() -> None:
    nurse, engineer = runs.tokenizer("bias").convert_tokens_to_ids(["nurse", "engineer"])
    she, he = told("she"), told("he")
    place = she.ids.index(runs.tokenizer("bias").mask_token_id)
    found = effects(she, he, Question((nurse,), (engineer,), place))
    with torch.no_grad():
        odds = [run.logits()[place].softmax(-1)[[nurse, engineer]] for run in (she, he)]
    expected = [(chances[1] / chances[0]).item() for chances in odds]
    assert found.odds == pytest.approx(expected, rel=1e-4)
    assert found.total == pytest.approx(expected[1] / expected[0] - 1, rel=1e-4)
    assert found.odds[0] < 0.1 < 10 < found.odds[1]
    assert found.indirect_of_all > np.max(found.indirect) > 0.1


def test_heads_of_a_translator_are_given_what_they_had_in_the_other_sentence() -> None:
    first, second = (
        runs.trained("fr-en", f"le {what} noir", "the black cat") for what in ("chat", "chien")
    )
    cat, dog = (
        runs.tokenizer("fr-en")(text_target=f"the black {what}").input_ids[2]
        for what in ("cat", "dog")
    )
    question = Question((cat,), (dog,), 2)
    found = effects(first, second, question, "cross", given="output")
    assert found.total > 100  # of "dog" against "cat"
    assert np.shape(found.indirect) == np.shape(found.direct) == (2, 4)
    # All that a decoder knows of a text it has from these heads.
    assert found.indirect_of_all == pytest.approx(found.total, rel=1e-3)
    assert found.direct_of_all == pytest.approx(0, abs=1e-3)


def test_two_equal_sentences_have_no_effects() -> None:
    run = runs.random("llama")
    found = effects(run, run, Question((5,), (6, 7)))
    assert found.total == found.indirect_of_all == found.direct_of_all == 0
    np.testing.assert_allclose(found.indirect, 0, atol=1e-9)
    np.testing.assert_allclose(found.direct, 0, atol=1e-9)


def test_what_cannot_be_asked_is_refused() -> None:
    nine, eight = runs.random("gpt2"), runs.random("gpt2", 8)
    with pytest.raises(CaptureError) as caught:
        effects(nine, eight, Question((5,), (6,)))
    assert str(caught.value) == (
        "the two sentences are cut into 9 and 8 tokens, and effects are of sentences that have a "
        "token for each of the other's; let them differ in words that are one token each"
    )
    with pytest.raises(CaptureError, match="room for one token where a gap is filled"):
        effects(nine, nine, Question((5,), (6, 7), 2))
    pair = runs.random("t5")
    with pytest.raises(CaptureError, match="does not go on after the text that it reads"):
        effects(pair, pair, Question((5,), (6,)), "cross")
    reader = runs.random("bert")
    with pytest.raises(CaptureError, match="sees later words, and does not go on after a text"):
        effects(reader, reader, Question((5,), (6,)))


def test_a_model_is_left_as_it_was() -> None:
    run = runs.random("gpt2")
    before = runs.traces(run.network)
    effects(run, run, Question((5,), (6,)))
    assert runs.traces(run.network) == before


def measured(name: str, question: terms.Question, *sentences: Sentence) -> Measured:
    model = Model(name, name, "folder", str(runs.folder(name)))
    loaded = load(model, head="any")
    passes = tuple(CaptureRequest("0" * 64, model, sentence) for sentence in sentences)
    request = MeasureRequest("0" * 64, "patching", model, passes, question)
    arrays, facts = measure(Case(loaded, request))
    return Measured("0" * 64, "patching", arrays, facts, loaded.provenance)


def late(pronoun: str, rest: str = "so the [MASK] left") -> Sentence:
    return Sentence(pronoun, f"the nurse told the engineer that {pronoun} was late, {rest}")


def test_the_measure_asks_for_the_odds_of_the_word_against_the_other() -> None:
    asked = terms.Question("engineer", "nurse")
    found = measured("bias", asked, late("she"), late("he"))
    nurse, engineer = runs.tokenizer("bias").convert_tokens_to_ids(["nurse", "engineer"])
    she, he = (runs.trained("bias", late(pronoun).text) for pronoun in ("she", "he"))
    place = she.ids.index(runs.tokenizer("bias").mask_token_id)
    expected = effects(she, he, Question((nurse,), (engineer,), place))
    names = {f"{name}/{layer}" for name in ("indirect", "direct") for layer in range(3)}
    assert set(found.arrays) == names
    assert {array.dtype for array in found.arrays.values()} == {np.dtype("float64")}
    np.testing.assert_allclose(np.stack(found.layers("indirect")), expected.indirect, rtol=1e-3)
    np.testing.assert_allclose(np.stack(found.layers("direct")), expected.direct, rtol=1e-3)
    facts = found.facts
    assert facts["total"] == pytest.approx(expected.total, rel=1e-3)
    assert facts["indirect_of_all"] == pytest.approx(expected.indirect_of_all, rel=1e-3)
    assert facts["direct_of_all"] == pytest.approx(expected.direct_of_all, rel=1e-3)
    assert facts["odds"] == pytest.approx(expected.odds, rel=1e-3)
    assert facts["texts"] == [late("she").text, late("he").text]
    assert (facts["kind"], facts["given"]) == ("encoder", "weights")
    assert facts["answer"]["value"] == pytest.approx(np.log(facts["odds"][0]), abs=1e-3)


def test_the_measure_goes_on_after_a_text_and_translates() -> None:
    # Not two words of a story that have anything to do with each other: any odds will do.
    first, second = (
        Sentence(what, f"once upon a time there was a {what}") for what in ("cat", "dog")
    )
    writer = measured("story", terms.Question("was", "had"), first, second)
    assert writer.facts["answer"]["kind"] == "next"
    assert writer.facts["kind"] == "decoder"
    odds = writer.facts["odds"]
    assert writer.facts["total"] == pytest.approx(odds[1] / odds[0] - 1, rel=1e-5)
    pair = measured(
        "fr-en",
        terms.Question("dog", "cat"),
        Sentence("cat", "le chat noir", "the black cat"),
        Sentence("dog", "le chien noir", "the black cat"),
    )
    assert pair.facts["kind"] == "cross"
    assert pair.facts["total"] > 100


def test_the_measure_refuses_what_is_no_question_about_two_words() -> None:
    where = Where("g.yml", 3, 5)
    for question in (terms.Question("nurse", where=where), terms.Question(where=where)):
        with pytest.raises(InputError) as caught:
            measured("bias", question, late("she"), late("he"))
        assert str(caught.value) == (
            "g.yml:3:5: effects are of the odds of one word against another; name both, that which "
            "the second sentence makes likely first, such as ask: {word: engineer, rather_than: "
            "nurse}"
        )
    moved = Sentence("moved", "the [MASK] told the engineer that he was late, so the nurse left")
    with pytest.raises(InputError, match="at token 13 of the first sentence, and at token 2 of"):
        measured("bias", terms.Question("engineer", "nurse"), late("she"), moved)
    good, bad = (Sentence(what, f"the film was {what}") for what in ("good", "bad"))
    with pytest.raises(CaptureError, match="puts whole texts in classes"):
        measured("classifier", terms.Question("positive", "negative"), good, bad)


# Published with the paper, for the sentence of WinoBias and GPT-2 small, by its authors.
PUBLISHED = {
    "odds": (0.8682981845, 1.0432975028),
    "total": 0.2015428817,
    "indirect of all": 0.2024232403,
    "direct of all": 0.0109594816,
    "indirect 5-8": 0.1520500332,
    "direct 5-8": 0.0309828110,
    "direct 4-6": 0.2407057881,
}


def test_the_published_example_of_gpt2_small() -> None:
    for name in ("openai-community/gpt2", "gpt2"):
        try:
            tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
            network = AutoModelForCausalLM.from_pretrained(
                name, local_files_only=True, attn_implementation="eager"
            ).eval()
            break
        except OSError:
            continue
    else:
        pytest.skip("GPT-2 small is not in the local Hugging Face cache")
    sentences: list[Run] = []
    for pronoun in ("she", "he"):
        text = f"The chief gave the housekeeper a tip because {pronoun}"
        ids = tokenizer(text, return_tensors="pt").input_ids
        sentences.append(Run(network, {"input_ids": ids}, tuple(ids[0].tolist())))
    # The continuation that fits who is stereotypically "she", and the other.
    helpful, satisfied = (tokenizer(f" was {how}.").input_ids for how in ("helpful", "satisfied"))
    question = Question(tuple(helpful), tuple(satisfied))
    found = effects(sentences[0], sentences[1], question)
    assert found.odds == pytest.approx(PUBLISHED["odds"], rel=1e-4)
    assert found.total == pytest.approx(PUBLISHED["total"], abs=1e-4)
    assert found.indirect_of_all == pytest.approx(PUBLISHED["indirect of all"], abs=1e-4)
    assert found.direct_of_all == pytest.approx(PUBLISHED["direct of all"], abs=1e-4)
    assert found.indirect[5][8] == pytest.approx(PUBLISHED["indirect 5-8"], abs=1e-4)
    assert found.direct[5][8] == pytest.approx(PUBLISHED["direct 5-8"], abs=1e-4)
    assert found.direct[4][6] == pytest.approx(PUBLISHED["direct 4-6"], abs=1e-4)
    assert np.argmax(found.indirect) == 5 * 12 + 8
