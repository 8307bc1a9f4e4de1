"""A sentence made into what its model is fed, once it is seen to fit the model."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.hearing.sounds import Sound, hear
from attention_gallery.capture.model.loading import LoadedModel
from attention_gallery.capture.model.memory import check_memory
from attention_gallery.capture.recording import Sizes
from attention_gallery.capture.seam.towers import eye, image_id, reader, sees_and_reads
from attention_gallery.capture.sight.images import Sight, look
from attention_gallery.capture.sight.prompts import write_prompt
from attention_gallery.capture.text.tokens import (
    Reading,
    read,
    read_sentence,
    readable_tokens,
    words_written,
)
from attention_gallery.errors import ModelError
from attention_gallery.terms import CaptureRequest, Sentence, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_LONGEST_TARGET = 64  # tokens, when the model writes its own and its author sets no limit

# A first token that is forced says which language a translator is to write.
_TOKEN_IDS = tuple(
    f"{role}_token_id" for role in ("bos", "eos", "pad", "decoder_start", "forced_bos")
)


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """One sentence, ready to be run.

    Attributes:
        request: What is to be captured.
        inputs: What the model's ``forward`` takes, each ``[1, ...]``.
        tokens: Those of the text; empty for an image or a sound, whose patches or moments are
            known once it has run.
        target: Those that the decoder of a pair is to write: it is fed a start, and all of them
            but the last, which it only predicts; empty for a model of one stack.
        sight: The image; None for a text.
        image: Which of the tokens stand for the image in a text.
        part: What of the model is run; None for all of it.
        sound: The sound; None for a text or an image.
    """

    request: CaptureRequest
    inputs: Mapping[str, Tensor]
    tokens: tuple[Token, ...] = ()
    target: tuple[Token, ...] = ()
    sight: Sight | None = None
    image: tuple[int, ...] = ()
    part: PreTrainedModel | None = None
    sound: Sound | None = None

    @property
    def sizes(self) -> Sizes:
        """Queries and keys of each kind of attention; nothing where they are not known yet."""
        if self.sight or self.sound:
            return {}
        n, n_rows = len(self.tokens), len(self.target)
        if not n_rows:
            return {None: (n, n), "decoder": (n, n)}
        return {"encoder": (n, n), "decoder": (n_rows, n_rows), "cross": (n_rows, n)}

    def network(self, loaded: LoadedModel) -> PreTrainedModel:
        """What is run."""
        return self.part or loaded.network


def prepare(loaded: LoadedModel, request: CaptureRequest) -> Feed:
    """Make a sentence into what its model is fed.

    Raises:
        InputError: When its image or sound cannot be read, or is no longer the one that was asked
            for, or the sound is not as the model hears it.
        ModelError: When the sentence does not fit the model.
        CaptureError: When it does not fit into memory.
    """
    sentence = request.sentence
    _check_kind(loaded, sentence)
    _check_writes(loaded, request)
    if sees_and_reads(loaded.network):
        return _of_both(loaded, request)
    network, tokenizer = loaded.network, loaded.tokenizer
    is_pair = network.config.is_encoder_decoder
    sight = sound = None
    tokens: tuple[Token, ...] = ()
    if sentence.image:
        sight = look(loaded.image_processor, Path(sentence.image), request.image_digest)
        inputs = {"pixel_values": sight.pixels}
    elif sentence.audio:
        path, extractor = Path(sentence.audio), loaded.feature_extractor
        sound = hear(extractor, network, path, request.audio_digest)
        inputs = dict(sound.inputs)
    else:
        reading = read_sentence(tokenizer, sentence)
        tokens = reading.tokens
        stack = network.get_encoder() if is_pair else network
        of_encoder = True if is_pair else None
        _check_fit(tokens, stack, network.config.get_text_config(encoder=of_encoder), tokenizer)
        check_memory(
            network, loaded.device, len(tokens) + sentence.generate * (not is_pair), request.parts
        )
        if sentence.generate and not is_pair:
            reading = _written_on(loaded, reading, sentence)
            tokens = reading.tokens
        inputs = _inputs(reading, network)
    target: tuple[Token, ...] = ()
    if is_pair:
        fed, target = _target(loaded, request, inputs)
        inputs |= fed
    return Feed(request, inputs, tokens, target, sight, sound=sound)


def _of_both(loaded: LoadedModel, request: CaptureRequest) -> Feed:
    """Make a sentence into what a model that sees and reads is fed.

    Some have a place for the image in their text. Others have two parts that know nothing of each
    other's input; fed one of them only, the model would refuse, so that part is run alone.

    Raises:
        InputError: When its image cannot be read, or is no longer the one that was asked for.
        ModelError: When the sentence does not fit the model.
    """
    sentence, network, tokenizer = request.sentence, loaded.network, loaded.tokenizer
    if sentence.generate:
        raise ModelError(
            "a model that also sees cannot be told to write on after its text",
            hint="leave generate out, and write the text with what it should read",
        )
    digest, config = request.image_digest, network.config.get_text_config()
    reads = reader(network) or network
    if sentence.image and loaded.processor:
        prompt = write_prompt(loaded.processor, network, sentence, digest)
        _check_fit(prompt.tokens, reads, config, tokenizer)
        check_memory(network, loaded.device, len(prompt.tokens), request.parts)
        return Feed(request, prompt.inputs, prompt.tokens, (), prompt.sight, prompt.image)
    part = None
    if image_id(network) is None and not (sentence.text and sentence.image):
        part = eye(network) if sentence.image else reader(network)
    inputs: dict[str, Tensor] = {}
    tokens: tuple[Token, ...] = ()
    sight = None
    if sentence.text:
        reading = read_sentence(tokenizer, sentence)
        tokens = reading.tokens
        _check_fit(tokens, reads, config, tokenizer)
        if any(token.id == image_id(network) for token in tokens):
            raise ModelError(
                "the text has a place for an image, and there is none",
                hint="give the sentence an image, or take its mark out of the text",
            )
        inputs |= _inputs(reading, part or network)
    if sentence.image:
        sight = look(loaded.image_processor, Path(sentence.image), digest)
        inputs["pixel_values"] = sight.pixels
    return Feed(request, inputs, tokens, (), sight, part=part)


def placed(loaded: LoadedModel, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inputs where a model is, and pixels in its data type."""
    dtype = loaded.network.dtype
    return {
        name: tensor.to(loaded.device, dtype if tensor.is_floating_point() else None)
        for name, tensor in inputs.items()
    }


