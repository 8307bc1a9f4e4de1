"""One pass of one model over one sentence: what it is fed, and which tokens that makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.images import Sight, look, patch_tokens
from attention_gallery.capture.loading import LoadedModel
from attention_gallery.capture.tokens import read, readable_tokens
from attention_gallery.capture.weights import Layers, observe
from attention_gallery.errors import ModelError
from attention_gallery.terms import AttentionKind, CaptureRequest, Sentence, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_LONGEST_TARGET = 64  # tokens, when the model writes its own

_Ends = tuple[tuple[Token, ...], tuple[Token, ...]]  # of an attention's edges: queries and keys


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What one pass of a model over one sentence left.

    Attributes:
        layers: Weights by kind of attention.
        ends: For each kind of attention its queries and its keys.
        picture: A PNG of the image the model saw; empty for a text.
    """

    layers: Mapping[AttentionKind, Layers]
    ends: Mapping[AttentionKind, _Ends]
    picture: bytes = b""


def run(loaded: LoadedModel, request: CaptureRequest) -> Pass:
    """Run a model over a sentence.

    Raises:
        InputError: When its image cannot be read, or is no longer the one that was asked for.
        ModelError: When the sentence does not fit the model.
        CaptureError: When the model returns no attention weights, or hides its patches.
    """
    sentence = request.sentence
    _check_kind(loaded, sentence)
    network, tokenizer = loaded.network, loaded.tokenizer
    sight = None
    if sentence.image:
        sight = look(loaded.image_processor, Path(sentence.image), request.image_digest)
    if network.config.is_encoder_decoder:
        return _run_pair(network, tokenizer, sentence, sight)
    if sight:
        return _run_sight(network, sight)
    return _run_text(network, tokenizer, sentence.text)


def _check_kind(loaded: LoadedModel, sentence: Sentence) -> None:
    """See that a model that reads is given a text, and one that sees an image.

    Raises:
        ModelError: When it is not.
    """
    if loaded.image_processor is None:
        if sentence.image:
            raise ModelError(
                "the model is fed text, not images", hint="choose a model that is fed images"
            )
        if not sentence.text:
            raise ModelError("the model is fed text, and there is none", hint="write some text")
        return
    if not sentence.image:
        raise ModelError(
            "the model is fed images, not text",
            hint="give the sentence an image, or choose a model that is fed text",
        )
    if sentence.text:
        raise ModelError(
            "the model is fed images, and cannot read the text beside this one",
            hint="a caption is written as target; otherwise leave the text out",
        )


def _run_text(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> Pass:
    """Run a model of one stack, an encoder or a decoder, on a text."""
    tokens = read(tokenizer, text)
    _check_fit(tokens, network, network.config.get_text_config(), tokenizer)
    found = observe(network, _inputs(tokens))
    return Pass(found, dict.fromkeys(found, (tokens, tokens)))


def _run_sight(network: PreTrainedModel, sight: Sight) -> Pass:
    """Run an encoder on an image."""
    found = observe(network, {"pixel_values": sight.pixels})
    tokens = _patches(network, sight, found.values())
    return Pass(found, dict.fromkeys(found, (tokens, tokens)), sight.picture)


def _run_pair(
    network: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentence: Sentence,
    sight: Sight | None,
) -> Pass:
    """Run an encoder-decoder on a text or an image, and its target."""
    encoder, decoder = network.get_encoder(), network.get_decoder()
    source: tuple[Token, ...] = ()
    if sight:
        inputs = {"pixel_values": sight.pixels}
    else:
        source = read(tokenizer, sentence.text)
        _check_fit(source, encoder, network.config.get_text_config(encoder=True), tokenizer)
        inputs = _inputs(source)
    config = network.config.get_text_config(decoder=True)
    if sentence.target:
        target = read(tokenizer, sentence.target, as_target=True)
        _check_fit(target, decoder, config, tokenizer)
        added = [token.special for token in target]
        inputs["labels"] = _row(token.id for token in target)
    else:
        longest = min(_LONGEST_TARGET, _context(config, tokenizer))
        # No cache: the library makes one of the wrong size where the decoder is the deeper stack.
        written = network.generate(
            **inputs, max_new_tokens=longest, do_sample=False, num_beams=1, use_cache=False
        )
        added = [id_ in tokenizer.all_special_ids for id_ in written[0, 1:].tolist()]
        inputs["decoder_input_ids"] = written[:, :-1]
    # The start token is often the padding token too, which some models would hide by themselves.
    inputs["decoder_attention_mask"] = _row(1 for _ in added)
    with _fed(decoder) as ids:
        found = observe(network, inputs)
    # Shifted right: a start token comes first, and the last token is only predicted.
    rows = readable_tokens(tokenizer, ids, [True, *added[:-1]])
    if sight:
        seen = [layers for kind, layers in found.items() if kind != "decoder"]
        source = _patches(encoder, sight, seen)
    ends: dict[AttentionKind, _Ends] = {
        "encoder": (source, source),
        "decoder": (rows, rows),
        "cross": (rows, source),
    }
    return Pass(found, ends, sight.picture if sight else b"")


def _patches(stack: Any, sight: Sight, seen: Iterable[Layers]) -> tuple[Token, ...]:
    """The tokens of an image, known once its stack has run.

    Args:
        stack: What saw the image.
        sight: The image.
        seen: All weights whose keys are its tokens.
    """
    n_tokens = {layer.shape[-1] for layers in seen for layer in layers}
    height, width = sight.pixels.shape[2:]
    return patch_tokens(stack.config, n_tokens, height, width)


def _inputs(tokens: Iterable[Token]) -> dict[str, Tensor]:
    """What a model is fed: one sentence, all of it seen; any other input has a good default."""
    ids = _row(token.id for token in tokens)
    return {"input_ids": ids, "attention_mask": ids.new_ones(ids.shape)}


def _row(ids: Iterable[int]) -> Tensor:
    import torch

    return torch.tensor([list(ids)])


@contextmanager
def _fed(decoder: Any) -> Iterator[list[int]]:
    """Watch which ids a decoder is fed.

    How a target is shifted right differs between models (some start with its last token), and only
    some say how. All of them do it when they run.

    Yields:
        A list that holds the ids once the model has run.
    """
    ids: list[int] = []

    def note(_: object, __: object, inputs: Mapping[str, Any]) -> None:
        ids[:] = inputs["input_ids"][0].tolist()

    hook = decoder.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield ids
    finally:
        hook.remove()


def _check_fit(tokens: tuple[Token, ...], stack: Any, config: Any, tokenizer: Any) -> None:
    """See that a stack can read what its tokenizer made.

    Raises:
        ModelError: When there are too many tokens, or tokens it does not know.
    """
    if len(tokens) > (limit := _context(config, tokenizer)):
        raise ModelError(
            f"{len(tokens)} tokens, and the model reads {limit} at most",
            hint=f"shorten the text by {len(tokens) - limit} tokens, or choose another model",
        )
    n_words = stack.get_input_embeddings().weight.shape[0]
    if (highest := max(token.id for token in tokens)) >= n_words:
        raise ModelError(
            f"token {highest} is outside the model's vocabulary of {n_words}",
            hint="this tokenizer belongs to another model",
        )


def _context(config: Any, tokenizer: Any) -> int:
    """How many tokens a stack reads: what it has positions for, or was trained on."""
    stated = (
        getattr(config, "max_position_embeddings", None),
        getattr(config, "n_positions", None),
        tokenizer.model_max_length,
    )
    # A model without a limit may say -1, and a tokenizer says 10^30.
    return min(int(limit) for limit in stated if limit and limit > 0)
