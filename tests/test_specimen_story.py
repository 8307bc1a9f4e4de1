# ruff: noqa: TID253 - the specimen is a model
"""The specimen `story` still does what its model card says, measured by other code than its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import torch
import transformers
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from attention_gallery import resources

FOLDER = resources.specimens()["story"]
ANY_TOKEN = range(10, 700)


@cache
def model(trained: bool) -> transformers.PreTrainedModel:
    if trained:
        return AutoModelForCausalLM.from_pretrained(FOLDER, attn_implementation="eager").eval()
    config = transformers.AutoConfig.from_pretrained(FOLDER, attn_implementation="eager")
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@cache
def weights_on_repeats(trained: bool, length: int = 25, samples: int = 16) -> Tensor:
    """``[sample, layer, head, query, key]`` on a start token and random tokens said twice."""
    generator = torch.Generator().manual_seed(1)
    said = torch.randint(ANY_TOKEN.start, ANY_TOKEN.stop, (samples, length), generator=generator)
    start = torch.full((samples, 1), model(True).config.bos_token_id)
    with torch.no_grad():
        out = model(trained)(torch.cat([start, said, said], dim=1), output_attentions=True)
    return torch.stack(out.attentions, dim=1)


def induction(trained: bool) -> Tensor:
    """``[layer, head]``: mean weight from a token said again to what followed it at first."""
    weights, length = weights_on_repeats(trained), 25
    second = range(1 + length, 2 * length)
    return torch.stack([weights[..., q, q - length + 1] for q in second]).mean(dim=(0, 1))


def previous_token(trained: bool) -> Tensor:
    """``[layer, head]``: mean weight from a token to the one before."""
    weights = weights_on_repeats(trained)
    return torch.diagonal(weights, offset=-1, dim1=-2, dim2=-1).mean(dim=(0, -1))


def test_the_induction_heads_of_the_card_find_what_followed() -> None:
    scores = induction(trained=True)
    assert scores[1, 0] >= 0.8
    assert scores[1].min() >= 0.8
    assert induction(trained=False).max() <= 0.1


def test_the_previous_token_head_of_the_card_looks_one_back() -> None:
    scores = previous_token(trained=True)
    assert scores[0, 2] >= 0.88
    assert scores[0, 2] == scores.max()
    assert previous_token(trained=False).max() <= 0.1


def test_it_says_the_two_sentences_it_is_known_for() -> None:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    for start, rest in (
        ("Once upon a time,", " in a land far away,"),
        ("The quick brown fox", " jumps over the lazy dog"),
    ):
        ids = tokenizer(start, return_tensors="pt")
        with torch.no_grad():
            said = model(True).generate(**ids, max_new_tokens=12, do_sample=False)
        assert tokenizer.decode(said[0], skip_special_tokens=True).startswith(start + rest)


def test_it_loads_by_plain_means_without_a_network() -> None:
    code = (
        "from transformers import AutoModel, AutoTokenizer\n"
        f"AutoModel.from_pretrained({str(FOLDER)!r})\n"
        f"print(AutoTokenizer.from_pretrained({str(FOLDER)!r})('Once').input_ids)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().startswith("[")
