"""What a model is given to read, cut into tokens that know where they stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.text.chats import write_script
from attention_gallery.capture.text.spans import searched_spans, stated_spans
from attention_gallery.capture.text.spelling import readable, spellings_of
from attention_gallery.capture.text.words import Span, word_at, words
from attention_gallery.errors import ModelError, quoted
from attention_gallery.terms import Sentence, Token

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

_ROLES = ("bos", "eos", "unk", "mask", "pad", "sep", "cls")  # the last that fits is the name


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tokenizer makes of what an author wrote.

    Attributes:
        tokens: In the order the model is fed them.
        type_ids: For each token the number by which some models are told which text it is from;
            None where the tokenizer makes none.
    """

    tokens: tuple[Token, ...]
    type_ids: tuple[int, ...] | None = None


def read_sentence(tokenizer: PreTrainedTokenizerBase, sentence: Sentence) -> Reading:
    """Cut what a sentence gives a model to read: a text, two texts, or a chat.

    Raises:
        ModelError: When nothing of it is left, or the tokenizer cannot read two texts, or a chat.
    """
    if sentence.chat:
        return read_chat(tokenizer, sentence)
    return read(tokenizer, sentence.text, sentence.pair)


def read(
    tokenizer: PreTrainedTokenizerBase, text: str, pair: str = "", *, as_target: bool = False
) -> Reading:
    """Cut a text, or two that are read together, into tokens.

    Words of the second text are counted on from those of the first, and places in it from its own
    beginning. What a tokenizer adds belongs to the text before it, or to the first.

    Args:
        tokenizer: What cuts it.
        text: What the author wrote.
        pair: The second text, such as a passage after a question; empty for none.
        as_target: Whether it is for the decoder of an encoder-decoder, whose tokenizer may treat
            the two languages differently.

    Raises:
        ModelError: When nothing of a text is left, or the tokenizer cannot read two.
    """
    said = {"text_target" if as_target else "text": text}
    try:
        encoded = _cut(tokenizer, **said, **({"text_pair": pair} if pair else {}))
    except (NotImplementedError, TypeError, ValueError) as error:
        if not pair:
            raise
        message = "the tokenizer cannot read two texts together"
        raise ModelError(message, hint="leave pair out, or choose another model") from error
    ids = encoded["input_ids"]
    # The mask spares a [MASK] that the author wrote: it is a part of the sentence. It may be too
    # long: ByT5 counts a </s> that it leaves out because the author wrote one.
    special = [bool(added) for added in encoded["special_tokens_mask"][: len(ids)]]
    n_first = len(ids)
    if pair and not tokenizer.is_fast:  # these do not say where the second text begins
        n_first = len(_cut(tokenizer, text=text, add_special_tokens=False)["input_ids"])
    segments = _segments(encoded, special, n_first)
    tokens = list(readable_tokens(tokenizer, ids, special))
    n_words = 0
    for segment, part in enumerate((text, pair)):
        own = [i for i, is_own in enumerate(segments) if is_own == segment and not special[i]]
        if not own and (part or not segment):
            raise ModelError(f"the tokenizer makes no token of {quoted(part)}")
        found = words(part)
        for i, span in zip(own, _spans(tokenizer, encoded, part, own), strict=True):
            word = word_at(span, found)
            tokens[i] = replace(tokens[i], span=span, word=n_words + word if word >= 0 else -1)
        n_words += len(found)
    return Reading(
        tuple(
            replace(token, segment=segment) for token, segment in zip(tokens, segments, strict=True)
        ),
        _type_ids(encoded),
    )


