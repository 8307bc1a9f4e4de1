"""The sentences the `pronoun` specimen learns from, with the antecedent of every pronoun.

Four families, each with its own reason why a word is there for another:

- *winograd*: "the animal did not cross the street because it was too tired", or "too wide". Only
  the last word tells whether "it" is the animal or the street (after Levesque et al. 2012, "The
  Winograd Schema Challenge"; the street is Vaswani et al.'s, the trophy Levesque's).
- *causality*: "Anna annoyed Tom because she was late", "Anna praised Tom because he was late". The
  verb tells. In people this is a tendency (Garvey & Caramazza 1974, "Implicit causality in
  verbs"); here it is a rule.
- *reflexive*: "the girls said that Tom hurt himself". It is the subject of its own clause,
  however near another noun may be.
- *agreement*: "the keys to the cabinet are old". The verb agrees with its subject, not with the
  noun before it.

Two more are only trained on: *plain* ("Anna slept because she was tired") shows all names, and
*repetition* says the noun again where winograd and causality have a pronoun.

Run the module to read a few sentences: `python galleries/specimens/pronoun/grammar.py`.
"""

import random
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from marked_text import Sentence  # found through the line above

Split = Literal["train", "heldout"]
Number = Literal["singular", "plural"]
Gender = Literal["feminine", "masculine"]


class Noun(NamedTuple):
    """What a sentence can be about: a noun, or a name, which has no plural."""

    singular: str
    plural: str = ""
    gender: Gender | None = None


def nouns(text: str, gender: Gender | None = None) -> list[Noun]:
    """Reads nouns; after a slash, a plural that does not just add an s."""
    pairs = (word.split("/") for word in text.split())
    return [Noun(one, *(many or [f"{one}s"]), gender) for one, *many in pairs]


FEMININE_NAMES, MASCULINE_NAMES = (
    [Noun(word, gender=gender) for word in text.split()]
    for gender, text in (
        (
            "feminine",
            "Anna Ruth Clara Emma Jane Lucy Mary Nina Olga Rosa Sarah Vera Alice Helen Julia Laura",
        ),
        (
            "masculine",
            "Tom Paul Adam Ben Carl David Eric Frank "
            "George Henry Jack Luke Mark Peter Simon Victor",
        ),
    )
)
NAMES = FEMININE_NAMES + MASCULINE_NAMES
KIN = nouns("girl woman/women queen aunt sister", "feminine") + nouns(
    "boy man/men king uncle brother", "masculine"
)
PEOPLE = NAMES + KIN

ANIMALS = nouns("animal dog horse cat cow fox/foxes goat wolf/wolves lion bear")
PREY = nouns("rabbit mouse/mice hen bird duck fox/foxes goat cat")
WAYS = nouns("street road river bridge field garden lake hill")
GOODS = nouns("trophy/trophies guitar lamp cake ball clock vase book")
CONTAINERS = nouns("suitcase box/boxes bag drawer car cupboard basket cabinet")
MISSILES = nouns("ball stone hammer brick branch/branches bottle book")
FRAGILE = nouns("table window cup vase mirror door chair lamp")
FOOD = nouns("fish/fishes apple cake pear egg carrot cheese/cheeses pie")
VEHICLES = nouns("car truck train bus/buses tractor boat ship")
LOADS = nouns("box/boxes piano table brick machine engine stone trunk")
THINGS = nouns("key picture letter book cup lamp clock flower ticket coin toy vase")
PLACES = nouns("cabinet door window table house box/boxes garden car school chair")
NOUNS = [
    *chain(KIN, ANIMALS, PREY, WAYS, GOODS, CONTAINERS, MISSILES, FRAGILE, FOOD, VEHICLES, LOADS),
    *chain(THINGS, PLACES),
]


class Frame(NamedTuple):
    """A thing done to another, and the qualities that are a reason for it, on either side."""

    doers: list[Noun]
    action: str
    others: list[Noun]
    degree: str
    of_doer: list[str]
    of_other: list[str]


