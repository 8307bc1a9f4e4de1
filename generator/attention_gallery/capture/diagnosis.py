"""What can be captured from a model, found out by trying it: what the command `doctor` tells."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from attention_gallery.capture.feeds import Feed, placed, prepare
from attention_gallery.capture.libraries import explained, quiet, require_libraries
from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.capture.model.memory import need
from attention_gallery.capture.passes import run
from attention_gallery.capture.recording import Kept, Recorder, by_kind
from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site
from attention_gallery.capture.seam.towers import sees_and_reads
from attention_gallery.errors import CaptureError, as_bytes
from attention_gallery.progress import Announce, unheard
from attention_gallery.terms import (
    Attention,
    AttentionKind,
    CaptureRequest,
    Exhibit,
    Part,
    Sentence,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LENGTHS = (64, 256, 1024)
"""Tokens of a short sentence, a long one, and a page."""

_PARTS: tuple[Part, ...] = get_args(Part)
_PLURALS = {"query": "queries", "key": "keys", "value": "values", "scores": "scores"}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of one layer.

    Attributes:
        weights: float32 ``[head, query, key]``, before they are coded.
        n_groups: Heads of its keys; None where keys cannot be seen.
        parts: What else can be seen.
        in_line: Whether it is computed in line, and not through the library's interface.
        window: How many tokens it looks back over; None for all.
    """

    weights: NDArray[np.float32]
    n_groups: int | None
    parts: frozenset[Part]
    in_line: bool
    window: int | None


def diagnose(exhibit: Exhibit, announce: Announce = unheard) -> Iterator[str]:
    """Try a model on one sentence.

    Args:
        exhibit: The model and the sentence; nothing else of it counts.
        announce: Told what is being done now.

    Yields:
        Lines for people, as they are found out.

    Raises:
        GalleryError: When nothing can be captured, and why.
    """
    require_libraries()
    announce(f"Loading {exhibit.model.source}")
    loaded = load(exhibit.model, announce)
    yield from _of_model(loaded)
    announce(f"Trying {exhibit.model.source}")
    with (
        quiet(),
        explained(CaptureError, "the model failed", exhibit.model.where),
        _tried(loaded, exhibit.sentence) as sentence,
    ):
        feed = prepare(loaded, CaptureRequest("", exhibit.model, sentence))
        (capture,) = run(loaded, [feed])  # which is the proof that it can be captured
        seen = _seen(loaded, feed)
        reported = _reported(loaded, feed)
    if feed.part:  # which does not say of itself that it sees
        seen = dict(zip(capture.attentions, seen.values(), strict=True))
    for kind, attention in capture.attentions.items():
        yield from _of_stack(kind, attention, seen[kind], reported.get(kind))
    if feed.tokens:
        yield from _of_memory(loaded.network, capture.attentions.values())


@contextmanager
def _tried(loaded: LoadedModel, sentence: Sentence) -> Iterator[Sentence]:
    """A sentence that a model can be fed: with a drawing or a tone where a file is missing."""
    if loaded.feature_extractor and not sentence.audio:
        with TemporaryDirectory() as folder:
            tone = Path(folder) / "tone.wav"
            _write_tone(tone, loaded.feature_extractor.sampling_rate)
            yield replace(sentence, text="", audio=str(tone))
        return
    if loaded.image_processor is None or sentence.image:
        yield sentence
        return
    reads = sees_and_reads(loaded.network)
    with TemporaryDirectory() as folder:
        drawing = Path(folder) / "colours.png"
        row, column = np.indices((240, 320))
        colours = np.stack([row, column % 256, 255 - row], axis=-1)
        Image.fromarray(colours.astype(np.uint8)).save(drawing)
        yield replace(sentence, text=sentence.text if reads else "", image=str(drawing))


def _write_tone(path: Path, rate: int) -> None:
    """Write a second of a tone that rises from 200 to 2,000 Hz."""
    time = np.arange(rate) / rate
    samples = 0.5 * np.sin(2 * np.pi * (200 * time + 900 * time**2))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(samples * 32_767).astype("<i2").tobytes())


def _of_model(loaded: LoadedModel) -> Iterator[str]:
    network, provenance = loaded.network, loaded.provenance
    n_parameters = sum(values.numel() for values in network.parameters())
    n_bytes = sum(values.numel() * values.element_size() for values in network.parameters())
    yield (
        f"{provenance.source}: {provenance.architecture}, {n_parameters:,} parameters, "
        f"{as_bytes(n_bytes)} in {provenance.dtype} on {provenance.device}"
    )
    context = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    limit = f", {context:,} tokens at most" if loaded.tokenizer and context else ""
    yield f"read with {provenance.tokenizer}{limit}"