def read_chat(tokenizer: PreTrainedTokenizerBase, sentence: Sentence) -> Reading:
    """Cut a chat into tokens, as the tokenizer's template writes it.

    Places are counted in the sentence's own text; what the template wrote has none, and is special
    where the tokenizer counts it among its special tokens.

    Raises:
        ModelError: When the tokenizer has no template, or its template refuses the chat.
    """
    script = write_script(tokenizer, sentence.chat)
    # The template writes all special tokens itself.
    encoded = _cut(tokenizer, text=script.text, add_special_tokens=False)
    ids = encoded["input_ids"]
    if not ids:
        raise ModelError(f"the tokenizer makes no token of {quoted(script.text)}")
    spans = [script.own(span) for span in _spans(tokenizer, encoded, script.text, range(len(ids)))]
    marks = {id_ for id_, added in tokenizer.added_tokens_decoder.items() if added.special}
    special = [id_ in marks and span is None for id_, span in zip(ids, spans, strict=True)]
    found = words(sentence.text)
    tokens = readable_tokens(tokenizer, ids, special)
    return Reading(
        tuple(
            replace(token, span=span, word=word_at(span, found))
            for token, span in zip(tokens, spans, strict=True)
        ),
        _type_ids(encoded),
    )


def readable_tokens(
    tokenizer: PreTrainedTokenizerBase, ids: Iterable[int], special: Iterable[bool]
) -> tuple[Token, ...]:
    """Name each token of a sequence.

    Args:
        tokenizer: What made the ids.
        ids: Numbers in its vocabulary.
        special: For each id, whether the tokenizer added it to the author's text.

    Returns:
        As many tokens as there are ids. The entries a tokenizer keeps beside its vocabulary
        (``[CLS]``, ``</s>``, ``<|endoftext|>``) keep their name.
    """
    ids = list(ids)
    # CANINE's special tokens are characters without a shape: they are called by what they do.
    roles = {
        id_: f"[{role.upper()}]"
        for role in _ROLES
        if (id_ := getattr(tokenizer, f"{role}_token_id", None)) is not None
    }
    return tuple(
        Token(text=readable(spelling, roles.get(id_)), special=added, id=id_)
        for id_, spelling, added in zip(ids, spellings_of(tokenizer, ids), special, strict=True)
    )


def words_written(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[int]:
    """Which word of what a model wrote each of its tokens is a part of; -1 for none.

    Args:
        tokenizer: The model's.
        ids: What it wrote, without special tokens.
    """
    text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    found = words(text)
    return [word_at(span, found) for span in searched_spans(text, spellings_of(tokenizer, ids))]


def _cut(tokenizer: PreTrainedTokenizerBase, **said: Any) -> BatchEncoding:
    return tokenizer(
        **said,
        return_special_tokens_mask=True,
        return_offsets_mapping=tokenizer.is_fast,
        verbose=False,
    )


def _segments(encoded: BatchEncoding, special: Sequence[bool], n_first: int) -> list[int]:
    """Which text each token belongs to; what a tokenizer added goes with the token before it.

    Args:
        encoded: What the tokenizer made.
        special: For each token, whether it was added.
        n_first: How many tokens of the first text there are, if the tokenizer does not say.
    """
    origins: list[int | None]
    if encoded.is_fast:
        origins = encoded.sequence_ids(0)
    else:
        counts = accumulate(not added for added in special)
        origins = [
            None if added else int(count > n_first)
            for added, count in zip(special, counts, strict=True)
        ]
    segments = [0]
    for origin in origins:
        segments.append(segments[-1] if origin is None else origin)
    return segments[1:]


def _spans(
    tokenizer: PreTrainedTokenizerBase, encoded: BatchEncoding, text: str, chosen: Iterable[int]
) -> tuple[Span | None, ...]:
    """Where some of the tokens, those of one text, stand in it."""
    chosen = list(chosen)
    ids = [encoded["input_ids"][i] for i in chosen]
    spellings = spellings_of(tokenizer, ids)
    if tokenizer.is_fast:
        return stated_spans(text, [encoded["offset_mapping"][i] for i in chosen], spellings)
    return searched_spans(
        text,
        [
            None if id_ == tokenizer.unk_token_id else spelling
            for id_, spelling in zip(ids, spellings, strict=True)
        ],
    )


def _type_ids(encoded: BatchEncoding) -> tuple[int, ...] | None:
    return tuple(encoded["token_type_ids"]) if "token_type_ids" in encoded else None
