"""WAV files: their samples as numbers, and in plain words why a file has none."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST = 60
"""Seconds of the longest sound that is taken; models make some fifty tokens of each of them."""

_PLAIN = "save it as a WAV file of plain PCM samples, 16 bits each, in one channel"


class WavError(ValueError):
    """A file that is no WAV file, or not one that can be used.

    Attributes:
        hint: What would be right.
    """

    def __init__(self, message: str, hint: str = _PLAIN) -> None:
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True, eq=False)
class Wav:
    """A sound.

    Attributes:
        samples: float32 ``[sample]`` from -1 to 1; of two channels their mean.
        rate: Samples a second.
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def read_wav(content: bytes) -> Wav:
    """Read the bytes of a WAV file: PCM of 8, 16, 24 or 32 bits, in one channel or two.

    Raises:
        WavError: When they are something else, are damaged, or hold no sound or one too long.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            return _read(file)
    except (wave.Error, EOFError) as error:
        compressed = "unknown format" in str(error)
        raise WavError(
            "is a WAV file of another kind than PCM" if compressed else "is not a WAV file"
        ) from None


def _read(file: wave.Wave_read) -> Wav:
    n_channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
    n_samples = file.getnframes()
    if n_channels > 2:
        raise WavError(f"has {n_channels} channels")
    if width > 4:
        raise WavError(f"has samples of {8 * width} bits")
    if not (n_samples and rate):
        raise WavError("holds no sound")
    if n_samples > LONGEST * rate:
        raise WavError(
            f"lasts {n_samples / rate:,.1f} seconds", f"cut it to {LONGEST} seconds at most"
        )
    frames = file.readframes(n_samples)
    if len(frames) != n_samples * n_channels * width:
        raise WavError("is damaged: it ends before its last sample")
    values = _levels(np.frombuffer(frames, np.uint8).reshape(-1, width))
    return Wav(values.reshape(-1, n_channels).mean(axis=1).astype(np.float32), rate)


def _levels(samples: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Numbers from -1 to 1.

    Args:
        samples: ``[sample, byte]``, the lowest byte first. A single byte counts from 0 to 255, with
            silence at 128; more are signed.
    """
    n_samples, width = samples.shape
    if width == 1:
        return (samples[:, 0].astype(np.float64) - 128) / 128
    # Zeros below the lowest byte make all widths one, which keeps the sign where it is.
    wide = np.zeros((n_samples, 4), np.uint8)
    wide[:, 4 - width :] = samples
    return wide.view("<i4")[:, 0] / 2.0**31
