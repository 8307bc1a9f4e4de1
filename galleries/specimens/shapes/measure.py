"""What the `shapes` specimen writes under pictures, and where its cross-attention looks.

A row of cross-attention can be read in two ways: the decoder reads a word and predicts the next, so
a row may be named after the word it *predicts* there, or after the *input* word it reads there.
Everything is measured both ways, on scenes whose captions training never saw, beside the untrained
model that training started from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, get_args

import scoring
import torch
from grammar import Kind, Scene, Split, scenes, shown
from torch import Tensor
from transformers import BaseImageProcessor, PreTrainedModel, PreTrainedTokenizerBase

SEED, N_SCENES, BATCH_SIZE = 20_000, 500, 100
KINDS: tuple[Kind, ...] = get_args(Kind)
MEAN = "mean"  # of a layer's heads, the last column of every [layer, head] table here
# A patch lies on an object when at least this share of its pixels is the object's.
ON = 0.5


class Reader(NamedTuple):
    """A model with what makes its inputs."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    image_processor: BaseImageProcessor

    @property
    def patch_side(self) -> int:
        """The side of a patch, in pixels."""
        return int(self.model.config.encoder.patch_size)

    def pixels(self, some: Sequence[Scene]) -> Tensor:
        """Makes pictures into numbers, float32 `[scene, rgb, row, column]`."""
        images = [scene.image for scene in some]
        return self.image_processor(images, return_tensors="pt").pixel_values


class Row(NamedTuple):
    """A row of cross-attention that belongs to a word which names an object.

    Attributes:
        kind: what the word says about the object.
        weights: float32 `[layer, head, key]`, with the mean of the layer's heads as the last
            "head". Key 0 is the encoder's class token, the others are the patches, in rows.
        own: share of each patch's pixels that are the object's, float32 `[patch]`.
        other: the same for the other object.
    """

    kind: Kind
    weights: Tensor
    own: Tensor
    other: Tensor


@dataclass(frozen=True)
class Looks:
    """Where rows of cross-attention look. Every table is float32 `[layer, head]`.

    Attributes:
        on: share of words whose largest weight is on a patch of the right object, half of whose
            pixels at least are the object's.
        touching: the same, when one pixel is enough.
        other: share of words whose largest weight is on a patch that touches the other object.
        ground: share whose largest weight is on a patch of the ground alone.
        class_token: share whose largest weight is on the class token, which is no patch.
        mass: mean weight on the patches that touch the right object.
        overlap: mean intersection over union, in pixels, of the right object and the patches with
            at least half of the largest patch's weight.
        chance: share of the keys that are patches on the right object.
        chance_touching: the same for patches that touch it.
    """

    on: Tensor
    touching: Tensor
    other: Tensor
    ground: Tensor
    class_token: Tensor
    mass: Tensor
    overlap: Tensor
    chance: float
    chance_touching: float


def batches(some: Sequence[Scene]) -> Iterator[Sequence[Scene]]:
    """Cuts a list into batches."""
    for start in range(0, len(some), BATCH_SIZE):
        yield some[start : start + BATCH_SIZE]


def describe(reader: Reader, some: Sequence[Scene]) -> list[str]:
    """Writes captions, taking the likeliest word at every step."""
    ids = reader.model.generate(pixel_values=reader.pixels(some), do_sample=False, num_beams=1)
    return [str(text) for text in reader.tokenizer.batch_decode(ids, skip_special_tokens=True)]


def exact_match(reader: Reader, some: Sequence[Scene]) -> float:
    """Computes the share of scenes whose whole caption is right."""
    n_right = 0
    for batch in batches(some):
        written = describe(reader, batch)
        n_right += sum(text == scene.caption for text, scene in zip(written, batch, strict=True))
    return n_right / len(some)


def cross_attention(reader: Reader, some: Sequence[Scene]) -> Tensor:
    """Feeds the decoder the right captions and keeps its cross-attention.

    Args:
        reader: the model and what makes its inputs.
        some: scenes with captions of one length.

    Returns:
        Weights, float32 `[scene, layer, head, query, key]`, with the mean of the layer's heads as
        the last "head". Query q predicts word q of the caption and reads word q - 1; query 0 reads
        the start token, and the last one predicts `</s>`.
    """
    captions = [scene.caption for scene in some]
    labels = reader.tokenizer(captions, return_tensors="pt").input_ids
    with torch.no_grad():
        outputs = reader.model(
            pixel_values=reader.pixels(some), labels=labels, output_attentions=True
        )
    weights = torch.stack(outputs.cross_attentions, dim=1)
    return torch.cat([weights, weights.mean(dim=2, keepdim=True)], dim=2)


