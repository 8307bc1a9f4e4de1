# ruff: noqa: TID253 - the specimen is run here
"""The pronoun specimen does what its model card says, measured here by code of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

import grammars

FOLDER = Path(__file__).parent.parent / "galleries" / "specimens" / "pronoun"

# Other sentences than the card's and fewer, so a score may lie a little below the published one.
SEED, N_SENTENCES, MARGIN = 7, 120, 0.03
FAMILIES = ("winograd", "causality", "reflexive", "agreement")
HEAD = (2, 2)

# Marked sentences, and what they mean: words with their antecedents, by hand.
READ_BY_HAND = {
    "the animal did not cross the street [because it=animal was too tired]": {"it": "animal"},
    "the animal did not cross the street [because it=street was too wide].": {"it": "street"},
    "the keys [that the man lost] are=keys old": {"are": "keys"},
    "Anna said [that the boys hurt themselves=boys] .": {"themselves": "boys"},
}


def grammar() -> ModuleType:
    return grammars.grammar("pronoun")


@cache
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@cache
def model(*, trained: bool = True) -> Any:
    torch.set_num_threads(1)
    if trained:
        return AutoModelForMaskedLM.from_pretrained(
            FOLDER, local_files_only=True, attn_implementation="eager"
        ).eval()
    config = AutoConfig.from_pretrained(FOLDER, attn_implementation="eager")
    torch.manual_seed(1)
    return AutoModelForMaskedLM.from_config(config).eval()


@cache
def sample(family: str) -> list[Any]:
    return list(islice(grammar().sentences(SEED, "heldout", [family]), N_SENTENCES))


def run(text: str, place: int, *, trained: bool, hidden: bool) -> tuple[NDArray[Any], Any]:
    """Weights from a word, ``[layer, head, key]`` with [CLS] as key 0, and its log-odds."""
    ids = tokenizer()(text).input_ids
    if hidden:
        ids[1 + place] = tokenizer().mask_token_id
    with torch.inference_mode():
        out = model(trained=trained)(torch.tensor([ids]), output_attentions=True)
    weights = np.stack([layer[0, :, 1 + place].numpy() for layer in out.attentions])
    return weights, out.logits[0, 1 + place]


@cache
def agreement(family: str, *, trained: bool, hidden: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Share of largest weights on the antecedent, and mean weight there, ``[layer, head]``."""
    hits, masses = [], []
    for sentence in sample(family):
        ((place, antecedent),) = sentence.antecedents.items()
        weights, _ = run(sentence.text, place, trained=trained, hidden=hidden)
        hits.append(weights.argmax(axis=-1) == 1 + antecedent)
        masses.append(weights[..., 1 + antecedent])
    return np.mean(hits, axis=0), np.mean(masses, axis=0)


def card_row(*cells: str) -> list[str]:
    """The other cells of the one table row in the model card that starts with `cells`."""
    start = re.escape(f"| {' | '.join(cells)} |")
    card = (FOLDER / "README.md").read_text("utf-8")
    (row,) = re.finditer(rf"^{start} (.*) \|$", card, re.M)
    return row[1].split(" | ")


def published(family: str, row: str, score: str) -> float:
    """The score of the one head that the card names for all families."""
    value, _, name = card_row(family, row, score)[1].partition(" ")
    assert name == f"(L{HEAD[0]} H{HEAD[1]})"
    return float(value)


@pytest.mark.parametrize("row", ["seen", "hidden"])
@pytest.mark.parametrize("family", FAMILIES)
def test_one_head_finds_the_antecedent_as_published(family: str, row: str) -> None:
    hits, masses = agreement(family, trained=True, hidden=row == "hidden")
    assert published(family, row, "argmax") >= 0.95
    assert hits[HEAD] >= published(family, row, "argmax") - MARGIN
    assert masses[HEAD] >= published(family, row, "mass") - MARGIN


@pytest.mark.parametrize(
    ("family", "most"),
    # One of twelve heads that are not trained happens to look at early words from the late verb.
    [("winograd", 0.4), ("causality", 0.45), ("reflexive", 0.45), ("agreement", 0.85)],
)
def test_finding_antecedents_comes_from_training(family: str, most: float) -> None:
    hits, masses = agreement(family, trained=False, hidden=False)
    assert hits.max() <= most
    assert masses.max() <= 0.2


def test_hidden_pronouns_are_guessed_where_only_the_antecedent_can_tell() -> None:
    subjects, reflexives = ["it", "he", "she", "they"], ["himself", "herself", "themselves"]
    right = []
    for family in ("winograd", "causality", "reflexive"):
        for sentence in sample(family):
            (place,) = sentence.antecedents
            if sentence.words[place + 1 : place + 2] in (("was",), ("were",)):
                continue  # the verb tells
            _, logits = run(sentence.text, place, trained=True, hidden=True)
            rivals = reflexives if family == "reflexive" else subjects
            guess = rivals[int(logits[tokenizer().convert_tokens_to_ids(rivals)].argmax())]
            right.append(guess == sentence.words[place])
    assert np.mean(right) >= float(card_row("guess, all families")[0]) - MARGIN


