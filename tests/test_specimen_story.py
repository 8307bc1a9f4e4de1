# ruff: noqa: TID253 - the specimen is a model
"""The specimen `story` still does what its model card says, measured by other code than its own."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from attention_gallery import resources

FOLDERS = {
    name: folder for name, folder in resources.specimens().items() if name.split("/")[0] == "story"
}
FOLDER = FOLDERS["story"]
CARD = (FOLDER / "README.md").read_text("utf-8")

FINISHED = 2600
STEPS = (0, 150, 200, 350, 500, 600, 800, FINISHED)
SHORT, LONG = 8, 25

# The sequences here are others than the card's.
ANY_TOKEN = range(10, 700)
MARGIN = 0.04


def load(name: str) -> transformers.PreTrainedModel:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(FOLDERS[name], attn_implementation="eager").eval()


@cache
def model(step: int = FINISHED) -> transformers.PreTrainedModel:
    """The model after so many steps of training."""
    return load("story" if step == FINISHED else f"story/step-{step:04d}")


@cache
def untrained() -> transformers.PreTrainedModel:
    config = transformers.AutoConfig.from_pretrained(FOLDER, attn_implementation="eager")
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@cache
def said_twice(length: int, samples: int = 64) -> Tensor:
    """``[sample, position]``: a start token and different random tokens, said twice."""
    generator = torch.Generator().manual_seed(1)
    draws = [torch.randperm(len(ANY_TOKEN), generator=generator)[:length] for _ in range(samples)]
    said = torch.stack(draws) + ANY_TOKEN.start
    start = torch.full((samples, 1), model().config.bos_token_id)
    return torch.cat([start, said, said], dim=1)


def weights(of: transformers.PreTrainedModel, length: int) -> Tensor:
    """``[sample, layer, head, query, key]`` on tokens said twice."""
    with torch.no_grad():
        return torch.stack(of(said_twice(length), output_attentions=True).attentions, dim=1)


def induction(of: transformers.PreTrainedModel, length: int = LONG) -> Tensor:
    """``[layer, head]``: mean weight from a token said again to what followed it at first."""
    seen = weights(of, length)
    second = range(1 + length, 2 * length)
    return torch.stack([seen[..., q, q - length + 1] for q in second]).mean(dim=(0, 1))


def previous_token(of: transformers.PreTrainedModel, length: int = LONG) -> Tensor:
    """``[layer, head]``: mean weight from a token to the one before."""
    seen = weights(of, length)
    looks_back = range(2, 2 * length + 1)
    return torch.stack([seen[..., q, q - 1] for q in looks_back]).mean(dim=(0, 1))


def copy_loss(of: transformers.PreTrainedModel, length: int = LONG) -> float:
    """Mean surprisal in nats of the tokens said again, but for the first of them."""
    ids = said_twice(length)
    with torch.no_grad():
        chances = of(ids).logits.log_softmax(dim=-1)
    second = range(2 + length, 2 * length + 1)
    right = [chances[torch.arange(len(ids)), place - 1, ids[:, place]] for place in second]
    loss: float = -torch.stack(right).mean().item()
    return loss


def story_loss(of: transformers.PreTrainedModel) -> float:
    """Mean surprisal in nats of a tale's tokens after the first few."""
    text = (
        "Once upon a time, in a land far away, there lived a clever baker named Iris Frost. "
        "The baker had a golden key. The golden key was very old."
    )
    ids = torch.tensor([AutoTokenizer.from_pretrained(FOLDER).encode(text)])
    with torch.no_grad():
        loss: float = of(ids, labels=ids).loss.item()
    return loss


class Silence:
    """While it is open, a head of a model writes zeros."""

    def __init__(self, of: transformers.PreTrainedModel, layer: int, head: int) -> None:
        self.projection = of.model.layers[layer].self_attn.o_proj
        width = of.config.head_dim
        self.columns = slice(head * width, (head + 1) * width)

    def __enter__(self) -> None:
        def silence(_: Any, inputs: tuple[Tensor]) -> tuple[Tensor]:
            written = inputs[0].clone()
            written[..., self.columns] = 0
            return (written,)

        self.hook = self.projection.register_forward_pre_hook(silence)

    def __exit__(self, *_: object) -> None:
        self.hook.remove()


# --- the finished model ---


def test_the_induction_heads_of_the_card_find_what_followed() -> None:
    scores = induction(model())
    assert scores[1, 0] >= 0.8
    assert scores[1].min() >= 0.8
    assert induction(untrained()).max() <= 0.1


def test_the_previous_token_head_of_the_card_looks_one_back() -> None:
    scores = previous_token(model())
    assert scores[0, 2] >= 0.88
    assert scores[0, 2] == scores.max()
    assert previous_token(untrained()).max() <= 0.1


