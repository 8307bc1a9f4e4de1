# ruff: noqa: TID253 - the specimen is run here
"""The fr-en specimen does what its model card says, measured here by other code than its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, MarianMTModel

import grammars

FOLDER = Path(__file__).parent.parent / "galleries" / "specimens" / "fr-en"

# Samples here are smaller than the card's, so a score may lie a little below the published one.
N_TEXTS, MARGIN = 100, 0.02

# Splits of the grammar, by the card's names for them.
SPLITS = {"train": "seen in training", "heldout": "held out", "unseen": "unseen combinations"}

# For each English word, the French words it is there for, counted from 0: read off by hand.
ALIGNED_BY_HAND = {
    ("le chat noir", "the black cat"): [{0}, {2}, {1}],
    ("mon vieil ami", "my old friend"): [{0}, {1}, {2}],
    ("la zone économique européenne", "the European economic area"): [{0}, {3}, {2}, {1}],
    ("elle n'aime pas ce livre", "she does not like this book"): [
        {0},
        {1, 3},
        {1, 3},
        {2},
        {4},
        {5},
    ],
    ("le chat du roi", "the cat of the king"): [{0}, {1}, {2}, {2}, {3}],
    ("Un chat mange une pomme.", "A cat eats an apple."): [{0}, {1}, {2}, {3}, {4}, {5}],
    (
        "l'accord sur la zone économique européenne a été signé en août 1992",
        "the agreement on the European economic area was signed in August 1992",
    ): [{0}, {1}, {2}, {3}, {6}, {5}, {4}, {7, 8}, {9}, {10}, {11}, {12}],
}


@pytest.fixture(scope="module")
def grammar() -> ModuleType:
    return grammars.grammar("fr-en")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.set_num_threads(1)
    return AutoModelForSeq2SeqLM.from_pretrained(
        FOLDER, local_files_only=True, attn_implementation="eager"
    ).eval()


def sample(grammar: ModuleType, split: str) -> list[tuple[str, str]]:
    """Texts of a split: of training the first, else others than the card's figures are about."""
    seed = 0 if split == "train" else 7
    texts: list[tuple[str, str]] = list(islice(grammar.pairs(seed, split), N_TEXTS))
    return texts


def card_row(*cells: str) -> list[str]:
    """The other cells of the one table row in the model card that starts with `cells`."""
    start = re.escape(f"| {' | '.join(cells)} |")
    card = (FOLDER / "README.md").read_text("utf-8")
    (row,) = re.finditer(rf"^{start} (.*) \|$", card, re.M)
    return row[1].split(" | ")


def published(split: str, convention: str, score: str) -> tuple[float, int, int]:
    """A score of the model card, with the layer and head it is about."""
    cell = card_row(split, convention, score)[0]
    match = re.fullmatch(r"([\d.]+) \(L(\d) H(\d)\)", cell)
    assert match, cell
    return float(match[1]), int(match[2]), int(match[3])


def cross_weights(model: Any, tokenizer: Any, french: str, english: str) -> NDArray[np.float32]:
    """Cross-attention of one pair, ``[layer, head, query, key]``, fed by hand.

    Query 0 reads the start token; query q reads English word q - 1 and predicts word q.
    """
    start = model.config.decoder_start_token_id
    target = tokenizer(english, add_special_tokens=False).input_ids
    with torch.inference_mode():
        outputs = model(
            input_ids=torch.tensor([tokenizer(french).input_ids]),
            decoder_input_ids=torch.tensor([[start, *target]]),
            output_attentions=True,
            use_cache=False,
        )
    return np.stack([layer[0].numpy() for layer in outputs.cross_attentions])


class Row(NamedTuple):
    """A row of cross-attention that belongs to an English word, and the truth about that word.

    `weights` is ``[layer, head, key]``; `place` counts English words, `reasons` French words.
    """

    weights: NDArray[np.float32]
    place: int
    reasons: tuple[int, ...]

    @property
    def hit(self) -> NDArray[np.bool_]:
        """Whether the largest weight is on a gold word, ``[layer, head]``."""
        return np.isin(self.weights.argmax(axis=-1), self.reasons)

    @property
    def mass(self) -> NDArray[np.float32]:
        """Weight on the gold words together, ``[layer, head]``."""
        total: NDArray[np.float32] = self.weights[..., list(self.reasons)].sum(axis=-1)
        return total


Table = NDArray[np.floating[Any]]  # [layer, head]


def average(tables: list[Any]) -> Table:
    """The mean of tables, ``[layer, head]``."""
    mean: Table = np.array(tables, dtype=np.float64).mean(axis=0)
    return mean


# The scores of the model card, by its names for them.
SCORES: dict[str, Callable[[list[Row]], Table]] = {
    "argmax": lambda rows: average([row.hit for row in rows]),
    "moved": lambda rows: average([row.hit for row in rows if row.place not in row.reasons]),
    "mass": lambda rows: average([row.mass for row in rows]),
    # Och & Ney 2003: words with one gold word are sure and count twice, the others are possible.
    "error": lambda rows: (
        1 - average([row.hit for row in rows for _ in range(1 + (len(row.reasons) == 1))])
    ),
}


@pytest.fixture(scope="module")
def rows_of(model: Any, tokenizer: Any, grammar: ModuleType) -> Callable[[str, str], list[Row]]:
    """The rows of a split's words, under one of the two conventions."""

    @cache
    def rows(split: str, convention: str) -> list[Row]:
        return list(all_rows(model, tokenizer, grammar, split, convention))

    return rows


