"""A chat as the one text that a model reads, and where in it stands what the author wrote.

A model that was trained to chat knows who speaks from marks that its template writes between the
turns. The template is a Jinja program that comes with the tokenizer; transformers runs it in a
sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.text.words import Span
from attention_gallery.errors import ModelError, printable
from attention_gallery.terms import BETWEEN_TURNS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

# Characters that Unicode keeps free for a program's own use, so that no text holds them.
_BEGIN, _SAYS, _END = "\ufdd0", "\ufdd1", "\ufdd2"
_MARKED = re.compile(f"{_BEGIN}([0-9]+){_SAYS}(.*?){_END}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Script:
    """A chat as its model reads it.

    Attributes:
        text: All of it, with what the template wrote.
        turns: Where in `text` each turn stands that was found, and where it begins in the
            sentence's own text.
    """

    text: str
    turns: tuple[tuple[Span, int], ...]

    def own(self, span: Span | None) -> Span | None:
        """Where a part of the whole stands in the sentence's own text.

        Args:
            span: The part; what lies outside of the first turn it touches does not count.

        Returns:
            None for what the template wrote.
        """
        for (start, end), begin in self.turns:
            if span and span[0] < end and start < span[1]:
                shift = begin - start
                return max(span[0], start) + shift, min(span[1], end) + shift
        return None


def write_script(tokenizer: PreTrainedTokenizerBase, chat: Sequence[tuple[str, str]]) -> Script:
    """Write a chat as its model reads it.

    Unless the model itself spoke last, its turn is opened, as it would be for its answer.

    Args:
        tokenizer: Whose template writes it.
        chat: The turns: who speaks, and what.

    Raises:
        ModelError: When the tokenizer has no template, or its template refuses the chat.
    """
    text = render(tokenizer, chat)
    marked = render(
        tokenizer, [(role, _mark(content, n)) for n, (role, content) in enumerate(chat)]
    )
    # Some templates look into what is said. Where that shows, nothing is known of places.
    same = _MARKED.sub(r"\2", marked) == text
    return Script(text, _turns(marked, chat) if same else ())


def _turns(marked: str, chat: Sequence[tuple[str, str]]) -> tuple[tuple[Span, int], ...]:
    """Find the turns in what a template made of marked ones; it may have dropped some."""
    lengths = (len(content) + len(BETWEEN_TURNS) for _, content in chat)
    begins = list(accumulate(lengths, initial=0))
    turns = []
    n_marks = 0  # characters of marks, which are not in the text
    for match in _MARKED.finditer(marked):
        _, content = chat[int(match[1])]
        start = match.start() - n_marks
        n_marks += len(match[0]) - len(match[2])
        begin = begins[int(match[1])] + len(content) - len(content.lstrip())
        turns.append(((start, start + len(match[2])), begin))
    return tuple(turns)


def _mark(content: str, number: int) -> str:
    """What is said between marks, with the space around it outside, where it may be cut off."""
    said = content.strip()
    return content.replace(said, f"{_BEGIN}{number}{_SAYS}{said}{_END}", 1)


def render(
    writer: PreTrainedTokenizerBase | ProcessorMixin, chat: Sequence[tuple[str, Any]]
) -> str:
    """Let a template write a chat.

    Args:
        writer: A tokenizer; or a processor, whose template may want each turn in parts.
        chat: The turns.

    Raises:
        ModelError: When there is none, or it refuses.
    """
    from jinja2 import TemplateError

    if not writer.chat_template:
        raise ModelError(
            "the tokenizer has no chat template: the model was not made to chat",
            hint="write text instead of chat, or choose a model that was trained on chats",
        )
    try:
        return str(
            writer.apply_chat_template(
                [{"role": role, "content": content} for role, content in chat],
                tokenize=False,
                add_generation_prompt=chat[-1][0] != "assistant",
            )
        )
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"the model's chat template refuses the chat: {printable(str(error), 200)}",
            hint="most want user and assistant in turn, the user first; many know no system",
        ) from error
