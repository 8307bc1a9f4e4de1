"""Sounds for the tests, written as WAV files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000


def sweep(n_samples: int = RATE // 2) -> NDArray[np.float64]:
    """A tone that rises, from -0.8 to 0.8."""
    time = np.arange(n_samples) / RATE
    return 0.8 * np.sin(2 * np.pi * (150 * time + 1200 * time**2))


def write_wav(
    path: Path,
    samples: NDArray[np.float64] | None = None,
    *,
    bits: int = 16,
    n_channels: int = 1,
    rate: int = RATE,
) -> Path:
    """Write numbers from -1 to 1 in so many bits; of several channels, one after another."""
    values = sweep() if samples is None else samples
    levels = np.clip(np.rint(values * 2.0 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    whole = levels.astype(np.int64) + (128 if bits == 8 else 0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(n_channels)
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        file.writeframes(
            b"".join(
                int(level).to_bytes(bits // 8, "little", signed=bits > 8) for level in whole.flat
            )
        )
    return path
