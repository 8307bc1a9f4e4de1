"""The film reviews that the `classifier` specimen learns from: a small grammar of opinions.

It was written so that the reason for every label is known. One rule makes the labels:

    Only what a **main clause** says counts. A word of praise or blame there decides the label, and
    each negation in the same clause turns it round.

So "the film was not boring" is positive because of "boring" and "not", and "the plot was never
devoid of charm" is positive because two negations undo each other. All else is there to mislead:
opinions in a subordinate clause ("although the actors were wonderful", "the critics said that ...",
"the film that the critics hated"), negations of plain facts ("the songs were not Danish"), and
negations in a clause that does not count. A review without an opinion in a main clause is neutral.
No review has two.

`read` says what is so for any review: its label, the words that decide it and those that might
mislead, and labels of each word for linear probes (number, depth of its clause).

Run the module to read a few reviews: `python galleries/specimens/classifier/grammar.py`.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

Split = Literal["train", "heldout", "unseen"]
Label = Literal["negative", "neutral", "positive"]
Number = Literal["singular", "plural"]
LABELS: tuple[Label, ...] = ("negative", "neutral", "positive")


def listed(text: str) -> list[str]:
    """Splits a list written as one line of words."""
    return text.split()


# What is judged, and who judges it in clauses that do not count; singular and plural.
ASPECTS: dict[Number, list[str]] = {
    "singular": listed("film plot ending music story script dialogue"),
    "plural": listed("actors scenes songs jokes costumes pictures dances"),
}
PEOPLE: dict[Number, list[str]] = {
    "singular": listed("critic neighbour teacher student"),
    "plural": listed("critics neighbours teachers students"),
}
PRAISE = listed("wonderful brilliant clever moving funny lovely superb fresh elegant delightful")
BLAME = listed("boring dull awful silly clumsy dreadful tedious stupid ugly stale")
FACTS = listed("long short Danish French new old loud quiet modern foreign")
# What something may be full of, or devoid of.
MERITS = listed("charm wit warmth humour grace surprises")
FAULTS = listed("mistakes noise nonsense gaps boredom errors")
PROPS = listed("horses snow robots trains rain candles")

NEGATIONS = ("not", "never", "devoid")
FREQUENCIES = ("often", "always")
ADVERBS = ("really", "quite", "especially", *FREQUENCIES)
REPORTS = ("said", "thought", "wrote")
FEELINGS = ("hated", "loved", "disliked", "admired")

POLARITY = dict.fromkeys(PRAISE + MERITS, 1) | dict.fromkeys(BLAME + FAULTS, -1)
JUDGEMENTS = list(POLARITY)
SUBJECTS: dict[str, Number] = {
    noun: number for nouns in (ASPECTS, PEOPLE) for number, some in nouns.items() for noun in some
}
NUMBERS: dict[str, Number] = SUBJECTS | {
    noun: "plural" if noun.endswith("s") else "singular" for noun in MERITS + FAULTS + PROPS
}
VERBS = {"was", "were", *REPORTS, *FEELINGS}

# Texts that galleries show. Training never sees one of them.
SHOWN: dict[str, Label] = {
    "The film was not boring.": "positive",
    "The plot was never devoid of charm.": "positive",
    "Although the songs were not dull, the actors were awful.": "negative",
    "The film that the critics hated was not really boring.": "positive",
    "The critics said that the film was wonderful, but the jokes were never funny.": "negative",
    "The critics said that the film was wonderful, but the actors were not Danish.": "neutral",
}
# One text in ten is kept out of training, and one in six pairs of a judgement and its negation.
HELDOUT_EVERY, UNSEEN_EVERY = 10, 6


# Names, the only words with a capital of their own.
NAMES = {"Danish", "French"}


def words(text: str) -> tuple[str, ...]:
    """Cuts a text into words and marks."""
    return tuple(re.findall(r"\w+|[^\w\s]", text))


@dataclass(frozen=True)
class Word:
    """A word of a review, and what linear probes may ask about it.

    Attributes:
        text: the word as the grammar lists it.
        clause: which clause it belongs to; clauses are counted as they begin.
        depth: 0 in a main clause, 1 in a subordinate one.
        number: of a noun, or of a verb's subject; None for other words. Of verbs only "was" and
            "were" show it: for "hated" it can be known from the subject alone.
    """

    text: str
    clause: int
    depth: int
    number: Number | None


@dataclass(frozen=True)
class Reading:
    """What the grammar knows about a review.

    Attributes:
        words: its words and marks, in order.
        label: what it is.
        judgement: position of the word of praise or blame that counts; None in a neutral review.
        negations: positions of the negations that turn it round, in order.
        misleading: positions of all other words of praise or blame, and other negations.
    """

    words: tuple[Word, ...]
    label: Label
    judgement: int | None
    negations: tuple[int, ...]
    misleading: tuple[int, ...]

    @property
    def decisive(self) -> tuple[int, ...]:
        """Positions of the words that make the label what it is; none in a neutral review."""
        return () if self.judgement is None else (*self.negations, self.judgement)

    @property
    def denials(self) -> dict[int, int]:
        """Says what each of the negations denies: "never (devoid of (charm))"."""
        return dict(zip(self.negations, self.decisive[1:], strict=True)) if self.negations else {}


def parse(text: str) -> tuple[Word, ...]:
    """Says which clause each word of a review belongs to, and its number.

    A subordinate clause begins at "although" or "that" and ends at a comma or the end; one inside a
    main clause ("the film that the critics hated was ...") ends at its verb.
    """
    clauses, depths, found = [0], [0], []
    n_clauses, inserted = 1, False
    spoken = tuple(word if word in NAMES else word.lower() for word in words(text))
    for before, word in zip(("", *spoken), spoken, strict=False):
        if word in ("although", "that"):
            clauses.append(n_clauses)
            depths.append(1)
            n_clauses, inserted = n_clauses + 1, before in SUBJECTS
        elif word == ",":
            clauses, depths = [n_clauses], [0]
            n_clauses += 1
        found.append((word, clauses[-1], depths[-1]))
        if inserted and word in FEELINGS:
            clauses.pop(), depths.pop()
            inserted = False
    subjects = {clause: SUBJECTS[word] for word, clause, _ in found if word in SUBJECTS}
    return tuple(
        Word(word, clause, depth, subjects.get(clause) if word in VERBS else NUMBERS.get(word))
        for word, clause, depth in found
    )


def read(text: str) -> Reading:
    """Says what a review is, and why.

    Raises:
        ValueError: When two main clauses hold an opinion: the grammar has no rule for that.
    """
    parsed = parse(text)
    verdicts = [i for i, w in enumerate(parsed) if w.text in POLARITY and w.depth == 0]
    if len(verdicts) > 1:
        raise ValueError(f"two main clauses of {text!r} hold an opinion")
    loaded = {i for i, w in enumerate(parsed) if w.text in (*POLARITY, *NEGATIONS, *FEELINGS)}
    if not verdicts:
        return Reading(parsed, "neutral", None, (), tuple(sorted(loaded)))
    (judgement,) = verdicts
    clause = parsed[judgement].clause
    negations = tuple(i for i, w in enumerate(parsed) if w.text in NEGATIONS and w.clause == clause)
    polarity = POLARITY[parsed[judgement].text] * (-1) ** len(negations)
    misleading = tuple(sorted(loaded - {judgement, *negations}))
    return Reading(
        parsed, "positive" if polarity > 0 else "negative", judgement, negations, misleading
    )


def replacements() -> dict[str, str]:
    """Pairs each word with another of its kind that says nothing for or against.

    A word that says nothing itself is paired with the next of its kind. Words without a choice
    ("the", "was", "that") are paired with none.
    """
    kinds = [*ASPECTS.values(), *PEOPLE.values(), FACTS, PROPS, ADVERBS[:3], FREQUENCIES]
    kinds += [REPORTS, FEELINGS, ("and", "but")]
    paired = {word: kind[(i + 1) % len(kind)] for kind in kinds for i, word in enumerate(kind)}
    paired |= dict(zip(PRAISE + BLAME, FACTS + FACTS, strict=True))
    paired |= dict(zip(MERITS + FAULTS, PROPS + PROPS, strict=True))
    return paired | {"not": "really", "never": "often", "devoid": "full"}


REPLACEMENTS = replacements()


def neutralise(text: str, position: int) -> str | None:
    """Puts a word that says nothing for or against in the place of one of the words.

    Where the word decides the label, the label is another one then; where not, it is the same.

    Args:
        text: a review.
        position: which of its words, counted from 0.

    Returns:
        A review of the grammar, or None where there is no such word for this place.
    """
    spoken = [word.text for word in parse(text)]
    if spoken[position] not in REPLACEMENTS:
        return None
    spoken[position] = REPLACEMENTS[spoken[position]]
    return join(spoken)


def without_opinions(text: str) -> str:
    """Neutralises every word of praise or blame and every negation, deciding or not."""
    spoken = [word.text for word in parse(text)]
    loaded = {*POLARITY, *NEGATIONS}
    return join([REPLACEMENTS[word] if word in loaded else word for word in spoken])


def is_unseen(judgement: str, negation: str, preposition: str) -> bool:
    """Whether training never sees a judgement with a way to deny it; it sees each one affirmed.

    Args:
        judgement: a word of praise or blame.
        negation: "not", "never" or nothing.
        preposition: "full" or "devoid", or nothing before an adjective.
    """
    column = ("", "not", "never").index(negation) + 3 * (preposition == "devoid")
    return column > 0 and (JUDGEMENTS.index(judgement) + column) % UNSEEN_EVERY == 0


class Author:
    """Draws reviews."""

    def __init__(self, seed: int, split: Split) -> None:
        """Prepares to draw.

        Args:
            seed: seeds every choice.
            split: with "unseen", the opinion that counts is one that training never sees denied in
                that way.
        """
        self._rng = random.Random(seed)
        self._split = split

    def review(self) -> list[str]:
        """Draws the words of a review: a clause that counts, and mostly something beside it."""
        opinion = self._split == "unseen" or self._maybe(0.75)
        own = self._clause(opinion=opinion, counts=True)
        link = [",", self._rng.choice(("and", "but"))]
        draw = self._rng.random()
        if draw < 0.2:
            return own
        if draw < 0.4:
            fact = self._clause(opinion=False)
            return fact + link + own if self._maybe(0.5) else own + link + fact
        aside = self._clause(opinion=self._maybe(0.85))
        if draw < 0.7:
            if self._maybe(0.5):
                return ["although", *aside, ",", *own]
            return [*own, "although", *aside]
        report = ["the", self._person(), self._rng.choice(REPORTS), "that", *aside]
        return report + link + own if self._maybe(0.5) else own + link + report

    def _maybe(self, probability: float) -> bool:
        return self._rng.random() < probability

    def _person(self) -> str:
        return self._rng.choice(PEOPLE["singular"] + PEOPLE["plural"])

    def _clause(self, *, opinion: bool, counts: bool = False) -> list[str]:
        """Draws "the film was not really boring" or the like.

        Args:
            opinion: whether it praises or blames, or states a fact.
            counts: whether it is what decides the label; only such a clause has another in it.
        """
        number: Number = self._rng.choice(("singular", "plural"))
        subject = ["the", self._rng.choice(ASPECTS[number])]
        if counts and self._maybe(0.25):
            subject += ["that", "the", self._person(), self._rng.choice(FEELINGS)]
        verb = "was" if number == "singular" else "were"
        negation, said = self._predicate(opinion=opinion, unseen=counts and self._split == "unseen")
        # "Never often" is more than anyone would say.
        fitting = [a for a in ADVERBS if negation != "never" or a not in FREQUENCIES]
        adverb = [self._rng.choice(fitting)] if self._maybe(0.35) else []
        if negation == "never" and self._maybe(0.4):
            return ["never", verb, *subject, *adverb, *said]
        if adverb and adverb[0] in FREQUENCIES and not negation and self._maybe(0.6):
            return [*adverb, verb, *subject, *said]
        return [*subject, verb, *([negation] if negation else []), *adverb, *said]

    def _predicate(self, *, opinion: bool, unseen: bool) -> tuple[str, list[str]]:
        """Draws "not" or "never" or nothing, and what is said of the subject.

        Fewer than half of the opinions are denied: at half, "wonderful" by itself would be no sign
        of anything, and training does not find its way in.
        """
        while True:
            negation = self._rng.choices(("", "not", "never"), (7, 2, 1))[0]
            preposition = self._rng.choices(("", "full", "devoid"), (7, 2, 2))[0]
            if opinion:
                kinds = (MERITS, FAULTS) if preposition else (PRAISE, BLAME)
                word = self._rng.choice(self._rng.choice(kinds))
                if is_unseen(word, negation, preposition) != unseen:
                    continue
            else:
                word = self._rng.choice(PROPS if preposition else FACTS)
            return negation, [preposition, "of", word] if preposition else [word]


def join(spoken: list[str]) -> str:
    """Writes words as a text."""
    return " ".join(spoken).replace(" ,", ",").replace(" .", ".")


def reviews(seed: int, split: Split = "train") -> Iterator[tuple[str, Label]]:
    """Yields reviews without end; the same seed always yields the same ones.

    Half of them have a capital and a full stop, half have neither.

    Args:
        seed: seeds every choice.
        split: "train" for what training sees; "heldout" for texts that it never sees; "unseen" for
            texts whose deciding words it never sees together in one clause.

    Yields:
        A text and its label.
    """
    author, rng = Author(seed, split), random.Random(seed)
    shown = {text.lower().removesuffix(".") for text in SHOWN}
    while True:
        text = join(author.review())
        plain = text.lower()
        kept_out = plain in shown or crc32(plain.encode()) % HELDOUT_EVERY == 0
        if split != "unseen" and kept_out != (split == "heldout"):
            continue
        if rng.random() < 0.5:
            text = f"{text[0].upper()}{text[1:]}."
        yield text, read(text).label


if __name__ == "__main__":
    for _, (text, label) in zip(range(20), reviews(seed=0), strict=False):
        reading = read(text)
        because = ", ".join(reading.words[i].text for i in reading.decisive)
        print(f"{text}\n  {label}: {because or 'no opinion counts'}\n")
