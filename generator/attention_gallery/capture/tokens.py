"""Tokens as people read them.

A vocabulary spells its entries for a machine: ``Ġonce``, ``▁once``, ``<0xE2>``, ``ðŁĻ``. Here each
becomes what it contributes to the sentence, in characters that a page, a table and JSON can carry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attention_gallery.errors import ModelError, quoted
from attention_gallery.terms import Token

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# A byte that is no whole character: as SentencePiece spells it, and as Python decodes it.
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
_LONE_BYTE = re.compile(r"[\udc80-\udcff]")

_SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def _byte_alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for.

    Bytes that print as Latin-1 stand for themselves; the others are numbered from U+0100 on.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }


_BYTE_OF = _byte_alphabet()


def read(
    tokenizer: PreTrainedTokenizerBase, text: str, *, as_target: bool = False
) -> tuple[Token, ...]:
    """Cut a text into tokens.

    Args:
        tokenizer: What cuts it.
        text: What the author wrote.
        as_target: Whether it is for the decoder of an encoder-decoder, whose tokenizer may treat
            the two languages differently.

    Raises:
        ModelError: When nothing of the text is left.
    """
    encoded = tokenizer(
        **{"text_target" if as_target else "text": text},
        return_special_tokens_mask=True,
        verbose=False,
    )
    # The mask spares a [MASK] that the author wrote: it is a part of the sentence.
    special = [bool(added) for added in encoded["special_tokens_mask"]]
    if all(special):
        raise ModelError(f"the tokenizer makes no token of {quoted(text)}")
    return readable_tokens(tokenizer, encoded["input_ids"], special)


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
    named = tokenizer.added_tokens_decoder.keys()
    return tuple(
        Token(text=_readable(tokenizer, id_, named=id_ in named), special=added, id=id_)
        for id_, added in zip(ids, special, strict=True)
    )


def _readable(tokenizer: PreTrainedTokenizerBase, id_: int, *, named: bool) -> str:
    """What one vocabulary entry contributes to a sentence, with nothing invisible left in it."""
    entry: str | None = tokenizer.convert_ids_to_tokens(id_)
    if entry is None:  # a model may have, and generate, more ids than its tokenizer has words for
        return f"⟨{id_}⟩"
    # Decoded alone, an entry loses its marker of a word's beginning and keeps WordPiece's ##.
    text: str = entry if named else tokenizer.convert_tokens_to_string([entry])
    if "\N{REPLACEMENT CHARACTER}" in text:
        text = _spell_bytes(entry) or text
    # An entry of nothing but spaces has one character for each, whatever its spelling.
    return visible(text.strip(" ") or " " * len(entry))


def _spell_bytes(entry: str) -> str:
    """An entry that holds a part of a character: whole characters as they are, bytes as ``⟨E2⟩``.

    Returns:
        An empty string when `entry` is not made of bytes.
    """
    if match := _BYTE_TOKEN.fullmatch(entry):
        return f"⟨{match[1]}⟩"
    if not all(char in _BYTE_OF for char in entry):
        return ""
    text = bytes(_BYTE_OF[char] for char in entry).decode("utf-8", "surrogateescape")
    return _LONE_BYTE.sub(lambda lone: f"⟨{ord(lone[0]) - 0xDC00:02X}⟩", text)


def visible(text: str) -> str:
    """Make a token's text visible and safe to carry.

    Control characters always get a sign, because XML cannot carry them. Joiners, direction marks
    and spaces do their work in silence beside other characters, and get a sign where they stand
    alone; so does a combining mark, on the dotted circle that type specimens use.
    """
    alone = not any(unicodedata.category(char)[0] in "LNPS" for char in text)
    return "".join(_sign(char) if alone or _unprintable(char) else char for char in text)


def _unprintable(char: str) -> bool:
    """Whether `char` is a control character, a lone surrogate, or barred from XML."""
    return unicodedata.category(char) in ("Cc", "Cs") or char in "\ufffe\uffff"


def _sign(char: str) -> str:
    """Something to see in place of `char`."""
    # Variation selectors count as marks and have no shape of their own.
    if unicodedata.category(char)[0] == "M" and not "\ufe00" <= char <= "\ufe0f":
        return f"◌{char}"
    return _SIGNS.get(char, f"⟨U+{ord(char):04X}⟩")
