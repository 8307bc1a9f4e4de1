"""What a vocabulary's entries spell, as people read it.

A vocabulary spells its entries for a machine: ``Ġonce``, ``▁once``, ``once</w>``, ``<0xE2>``,
``ðŁĻ``. Here each becomes what it contributes to the sentence, in characters that a page, a table
and JSON can carry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# A byte that is no whole character: as SentencePiece spells it, and as Python decodes it.
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
_LONE_BYTE = re.compile(r"[\udc80-\udcff]")
_END_OF_WORD = re.compile(r"(?<=.)</w>$", re.DOTALL)

_SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def _byte_alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for.

    Bytes that print as Latin-1 stand for themselves; the others are numbered from U+0100 on.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    # ByT5's and Perceiver's bytes, which are no text, stand for themselves too.
    return {chr(byte): byte for byte in range(256)} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }


_BYTE_OF = _byte_alphabet()


def spellings_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """What vocabulary entries contribute to a sentence.

    A byte that is no whole character is spelled as Python decodes it with ``surrogateescape``.
    """
    named = tokenizer.added_tokens_decoder.keys()
    spellings = {id_: _spelling(tokenizer, id_, named=id_ in named) for id_ in set(ids)}
    return [spellings[id_] for id_ in ids]


def _spelling(tokenizer: PreTrainedTokenizerBase, id_: int, *, named: bool) -> str:
    # A model may have, and generate, more ids than its tokenizer has words for.
    unknown = f"⟨{id_}⟩"
    try:
        entry: str | None = tokenizer.convert_ids_to_tokens(id_)
        if entry is None:
            return unknown
        if named:
            return entry
        entry = _END_OF_WORD.sub("", entry)
        # Decoded alone, an entry loses its marker of a word's beginning and keeps WordPiece's ##.
        text: str = tokenizer.convert_tokens_to_string([entry])
    except (LookupError, OverflowError, ValueError):  # how tokenizers in Python say it
        return unknown
    if "\N{REPLACEMENT CHARACTER}" in text or (not text and len(entry) == 1):
        text = _spell_bytes(entry) or text
    # A part of a word may say so at its end. Its tokenizer knows, and joins the next part to it.
    stem = text.removesuffix("@@")
    if stem not in ("", text) and f"{stem}{stem}" in tokenizer.convert_tokens_to_string(
        [entry, entry]
    ):
        text = stem
    # An entry of nothing but spaces has one character for each, whatever its spelling.
    return text.strip(" ") or " " * len(entry)


def _spell_bytes(entry: str) -> str:
    """An entry that holds a part of a character, decoded with ``surrogateescape``.

    Returns:
        An empty string when `entry` is not made of bytes.
    """
    if match := _BYTE_TOKEN.fullmatch(entry):
        return bytes([int(match[1], 16)]).decode("utf-8", "surrogateescape")
    if not all(char in _BYTE_OF for char in entry):
        return ""
    return bytes(_BYTE_OF[char] for char in entry).decode("utf-8", "surrogateescape")


def readable(spelling: str, role: str | None = None) -> str:
    """What an entry spells, with nothing invisible left in it, and bytes as ``⟨E2⟩``."""
    if role and not any(unicodedata.category(char)[0] in "LMNPS" for char in spelling):
        return role
    return visible(_LONE_BYTE.sub(lambda lone: f"⟨{ord(lone[0]) - 0xDC00:02X}⟩", spelling))


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
