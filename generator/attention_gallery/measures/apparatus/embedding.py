"""A text as the embeddings of its tokens, which can be other ones than those of any token.

The module that makes embeddings is found by the library's own word for it, and what it makes is
exchanged as it passes; positions, scales and norms come after it, and are the model's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from attention_gallery.capture.seam.intervention import answer
from attention_gallery.errors import CaptureError
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.measures.apparatus.targets import Target

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Side = Literal["encoder", "decoder"]
"""Of a pair: the text that is read, or what its decoder is fed of the text that is written."""

_IDS = ("input_ids", "decoder_input_ids")
_ROUNDING = 1e-4  # of logits, when the same is computed again


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedText:
    """A text, the model that reads it, and what is asked of its answer.

    Attributes:
        run: The model, and all it is fed.
        target: What is read off its answer.
        stack: What of the model reads the text.
        words: What makes embeddings of tokens; both sides of a pair may share it.
        ids: Its tokens, ``[1, token]``.
        own: What the model makes of them, ``[1, token, dimension]``.
    """

    run: Run
    target: Target
    stack: Any
    words: Module
    ids: Tensor
    own: Tensor

    @classmethod
    def of(cls, run: Run, target: Target, side: Side) -> EmbeddedText:
        """Find what a model makes of words, and see that it takes nothing else from them.

        Raises:
            CaptureError: When it does, or predicts nothing.
        """
        import torch

        network = run.network
        by_more = CaptureError(
            f"{type(network).__name__} knows its words by more than their embeddings",
            hint="leave the measure out, or choose another model",
        )
        stack: Any = network
        if network.config.is_encoder_decoder:
            stack = network.get_encoder() if side == "encoder" else network.get_decoder()
        words = getattr(stack, "get_input_embeddings", network.get_input_embeddings)()
        with torch.no_grad(), _embedding(stack, words) as passed:
            plain = run.logits()
        if len(passed) != 1 or passed[0][0].ndim != 2:  # nothing that is looked up, or twice
            raise by_more
        text = cls(run, target, stack, words, *passed[0])
        # Other words with these embeddings have to be these words. Those at both ends may have to
        # stay where they are: some models ask at which place the last one is.
        others = text.ids.clone()
        others[:, 1:-1] = others[:, 1:-1].flip(-1)
        inputs = {
            name: others if name in _IDS and torch.equal(given, text.ids) else given
            for name, given in run.inputs.items()
        }
        with torch.no_grad(), _embedding(stack, words, text.own):
            logits = answer(network, inputs).logits[0]
        if not torch.allclose(logits, plain, rtol=_ROUNDING, atol=_ROUNDING):
            raise by_more
        return text

    def embedded(self) -> Tensor:
        """The text, to take a gradient by."""
        return self.own.clone().requires_grad_()

    def blank(self, baseline: int | Sequence[int] | None, kept: Collection[int]) -> Tensor:
        """The text that says nothing, but for the places that are kept.

        Raises:
            CaptureError: When it has not as many tokens.
        """
        import torch

        n_tokens = self.ids.shape[1]
        if baseline is None:
            start = torch.zeros_like(self.own)
        else:
            ids = [baseline] * n_tokens if isinstance(baseline, int) else list(baseline)
            if len(ids) != n_tokens:
                raise CaptureError(
                    f"the baseline has {len(ids)} tokens, and the text {n_tokens}",
                    hint="a baseline has a token for each of the text's",
                )
            with torch.no_grad():
                start = self.words(self.ids.new_tensor([ids]))
        places = list(kept)
        start[:, places] = self.own[:, places]
        return start

    def answer(self, embeddings: Tensor) -> Tensor:
        """What the model answers to other embeddings.

        Args:
            embeddings: ``[row, token, dimension]``.

        Returns:
            ``[row]``.
        """
        n_rows, run = len(embeddings), self.run
        many = {name: given.repeat_interleave(n_rows, 0) for name, given in run.inputs.items()}
        with _embedding(self.stack, self.words, embeddings):
            return self.target.of(answer(run.network, many).logits)


@contextmanager
def _embedding(
    stack: Module, words: Module, instead: Tensor | None = None
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """See what words are made into where a stack begins, and put something else there.

    Args:
        stack: A model, or one side of a pair.
        words: What makes embeddings of tokens.
        instead: What words are made into; None for what they are.

    Yields:
        A list of the ids and of what they are made into, once the stack has run.
    """
    passed: list[tuple[Tensor, Tensor]] = []
    inside = 0

    def enter(*_: Any) -> None:
        nonlocal inside
        inside += 1

    def leave(*_: Any) -> None:
        nonlocal inside
        inside -= 1

    def embed(_: Any, args: tuple[Tensor, ...], own: Any) -> Any:
        if not inside or isinstance(own, tuple):
            return own
        passed.append((args[0], own.detach().clone()))
        return own if instead is None else instead.clone()  # some models scale them in place

    hooks = [
        stack.register_forward_pre_hook(enter),
        stack.register_forward_hook(leave),
        words.register_forward_hook(embed),
    ]
    try:
        yield passed
    finally:
        for hook in hooks:
            hook.remove()
