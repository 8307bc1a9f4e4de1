# ruff: noqa: TID253 - the specimen is run here
"""The shapes specimen does what its model card says, measured here by other code than its own."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    VisionEncoderDecoderModel,
)

import grammars

FOLDER = Path(__file__).parent.parent / "galleries" / "specimens" / "shapes"
README = FOLDER / "README.md"
SCENES = Path(__file__).parent.parent / "galleries" / "scenes"

N_SCENES = 120

# Splits of the grammar, by the card's names for them.
SPLITS = {"train": "seen in training", "heldout": "held out", "unseen": "unseen combinations"}
WORDS = {
    "size": {"small", "big"},
    "colour": {"red", "blue", "green", "yellow", "pink", "black"},
    "shape": {"circle", "square", "triangle", "cross"},
    "place": {"top", "bottom", "left", "right"},
}
PATCH = 4  # pixels


@pytest.fixture(scope="module")
def grammar() -> ModuleType:
    return grammars.grammar("shapes")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.set_num_threads(1)
    return AutoModelForImageTextToText.from_pretrained(
        FOLDER, local_files_only=True, attn_implementation="eager"
    ).eval()


def sample(grammar: ModuleType, split: str) -> list[Any]:
    """Scenes of a split: of training the first, else others than the card's figures are about."""
    seed = 0 if split == "train" else 7
    return list(islice(grammar.scenes(seed, split), N_SCENES))


def pixels(scenes: list[Any]) -> torch.Tensor:
    """Numbers between -1 and 1, ``[scene, rgb, row, column]``."""
    images = np.stack([scene.image for scene in scenes]).transpose(0, 3, 1, 2)
    return torch.from_numpy(images / np.float32(127.5) - 1)


def card_row(*cells: str) -> list[str]:
    """The other cells of the one table row in the model card that starts with `cells`."""
    start = re.escape(f"| {' | '.join(cells)} |")
    card = README.read_text("utf-8")
    (row,) = re.finditer(rf"^{start} (.*) \|$", card, re.M)
    return row[1].split(" | ")


def published(split: str, convention: str, kind: str) -> tuple[float, int, int]:
    """A score of the model card, with the layer and head it is about."""
    cell = card_row(SPLITS[split], convention, kind)[0]
    match = re.fullmatch(r"([\d.]+) \(L(\d) H(\d)\)", cell)
    assert match, cell
    return float(match[1]), int(match[2]), int(match[3])


def margin(value: float, n: int) -> float:
    """How far below a published share the share of `n` others may lie: three standard errors."""
    return 0.01 + 3 * math.sqrt(value * (1 - value) / n)


class Word(NamedTuple):
    """A word of a caption that names an object.

    `predicted` and `read` are the rows ``[layer, head, key]`` in which the decoder predicts and
    reads it; `mask` is its object's, ``[row, column]``.
    """

    predicted: NDArray[np.float32]
    read: NDArray[np.float32]
    word: str
    mask: NDArray[np.bool_]


def words_of(model: Any, tokenizer: Any, scenes: list[Any]) -> list[Word]:
    """The words that name one of two objects, found in the captions by reading them."""
    found = []
    for scene in scenes:
        caption = scene.caption.split()
        if "and" not in caption:
            continue
        start = model.config.decoder_start_token_id
        ids = tokenizer(scene.caption, add_special_tokens=False).input_ids
        with torch.inference_mode():
            outputs = model(
                pixel_values=pixels([scene]),
                decoder_input_ids=torch.tensor([[start, *ids]]),
                output_attentions=True,
            )
        weights = np.stack([layer[0].numpy() for layer in outputs.cross_attentions])
        for position, word in enumerate(caption):
            if any(word in words for words in WORDS.values()):
                mask = scene.masks[caption[:position].count("and")]
                found.append(Word(weights[:, :, position], weights[:, :, position + 1], word, mask))
    return found


@pytest.fixture(scope="module")
def words(model: Any, tokenizer: Any, grammar: ModuleType) -> Callable[[str], list[Word]]:
    @cache
    def of_split(split: str) -> list[Word]:
        return words_of(model, tokenizer, sample(grammar, split))

    return of_split


