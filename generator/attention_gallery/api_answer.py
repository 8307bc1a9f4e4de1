"""An answer that an API gave, with its log-probabilities, read from a file: no model is run.

Of a model that cannot be run, some interfaces tell how likely each token was that it wrote, and
what else it might have written. Both forms of OpenAI's interface are read, which others have taken
over: that of chats, ``choices[].logprobs.content[]``, and that of plain completions,
``choices[].logprobs.tokens`` and beside it ``token_logprobs``, ``top_logprobs``, ``text_offset``.
What is found has the form of the measure ``predictions``, so that it is shown as that is.

Source: OpenAI API reference, the objects "chat completion" and "completion".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from attention_gallery.errors import InputError, Where, printable, quoted, raise_faults

_LARGEST = 50_000_000  # bytes

_UNTOLD = -9999.0
"""What the interface writes for a token that is very unlikely, without saying how much."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A token that may stand at a place.

    Attributes:
        text: The token.
        log_probability: How likely it is there, in nats.
    """

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Written:
    """A token of an answer.

    Attributes:
        text: The token.
        log_probability: How likely it was, in nats; None where that is not told.
        guesses: What was likely there, the likeliest first, as many as the interface was asked for.
    """

    text: str
    log_probability: float | None
    guesses: tuple[Guess, ...] = ()

    @property
    def rank(self) -> int:
        """Which of the guesses it is, 0-based; -1 for none."""
        texts = [guess.text for guess in self.guesses]
        return texts.index(self.text) if self.text in texts else -1


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API told of one answer.

    Attributes:
        model: What it calls the model; empty where it does not say.
        tokens: In the order in which they were written.
    """

    model: str
    tokens: tuple[Written, ...]


