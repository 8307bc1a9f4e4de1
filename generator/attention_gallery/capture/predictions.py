"""What a model that writes holds likely to come next, at each token its decoder reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from attention_gallery.capture.text.tokens import readable_tokens
from attention_gallery.errors import CaptureError
from attention_gallery.terms import Predictions, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

N_LIKELIEST = 5
"""How many of the likeliest tokens are kept; all others together have what is left."""


@contextmanager
def answered(network: PreTrainedModel, *, wanted: bool) -> Iterator[list[Tensor]]:
    """Watch what a model gives its whole vocabulary while it runs.

    Args:
        network: A model with a language-model head.
        wanted: Whether to; otherwise nothing is held.

    Yields:
        A list that holds the logits, ``[sentence, row, word]``, once the model has run.

    Raises:
        CaptureError: When it has run and gave none.
    """
    logits: list[Tensor] = []
    if not wanted:
        yield logits
        return

    def note(_: object, __: object, answer: Any) -> None:
        logits[:] = [answer["logits"]] if "logits" in answer else []

    hook = network.register_forward_hook(note)
    try:
        yield logits
    finally:
        hook.remove()
    if not logits:
        raise CaptureError(
            f"{type(network).__name__} does not say what it holds likely to come next",
            hint="take generation out of the views, or choose a model that writes",
        )


def predictions(
    tokenizer: PreTrainedTokenizerBase, logits: Tensor, follows: Sequence[Token | None]
) -> Predictions:
    """Say of each row which tokens were held likeliest, and how surprising the next one is.

    Args:
        tokenizer: Names the tokens.
        logits: ``[row, word]``, what the softmax over the vocabulary is taken of.
        follows: For each row the token that does come next, if any.

    Raises:
        CaptureError: When there is no distribution for each row.
    """
    if len(logits) != len(follows):
        raise CaptureError(
            f"the model answers at {len(logits)} places, where its decoder reads {len(follows)}"
        )
    logits = logits.float()
    logits = logits - logits.logsumexp(dim=-1, keepdim=True)
    if logits.isnan().any():
        raise CaptureError(
            "what the model holds likely to come next are not numbers",
            hint="a model that runs in half precision may do better with dtype: float32",
        )
    n_ranks = min(N_LIKELIEST, logits.shape[-1])
    best = logits.topk(n_ranks)
    ids = best.indices.flatten().tolist()
    special = set(tokenizer.all_special_ids)
    named = readable_tokens(tokenizer, ids, [id_ in special for id_ in ids])
    # Of a row where nothing follows, the token asked about is any: its surprise is not told.
    asked = best.indices.new_tensor([token.id if token else 0 for token in follows])
    given = logits.gather(1, asked[:, None])[:, 0].cpu().numpy()
    told = np.array([token is not None for token in follows])
    return Predictions(
        likeliest=tuple(named[i : i + n_ranks] for i in range(0, len(named), n_ranks)),
        probabilities=best.values.exp().cpu().numpy(),
        follows=tuple(follows),
        # Adding zero makes a plain zero of a negative one.
        surprisals=np.where(told, -given / np.float32(np.log(2)), 0).astype(np.float32) + 0,
    )
