"""The devices that models run on: which there are, how much memory each has, what they refuse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attention_gallery.errors import ModelError, Where

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SPLIT = "split"
"""No device, but the wish for all of them, where a model is larger than any one."""

# PyTorch on a CPU, on a GPU of either sort, and NumPy, in this order.
_ASKED_FOR = re.compile(
    r"(?:can't allocate|not enough) memory: you tried to allocate ([0-9]+) (bytes)"
    r"|out of memory.*Tried to allocate ([0-9.]+) ([KMGTP]?i?B|bytes)"
    r"|Unable to allocate ([0-9.]+) ([KMGTP]?i?B|bytes) for an array",
    re.DOTALL,
)
_NO_MEMORY = re.compile(r"out of memory", re.IGNORECASE)
_NO_OPERATION = re.compile(
    r"""["'](?:aten::)?([\w.]+)["'] (?:is )?not (?:currently )?(?:implemented|supported) for"""
)


def available() -> tuple[str, ...]:
    """The devices of this machine, the fastest first: ``cuda:0``, ``cuda:1``, ``mps``, ``cpu``."""
    import torch

    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return (*gpus, *["mps"] * torch.backends.mps.is_available(), "cpu")


def chosen(wish: str, where: Where | None = None) -> str:
    """The device that a manifest means.

    Args:
        wish: ``auto`` for the best this machine has, ``split``, or a device; ``cuda`` is the first
            GPU.
        where: The place in the manifest.

    Returns:
        One of `available`, or `SPLIT`.

    Raises:
        ModelError: When this machine has no such device.
    """
    import torch

    devices = available()
    device = {"auto": devices[0], "cuda": "cuda:0"}.get(wish, wish)
    if device not in (*devices, SPLIT):
        hint = f"it has {' and '.join(devices)}; auto takes the best there is"
        if wish.startswith("cuda") and torch.version.cuda is None and torch.version.hip is None:
            hint += f"; PyTorch {torch.__version__} is installed without support for GPUs"
        raise ModelError(f"this machine has no device {wish}", where, hint)
    return device


def entrance(network: PreTrainedModel) -> str:
    """The device that a model's inputs have to be on.

    Parts of a split model that lie in the computer's memory or on disk are run on its first GPU,
    where it has one.
    """
    if spread := _spread(network):
        return next((place for place in spread if place not in ("cpu", "disk")), "cpu")
    return str(network.device)


def described(network: PreTrainedModel) -> str:
    """Where a model runs, in words for a page: ``cuda:0 (NVIDIA A100)``, ``cpu``."""
    import torch

    if len(spread := _spread(network)) > 1:
        return f"split over {', '.join(spread)}"
    device = spread[0] if spread else str(network.device)
    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return device


def _spread(network: PreTrainedModel) -> tuple[str, ...]:
    """The places of a split model's parts, in the order of the parts; empty for any other."""
    places: dict[str, int | str] = getattr(network, "hf_device_map", None) or {}
    # GPUs go by their numbers there.
    names = (f"cuda:{place}" if isinstance(place, int) else place for place in places.values())
    return tuple(dict.fromkeys(map(str, names)))


def free_bytes(device: str) -> int | None:
    """How much memory a device has left; None where it does not tell.

    A limit that was put on this process alone, as containers do, is not seen.
    """
    import psutil
    import torch

    match torch.device(device).type:
        case "cpu":
            return int(psutil.virtual_memory().available)
        case "cuda":
            # PyTorch keeps what it has let go of, and the driver counts that as taken.
            kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            return int(torch.cuda.mem_get_info(device)[0] + kept)
        case "mps":
            taken = torch.mps.driver_allocated_memory()
            return max(0, int(torch.mps.recommended_max_memory() - taken))
        case _:
            return None


def needed_bytes(error: BaseException) -> int | None:
    """How much memory was asked for in vain; 0 where that is not said.

    There is no exception that all devices share: a CPU raises `RuntimeError`, a GPU a child of it,
    and NumPy a `MemoryError`. GPUs round what they say to two digits behind the point.

    Returns:
        None for an error that is about something else.
    """
    if found := _ASKED_FOR.search(str(error)):
        number, unit = (part for part in found.groups() if part)
        return int(float(number) * 1024 ** "BKMGTP".index(unit[0].upper()))
    if isinstance(error, MemoryError):
        return 0
    return 0 if isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) else None


def missing_operation(error: BaseException) -> str:
    """What a device cannot compute in the asked data type, by PyTorch's name; mostly empty.

    A CPU, most of all, lacks operations in half precision.
    """
    found = _NO_OPERATION.search(str(error)) if isinstance(error, RuntimeError) else None
    return found[1] if found else ""
