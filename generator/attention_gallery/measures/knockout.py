"""Does it matter that a token is looked at? What becomes of an answer when it may not be.

A large weight may carry nothing, and a small one much. Attention knockout bars the way: where the
model answers, one token may not be looked at, while what is left of the weights fills the room. All
other ways stay open, also that by other tokens, which go on looking at it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.intervention import Handed, answer, changed, handed_on
from attention_gallery.capture.seam.sites import Site
from attention_gallery.errors import CaptureError
from attention_gallery.language import marked
from attention_gallery.measures.apparatus import rows
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.replacing import layers_of, longest, natural
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.terms import AttentionKind

if TYPE_CHECKING:
    from torch import Tensor

    from attention_gallery.measures import Found

TITLE = marked("Attention knockout")
READS: Literal["sentence"] = "sentence"
ASKS = True

MOST_WORK = 250_000_000_000
"""Single heads are tried where their edges, times tokens, times parameters, are this many at most.

Each edge costs a run of the model. That is about ten seconds of one core.
"""

# What a row of weights misses of one where a head has no sink that takes a share.
_NO_SINK = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Knockout:
    """What becomes of a target when the query that answers may not look at a key.

    Attributes:
        attention: Which attention is barred.
        query: Index of the query.
        plain: The target as the model answers it, in nats.
        everywhere: The target when no head of any layer may look at a key, less `plain`, in nats,
            ``[key]``: what is negative was helped by the edge.
        heads: The same for each head alone, per layer ``[head, key]``; empty where they were not
            tried.
    """

    attention: AttentionKind
    query: int
    plain: float
    everywhere: NDArray[np.float64]
    heads: tuple[NDArray[np.float64], ...]


def measure(case: Case) -> Found:
    """What becomes of an answer when one token may not be looked at where it is given.

    Returns:
        Arrays, both in the unit of the answer, the answer without the edge less the answer:

        - ``all``: float64 ``[key]``, barred to all heads of all layers;
        - ``head/<layer>``: float64 ``[head, key]``, barred to one head only; not there where it
          would be more than `MOST_WORK`.

        Facts:

        - ``answer``: see `Asked.facts`, also for its unit;
        - ``attention``: which attention is barred; of a pair ``cross``, of what sees and reads that
          of the text;
        - ``query``: index of the query at which the model answers: of a class, the only one in the
          last layer that the answer is read from;
        - ``heads``: whether single heads were tried.

    Raises:
        GalleryError: When the model gives no such answer, its attention cannot be changed, or its
            answer is not read from one token.
    """
    asked = case.asked()
    found = knockout(case.run(), asked.target)
    layers = {f"head/{layer}": effects for layer, effects in enumerate(found.heads)}
    return {"all": found.everywhere, **layers}, {
        "answer": asked.facts(),
        "attention": found.attention,
        "query": found.query,
        "heads": bool(layers),
    }


def knockout(run: Run, target: Target, *, most: int = MOST_WORK) -> Knockout:
    """Bar the query that answers from one key after the other.

    The weight of the key is set to 0 and the others of the row are divided by what is left of it,
    which is what a score of minus infinity before the softmax does. A head that could look at
    nothing else gathers nothing.

    Source: Geva et al. 2023, "Dissecting Recall of Factual Associations in Auto-Regressive Language
    Models", arXiv:2304.14767, section 5 (which bars several layers around one; here it is all of
    them, or a single head).

    Args:
        run: The model, and the sentence.
        target: What is asked about.
        most: Work at most, for heads to be tried one by one: see `MOST_WORK`.

    Raises:
        CaptureError: When attention of the model cannot be changed, it predicts nothing, or its
            answer is not read from one token.
    """
    handed = handed_on(run.network, run.inputs)
    kind = natural(run)
    layers = layers_of(handed, kind)
    weights = [handed[site].weights[0] for site in layers]
    if len({tuple(layer.shape[1:]) for layer in weights}) > 1:
        raise CaptureError(
            f"layers of {type(run.network).__name__} look at different tokens",
            hint="leave this measure out",
        )
    n_tokens = longest(handed)
    n_rows = rows.affordable(n_tokens)
    query = target.position
    if query is None:
        query = _answering(run, list(layers)[-1], weights[-1].shape[1], n_rows)
    # What has no weight, such as a later token, is not looked at as it is.
    looked_at = [(layer[:, query] > 0).cpu().numpy() for layer in weights]
    barring = _Barring(run, target, layers, query, n_rows)
    n_edges = sum(seen.size for seen in looked_at)
    tried = n_edges * n_tokens * run.network.num_parameters() <= most
    return Knockout(
        kind,
        query,
        barring.plain,
        barring.everywhere(np.logical_or.reduce(np.concatenate(looked_at))),
        tuple(map(barring.of_heads, layers, looked_at)) if tried else (),
    )


def without(weights: Tensor, keys: Tensor) -> Tensor:
    """Weights of rows in which one key each may not be looked at.

    Args:
        weights: After the softmax, ``[row, key]``. A row that sums to less than 1 has a sink, which
            takes its share of what is left.
        keys: Index of the key of each row, ``[row]``.

    Returns:
        ``[row, key]``; zeros where there was nothing else to look at.
    """
    import torch

    no_sink = max(_NO_SINK, 4 * torch.finfo(weights.dtype).eps)
    sink = 1 - weights.sum(dim=-1, keepdim=True)
    left = weights.scatter(-1, keys[:, None], 0)
    # Not 1 less the weight: where little is left, that would be mostly rounding.
    room = left.sum(dim=-1, keepdim=True) + torch.where(sink > no_sink, sink, 0)
    return torch.where(room > 0, left / room, 0)


@dataclass(frozen=True, slots=True)
class _Edge:
    """A key that may not be looked at: by one head, or, where none is named, by all."""

    key: int
    site: Site | None = None
    head: int = -1

    def is_of(self, site: Site, head: int) -> bool:
        return self.site is None or (self.site == site and self.head == head)


class _Barring:
    """A model in which one query may not look at some key, many keys at a time: see `rows`."""

    def __init__(
        self, run: Run, target: Target, layers: Collection[Site], query: int, n_rows: int
    ) -> None:
        """Run the model as it is.

        Args:
            run: The model, and the sentence.
            target: What is asked about.
            layers: Those in which a key is barred.
            query: The one that may not look at it.
            n_rows: How many keys are tried at once.
        """
        import torch

        self._run, self._target, self._layers, self._query = run, target, layers, query
        self._n_rows = n_rows
        with torch.no_grad():
            self._plain = target.of(run.logits()[None])[0]

    @property
    def plain(self) -> float:
        """The target as the model answers it."""
        return float(self._plain)

    def everywhere(self, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The effects of keys, ``[key]``, each barred to all heads; of those not seen, 0."""
        found = np.zeros(seen.shape)
        found[seen] = self._effects([_Edge(key) for key in np.flatnonzero(seen).tolist()])
        return found

    def of_heads(self, site: Site, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The effects of the edges of a layer's heads, ``[head, key]``; of those not seen, 0."""
        found = np.zeros(seen.shape)
        edges = [_Edge(key, site, head) for head, key in np.argwhere(seen).tolist()]
        found[seen] = self._effects(edges)
        return found

    def _effects(self, edges: Sequence[_Edge]) -> list[float]:
        """The answer without each edge, less the answer."""
        if not edges:
            return []
        plain = self._plain
        effects = rows.each(edges, plain, self._answers, self._n_rows) - plain
        found: list[float] = effects.tolist()
        return found

    def _answers(self, edges: Sequence[_Edge | None]) -> Tensor:
        """Run the model once, with another edge barred in each row."""
        import torch

        query = self._query

        def change(site: Site, handed: Handed) -> Tensor:
            if site not in self._layers:
                return handed.output
            output = handed.output.clone()
            for head in range(handed.n_heads):
                own = {
                    i: edge.key for i, edge in enumerate(edges) if edge and edge.is_of(site, head)
                }
                if own:
                    at = list(own)
                    keys = torch.tensor(list(own.values()), device=output.device)
                    weights = without(handed.weights[at, head, query], keys)
                    some = Handed(handed.output, handed.weights, handed.value[at])
                    output[at, query, head] = some.gathered(head, weights[:, None])[:, 0]
            return output

        return _in_rows(self._run, len(edges), change, self._target.of)


def _answering(run: Run, last: Site, n_queries: int, n_rows: int) -> int:
    """The query of the last layer that an answer to a whole text is read from.

    Nothing is handed on to one query after the other, to see which of them the answer hears.

    Raises:
        CaptureError: When it is not one.
    """

    def silenced(queries: range) -> list[float]:
        """By how much a logit changes at most."""

        def change(site: Site, handed: Handed) -> Tensor:
            if site != last:
                return handed.output
            output = handed.output.clone()
            for row, query in enumerate(queries, 1):
                output[row, query] = 0
            return output

        logits = _in_rows(run, 1 + len(queries), change, lambda logits: logits)
        found: list[float] = (logits[1:] - logits[0]).abs().amax(dim=-1).tolist()
        return found

    changes = np.concatenate(
        [silenced(range(i, min(i + n_rows, n_queries))) for i in range(0, n_queries, n_rows)]
    )
    heard = np.flatnonzero(changes > max(rows.ROUNDING, changes.max() / 1000))
    if len(heard) != 1:
        raise CaptureError(
            f"{type(run.network).__name__} reads its answer from {len(heard) or 'no'} tokens, and "
            "knockout is of what one of them looks at",
            hint="leave this measure out",
        )
    return int(heard[0])


def _in_rows(
    run: Run,
    n_rows: int,
    change: Callable[[Site, Handed], Tensor],
    read: Callable[[Tensor], Tensor],
) -> Tensor:
    """Run a model once on one sentence in several rows, in which other things are handed on."""
    import torch

    with torch.no_grad(), changed(run.network, change):
        return read(answer(run.network, rows.repeated(run, n_rows)).logits)
