"""The parts of a model that both sees and reads: which sees, which reads, what lies between.

No list of models: the library says of each part of a model what it is fed, and a configuration
that has another one inside, by the name of ``vision_config``, says of which part that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel


def sees_and_reads(network: PreTrainedModel) -> bool:
    """Whether a model is fed images and text beside each other.

    A captioner is not: it is fed an image, and what its decoder reads is its own writing.
    """
    return not network.config.is_encoder_decoder and {"image", "text"} <= _takes(network)


def hears(network: PreTrainedModel) -> bool:
    """Whether a model is fed sounds: their samples, or how strong each pitch is over time."""
    return network.main_input_name in ("input_values", "input_features")


def eye(network: PreTrainedModel) -> PreTrainedModel | None:
    """The part of a model that sees; None in one that has none of its own."""
    vision = getattr(network.config, "vision_config", None)
    for part in _parts(network):
        # What resamples the states of an eye is fed no text either, but has its own configuration.
        if vision is not None and type(part.config) is type(vision):
            return part
        if vision is None and "image" in _takes(part) and "text" not in _takes(part):
            return part
    return None


def reader(network: PreTrainedModel) -> PreTrainedModel | None:
    """The part of a model that reads; None where text and image are one sequence from the start."""
    return next((part for part in _parts(network) if {"text"} == _takes(part)), None)


def image_id(network: PreTrainedModel) -> int | None:
    """The number of the token that stands in a text where an image belongs.

    Returns:
        None for a model whose texts have no such place: its image goes another way.
    """
    found = getattr(network.config, "image_token_id", None)
    found = getattr(network.config, "image_token_index", None) if found is None else found
    return found if isinstance(found, int) else None


def _parts(network: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """All models inside a model, an outer one before those inside it."""
    from transformers import PreTrainedModel

    parts: Iterator[Module] = network.modules()
    next(parts)  # the model itself
    return (part for part in parts if isinstance(part, PreTrainedModel))


def _takes(network: PreTrainedModel) -> frozenset[str]:
    """What a model is fed: ``image``, ``text`` and so on."""
    said = network.input_modalities
    return frozenset([said] if isinstance(said, str) else said)
