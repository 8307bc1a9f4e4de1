"""Sentences written with their truth in them: who a pronoun is, and which clause a word is in.

A grammar of masked-language specimens writes

    the keys [that the man lost] are=keys old

where brackets hold a subordinate clause and `are=keys` says that "are" is there for the last
"keys" before it. `Sentence.read` turns this into words and truth; models see the words only.
"""

import re
from dataclasses import dataclass
from typing import Self

from manifest_gold import named


@dataclass(frozen=True)
class Sentence:
    """Words, and what is true of them. Positions count words from 0.

    Attributes:
        words: the words as a tokenizer will cut them.
        depths: for each word, in how many clauses it is embedded: 0 for the main clause.
        antecedents: for each word that is there for another (a pronoun for its antecedent, an
            agreeing verb for its subject), the position of that other word.
    """

    words: tuple[str, ...]
    depths: tuple[int, ...]
    antecedents: dict[int, int]

    @property
    def text(self) -> str:
        """The sentence as one writes it."""
        return " ".join(self.words).replace(" .", ".").replace(" ,", ",")

    @property
    def gold(self) -> dict[str, list[str]]:
        """Whom words are there for, as manifests take it."""
        return {
            name: named(self.words, [antecedent], first=1)
            for word, antecedent in self.antecedents.items()
            for name in named(self.words, [word], first=1)
        }

    @classmethod
    def read(cls, marked: str) -> Self:
        """Reads a sentence with its truth.

        Args:
            marked: words, spaces, brackets and `word=antecedent`.

        Raises:
            ValueError: When an antecedent is not among the words before, or a bracket has no
                partner.
        """
        words: list[str] = []
        depths: list[int] = []
        antecedents: dict[int, int] = {}
        depth = 0
        for piece in re.findall(r"[\[\].,]|[\w=]+", marked):
            if piece in "[]":
                depth += 1 if piece == "[" else -1
                if depth < 0:
                    raise ValueError(f"a clause ends that never began: {marked!r}")
                continue
            word, _, antecedent = piece.partition("=")
            if antecedent:
                if antecedent not in words:
                    raise ValueError(f"no {antecedent!r} before {word!r}: {marked!r}")
                # The last one before: what is named again is also meant again.
                nearest = words[::-1].index(antecedent)
                antecedents[len(words)] = len(words) - 1 - nearest
            words.append(word)
            depths.append(depth)
        if depth:
            raise ValueError(f"a clause never ends: {marked!r}")
        return cls(tuple(words), tuple(depths), antecedents)
