"""How the specimens are trained: lessons, a loop that takes steps on them, and how they are saved.

Nothing here is part of the site generator: these scripts exist so that anyone can make the
specimens again and see that their phenomena come out of training alone.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

# The label that cross-entropy leaves out, in torch and in transformers alike.
NO_LOSS = -100


class Lesson(Protocol):
    """Anything a model can take a step on."""

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What the model's `forward` is called with, its labels included."""
        ...


@dataclass(frozen=True)
class Batch:
    """Sequences and what is to be predicted in them.

    Attributes:
        ids: token ids, int64 `[sequence, position]`.
        labels: the same ids where the loss is taken and `NO_LOSS` elsewhere, int64
            `[sequence, position]`. A causal model shifts them itself.
    """

    ids: Tensor
    labels: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a causal model's `forward` is called with."""
        return {"input_ids": self.ids, "labels": self.labels}

    def __add__(self, other: "Batch") -> "Batch":
        """Stacks two batches, padding the shorter one on the right where no loss is taken.

        A causal model needs no mask for this: no token looks to its right.
        """
        width = max(self.ids.shape[1], other.ids.shape[1])
        ids = [torch.nn.functional.pad(b.ids, (0, width - b.ids.shape[1])) for b in (self, other)]
        labels = [
            torch.nn.functional.pad(b.labels, (0, width - b.labels.shape[1]), value=NO_LOSS)
            for b in (self, other)
        ]
        return Batch(torch.cat(ids), torch.cat(labels))


def repeated_random_tokens(
    tokens: Tensor,
    first: int,
    periods: Tensor,
    length: int,
    generator: torch.Generator,
    *,
    loss_on_first_saying: bool = False,
) -> Batch:
    """Draws sequences in which a random segment is said again and again.

    Nothing predicts the first saying; every later token is a copy.

    Args:
        tokens: the ids to draw from, int64 `[choice]`; a segment has no token twice.
        first: the id put in front of every sequence.
        periods: the length of each sequence's segment, int64 `[sequence]`.
        length: the number of tokens after `first`.
        generator: the source of every choice.
        loss_on_first_saying: whether what cannot be known bears loss too. It teaches a model not
            to copy where nothing repeats, but hides the copies in noise until it can copy.

    Returns:
        A batch of `1 + length` positions.
    """
    n = len(periods)
    longest = int(periods.max())
    draws = torch.rand(n, len(tokens), generator=generator).topk(longest, dim=1).indices
    # Row r says its first periods[r] draws over and over.
    place = torch.arange(length).expand(n, length) % periods[:, None]
    ids = torch.cat([torch.full((n, 1), first), tokens[draws.gather(1, place)]], dim=1)
    # The first token of the second saying cannot be known either: a segment may have any length.
    unknown = 0 if loss_on_first_saying else 1 + periods[:, None]
    known = (torch.arange(1 + length) > unknown).expand(n, 1 + length)
    return Batch(ids, ids.where(known, NO_LOSS))


def train(
    model: PreTrainedModel,
    lesson_at: Callable[[int], Lesson],
    n_steps: int,
    *,
    peak_rate: float,
    warmup: int = 50,
    decay_share: float = 0.4,
    report_every: int = 100,
    at_step: Callable[[int], None] = lambda _: None,
) -> None:
    """Trains a model in place with AdamW: a short warm-up, a plateau, a linear decay to nothing.

    Args:
        model: the model; its own loss is minimised.
        lesson_at: gives what is shown at a step.
        n_steps: how many steps to take.
        peak_rate: the learning rate of the plateau.
        warmup: over how many steps the rate rises.
        decay_share: the share of the steps, at the end, over which the rate falls.
        report_every: after how many steps a line with the loss and the time left is printed.
        at_step: called with the number of steps taken, before the first and after each: to look at
            the model or to save it, not to change it.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=peak_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warmup, 1, (n_steps - step) / (decay_share * n_steps)),
    )
    at_step(0)
    model.train()
    began, total = time.monotonic(), 0.0
    for step in range(1, n_steps + 1):
        loss = model(**lesson_at(step - 1).inputs).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        at_step(step)
        total += loss.item()
        if step % report_every == 0 or step == n_steps:
            spent = time.monotonic() - began
            left = spent / step * (n_steps - step)
            mean = total / (report_every if step % report_every == 0 else step % report_every)
            print(
                f"step {step:5d}/{n_steps}  loss {mean:6.3f} nats  "
                f"{spent:4.0f} s spent, {left:4.0f} s left",
                flush=True,
            )
            total = 0.0
    model.eval()


def save(
    folder: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Saves a model with its tokenizer, so that `from_pretrained` finds both.

    Args:
        folder: where to; made if missing.
        model: a float32 model. Its configuration keeps saying so, and `from_pretrained` widens
            whatever was stored to that.
        tokenizer: its tokenizer, written without the spaces that make the file twice as large.
        dtype: what the weights are stored as: float16 takes half the space.
    """
    # Tied weights are one tensor under two names, and must still be one afterwards.
    weights = model.state_dict()
    stored = {weight.data_ptr(): weight.to(dtype) for weight in weights.values()}
    model.save_pretrained(
        folder, state_dict={name: stored[weight.data_ptr()] for name, weight in weights.items()}
    )
    # It is written for its owner alone; a wheel keeps the mode.
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer.json"
    tokens = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(tokens, ensure_ascii=False, separators=(",", ":")), "utf-8")