def _of_stack(
    kind: AttentionKind,
    attention: Attention,
    seen: Sequence[_Seen],
    reported: Sequence[NDArray[np.float32]] | None,
) -> Iterator[str]:
    heads = sorted(set(attention.n_heads))
    counts = str(heads[0]) if len(heads) == 1 else f"{heads[0]} to {heads[-1]}"
    causal = ", each token looks back only" if attention.causal else ""
    yield f"{kind}: {attention.n_layers} layers of {counts} heads{causal}"
    ways = {layer.in_line for layer in seen}
    way = {True: "computed in line", False: "through the library's interface"}
    yield "  " + " and ".join(way[in_line] for in_line in sorted(ways))

    shared = {
        layer.weights.shape[0] // layer.n_groups
        for layer in seen
        if layer.n_groups and layer.n_groups < layer.weights.shape[0]
    }
    if shared:
        yield f"  {' or '.join(map(str, sorted(shared)))} heads share one head of keys and values"
    windows = {number: layer.window for number, layer in enumerate(seen) if layer.window}
    for window in sorted(set(windows.values())):
        named = ", ".join(f"L{number}" for number, its in windows.items() if its == window)
        yield f"  {named} look over a window of {window:,} tokens"

    parts = frozenset.intersection(*(layer.parts for layer in seen))
    names = [_PLURALS[part] for part in _PARTS if part in parts]
    yield f"  besides weights: {', '.join(names) or 'nothing'} can be seen"
    yield f"  {_compared([layer.weights for layer in seen], reported)}"


def _compared(
    ours: Sequence[NDArray[np.float32]], theirs: Sequence[NDArray[np.float32]] | None
) -> str:
    """How what is captured compares with what the model itself reports of its attention."""
    if not theirs:
        return "the model itself reports none of it"
    if [layer.shape for layer in ours] != [layer.shape for layer in theirs]:
        return "what the model itself reports is of another shape"
    difference = max(
        float(np.abs(own - other).max()) for own, other in zip(ours, theirs, strict=True)
    )
    if difference == 0:
        return "equal to what the model itself reports, bit for bit"
    return f"differs from what the model itself reports by {difference:.2g} at most"


def _of_memory(network: PreTrainedModel, attentions: Iterable[Attention]) -> Iterator[str]:
    """What longer texts take, from what this one took."""
    result = sum(
        codes.nbytes / (len(attention.queries) * len(attention.keys))
        for attention in attentions
        for codes in attention.layers.codes
    )
    config = network.config.get_text_config()
    limit = getattr(config, "max_position_embeddings", None) or _LENGTHS[-1]
    for n_tokens in sorted({min(length, limit) for length in _LENGTHS}):
        needed = need(network, n_tokens)
        working = f"{as_bytes(needed.working)} while it runs, " if needed else ""
        yield f"{n_tokens:,} tokens take {working}{as_bytes(result * n_tokens**2)} when captured"


def _seen(loaded: LoadedModel, feed: Feed) -> Mapping[AttentionKind, list[_Seen]]:
    """See all of a run, each layer with what it is made of."""
    network = feed.network(loaded)
    recorder = Recorder()
    found: dict[int, _Seen] = {}

    def see(site: Site, passing: Passing) -> None:
        before = len(recorder.kept[0])
        recorder(site, passing)
        if len(recorder.kept[0]) == before:
            return  # the same softmax, taken again
        module = network.get_submodule(site.path)
        found[id(recorder.kept[0][-1])] = _Seen(
            weights=_alone(passing.weights),
            n_groups=None if passing.key is None else passing.key.shape[-3],
            parts=frozenset(part for part in _PARTS if getattr(passing, part) is not None),
            in_line=passing.in_line,
            window=_window(module),
        )

    observe(network, placed(loaded, feed.inputs), see, parts=True)
    layers: Mapping[AttentionKind, list[Kept]] = by_kind(network, recorder.kept[0])
    return {kind: [found[id(layer)] for layer in kept] for kind, kept in layers.items()}


def _window(module: Any) -> int | None:
    """The sliding window of an attention module, as the library's models call it."""
    window = getattr(module, "sliding_window", None)
    return window if isinstance(window, int) and window > 0 else None


def _reported(loaded: LoadedModel, feed: Feed) -> dict[AttentionKind, list[NDArray[np.float32]]]:
    """What a model says of its attention when it is asked; nothing where it does not say."""
    import torch

    with torch.inference_mode():
        answer = feed.network(loaded)(
            **placed(loaded, feed.inputs),
            output_attentions=True,
            use_cache=False,
            return_dict=True,
        )
    alone: tuple[AttentionKind, ...] = ("encoder", "decoder", "vision")  # any may stand alone
    names: list[tuple[Any, str, Iterable[AttentionKind]]] = [
        (answer, "attentions", alone),
        (answer, "encoder_attentions", ("encoder",)),
        (answer, "decoder_attentions", ("decoder",)),
        (answer, "cross_attentions", ("cross",)),
        (answer.get("text_model_output"), "attentions", alone),
        (answer.get("vision_model_output"), "attentions", ("vision",)),
    ]
    return {
        kind: [_alone(layer) for layer in layers]
        for part, name, kinds in names
        if (layers := getattr(part, name, None)) and all(layer is not None for layer in layers)
        for kind in kinds
    }


def _alone(weights: Any) -> NDArray[np.float32]:
    """Weights of the one sentence there is, without the batch axis."""
    array: NDArray[np.float32] = weights.float().cpu().numpy()
    return np.array(array[0] if array.ndim == 4 and len(array) == 1 else array)
