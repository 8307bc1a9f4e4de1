"""Exhibits and figures -> typed contexts -> Jinja -> pages and their files."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import PurePath
from typing import Any

import numpy as np

from attention_gallery import codes, resources, transport, views
from attention_gallery.charts import has_patches
from attention_gallery.manifest.values import made_showable
from attention_gallery.packing import Packed
from attention_gallery.sprite import sprite, strip
from attention_gallery.templates import inline_script, one_line, render
from attention_gallery.terms import (
    Asset,
    Attention,
    AttentionKind,
    Capture,
    Exhibit,
    Figure,
    Gallery,
    HeadRule,
    Measured,
    Page,
    Provenance,
    Sentence,
)

SHARED = "assets/attention-gallery"
"""Where files that all exhibits use live below the site."""

VEGA = f"{SHARED}/vega.js"
ELEMENT = f"{SHARED}/attention-chart.js"
STYLE = f"{SHARED}/exhibit.css"

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


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A page of the site, as another page names it."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Card:
    """An exhibit in the index."""

    path: str
    title: str
    sentence: str
    model: str
    words: str
    thumbnail: str


@dataclass(frozen=True, slots=True)
class Section:
    """A gallery in the index."""

    title: str
    prose: str
    cards: str


def page_path(exhibit: Exhibit) -> str:
    """Where an exhibit's page lives below the site."""
    return f"exhibits/{exhibit.id}.md"


def file_path(exhibit: Exhibit, name: str) -> str:
    """Where a file of an exhibit lives below the site."""
    return f"exhibits/{exhibit.id}/{name}"


def exhibit_page(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    *,
    others: Sequence[Capture] = (),
    previous: Exhibit | None = None,
    following: Exhibit | None = None,
) -> tuple[Page, tuple[Asset, ...]]:
    """The page of one exhibit and the files only it uses.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        packed: The part of it that is shown.
        figures: Its views, drawn.
        others: The captures of what it is held against.
        previous: Its neighbour before.
        following: Its neighbour behind.
    """
    fragments = _fragments(
        exhibit,
        capture,
        packed,
        figures,
        others=others,
        previous=_link(previous),
        following=_link(following),
    )
    markdown = render(
        "pages/exhibit.md.j2",
        exhibit=exhibit,
        # A target that no decoder read is no part of the exhibit.
        target=exhibit.sentence.target if _has_target(exhibit, capture) else "",
        fragments=list(fragments),
    )
    page = Page(page_path(exhibit), exhibit.title, markdown, fragments, in_nav=False)
    assets = (
        Asset(file_path(exhibit, "data.js"), data_script(figures, packed).encode("ascii")),
        *(
            [Asset(file_path(exhibit, "weights.npz"), _weights(packed))]
            if packed.attention.layers
            else []
        ),
        *(
            [Asset(file_path(exhibit, "measures.npz"), _measures(packed))]
            if packed.measured
            else []
        ),
        # What a model saw is known at a glance; its patches in a row are not.
        Asset(file_path(exhibit, "thumbnail.png"), packed.image or _thumbnail(packed)),
    )
    return page, assets


def index_page(galleries: Sequence[Gallery], path: str) -> Page:
    """The page that lists all exhibits, gallery by gallery."""
    fragments: dict[str, str] = {}
    sections = []
    for number, gallery in enumerate(galleries):
        name = f"cards-{number}"
        cards = [_card(exhibit) for exhibit in gallery.exhibits]
        fragments[name] = render("pages/cards.html.j2", cards=cards)
        sections.append(Section(gallery.title, gallery.prose, name))
    title = galleries[0].title if len(galleries) == 1 else "Galleries"
    markdown = render("pages/index.md.j2", title=title, galleries=sections)
    return Page(path, title, markdown, fragments)


def lone_file(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    vega: str,
    *,
    others: Sequence[Capture] = (),
) -> str:
    """A whole exhibit in one HTML file that needs no other file and no network.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        packed: The part of it that is shown.
        figures: Its views, drawn.
        vega: What draws charts, as one script.
        others: The captures of what the exhibit is held against.
    """
    assets = resources.templates() / "assets"
    return render(
        "pages/show.html.j2",
        exhibit=exhibit,
        target=exhibit.sentence.target if _has_target(exhibit, capture) else "",
        fragments=_fragments(
            exhibit, capture, packed, figures, others=others, standalone=True
        ).values(),
        css="\n".join((assets / n).read_text("utf-8") for n in ("show.css", "exhibit.css")),
        scripts=[
            inline_script(script)
            for script in (
                vega,
                (assets / "attention-chart.js").read_text("utf-8"),
                data_script(figures, packed),
            )
        ],
    )


def _thumbnail(packed: Packed) -> bytes:
    """All heads; or, of a model that tells of none, how surprised it was by each token."""
    if packed.attention.layers:
        return sprite(packed.attention)
    bits = packed.measured["predictions"].arrays["surprisal"]
    return strip(bits / max(1.0, float(np.nanmax(bits, initial=0.0))))


def data_script(figures: Sequence[Figure], packed: Packed) -> str:
    """The documents of an exhibit as one script, pure ASCII.

    What several of them hold in common, most of all the packed weights, is written once. All is
    compressed, since a page on a USB stick is not compressed by anyone else. The element that draws
    a chart undoes both.
    """
    shared = _shared(figures)
    views = {}
    for figure in figures:
        params = [
            {**param, "value": None} if _is_shared(param, shared) else param
            for param in figure.spec["params"]
        ]
        views[figure.view] = {**figure.spec, "params": params}
    parts = transport.encode({"params": shared, "views": views}, packed)
    arguments = json.dumps([figures[0].exhibit, parts], separators=(",", ":"))
    return f"AttentionGallery.exhibit({arguments[1:-1]});\n"


