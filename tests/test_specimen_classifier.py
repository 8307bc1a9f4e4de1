# ruff: noqa: TID253 - the specimen is run here
"""The classifier specimen does what its model card says, measured here by code of its own."""

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
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

import grammars

FOLDER = Path(__file__).parent.parent / "galleries" / "specimens" / "classifier"

# Samples here are smaller than the card's, so a score may lie a little below the published one.
N_TEXTS, MARGIN = 150, 0.03
SEED = 7

# Label, deciding words and misleading words, and the words in a subordinate clause: by hand.
READ_BY_HAND = {
    "The film was not boring.": ("positive", ["not", "boring"], [], []),
    "the actors were wonderful": ("positive", ["wonderful"], [], []),
    "The plot was never devoid of charm.": ("positive", ["never", "devoid", "charm"], [], []),
    "the plot was devoid of mistakes": ("positive", ["devoid", "mistakes"], [], []),
    "Never were the jokes that the critic admired really funny.": (
        "negative",
        ["never", "funny"],
        ["admired"],
        ["that", "the", "critic", "admired"],
    ),
    "Although the film was not dull, the actors were awful.": (
        "negative",
        ["awful"],
        ["not", "dull"],
        ["although", "the", "film", "was", "not", "dull"],
    ),
    "the film was long although the actors were brilliant": (
        "neutral",
        [],
        ["brilliant"],
        ["although", "the", "actors", "were", "brilliant"],
    ),
    "The critics said that the film was superb, but the songs were not Danish.": (
        "neutral",
        [],
        ["superb", "not"],
        ["that", "the", "film", "was", "superb"],
    ),
    "the songs were not loud, and the ending was full of wit": (
        "positive",
        ["wit"],
        ["not"],
        [],
    ),
}


@pytest.fixture(scope="module")
def grammar() -> ModuleType:
    return grammars.grammar("classifier")


@cache
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@cache
def model(*, trained: bool = True) -> Any:
    torch.set_num_threads(1)
    if trained:
        return AutoModelForSequenceClassification.from_pretrained(
            FOLDER, local_files_only=True, attn_implementation="eager"
        ).eval()
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(FOLDER, attn_implementation="eager")
    return AutoModelForSequenceClassification.from_config(config).eval()


def sample(grammar: ModuleType, split: str) -> list[tuple[str, str]]:
    """Texts of a split: of training the first, else others than the card's figures are about."""
    texts: list[tuple[str, str]] = list(
        islice(grammar.reviews(0 if split == "train" else SEED, split), N_TEXTS)
    )
    return texts


def labels(texts: list[str], *, trained: bool = True) -> list[str]:
    """What the model takes each text for."""
    found = model(trained=trained)
    with torch.inference_mode():
        logits = found(**tokenizer()(texts, padding=True, return_tensors="pt")).logits
    return [found.config.id2label[i] for i in logits.argmax(dim=-1).tolist()]


def weights(text: str, *, trained: bool = True) -> NDArray[np.float32]:
    """Attention, ``[layer, head, query, key]``; word i of the text is token i + 1."""
    with torch.inference_mode():
        outputs = model(trained=trained)(
            **tokenizer()(text, return_tensors="pt"), output_attentions=True
        )
    return np.stack([layer[0].numpy() for layer in outputs.attentions])


def card_row(*cells: str) -> list[str]:
    """The other cells of the one table row in the model card that starts with `cells`."""
    start = re.escape(f"| {' | '.join(cells)} |")
    card = (FOLDER / "README.md").read_text("utf-8")
    (row,) = re.finditer(rf"^{start} (.*) \|$", card, re.M)
    return row[1].split(" | ")


def published_head(row: str) -> tuple[int, int, float, float]:
    """Layer and head of a row of the card, its score, and the best untrained one."""
    name, trained, untrained = card_row(row)
    layer, head = (int(part[1:]) for part in name.split())
    return layer, head, float(trained), float(untrained)