def _check_kind(loaded: LoadedModel, sentence: Sentence) -> None:
    """See that a model is given what it is fed: a text, an image, a sound.

    Raises:
        ModelError: When it is not.
    """
    if loaded.feature_extractor:
        if not sentence.audio:
            raise ModelError(
                f"the model is fed sounds, not {'images' if sentence.image else 'text'}",
                hint="give the sentence audio, or choose another model",
            )
        return
    if sentence.audio:
        fed = "images" if loaded.network.main_input_name == "pixel_values" else "text"
        raise ModelError(
            f"the model is fed {fed}, not sounds", hint="choose a model that is fed sounds"
        )
    if sees_and_reads(loaded.network):
        _check_both(loaded, sentence)
        return
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


def _check_writes(loaded: LoadedModel, request: CaptureRequest) -> None:
    """See that a model can write, where it is asked what it would.

    Raises:
        ModelError: When it cannot.
    """
    network = loaded.network
    if request.writes and not network.can_generate():
        raise ModelError(
            f"{type(network).__name__} has no language-model head, so it cannot write",
            hint="leave generate out of the sentence and generation out of the views, or choose a "
            "model that was trained to write",
        )


def _check_both(loaded: LoadedModel, sentence: Sentence) -> None:
    """See that a model that sees and reads is given what it needs of both.

    Raises:
        ModelError: When it is not.
    """
    if not sentence.image:
        if not sentence.text:
            raise ModelError("the model is fed text, and there is none", hint="write some text")
        pixels = inspect.signature(loaded.network.forward).parameters.get("pixel_values")
        alone = image_id(loaded.network) is None and reader(loaded.network)
        if pixels and pixels.default is pixels.empty and not alone:
            raise ModelError(
                "the model is fed an image with its text, and there is none",
                hint="give the sentence an image beside its text",
            )
        return
    if loaded.blind:
        raise loaded.blind
    if image_id(loaded.network) is None:
        if not (eye(loaded.network) and reader(loaded.network)):
            raise ModelError(
                "which tokens of the model are the image's cannot be told: text and image are one "
                "sequence from its first layer on",
                hint="leave the image out, or choose another model",
            )
        return
    if not sentence.text:
        raise ModelError(
            "the model sees an image within a text, and there is no text",
            hint="give the sentence a text beside its image, such as a question about it",
        )
    if sentence.pair:
        raise ModelError(
            "the model cannot be fed two texts with an image",
            hint="give the sentence one text beside its image",
        )