FRAMES = [
    Frame(doers, action, others, degree, of_doer.split(), of_other.split())
    for doers, action, others, degree, of_doer, of_other in (
        (
            *(ANIMALS, "did not cross", WAYS, "too"),
            *("tired lazy scared sick weak sleepy", "wide busy long steep dangerous muddy"),
        ),
        (
            *(GOODS, "did not fit in", CONTAINERS, "too"),
            *("big large bulky thick huge", "small tiny narrow little cramped"),
        ),
        (
            *(MISSILES, "broke", FRAGILE, "so"),
            *("heavy hard sharp solid fast", "fragile thin weak old delicate"),
        ),
        (
            *(ANIMALS, "ate", FOOD, "so"),
            *("hungry greedy starving fat angry", "fresh tasty sweet ripe juicy"),
        ),
        (
            *(ANIMALS, "caught", PREY, "so"),
            *("hungry fast strong clever greedy", "slow careless lame small weak"),
        ),
        (
            *(VEHICLES, "did not carry", LOADS, "too"),
            *("small weak old slow rusty", "heavy big large bulky huge"),
        ),
    )
]

# Verbs whose reason lies with who does it, and with whom it is done to.
BY_SUBJECT = [
    "annoyed",
    "amused",
    "bored",
    "surprised",
    "impressed",
    "disappointed",
    "frightened",
    "fascinated",
]
BY_OBJECT = ["praised", "blamed", "thanked", "admired", "envied", "scolded", "comforted", "hated"]
MOODS = [
    "late",
    "loud",
    "young",
    "honest",
    "kind",
    "rude",
    "calm",
    "brave",
    "sad",
    "proud",
    "clever",
    "lazy",
]
HARMS = ["hurt", "saw", "washed", "cut", "dressed", "blamed", "admired", "hated"]
SAYING = ["said", "thought", "knew", "believed"]
NEAR = ["to", "near", "behind", "beside", "under"]
ACTIONS = ["lost", "found", "bought", "saw", "drew", "liked"]
STATES = ["old", "new", "red", "clean", "broken", "beautiful", "dirty", "heavy", "small"]
RESTING = ["slept", "laughed", "cried", "waited", "left", "smiled"]

SUBJECT_PRONOUNS: dict[Gender | None, str] = {None: "it", "feminine": "she", "masculine": "he"}
REFLEXIVES: dict[Gender | None, str] = {"feminine": "herself", "masculine": "himself"}
# "To be" for one and for several, and verbs that do not tell how many there are.
TO_BE = [("is", "are"), ("was", "were")]
SEEMED = ["seemed", "looked", "felt"]

# Words that can be mistaken for one another: what `masked_words` spoils one with.
RIVALS = {
    word: group
    for group in (
        ["it", "he", "she", "they"],
        ["himself", "herself", "themselves"],
        *map(list, TO_BE),
    )
    for word in group
}

# One name of each gender in five is kept out of each family with two people, and one pair of nouns
# in five out of the sentences without names; among them always the pairs that galleries show.
HELDOUT_EVERY = 5
NAMES_KEPT_OUT = {"causality": 0, "repetition": 0, "reflexive": 2}
SHOWN = {("animal", "street"), ("trophy", "suitcase"), ("key", "cabinet")}


class Label(NamedTuple):
    """What a linear probe may look for in a word.

    Attributes:
        number: of nouns, names, pronouns and verbs that show it.
        gender: of names, pronouns and nouns for people.
        depth: in how many clauses the word is embedded; 0 in the main clause.
    """

    number: Number | None
    gender: Gender | None
    depth: int


def forms() -> dict[str, tuple[Number, Gender | None]]:
    """Lists the words that have a number, and their gender where they have one."""
    found: dict[str, tuple[Number, Gender | None]] = {
        "they": ("plural", None),
        "themselves": ("plural", None),
    }
    for noun in NAMES + NOUNS:
        found[noun.singular] = ("singular", noun.gender)
        if noun.plural:
            found[noun.plural] = ("plural", noun.gender)
    for words in (SUBJECT_PRONOUNS, REFLEXIVES):
        found |= {word: ("singular", gender) for gender, word in words.items()}
    for one, several in TO_BE:
        found |= {one: ("singular", None), several: ("plural", None)}
    return found