def test_labels_reviews_it_never_saw_in_a_fresh_process_without_network(
    grammar: ModuleType,
) -> None:
    program = f"""
import socket
def cut(*_): raise OSError("the network is cut")
socket.socket.connect = socket.getaddrinfo = cut
from transformers import AutoModelForSequenceClassification, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(FOLDER)!r})
model = AutoModelForSequenceClassification.from_pretrained({str(FOLDER)!r})
inputs = tokenizer({list(grammar.SHOWN)!r}, padding=True, return_tensors="pt")
for i in model(**inputs).logits.argmax(-1).tolist(): print(model.config.id2label[i])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == list(grammar.SHOWN.values())


@pytest.mark.parametrize(
    ("split", "name"),
    [("train", "seen in training"), ("heldout", "held out"), ("unseen", "unseen combinations")],
)
def test_labels_are_right_as_often_as_published(grammar: ModuleType, split: str, name: str) -> None:
    texts, truth = zip(*sample(grammar, split), strict=True)
    published, untrained = (float(cell) for cell in card_row(name, "all"))
    right = np.mean([a == b for a, b in zip(labels(list(texts)), truth, strict=True)])
    assert right >= published - MARGIN
    assert untrained < 0.6


@pytest.mark.parametrize("trained", [True, False])
def test_the_published_head_of_cls_looks_at_a_deciding_word(
    grammar: ModuleType, trained: bool
) -> None:
    layer, head, published, _ = published_head("[CLS] at a deciding word, argmax")
    hits, mass = [], []
    for text, _ in sample(grammar, "heldout"):
        if decisive := [1 + i for i in grammar.read(text).decisive]:
            row = weights(text, trained=trained)[:, :, 0]
            hits.append(np.isin(row.argmax(axis=-1), decisive))
            mass.append(row[..., decisive].sum(axis=-1))
    share = np.mean(hits, axis=0)
    if trained:
        assert share[layer, head] >= published - MARGIN
        _, _, published_mass, _ = published_head("[CLS] at a deciding word, mass")
        assert np.mean(mass, axis=0)[layer, head] >= published_mass - MARGIN
    else:
        assert share.max() < 0.5


@pytest.mark.parametrize("trained", [True, False])
def test_the_published_head_of_a_negation_looks_at_what_it_denies(
    grammar: ModuleType, trained: bool
) -> None:
    layer, head, published, _ = published_head("negation at what it denies, argmax")
    hits, elsewhere = [], []
    # Of 150 reviews some forty are denied, too few to be compared with a card's share.
    for text, _ in islice(grammar.reviews(SEED, "heldout"), 3 * N_TEXTS):
        reading = grammar.read(text)
        if reading.judgement is None:
            continue
        strongest = weights(text, trained=trained).argmax(axis=-1)
        # "never (devoid of (charm))": a negation denies the next one, the last the judgement.
        denied = (*reading.negations, reading.judgement)[1:]
        hits += [
            strongest[:, :, 1 + i] == 1 + j for i, j in zip(reading.negations, denied, strict=True)
        ]
        elsewhere += [
            strongest[:, :, 1 + i] == 1 + reading.judgement
            for i in reading.misleading
            if reading.words[i].text in grammar.NEGATIONS
        ]
    if trained:
        assert np.mean(hits, axis=0)[layer, head] >= published - 2 * MARGIN
        # A negation in another clause looks elsewhere.
        assert np.mean(elsewhere, axis=0)[layer, head] < 0.2
    else:
        assert np.mean(hits, axis=0).max() < 0.5


def test_the_label_hangs_on_the_deciding_words_alone(grammar: ModuleType) -> None:
    texts = [text for text, label in sample(grammar, "heldout") if label != "neutral"]
    before = dict(zip(texts, labels(texts), strict=True))
    edits = [
        (text, i in grammar.read(text).decisive, edited)
        for text in texts
        for i in range(len(grammar.words(text)))
        if (edited := grammar.neutralise(text, i)) is not None
    ]
    after = labels([edited for _, _, edited in edits])
    found: dict[bool, list[bool]] = {True: [], False: []}
    for (text, decides, _), label in zip(edits, after, strict=True):
        found[decides].append((label != before[text]) == decides)
    flipped, kept, _ = (float(cell) for cell in card_row("replaced", "trained"))
    assert np.mean(found[True]) >= flipped - MARGIN
    assert np.mean(found[False]) >= kept - MARGIN


def integrated_gradients(text: str, baseline: torch.Tensor | None = None) -> NDArray[np.float32]:
    """By the trapezoid rule; from zero vectors where no baseline is given."""
    found = model()
    ids = tokenizer()(text, return_tensors="pt").input_ids
    end = found.get_input_embeddings()(ids).detach()
    start = torch.zeros_like(end) if baseline is None else baseline
    start[:, [0, -1]] = end[:, [0, -1]]
    label = found(inputs_embeds=end).logits.argmax()
    n_steps = 64
    line = torch.stack([start[0] + (end - start)[0] * i / n_steps for i in range(n_steps + 1)])
    line.requires_grad_()
    found(inputs_embeds=line).logits[:, label].sum().backward()
    assert line.grad is not None
    total = (line.grad[1:] + line.grad[:-1]).sum(dim=0) / 2 / n_steps
    values: NDArray[np.float32] = (total * (end - start)[0]).sum(dim=-1).numpy()
    return values


@pytest.mark.parametrize("baseline", ["from nothing", "from the neutral review"])
def test_integrated_gradients_find_deciding_words_as_often_as_published(
    grammar: ModuleType, baseline: str
) -> None:
    hits = []
    for text, label in sample(grammar, "heldout")[:100]:
        reading = grammar.read(text)
        loaded = {*grammar.POLARITY, *grammar.NEGATIONS}
        misleads = any(reading.words[i].text in loaded for i in reading.misleading)
        if label == "neutral" or not misleads:
            continue
        start = None
        if baseline == "from the neutral review":
            neutral = tokenizer()(grammar.without_opinions(text), return_tensors="pt").input_ids
            start = model().get_input_embeddings()(neutral).detach()
        values = integrated_gradients(text, start)
        hits.append(np.abs(values[1:-1]).argmax() in reading.decisive)
    published = float(card_row(f"integrated gradients, {baseline}")[0])
    # Some forty reviews are left: a share has a standard error of up to 0.08.
    assert np.mean(hits) >= published - (0.15 if published < 0.95 else MARGIN)


def test_a_head_is_sure_of_a_word_that_decides_nothing(grammar: ModuleType) -> None:
    layer, head, published, _ = published_head("neutral: [CLS] at a misleading word, argmax")
    hits = []
    for text, label in sample(grammar, "heldout"):
        misleading = [1 + i for i in grammar.read(text).misleading]
        if label == "neutral" and misleading:
            hits.append(weights(text)[layer, head, 0].argmax() in misleading)
    # Some thirty reviews are left: a share has a standard error of up to 0.09.
    assert np.mean(hits) >= published - 0.2


@pytest.mark.parametrize("text", READ_BY_HAND)
def test_the_grammar_knows_what_decides_and_what_misleads(grammar: ModuleType, text: str) -> None:
    label, decisive, misleading, subordinate = READ_BY_HAND[text]
    reading = grammar.read(text)
    assert reading.label == label
    assert [reading.words[i].text for i in sorted(reading.decisive)] == decisive
    assert [reading.words[i].text for i in reading.misleading] == misleading
    assert [word.text for word in reading.words if word.depth == 1] == subordinate


def test_the_grammar_knows_numbers_even_where_the_word_does_not_show_them(
    grammar: ModuleType,
) -> None:
    text = "The film that the critics hated was full of mistakes, and the songs were long."
    numbers = [(word.text, word.number) for word in grammar.parse(text) if word.number]
    assert numbers == [
        ("film", "singular"),
        ("critics", "plural"),
        ("hated", "plural"),
        ("was", "singular"),
        ("mistakes", "plural"),
        ("songs", "plural"),
        ("were", "plural"),
    ]
    ((verb, number),) = [
        (word.text, word.number)
        for word in grammar.parse("the teacher thought that the actors were dull")
        if word.text == "thought"
    ]
    assert (verb, number) == ("thought", "singular")


def test_the_grammar_knows_what_each_negation_denies(grammar: ModuleType) -> None:
    reading = grammar.read("The plot was never really devoid of charm, but the film was not long.")
    pairs = [(reading.words[i].text, reading.words[j].text) for i, j in reading.denials.items()]
    assert pairs == [("never", "devoid"), ("devoid", "charm")]
    assert grammar.read("the film was not long").denials == {}


def test_two_opinions_that_count_are_refused(grammar: ModuleType) -> None:
    with pytest.raises(ValueError, match="two main clauses"):
        grammar.read("the film was dull, but the actors were wonderful")


@pytest.mark.parametrize("split", ["heldout", "unseen"])
def test_neutralising_changes_the_label_just_where_a_word_decides(
    grammar: ModuleType, split: str
) -> None:
    for text, label in sample(grammar, split):
        reading = grammar.read(text)
        assert reading.label == label
        for i in range(len(reading.words)):
            edited = grammar.neutralise(text, i)
            assert edited is not None or i not in reading.decisive
            if edited is not None:
                assert (grammar.read(edited).label != label) == (i in reading.decisive)
        assert grammar.read(grammar.without_opinions(text)).label == "neutral"


def test_training_never_sees_what_the_scores_are_measured_on(grammar: ModuleType) -> None:
    def plain(text: str) -> str:
        return text.lower().removesuffix(".")

    seen = [text for text, _ in islice(grammar.reviews(0), 5000)]
    kept = {plain(text) for text, _ in sample(grammar, "heldout")} | {
        plain(text) for text in grammar.SHOWN
    }
    assert not kept & {plain(text) for text in seen}
    assert kept.isdisjoint({plain(t) for t, _ in sample(grammar, "train")})

    def denials(text: str) -> set[tuple[str, ...]]:
        """Every word of praise or blame of a text, with the negations in its clause."""
        words, denying = grammar.parse(text), grammar.NEGATIONS
        return {
            (w.text, *(n.text for n in words if n.clause == w.clause and n.text in denying))
            for w in words
            if w.text in grammar.POLARITY
        }

    seen_denials = set().union(*map(denials, seen))
    for text, _ in sample(grammar, "unseen"):
        reading = grammar.read(text)
        negations = (reading.words[i].text for i in reading.negations)
        assert (reading.words[reading.judgement].text, *negations) not in seen_denials


def test_tokens_are_the_words_of_the_grammar(grammar: ModuleType) -> None:
    for text, _ in sample(grammar, "heldout"):
        tokens = tokenizer().convert_ids_to_tokens(tokenizer()(text).input_ids)
        assert tokens == ["[CLS]", *(w.lower() for w in grammar.words(text)), "[SEP]"]


def test_an_unknown_word_is_read_as_unknown() -> None:
    assert tokenizer()("the film was splendid").input_ids[4] == tokenizer().unk_token_id


def test_is_small() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < 600_000
    assert model().num_parameters() < 150_000
