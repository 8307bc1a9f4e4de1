"""A model, and one sentence as it is fed to it: what a measure of a running model starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attention_gallery.capture.feeds import Feed, placed
from attention_gallery.capture.model.loading import LoadedModel
from attention_gallery.capture.seam.intervention import answer
from attention_gallery.errors import CaptureError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A model, and one sentence as it is fed to it.

    Attributes:
        network: In evaluation mode, on its device, its attention computed the plain ("eager") way.
            What asks for a prediction needs a network with a head that predicts.
        inputs: What its ``forward`` takes, each ``[1, ...]``, on the same device.
        ids: Numbers in the vocabulary of the tokens of the text, ``[token]``: those that a model
            of one stack, or the encoder of a pair, reads. Empty for an image or a sound.
    """

    network: PreTrainedModel
    inputs: Mapping[str, Tensor]
    ids: tuple[int, ...]

    @classmethod
    def of(cls, loaded: LoadedModel, feed: Feed) -> Run:
        """Make a run of what is captured."""
        ids = tuple(token.id for token in feed.tokens)
        return cls(feed.network(loaded), placed(loaded, feed.inputs), ids)

    def logits(self) -> Tensor:
        """Run the model once, and give what it predicts with, before any softmax.

        Gradients are kept or not as the context says.

        Returns:
            ``[token, word]`` of a model that predicts words, or labels of tokens; ``[label]`` of
            one that puts a whole text in a class.

        Raises:
            CaptureError: When it predicts nothing of the kind.
        """
        said = answer(self.network, self.inputs)
        logits: Tensor | None = said.get("logits") if isinstance(said, Mapping) else None
        if logits is None or logits.ndim not in (2, 3):
            raise CaptureError(
                f"{type(self.network).__name__} predicts neither words nor labels",
                hint="a model is needed that was trained to, with the head that does it",
            )
        return logits[0]


def untrained(network: PreTrainedModel, *, seed: int = 0) -> PreTrainedModel:
    """Make a model of the same architecture whose weights are as they are before any training.

    Its weights take as much memory again as those of the model. Torch's own stream of random
    numbers is left as it was.

    Args:
        network: The model.
        seed: Of the weights.

    Returns:
        The twin: same class, same sizes, on the same device, in evaluation mode.
    """
    import copy

    import torch

    config = copy.deepcopy(network.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin: PreTrainedModel = type(network)._from_config(
            config, attn_implementation="eager", dtype=network.dtype
        )
    return twin.to(network.device).eval()