def rows(reader: Reader, some: Sequence[Scene], *, predicted: bool) -> Iterator[Row]:
    """Yields the rows of all words that name one of two objects.

    Scenes of one object are left out: there, a head that always looks at what stands out from the
    ground would be right without regard to the word. With two, it is right half of the time.

    Args:
        reader: the model and what makes its inputs.
        some: the scenes.
        predicted: whether a row is the word's that it predicts, or the word's that it reads.
    """
    for batch in batches([scene for scene in some if len(scene.things) == 2]):
        for weights, scene in zip(cross_attention(reader, batch), batch, strict=True):
            shares = torch.from_numpy(scene.coverage(reader.patch_side)).float().flatten(1)
            for naming in scene.namings:
                row = weights[:, :, naming.position + (not predicted)]
                yield Row(naming.kind, row, shares[naming.thing], shares[1 - naming.thing])


def looks(some: Sequence[Row]) -> Looks:
    """Measures where rows look."""
    weights = torch.stack([row.weights for row in some])
    own = torch.stack([row.own for row in some])
    other = torch.stack([row.other for row in some])

    on, touching = own >= ON, own > 0
    # At the strongest key, `[row, layer, head]`; key 0 is no patch.
    strongest = weights.argmax(dim=-1)

    def at_strongest(patches: Tensor) -> Tensor:
        keys = torch.nn.functional.pad(patches.float(), (1, 0))
        spread = keys[:, None, None].expand_as(weights)
        return spread.gather(-1, strongest[..., None])[..., 0].mean(dim=0)

    on_patches = weights[..., 1:]
    chosen = (on_patches >= on_patches.amax(dim=-1, keepdim=True) / 2).float()
    shares = own[:, None, None]
    common = (chosen * shares).sum(dim=-1)
    union = chosen.sum(dim=-1) + shares.sum(dim=-1) - common
    return Looks(
        on=at_strongest(on),
        touching=at_strongest(touching),
        other=at_strongest(other > 0),
        ground=at_strongest(~touching & (other == 0)),
        class_token=(strongest == 0).float().mean(dim=0),
        mass=(on_patches * touching[:, None, None]).sum(dim=-1).mean(dim=0),
        overlap=(common / union).mean(dim=0),
        chance=on.sum().item() / weights[:, 0, 0].numel(),
        chance_touching=touching.sum().item() / weights[:, 0, 0].numel(),
    )


def by_kind(reader: Reader, some: Sequence[Scene], *, predicted: bool) -> dict[str, Looks]:
    """Measures where the rows of each kind of word look, and where those of "any" kind do."""
    found = list(rows(reader, some, predicted=predicted))
    each = {kind: looks([row for row in found if row.kind == kind]) for kind in KINDS}
    return {**each, "any": looks(found)}


def second_found(reader: Reader, some: Sequence[Scene]) -> Tensor:
    """Says how often the rows that predict "and" look at the object that comes after it.

    Returns:
        Share of the scenes of two objects in which the largest weight of this row is on a patch of
        the second object, float32 `[layer, head]`, with the mean of the heads as the last "head".
    """
    found = []
    for batch in batches([scene for scene in some if len(scene.things) == 2]):
        for weights, scene in zip(cross_attention(reader, batch), batch, strict=True):
            shares = torch.from_numpy(scene.coverage(reader.patch_side)).flatten(1)
            keys = torch.nn.functional.pad((shares[1] >= ON).float(), (1, 0))
            found.append(keys[weights[:, :, scene.caption.split().index("and")].argmax(dim=-1)])
    return torch.stack(found).mean(dim=0)


def samples(seed: int) -> dict[str, list[Scene]]:
    """Draws what is measured, by the card's names: training's first scenes, and two never seen."""
    splits: tuple[tuple[str, Split, int], ...] = (
        ("seen in training", "train", seed),
        ("held out", "heldout", SEED),
        ("unseen combinations", "unseen", SEED),
    )
    return {name: list(islice(scenes(s, split), N_SCENES)) for name, split, s in splits}


def table(*columns: str) -> list[str]:
    """Begins a table in Markdown."""
    return ["", f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]