def _shared(figures: Sequence[Figure]) -> dict[str, Any]:
    """The lists that parameters of one name hold in more than one document."""
    seen: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for figure in figures:
        for param in figure.spec["params"]:
            name, value = param["name"], param.get("value")
            if not isinstance(value, list):
                continue
            if name in seen and seen[name] == value:
                shared[name] = value
            seen.setdefault(name, value)
    return shared


def _is_shared(param: Mapping[str, Any], shared: Mapping[str, Any]) -> bool:
    return param["name"] in shared and param.get("value") == shared[param["name"]]


def _fragments(
    exhibit: Exhibit,
    capture: Capture,
    packed: Packed,
    figures: Sequence[Figure],
    *,
    others: Sequence[Capture] = (),
    previous: Neighbour | None = None,
    following: Neighbour | None = None,
    standalone: bool = False,
) -> dict[str, str]:
    of_weights = next((each for each in figures if views.shows_weights(each.view)), None)
    fragments = {
        figure.view: render(
            f"views/{figure.view}.html.j2",
            figure=figure,
            # Said once: it is about the head that all charts open with.
            truth=figure.truth if figure is of_weights else "",
            cross=packed.attention.kind == "cross",
            derived=packed.attention.derived if views.shows_derived(figure.view) else (),
            standalone=standalone,
            data_path=file_path(exhibit, "data.js"),
            vega_path=VEGA,
        )
        for figure in figures
    }
    fragments["about"] = render(
        "pages/about.html.j2",
        # Views that say the same in numbers share a table.
        tables=list(dict.fromkeys(figure.table for figure in figures)),
        facts=_facts(exhibit, capture.provenance, packed, others),
        weights_path=file_path(exhibit, "weights.npz") if packed.attention.layers else "",
        measures_path=file_path(exhibit, "measures.npz") if packed.measured else "",
        every_head=packed.every_head,
        previous=previous,
        next=following,
        standalone=standalone,
    )
    return fragments


def _facts(
    exhibit: Exhibit, provenance: Provenance, packed: Packed, others: Sequence[Capture]
) -> list[tuple[str, str]]:
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
    facts = [
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
        facts.append(("Compared with", f"“{variant.name}”{which}"))
    return [(name, value) for name, value in facts if value]


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


def _has_target(exhibit: Exhibit, capture: Capture) -> bool:
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


def _weights(packed: Packed) -> bytes:
    """A NumPy archive: `queries`, `keys`, and float32 `layer_0`, ... ``[head, query, key]``.

    Where not all heads travel, neither do they here: of a long text they would be hundreds of
    megabytes. Each of those that do is an array of its own, such as `L0H2`, ``[query, key]``.

    What the exhibit is held against stands in it too, as ``against_0_layer_0`` and so on, with its
    names in `against`.
    """
    arrays = _arrays(packed.attention, packed)
    if packed.others:
        arrays["against"] = np.array([other.name for other in packed.others])
    for number, other in enumerate(packed.others):
        arrays |= _arrays(other.attention, packed, f"against_{number}_")
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _measures(packed: Packed) -> bytes:
    """A NumPy archive of all that was measured, each array under the name of its measure.

    Maps are decoded; facts are a text in JSON, ``<measure>/facts``. Where not all heads travel,
    neither do their maps, as in `_weights`: those that do end in ``/H2``.
    """
    arrays: dict[str, Any] = {}
    heads = [slot.single for slot in packed.own.slots if slot.single]
    for name, measured in packed.measured.items():
        arrays[f"{name}/facts"] = np.array(json.dumps(measured.facts, ensure_ascii=False))
        for key, array in measured.arrays.items():
            if not key.startswith("map/"):
                arrays[f"{name}/{key}"] = array
                continue
            layer = codes.decode(array)
            if packed.every_head or len(layer) == 1:
                arrays[f"{name}/{key}"] = layer
                continue
            number = int(key.rpartition("/")[2])
            for head in heads:
                if head.layer == number and key.split("/")[2] == packed.attention.kind:
                    arrays[f"{name}/{key}/H{head.head}"] = layer[head.head]
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _arrays(attention: Attention, packed: Packed, prefix: str = "") -> dict[str, Any]:
    arrays = {
        f"{prefix}queries": np.array([token.text for token in attention.queries]),
        f"{prefix}keys": np.array([token.text for token in attention.keys]),
    }
    if packed.every_head:
        layers = enumerate(attention.layers)
        return arrays | {f"{prefix}layer_{number}": layer for number, layer in layers}
    heads = (slot.single for slot in packed.own.slots)
    return arrays | {
        f"{prefix}L{head.layer}H{head.head}": attention.layers[head.layer][head.head]
        for head in heads
        if head
    }


def _card(exhibit: Exhibit) -> Card:
    return Card(
        path=page_path(exhibit),
        title=exhibit.title,
        sentence=_shorten(_shown(exhibit.sentence)),
        model=exhibit.model.id,
        words=" · ".join((*exhibit.tags, *views.of(exhibit))),
        thumbnail=file_path(exhibit, "thumbnail.png"),
    )


def _shown(sentence: Sentence) -> str:
    """The words a reader knows a sentence by; a file without any goes by its name."""
    text = " · ".join(filter(None, (sentence.text, sentence.pair)))
    return text or sentence.target or PurePath(sentence.image or sentence.audio).name


def _link(exhibit: Exhibit | None) -> Neighbour | None:
    return Neighbour(page_path(exhibit), exhibit.title) if exhibit else None


def _shorten(text: str, length: int = 120) -> str:
    line = one_line(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
