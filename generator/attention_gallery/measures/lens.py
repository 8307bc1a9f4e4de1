"""What a model would say after each of its layers, were that its last.

Each layer adds to the states that the one before has left. The logit lens puts the states of every
layer before the part of the model that makes words of the last ones: its final norm and its head.
What that part is need not be known: the model itself runs, and only what its last layer puts out is
exchanged. So whatever a model does there, be it a bias, a scale or a whole layer of a head, is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.intervention import answer
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.sites import Site
from attention_gallery.capture.text.tokens import readable_tokens
from attention_gallery.errors import CaptureError
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.run import Run

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from attention_gallery.measures import Found
    from attention_gallery.measures.apparatus.case import Case

TITLE = marked("Logit lens")
READS: Literal["sentence"] = "sentence"
ASKS = False

_ROUNDING = 1e-4  # of logits, when the same is computed again
_PLACES = 64  # whose words are compared at once


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """What a model would say after each layer, the words themselves before the first among them.

    Attributes:
        ids: The likeliest tokens, by their numbers, the likeliest first: ``[state, place, guess]``.
            State 0 is what the first layer is given, state *n* what the *n*-th layer leaves.
        log_probabilities: How likely they are, in nats, of the same shape.
        of_last: How likely what the model says in the end is after each layer, in nats: ``[state,
            place]``.
        entropies: How undecided the model is after each layer, in bits: ``[state, place]``. As much
            as between two to this power of tokens that are equally likely.
    """

    ids: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]
    of_last: NDArray[np.float64]
    entropies: NDArray[np.float64]


def measure(case: Case) -> Found:
    """What a model would say after each of its layers, at each token that it reads.

    A model that writes says at a token what comes next; one that fills gaps, what stands there.

    Returns:
        Arrays, all float64; state 0 is what the first layer is given, state *n* what the *n*-th
        layer leaves:

        - ``log_probability`` ``[state, place, guess]``, in nats: of the likeliest tokens, the first
          before all.
        - ``of_last`` ``[state, place]``, in nats: of the token that the model says in the end. It
          is the number of the first guess, to the last digit, where it is that guess.
        - ``entropy`` ``[state, place]``, in bits: how undecided the model is.

        Facts:

        - ``kind``: ``next``, ``translation`` or ``gap``.
        - ``tokens``: the text of the token that is read at each place; of a pair those that its
          decoder reads, its start among them.
        - ``states``: what each state is called.
        - ``guesses``: for each state and each place the texts of the likeliest tokens.

    Raises:
        GalleryError: When the model cannot be looked at like this, or the sentence does not fit it.
    """
    loaded, feed = case.loaded, case.feed()
    found = logit_lens(Run.of(loaded, feed))
    kind, tokens = "next" if loaded.network.can_generate() else "gap", feed.tokens
    if feed.target:
        start = loaded.network.config.decoder_start_token_id or 0
        kind, tokens = "translation", (case.token(start), *feed.target[:-1])
    ids = np.unique(found.ids).tolist()
    named = readable_tokens(loaded.tokenizer, ids, [False] * len(ids)) if loaded.tokenizer else ()
    texts = {token.id: token.text for token in named}
    facts = {
        "kind": kind,
        "tokens": [token.text for token in tokens],
        "states": ["words", *(f"after L{layer}" for layer in range(len(found.ids) - 1))],
        "guesses": [
            [[texts[id_] for id_ in place] for place in state] for state in found.ids.tolist()
        ],
    }
    arrays = {
        "log_probability": found.log_probabilities,
        "of_last": found.of_last,
        "entropy": found.entropies,
    }
    return arrays, facts


def logit_lens(run: Run, n_guesses: int = 5) -> Lens:
    """Look at a model through the part that makes words of its last states.

    It is proved each time that the states are all that words are made of: they are put into a run
    on another text, where the last ones must give what the model says of its own.

    Source: nostalgebraist 2020, "interpreting GPT: the logit lens"; as a baseline in Belrose et al.
    2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens", arXiv:2303.08112,
    section 2.

    Args:
        run: A model that predicts words, and the text. Of a pair, its decoder is looked at.
        n_guesses: How many tokens are told of each place and layer.

    Raises:
        CaptureError: When a model predicts no words, its layers cannot be told, or it makes its
            words of more than its last states.
    """
    import torch

    with torch.no_grad():
        plain = run.logits()
        if plain.ndim != 2 or run.network.get_output_embeddings() is None:
            raise _unsure(run, "predicts no words")
        layers = _layers(run)
        states = _states(run, layers)
        elsewhere = _other_text(run, plain.shape[-1])
        last = plain.argmax(dim=-1)
        found = []
        for state in states:
            with _putting_out(layers[-1], state):
                logits = answer(run.network, elsewhere).logits[0]
            # Some places at a time: in double precision a vocabulary takes much room.
            some = zip(logits.split(_PLACES), last.split(_PLACES), strict=True)
            parts = [_told(part, said, n_guesses) for part, said in some]
            found.append(tuple(torch.cat(numbers) for numbers in zip(*parts, strict=True)))
        if not torch.allclose(logits, plain, rtol=_ROUNDING, atol=_ROUNDING):
            raise _unsure(run, "makes its words of more than its last states")
    return Lens(*(torch.stack(numbers).numpy() for numbers in zip(*found, strict=True)))


def _told(logits: Tensor, said: Tensor, n_guesses: int) -> tuple[Tensor, ...]:
    """What some places of a state say: the likeliest words, how likely, and how undecided they are.

    Args:
        logits: ``[place, word]``.
        said: What the model says there in the end, ``[place]``.
        n_guesses: How many words are told.

    Returns:
        Numbers of words and their log-probabilities, ``[place, guess]``; the log-probability of
        what is said in the end, and the entropy in bits, ``[place]``.
    """
    import torch

    logs = logits.double().log_softmax(dim=-1)
    values, ids = logs.topk(min(n_guesses, logs.shape[-1]), dim=-1)
    entropies = torch.special.entr(logs.exp()).sum(dim=-1) / np.log(2)
    return ids.cpu(), values.cpu(), logs.gather(-1, said[:, None])[:, 0].cpu(), entropies.cpu()


def _layers(run: Run) -> list[Module]:
    """The layers that words go through one after the other: the list that holds all attention.

    Raises:
        CaptureError: When there is no such list.
    """
    sites: list[Site] = []
    observe(run.network, run.inputs, lambda site, _: sites.append(site))
    # Of a pair, layers of the decoder hold its attention to the encoder, too.
    paths = {site.path for site in sites if site.kind in (None, "decoder")}
    lists = {path[: found.start()] for path in paths if (found := re.search(r"\.\d+\.", path))}
    if len(lists) != 1 or not all(
        path.startswith(f"{list_}.") for path in paths for list_ in lists
    ):
        raise _unsure(run, "has no list of layers that are run one after the other")
    return list(run.network.get_submodule(lists.pop()))


def _states(run: Run, layers: Sequence[Module]) -> list[Tensor]:
    """What the first layer is given, and what each layer leaves, ``[1, place, dimension]``.

    Raises:
        CaptureError: When a layer is not given what the one before has left.
    """
    given: list[Tensor] = []
    left: list[Tensor] = []
    states: list[Tensor] = []  # copies: a model may go on with its own

    def enter(_: Module, args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        given.append(args[0] if args else options["hidden_states"])
        if not states:
            states.append(given[0].clone())

    def leave(_: Module, __: Any, output: Any) -> None:
        left.append(output[0] if isinstance(output, tuple | list) else output)
        states.append(left[-1].clone())

    hooks = [layer.register_forward_pre_hook(enter, with_kwargs=True) for layer in layers]
    hooks += [layer.register_forward_hook(leave) for layer in layers]
    try:
        answer(run.network, run.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    chained = len(given) == len(left) == len(layers) and all(
        after is before for after, before in zip(given[1:], left, strict=False)
    )
    if not chained:
        raise _unsure(run, "has layers that do not just follow one after the other")
    return states


@contextmanager
def _putting_out(layer: Module, state: Tensor) -> Iterator[None]:
    """Let a layer put out a state that is given, whatever it has made itself."""

    def instead(_: Module, __: Any, output: Any) -> Any:
        return (state, *output[1:]) if isinstance(output, tuple | list) else state

    hook = layer.register_forward_hook(instead)
    try:
        yield
    finally:
        hook.remove()


def _other_text(run: Run, n_words: int) -> dict[str, Tensor]:
    """What a run is fed, with other tokens in all places."""
    names = ("input_ids", "decoder_input_ids", "labels")
    return {
        name: (given + 1) % n_words if name in names else given
        for name, given in run.inputs.items()
    }


def _unsure(run: Run, why: str) -> CaptureError:
    return CaptureError(
        f"{type(run.network).__name__} {why}",
        hint="leave the logit lens out, or choose another model",
    )
