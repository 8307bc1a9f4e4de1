"""Capture requests -> captures: the only part that runs models.

torch and transformers are imported here and below only, and only when something is captured: a
site built from stored captures never waits for them, and need not have them.

Conventions of what is captured:

- Weights are float32, from a model in evaluation mode, computed in float32 on the CPU.
- A row of decoder or cross attention belongs to the decoder's *input* token of that row, not to
  the token the model predicts there: ``[start, the, black, cat]`` for the target "the black cat".
- A target is fed to the decoder as it is (teacher forcing). Where the author gave none, the model
  writes one, always taking the likeliest token; its last token is only predicted, so has no row.
- What an exhibit shows is the sentence as the model read it, with the tokens its tokenizer added.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.loading import LoadedModel, explained, load, quiet, require_libraries
from attention_gallery.capture.tokens import read, readable_tokens
from attention_gallery.capture.weights import Layers, checked, has_sinks, observe
from attention_gallery.errors import (
    CaptureError,
    GalleryError,
    InputError,
    ModelError,
    quoted,
    raise_faults,
)
from attention_gallery.terms import AttentionKind, Capture, CaptureRequest, Sentence, Token

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["capture_all"]

_LONGEST_TARGET = 64  # tokens, when the model writes its own

_Ends = tuple[tuple[Token, ...], tuple[Token, ...]]  # of an attention's edges: queries and keys


def capture_all(requests: Iterable[CaptureRequest]) -> Iterator[Capture]:
    """Run every model over its sentences.

    Each model is loaded once, and let go before the next. A request that fails does not stop the
    others: all that can be captured is, and then all faults are raised.

    Args:
        requests: In any order.

    Yields:
        Captures as they are done, those of one model after those of another.

    Raises:
        GalleryError: What could not be captured, and why; nothing that was yielded is affected.
    """
    groups: dict[tuple[str, ...], list[CaptureRequest]] = {}
    for request in requests:
        model = request.model
        same = (model.kind, model.location, model.revision, str(model.trust_remote_code))
        groups.setdefault(same, []).append(request)
    if groups:
        require_libraries()

    faults: list[GalleryError] = []
    for group in groups.values():
        try:
            loaded = load(group[0].model)
        except ModelError as fault:
            faults.append(_without_frames(fault))
            continue
        for request in group:
            try:
                capture = _capture(loaded, request)
            except InputError as fault:
                faults.append(_without_frames(fault))
            except CaptureError as fault:
                faults.append(_without_frames(fault))
                break  # this is the model's doing, and would be said again of every sentence
            else:
                yield capture
        # Two models at once may be more than fits; a failure leaves cycles that hold the last one.
        del loaded
        gc.collect()
    raise_faults(faults)


def _without_frames(fault: GalleryError) -> GalleryError:
    """A fault that can be kept: its traceback would keep the model it is about."""
    fault.__cause__ = fault.__context__ = None
    return fault.with_traceback(None)


def _capture(loaded: LoadedModel, request: CaptureRequest) -> Capture:
    """Run one model over one sentence.

    Raises:
        ModelError: When the sentence does not fit the model.
        CaptureError: When the model gives no attention, or what it gives is none.
    """
    sentence, network = request.sentence, loaded.network
    where = sentence.where or next(iter(request.wheres), request.model.where)
    place = f"{request.model.source} on sentence {quoted(sentence.id)}"
    with quiet(), explained(CaptureError, f"{place} failed", where):
        try:
            if network.config.is_encoder_decoder:
                ends, found = _run_pair(loaded, sentence)
            else:
                ends, found = _run_one(loaded, sentence)
            sinks = has_sinks(network)
            attentions = {
                kind: checked(kind, *ends[kind], layers, sinks=sinks)
                for kind, layers in found.items()
            }
        except GalleryError as fault:
            raise type(fault)(f"{place}: {fault.message}", where, fault.hint) from fault
    return Capture(request.key, attentions, loaded.provenance)


def _run_one(
    loaded: LoadedModel, sentence: Sentence
) -> tuple[dict[AttentionKind, _Ends], dict[AttentionKind, Layers]]:
    """Run a model of one stack: an encoder or a decoder."""
    network = loaded.network
    tokens = read(loaded.tokenizer, sentence.text)
    _check_fit(tokens, network, network.config.get_text_config(), loaded.tokenizer)
    found = observe(network, _inputs(tokens))
    return dict.fromkeys(found, (tokens, tokens)), found


def _run_pair(
    loaded: LoadedModel, sentence: Sentence
) -> tuple[dict[AttentionKind, _Ends], dict[AttentionKind, Layers]]:
    """Run an encoder-decoder on a text and its target."""
    network, tokenizer = loaded.network, loaded.tokenizer
    encoder, decoder = network.get_encoder(), network.get_decoder()
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
    return {"encoder": (source, source), "decoder": (rows, rows), "cross": (rows, source)}, found


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
