"""The sentence pairs the `fr-en` specimen learns from: a small grammar of French and of English.

It was written so that the truth about every pair is known: a French word means one thing, and each
English word is there because of certain French words. `gold_alignment` says which.
Content words are drawn freely ("the green horse reads the law"): nothing but the word itself tells
what it is.

What differs between the languages is what makes the alignment worth seeing: most French adjectives
follow their noun and agree with it, two of them come in the reverse order ("la zone économique
européenne", "the European economic area"), a negation is in two pieces ("ne ... pas"), "du" is two
English words, "a été" is one.

Left out, as its translation cannot be known from the sentence: "son" (his or her).

Run the module to read a few pairs, or with a text and its translation to get their alignment as
manifests take it: `python galleries/specimens/fr-en/grammar.py "le chat noir" "the black cat"`.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import manifest_gold  # found through the line above, as this is a script

Split = Literal["train", "heldout", "unseen"]


class Noun(NamedTuple):
    """A noun: its French gender ("m" or "f"), and both numbers in both languages."""

    gender: str
    singular: str
    plural: str
    english: str
    english_plural: str


class Adjective(NamedTuple):
    """An adjective: its French forms, and its one English form."""

    masculine: str
    feminine: str
    masculine_plural: str
    feminine_plural: str
    english: str
    before_vowel: str = ""  # "un vieil ami", where that is not the masculine


class Verb(NamedTuple):
    """A verb in the third person; the English plural is also what follows "does not"."""

    singular: str
    plural: str
    english: str
    english_plural: str


class Determiner(NamedTuple):
    """An article or the like: its French forms, and the English for one thing and for several."""

    masculine: str
    feminine: str
    masculine_before_vowel: str
    feminine_before_vowel: str
    plural: str
    english: str
    english_plural: str


class Pair(NamedTuple):
    """A French text and its English translation, as the words that `words` finds in them."""

    french: tuple[str, ...]
    english: tuple[str, ...]

    def then(self, other: "Pair") -> "Pair":
        """Says another pair after this one, in both languages."""
        return Pair(self.french + other.french, self.english + other.english)


def table(text: str) -> list[list[str]]:
    """Splits a table written as lines of words."""
    return [line.split() for line in text.strip().splitlines()]


ANIMALS = [
    Noun(*row)
    for row in table("""
        m chat chats cat cats
        m chien chiens dog dogs
        m oiseau oiseaux bird birds
        m cheval chevaux horse horses
        m renard renards fox foxes
        f vache vaches cow cows
        f poule poules hen hens
        f chèvre chèvres goat goats
    """)
]
PEOPLE = [
    Noun(*row)
    for row in table("""
        f fille filles girl girls
        m garçon garçons boy boys
        f femme femmes woman women
        m homme hommes man men
        m enfant enfants child children
        m ami amis friend friends
        f voisine voisines neighbour neighbours
        m roi rois king kings
        f reine reines queen queens
    """)
]
THINGS = [
    Noun(*row)
    for row in table("""
        f maison maisons house houses
        f voiture voitures car cars
        m arbre arbres tree trees
        f pomme pommes apple apples
        m livre livres book books
        f porte portes door doors
        f chaise chaises chair chairs
        f fleur fleurs flower flowers
        m bateau bateaux boat boats
        m jardin jardins garden gardens
        f rue rues street streets
        f lettre lettres letter letters
        f île îles island islands
        f clé clés key keys
        m chapeau chapeaux hat hats
        f école écoles school schools
    """)
]
AFFAIRS = [
    Noun(*row)
    for row in table("""
        f zone zones area areas
        m accord accords agreement agreements
        m marché marchés market markets
        f loi lois law laws
        f banque banques bank banks
        m projet projets project projects
        m traité traités treaty treaties
        f réforme réformes reform reforms
    """)
]

# These stand before their noun in French too.
LEADING = [
    Adjective(*row)
    for row in table("""
        petit petite petits petites small
        grand grande grands grandes big
        beau belle beaux belles beautiful bel
        vieux vieille vieux vieilles old vieil
        jeune jeune jeunes jeunes young
        nouveau nouvelle nouveaux nouvelles new nouvel
        joli jolie jolis jolies pretty
        bon bonne bons bonnes good
    """)
]
COLOURS = [
    Adjective(*row)
    for row in table("""
        noir noire noirs noires black
        blanc blanche blancs blanches white
        rouge rouge rouges rouges red
        vert verte verts vertes green
        bleu bleue bleus bleues blue
        gris grise gris grises grey
        jaune jaune jaunes jaunes yellow
    """)
]
MOODS = [
    Adjective(*row)
    for row in table("""
        rapide rapide rapides rapides quick
        triste triste tristes tristes sad
        propre propre propres propres clean
        froid froide froids froides cold
        perdu perdue perdus perdues lost
        calme calme calmes calmes calm
    """)
]
FIELDS = [
    Adjective(*row)
    for row in table("""
        économique économique économiques économiques economic
        politique politique politiques politiques political
        monétaire monétaire monétaires monétaires monetary
        agricole agricole agricoles agricoles agricultural
        financier financière financiers financières financial
        militaire militaire militaires militaires military
    """)
]
ORIGINS = [
    Adjective(*row)
    for row in table("""
        européen européenne européens européennes European
        français française français françaises French
        anglais anglaise anglais anglaises English
        allemand allemande allemands allemandes German
        américain américaine américains américaines American
        japonais japonaise japonais japonaises Japanese
    """)
]

PARTICIPLES = [
    Adjective(*row)
    for row in table("""
        signé signée signés signées signed
        adopté adoptée adoptés adoptées adopted
        rejeté rejetée rejetés rejetées rejected
        publié publiée publiés publiées published
    """)
]

TRANSITIVE = [
    Verb(*row)
    for row in table("""
        mange mangent eats eat
        voit voient sees see
        aime aiment likes like
        trouve trouvent finds find
        regarde regardent watches watch
        lave lavent washes wash
        achète achètent buys buy
        vend vendent sells sell
        lit lisent reads read
        entend entendent hears hear
        dessine dessinent draws draw
        cache cachent hides hide
    """)
]
INTRANSITIVE = [
    Verb(*row)
    for row in table("""
        dort dorment sleeps sleep
        court courent runs run
        chante chantent sings sing
        attend attendent waits wait
        arrive arrivent arrives arrive
        joue jouent plays play
        saute sautent jumps jump
        danse dansent dances dance
    """)
]
TO_BE = Verb("est", "sont", "is", "are")

DETERMINERS = [
    Determiner(*row)
    for row in table("""
        le la l' l' les the the
        un une un une des a some
        mon ma mon mon mes my my
        ton ta ton ton tes your your
        notre notre notre notre nos our our
        leur leur leur leur leurs their their
        ce cette cet cette ces this these
    """)
]
HOW_OFTEN = [6, 4, 1, 1, 1, 1, 1]  # each of them is drawn
THE, INDEFINITE, *_ = DETERMINERS
PRONOUNS = {  # by gender, and whether there are several
    ("m", False): ("il", "he"),
    ("f", False): ("elle", "she"),
    ("m", True): ("ils", "they"),
    ("f", True): ("elles", "they"),
}
PREPOSITIONS = [
    ("dans", "in"),
    ("sur", "on"),
    ("sous", "under"),
    ("avec", "with"),
    ("sans", "without"),
]
MONTHS = table("""
    janvier January
    février February
    mars March
    avril April
    mai May
    juin June
    juillet July
    août August
    septembre September
    octobre October
    novembre November
    décembre December
