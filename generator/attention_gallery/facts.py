"""Where the numbers of an exhibit come from, as names and values for its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import PurePath

from attention_gallery.charts import has_patches
from attention_gallery.manifest.values import made_showable
from attention_gallery.packing import Packed
from attention_gallery.terms import (
    Attention,
    AttentionKind,
    Capture,
    Exhibit,
    HeadRule,
    Measured,
    Provenance,
    Sentence,
)

_ROWS: Mapping[AttentionKind, str] = {
    "encoder": "each row is a token of the sentence; it may look at every token",
    "decoder": "each row is the token the decoder reads there; it may look at itself and back",
    "cross": "each row is the token the decoder reads there, not the one it predicts next",
    "vision": "each row is a patch of the image, or a token that stands before the patches",
}
_OF_SOUND = "each row is a moment of the sound; it may look at all of it"
_BOTH = (
    "each row is a token of the text, or a patch of the image within it, such as r0c1 in row 0 and "
    "column 1 from the top left; it may look at itself, "
)


def facts(
    exhibit: Exhibit, provenance: Provenance, packed: Packed, others: Sequence[Capture]
) -> list[tuple[str, str]]:
    """What the page tells of the model, the sentence and the run, in the order of telling.

    Args:
        exhibit: The exhibit.
        provenance: What made its capture.
        packed: The part of it that is shown.
        others: The captures of what it is held against.
    """
    attention = packed.attention
    heads = " or ".join(map(str, sorted(set(attention.n_heads))))
    n_heads = sum(attention.n_heads)
    shown = "all of them"
    if not packed.every_head:
        listed = [str(slot) for slot in packed.own.slots]
        names = ", ".join(listed)
        why = ", the most telling ones; all would make this page too large"
        if isinstance(exhibit.heads, HeadRule):
            why = f", those that follow the pattern {exhibit.heads.pattern} furthest"
            why += _followed(exhibit.heads, packed)
        elif exhibit.heads:
            why = ""
        shown = f"{len(listed)} of {n_heads}{why}: {names}"
    error = ceil(packed.error * 1e5) / 1e5  # rounded up: what is stated is a bound
    told = [
        ("Model", f"{exhibit.model.source} ({provenance.architecture})"),
        ("Commit" if exhibit.model.kind == "hub" else "SHA-256 of its files", provenance.commit),
        ("Trusted by the author", _trusted(exhibit)),
        ("Read with", provenance.tokenizer),
        ("Second text", exhibit.sentence.pair),
        ("Chat", _chat(exhibit.sentence)),
        ("Sound", _sound(exhibit.sentence)),
        *(
            [
                ("Attention", f"{attention.kind}; {attention.n_layers} layers of {heads} heads"),
                ("Heads on this page", shown),
                ("Rows", _rows(attention, exhibit.sentence)),
            ]
            if attention.layers
            else [("Attention", "not told by the API")]
        ),
        ("Measured", "; ".join(map(_measured, packed.measured.values()))),
        ("Target", _target(exhibit, attention)),
        ("Written by the model", _generated(attention)),
        (
            "Computed",
            f"in {provenance.dtype} on {provenance.device}, {provenance.date}"
            if provenance.device
            else f"elsewhere; read on {provenance.date}",
        ),
        ("Versions", ", ".join(f"{name} {v}" for name, v in provenance.versions.items())),
        ("Precision", f"a weight in a chart is off by at most {error:.5f}" if n_heads else ""),
    ]
    for variant, other in zip(exhibit.against, others, strict=True):
        made = other.provenance
        which = f": {made.source}, {made.commit}" if variant.model != exhibit.model else ""
        told.append(("Compared with", f"“{variant.name}”{which}"))
    return [(name, value) for name, value in told if value]


def _followed(rule: HeadRule, packed: Packed) -> str:
    """How far the chosen heads follow their pattern on the probe, beside an untrained model."""
    folder = f"{packed.attention.kind}/{rule.pattern}"
    patterns = packed.measured.get("patterns")
    if patterns is None or not patterns.layers(f"{folder}/trained"):
        return ""
    scores = patterns.layers(f"{folder}/trained")
    heads = [slot.single for slot in packed.own.slots if slot.single]
    told = ", ".join(f"{scores[head.layer][head.head]:.2f}" for head in heads)
    untrained = max(float(layer.max()) for layer in patterns.layers(f"{folder}/untrained"))
    return f" ({told}; in an untrained model at most {untrained:.2f})"


def _measured(measured: Measured) -> str:
    """What was measured, and what was asked about."""
    title = str(measured.facts["title"])
    answer = measured.facts.get("answer")
    if not answer:
        return title
    word = f"“{answer['word']}”"
    if answer["rather_than"]:
        word += f" rather than “{answer['rather_than']}”"
    place = f" at “{answer['after']}”, token {answer['at']}" if answer["after"] else ""
    return f"{title}, of the answer {word}{place}"


def _trusted(exhibit: Exhibit) -> str:
    """What could have done anything to the numbers, or to the machine they were made on."""
    models = dict.fromkeys([exhibit.model, *(variant.model for variant in exhibit.against)])
    code = [f"code that came with {model.source}" for model in models if model.trust_remote_code]
    pickles = [f"pickle files of {model.source}" for model in models if model.allow_pickle]
    return ", ".join(code + pickles)


def _chat(sentence: Sentence) -> str:
    roles = ", ".join(role for role, _ in sentence.chat)
    return f"the turns of {roles}, in the model's own template" if roles else ""


def _sound(sentence: Sentence) -> str:
    name = made_showable(PurePath(sentence.audio).name)
    return f"{name}; each moment of it is named by the time at which it begins" if name else ""


def _rows(attention: Attention, sentence: Sentence) -> str:
    """What the rows of a map are."""
    if not has_patches(attention.queries):
        if sentence.audio and attention.kind == "encoder":
            return _OF_SOUND
        return _ROWS[attention.kind]
    if attention.kind != "decoder":
        return _ROWS["vision"]
    ahead = "and back" if attention.causal else "back, and ahead where several are read at once"
    return _BOTH + ahead


def has_target(exhibit: Exhibit, capture: Capture) -> bool:
    """Whether a decoder has read what the author wrote as the target.

    What looks from a text at the image beside it reads that text.
    """
    sentence = exhibit.sentence
    return "cross" in capture.attentions and not (sentence.text and sentence.image)


def _target(exhibit: Exhibit, attention: Attention) -> str:
    if attention.kind != "cross" or (exhibit.sentence.text and exhibit.sentence.image):
        return ""
    if exhibit.sentence.target:
        return "given by the author, and fed to the decoder as it is"
    return "written by the model, which always took the likeliest token"


def _generated(attention: Attention) -> str:
    """How much of the text the model wrote itself, where a text is what it was given."""
    n = sum(token.generated for token in attention.queries)
    if attention.kind != "decoder" or not n or not attention.layers:
        return ""
    return f"the last {n} of {len(attention.queries)} tokens, always the likeliest one"
