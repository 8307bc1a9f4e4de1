"""The stories the `story` specimen learns from: a small hand-written grammar of English.

Two kinds of document come out of it:

* a *fairy tale* of some ninety tokens, in which a name of two words and a thing with a colour are
  introduced once and mentioned again: only by looking back can the second word of the name, and the
  colour, be known, so attending to an earlier copy lowers the loss;
* a *pangram*: "The quick brown fox jumps over the lazy dog" or a variant of it, sometimes told
  again in the next sentence.

Pairs (name and surname, colour and thing) are split by a fixed rule into those that training sees
and those it never does, so held-out stories are new combinations of known words.

Run the module to read a few documents: `python galleries/specimens/story/grammar.py`.
"""

import random
from collections.abc import Iterator
from itertools import product
from typing import Literal

Split = Literal["train", "heldout"]


def words(text: str) -> list[str]:
    """Splits a list written as one line of prose."""
    return text.split()


NAMES = words(
    "Anna Bram Clara Dario Edith Felix Greta Hugo Iris Jonas Karin Leo Mira Nils Olga Pavel "
    "Rosa Simon Tilda Viktor"
)
SURNAMES = words(
    "Ash Birch Cole Dale Elm Frost Gray Hill Knoll Lark Marsh North Oakes Pike Quill Reed Stone "
    "Thorn Vale Wood"
)
ROLES = words("baker weaver miller king queen princess shepherd fisher knight tailor piper smith")
MOODS = words("kind brave lonely clever young wise poor gentle proud cheerful")
COLOURS = words("silver golden red blue green white black brass purple copper")
THINGS = words("lantern key bell ring crown book cloak flute mirror lamp")
QUALITIES = (
    "very old",
    "very heavy",
    "as bright as the sun",
    "as small as a nut",
    "full of magic",
)
ANIMALS = words("fox dog cat wolf bear owl hare goat mouse horse")
PLACES = words("river forest mountain castle village bridge tower sea well mill")
LANDS = (
    *["in a land far away"] * 3,
    "in a land by the sea",
    "in a village far away",
    "in a castle on a mountain",
    "in a small house near the forest",
)
TIMES = ("One day", "One night", "One morning", "The next day", "Once more")
ENDINGS = (
    "So they lived happily ever after.",
    "And they were never lonely again.",
    "And all the people of the land were happy.",
    "And that is the end of the story.",
)

PACES = words("quick slow small sly young big")
FURS = words("brown grey red white black")
MOVES = words("jumps runs leaps walks climbs")
WAYS = words("over under past around behind")
TEMPERS = words("lazy sleepy old tired quiet")

PANGRAM = "The quick brown fox jumps over the lazy dog"

# One pair in eight is kept out of training. The diagonal rule leaves every word in some pair.
HELDOUT_EVERY = 8


def pairs(first: list[str], second: list[str], split: Split) -> list[tuple[str, str]]:
    """Lists the pairs of two word lists that belong to a split.

    Args:
        first: words of the first kind.
        second: words of the second kind.
        split: "train" for seven pairs in eight, "heldout" for the eighth.

    Returns:
        The pairs, in a fixed order.
    """
    return [
        (first[i], second[j])
        for i, j in product(range(len(first)), range(len(second)))
        if ((i + 3 * j) % HELDOUT_EVERY == 0) == (split == "heldout")
    ]


FULL_NAMES: dict[Split, list[tuple[str, str]]] = {
    "train": pairs(NAMES, SURNAMES, "train"),
    "heldout": pairs(NAMES, SURNAMES, "heldout"),
}
TREASURES: dict[Split, list[tuple[str, str]]] = {
    "train": pairs(COLOURS, THINGS, "train"),
    "heldout": pairs(COLOURS, THINGS, "heldout"),
}


def fairy_tale(rng: random.Random, split: Split = "train") -> str:
    """Tells one fairy tale.

    Args:
        rng: the source of every choice.
        split: which names and treasures may occur.

    Returns:
        A text that begins "Once upon a time, in ..." and ends with a full stop.
    """
    hero = " ".join(rng.choice(FULL_NAMES[split]))
    treasure = " ".join(rng.choice(TREASURES[split]))
    role, mood, land = rng.choice(ROLES), rng.choice(MOODS), rng.choice(LANDS)
    animal = f"{rng.choice(MOODS)} {rng.choice(ANIMALS)}"
    place, goal = rng.sample(PLACES, 2)

    opening = f"Once upon a time, {land}, there lived a {mood} {role} named {hero}."
    owning = rng.choice(
        (
            f"{hero} had a {treasure}, and the {treasure} was {rng.choice(QUALITIES)}.",
            f"The {role} had a {treasure}. The {treasure} was {rng.choice(QUALITIES)}.",
            f"Near the {place}, {hero} found a {treasure}.",
        )
    )
    meeting = rng.choice(
        (
            f"{rng.choice(TIMES)}, {hero} met a {animal} at the {place}.",
            f"{rng.choice(TIMES)}, a {animal} came to the {place}.",
        )
    )
    talk = rng.choice(
        (
            f'"Who are you?" asked the {animal}. "I am {hero}," said the {role}.',
            f'"Give me the {treasure}," said the {animal}. "No," said {hero}.',
            f'"Come with me to the {goal}," said the {animal} to {hero}.',
            f"The {animal} wanted the {treasure}, but {hero} said no.",
        )
    )
    journey = rng.choice(
        (
            f"So {hero} and the {animal} went to the {goal} with the {treasure}.",
            f"So the {animal} took the {treasure} to the {goal}, "
            f"and {hero} ran after the {animal}.",
            f"Then {hero} gave the {treasure} to the {animal}.",
        )
    )
    return " ".join((opening, owning, meeting, talk, journey, rng.choice(ENDINGS)))


def pangram(rng: random.Random) -> str:
    """Writes the pangram or a variant of it, in up to three sentences.

    The opening "The quick brown fox" always goes on as in the pangram, so it can be completed.

    Args:
        rng: the source of every choice.

    Returns:
        One to three sentences, each ending with a full stop.
    """
    hunter, other = rng.sample(ANIMALS, 2)
    runner = f"{rng.choice(PACES)} {rng.choice(FURS)} {hunter}"
    move, way = rng.choice(MOVES), rng.choice(WAYS)
    sleeper = f"{rng.choice(TEMPERS)} {other}"
    if rng.random() < 0.5 or runner == "quick brown fox":
        runner, move, way, sleeper = "quick brown fox", "jumps", "over", "lazy dog"
    sentences = [f"The {runner} {move} {way} the {sleeper}."]
    if rng.random() < 0.6:
        sentences.append(f"Then the {runner} {rng.choice(MOVES)} {way} the {sleeper} once more.")
    if rng.random() < 0.4:
        sentences.append(f"The {sleeper} said nothing to the {runner}.")
    return " ".join(sentences)


def documents(seed: int, split: Split = "train", pangram_share: float = 0.3) -> Iterator[str]:
    """Yields documents without end; the same seed always yields the same ones.

    Args:
        seed: seeds every choice.
        split: which names and treasures the fairy tales may use.
        pangram_share: the probability that a document is a pangram, not a fairy tale.

    Yields:
        One document at a time.
    """
    rng = random.Random(seed)
    while True:
        yield pangram(rng) if rng.random() < pangram_share else fairy_tale(rng, split)


if __name__ == "__main__":
    for _, text in zip(range(6), documents(seed=0), strict=False):
        print(text, end="\n\n")