def all_rows(
    model: Any, tokenizer: Any, grammar: ModuleType, split: str, convention: str
) -> Iterator[Row]:
    shift = {"predicted": 0, "input": 1}[convention]
    for french, english in sample(grammar, split):
        weights = cross_weights(model, tokenizer, french, english)
        for place, reasons in enumerate(grammar.gold_alignment(french, english)):
            yield Row(weights[:, :, place + shift], place, reasons)


def test_translates_texts_it_never_saw_in_a_fresh_process_without_network(
    grammar: ModuleType,
) -> None:
    program = f"""
import socket
def cut(*_): raise OSError("the network is cut")
socket.socket.connect = socket.getaddrinfo = cut
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(FOLDER)!r})
model = AutoModelForSeq2SeqLM.from_pretrained({str(FOLDER)!r})
inputs = tokenizer({list(grammar.SHOWN)!r}, padding=True, return_tensors="pt")
print("\\n".join(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == list(grammar.SHOWN.values())


@pytest.mark.parametrize("split", SPLITS)
def test_translates_exactly_as_often_as_published(
    model: Any, tokenizer: Any, grammar: ModuleType, split: str
) -> None:
    texts = sample(grammar, split)
    inputs = tokenizer([french for french, _ in texts], padding=True, return_tensors="pt")
    written = tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)
    right = [text == english for text, (_, english) in zip(written, texts, strict=True)]
    assert np.mean(right) >= float(card_row(f"exact match, {SPLITS[split]}")[0]) - MARGIN


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("split", ["heldout", "unseen"])
def test_the_published_head_aligns_predicted_words_as_published(
    rows_of: Callable[[str, str], list[Row]], split: str, score: str
) -> None:
    value, layer, head = published(SPLITS[split], "predicted", score)
    found = SCORES[score](rows_of(split, "predicted"))[layer, head]
    assert found <= value + MARGIN if score == "error" else found >= value - MARGIN


def test_the_mean_of_a_layers_heads_aligns_predicted_words_as_published(
    rows_of: Callable[[str, str], list[Row]],
) -> None:
    means = [
        row._replace(weights=row.weights.mean(axis=1, keepdims=True))
        for row in rows_of("heldout", "predicted")
    ]
    value = float(card_row("held out", "predicted", "argmax")[1].split()[0])
    assert SCORES["argmax"](means).max() >= value - MARGIN


def test_rows_named_after_the_word_they_read_show_no_alignment(
    rows_of: Callable[[str, str], list[Row]],
) -> None:
    value = float(card_row("held out", "input", "argmax")[0].split()[0])
    assert value < 0.3
    assert SCORES["argmax"](rows_of("heldout", "input")).max() <= value + 2 * MARGIN


def test_alignment_comes_from_training(model: Any, tokenizer: Any, grammar: ModuleType) -> None:
    torch.manual_seed(1)
    untrained = MarianMTModel(model.config).eval()
    rows = list(all_rows(untrained, tokenizer, grammar, "heldout", "predicted"))
    assert SCORES["argmax"](rows).max() < 0.35


@pytest.mark.parametrize("texts", ALIGNED_BY_HAND, ids=lambda texts: texts[1])
def test_the_grammar_knows_which_words_translate_which(
    grammar: ModuleType, texts: tuple[str, str]
) -> None:
    assert [set(reasons) for reasons in grammar.gold_alignment(*texts)] == ALIGNED_BY_HAND[texts]


def test_every_word_of_the_grammar_has_its_part_in_the_translation(grammar: ModuleType) -> None:
    for french, english in sample(grammar, "train"):
        links = grammar.gold_alignment(french, english)
        assert {place for reasons in links for place in reasons} == set(
            range(len(grammar.words(french)))
        )


def test_a_word_without_a_reason_is_named(grammar: ModuleType) -> None:
    with pytest.raises(ValueError, match="'dog'"):
        grammar.gold_alignment("le chat", "the dog")


def test_training_never_sees_what_the_scores_are_measured_on(grammar: ModuleType) -> None:
    seen = {french for french, _ in islice(grammar.pairs(0), 3000)}
    kept = {french for french, _ in sample(grammar, "heldout")} | set(grammar.SHOWN)
    assert not seen & kept
    unseen = {french for french, _ in sample(grammar, "unseen")}
    assert not seen & unseen


def test_tokens_are_the_words_of_the_grammar_with_their_places(
    tokenizer: Any, grammar: ModuleType
) -> None:
    for pair in sample(grammar, "heldout"):
        for text in pair:
            encoded = tokenizer(text, return_offsets_mapping=True)
            assert tokenizer.convert_ids_to_tokens(encoded.input_ids) == [
                *grammar.words(text),
                "</s>",
            ]
            cut = tuple(text[start:end] for start, end in encoded.offset_mapping[:-1])
            assert cut == grammar.words(text)
            assert tokenizer.decode(encoded.input_ids, skip_special_tokens=True) == text


def test_a_typographic_apostrophe_and_split_accents_are_read_like_the_plain_ones(
    tokenizer: Any,
) -> None:
    assert tokenizer("l’école").input_ids == tokenizer("l'école").input_ids
    assert tokenizer("l'e\u0301cole").input_ids == tokenizer("l'école").input_ids


def test_an_unknown_word_is_read_as_unknown(model: Any, tokenizer: Any) -> None:
    inputs = tokenizer("le zèbre noir", return_tensors="pt")
    assert inputs.input_ids[0, 1] == tokenizer.unk_token_id
    assert len(model.generate(**inputs)) == 1


def test_is_small(model: Any) -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < 2_500_000
    assert model.num_parameters() < 500_000
