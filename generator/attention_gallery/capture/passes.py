"""One pass of one model, over one sentence or over several at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.feeds import Feed, placed
from attention_gallery.capture.hearing.sounds import moment_tokens
from attention_gallery.capture.model.loading import LoadedModel
from attention_gallery.capture.predictions import answered, predictions
from attention_gallery.capture.recording import Kept, Recorder, by_kind, checked
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.towers import eye, sees_and_reads
from attention_gallery.capture.sight.images import Sight, patch_tokens, tokens_in_text
from attention_gallery.capture.text.tokens import readable_tokens
from attention_gallery.errors import CaptureError
from attention_gallery.terms import Attention, AttentionKind, Capture, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

# What stands where a sentence is shorter than the longest of its batch; ids are padded as the model
# says. Labels of -100 are the library's for what is no token.
_PADS = {"attention_mask": 0, "decoder_attention_mask": 0, "token_type_ids": 0, "labels": -100}

_WRITING: tuple[AttentionKind, ...] = ("decoder", "cross")
"""Attention whose rows are what a model writes after."""


def run(loaded: LoadedModel, feeds: Sequence[Feed]) -> list[Capture]:
    """Run a model over one sentence, or over several at once.

    Args:
        loaded: The model.
        feeds: What it is fed: several texts of which weights are all that is asked for, or
            anything on its own.

    Raises:
        UnbatchableError: When the model does not keep several sentences apart.
        CaptureError: When the model gives no attention weights, or hides its patches.
    """
    network = feeds[0].network(loaded)
    sinks = has_sinks(network)
    request = feeds[0].request
    recorder = Recorder([feed.sizes for feed in feeds], request.recorded, sinks=sinks)
    inputs = placed(loaded, _padded([feed.inputs for feed in feeds], network))
    asked = "predictions" in request.parts
    with _fed(network) as rows, answered(network, wanted=asked) as answers:
        observe(network, inputs, recorder, parts=bool(request.recorded))
    logits = answers[0][0] if answers else None
    return [
        Capture(
            feed.request.key,
            _predicted(
                loaded, feed, logits, _attentions(loaded, feed, kept, rows[number] if rows else ())
            ),
            # One model may go by several names.
            replace(loaded.provenance, source=feed.request.model.source),
            feed.sight.picture if feed.sight else b"",
        )
        for number, (feed, kept) in enumerate(zip(feeds, recorder.kept, strict=True))
    ]


def _predicted(
    loaded: LoadedModel,
    feed: Feed,
    logits: Tensor | None,
    attentions: Mapping[AttentionKind, Attention],
) -> Mapping[AttentionKind, Attention]:
    """Say what the model held likely to come next, beside the attention of what it writes after.

    Args:
        loaded: The model.
        feed: The sentence.
        logits: ``[row, word]``; None where that was not asked for.
        attentions: All of its attention.

    Raises:
        CaptureError: When no attention is of what writes, or the model gives no distributions.
    """
    if logits is None:
        return attentions
    writing: list[AttentionKind] = [kind for kind in _WRITING if kind in attentions]
    if not (writing and loaded.tokenizer):
        name = type(loaded.network).__name__
        raise CaptureError(
            f"{name} does not write: each of its tokens sees those that come later",
            hint="take generation out of the views, or choose a model that writes",
        )
    follows: tuple[Token | None, ...] = feed.target
    if not feed.target:
        after = attentions[writing[0]].queries[1:]
        # Nobody writes the patches of an image within a text.
        follows = (*(None if token.patch else token for token in after), None)
    found = predictions(loaded.tokenizer, logits, follows)
    return {
        kind: replace(attention, predictions=found) if kind in writing else attention
        for kind, attention in attentions.items()
    }


def has_sinks(network: PreTrainedModel) -> bool:
    """Whether heads have a learned sink: a key that is no token, and takes a share of each row."""
    return any("sink" in name for name, _ in network.named_parameters())


def _attentions(
    loaded: LoadedModel, feed: Feed, kept: Sequence[Kept], ids: Sequence[int]
) -> dict[AttentionKind, Attention]:
    """Give a sentence's weights their tokens.

    Args:
        loaded: The model.
        feed: The sentence.
        kept: Its layers.
        ids: What the decoder of a pair was fed, and after it padding.

    Raises:
        CaptureError: When they are not what they should be.
    """
    network = feed.network(loaded)
    found = by_kind(network, kept)
    if sees_and_reads(loaded.network):
        in_place = all(layer.site.kind != "between" for layer in kept)
        return _of_both(loaded, feed, found, in_place=in_place)
    source = feed.tokens
    if feed.sight or feed.sound:
        stack = network.get_encoder() if feed.target else network
        of_text = {"decoder"} if feed.target else set()
        seen = [layer for kind, layers in found.items() if kind not in of_text for layer in layers]
        if feed.sight:
            source = _patches(stack, feed.sight, seen)
        elif feed.sound:
            n_tokens = {layer.shape[-1] for layer in seen}
            source = moment_tokens(stack.config, n_tokens, feed.sound.seconds, feed.sound.rate)
    if not feed.target:
        return {kind: checked(kind, source, source, layers) for kind, layers in found.items()}
    rows = _rows(loaded, feed.target, ids)
    ends: dict[AttentionKind, tuple[tuple[Token, ...], tuple[Token, ...]]] = {
        "encoder": (source, source),
        "decoder": (rows, rows),
        "cross": (rows, source),
    }
    return {kind: checked(kind, *ends[kind], layers) for kind, layers in found.items()}


def _rows(loaded: LoadedModel, target: Sequence[Token], ids: Sequence[int]) -> tuple[Token, ...]:
    """The tokens that the decoder of a pair was fed.

    Args:
        loaded: The model.
        target: What it is to write.
        ids: What it was fed, and after it padding: mostly a start token, and all of the target but
            the last token, which is only predicted.
    """
    special = [True, *(token.special for token in target[:-1])]
    fed = readable_tokens(loaded.tokenizer, ids[: len(target)], special)
    shifted = zip(fed[1:], target[:-1], strict=True)
    return (fed[0], *(token if token.id == row.id else row for row, token in shifted))


def _of_both(
    loaded: LoadedModel,
    feed: Feed,
    found: Mapping[AttentionKind, Sequence[Kept]],
    *,
    in_place: bool,
) -> dict[AttentionKind, Attention]:
    """Give the weights of a model that sees and reads their tokens.

    Where what its eye does with patches cannot be named, because it looks at them in windows or at
    several scales, that is left out; how the text looks at the image is not.

    Args:
        loaded: The model.
        feed: The sentence.
        found: Its layers.
        in_place: Whether nothing between eye and text moves what was seen to other places.

    Raises:
        CaptureError: When they are not what they should be.
    """
    if not feed.sight:
        return {kind: checked(kind, feed.tokens, feed.tokens, found[kind]) for kind in found}
    stack = eye(loaded.network)
    if feed.part:  # the eye on its own, which does not say that it is one
        (layers,) = found.values()
        patches = _patches(stack, feed.sight, layers)
        return {"vision": checked("vision", patches, patches, layers)}
    try:
        patches = _patches(stack, feed.sight, found["vision"]) if "vision" in found else ()
    except CaptureError:
        patches = ()
    text = list(feed.tokens)
    if len(feed.image) > 1:  # a single one stands for none of it
        named = tokens_in_text(len(feed.image), patches, in_place=in_place)
        for place, token in zip(feed.image, named, strict=True):
            text[place] = token
    rows = tuple(text)
    ends = {"encoder": (rows, rows), "decoder": (rows, rows)}
    if patches:
        ends["vision"] = (patches, patches)
    if "cross" in found:
        ends["cross"] = (rows, _patches(stack, feed.sight, found["cross"]))
    return {kind: checked(kind, *ends[kind], found[kind]) for kind in found if kind in ends}


def _patches(stack: Any, sight: Sight, seen: Iterable[Kept]) -> tuple[Token, ...]:
    """The tokens of an image, known once its stack has run.

    Args:
        stack: What saw the image.
        sight: The image.
        seen: All layers whose keys are its tokens.
    """
    n_tokens = {layer.shape[-1] for layer in seen}
    height, width = sight.pixels.shape[2:]
    return patch_tokens(stack.config, n_tokens, height, width)


def _padded(
    inputs: Sequence[Mapping[str, Tensor]], network: PreTrainedModel
) -> Mapping[str, Tensor]:
    """The inputs of several sentences as one batch, padded on the right.

    Padding on the left would shift the positions of models that count them from the first token.
    """
    import torch

    if len(inputs) == 1:
        return inputs[0]
    pad_id = network.config.get_text_config().pad_token_id
    ids = 0 if pad_id is None or pad_id < 0 else pad_id
    return {
        name: torch.nn.utils.rnn.pad_sequence(
            [one[name][0] for one in inputs], batch_first=True, padding_value=_PADS.get(name, ids)
        )
        for name in inputs[0]
    }


@contextmanager
def _fed(network: PreTrainedModel) -> Iterator[list[list[int]]]:
    """Watch which ids the decoder of a pair is fed.

    How a target is shifted right differs between models (some start with its last token), and only
    some say how. All of them do it when they run.

    Yields:
        A list that holds the ids of each sentence once the model has run.
    """
    ids: list[list[int]] = []
    if not network.config.is_encoder_decoder:
        yield ids
        return

    def note(_: object, __: object, inputs: Mapping[str, Any]) -> None:
        ids[:] = inputs["input_ids"].tolist()

    hook = network.get_decoder().register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield ids
    finally:
        hook.remove()