FORMS = forms()


def labels(sentence: Sentence) -> list[Label]:
    """Labels each word of a sentence for linear probes."""
    return [
        Label(*FORMS.get(word, (None, None)), depth)
        for word, depth in zip(sentence.words, sentence.depths, strict=True)
    ]


@dataclass(frozen=True)
class Player:
    """A noun as a sentence uses it."""

    noun: Noun
    plural: bool

    @property
    def head(self) -> str:
        """The word itself."""
        return self.noun.plural if self.plural else self.noun.singular

    @property
    def phrase(self) -> str:
        """The word with its article, if it takes one."""
        return self.head if self.noun in NAMES else f"the {self.head}"

    @property
    def again(self) -> str:
        """The same said again, marked with what it stands for."""
        return f"{self.phrase}={self.head}"

    @property
    def pronoun(self) -> str:
        """The subject pronoun, marked with what it stands for."""
        word = "they" if self.plural else SUBJECT_PRONOUNS[self.noun.gender]
        return f"{word}={self.head}"

    @property
    def reflexive(self) -> str:
        """The reflexive, marked with what it stands for."""
        word = "themselves" if self.plural else REFLEXIVES[self.noun.gender]
        return f"{word}={self.head}"


Draft = tuple[str, tuple[Player, ...]]  # a marked sentence, and those it brings together


class Author:
    """Draws sentences, whatever split they are in."""

    def __init__(self, seed: int) -> None:
        """Prepares to draw; `seed` seeds every choice."""
        self._rng = random.Random(seed)

    def draft(self, family: str) -> Draft:
        """Draws a sentence of a family, marked with its truth."""
        match family:
            case "winograd":
                return self._winograd()
            case "causality":
                return self._causality()
            case "repetition":
                return self._rng.choice([self._winograd, self._causality])(again=True)
            case "reflexive":
                return self._reflexive()
            case "agreement":
                return self._agreement()
            case "plain":
                return self._plain()
        raise ValueError(f"no family {family!r}; there are {', '.join(FAMILIES)}")

    def full_stop(self) -> str:
        """Ends every other sentence."""
        return self._rng.choice(["", "."])

    def _winograd(self, *, again: bool = False) -> Draft:
        frame = self._rng.choice(FRAMES)
        doer, other = self._two(frame.doers, frame.others)
        meant, qualities = self._rng.choice([(doer, frame.of_doer), (other, frame.of_other)])
        quality = f"{frame.degree} {self._rng.choice(qualities)}"
        clause = self._because(meant, quality, again=again)
        return f"{doer.phrase} {frame.action} {other.phrase} {clause}", (doer, other)

    def _causality(self, *, again: bool = False) -> Draft:
        doer, other = self._two(PEOPLE, PEOPLE)
        meant, verbs = self._rng.choice([(doer, BY_SUBJECT), (other, BY_OBJECT)])
        clause = self._because(meant, self._rng.choice(MOODS), again=again)
        return f"{doer.phrase} {self._rng.choice(verbs)} {other.phrase} {clause}", (doer, other)

    def _reflexive(self) -> Draft:
        subject, other = self._two(PEOPLE, PEOPLE)
        harm = f"{self._rng.choice(HARMS)} {subject.reflexive}"
        said = f"{other.phrase} {self._rng.choice(SAYING)}"
        believed = f"{self._player(KIN).phrase} {self._rng.choice(SAYING)}"
        sentence = self._rng.choice(
            [
                f"{said} [that {subject.phrase} {harm}]",
                f"{believed} [that {said} [that {subject.phrase} {harm}]]",
                f"{subject.phrase} near {other.phrase} {harm}",
                f"{subject.phrase} [whom {other.phrase} knew] {harm}",
            ]
        )
        return sentence, (subject, other)

    def _agreement(self) -> Draft:
        if self._rng.random() < 0.5:
            subject, other = self._two(THINGS, PLACES)
            between = f"{self._rng.choice(NEAR)} {other.phrase}"
        else:
            subject, other = self._two(THINGS, KIN)
            between = f"[that {other.phrase} {self._rng.choice(ACTIONS)}]"
        be = self._rng.choice(TO_BE)[subject.plural]
        state = self._rng.choice(STATES)
        return f"{subject.phrase} {between} {be}={subject.head} {state}", (subject, other)

    def _plain(self) -> Draft:
        subject = self._player(NAMES)
        clause = self._because(subject, self._rng.choice(MOODS))
        return f"{subject.phrase} {self._rng.choice(RESTING)} {clause}", ()

    def _because(self, meant: Player, quality: str, *, again: bool = False) -> str:
        """Draws a reason; only one verb in four tells how many there are."""
        verb = self._rng.choice(SEEMED)
        if self._rng.random() < 0.25:
            verb = "were" if meant.plural else "was"
        return f"[because {meant.again if again else meant.pronoun} {verb} {quality}]"

    def _player(self, choice: list[Noun]) -> Player:
        noun = self._rng.choice(choice)
        return Player(noun, plural=bool(noun.plural) and self._rng.random() < 0.5)

    def _two(self, first: list[Noun], second: list[Noun]) -> tuple[Player, Player]:
        """Draws two who are not the same."""
        one = self._player(first)
        return one, self._player([noun for noun in second if noun != one.noun])


