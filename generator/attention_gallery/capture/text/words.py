"""Words of a text: the same for every model, whatever its tokenizer makes of them.

A word is a run of letters, digits and the marks they carry. What stands inside a word may hold it
together: an apostrophe between letters (don't, aujourd'hui), a point or a comma between digits
(3.14), an underscore. A hyphen does not: well-known is two words and a hyphen. Any other character
that is no space is a word of its own, an emoji with all that its joiners tie to it.

Where a script writes no spaces, no rule finds words without a dictionary, and these are the
nearest: each Chinese character is a word; so is a run of hiragana or of katakana; a run of Thai,
Lao, Khmer or Burmese letters is one, up to the next space.

Source: Unicode Standard Annex 29, "Unicode Text Segmentation", section 4, made simpler: there each
hiragana stands alone, and Thai is left to dictionaries.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

Span = tuple[int, int]
"""The first character of a part of a text, and the one after its last; 0-based."""

# Each character is written as the letter of its class, and the classes are searched for words.
_CLASSES = {"L": "a", "M": "m", "N": "d", "Pc": "_", "Cf": "m"}
_CLASS_OF = {
    **dict.fromkeys("'\u2019\uff07", "'"),
    **dict.fromkeys(".,", "."),
    "\u200b": " ",  # a zero width space: it ends a word and shows nothing
    "\u30fc": "m",  # the sign for a long vowel, in either kana
    "\u200d": "j",
}
_SCRIPTS = {
    "h": "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff",
    "g": "\u3041-\u3096\u309d-\u309f",
    "k": "\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\uff66-\uff9d",
    "r": "\U0001f1e6-\U0001f1ff",  # two of these make a flag
    "m": "\U0001f3fb-\U0001f3ff",  # colours of skin
}
_SCRIPT = re.compile("|".join(f"(?P<{name}>[{chars}])" for name, chars in _SCRIPTS.items()))

_WORD = re.compile(
    r"""
      h[mj]*                                     # one Chinese character
    | (?:g[mj]*)+ | (?:k[mj]*)+                  # hiragana, katakana
    | [ad_](?:[ad_mj] | (?<=[amj])'(?=a) | (?<=[dmj])\.(?=d))*
    | r[mj]*r?[mj]*                              # a flag
    | [^ ][mj]*(?:(?<=j)[^ ][mj]*)*              # any other character, and what is joined to it
    """,
    re.VERBOSE,
)


def words(text: str) -> list[Span]:
    """The words of a text, in order."""
    return [match.span() for match in _WORD.finditer("".join(map(_class, text)))]


def word_at(span: Span | None, found: Sequence[Span]) -> int:
    """Which word a part of a text belongs to.

    Args:
        span: The part; where it reaches over several words, the first of them counts.
        found: The words of the text.

    Returns:
        Its index; -1 for a part that has no place in the text, or is nothing but space.
    """
    if span is None:
        return -1
    index = bisect_right(found, span[0], key=lambda word: word[1])
    return index if index < len(found) and found[index][0] < span[1] else -1


def _class(char: str) -> str:
    if known := _CLASS_OF.get(char):
        return known
    if char.isspace():
        return " "
    if script := _SCRIPT.match(char):
        return str(script.lastgroup)
    category = unicodedata.category(char)
    return _CLASSES.get(category) or _CLASSES.get(category[0], "o")
