"""What a model hears: a sound file as numbers it is fed, and the moments its tokens stand for.

A model that hears turns a sound into a row of positions, each for as long a stretch as the others.
A position goes by the time at which its stretch begins. Some models are fed sounds of one length
only, which their extractor fills up with silence: those positions are captured, and shown, too. To
leave them out would be to show rows that do not sum to 1, as if the model had never looked there;
Whisper as it was published has 1,500 of them for its thirty seconds, too many for a page to be read
with ease. Those of models that hear no more than they are given, such as wav2vec 2.0, are fewer.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_gallery.capture.files import read_unchanged
from attention_gallery.capture.libraries import explained
from attention_gallery.errors import CaptureError, InputError, quoted
from attention_gallery.terms import Token
from attention_gallery.wav import Wav, WavError, read_wav

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A sound as a model hears it.

    Attributes:
        inputs: What the model is fed, each ``[1, ...]``.
        seconds: How long that is, with the silence that an extractor may fill it up with.
        rate: Samples a second.
    """

    inputs: Mapping[str, Tensor]
    seconds: float
    rate: int


def hear(extractor: Any, network: PreTrainedModel, path: Path, digest: str = "") -> Sound:
    """Prepare a sound the way its model wants it.

    Args:
        extractor: The model's own feature extractor.
        network: The model.
        path: A WAV file.
        digest: SHA-256 of the bytes it must have, in hex digits; empty when any will do.

    Raises:
        InputError: When the file cannot be read, holds something else than it did, or is of
            another sampling rate or longer than the model hears.
    """
    wav = read_sound(path, digest)
    name = f"the sound {quoted(path.name)}"
    rate = extractor.sampling_rate
    if wav.rate != rate:
        raise InputError(
            f"{name} has {wav.rate:,} samples a second, and the model hears {rate:,}",
            hint=f"save it at {rate:,} samples a second, as any sound editor can",
        )
    # An extractor that fills sounds up to one length cuts off what is longer without a word.
    filled = getattr(extractor, "n_samples", None)
    if filled and len(wav.samples) > filled:
        raise InputError(
            f"{name} lasts {wav.seconds:,.1f} seconds, and the model hears {filled / rate:g} at "
            "most",
            hint=f"cut it to {filled / rate:g} seconds",
        )
    made = extractor(wav.samples, sampling_rate=rate, return_tensors="pt")
    takes = inspect.signature(network.forward).parameters
    inputs = {name: values for name, values in made.items() if name in takes}
    return Sound(inputs, filled / rate if filled else wav.seconds, rate)


def read_sound(path: Path, digest: str = "") -> Wav:
    """Open a sound file.

    Args:
        path: The file.
        digest: SHA-256 of the bytes it must have, in hex digits; empty when any will do.

    Raises:
        InputError: When it cannot be read, or holds something else than it did.
    """
    name = f"the sound {quoted(path.name)}"
    with explained(InputError, f"{name} cannot be read", None):
        content = read_unchanged(path, name, digest)
        try:
            return read_wav(content)
        except WavError as error:
            raise InputError(f"{name} {error}", hint=error.hint) from None


def moment_tokens(config: Any, n_tokens: Set[int], seconds: float, rate: int) -> tuple[Token, ...]:
    """Name the positions that a sound was turned into.

    Each is named by where it begins: as many samples after the last as the model says. Where it
    does not say, each gets an equal share of the sound. Convolutions that look ahead stop short of
    the end, so such a name may be late: by about one position at the end, by less before.

    Args:
        config: The configuration of the stack that heard the sound.
        n_tokens: All the numbers of keys its layers attend to.
        seconds: How long the sound is.
        rate: Samples a second.

    Raises:
        CaptureError: When the positions are not moments.
    """
    if getattr(config, "patch_size", None) is not None:
        raise _no_moments("it cuts them into patches, each of some pitches for some time")
    if len(n_tokens) > 1:
        counts = " and ".join(str(n) for n in sorted(n_tokens))
        raise _no_moments(f"its layers attend to {counts} positions")
    (n,) = n_tokens
    step = seconds / n
    stated = getattr(config, "inputs_to_logits_ratio", 0) / rate
    if n * stated <= seconds < (n + 2) * stated:  # not where positions are merged after all
        step = stated
    digits = max(2, math.ceil(-math.log10(step)))  # as many as tell two moments apart
    return tuple(Token(f"{i * step:.{digits}f} s") for i in range(n))


def _no_moments(reason: str) -> CaptureError:
    return CaptureError(
        f"which token is which moment of the sound cannot be told: {reason}",
        hint="models that turn a sound into one row of moments can be shown, such as Whisper, "
        "wav2vec 2.0, HuBERT and WavLM",
    )