""")
YEARS = [str(year) for year in range(1985, 2001)]

# Texts that galleries show. Training never sees one of them as a whole.
SHOWN = {
    "le chat noir": "the black cat",
    "la maison blanche": "the white house",
    "les petits chats noirs": "the small black cats",
    "mon vieil ami": "my old friend",
    "le chat noir ne mange pas la pomme rouge": "the black cat does not eat the red apple",
    "elle n'aime pas ce livre": "she does not like this book",
    "la zone économique européenne": "the European economic area",
    "l'accord sur la zone économique européenne a été signé en août 1992": (
        "the agreement on the European economic area was signed in August 1992"
    ),
}
# One text in ten is kept out of training, and every pair of a noun and an adjective on one diagonal
# in six of their table; the diagonals leave every word in some pair.
HELDOUT_EVERY, UNSEEN_EVERY = 10, 6

BEINGS = ANIMALS + PEOPLE
NOUNS = BEINGS + THINGS + AFFAIRS
ADJECTIVES = (LEADING, COLOURS, MOODS, FIELDS, ORIGINS)

# English words that are there because of several French words at once: "does not" is "ne ... pas".
OF_SEVERAL = {"do", "does", "not", "never", "was", "were"}


def meanings() -> dict[str, set[str]]:
    """Lists the English words that each French word may be a reason for, all in lower case."""
    rows: list[tuple[str, str]] = [
        *[("ne", "do does not never"), ("n'", "do does not never"), ("pas", "do does not")],
        *[("jamais", "never"), ("a", "was"), ("ont", "were"), ("été", "was were")],
        *[("de", "of"), ("d'", "of"), ("du", "of the"), ("en", "in"), (".", ".")],
        *[(year, year) for year in YEARS],
        *[(french, english) for french, english in (*PREPOSITIONS, *MONTHS, *PRONOUNS.values())],
    ]
    for noun in NOUNS:
        rows += [(noun.singular, noun.english), (noun.plural, noun.english_plural)]
    for verb in (*TRANSITIVE, *INTRANSITIVE, TO_BE):
        rows += [(verb.singular, f"{verb.english} {verb.english_plural}")]
        rows += [(verb.plural, verb.english_plural)]
    for adjective in (*chain(*ADJECTIVES), *PARTICIPLES):
        rows += [(form, adjective.english) for form in (*adjective[:4], *adjective[5:])]
    for determiner in DETERMINERS:
        rows += [(form, determiner.english) for form in determiner[:4]]
        rows += [(determiner.plural, determiner.english_plural)]
    found: dict[str, set[str]] = {}
    for french, english in rows:
        found.setdefault(french, set()).update(english.lower().split())
    return found


MEANINGS = meanings()


def words(text: str) -> tuple[str, ...]:
    """Cuts a text into words; an elided one keeps its apostrophe: "l'ami" is "l'" and "ami"."""
    return tuple(re.findall(r"\w+'|\w+|[^\w\s]", text))


def gold_alignment(french: str, english: str) -> list[tuple[int, ...]]:
    """Says for each English word of a translation which French words it is there for.

    Where an English word comes more than once, its first use is there for the first French word
    that means it, its second for the second: this grammar never turns that order round.

    Args:
        french: a text in the words of the grammar.
        english: its translation.

    Returns:
        For each of `words(english)`, positions in `words(french)`, counted from 0: one position,
        or all of those of a meaning that takes several words ("does" and "not" are both there for
        "ne" and "pas", "was" for "a" and "été").

    Raises:
        ValueError: When no French word is left that an English word could be there for.
    """
    links, used = [], Counter[str]()
    for word in words(english):
        meaning = "a" if word.lower() == "an" else word.lower()
        reasons = [
            position
            for position, other in enumerate(words(french))
            if meaning in MEANINGS.get(other.lower(), ())
        ]
        if meaning not in OF_SEVERAL:
            reasons = reasons[used[meaning] :][:1]
            used[meaning] += 1
        if not reasons:
            raise ValueError(f"no word of {french!r} is left that {word!r} could be there for")
        links.append(tuple(reasons))
    return links


def starts_with_vowel(word: str) -> bool:
    """Whether a French word makes the one before it elide; every h of this grammar is mute."""
    return word[0] in "aeiouéêîh"


def agree(adjective: Adjective, gender: str, plural: bool, following: str = " ") -> str:
    """Gives an adjective the form that its noun, and the word after it, ask for."""
    if gender == "m" and not plural and adjective.before_vowel and starts_with_vowel(following):
        return adjective.before_vowel
    return adjective[(gender == "f") + 2 * plural]


def determine(determiner: Determiner, gender: str, plural: bool, rest: Pair) -> Pair:
    """Puts a determiner in front of a noun and its adjectives."""
    if plural:
        return Pair((determiner.plural,), (determiner.english_plural,)).then(rest)
    form = determiner[(gender == "f") + 2 * starts_with_vowel(rest.french[0])]
    english = determiner.english
    # "a European": the sound counts, and no other word of this grammar starts with that sound.
    if english == "a" and rest.english[0][0] in "aeiouAEIO" and rest.english[0][:2] != "Eu":
        english = "an"
    return Pair((form,), (english,)).then(rest)


def is_unseen(noun: Noun, adjective: Adjective) -> bool:
    """Whether training never sees a noun with an adjective."""
    column = next(group.index(adjective) for group in ADJECTIVES if adjective in group)
    return (NOUNS.index(noun) + column) % UNSEEN_EVERY == 0


class Author:
    """Draws sentences."""

    def __init__(self, seed: int, split: Split) -> None:
        """Prepares to draw.

        Args:
            seed: seeds every choice.
            split: with "unseen", only adjectives that training never sees with their noun.
        """
        self._rng = random.Random(seed)
        self._split = split

    def text(self) -> Pair:
        """Draws a phrase or a whole sentence."""
        draw = self._rng.random()
        if draw < 0.2:
            return self._noun_phrase(self._rng.choice(NOUNS), self._maybe(0.35))
        if draw < 0.3:
            noun = self._rng.choice(BEINGS + THINGS)
            return self._noun_phrase(noun, self._maybe(0.35)).then(self._of_somebody())
        sentence = self._signed() if draw < 0.45 else self._clause()
        return as_written(sentence) if self._maybe(0.5) else sentence

    def _maybe(self, probability: float) -> bool:
        return self._rng.random() < probability

    def _adjective(self, noun: Noun, group: list[Adjective]) -> Adjective:
        unseen = self._split == "unseen"
        return self._rng.choice([a for a in group if is_unseen(noun, a) == unseen])

    def _quality_of(self, noun: Noun) -> list[Adjective]:
        """Draws a kind of quality; colours are for animals and things."""
        kinds, how_often = (COLOURS, MOODS, ORIGINS), (0 if noun in PEOPLE else 5, 3, 2)
        return self._rng.choices(kinds, how_often)[0]

    def _noun_phrase(self, noun: Noun, plural: bool, *, definite: bool = False) -> Pair:
        """Draws a determiner and adjectives for a noun; `definite` bars "un" and "des"."""
        determiner = self._rng.choices(DETERMINERS, HOW_OFTEN)[0]
        if definite and determiner is INDEFINITE:
            determiner = THE
        leading, following = [], []
        if noun in AFFAIRS:
            if self._maybe(0.6):
                following.append(self._adjective(noun, FIELDS))
            if self._maybe(0.6):
                following.append(self._adjective(noun, ORIGINS))
        else:
            # "De petits chats" is a rule of its own, left out.
            if self._maybe(0.35) and not (plural and determiner is INDEFINITE):
                leading.append(self._adjective(noun, LEADING))
            if self._maybe(0.45):
                following.append(self._adjective(noun, self._quality_of(noun)))
        name = noun.plural if plural else noun.singular
        rest = Pair(
            (
                *(agree(adjective, noun.gender, plural, name) for adjective in leading),
                name,
                *(agree(adjective, noun.gender, plural) for adjective in following),
            ),
            (
                *(adjective.english for adjective in leading),
                *(adjective.english for adjective in reversed(following)),
                noun.english_plural if plural else noun.english,
            ),
        )
        return determine(determiner, noun.gender, plural, rest)

    def _of_somebody(self) -> Pair:
        """Draws "de ..."; "de le" is "du"."""
        owner = self._noun_phrase(self._rng.choice(BEINGS), plural=False)
        if owner.french[0] == "le":
            return Pair(("du", *owner.french[1:]), ("of", *owner.english))
        of = "d'" if starts_with_vowel(owner.french[0]) else "de"
        return Pair((of,), ("of",)).then(owner)

    def _signed(self) -> Pair:
        """Draws "l'accord ... a été signé en août 1992"."""
        noun, plural = self._rng.choice(AFFAIRS), self._maybe(0.3)
        sentence = self._noun_phrase(noun, plural)
        if self._maybe(0.5):
            topic = self._noun_phrase(self._rng.choice(AFFAIRS), self._maybe(0.3))
            sentence = sentence.then(Pair(("sur",), ("on",))).then(topic)
        done = self._rng.choice(PARTICIPLES)
        sentence = sentence.then(
            Pair(
                ("ont" if plural else "a", "été", agree(done, noun.gender, plural)),
                ("were" if plural else "was", done.english),
            )
        )
        if self._maybe(0.7):
            (month, english), year = self._rng.choice(MONTHS), self._rng.choice(YEARS)
            sentence = sentence.then(Pair(("en", month, year), ("in", english, year)))
        return sentence

    def _clause(self) -> Pair:
        """Draws a subject, a verb that may be denied, and what goes with it."""
        noun, plural = self._rng.choice(BEINGS), self._maybe(0.35)
        if is_pronoun := self._maybe(0.2):
            french, english = PRONOUNS[noun.gender, plural]
            subject = Pair((french,), (english,))
        else:
            subject = self._noun_phrase(noun, plural)
        denial = self._rng.choices(("", "pas", "jamais"), (6, 3, 1))[0]
        draw = self._rng.random()
        if draw < 0.2 and not (is_pronoun and self._split == "unseen"):
            # Of "he", any mood may be said, so it makes no combination.
            quality = self._rng.choice(MOODS) if is_pronoun else self._adjective(noun, MOODS)
            form = agree(quality, noun.gender, plural)
            said = deny(TO_BE, plural, denial).then(Pair((form,), (quality.english,)))
        elif draw < 0.45:
            said = deny(self._rng.choice(INTRANSITIVE), plural, denial)
            if self._maybe(0.6):
                french, english = self._rng.choice(PREPOSITIONS)
                place = self._noun_phrase(self._rng.choice(THINGS), self._maybe(0.3))
                said = said.then(Pair((french,), (english,))).then(place)
        else:
            what = self._rng.choice(ANIMALS + THINGS)
            # "Il ne voit pas de chat" is a rule of its own, left out.
            said = deny(self._rng.choice(TRANSITIVE), plural, denial).then(
                self._noun_phrase(what, self._maybe(0.35), definite=bool(denial))
            )
        return subject.then(said)


def deny(verb: Verb, plural: bool, denial: str) -> Pair:
    """Says a verb, or with "pas" or "jamais" that it is not so."""
    french = verb.plural if plural else verb.singular
    english = verb.english_plural if plural else verb.english
    if not denial:
        return Pair((french,), (english,))
    around = ("n'" if starts_with_vowel(french) else "ne", french, denial)
    never = "not" if denial == "pas" else "never"
    if verb is TO_BE:
        return Pair(around, (english, never))
    if denial == "pas":
        return Pair(around, ("do" if plural else "does", never, verb.english_plural))
    return Pair(around, (never, english))


def as_written(pair: Pair) -> Pair:
    """Gives a sentence its capital and its full stop, in both languages."""
    french, english = (
        (text[0][0].upper() + text[0][1:], *text[1:], ".") for text in (pair.french, pair.english)
    )
    return Pair(french, english)


def join(text: tuple[str, ...]) -> str:
    """Writes words as a text."""
    return " ".join(text).replace("' ", "'").replace(" .", ".")


def pairs(seed: int, split: Split = "train") -> Iterator[tuple[str, str]]:
    """Yields pairs of texts without end; the same seed always yields the same ones.

    Args:
        seed: seeds every choice.
        split: "train" for what training sees; "heldout" for texts that it never sees; "unseen" for
            texts where every adjective is one that training never sees with that noun, and that
            have such an adjective.

    Yields:
        A French text and its English translation.
    """
    author = Author(seed, split)
    combining = {form for a in chain(*ADJECTIVES) for form in (*a[:4], *a[5:])}
    while True:
        pair = author.text()
        french = join(pair.french)
        # With its capital and full stop, a sentence is the same sentence.
        plain = french.lower().removesuffix(".")
        kept_out = plain in SHOWN or crc32(plain.encode()) % HELDOUT_EVERY == 0
        if split == "unseen":
            wanted = not combining.isdisjoint(pair.french)
        else:
            wanted = kept_out == (split == "heldout")
        if wanted:
            yield french, join(pair.english)


def gold(french: str, english: str) -> dict[str, list[str]]:
    """Tells the truth about a translation as manifests take it: see `gold_alignment`."""
    source, target = words(french), words(english)
    return {
        name: manifest_gold.named(source, reasons, first=0)
        for position, reasons in enumerate(gold_alignment(french, english))
        for name in manifest_gold.named(target, [position], first=1)
    }


if __name__ == "__main__":
    if len(sys.argv) == 3:  # a text and its translation
        print(json.dumps(gold(*sys.argv[1:]), ensure_ascii=False))
        sys.exit()
    for _, (french, english) in zip(range(20), pairs(seed=0), strict=False):
        print(french, english, gold_alignment(french, english), sep="\n", end="\n\n")