MEASURED = ("winograd", "causality", "reflexive", "agreement")
# All families, and how often training sees each.
FAMILIES = {
    "winograd": 4,
    "causality": 2,
    "reflexive": 2,
    "agreement": 2,
    "plain": 1,
    "repetition": 4,
}


def split_of(family: str, players: tuple[Player, ...]) -> Split | None:
    """Says which split a sentence belongs to: to neither, where a held-out name meets another."""
    places = [
        names.index(player.noun)
        for player in players
        for names in (FEMININE_NAMES, MASCULINE_NAMES)
        if player.noun in names
    ]
    if places:
        kept_out = {place % HELDOUT_EVERY == NAMES_KEPT_OUT[family] for place in places}
        return None if len(kept_out) == 2 else "heldout" if kept_out.pop() else "train"
    if not players:
        return "train"
    pair = tuple(player.noun.singular for player in players)
    chosen = crc32(" ".join(pair).encode()) % HELDOUT_EVERY == 0
    return "heldout" if chosen or pair in SHOWN else "train"


def sentences(
    seed: int, split: Split = "train", families: Collection[str] = tuple(FAMILIES)
) -> Iterator[Sentence]:
    """Yields sentences without end; the same seed always yields the same ones.

    Args:
        seed: seeds every choice.
        split: "train" for what training sees. In "heldout", all names are names that training
            never sees in that family, and where there is none, the two nouns are a pair that it
            never sees.
        families: which families to draw from.
    """
    author, families_drawn = Author(seed), random.Random(seed)
    shares = [FAMILIES[family] for family in families]
    while True:
        family = families_drawn.choices(list(families), shares)[0]
        marked, players = author.draft(family)
        if split_of(family, players) == split:
            yield Sentence.read(f"{marked} {author.full_stop()}")


def vocabulary() -> set[str]:
    """All words of the grammar."""
    words = set(FORMS) | {"the", "because", "that", "whom", "knew", "."}
    words.update(BY_SUBJECT, BY_OBJECT, MOODS, HARMS, SAYING, NEAR)
    words.update(ACTIONS, STATES, RESTING, SEEMED)
    for frame in FRAMES:
        words.update(frame.action.split(), [frame.degree], frame.of_doer, frame.of_other)
    return words


if __name__ == "__main__":
    for _, sentence in zip(range(20), sentences(seed=0), strict=False):
        links = (
            f"{sentence.words[word]} = {sentence.words[antecedent]}"
            for word, antecedent in sentence.antecedents.items()
        )
        print(sentence.text, *links, sep="\n    ")