def _written_on(loaded: LoadedModel, reading: Reading, sentence: Sentence) -> Reading:
    """A text, and after it what the model writes, always taking the likeliest token.

    Raises:
        ModelError: When there is no room for it.
    """
    network, n = loaded.network, sentence.generate
    tokenizer: Any = loaded.tokenizer
    tokens = reading.tokens
    # After an end no model goes on. A chat's template ends with what opens the model's turn.
    if not sentence.chat and tokens[-1].special and tokens[-1].id == tokenizer.eos_token_id:
        tokens = tokens[:-1]
    type_ids = reading.type_ids and reading.type_ids[: len(tokens)]
    room = context(network.config.get_text_config(), tokenizer) - len(tokens)
    if n > room:
        raise ModelError(
            f"{n} tokens cannot be written after {len(tokens)}: the model reads "
            f"{room + len(tokens)} at most",
            hint=f"write generate: {room}" if room > 0 else "shorten the text",
        )
    answer = _write(loaded, _inputs(Reading(tokens, type_ids), network), n)
    ids = answer[0, len(tokens) :].tolist()
    written = _generated(tokenizer, ids, 1 + max(token.word for token in tokens))
    return Reading(
        (*tokens, *(replace(token, segment=tokens[-1].segment) for token in written)),
        type_ids and (*type_ids, *[type_ids[-1]] * len(ids)),
    )


def _write(loaded: LoadedModel, inputs: Mapping[str, Tensor], longest: int) -> Tensor:
    """Let a model write, always taking the likeliest token.

    Args:
        loaded: The model.
        inputs: What it is fed.
        longest: How many tokens it writes at most.

    Returns:
        The ids of what its decoder has read and written, ``[1, token]``.
    """
    from transformers import GenerationConfig

    network, own = loaded.network, loaded.network.generation_config
    settings = vars(GenerationConfig())
    # Most of what a model comes with, to sound better, is other than taking the likeliest. It keeps
    # its token ids, and what only its kind knows, such as a language that is written.
    kept = {
        name: value
        for name, value in vars(own).items()
        if name in _TOKEN_IDS or (name not in settings and not name.startswith("_"))
    }
    # Padding is never a word; Marian, which was not trained to avoid it, leaves it out like this.
    if (padding := [own.pad_token_id]) in (own.bad_words_ids or ()):
        kept["bad_words_ids"] = [padding]
    # Handed over, it would be filled up from the model's own.
    network.generation_config = GenerationConfig(**kept)
    try:
        answer = network.generate(
            **placed(loaded, inputs),
            max_new_tokens=longest,
            # Some models have none, some another answer with it, and the library makes one of the
            # wrong size where the decoder of a pair is the deeper stack.
            use_cache=False,
            return_dict_in_generate=True,  # otherwise Whisper leaves out how it begins and ends
        )
    finally:
        network.generation_config = own
    written: Tensor = answer.sequences.cpu()
    return written


