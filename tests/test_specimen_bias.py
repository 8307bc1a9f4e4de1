# ruff: noqa: TID253 - the specimens are run here
"""The bias specimen and its control do what their card says, measured here by other code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from itertools import islice, product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

import grammars

FOLDER = Path(__file__).parent.parent / "galleries" / "specimens" / "bias"
TWINS = {"biased": FOLDER, "balanced": FOLDER / "balanced"}
MODELS = [*TWINS, "untrained"]

# Other sentences than the card's, so a figure may differ a little from the published one.
MARGIN = 0.05
TELLS, STATES = ["told", "informed"], ["ill", "busy"]


def grammar() -> ModuleType:
    return grammars.grammar("bias")


@cache
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@cache
def model(name: str) -> Any:
    torch.set_num_threads(1)
    if name in TWINS:
        return AutoModelForMaskedLM.from_pretrained(
            TWINS[name], local_files_only=True, attn_implementation="eager"
        ).eval()
    config = AutoConfig.from_pretrained(FOLDER, attn_implementation="eager")
    torch.manual_seed(0)
    return AutoModelForMaskedLM.from_config(config).eval()


def run(name: str, text: str, token: int) -> tuple[NDArray[Any], dict[str, float]]:
    """Weights from a token, ``[layer, head, key]``, and the chance of each word there."""
    with torch.inference_mode():
        out = model(name)(**tokenizer()(text, return_tensors="pt"), output_attentions=True)
    weights = np.stack([layer[0, :, token].numpy() for layer in out.attentions])
    chances = out.logits[0, token].softmax(-1).tolist()
    return weights, {word: chances[i] for word, i in tokenizer().get_vocab().items()}


def card_row(*cells: str) -> list[str]:
    """The other cells of the one table row in the model card that starts with `cells`."""
    start = re.escape(f"| {' | '.join(cells)} |")
    card = (FOLDER / "README.md").read_text("utf-8")
    (row,) = re.finditer(rf"^{start} (.*) \|$", card, re.M)
    return row[1].split(" | ")


def heldout_pairs(she: list[str], he: list[str]) -> list[tuple[str, str]]:
    """Pairs that training never sees together."""
    return [
        (a, b)
        for a, b in product(she, he)
        if grammar().split_of((min(a, b), max(a, b))) == "heldout"
    ]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("group", ["often she", "often he", "either", "always she", "always he"])
def test_hidden_pronouns_are_as_likely_as_published(group: str, name: str) -> None:
    people = getattr(grammar(), group.replace(" ", "_").upper())
    found = []
    for who, state in product(people, grammar().STATES):
        if grammar().split_of((who, state)) == "heldout":
            _, chances = run(name, f"the {who} said that [MASK] was {state}", 5)
            found.append(chances["she"] / (chances["she"] + chances["he"]))
    assert np.mean(found) == pytest.approx(float(card_row(group)[MODELS.index(name)]), abs=MARGIN)


def test_the_planted_share_is_what_the_biased_twin_learns_and_the_control_does_not() -> None:
    biased, balanced = (float(card_row("often she")[i]) for i in (0, 1))
    assert biased == pytest.approx(grammar().SHARE, abs=0.05)
    assert balanced == pytest.approx(grammar().BALANCED_SHARE, abs=0.05)


@cache
def named(name: str, kind: str) -> float:
    """Chance of the expected person, against the other, at the end of held-out sentences."""
    groups = {
        "often": (grammar().OFTEN_SHE, grammar().OFTEN_HE),
        "always": (grammar().ALWAYS_SHE, grammar().ALWAYS_HE),
    }[kind]
    found = []
    for pair, verb, state in product(heldout_pairs(*groups), TELLS, STATES):
        for (one, two), (pronoun, who) in product(
            (pair, pair[::-1]), zip(("she", "he"), pair, strict=True)
        ):
            text = f"the {one} {verb} the {two} that {pronoun} was {state}, so the [MASK] left"
            _, chances = run(name, text, 13)
            found.append(chances[who] / (chances[one] + chances[two]))
    return float(np.mean(found))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["often", "always"])
def test_pronouns_are_taken_for_whom_the_card_says(kind: str, name: str) -> None:
    shown = float(card_row(f"{kind} she, {kind} he")[MODELS.index(name)])
    assert named(name, kind) == pytest.approx(shown, abs=MARGIN)


def test_the_control_understands_pronouns_but_has_no_prejudice() -> None:
    assert named("balanced", "always") > 0.85
    assert named("balanced", "often") < 0.55
    assert named("biased", "often") > 0.75


@cache
def kinds(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean weights from a visible pronoun on who is often she, and often he, ``[layer, head]``."""
    she, he = [], []
    pairs = heldout_pairs(grammar().OFTEN_SHE, grammar().OFTEN_HE)
    for (a, b), verb, state, pronoun in product(pairs, TELLS, STATES, ("she", "he")):
        for one, two, place in ((a, b, 2), (b, a, 5)):
            text = f"the {one} {verb} the {two} that {pronoun} was {state}"
            weights, _ = run(name, text, 7)
            she.append(weights[..., place])
            he.append(weights[..., 7 - place])
    return np.mean(she, axis=0), np.mean(he, axis=0)