def report(trained: Reader, untrained: Reader, seed: int) -> str:
    """Writes the figures of a trained model beside those of the untrained one, in Markdown.

    Args:
        trained: the model, and what makes its inputs.
        untrained: the same with the model its training started from.
        seed: the seed of the scenes training saw.

    Returns:
        Four tables (captions, best heads, where the best heads look, every head), a line about
        "and", and the captions of the scenes that galleries show.
    """
    some = samples(seed)
    lines = table("captions", "trained", "untrained")[1:]
    for name, split in some.items():
        right = [exact_match(reader, split) for reader in (trained, untrained)]
        lines.append(f"| exact match, {name} | {right[0]:.3f} | {right[1]:.3f} |")

    lines += table(
        *("scenes", "row is named after", "word"),
        *("on: best head", "mean of a layer's heads", "untrained (its best head)", "chance"),
        *("touching: best head", "untrained (its best head)", "chance"),
    )
    found = {}
    for name in ("held out", "unseen combinations"):
        for convention in ("predicted", "input"):
            after, before = (
                by_kind(reader, some[name], predicted=convention == "predicted")
                for reader in (trained, untrained)
            )
            found[name, convention] = after
            for kind in KINDS:
                best, score = scoring.best_head(after[kind].on[:, :-1])
                mean, mean_score = scoring.best_head(after[kind].on[:, -1:])
                _, baseline = scoring.best_head(before[kind].on[:, :-1])
                toucher, touching = scoring.best_head(after[kind].touching[:, :-1])
                _, touching_before = scoring.best_head(before[kind].touching[:, :-1])
                lines.append(
                    f"| {name} | {convention} | {kind} | {score:.3f} ({best}) | "
                    f"{mean_score:.3f} ({mean.split()[0]}) | {baseline:.3f} | "
                    f"{after[kind].chance:.3f} | {touching:.3f} ({toucher}) | "
                    f"{touching_before:.3f} | {after[kind].chance_touching:.3f} |"
                )

    shown_scores = ("on", "touching", "other", "ground", "class_token", "mass", "overlap")
    lines += table("word", "its best head", *(score.replace("_", " ") for score in shown_scores))
    of_words = found["held out", "predicted"]
    for kind in KINDS:
        tables = of_words[kind]
        layer, head = divmod(int(tables.on[:, :-1].argmax()), tables.on.shape[1] - 1)
        cells = " | ".join(f"{getattr(tables, s)[layer, head]:.3f}" for s in shown_scores)
        lines.append(f"| {kind} | L{layer} H{head} | {cells} |")

    lines += table("head, held-out scenes", *KINDS, "any: ground", "any: class token")
    any_word, kinds = of_words["any"], [of_words[kind] for kind in KINDS]
    n_layers, n_columns = any_word.on.shape
    for layer in range(n_layers):
        for head in range(n_columns):
            each = [f"{t.on[layer, head]:.3f} / {t.touching[layer, head]:.3f}" for t in kinds]
            each += [f"{t[layer, head]:.3f}" for t in (any_word.ground, any_word.class_token)]
            cells = " | ".join(each)
            lines.append(f"| L{layer} {MEAN if head == n_columns - 1 else f'H{head}'} | {cells} |")

    seconds, seconds_before = (
        second_found(reader, some["held out"]) for reader in (trained, untrained)
    )
    best, score = scoring.best_head(seconds[:, :-1])
    _, baseline = scoring.best_head(seconds_before[:, :-1])
    lines += ["", f'"and" looks at what follows it: {score:.3f} ({best}), untrained {baseline:.3f}']

    written = describe(trained, list(shown().values()))
    lines += ["", *(f"> {name}: {text}" for name, text in zip(shown(), written, strict=True))]
    return "\n".join(lines)


def scores(trained: Reader, untrained: Reader) -> list[scoring.Score]:
    """Computes the headline scores on held-out scenes: the task's, then the best heads'.

    Args:
        trained: the model, and what makes its inputs.
        untrained: the same with the model its training started from.
    """
    some = list(islice(scenes(SEED, "heldout"), N_SCENES))
    readers = (trained, untrained)
    found = [scoring.Score("exact match", *(exact_match(reader, some) for reader in readers))]
    for convention in ("predicted", "input"):
        after, before = (
            by_kind(reader, some, predicted=convention == "predicted") for reader in readers
        )
        for kind in KINDS:
            head, score = scoring.best_head(after[kind].on[:, :-1])
            _, baseline = scoring.best_head(before[kind].on[:, :-1])
            name = f"strongest key is on the object, {kind} words, {convention} rows"
            found.append(scoring.Score(name, score, baseline, head))
    return found
