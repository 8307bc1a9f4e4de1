"""How much each token of a text adds to an answer, by the gradient of the answer.

Attention says where a head looks, not what the answer is made of. A gradient follows all paths
through a model at once. It is taken with respect to what the model makes of words first, their
embeddings; positions are added to them later, and are left as they are.

Captum computes; here is what it is given, and what its numbers are summed to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.feeds import Feed
from attention_gallery.capture.text.tokens import readable_tokens
from attention_gallery.errors import CaptureError, InputError
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.answers import Asked
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.measures.apparatus.embedding import EmbeddedText, Side
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.terms import Token

if TYPE_CHECKING:
    from torch import Tensor

    from attention_gallery.measures import Found

TITLE = marked("Attribution")
READS: Literal["sentence"] = "sentence"
ASKS = True

_TOLERANCE = 0.01  # of the difference of both ends
_FEWEST = 32  # points of a line
_TOKENS = 1024  # of all points that are run at once
_MOST_TOKENS = 65_536  # of all points of a line


@dataclass(frozen=True, slots=True, eq=False)
class Integrated:
    """What each token adds to an answer, by integrated gradients.

    Attributes:
        values: In nats, ``[token]``; what is negative takes something off.
        end: The answer to the text.
        start: The answer to the baseline, where the line begins.
        steps: Points of the line at which gradients were taken.
    """

    values: NDArray[np.float64]
    end: float
    start: float
    steps: int

    @property
    def error(self) -> float:
        """By how many nats the values miss ``end - start``, which they should sum to."""
        return abs(float(self.values.sum()) - (self.end - self.start))

    def within(self, tolerance: float) -> bool:
        """Whether they miss it by this share of it at most."""
        return self.error <= tolerance * abs(self.end - self.start)


def measure(case: Case) -> Found:
    """How much each token adds to an answer of a model, in three ways.

    They are of each token of the whole text, and the one at which the model answers is among them.
    The line of integrated gradients begins with a text of which the tokens that a tokenizer adds
    are left, and in all other places is what says nothing: the mask of a model that fills gaps, or
    else the token of padding, or where there is none no embedding at all.

    Returns:
        Arrays of each side, which is ``encoder`` for a model of one stack, and ``encoder`` and
        ``decoder`` for a pair; for a pair that reads no text, ``decoder`` only:

        - ``<side>/saliency``: float64 ``[token]``, from 0 up, in the unit of the answer for each
          unit of length that an embedding moves by;
        - ``<side>/input-x-gradient``: float64 ``[token]``, in the unit of the answer;
        - ``<side>/integrated-gradients``: float64 ``[token]``, in the unit of the answer.

        Facts:

        - ``answer``: see `Asked.facts`, also for its unit;
        - ``tokens``: the texts of each side's tokens, as a capture has them;
        - ``sides``: of each side's integrated gradients ``start`` and ``end``, the answers at both
          ends of the line; ``error``, by how much the values miss the difference of them;
          ``steps``, the points of the line; ``converged``, whether the error is a hundredth of the
          difference at most; ``baseline``, what the line begins with, in words; ``kept``, the
          indices of the tokens that stand there all along, whose values are 0.

    Raises:
        GalleryError: When the model gives no such answer, reads no text, or knows its words by more
            than their embeddings.
    """
    asked, run, feed = case.asked(), case.run(), case.feed()
    arrays: dict[str, NDArray[np.float64]] = {}
    sides: dict[str, Mapping[str, Any]] = {}
    texts: dict[str, list[str]] = {}
    for side, tokens in _sides(case, feed).items():
        baseline, in_words = _baseline(case, asked)
        kept = [index for index, token in enumerate(tokens) if token.special]
        found = integrated_gradients(run, asked.target, side, baseline=baseline, kept=kept)
        arrays |= {
            f"{side}/saliency": saliency(run, asked.target, side),
            f"{side}/input-x-gradient": input_x_gradient(run, asked.target, side),
            f"{side}/integrated-gradients": found.values,
        }
        sides[side] = {
            "start": found.start,
            "end": found.end,
            "error": found.error,
            "steps": found.steps,
            "converged": found.within(_TOLERANCE),
            "baseline": in_words,
            "kept": kept,
        }
        texts[side] = [token.text for token in tokens]
    return arrays, {"answer": asked.facts(), "tokens": texts, "sides": sides}


def _sides(case: Case, feed: Feed) -> Mapping[Side, Sequence[Token]]:
    """The tokens that are embedded on each side of a model.

    Raises:
        InputError: When there are none.
    """
    found: dict[Side, Sequence[Token]] = {"encoder": feed.tokens} if feed.tokens else {}
    if feed.target:
        start = case.loaded.network.config.decoder_start_token_id
        first = readable_tokens(case.loaded.tokenizer, [start or 0], [True])
        found["decoder"] = (*first, *feed.target[:-1])
    if not found:
        raise InputError(
            "what is attributed to tokens has to be a text",
            case.request.question.where,
            "leave this measure out",
        )
    return found


def _baseline(case: Case, asked: Asked) -> tuple[int | None, str]:
    """The token that says nothing, and what readers call the text that is made of it."""
    tokenizer: Any = case.loaded.tokenizer
    n_words = case.loaded.network.get_input_embeddings().weight.shape[0]
    # A mask says nothing only to a model that has learned to read it as a gap.
    ids = [tokenizer.mask_token_id] if asked.kind == "gap" else []
    for id_ in (*ids, tokenizer.pad_token_id):
        if id_ is not None and id_ < n_words:
            return id_, f"the same text with {case.spelled(id_)} in place of every word"
    return None, "the same text with nothing at all, zeros, in place of every word"


def saliency(run: Run, target: Target, side: Side = "encoder") -> NDArray[np.float64]:
    """How sensitive an answer is to each token: the length of its gradient, never negative.

    It says how much would change, not which way, and nothing of what the token is: two tokens of
    one gradient are alike to it, however large their embeddings.

    Source: Simonyan et al. 2014, "Deep Inside Convolutional Networks", arXiv:1312.6034, section 3,
    with the Euclidean length over the dimensions of an embedding, as one number a token.

    Args:
        run: The model, and the text.
        target: The answer.
        side: Of a pair, to which of its texts; of other models there is one.

    Returns:
        ``[token]``, nats for each unit of length that an embedding moves by.

    Raises:
        CaptureError: When the model predicts nothing, its words go other ways, or Captum is
            missing.
    """
    text = EmbeddedText.of(run, target, side)
    gradient = _captum().Saliency(text.answer).attribute(text.embedded(), abs=False)
    return _numbers(gradient[0].norm(dim=-1))


def input_x_gradient(run: Run, target: Target, side: Side = "encoder") -> NDArray[np.float64]:
    """How much an answer would lose with each token, if it were linear in its embedding.

    Source: Shrikumar et al. 2016, "Not Just a Black Box", arXiv:1605.01713, section 3, summed over
    the dimensions of an embedding.

    Args:
        run: The model, and the text.
        target: The answer.
        side: Of a pair, to which of its texts; of other models there is one.

    Returns:
        ``[token]``, in nats.

    Raises:
        CaptureError: When the model predicts nothing, its words go other ways, or Captum is
            missing.
    """
    text = EmbeddedText.of(run, target, side)
    products = _captum().InputXGradient(text.answer).attribute(text.embedded())
    return _numbers(products[0].sum(dim=-1))


def integrated_gradients(
    run: Run,
    target: Target,
    side: Side = "encoder",
    *,
    baseline: int | Sequence[int] | None = None,
    kept: Collection[int] = (),
    tolerance: float = _TOLERANCE,
    most: int = 1024,
) -> Integrated:
    """How much each token adds to an answer, on a straight line from a text that says nothing.

    What says nothing is the question: the values are what makes this text differ *from that one*.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", arXiv:1703.01365,
    section 3, equation 1, by Gauss-Legendre quadrature; that the values sum to the difference of
    both ends is its proposition 1. Summed over the dimensions of an embedding.

    Args:
        run: The model, and the text.
        target: The answer.
        side: Of a pair, to which of its texts; of other models there is one.
        baseline: Where the line begins: another text of as many tokens, by their numbers, such as
            one without what is in question; one token in every place, such as a mask or padding; or
            None for no embeddings, all zeros.
        kept: Places, 0-based, whose tokens stand there all along, such as what a tokenizer added.
        tolerance: By which share of the difference of both ends the values may miss it. As many
            points of the line are taken as that needs, beginning with 32.
        most: Points at most, each of which costs a run and its gradient. A line that begins at no
            embedding at all may need many: what makes states of one size makes much of little.

    Raises:
        CaptureError: When the model predicts nothing, its words go other ways, or Captum is
            missing.
    """
    import torch

    text = EmbeddedText.of(run, target, side)
    line = text.blank(baseline, kept)
    with torch.no_grad():
        end, start = (float(text.answer(embeddings)[0]) for embeddings in (text.own, line))
    integral = _captum().IntegratedGradients(text.answer)
    n_rows = max(1, _TOKENS // text.own.shape[1])
    # Long texts cost more a point, and get fewer.
    most = max(_FEWEST, min(most, _MOST_TOKENS // text.own.shape[1]))
    steps = min(_FEWEST, most)
    while True:
        parts = integral.attribute(text.embedded(), line, n_steps=steps, internal_batch_size=n_rows)
        found = Integrated(_numbers(parts[0].sum(dim=-1)), end, start, steps)
        if found.within(tolerance) or steps == most:
            return found
        steps = min(2 * steps, most)


def _numbers(tensor: Tensor) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return numbers


def _captum() -> Any:
    """The library that computes.

    Raises:
        CaptureError: When it is missing.
    """
    try:
        from captum import attr
    except ImportError as error:
        raise CaptureError(
            f"attribution needs Captum, which cannot be used: {error}",
            hint='pip install "attention-gallery[measures]"',
        ) from error
    return attr
