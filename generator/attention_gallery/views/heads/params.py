"""What the document of the view of heads holds, and how Vega reads it: its parameters."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.views.heads import words
from attention_gallery.views.heads.layout import Layout
from attention_gallery.views.heads.scores import Score, Scores, effect

N_SHADES = 65
"""Colours of a scale; of a signed one the middle is neutral."""

_NEUTRAL = "#f4f1ea"


def params(layout: Layout) -> list[alt.Parameter]:
    """All parameters: data, controls, places, and what follows from them."""
    scores = layout.scores
    bars = [scores.bar(i) for i in range(len(scores.all))]
    values: dict[str, Any] = {
        "slots": [str(head) for head in scores.heads],
        "slot_layers": [head.layer for head in scores.heads],
        "slot_heads": [head.head for head in scores.heads],
        "labels": [score.label for score in scores.all],
        "captions": [score.named(score.label) for score in scores.all],
        "titles": [score.title for score in scores.all],
        "units": [f" {score.unit}".rstrip() for score in scores.all],
        "values": [score.values.tolist() for score in scores.all],
        "signed": [score.signed for score in scores.all],
        "limits": [score.limit for score in scores.all],
        "spans": [list(score.span) for score in scores.all],
        "middles": [score.middle for score in scores.all],
        "middle_texts": [_middle(score) for score in scores.all],
        "formats": [list(score.formats) for score in scores.all],
        "probed": [score.group == "probe" for score in scores.all],
        "gives": [score.gives for score in scores.all],
        "says": [score.says for score in scores.all],
        "untrained": [score.untrained for score in scores.all],
        "barred": [bar is not None for bar in bars],
        "bars": [list(bar or (0, 1)) for bar in bars],
        "lines": [_line(scores, score) for score in scores.all],
        "uniform": [list(score.uniform) for score in scores.all],
        "best": scores.best,
        "named": scores.named,
        "magnitudes": ["#" + bytes(colour).hex() for colour in charts.shades(N_SHADES)],
        "divergences": _diverging(),
        "card_texts": [row.text for row in layout.rows],
        "card_scores": [row.score for row in layout.rows],
        "card_lines": [row.line for row in layout.rows],
        **words.constants(scores),
    }
    return [
        *(alt.param(name=name, value=value) for name, value in values.items()),
        *_controls(scores),
        *layout.params(),
        alt.param(name="hovered", expr=charts.selected("hover", "at")),
        alt.param(name="shown_scores", expr="[score, beside]"),
        alt.param(name="said", expr=words.expression(scores)),
    ]


def _controls(scores: Scores) -> list[alt.Parameter]:
    """The head that is shown, of all heads there are, and the two scores."""
    counts = scores.packed.attention.n_heads
    start = scores.heads[scores.start]
    firsts = np.cumsum([0, *counts[:-1]]).tolist()
    labels = [score.label for score in scores.all]

    def select(name: str, options: int, labels: list[str]) -> alt.BindInputSelect:
        return alt.binding_select(options=list(range(options)), labels=labels, name=f"{name} ")

    layers = select(_("Layer"), len(counts), [f"L{i}" for i in range(len(counts))])
    heads = select(_("Head"), max(counts), [f"H{i}" for i in range(max(counts))])
    score = select(_("Score"), len(labels), labels)
    beside = select(_("Beside it"), len(labels), labels)
    return [
        alt.param(name="layer", value=start.layer, bind=layers),
        alt.param(name="head", value=start.head, bind=heads),
        alt.param(name="score", value=scores.first, bind=score),
        alt.param(name="beside", value=scores.second, bind=beside),
        # A layer may have fewer heads than the control offers: its last one is shown then.
        alt.param(name="slot", expr=f"{firsts}[layer] + min(head, {list(counts)}[layer] - 1)"),
    ]


def _middle(score: Score) -> str:
    """What is said of the middle of its colours; of a score that has none, nothing."""
    if not score.signed:
        return ""
    if not score.middle:
        return "0"
    return _("total effect {effect}").format(effect=effect(score.middle))


def _line(scores: Scores, score: Score) -> float | None:
    """What a bar in the card is held against: the best untrained head, or the total effect."""
    if score.group == "probe":
        return score.untrained
    return scores.total if score.group == "pair" else None


def _diverging() -> list[str]:
    """From orange over a neutral colour to blue, for every kind of colour vision.

    Blue is for more, as in all charts of signed numbers.
    """
    stops = (charts.HOVER_COLOUR, _NEUTRAL, charts.PIN_COLOUR)
    rgb = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], dtype=float)
    at = np.linspace(0, 2, N_SHADES)
    colours = np.stack([np.interp(at, range(3), channel) for channel in rgb.T], axis=1)
    return ["#" + bytes(colour).hex() for colour in np.rint(colours).astype(np.uint8)]
