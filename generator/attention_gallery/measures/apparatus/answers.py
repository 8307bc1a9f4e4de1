"""From the question an author asks to a number of the model's answer, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from attention_gallery.capture.feeds import Feed
from attention_gallery.capture.model.loading import LoadedModel
from attention_gallery.capture.text.tokens import read, readable_tokens
from attention_gallery.errors import InputError, choices, listing, quoted
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target
from attention_gallery.terms import Question, Token

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["next", "gap", "translation", "label"]
"""What a model answers: the word that comes next, the word in a gap, the next word of what it
writes beside a text that it reads, or the class of a whole text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a model understands it.

    Attributes:
        target: The number of its answer.
        kind: What it answers.
        word: The word or class that is asked about.
        rather_than: The other one; empty for none.
        after: The token at which it answers; empty for a class.
        value: What it answers, in `unit`.
        probability: Of the word or class, from 0 to 1; None of what is a number on a scale.
    """

    target: Target
    kind: Kind
    word: str
    rather_than: str
    after: str
    value: float
    probability: float | None

    @property
    def unit(self) -> str:
        """Of `value`: the logarithm of a probability and a difference of words' logits are nats."""
        return "logits" if self.kind == "label" else "nats"

    @property
    def said(self) -> str:
        """The question in a few words."""
        word = f"“{self.word}”" + (f" rather than “{self.rather_than}”" if self.rather_than else "")
        return f"{word} at “{self.after}”" if self.after else word

    def facts(self) -> Mapping[str, Any]:
        """The same as JSON has it."""
        return {
            "kind": self.kind,
            "word": self.word,
            "rather_than": self.rather_than,
            "at": self.target.position,
            "after": self.after,
            "value": self.value,
            "unit": self.unit,
            "probability": self.probability,
        }


def asked(loaded: LoadedModel, feed: Feed, run: Run, question: Question) -> Asked:
    """Find the number of an answer that a question is about.

    Args:
        loaded: The model.
        feed: The sentence.
        run: The model on the sentence.
        question: What the author asks; what is left open is found in the text, or is what the model
            holds likeliest.

    Raises:
        CaptureError: When the model predicts nothing.
        InputError: When it gives no such answer.
    """
    import torch

    with torch.no_grad():
        logits = run.logits()
    if logits.ndim == 1:
        return _class(loaded, logits, question)
    kind, rows, there = _places(loaded, feed, question)
    at = question.at
    if at is None:
        at = _default(kind, loaded, rows, there, chat=bool(feed.request.sentence.chat))
    elif not 0 <= at < len(logits):
        raise InputError(
            f"the model does not answer at token {at}",
            question.where,
            f"its {len(logits)} tokens are numbered 0 to {len(logits) - 1}",
        )
    row = logits[at]
    written = there[at] if at < len(there) else None
    if question.word:
        token = _token(loaded, kind, question.word, row, question)
    elif written is not None and not written.special:
        token = written.id
    else:
        token = int(row.argmax())
    against = None
    if question.rather_than:
        against = _token(loaded, kind, question.rather_than, row, question)
    target = Target(token, at, against)
    spelled = [_spelled(loaded, each) for each in (token, against) if each is not None]
    return Asked(
        target,
        kind,
        spelled[0],
        spelled[1] if against is not None else "",
        rows[at].text,
        float(target.of(logits[None])[0]),
        float(row.double().softmax(dim=-1)[token]),
    )


def _class(loaded: LoadedModel, logits: Tensor, question: Question) -> Asked:
    """What is asked about the class of a text.

    Raises:
        InputError: When there is no such class, or a place is asked about.
    """
    names = [str(name) for _, name in sorted(loaded.network.config.id2label.items())]
    if question.at is not None:
        raise InputError(
            "the model gives one answer for the whole text, and none at a token",
            question.where,
            "leave at out",
        )

    def number(name: str) -> int:
        if name not in names:
            hint = choices(name, names, "classes")
            raise InputError(f"the model knows no class {quoted(name)}", question.where, hint)
        return names.index(name)

    token = number(question.word) if question.word else int(logits.argmax())
    against = number(question.rather_than) if question.rather_than else None
    target = Target(token, against=against, normed=False)
    return Asked(
        target,
        "label",
        names[token],
        question.rather_than,
        "",
        float(target.of(logits[None])[0]),
        _chance(loaded.network.config, logits, token),
    )