def measured(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """An answer in the form of the measure ``predictions``.

    Args:
        path: A JSON file: the whole of an answer.

    Returns:
        Arrays:

        - ``surprisal``, float64 ``[place]``, in bits; NaN where it is not told.
        - ``probability``, float64 ``[place, guess]``: of the likeliest tokens, the first before
          all; NaN where fewer are told than elsewhere.

        Facts:

        - ``kind``: ``api``.
        - ``model``: what the interface calls the model; empty where it does not say.
        - ``tokens``, ``special``, ``guesses``, ``ranks``: as that measure has them; no token is
          special.

    Raises:
        InputError: When it cannot be read, or does not tell what is needed.
        FaultsError: When there are several faults; each with its place in the file's data.
    """
    answer = read_answer(path)
    n_guesses = max(len(token.guesses) for token in answer.tokens)
    surprisal = np.full(len(answer.tokens), np.nan)
    probability = np.full((len(answer.tokens), n_guesses), np.nan)
    for place, token in enumerate(answer.tokens):
        if token.log_probability is not None:
            # What is above 0 is so by rounding; and there are no -0 bits.
            surprisal[place] = max(0.0, 0.0 - token.log_probability) / math.log(2)
        for rank, guess in enumerate(token.guesses):
            probability[place, rank] = min(1.0, math.exp(guess.log_probability))
    facts = {
        "kind": "api",
        "model": answer.model,
        "tokens": [_readable(token.text) for token in answer.tokens],
        "special": [False] * len(answer.tokens),
        "guesses": [[_readable(guess.text) for guess in token.guesses] for token in answer.tokens],
        "ranks": [token.rank for token in answer.tokens],
    }
    return {"surprisal": surprisal, "probability": probability}, facts


def read_answer(path: Path) -> Answer:
    """Read what an API answered; of several answers the first.

    Args:
        path: A JSON file: the whole of an answer.

    Raises:
        InputError: When it cannot be read, or does not tell what is needed.
        FaultsError: When there are several faults; each with its place in the file's data.
    """
    where = Where(str(path))
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError("the answer is larger than 50 MB, and no page shows as much", where)
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the log-probabilities cannot be read: {error}", where) from error
    except json.JSONDecodeError as error:
        place = Where(str(path), error.lineno, error.colno)
        raise InputError(f"this is no JSON: {error.msg}", place) from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of many digits
        raise InputError("this is no answer of an API", where) from error
    form = _Completion if _is_completion(data) else _Chat
    try:
        answer = form.model_validate(data)
    except ValidationError as error:
        raise_faults([_fault(fault, where) for fault in error.errors()])
        raise
    return Answer(answer.model, answer.choices[0].logprobs.tokens_written())


_Logprob = Annotated[float, Field(le=1e-6, allow_inf_nan=False)]  # above 0 by rounding


class _Form(BaseModel):
    # An interface may tell more than is needed here, but what it tells must be of the right kind.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Candidate(_Form):
    """A token that may stand at a place of a chat."""

    token: str
    logprob: _Logprob
    bytes: list[Annotated[int, Field(ge=0, le=255)]] | None = None

    def text(self) -> str:
        """Its text; a part of a character is told as the interface spells it."""
        try:
            return bytes(self.bytes or ()).decode("utf-8") or self.token
        except UnicodeDecodeError:
            return self.token


class _ChatToken(_Candidate):
    """A token of a chat, and what else might have stood there."""

    top_logprobs: list[_Candidate]


class _ChatLogprobs(_Form):
    content: list[_ChatToken] = Field(min_length=1)

    def tokens_written(self) -> tuple[Written, ...]:
        return tuple(
            _written(
                one.text(),
                one.logprob,
                [Guess(other.text(), other.logprob) for other in one.top_logprobs],
            )
            for one in self.content
        )


class _CompletionLogprobs(_Form):
    """What is told of a completion: lists that have something for each token.

    The first token is expected from nothing where the prompt was echoed.
    """

    tokens: list[str] = Field(min_length=1)
    token_logprobs: list[_Logprob | None]
    top_logprobs: list[dict[str, _Logprob] | None] | None = None
    text_offset: list[Annotated[int, Field(ge=0)]] | None = None

    @model_validator(mode="after")
    def _fit(self) -> _CompletionLogprobs:
        lists = {
            "token_logprobs": self.token_logprobs,
            "top_logprobs": self.top_logprobs,
            "text_offset": self.text_offset,
        }
        n_tokens = len(self.tokens)
        unfit = [
            f"{len(told)} {name}"
            for name, told in lists.items()
            if told is not None and len(told) != n_tokens
        ]
        if unfit:
            raise ValueError(f"{' and '.join(unfit)} for {n_tokens} tokens")
        return self

    def tokens_written(self) -> tuple[Written, ...]:
        others = self.top_logprobs or [None] * len(self.tokens)
        return tuple(
            _written(token, logprob, [Guess(*guess) for guess in (candidates or {}).items()])
            for token, logprob, candidates in zip(
                self.tokens, self.token_logprobs, others, strict=True
            )
        )


class _ChatChoice(_Form):
    logprobs: _ChatLogprobs


class _CompletionChoice(_Form):
    logprobs: _CompletionLogprobs


class _Chat(_Form):
    model: str = ""
    choices: list[_ChatChoice] = Field(min_length=1)


class _Completion(_Form):
    model: str = ""
    choices: list[_CompletionChoice] = Field(min_length=1)


def _written(text: str, logprob: float | None, guesses: list[Guess]) -> Written:
    return Written(
        text,
        None if logprob == _UNTOLD else logprob,
        tuple(sorted(guesses, key=lambda guess: -guess.log_probability)),
    )


def _readable(text: str) -> str:
    """A token as those of other models are written: without the space that sets it off."""
    shown = text.strip(" ") or "␣" * len(text)
    return printable(shown.replace("\n", "⏎").replace("\t", "⇥"))


def _is_completion(data: Any) -> bool:
    """Whether an answer is of the older form, which has its tokens in a list of their own."""
    try:
        return "tokens" in data["choices"][0]["logprobs"]
    except (KeyError, IndexError, TypeError):
        return False


def _fault(fault: Any, where: Where) -> InputError:
    """Say what is wrong with which part of a file."""
    path, kind, given = _path(fault["loc"]), fault["type"], fault["input"]
    unasked = path.endswith((".logprobs", ".content")) and (kind == "missing" or given is None)
    hint = "ask the interface for logprobs" if unasked else ""
    if kind == "value_error":
        wrong = str(fault["ctx"]["error"])
    elif kind == "missing":
        wrong = "missing"
    else:
        wrong = _PLAIN[kind].format(**fault.get("ctx", {})) if kind in _PLAIN else fault["msg"]
        if given is None or isinstance(given, str | int | float):
            wrong += f", not {printable(json.dumps(given, ensure_ascii=False))}"
    return InputError(f"{path}: {wrong}" if path else f"the answer {wrong}", where, hint)


def _path(place: Sequence[int | str]) -> str:
    """A place in the data as one reads it: ``choices[0].logprobs``."""
    parts = (
        f"[{part}]"
        if isinstance(part, int)
        else f".{part if re.fullmatch(r'[a-z_]+', part) else quoted(part)}"
        for part in place
    )
    return "".join(parts).removeprefix(".")


_PLAIN = {
    "string_type": "should be a text",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "list_type": "should be a list",
    "dict_type": "should be an object",
    "model_type": "should be an object",
    "too_short": "should not be empty",
    "finite_number": "should be a finite number",
    "greater_than_equal": "should be {ge:g} or more",
    "less_than_equal": "should be {le:.0f} or less",
}