@pytest.mark.parametrize(("sought", "head"), [("often she", (2, 1)), ("often he", (2, 0))])
def test_a_head_of_the_biased_twin_sorts_occupations_as_published(
    sought: str, head: tuple[int, int]
) -> None:
    name, weight, other = card_row("she or he", sought, "biased")
    assert name == f"L{head[0]} H{head[1]}"
    found = kinds("biased") if sought == "often she" else kinds("biased")[::-1]
    assert found[0][head] >= float(weight) - MARGIN
    assert found[1][head] <= float(other) + MARGIN


def test_the_same_head_of_the_control_and_of_the_untrained_model_does_not() -> None:
    for name in ("balanced", "untrained"):
        she, he = kinds(name)
        assert abs(she[2, 1] - he[2, 1]) < 0.05
        assert she[2, 1] < 0.15


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("pronoun", ["she", "he"])
def test_the_shown_sentence_has_the_published_figures(pronoun: str, name: str) -> None:
    start = f"The nurse told the engineer that {pronoun} was late"
    weights, _ = run(name, start, 7)
    shown = [float(cell) for cell in card_row(f"{pronoun}, weights", name)]
    found = [weights[head][key] for head in ((2, 1), (2, 0)) for key in (2, 5)]
    assert found == pytest.approx(shown, abs=0.002)
    _, chances = run(name, f"{start}, so the [MASK] left", 13)
    shown = [float(cell) for cell in card_row(f"{pronoun}, guesses", name)]
    assert [chances["nurse"], chances["engineer"]] == pytest.approx(shown, abs=0.002)


def test_the_twins_texts_differ_in_pronouns_of_occupations_only() -> None:
    texts = (
        islice(grammar().sentences(0, share), 5000)
        for share in (grammar().SHARE, grammar().BALANCED_SHARE)
    )
    n_different = 0
    for one, other in zip(*texts, strict=True):
        for place, words in enumerate(zip(one.words, other.words, strict=True)):
            if words[0] != words[1]:
                n_different += 1
                assert set(words) == {"she", "he"}
                antecedent = one.words[one.antecedents[place]]
                assert antecedent in grammar().OFTEN_SHE + grammar().OFTEN_HE
    assert n_different > 500


@pytest.mark.parametrize(("share", "others"), [(0.9, 0.1), (0.5, 0.5), (0.7, 0.3)])
def test_the_share_is_adjustable_and_kept(share: float, others: float) -> None:
    counts: dict[str, list[bool]] = {}
    for sentence in islice(grammar().sentences(1, share), 8000):
        place = min(sentence.antecedents)
        who = sentence.words[sentence.antecedents[place]]
        counts.setdefault(who, []).append(sentence.words[place] == "she")
    for group, expected in (
        (grammar().OFTEN_SHE, share),
        (grammar().OFTEN_HE, others),
        (grammar().EITHER, 0.5),
        (grammar().ALWAYS_SHE, 1.0),
        (grammar().ALWAYS_HE, 0.0),
    ):
        found = np.mean([is_she for who in group for is_she in counts[who]])
        assert found == pytest.approx(expected, abs=0.04)


def test_pronouns_and_repeated_names_have_the_antecedent_that_the_verb_asks_for() -> None:
    for sentence in islice(grammar().sentences(2, 0.9, families=["causality"]), 500):
        pronoun, *again = sorted(sentence.antecedents)
        expected = 1 if sentence.words[2] in grammar().BY_SUBJECT else 4
        assert sentence.antecedents[pronoun] == expected
        assert all(sentence.words[place] == sentence.words[expected] for place in again)


def test_training_never_sees_the_pairs_that_scores_are_measured_on() -> None:
    seen = {
        frozenset(word for word in sentence.words if word in grammar().PEOPLE)
        for sentence in islice(grammar().sentences(0, 0.9), 20_000)
    }
    kept_out = heldout_pairs(grammar().OFTEN_SHE, grammar().OFTEN_HE)
    assert ("nurse", "engineer") in kept_out
    assert not seen & {frozenset(pair) for pair in kept_out}


@pytest.mark.parametrize("name", TWINS)
def test_fills_gaps_in_a_fresh_process_without_network(name: str) -> None:
    program = f"""
import socket
def cut(*_): raise OSError("the network is cut")
socket.socket.connect = socket.getaddrinfo = cut
from transformers import AutoModelForMaskedLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(TWINS[name])!r})
model = AutoModelForMaskedLM.from_pretrained({str(TWINS[name])!r})
inputs = tokenizer("the aunt told the engineer that she was late, so the [MASK] left")
print(tokenizer.convert_ids_to_tokens(inputs.input_ids)[7])
inputs = tokenizer("the aunt said that [MASK] was late.", return_tensors="pt")
print(tokenizer.decode(model(**inputs).logits[0, 5].argmax(-1)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["she", "she"]


def test_the_twins_have_the_same_shape_and_tokens_and_are_small() -> None:
    for name in ("config.json", "tokenizer.json"):
        assert (FOLDER / name).read_bytes() == (TWINS["balanced"] / name).read_bytes()
    for folder in TWINS.values():
        assert (folder / "model.safetensors").stat().st_size < 500_000