def _chance(config: Any, logits: Tensor, token: int) -> float | None:
    """The probability of a class; None of what is no class but a number on a scale."""
    problem = getattr(config, "problem_type", None)
    if len(logits) == 1 or problem == "regression":
        return None
    shares = logits.double()
    several = problem == "multi_label_classification"
    return float((shares.sigmoid() if several else shares.softmax(dim=-1))[token])


def _places(
    loaded: LoadedModel, feed: Feed, question: Question
) -> tuple[Kind, Sequence[Token], Sequence[Token | None]]:
    """Where a model answers.

    Returns:
        What it answers, the token of each place, and what is written there: in a gap nothing.

    Raises:
        InputError: When the sentence is no text.
    """
    if not feed.tokens and not feed.target:
        raise InputError(
            "what is asked about has to be a text", question.where, "leave this measure out"
        )
    if feed.target:
        start = loaded.network.config.decoder_start_token_id
        first = readable_tokens(loaded.tokenizer, [start or 0], [True])
        return "translation", (*first, *feed.target[:-1]), feed.target
    if loaded.network.can_generate():
        return "next", feed.tokens, (*feed.tokens[1:], None)
    gap = _gap(loaded)
    return "gap", feed.tokens, tuple(None if t.id == gap else t for t in feed.tokens)


def _default(
    kind: Kind,
    loaded: LoadedModel,
    rows: Sequence[Token],
    there: Sequence[Token | None],
    *,
    chat: bool,
) -> int:
    """Where a question is asked that does not say.

    Raises:
        InputError: When there is no gap.
    """
    words = [i for i, token in enumerate(there) if i == 0 or (token and not token.special)]
    if kind == "translation":
        return words[-1]
    if kind == "next":
        # After an end nothing comes. What opens a turn of a chat is special too, and no end.
        written = any(token.generated for token in rows)
        last = words[-1] if written else len(rows) - 1
        end = getattr(loaded.tokenizer, "eos_token_id", None)
        ends = rows[last].special and rows[last].id == end
        return last - 1 if ends and last and not chat else last
    gaps = [i for i, token in enumerate(there) if token is None]
    if not gaps:
        mask = getattr(loaded.tokenizer, "mask_token", None) or "[MASK]"
        raise InputError(
            "the model fills gaps, and the sentence has none",
            hint=f"write {mask} where a word is asked for, or ask at a token: ask: {{at: 3}}",
        )
    return gaps[0]


def _gap(loaded: LoadedModel) -> int | None:
    mask: int | None = getattr(loaded.tokenizer, "mask_token_id", None)
    return mask


def _token(loaded: LoadedModel, kind: Kind, word: str, row: Tensor, question: Question) -> int:
    """The number of a word that is one token; of several, the one the model holds likelier.

    Many vocabularies have a word twice, with a space before it and without.

    Raises:
        InputError: When there is none.
    """
    found = []
    for spelling in (word, f" {word}"):
        tokens = read(loaded.tokenizer, spelling, as_target=kind == "translation").tokens
        own = [token for token in tokens if not token.special]
        if len(own) == 1 and own[0].id != getattr(loaded.tokenizer, "unk_token_id", None):
            found.append(own[0].id)
    if not found:
        parts = read(loaded.tokenizer, word).tokens
        hint = listing((token.text for token in parts if not token.special), "its tokens are")
        raise InputError(f"{quoted(word)} is not one token of the model", question.where, hint)
    return max(found, key=lambda id_: float(row[id_]))


def _spelled(loaded: LoadedModel, id_: int) -> str:
    return readable_tokens(loaded.tokenizer, [id_], [False])[0].text
