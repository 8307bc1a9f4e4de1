"""How much memory a capture takes, so that what cannot fit is told before a machine runs out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attention_gallery.capture.model import devices
from attention_gallery.errors import CaptureError, as_bytes
from attention_gallery.terms import Extra

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# While a layer runs, the plain way to compute attention holds its scores, the scores with a mask
# added, and their softmax; measured on GPT-2 at 1,024 tokens, one map more is held.
_MAPS_AT_ONCE = 4
_FLOAT32, _CODE = 4, 2  # bytes


@dataclass(frozen=True, slots=True)
class Need:
    """What capturing one sentence takes at least, besides the model itself, in bytes.

    Attributes:
        working: While the largest layer runs, on the model's device.
        result: In the computer's memory, when all layers have run.
    """

    working: int
    result: int


def need(
    network: PreTrainedModel, n_tokens: int, parts: Collection[Extra] = frozenset()
) -> Need | None:
    """Estimate what a text takes at least: as if no token saw a later one.

    Args:
        network: The model.
        n_tokens: Length of the text, or of the target.
        parts: What is kept besides weights.

    Returns:
        None when its configuration does not say how many layers and heads there are.
    """
    config = network.config.get_text_config()
    n_layers = getattr(config, "num_hidden_layers", None)
    n_heads = getattr(config, "num_attention_heads", None)
    if not (isinstance(n_layers, int) and isinstance(n_heads, int)):
        return None
    cells = n_heads * n_tokens**2
    held = n_heads * n_tokens * (n_tokens + 1) // 2 * _CODE
    if "scores" in parts:
        held += cells * _FLOAT32
    return Need(cells * network.dtype.itemsize * _MAPS_AT_ONCE, held * n_layers)


def check_memory(
    network: PreTrainedModel, device: str, n_tokens: int, parts: Collection[Extra] = frozenset()
) -> None:
    """See that a text can be captured in the memory there is.

    Many systems promise more memory than they have, and end a process that uses it.

    Raises:
        CaptureError: When it surely cannot.
    """
    needed = need(network, n_tokens, parts)
    if needed is None:
        return
    on_cpu = device == "cpu"
    wanted = {device: needed.working + needed.result * on_cpu} | (
        {} if on_cpu else {"cpu": needed.result}
    )
    for place, n_bytes in wanted.items():
        free = devices.free_bytes(place)
        if free is not None and n_bytes > free:
            raise CaptureError(
                f"{n_tokens:,} tokens take at least {as_bytes(n_bytes)} of memory on {place}, "
                f"where {as_bytes(free)} are free",
                hint="shorten the text: twice the tokens take four times the memory",
            )


def out_of_memory(error: Exception, device: str) -> CaptureError | None:
    """Say that a model ran out of memory.

    Args:
        error: What it raised.
        device: Where it ran.

    Returns:
        None when the error is about something else.
    """
    asked = devices.needed_bytes(error)
    if asked is None:
        return None
    free = devices.free_bytes(device)
    return CaptureError(
        f"the model ran out of memory on {device}"
        + (f": it asked for {as_bytes(asked)} more" if asked else "")
        + (f", and {as_bytes(free)} are free" if asked and free is not None else ""),
        hint="shorten the text, or let the model run on another device",
    )
