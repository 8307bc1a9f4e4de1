"""What a model expects at each place of a text, and how surprised it is by what stands there.

Surprisal is counted in bits: one for what was as likely as not, ten for one in a thousand. Numbers
and names are made by `capture.predictions`, as they are beside attention; here is what a model is
asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from attention_gallery.capture.predictions import predictions
from attention_gallery.capture.seam.intervention import answer
from attention_gallery.errors import CaptureError
from attention_gallery.language import marked
from attention_gallery.measures.apparatus import rows
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.terms import Predictions, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from attention_gallery.measures import Found
    from attention_gallery.measures.apparatus.case import Case

TITLE = marked("Surprisal")
READS: Literal["sentence"] = "sentence"
ASKS = False


def measure(case: Case) -> Found:
    """What a model expects at each place, and how surprising what stands there is.

    A model that writes is asked for each token what comes after those before it, and what comes
    after the last; the decoder of a pair for each token of its target, its end among them. A model
    that fills gaps is asked for each token of the author's what stands in its place. Tokens that
    its tokenizer added are no part of what was said, and are not hidden.

    Returns:
        Arrays:

        - ``surprisal``, float64 ``[place]``, in bits; NaN where nothing is asked, such as of the
          first word, or nothing stands, as in a gap or after the end.
        - ``probability``, float64 ``[place, guess]``: of the likeliest tokens there, the first
          before all; NaN where nothing is asked.

        Facts:

        - ``kind``: ``next``, ``translation`` or ``gap``.
        - ``tokens``: the text of each place; empty after the end.
        - ``special``: for each place, whether the tokenizer added what stands there.
        - ``guesses``: for each place the texts of the likeliest tokens; none where nothing is
          asked.
        - ``ranks``: for each place which of these stands there, 0-based; -1 for none.

    Raises:
        GalleryError: When the model predicts no words, or the sentence does not fit it.
    """
    loaded, feed = case.loaded, case.feed()
    run, tokenizer = Run.of(loaded, feed), loaded.tokenizer
    kind, there = "gap", feed.tokens
    of_place: dict[int, int]  # the row of `found` that is about it
    if tokenizer is None or not loaded.network.can_generate():
        mask = getattr(tokenizer, "mask_token_id", None)
        if tokenizer is None or mask is None:
            raise CaptureError(
                f"{type(loaded.network).__name__} neither writes nor fills gaps",
                hint="a model is needed that does",
            )
        own = [i for i, token in enumerate(there) if not token.special]
        of_place = {place: row for row, place in enumerate(own)}
        found = fillings(run, tokenizer, mask, {i: there[i] for i in own})
    elif feed.target:
        kind, there = "translation", feed.target
        of_place = {row: row for row in range(len(there))}
        found = expectations(run, tokenizer, there)
    else:
        kind, there = "next", (*there, Token(""))
        # Nobody writes the patches of an image within a text.
        after = [None if i in feed.image else token for i, token in enumerate(feed.tokens)]
        of_place = {row + 1: row for row in range(len(feed.tokens))}
        found = expectations(run, tokenizer, (*after[1:], None))
    surprisal = np.full(len(there), np.nan)
    probability = np.full((len(there), found.probabilities.shape[1]), np.nan)
    guesses: list[list[str]] = [[] for _ in there]
    ranks = [-1] * len(there)
    for place, row in of_place.items():
        likeliest, stands = found.likeliest[row], found.follows[row]
        guesses[place] = [guess.text for guess in likeliest]
        probability[place] = found.probabilities[row]
        if stands:
            surprisal[place] = found.surprisals[row]
            among = [guess.id == stands.id for guess in likeliest]
            ranks[place] = among.index(True) if True in among else -1
    facts = {
        "kind": kind,
        "tokens": [token.text for token in there],
        "special": [token.special for token in there],
        "guesses": guesses,
        "ranks": ranks,
    }
    return {"surprisal": surprisal, "probability": probability}, facts


def expectations(
    run: Run, tokenizer: PreTrainedTokenizerBase, follows: Sequence[Token | None]
) -> Predictions:
    """What a model that writes expects of each token, from those before it.

    Of a pair, what its decoder expects of each token that it is to write, from the text and from
    the tokens before.

    Source: Shannon 1948, "A Mathematical Theory of Communication", section 6; for reading Hale
    2001, "A Probabilistic Earley Parser as a Psycholinguistic Model".

    Args:
        run: The model, and the text.
        tokenizer: Names tokens.
        follows: For each token that is read the one that comes next; None for nothing.

    Returns:
        A row for each token that is read.

    Raises:
        CaptureError: When the model predicts no words, or sees those that it is to predict.
    """
    import torch

    with torch.no_grad():
        logits = _of_words(run)
        _check_causal(run, logits)
    return predictions(tokenizer, logits, follows)


def fillings(
    run: Run,
    tokenizer: PreTrainedTokenizerBase,
    mask: int,
    there: Mapping[int, Token],
) -> Predictions:
    """What a model that fills gaps expects of tokens, each from all the others.

    Each is hidden in turn, and the model asked what stands there.

    Source: Salazar et al. 2020, "Masked Language Model Scoring", arXiv:1910.14659, section 2.

    Args:
        run: The model, and the text; it may have gaps already.
        tokenizer: Names tokens.
        mask: The token that stands for a gap.
        there: What is asked: places, 0-based, and what stands there. Each costs a run.

    Returns:
        A row for each place that is asked; in what is a gap already, nothing follows.

    Raises:
        CaptureError: When the model predicts no words.
    """
    import torch

    def answers(places: Sequence[int | None]) -> Tensor:
        inputs = rows.repeated(run, len(places))
        for row, place in enumerate(places):
            if place is not None:
                inputs["input_ids"][row, place] = mask
        logits: Tensor = answer(run.network, inputs).logits
        # Of a text as it is the first place is as good as any.
        return logits[torch.arange(len(places)), [place or 0 for place in places]]

    with torch.no_grad():
        plain = _of_words(run)[0]
        logits = rows.each([*there], plain, answers, rows.affordable(len(run.ids)))
    follows = [None if token.id == mask else token for token in there.values()]
    return predictions(tokenizer, logits, follows)


def _of_words(run: Run) -> Tensor:
    """Logits of words, ``[place, word]``.

    Raises:
        CaptureError: When a model predicts something else.
    """
    logits = run.logits()
    if logits.ndim != 2 or run.network.get_output_embeddings() is None:
        raise CaptureError(
            f"{type(run.network).__name__} predicts labels, and no words",
            hint="a model is needed that writes, or fills gaps",
        )
    return logits


def _check_causal(run: Run, logits: Tensor) -> None:
    """See that what a model says at a place does not depend on the tokens after it.

    Raises:
        CaptureError: When it does.
    """
    names = ("labels", "decoder_input_ids") if run.network.config.is_encoder_decoder else ()
    name = next((name for name in names if name in run.inputs), "input_ids")
    others = run.inputs[name].clone()
    n_tokens = others.shape[1]
    if n_tokens == 1:
        return
    last = -2 if name == "labels" else -1  # that is fed: the last label is only predicted
    others[:, last] = (others[:, last] + 1) % logits.shape[-1]
    changed = Run(run.network, {**run.inputs, name: others}, run.ids).logits()
    if not _same(changed[: n_tokens - 1], logits[: n_tokens - 1]):
        raise CaptureError(
            f"{type(run.network).__name__} sees the words that it would have to expect",
            hint="choose a model that reads from left to right, or one that fills gaps",
        )


def _same(one: Tensor, other: Tensor) -> bool:
    import torch

    return bool(torch.allclose(one, other, rtol=rows.ROUNDING, atol=rows.ROUNDING))
