# ruff: noqa: TID253 - the libraries are what is tested here
"""Inputs made right by what a model says of them."""

from __future__ import annotations

import re

import torch
from transformers import PreTrainedModel

from architectures.inputs import Inputs

# How a model says that its text has other places for what it saw or heard than it needs.
_PLACES = re.compile(r"tokens\D*(\d+)\D+(?:features|for token)\D*(\d+)", re.DOTALL)
_WIDTHS = re.compile(r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)")

MOST_PLACES = 2000


def mended(network: PreTrainedModel, inputs: Inputs, error: Exception) -> Inputs | None:
    """What a model asks for by the error it raises; None where that is not said."""
    if found := _WIDTHS.search(str(error)):
        given, wanted = map(int, found.groups())
        return with_width(inputs, given, wanted)
    if (found := _PLACES.search(str(error))) and "input_ids" in inputs:
        there, wanted = map(int, found.groups())
        return with_places(network, inputs, there, wanted)
    return None


def with_width(inputs: Inputs, given: int, wanted: int) -> Inputs | None:
    """The same with vectors as long as a model takes them."""
    wrong = {
        name: torch.randn(*value.shape[:-1], wanted)
        for name, value in inputs.items()
        if value.is_floating_point() and value.shape[-1] == given
    }
    return inputs | wrong if wrong else None


def with_places(network: PreTrainedModel, inputs: Inputs, there: int, wanted: int) -> Inputs | None:
    """The same with as many tokens that stand for a picture or a sound as a model asks for.

    Some models count their features times their width, and find as many places: too many.
    """
    config = network.config
    if there == wanted:
        wanted //= config.get_text_config().hidden_size
    is_heard = not any(name.startswith("pixel") for name in inputs)
    kinds = ("audio", "speech") if is_heard else ("image", "video")
    names = (f"{kind}_token_{end}" for kind in kinds for end in ("id", "index"))
    ids = (getattr(config, name, None) for name in names)
    id_ = next((id_ for id_ in ids if isinstance(id_, int)), None)
    if id_ is None or wanted > MOST_PLACES:
        return None
    text = torch.tensor([[10, 11, *[id_] * wanted, *range(12, 17)]])
    texts = {"input_ids": text, "attention_mask": torch.ones_like(text)}
    if "mm_token_type_ids" in inputs:
        texts["mm_token_type_ids"] = (text == id_) * (3 if is_heard else 1)
    return inputs | texts
