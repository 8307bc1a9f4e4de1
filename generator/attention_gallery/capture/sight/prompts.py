"""A text with an image in it, as a model's own processor writes it.

The processor puts a mark where the image belongs, and as many of it as the image takes tokens.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from attention_gallery.capture.seam.towers import image_id
from attention_gallery.capture.sight.images import Sight, read_image, sight_of
from attention_gallery.capture.text.chats import render
from attention_gallery.capture.text.tokens import read, readable_tokens
from attention_gallery.capture.text.words import word_at, words
from attention_gallery.errors import ModelError, quoted
from attention_gallery.terms import BETWEEN_TURNS, Sentence, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import (
        BatchFeature,
        PreTrainedModel,
        PreTrainedTokenizerBase,
        ProcessorMixin,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A text with an image in it, ready to be run.

    Attributes:
        inputs: What the model's ``forward`` takes, each ``[1, ...]``.
        tokens: All of them; those of the image have the number -1, and are named once it is known
            which is which.
        image: Which of them are the image's.
        sight: The image.
    """

    inputs: Mapping[str, Tensor]
    tokens: tuple[Token, ...]
    image: tuple[int, ...]
    sight: Sight


def write_prompt(
    processor: ProcessorMixin, network: PreTrainedModel, sentence: Sentence, digest: str = ""
) -> Prompt:
    """Make one text of a sentence's text and image.

    Where the author left no place for the image in the text, it comes first; in a chat, at the
    beginning of what its user says first.

    Args:
        processor: The model's own.
        network: The model.
        sentence: Has a text or a chat, and an image.
        digest: SHA-256 of the bytes the image must have, in hex digits; empty when any will do.

    Raises:
        InputError: When the image cannot be read, or is no longer what it was.
        ModelError: When the text has more places for images than one, or the model's template
            refuses the chat.
        CaptureError: When the processor makes something else of the image than one picture.
    """
    mark = str(processor.image_token)
    if (n_places := sentence.text.count(mark)) > 1:
        raise ModelError(
            f"the text has {n_places} places for an image, and there is one image",
            hint=f"write {quoted(mark)} once, or not at all: then the image comes first",
        )
    if sentence.chat:
        text = _script(processor, sentence, mark)
    elif n_places or _puts_image(processor):
        text = sentence.text
    else:
        text = f"{mark}{sentence.text}"
    image = read_image(Path(sentence.image), digest)
    # A template writes all special tokens itself; otherwise the processor knows whether to.
    whole = {"add_special_tokens": False} if sentence.chat else {}
    made: BatchFeature = processor(text=text, images=image, return_tensors="pt", **whole)
    sight = sight_of(processor.image_processor, made["pixel_values"])
    takes = inspect.signature(network.forward).parameters
    ids: list[int] = made["input_ids"][0].tolist()
    tokens, places = _tokens(processor, ids, sentence, image_id(network))
    return Prompt(
        {name: values for name, values in made.items() if name in takes}, tokens, places, sight
    )


def _puts_image(processor: ProcessorMixin) -> bool:
    """Whether a processor puts the image before any text by itself."""
    from transformers import ProcessorMixin

    return type(processor).replace_image_token is ProcessorMixin.replace_image_token


def _script(processor: ProcessorMixin, sentence: Sentence, mark: str) -> str:
    """Write a chat as its model reads it, with the mark of the image in it.

    Raises:
        ModelError: When the model has no template, or its template refuses the chat, or leaves out
            the image.
    """
    first = next((n for n, (role, _) in enumerate(sentence.chat) if role == "user"), 0)
    shown = [] if mark in sentence.text else [{"type": "image"}]
    chat = [
        (role, [*(shown if n == first else []), {"type": "text", "text": content}])
        for n, (role, content) in enumerate(sentence.chat)
    ]
    script = render(processor, chat)
    if script.count(mark) != 1:
        raise ModelError(
            "the model's chat template has no place for an image",
            hint=f"write text instead of chat, as the model wants it, with {quoted(mark)} in it",
        )
    return script


def _tokens(
    processor: ProcessorMixin, ids: Sequence[int], sentence: Sentence, image: int | None
) -> tuple[tuple[Token, ...], tuple[int, ...]]:
    """Name the tokens of a prompt, and find those of the image.

    What the author wrote is cut the same way inside a prompt as on its own, but for its edges; by
    that its tokens are found again, with their places in the text. A template may have written a
    single one of them too, so that of a chat at least two have to follow each other.
    """
    tokenizer = processor.tokenizer
    places = tuple(i for i, id_ in enumerate(ids) if id_ == image)
    marks = {*tokenizer.all_special_ids, *([] if image is None else [image])}
    tokens = list(readable_tokens(tokenizer, ids, [id_ in marks for id_ in ids]))
    own = (
        _turns(tokenizer, sentence.chat) if sentence.chat else read(tokenizer, sentence.text).tokens
    )
    same = SequenceMatcher(None, [token.id for token in own], ids, autojunk=False)
    for start, begin, length in same.get_matching_blocks():
        if length > 1 or not sentence.chat:
            tokens[begin : begin + length] = own[start : start + length]
    for place in places:
        tokens[place] = replace(tokens[place], id=-1, special=True)
    return tuple(tokens), places


def _turns(
    tokenizer: PreTrainedTokenizerBase, chat: Sequence[tuple[str, str]]
) -> tuple[Token, ...]:
    """The tokens of what is said in a chat, each turn cut on its own."""
    found = words(BETWEEN_TURNS.join(content for _, content in chat))
    tokens: list[Token] = []
    begin = 0
    for _, content in chat:
        for token in read(tokenizer, content).tokens:
            if token.span:
                start, end = token.span
                span = start + begin, end + begin
                tokens.append(replace(token, span=span, word=word_at(span, found)))
        begin += len(content) + len(BETWEEN_TURNS)
    return tuple(tokens)