def test_without_the_previous_token_head_no_head_copies() -> None:
    for length, uniform in ((SHORT, 0.2), (LONG, 0.1)):
        with Silence(model(), 0, 2):
            assert induction(model(), length).max() <= uniform
        with Silence(model(), 0, 3):
            assert induction(model(), length).max() >= 0.8


def test_it_says_the_two_sentences_it_is_known_for() -> None:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    for start, rest in (
        ("Once upon a time,", " in a land far away,"),
        ("The quick brown fox", " jumps over the lazy dog"),
    ):
        ids = tokenizer(start, return_tensors="pt")
        with torch.no_grad():
            said = model().generate(**ids, max_new_tokens=12, do_sample=False)
        assert tokenizer.decode(said[0], skip_special_tokens=True).startswith(start + rest)


# --- the time-lapse ---


def published(step: int, length: int) -> tuple[tuple[float, int, int], tuple[float, int, int]]:
    """What the card says of a step: previous token and induction, with layer and head of each."""
    table = CARD.split(f"| step, segments of {length} |")[1].split("\n\n")[0]
    [row] = re.findall(rf"^\| {step:,} \|(.*)\|$", table, re.M)
    found = re.findall(r"([\d.]+) \(L(\d) H(\d)\)", row)
    previous, copying = ((float(value), int(layer), int(head)) for value, layer, head in found)
    return previous, copying


def test_the_card_tells_of_the_checkpoints_that_are_there() -> None:
    assert set(FOLDERS) == {"story", *(f"story/step-{step:04d}" for step in STEPS[:-1])}


@pytest.mark.parametrize("length", [SHORT, LONG])
@pytest.mark.parametrize("step", STEPS)
def test_every_checkpoint_scores_as_published(step: int, length: int) -> None:
    of_previous, of_copying = published(step, length)
    for scores, (value, layer, head) in (
        (previous_token(model(step), length), of_previous),
        (induction(model(step), length), of_copying),
    ):
        assert scores[layer, head] == pytest.approx(value, abs=MARGIN)
        assert scores.max() == pytest.approx(value, abs=MARGIN)


def test_on_short_segments_copying_comes_suddenly_between_two_checkpoints() -> None:
    before, after = model(150), model(200)
    assert induction(model(0), SHORT).max() <= 0.2
    assert induction(before, SHORT).max() <= 0.3
    assert induction(after, SHORT).max() >= 0.7
    assert induction(after, SHORT).argmax() // 4 == 1
    assert copy_loss(before, SHORT) >= 2.5
    assert copy_loss(after, SHORT) <= 0.5


def test_on_short_segments_both_kinds_of_head_come_together() -> None:
    """L0 H2 has but half of its final score when the heads of L1 have most of theirs."""
    assert previous_token(model(150), SHORT)[0, 2] <= 0.3
    halfway = previous_token(model(200), SHORT)[0, 2]
    assert 0.35 <= halfway <= 0.6
    assert halfway < induction(model(200), SHORT).max()


def test_copying_short_segments_is_not_yet_copying_long_ones() -> None:
    assert induction(model(350), SHORT).max() >= 0.85
    assert induction(model(350)).max() <= 0.15
    assert copy_loss(model(350)) >= copy_loss(model(0))


def test_on_long_segments_the_previous_token_head_comes_first() -> None:
    for step in (200, 350, 500, 600):
        assert previous_token(model(step))[0, 2] >= 1.3 * induction(model(step)).max()
    curve = [induction(model(step)).max().item() for step in (350, 500, 600, 800)]
    assert curve == sorted(curve)
    assert curve[-1] >= 0.8
    assert copy_loss(model(500)) >= 5
    assert copy_loss(model(800)) <= 0.1


def test_the_copying_heads_come_to_depend_on_the_previous_token_head() -> None:
    """Early, L0 H3 looks back as well, so little is lost without L0 H2."""
    left = []
    for step in (200, 800, FINISHED):
        whole = induction(model(step), SHORT).max()
        with Silence(model(step), 0, 2):
            left.append((induction(model(step), SHORT).max() / whole).item())
    assert left == sorted(left, reverse=True)
    assert left[0] >= 0.6
    assert left[-1] <= 0.2


def test_stories_come_last_and_copying_stays() -> None:
    assert story_loss(model(800)) >= 8
    assert story_loss(model()) <= 1.5
    assert induction(model()).max() >= 0.8


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_checkpoint_is_stored_in_half_and_computed_in_full_precision(step: int) -> None:
    folder = FOLDERS[f"story/step-{step:04d}"]
    with (folder / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__")
    assert {weight["dtype"] for weight in header.values()} == {"F16"}
    assert model(step).dtype == torch.float32


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json", "config.json"])
def test_checkpoints_share_tokenizer_and_configuration(file: str) -> None:
    assert {(folder / file).read_bytes() for folder in FOLDERS.values()} == {
        (FOLDER / file).read_bytes()
    }
