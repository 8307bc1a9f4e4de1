"""A model that is in memory already, handed over by whoever loaded it, and given back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.libraries import explained, quiet
from attention_gallery.capture.model import devices
from attention_gallery.capture.model.loading import LoadedModel, provenance
from attention_gallery.capture.seam.towers import sees_and_reads
from attention_gallery.errors import InputError, ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


@contextmanager
def handed(
    network: object, tokenizer: object, name: str, commit: str
) -> Iterator[Callable[..., LoadedModel]]:
    """Hold a model for a while as captures need it: evaluating, attention computed the plain way.

    Its weights, its data type and its device stay what they are, and so do its gradients.

    Args:
        network: A model of the library.
        tokenizer: What cuts its texts.
        name: What readers call it.
        commit: Where its weights once came from; empty where that is not known.

    Yields:
        What gives it, whatever model is asked for: see `capture.Load`.

    Raises:
        InputError: When it is no model that reads, or that is no tokenizer.
        ModelError: When its attention cannot be computed the plain way.
    """
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    if not isinstance(network, PreTrainedModel):
        raise InputError(
            f"{type(network).__name__} is not a model of transformers",
            hint="hand over what from_pretrained returned, or the name of a model",
        )
    if network.main_input_name != "input_ids" and not sees_and_reads(network):
        raise InputError(
            f"{type(network).__name__} is fed {network.main_input_name}, and no text",
            hint="give its folder or hub id instead: what prepares its input is loaded with it",
        )
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise InputError(
            f"{type(tokenizer).__name__} is not a tokenizer",
            hint="hand over the model's own, from AutoTokenizer.from_pretrained",
        )
    with ExitStack() as before:
        _evaluate(network, before)
        with quiet(), explained(ModelError, f"{name} cannot compute its attention", None):
            _compute_plainly(network, before)
        loaded = LoadedModel(
            network,
            tokenizer,
            None,
            devices.entrance(network),
            provenance(name, commit, network, tokenizer),
        )
        yield lambda *_, **__: loaded


def _evaluate(network: PreTrainedModel, before: ExitStack) -> None:
    """Have nothing dropped at random, until `before` is closed."""
    training = [module for module in network.modules() if module.training]

    def train_again() -> None:
        for module in training:
            module.training = True

    before.callback(train_again)
    network.eval()
    config: Any = network.config
    if not network.can_generate() and getattr(config, "pad_token_id", 0) is None:
        # A classifier that knows no padding refuses more than one text at once.
        before.callback(setattr, config, "pad_token_id", None)
        config.pad_token_id = -1


def _compute_plainly(network: PreTrainedModel, before: ExitStack) -> None:
    """Have attention computed the way that holds its weights, until `before` is closed."""
    ways = {id(config): (config, config._attn_implementation) for config in _configs(network)}

    def as_before() -> None:
        for config, way in ways.values():  # an outer one sets those inside it, so it comes first
            config._attn_implementation = way

    before.callback(as_before)
    network.set_attn_implementation("eager")


def _configs(network: PreTrainedModel) -> Iterator[PreTrainedConfig]:
    """The configurations of a model and of its parts, an outer one before those inside it."""
    from transformers import PreTrainedModel

    for part in network.modules():
        if isinstance(part, PreTrainedModel):
            yield from _inside(part.config)


def _inside(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    yield config
    for name in config.sub_configs:
        inner = getattr(config, name, None)
        if inner is not None:
            yield from _inside(inner)
