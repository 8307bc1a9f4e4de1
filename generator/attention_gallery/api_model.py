"""A model behind an API: what stands for its capture, and for what is measured of it, from a file.

Nothing is run. The interface tells no attention, so there are no layers; how likely it held the
tokens of its answer is all there is to show.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from attention_gallery import __version__, api_answer
from attention_gallery.codes import Layers
from attention_gallery.digests import digest_file
from attention_gallery.errors import InputError
from attention_gallery.terms import (
    Attention,
    Capture,
    CaptureRequest,
    Measured,
    MeasureRequest,
    Model,
    Provenance,
    Token,
)

MEASURE = "predictions"
"""The one measure whose place an answer takes."""


def captured(request: CaptureRequest) -> Capture:
    """The tokens of a saved answer, with an attention that has no layers.

    Raises:
        InputError: When the file cannot be read, or does not tell what is needed.
    """
    _, facts = _answer(request.model)
    tokens = tuple(Token(text, generated=True) for text in facts["tokens"])
    attention = Attention("decoder", tokens, tokens, Layers(()), causal=True)
    return Capture(request.key, {"decoder": attention}, _provenance(request.model, facts["model"]))


def measured(request: MeasureRequest) -> Measured:
    """What a saved answer tells of its tokens.

    Raises:
        InputError: When something else is to be measured, or the file is not as it should be.
    """
    if request.measure != MEASURE:
        raise InputError(
            f"{request.measure} cannot be measured of a model behind an API",
            next(iter(request.wheres), None),
            "what it tells of its answer is all there is: views: [predictions]",
        )
    arrays, facts = _answer(request.model)
    title = {"title": "Log-probabilities that the API told"}
    provenance = _provenance(request.model, facts["model"])
    return Measured(request.key, request.measure, arrays, {**title, **facts}, provenance)


def _answer(model: Model) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What a saved answer tells.

    Raises:
        InputError: When it cannot be read, does not tell what is needed, or has changed.
    """
    path = Path(model.location)
    found = api_answer.measured(path)
    if digest_file(path) != model.revision:
        raise InputError(f"{model.source} changed while it was read", model.where, "run again")
    return found


def _provenance(model: Model, name: str) -> Provenance:
    return Provenance(
        source=model.source,
        commit=model.revision,
        architecture=f"{name or 'a model'}, behind an API",
        tokenizer="",
        dtype="",
        device="",
        versions={"attention-gallery": __version__},
        date=datetime.date.today().isoformat(),
    )
