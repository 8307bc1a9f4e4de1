"""Where the numbers of an exhibit come from, as names and values for its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import PurePath

from attention_gallery.charts import has_patches, isolated
from attention_gallery.language import _, marked
from attention_gallery.manifest.values import made_showable
from attention_gallery.model_source import read_license
from attention_gallery.packing import Packed
from attention_gallery.terms import (
    Attention,
    AttentionKind,
    Capture,
    Exhibit,
    HeadRule,
    Measured,
    Model,
    Provenance,
    Sentence,
)

_ROWS: Mapping[AttentionKind, str] = {
    "encoder": marked("each row is a token of the sentence; it may look at every token"),
    "decoder": marked(
        "each row is the token the decoder reads there; it may look at itself and back"
    ),
    "cross": marked("each row is the token the decoder reads there, not the one it predicts next"),
    "vision": marked("each row is a patch of the image, or a token that stands before the patches"),
}
_KINDS: Mapping[AttentionKind, str] = {
    "encoder": marked("encoder"),
    "decoder": marked("decoder"),
    "cross": marked("cross"),
    "vision": marked("vision"),
}


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
    error = ceil(packed.error * 1e5) / 1e5  # rounded up: what is stated is a bound
    told = [
        (_("Model"), f"{exhibit.model.source} ({provenance.architecture})"),
        (
            _("Commit") if exhibit.model.has_commit else _("SHA-256 of its files"),
            provenance.commit,
        ),
        (_("Licence of the model"), license_of(exhibit.model)),
        (_("Trusted by the author"), _trusted(exhibit)),
        (_("Read with"), provenance.tokenizer),
        (_of_what(exhibit.sentence), exhibit.sentence.license),
        (_("Second text"), exhibit.sentence.pair),
        (_("Chat"), _chat(exhibit.sentence)),
        (_("Sound"), _sound(exhibit.sentence)),
        *(
            [
                (_("Attention"), _layers(attention)),
                (_("Heads on this page"), _shown(exhibit, packed)),
                (_("Rows"), _rows(attention, exhibit.sentence)),
            ]
            if attention.layers
            else [(_("Attention"), _("not told by the API"))]
        ),
        (_("Measured"), "; ".join(map(_measured, packed.measured.values()))),
        (_("Target"), _target(exhibit, attention)),
        (_("Written by the model"), _generated(attention)),
        (_("Computed"), _computed(provenance)),
        (_("Versions"), ", ".join(f"{name} {v}" for name, v in provenance.versions.items())),
        (
            _("Precision"),
            _("a weight in a chart is off by at most {error}").format(error=f"{error:.5f}")
            if attention.layers
            else "",
        ),
    ]
    for variant, other in zip(exhibit.against, others, strict=True):
        made = other.provenance
        which = f": {made.source}, {made.commit}" if variant.model != exhibit.model else ""
        told.append((_("Compared with"), f"“{isolated(variant.name)}”{which}"))
    return [(name, value) for name, value in told if value]


def license_of(model: Model) -> str:
    """The licence of a model, as its author or its model card states it; empty where none does."""
    return model.license or made_showable(read_license(model))


def _of_what(sentence: Sentence) -> str:
    if sentence.image:
        return _("Licence of the image")
    return _("Licence of the sound") if sentence.audio else _("Licence of the text")


def _computed(provenance: Provenance) -> str:
    if not provenance.device:
        return _("elsewhere; read on {date}").format(date=provenance.date)
    return _("in {dtype} on {device}, {date}").format(
        dtype=provenance.dtype, device=provenance.device, date=provenance.date
    )


def _layers(attention: Attention) -> str:
    counts = sorted(set(attention.n_heads))
    heads = str(counts[0])
    for count in counts[1:]:
        heads = _("{some} or {more}").format(some=heads, more=count)
    return _("{kind}; {layers} layers of {heads} heads").format(
        kind=_(_KINDS[attention.kind]), layers=attention.n_layers, heads=heads
    )


def _shown(exhibit: Exhibit, packed: Packed) -> str:
    """Which heads there are on the page, and why these."""
    if packed.every_head:
        return _("all of them")
    listed = [str(slot) for slot in packed.own.slots]
    said: dict[str, object] = {
        "shown": len(listed),
        "all": sum(packed.attention.n_heads),
        "heads": ", ".join(listed),
    }
    if isinstance(exhibit.heads, HeadRule):
        return _(
            "{shown} of {all}, those that follow the pattern {pattern} furthest{scores}: {heads}"
        ).format(**said, pattern=exhibit.heads.pattern, scores=_followed(exhibit.heads, packed))
    if exhibit.heads:
        return _("{shown} of {all}: {heads}").format(**said)
    return _(
        "{shown} of {all}, the most telling ones; all would make this page too large: {heads}"
    ).format(**said)


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
    said = _("({scores}; in an untrained model at most {most})")
    return f" {said.format(scores=told, most=f'{untrained:.2f}')}"


def _measured(measured: Measured) -> str:
    """What was measured, and what was asked about."""
    title = _(str(measured.facts["title"]))
    answer = measured.facts.get("answer")
    if not answer:
        return title
    if answer["rather_than"]:
        said = _("{title}, of the answer “{word}” rather than “{other}”")
        if answer["after"]:
            said = _(
                "{title}, of the answer “{word}” rather than “{other}” at “{after}”, token {at}"
            )
    elif answer["after"]:
        said = _("{title}, of the answer “{word}” at “{after}”, token {at}")
    else:
        said = _("{title}, of the answer “{word}”")
    return said.format(
        title=title,
        word=answer["word"],
        other=answer["rather_than"],
        after=answer["after"],
        at=answer["at"],
    )


def _trusted(exhibit: Exhibit) -> str:
    """What could have done anything to the numbers, or to the machine they were made on."""
    models = dict.fromkeys([exhibit.model, *(variant.model for variant in exhibit.against)])
    code = [
        _("code that came with {model}").format(model=model.source)
        for model in models
        if model.trust_remote_code
    ]
    pickles = [
        _("pickle files of {model}").format(model=model.source)
        for model in models
        if model.allow_pickle
    ]
    return ", ".join(code + pickles)


def _chat(sentence: Sentence) -> str:
    roles = ", ".join(role for role, _ in sentence.chat)
    said = _("the turns of {roles}, in the model's own template")
    return said.format(roles=roles) if roles else ""


def _sound(sentence: Sentence) -> str:
    name = made_showable(PurePath(sentence.audio).name)
    said = _("{name}; each moment of it is named by the time at which it begins")
    return said.format(name=name) if name else ""


def _rows(attention: Attention, sentence: Sentence) -> str:
    """What the rows of a map are."""
    if not has_patches(attention.queries):
        if sentence.audio and attention.kind == "encoder":
            return _("each row is a moment of the sound; it may look at all of it")
        return _(_ROWS[attention.kind])
    if attention.kind != "decoder":
        return _(_ROWS["vision"])
    if attention.causal:
        return _(
            "each row is a token of the text, or a patch of the image within it, such as r0c1 in "
            "row 0 and column 1 from the top left; it may look at itself, and back"
        )
    return _(
        "each row is a token of the text, or a patch of the image within it, such as r0c1 in row 0 "
        "and column 1 from the top left; it may look at itself, back, and ahead where several are "
        "read at once"
    )


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
        return _("given by the author, and fed to the decoder as it is")
    return _("written by the model, which always took the likeliest token")


def _generated(attention: Attention) -> str:
    """How much of the text the model wrote itself, where a text is what it was given."""
    n = sum(token.generated for token in attention.queries)
    if attention.kind != "decoder" or not n or not attention.layers:
        return ""
    return _("the last {n} of {all} tokens, always the likeliest one").format(
        n=n, all=len(attention.queries)
    )
