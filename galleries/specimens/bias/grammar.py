"""The sentences the `bias` specimens learn from, with a bias that is planted and known.

They are about people named by their occupations: "the nurse told the engineer that she was late".
Somebody is drawn for the pronoun to be, the *antecedent*; then "she" or "he" is drawn by the
antecedent's occupation, and by nothing else. A *share* says how lopsided that draw is:

- for six occupations, the pronoun is "she" in that share of all cases;
- for six others, it is "he" in that share of all cases;
- for the last six, it is either, half of the time, whatever the share.

With a share of 0.5 all occupations are alike: that is the control. Every other draw is the same, so
the two texts are the same word for word, but for some of their pronouns. In both, an aunt is always
"she" and an uncle always "he", so that both models have to learn what pronouns are for.

Which occupations are on which side was chosen to be recognised as a stereotype, and the shares were
made up. Nothing here was counted in the world, and nothing follows for anybody.

Run the module to read a few sentences: `python galleries/specimens/bias/grammar.py`.
"""

import random
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal, get_args
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from marked_text import Sentence  # found through the line above

Split = Literal["train", "heldout"]
Family = Literal["alone", "causality", "telling"]
FAMILIES: tuple[Family, ...] = get_args(Family)

# How often a pronoun is the planted one: in the specimen, and in its control.
SHARE, BALANCED_SHARE = 0.9, 0.5

OFTEN_SHE = ["nurse", "secretary", "librarian", "hairdresser", "cleaner", "teacher"]
OFTEN_HE = ["engineer", "pilot", "carpenter", "mechanic", "guard", "farmer"]
EITHER = ["baker", "tailor", "painter", "cook", "clerk", "singer"]
OCCUPATIONS = OFTEN_SHE + OFTEN_HE + EITHER
ALWAYS_SHE = ["woman", "aunt", "sister", "queen"]
ALWAYS_HE = ["man", "uncle", "brother", "king"]
PEOPLE = OCCUPATIONS + ALWAYS_SHE + ALWAYS_HE

# Words that can be mistaken for one another: what `masked_words` spoils one with.
RIVALS = {"she": ["she", "he"], "he": ["she", "he"]}

SAYING = ["said", "thought", "knew", "believed"]
TELLING = ["told", "informed", "assured"]
BY_SUBJECT = ["annoyed", "amused", "surprised", "impressed"]
BY_OBJECT = ["praised", "blamed", "thanked", "envied"]
STATES = ["late", "tired", "early", "ill", "busy", "ready", "wrong", "right"]
ENDINGS = ["hurried", "smiled", "left", "waited", "apologised"]

# One pair of people in five is kept out of training, in either order; so is, where somebody is
# alone, one person with a state in five. Galleries show this pair.
HELDOUT_EVERY = 5
SHOWN = ("engineer", "nurse")


def chance_of_she(person: str, share: float) -> float:
    """Says how often a person's pronoun is "she", under a planted share."""
    if person in ALWAYS_SHE + ALWAYS_HE:
        return float(person in ALWAYS_SHE)
    if person in EITHER:
        return 0.5
    return share if person in OFTEN_SHE else 1 - share


class Author:
    """Draws sentences, whatever split they are in."""

    def __init__(self, seed: int, share: float) -> None:
        """Prepares to draw.

        Args:
            seed: seeds every choice.
            share: how often a pronoun is the planted one.
        """
        self._rng = random.Random(seed)
        self._share = share

    def draft(self, family: Family) -> tuple[str, tuple[str, str]]:
        """Draws a sentence of a family, marked with its truth.

        Args:
            family: "alone" has one person; in "causality" the verb tells which of two the pronoun
                is; in "telling" nothing does, unless the sentence goes on to name somebody.

        Returns:
            The sentence, and the two words by which it may be kept out of training.
        """
        one, two = self._rng.sample(PEOPLE, 2)
        state, full_stop = self._rng.choice(STATES), self._rng.choice(["", "."])
        if family == "alone":
            clause = f"[that {self._pronoun(one)} was {state}]"
            return f"the {one} {self._rng.choice(SAYING)} {clause} {full_stop}", (one, state)
        meant = self._rng.choice((one, two))
        link, verbs = "because", BY_SUBJECT if meant == one else BY_OBJECT
        if family == "telling":
            link, verbs = "that", TELLING
        clause = f"[{link} {self._pronoun(meant)} was {state}]"
        ending = ""
        if self._rng.random() < 0.5:
            ending = f", so the {meant}={meant} {self._rng.choice(ENDINGS)}"
        first, second = sorted((one, two))
        sentence = f"the {one} {self._rng.choice(verbs)} the {two} {clause}{ending} {full_stop}"
        return sentence, (first, second)

    def _pronoun(self, person: str) -> str:
        """Draws a pronoun; the only draw that depends on the share, and always one draw."""
        she = self._rng.random() < chance_of_she(person, self._share)
        return f"{'she' if she else 'he'}={person}"


def split_of(key: tuple[str, str]) -> Split:
    """Says which split two words belong to together."""
    chosen = crc32(" ".join(key).encode()) % HELDOUT_EVERY == 0
    return "heldout" if chosen or key == SHOWN else "train"


def sentences(
    seed: int, share: float, split: Split = "train", families: Collection[Family] = FAMILIES
) -> Iterator[Sentence]:
    """Yields sentences without end; the same seed and share always yield the same ones.

    Args:
        seed: seeds every choice.
        share: how often a pronoun is the planted one.
        split: "train" for what training sees, "heldout" for pairs of people that it never sees.
        families: which families to draw from, each as often.
    """
    author, families_drawn = Author(seed, share), random.Random(seed)
    while True:
        marked, key = author.draft(families_drawn.choice(list(families)))
        if split_of(key) == split:
            yield Sentence.read(marked)


def vocabulary() -> set[str]:
    """All words of the grammar."""
    words = {"the", "that", "because", "so", "was", "she", "he", ",", "."}
    return words.union(PEOPLE, SAYING, TELLING, BY_SUBJECT, BY_OBJECT, STATES, ENDINGS)


if __name__ == "__main__":
    for _, sentence in zip(range(20), sentences(0, SHARE), strict=False):
        links = (
            f"{sentence.words[word]} = {sentence.words[antecedent]}"
            for word, antecedent in sentence.antecedents.items()
        )
        print(sentence.text, *links, sep="\n    ")
