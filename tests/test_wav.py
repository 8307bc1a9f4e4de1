"""A WAV file becomes the numbers it holds, or one sentence on why it cannot."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from attention_gallery.wav import WavError, read_wav


def wav(frames: bytes, *, bits: int = 16, n_channels: int = 1, rate: int = 8000) -> bytes:
    """A WAV file written by hand."""
    align = n_channels * bits // 8
    form = struct.pack("<HHIIHH", 1, n_channels, rate, rate * align, align, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(frames)) + frames
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("bits", "frames"),
    [
        (8, bytes([128, 192, 0, 96])),
        (16, struct.pack("<4h", 0, 0x4000, -0x8000, -0x2000)),
        (24, bytes.fromhex("000000 000040 000080 0000e0")),
        (32, struct.pack("<4i", 0, 0x40000000, -0x80000000, -0x20000000)),
    ],
)
def test_samples_of_every_width_are_the_same_numbers(bits: int, frames: bytes) -> None:
    sound = read_wav(wav(frames, bits=bits))
    assert sound.samples.dtype == np.float32
    assert sound.samples.tolist() == [0, 0.5, -1, -0.25]
    assert sound.rate == 8000
    assert sound.seconds == 0.0005


def test_all_bytes_of_a_sample_count() -> None:
    [sample] = read_wav(wav(bytes.fromhex("563412"), bits=24)).samples
    assert sample == pytest.approx(0x123456 / 2**23, abs=1e-7)


def test_two_channels_are_mixed_to_their_mean() -> None:
    sound = read_wav(wav(struct.pack("<4h", 0x4000, 0, -0x4000, -0x8000), n_channels=2))
    assert sound.samples.tolist() == [0.25, -0.75]


FLOATS = wav(bytes(8), bits=32).replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 3, 1), 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a WAV file"),
        (b"ID3\x04 this is an MP3 file, says its head", "is not a WAV file"),
        (wav(bytes(8))[:20], "is not a WAV file"),
        (FLOATS, "is a WAV file of another kind than PCM"),
        (wav(bytes(12), n_channels=3), "has 3 channels"),
        (wav(bytes(8), bits=64), "has samples of 64 bits"),
        (wav(b""), "holds no sound"),
        (wav(bytes(8), rate=0), "holds no sound"),
        (wav(bytes(80))[:-6], "is damaged: it ends before its last sample"),
    ],
)
def test_what_cannot_be_used_says_why(content: bytes, message: str) -> None:
    with pytest.raises(WavError) as caught:
        read_wav(content)
    assert str(caught.value) == message
    assert caught.value.hint == (
        "save it as a WAV file of plain PCM samples, 16 bits each, in one channel"
    )


def test_a_sound_is_a_minute_long_at_most() -> None:
    assert read_wav(wav(bytes(120), rate=1)).seconds == 60
    with pytest.raises(WavError, match=r"^lasts 61\.0 seconds$") as caught:
        read_wav(wav(bytes(122), rate=1))
    assert caught.value.hint == "cut it to 60 seconds at most"


def test_a_sound_that_is_too_long_is_refused_by_its_head_alone(tmp_path: Path) -> None:
    """What a file says of itself is believed before memory is taken for it."""
    head = wav(bytes(4)).replace(b"data\x04\x00\x00\x00", b"data" + struct.pack("<I", 2**31))
    with pytest.raises(WavError, match=r"^lasts 134,217\.7 seconds$"):
        read_wav(head)