def _generated(tokenizer: Any, ids: list[int], n_words: int = 0) -> tuple[Token, ...]:
    """Tokens that the model wrote, after a text of this many words."""
    marks = set(tokenizer.all_special_ids)
    special = [id_ in marks for id_ in ids]
    found = iter(words_written(tokenizer, [id_ for id_ in ids if id_ not in marks]))
    words = [-1 if is_mark else next(found) for is_mark in special]
    return tuple(
        replace(token, generated=True, word=n_words + word if word >= 0 else -1)
        for token, word in zip(readable_tokens(tokenizer, ids, special), words, strict=True)
    )


def _target(
    loaded: LoadedModel, request: CaptureRequest, inputs: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], tuple[Token, ...]]:
    """What the decoder of a pair is fed: the author's target, or what the model itself writes.

    Returns:
        Inputs besides those of the encoder, and the tokens of the target.

    Raises:
        ModelError: When the target does not fit the model.
        CaptureError: When it does not fit into memory.
    """
    network = loaded.network
    tokenizer: Any = loaded.tokenizer
    config = network.config.get_text_config(decoder=True)
    if request.sentence.target:
        target = read(tokenizer, request.sentence.target, as_target=True).tokens
        if request.sentence.audio and target[0].id == network.config.decoder_start_token_id:
            # Whisper's tokenizer writes the start too, which the model is about to put before it.
            target = target[1:]
        _check_fit(target, network.get_decoder(), config, tokenizer)
        check_memory(network, loaded.device, len(target), request.parts)
        fed = {"labels": _row(token.id for token in target)}
    else:
        longest = request.sentence.generate or _LONGEST_TARGET
        longest = min(longest, context(config, tokenizer))
        if request.sentence.audio:
            longest = max(1, longest // 2)  # room for the prompt that Whisper begins with
        written = _write(loaded, inputs, longest)
        target = _generated(tokenizer, written[0, 1:].tolist())
        fed = {"decoder_input_ids": written[:, :-1]}
    # The start token is often the padding token too, which some models would hide by themselves.
    return fed | {"decoder_attention_mask": _row(1 for _ in target)}, target


def _inputs(reading: Reading, network: PreTrainedModel) -> dict[str, Tensor]:
    """What a model is fed: one sentence, all of it seen; any other input has a good default.

    Raises:
        ModelError: When it has no numbers for as many texts as its tokenizer tells apart.
    """
    ids = _row(token.id for token in reading.tokens)
    inputs = {"input_ids": ids, "attention_mask": ids.new_ones(ids.shape)}
    takes = inspect.signature(network.forward).parameters
    if reading.type_ids is not None and "token_type_ids" in takes:
        n_types = getattr(network.config, "type_vocab_size", None)
        if n_types and max(reading.type_ids) >= n_types:  # 0 stands for: told, and not listened to
            raise ModelError(
                "the model cannot tell two texts apart, as its tokenizer wants it to",
                hint="leave pair out, or choose a model that was trained on pairs of texts",
            )
        inputs["token_type_ids"] = _row(reading.type_ids)
    return inputs


def _row(ids: Iterable[int]) -> Tensor:
    import torch

    return torch.tensor([list(ids)])


def _check_fit(tokens: tuple[Token, ...], stack: Any, config: Any, tokenizer: Any) -> None:
    """See that a stack can read what its tokenizer made.

    Raises:
        ModelError: When there are too many tokens, or tokens it does not know.
    """
    if len(tokens) > (limit := context(config, tokenizer)):
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


def context(config: Any, tokenizer: Any) -> int:
    """How many tokens a stack reads: what it has positions for, or was trained on."""
    stated = (
        getattr(config, "max_position_embeddings", None),
        getattr(config, "n_positions", None),
        getattr(config, "max_target_positions", None),
        tokenizer.model_max_length,
    )
    # A model without a limit may say -1, and a tokenizer says 10^30.
    return min(int(limit) for limit in stated if limit and limit > 0)
