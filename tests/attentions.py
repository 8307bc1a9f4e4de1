"""Attention made of random numbers, for tests that need no model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from attention_gallery.codes import Layers, encode
from attention_gallery.terms import (
    Attention,
    AttentionKind,
    Capture,
    Exhibit,
    Head,
    Measured,
    Model,
    Provenance,
    Sentence,
    Start,
    Token,
    Variant,
)

FOX = ("<s>", "The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog")
HOSTILE = (
    "<s>",
    "</script><img src=x onerror=alert(1)>",
    "\"'`${x}\\",
    "<!--",
    "]]>",
    "{{ 7 * 7 }}",
    "🙂👩‍👩‍👧",
    "العربية",
    "é̂",
    "注意力",
    "a\u200db",
    "datum.weight",
    "x" * 200,
)


def attention(
    tokens: tuple[str, ...] = FOX,
    *,
    kind: AttentionKind = "decoder",
    n_heads: tuple[int, ...] = (4, 4, 4),
    keys: tuple[str, ...] | None = None,
    seed: int = 0,
) -> Attention:
    """Rows of softmaxed noise; decoder attention is causal."""
    rng = np.random.default_rng(seed)
    keys = tokens if keys is None else keys
    causal = kind == "decoder"
    layers = []
    for n in n_heads:
        scores = rng.normal(scale=2.5, size=(n, len(tokens), len(keys)))
        if causal:
            scores = np.where(np.tri(len(tokens), dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        layers.append((weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32))
    return Attention(
        kind,
        tuple(Token(text, special=text == "<s>", id=i) for i, text in enumerate(tokens)),
        tuple(Token(text, special=text == "<s>", id=i) for i, text in enumerate(keys)),
        Layers.of(layers),
        causal,
    )


def capture(*attentions: Attention, key: str = "0" * 64) -> Capture:
    """A capture that holds these attentions."""
    provenance = Provenance(
        source="specimen:none",
        commit="0123abc",
        architecture="NoModel",
        tokenizer="NoTokenizer",
        dtype="float32",
        device="cpu",
        versions={"torch": "0.0"},
        date="2026-01-02",
    )
    return Capture(key, {a.kind: a for a in attentions}, provenance)


def measured_maps(of: Attention, *, seed: int = 7) -> dict[str, Measured]:
    """Maps of each head, and maps of each layer, as two measures would leave them."""
    twin = attention(tuple(t.text for t in of.queries), kind=of.kind, n_heads=of.n_heads, seed=seed)
    provenance = capture(of).provenance
    per_head = {f"map/norms/{of.kind}/{i}": codes for i, codes in enumerate(twin.layers.codes)}
    per_layer = {
        f"map/rollout/{of.kind}/{i}": encode(layer.mean(axis=0, keepdims=True))
        for i, layer in enumerate(twin.layers)
    }
    norms = {"title": "norm-based weights", "says": "How much a head writes."}
    rolled = {"title": "rollout", "says": "What came from where.", "per_head": False}
    return {
        "norms": Measured(
            "1" * 64, "norms", per_head, {"title": "Norms", "maps": {"norms": norms}}, provenance
        ),
        "rollout": Measured(
            "2" * 64,
            "rollout",
            per_layer,
            {"title": "Rollout", "maps": {"rollout": rolled}},
            provenance,
        ),
    }


def exhibit(
    *,
    id: str = "fox",  # noqa: A002  the field's name
    title: str = "The fox",
    text: str = "The quick brown fox jumps over the lazy dog",
    heads: tuple[Head, ...] = (),
    start: Start | None = None,
    views: tuple[str, ...] = ("edges", "heatmap"),
    prose: str = "Look at **jumps**.",
    kind: AttentionKind | None = None,
    gold: Mapping[str, tuple[str, ...]] | None = None,
    against: tuple[str, ...] = (),
    against_sentences: tuple[str, ...] = (),
) -> Exhibit:
    """An exhibit of no real model, held against other models or sentences."""
    model = Model("none", "specimen:none", "specimen", "/nowhere")
    sentence = Sentence("fox", text, gold=gold or {})
    return Exhibit(
        id=id,
        title=title,
        model=model,
        sentence=sentence,
        attention=kind,
        heads=heads,
        views=views,
        prose=prose,
        start=start or Start(),
        against=(
            *(
                Variant(name, Model(name, f"specimen:{name}", "specimen", "/nowhere"), sentence)
                for name in against
            ),
            *(Variant(said, model, Sentence(said, said)) for said in against_sentences),
        ),
    )
