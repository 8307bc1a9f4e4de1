"""The shape of what a reader is asked to predict, beside the exhibit that it is asked about."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from attention_gallery.manifest.strict import Shape, WrongValueError
from attention_gallery.manifest.values import HeadName, Text, showable


def _token(token: Any) -> str | int:
    # To Python, true is a number.
    if isinstance(token, str) and token.strip():
        return showable(token.strip())
    if isinstance(token, int) and not isinstance(token, bool) and token >= 0:
        return token
    raise WrongValueError(
        "must be a token, or its number",
        "write jumps, or 4 for the fifth token; in quotes if YAML reads it as something else",
    )


class PredictionShape(Shape):
    """Where will a head look: the row of which head, and what is said before and after."""

    head: HeadName | None = Field(
        None, description="The head, such as L5H1. By default the one the exhibit opens with."
    )
    token: (
        Annotated[
            str | int,
            PlainValidator(_token),
            WithJsonSchema({"type": ["string", "integer"], "minLength": 1, "minimum": 0}),
        ]
        | None
    ) = Field(
        None,
        description="The token that looks, or its number, counted from 0. By default the one the "
        "exhibit opens with.",
    )
    ask: Text = Field(
        "", description="The question, as Markdown. By default: which tokens will it look at?"
    )
    reveal: Text = Field("", description="What is said with the answer, as Markdown.")