@pytest.mark.parametrize(
    ("quality", "antecedent"), [("tired", "animal"), ("wide", "street")], ids=lambda word: str(word)
)
def test_the_famous_sentence_is_understood(quality: str, antecedent: str) -> None:
    text = f"The animal did not cross the street because it was too {quality}"
    words = text.lower().split()
    weights, _ = run(text, words.index("it"), trained=True, hidden=False)
    key = 1 + words.index(antecedent)
    assert weights[HEAD].argmax() == key
    shown = card_row(text.replace("The", "the"), f"it = {antecedent}")[0]
    assert weights[HEAD][key] == pytest.approx(float(shown), abs=0.002)


@pytest.mark.parametrize("marked", READ_BY_HAND)
def test_marked_sentences_are_read_with_their_truth(marked: str) -> None:
    sentence = grammar().Sentence.read(marked)
    found = {sentence.words[a]: sentence.words[b] for a, b in sentence.antecedents.items()}
    assert found == READ_BY_HAND[marked]
    assert "=" not in sentence.text
    assert "[" not in sentence.text


@pytest.mark.parametrize(
    ("marked", "fault"),
    [
        ("it=animal slept", "no 'animal' before 'it'"),
        ("the dog slept]", "ends that never began"),
        ("[because it slept", "never ends"),
    ],
)
def test_a_wrongly_marked_sentence_is_refused(marked: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        grammar().Sentence.read(marked)


def test_words_are_labelled_for_probes() -> None:
    marked = "the queens said [that Tom knew [that she hurt herself]]"
    labels = grammar().labels(grammar().Sentence.read(marked))
    assert [tuple(label) for label in labels] == [
        (None, None, 0),
        ("plural", "feminine", 0),
        (None, None, 0),
        (None, None, 1),
        ("singular", "masculine", 1),
        (None, None, 1),
        (None, None, 2),
        ("singular", "feminine", 2),
        (None, None, 2),
        ("singular", "feminine", 2),
    ]
    marked = "the keys [that the man lost] are=keys old ."
    labels = grammar().labels(grammar().Sentence.read(marked))
    assert [label.number for label in labels] == [
        *(None, "plural", None, None, "singular", None, "plural", None, None)
    ]
    assert [label.depth for label in labels] == [0, 0, 1, 1, 1, 1, 0, 0, 0]


def test_antecedents_are_known_for_every_family() -> None:
    for family in FAMILIES:
        for sentence in sample(family):
            ((place, antecedent),) = sentence.antecedents.items()
            assert antecedent < place
            number, gender = grammar().FORMS[sentence.words[antecedent]]
            word_number, word_gender = grammar().FORMS[sentence.words[place]]
            assert word_number == number
            assert word_gender in (gender, None)


def pair(family: str, sentence: Any) -> tuple[str, ...]:
    """The two nouns that a sentence brings together, in the singular, by their roles."""
    singular = {noun.plural: noun.singular for noun in grammar().NOUNS}
    places = [i for i, w in enumerate(sentence.words) if w in grammar().FORMS]
    places = [i for i in places if sentence.words[i] not in grammar().RIVALS]
    if family == "reflexive":  # the subject, then whoever is next to it
        (subject,) = sentence.antecedents.values()
        places = sorted(places, key=lambda i: abs(i - subject))
    return tuple(singular.get(sentence.words[i], sentence.words[i]) for i in places[:2])


def test_training_never_sees_what_the_scores_are_measured_on() -> None:
    people = {noun.singular for noun in grammar().NAMES}
    for family in FAMILIES:
        trained_on = list(islice(grammar().sentences(0, "train", [family]), 3000))
        names = {word for s in trained_on for word in s.words if word in people}
        pairs = {pair(family, s) for s in trained_on}
        for sentence in sample(family):
            assert names.isdisjoint(sentence.words)
            assert pair(family, sentence) not in pairs
    every = {s.text for s in islice(grammar().sentences(0), 20_000)}
    shown = "the animal did not cross the street because it was too"
    assert not any(text.startswith(shown) for text in every)


def test_tokens_are_the_words_of_the_grammar() -> None:
    assert len(tokenizer()) == 5 + len(grammar().vocabulary())
    for family in FAMILIES:
        for sentence in sample(family):
            tokens = tokenizer()(sentence.text).tokens()
            assert tokens == ["[CLS]", *sentence.words, "[SEP]"]


def test_fills_gaps_in_a_fresh_process_without_network() -> None:
    gaps = {
        "the dogs did not cross the road because [MASK] seemed too tired": "they",
        "the dogs did not cross the road because [MASK] seemed too wide": "it",
        "the girls said that Adam hurt [MASK].": "himself",
    }
    program = f"""
import socket
def cut(*_): raise OSError("the network is cut")
socket.socket.connect = socket.getaddrinfo = cut
from transformers import AutoModelForMaskedLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(FOLDER)!r})
model = AutoModelForMaskedLM.from_pretrained({str(FOLDER)!r})
for text in {list(gaps)!r}:
    inputs = tokenizer(text, return_tensors="pt")
    gap = inputs.input_ids[0] == tokenizer.mask_token_id
    print(tokenizer.decode(model(**inputs).logits[0, gap].argmax(-1)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == list(gaps.values())


def test_is_small() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < 550_000
