"""The scenes the `shapes` specimen learns from: one or two coloured shapes on a noisy ground.

It was written so that the truth about every picture is known: its caption, and for each word of the
caption the pixels of the object that the word is about. A caption is all that training shows; the
pixels are kept as the truth to compare attention with.

Each object lies within a quarter of the picture, two objects in two quarters: so they never
overlap, where they are is never in doubt, and neither is the order in which they are named, which
is that of reading. Size, colour, shape and place are drawn freely, except that some colours and
shapes never come together in training.

Run the module to read a few captions, or to write the scenes that galleries show:
`python galleries/specimens/shapes/grammar.py --scenes galleries/scenes`; or, with `--gold`, to
get the truth about these as manifests take it.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import manifest_gold  # found through the line above, as this is a script

Split = Literal["train", "heldout", "unseen"]
Kind = Literal["size", "colour", "shape", "place"]
Mask = NDArray[np.bool_]

# In pixels. A quarter is 24 wide, so patches of 4, 6, 8 or 12 never lie in two quarters.
IMAGE_SIDE = 48
QUARTER = IMAGE_SIDE // 2
PATCH_SIDE = 4  # of the specimen
# The sides of the box an object fills: no side is both small and big.
SIDES = {"small": range(11, 14), "big": range(18, 22)}
# Near the palette of Okabe & Ito (2008), so that colour-blind readers can tell them apart.
COLOURS = {
    "red": (200, 40, 20),
    "blue": (0, 90, 190),
    "green": (0, 160, 110),
    "yellow": (240, 225, 50),
    "pink": (225, 130, 185),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "cross")
# In the order of reading.
PLACES = ("top left", "top right", "bottom left", "bottom right")
GREYS = range(200, 236)  # of the ground
TINT = range(-12, 13)  # added to every channel of an object
NOISE = range(-16, 17)  # added to every channel of every pixel

ONE_OBJECT_EVERY = 4
# One caption in ten is kept out of training, and every scene with one of these objects.
HELDOUT_EVERY = 10
UNSEEN = {("yellow", "circle"), ("pink", "square"), ("black", "triangle"), ("red", "cross")}
# Colours and shapes that come together in training (False) and those that do not (True).
LOOKS = {
    unseen: [
        (colour, shape)
        for colour in COLOURS
        for shape in SHAPES
        if ((colour, shape) in UNSEEN) == unseen
    ]
    for unseen in (False, True)
}


class Thing(NamedTuple):
    """An object of a scene, in the words that name it; its place is two words."""

    size: str
    colour: str
    shape: str
    place: str

    @property
    def phrase(self) -> tuple[tuple[str, Kind | None], ...]:
        """The words that name it, and what each of them says about it."""
        return (
            ("a", None),
            (self.size, "size"),
            (self.colour, "colour"),
            (self.shape, "shape"),
            ("at", None),
            ("the", None),
            *[(word, "place") for word in self.place.split()],
        )


class Naming(NamedTuple):
    """A word of a caption that names an object.

    Attributes:
        position: which word of the caption it is, counted from 0.
        word: the word.
        kind: what it says about the object.
        thing: which object of the scene, counted from 0.
    """

    position: int
    word: str
    kind: Kind
    thing: int


@dataclass(frozen=True)
class Scene:
    """A picture and the truth about it.

    Attributes:
        image: uint8 `[row, column, rgb]`.
        things: the objects, in the order of reading.
        masks: the pixels of each object, bool `[thing, row, column]`.
    """

    image: NDArray[np.uint8]
    things: tuple[Thing, ...]
    masks: Mask

    @property
    def caption(self) -> str:
        """The words that describe the picture."""
        return caption(self.things)

    def coverage(self, patch_side: int) -> NDArray[np.float64]:
        """Computes which share of each patch's pixels belongs to each object.

        Args:
            patch_side: in pixels; `IMAGE_SIDE` is a multiple of it.

        Returns:
            Shares between 0 and 1, float64 `[thing, patch row, patch column]`.
        """
        n_patches = IMAGE_SIDE // patch_side
        tiles = self.masks.reshape(-1, n_patches, patch_side, n_patches, patch_side)
        return tiles.mean(axis=(2, 4))

    @property
    def namings(self) -> list[Naming]:
        """The words of the caption that name an object; "a", "at", "the" and "and" do not."""
        return namings(self.things)


def caption(things: Sequence[Thing]) -> str:
    """Describes objects: "a small red circle at the top left and a big ..."."""
    return " and ".join(" ".join(word for word, _ in thing.phrase) for thing in things)


def namings(things: Sequence[Thing]) -> list[Naming]:
    """Lists the words of a caption that name an object, in the order of the caption."""
    found, position = [], 0
    for number, thing in enumerate(things):
        for word, kind in thing.phrase:
            if kind is not None:
                found.append(Naming(position, word, kind, number))
            position += 1
        position += 1  # "and"
    return found


@cache
def stencil(shape: str, side: int) -> Mask:
    """Cuts a shape out of a square.

    Args:
        shape: one of `SHAPES`.
        side: of the square, in pixels; the shape reaches all four sides.

    Returns:
        The pixels of the shape, bool `[row, column]`.
    """
    # Twice the distance of a pixel's middle from the middle of the square: whole numbers, so that
    # no machine rounds otherwise.
    across = 2 * np.arange(side) + 1 - side
    down = across[:, None]
    if shape == "circle":
        return across**2 + down**2 <= side**2
    if shape == "triangle":
        return 2 * abs(across) <= down + side
    if shape == "cross":
        return np.minimum(abs(across), abs(down)) * 3 <= side
    return np.ones((side, side), dtype=bool)


def draw(things: Sequence[Thing], rng: np.random.Generator) -> Scene:
    """Draws a scene.

    Args:
        things: one or two objects, each in a place of its own, in the order of reading.
        rng: the source of all that the words leave open: where in its quarter an object is, its
            exact side, its tint, the grey of the ground, and the noise.

    Returns:
        The picture and its truth.
    """
    masks = np.zeros((len(things), IMAGE_SIDE, IMAGE_SIDE), dtype=bool)
    image = np.full((IMAGE_SIDE, IMAGE_SIDE, 3), rng.choice(GREYS), dtype=np.int16)
    for thing, mask in zip(things, masks, strict=True):
        side = rng.choice(SIDES[thing.size])
        # A pixel of the ground is left on all sides.
        top, left = rng.integers(1, QUARTER - side, size=2)
        top += QUARTER * ("bottom" in thing.place)
        left += QUARTER * ("right" in thing.place)
        mask[top : top + side, left : left + side] = stencil(thing.shape, side)
        image[mask] = COLOURS[thing.colour] + rng.integers(TINT.start, TINT.stop, size=3)
    image += rng.integers(NOISE.start, NOISE.stop, size=image.shape, dtype=np.int16)
    return Scene(image.clip(0, 255).astype(np.uint8), tuple(things), masks)


def draw_things(rng: np.random.Generator, *, unseen: bool) -> tuple[Thing, ...]:
    """Draws what a scene is of.

    Args:
        rng: the source of every choice.
        unseen: whether every object has a colour and a shape that training never shows together;
            otherwise none has.
    """
    n_things = 1 if rng.integers(ONE_OBJECT_EVERY) == 0 else 2
    places = sorted(rng.choice(len(PLACES), size=n_things, replace=False))
    return tuple(
        Thing(
            tuple(SIDES)[rng.integers(len(SIDES))],
            *LOOKS[unseen][rng.integers(len(LOOKS[unseen]))],
            PLACES[place],
        )
        for place in places
    )


# Scenes that galleries show, by the names of their files: what they are of. The number of a scene
# in this table seeds what the words leave open. Training never sees one of their captions.
SHOWN = {
    "red-circle-blue-square": (
        Thing("small", "red", "circle", "top left"),
        Thing("big", "blue", "square", "bottom right"),
    ),
    "two-triangles": (
        Thing("big", "green", "triangle", "top right"),
        Thing("small", "yellow", "triangle", "bottom left"),
    ),
    "yellow-circle": (Thing("big", "yellow", "circle", "top right"),),
    "red-cross-pink-square": (
        Thing("big", "red", "cross", "bottom left"),
        Thing("small", "pink", "square", "bottom right"),
    ),
}


def is_heldout(things: Sequence[Thing]) -> bool:
    """Whether training never sees the caption of these objects as a whole."""
    # A checksum and not `hash`, which differs from one run of Python to the next.
    return things in SHOWN.values() or crc32(caption(things).encode()) % HELDOUT_EVERY == 0


def scenes(seed: int, split: Split = "train") -> Iterator[Scene]:
    """Draws scenes without end.

    Args:
        seed: the same seed gives the same scenes.
        split: "train"; "heldout", whose captions "train" never has; or "unseen", whose objects all
            have a colour and a shape that come together nowhere in the other two.

    Yields:
        Scenes of this split.
    """
    rng = np.random.default_rng(seed)
    while True:
        things = draw_things(rng, unseen=split == "unseen")
        if split == "unseen" or is_heldout(things) == (split == "heldout"):
            yield draw(things, rng)


def shown() -> dict[str, Scene]:
    """Draws the scenes that galleries show, by the names of their files."""
    return {
        name: draw(things, np.random.default_rng(number))
        for number, (name, things) in enumerate(SHOWN.items())
    }


def gold(scene: Scene, patch_side: int = PATCH_SIDE) -> dict[str, list[str]]:
    """Tells the truth about a scene as manifests take it.

    Returns:
        For each word of the caption that names an object, the patches that have a pixel of it.
    """
    words, touched = scene.caption.split(), scene.coverage(patch_side) > 0
    return {
        name: manifest_gold.rectangles(map(tuple, np.argwhere(touched[naming.thing]).tolist()))
        for naming in scene.namings
        for name in manifest_gold.named(words, [naming.position], first=1)
    }


def save_shown(folder: Path) -> None:
    """Writes the scenes that galleries show, as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, scene in shown().items():
        # Noise hardly shrinks; left as it is, it gives the same bytes with any zlib.
        Image.fromarray(scene.image).save(folder / f"{name}.png", compress_level=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print a few captions, or write example scenes.")
    parser.add_argument(
        "--scenes", type=Path, metavar="FOLDER", help="write the scenes that galleries show here"
    )
    parser.add_argument(
        "--gold", action="store_true", help="print the truth about them, as manifests take it"
    )
    arguments = parser.parse_args()
    if arguments.scenes:
        save_shown(arguments.scenes)
    elif arguments.gold:
        for name, scene in shown().items():
            print(name, json.dumps(gold(scene)), sep="\n", end="\n\n")
    else:
        for example in islice(scenes(0), 10):
            print(example.caption)
