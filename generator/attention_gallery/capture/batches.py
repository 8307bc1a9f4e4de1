"""Sentences of like length run at once: fewer, larger passes, and the same weights.

A batch is as long as its longest sentence; the others are padded, and their maps cut out of the
larger ones. A mask keeps padding from being looked at. Not every model minds it, so each model has
to prove once that a padded sentence gets the weights that it gets alone; if not, none is padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from attention_gallery.capture.feeds import Feed
from attention_gallery.capture.model.loading import LoadedModel
from attention_gallery.capture.passes import run
from attention_gallery.capture.recording import UnbatchableError
from attention_gallery.errors import GalleryError
from attention_gallery.terms import Capture

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# A pass of this many tokens keeps a processor busy; larger ones only take more memory.
_MOST_TOKENS = 2048

# A larger pass sums in another order. What is off by more was computed from other sentences.
_ROUNDING = 1e-4

# Of a model, whether it keeps sentences apart: those that are padded, and those that are not.
_keeps_apart: WeakKeyDictionary[PreTrainedModel, dict[bool, bool]] = WeakKeyDictionary()


def batched(feeds: Iterable[Feed]) -> Iterator[list[Feed]]:
    """Group sentences so that little is padded.

    Args:
        feeds: Sentences of one model, in any order.

    Yields:
        Sentences to be run at once. An image, a sound, or a sentence of which more than weights is
        asked for, comes on its own: a model is proved to keep apart the weights alone.
    """
    batch: list[Feed] = []
    for feed in sorted(feeds, key=_order):
        if batch and not _fits(batch, feed):
            yield batch
            batch = []
        batch.append(feed)
    if batch:
        yield batch


def _order(feed: Feed) -> tuple[list[str], int, int]:
    return sorted(feed.inputs), _length(feed), len(feed.tokens)


def _length(feed: Feed) -> int:
    return max(len(feed.tokens), len(feed.target))


def _fits(batch: Sequence[Feed], feed: Feed) -> bool:
    """Whether one more sentence, as long as the longest or longer, may join a batch."""
    first, longest = batch[0], _length(feed)
    return (
        not any(one.sight or one.sound or one.request.parts for one in (first, feed))
        and first.inputs.keys() == feed.inputs.keys()
        and longest <= 4 + 1.25 * _length(first)
        and longest * (len(batch) + 1) <= _MOST_TOKENS
    )


def run_batch(loaded: LoadedModel, feeds: Sequence[Feed]) -> list[Capture]:
    """Run sentences at once.

    Returns:
        Their captures; nothing when they have to be run one at a time, because the model does not
        keep them apart, or because one of them fails, which is only known when each runs alone.
    """
    known = _keeps_apart.setdefault(feeds[0].network(loaded), {})
    padded = len({tuple(feed.sizes.values()) for feed in feeds}) > 1
    if not known.get(padded, True):
        return []
    try:
        together = run(loaded, feeds)
        if padded not in known:
            witness = _witness(feeds)
            if witness is None:
                return []  # they prove nothing; a later batch may
            (alone,) = run(loaded, [feeds[witness]])
            known[padded] = _same(together[witness], alone)
    except UnbatchableError:
        known[padded] = False
    except (GalleryError, RuntimeError, ValueError, LookupError, MemoryError):
        return []  # which comes again, with the sentence it is about
    return together if known[padded] else []


def _witness(feeds: Sequence[Feed]) -> int | None:
    """Which sentence shows best whether a model minds the others: the one with most padding.

    Returns:
        None when all are of a token or two, whose weights are hardly free to be wrong.
    """
    telling = [number for number, feed in enumerate(feeds) if _length(feed) > 2]
    if not telling:
        return None
    shortest = min(telling, key=lambda number: _length(feeds[number]))
    longest = max(_length(feed) for feed in feeds)
    all_alike = all(_length(feed) == longest for feed in feeds)
    return shortest if all_alike or _length(feeds[shortest]) < longest else None


def _same(ours: Capture, theirs: Capture) -> bool:
    """Whether two captures of one sentence hold the same weights."""
    return ours.attentions.keys() == theirs.attentions.keys() and all(
        one.layers.shapes == other.layers.shapes
        and all(
            np.allclose(one.layers[i], other.layers[i], rtol=0, atol=_ROUNDING)
            for i in range(other.n_layers)
        )
        for kind, other in theirs.attentions.items()
        for one in [ours.attentions[kind]]
    )