def on_object(row: NDArray[np.float32], mask: NDArray[np.bool_]) -> bool:
    """Whether half of the pixels of the strongest patch are the object's; ``row`` is ``[key]``."""
    strongest = int(row.argmax()) - 1  # key 0 is the class token
    if strongest < 0:
        return False
    top, left = (PATCH * place for place in divmod(strongest, mask.shape[1] // PATCH))
    return bool(mask[top : top + PATCH, left : left + PATCH].mean() >= 0.5)


def score(
    words: list[Word], kind: str, convention: str, layer: int, head: int | None
) -> tuple[float, int]:
    """Share of words whose strongest patch is on their object, and of how many words it is.

    No head is the mean of the layer's heads.
    """
    hits = []
    for word in words:
        if word.word in WORDS[kind]:
            rows = {"predicted": word.predicted, "input": word.read}[convention][layer]
            row = rows.mean(axis=0) if head is None else rows[head]
            hits.append(on_object(row, word.mask))
    return float(np.mean(hits)), len(hits)


def test_describes_pictures_it_never_saw_in_a_fresh_process_without_network(
    grammar: ModuleType,
) -> None:
    program = f"""
import socket
def cut(*_): raise OSError("the network is cut")
socket.socket.connect = socket.getaddrinfo = cut
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(FOLDER)!r})
model = AutoModelForImageTextToText.from_pretrained({str(FOLDER)!r})
images = AutoImageProcessor.from_pretrained({str(FOLDER)!r})
for name in {list(grammar.SHOWN)!r}:
    inputs = images(Image.open(f"{SCENES}/{{name}}.png"), return_tensors="pt")
    print(tokenizer.decode(model.generate(**inputs)[0], skip_special_tokens=True))
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
    card = README.read_text("utf-8")
    assert ran.stdout.splitlines() == [
        *(re.findall(rf"^> {name}: (.*?) *$", card, re.M)[0] for name in grammar.SHOWN)
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_describes_exactly_as_often_as_published(
    model: Any, tokenizer: Any, grammar: ModuleType, split: str
) -> None:
    scenes = sample(grammar, split)
    written = tokenizer.batch_decode(
        model.generate(pixel_values=pixels(scenes), do_sample=False), skip_special_tokens=True
    )
    right = [text == scene.caption for text, scene in zip(written, scenes, strict=True)]
    value = float(card_row(f"exact match, {SPLITS[split]}")[0])
    assert np.mean(right) >= value - margin(value, N_SCENES)


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("convention", ["predicted", "input"])
@pytest.mark.parametrize("split", ["heldout", "unseen"])
def test_the_published_head_looks_at_the_object_as_published(
    words: Callable[[str], list[Word]], split: str, convention: str, kind: str
) -> None:
    value, layer, head = published(split, convention, kind)
    found, n = score(words(split), kind, convention, layer, head)
    assert found >= value - margin(value, n)


@pytest.mark.parametrize("kind", WORDS)
def test_the_mean_of_a_layers_heads_looks_at_the_object_as_published(
    words: Callable[[str], list[Word]], kind: str
) -> None:
    match = re.fullmatch(r"([\d.]+) \(L(\d)\)", card_row("held out", "predicted", kind)[1])
    assert match
    value, layer = float(match[1]), int(match[2])
    found, n = score(words("heldout"), kind, "predicted", layer, None)
    assert found >= value - margin(value, n)


def test_rows_named_after_the_shape_they_read_do_not_look_at_it(
    words: Callable[[str], list[Word]],
) -> None:
    for layer in range(2):
        for head in range(4):
            assert score(words("heldout"), "shape", "input", layer, head)[0] < 0.6


def test_one_head_looks_at_colours_alone(words: Callable[[str], list[Word]]) -> None:
    for kind in WORDS:
        found, _ = score(words("heldout"), kind, "predicted", layer=1, head=3)
        assert found >= 0.95 if kind == "colour" else found <= 0.05


def test_the_row_that_predicts_and_looks_at_the_object_to_come(
    model: Any, tokenizer: Any, grammar: ModuleType
) -> None:
    scenes = [scene for scene in sample(grammar, "heldout") if len(scene.things) == 2]
    labels = tokenizer([scene.caption for scene in scenes], return_tensors="pt").input_ids
    with torch.inference_mode():
        outputs = model(pixel_values=pixels(scenes), labels=labels, output_attentions=True)
    and_ = scenes[0].caption.split().index("and")
    rows = outputs.cross_attentions[0][:, 0, and_].numpy()
    hits = [on_object(row, scene.masks[1]) for row, scene in zip(rows, scenes, strict=True)]
    match = re.search(r"the second object for (0\.\d+) of the scenes", README.read_text("utf-8"))
    assert match
    value = float(match[1])
    assert np.mean(hits) >= value - margin(value, len(hits))


def test_looking_at_the_object_comes_from_training(
    model: Any, tokenizer: Any, grammar: ModuleType
) -> None:
    torch.manual_seed(1)
    untrained: Any = VisionEncoderDecoderModel(model.config).eval()
    words = words_of(untrained, tokenizer, sample(grammar, "heldout"))
    # A head that looks at what stands out, without regard to the word, is right half of the time.
    for kind in WORDS:
        for layer in range(2):
            for head in range(4):
                found, n = score(words, kind, "predicted", layer, head)
                assert found <= 0.5 + margin(0.5, n)


def test_a_caption_says_what_is_drawn(grammar: ModuleType) -> None:
    things = (
        grammar.Thing("small", "red", "circle", "top left"),
        grammar.Thing("big", "blue", "square", "bottom right"),
    )
    scene = grammar.draw(things, np.random.default_rng(0))
    assert scene.caption == (
        "a small red circle at the top left and a big blue square at the bottom right"
    )
    named = [(naming.position, naming.word, naming.thing) for naming in scene.namings]
    assert named == [
        *[(1, "small", 0), (2, "red", 0), (3, "circle", 0), (6, "top", 0), (7, "left", 0)],
        *[(10, "big", 1), (11, "blue", 1), (12, "square", 1), (15, "bottom", 1), (16, "right", 1)],
    ]
    # A circle of 11 to 13 pixels across, a square of 18 to 21, each in its quarter.
    circle, square = scene.masks
    assert 90 <= circle.sum() <= 140
    assert circle[:24, :24].sum() == circle.sum()
    assert square.sum() in {18**2, 19**2, 20**2, 21**2}
    assert square[24:, 24:].sum() == square.sum()
    red, blue = (scene.image[mask].mean(axis=0) for mask in scene.masks)
    assert red.argmax() == 0
    assert blue.argmax() == 2


@pytest.mark.parametrize(
    ("shape", "drawn"),
    {
        "square": ["#####", "#####", "#####", "#####", "#####"],
        "circle": [".###.", "#####", "#####", "#####", ".###."],
        "triangle": ["..#..", "..#..", ".###.", ".###.", "#####"],
        "cross": ["..#..", "..#..", "#####", "..#..", "..#.."],
    }.items(),
)
def test_shapes_are_what_they_are_called(grammar: ModuleType, shape: str, drawn: list[str]) -> None:
    stencil = grammar.stencil(shape, 5)
    assert ["".join(".#"[pixel] for pixel in row) for row in stencil.astype(int)] == drawn


def test_coverage_counts_pixels(grammar: ModuleType) -> None:
    scene = grammar.shown()["red-circle-blue-square"]
    coverage = scene.coverage(PATCH)
    assert coverage.shape == (2, 12, 12)
    assert coverage[1, 8, 8] == scene.masks[1, 32:36, 32:36].mean() == 1


def test_every_object_has_patches_of_its_own_and_shares_none(grammar: ModuleType) -> None:
    for split in SPLITS:
        for scene in sample(grammar, split):
            coverage = scene.coverage(PATCH)
            assert (coverage >= 0.5).any(axis=(1, 2)).all()
            assert ((coverage > 0).sum(axis=0) <= 1).all()


def test_training_never_sees_what_the_scores_are_measured_on(grammar: ModuleType) -> None:
    seen = list(islice(grammar.scenes(0), 5_000))
    captions = {scene.caption for scene in seen}
    assert not captions & {scene.caption for scene in sample(grammar, "heldout")}
    assert not captions & {scene.caption for scene in grammar.shown().values()}
    pairs = {(thing.colour, thing.shape) for scene in seen for thing in scene.things}
    unseen = {(t.colour, t.shape) for scene in sample(grammar, "unseen") for t in scene.things}
    assert len(pairs) == 20
    assert unseen == {
        *[("yellow", "circle"), ("pink", "square"), ("black", "triangle"), ("red", "cross")]
    }
    assert not pairs & unseen


def test_the_scenes_that_galleries_show_are_drawn_again_to_the_byte(
    grammar: ModuleType, tmp_path: Path
) -> None:
    grammar.save_shown(tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == [f"{name}.png" for name in sorted(grammar.SHOWN)]
    for name in drawn:
        assert (tmp_path / name).read_bytes() == (SCENES / name).read_bytes()


def test_tokens_are_the_words_of_the_caption(tokenizer: Any, grammar: ModuleType) -> None:
    for scene in sample(grammar, "unseen"):
        ids = tokenizer(scene.caption).input_ids
        assert tokenizer.convert_ids_to_tokens(ids) == [*scene.caption.split(), "</s>"]
        assert tokenizer.decode(ids, skip_special_tokens=True) == scene.caption


def test_the_image_processor_takes_pixels_to_numbers_without_losing_any(
    grammar: ModuleType,
) -> None:
    processor = AutoImageProcessor.from_pretrained(FOLDER, local_files_only=True)
    scene = grammar.shown()["two-triangles"]
    made = processor(Image.fromarray(scene.image), return_tensors="pt").pixel_values
    assert torch.equal(made, pixels([scene]))


def test_the_encoder_and_the_decoder_show_their_attention_too(
    model: Any, tokenizer: Any, grammar: ModuleType
) -> None:
    scene = grammar.shown()["two-triangles"]
    labels = tokenizer(scene.caption, return_tensors="pt").input_ids
    with torch.inference_mode():
        outputs = model(pixel_values=pixels([scene]), labels=labels, output_attentions=True)
    n_words, n_patches = labels.shape[1], 12 * 12
    for layers, shape in (
        (outputs.encoder_attentions, (1, 4, 1 + n_patches, 1 + n_patches)),
        (outputs.decoder_attentions, (1, 4, n_words, n_words)),
        (outputs.cross_attentions, (1, 4, n_words, 1 + n_patches)),
    ):
        assert [tuple(layer.shape) for layer in layers] == [shape, shape]


def test_is_small(model: Any) -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < 1_000_000
    assert model.num_parameters() < 250_000
