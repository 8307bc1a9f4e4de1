"""Token by token: what each is chosen by, what it was given, and what might have stood there.

A step reads one token more and chooses the next: by the attention of the row that was read last.
The same is shown of text the author wrote, which the model only reads: how much it was surprised.
"""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.chances import number
from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.pixels import ground
from attention_gallery.terms import Exhibit, Extra, Table
from attention_gallery.views.generation import candidates, picture, said, text
from attention_gallery.views.generation.layout import Layout
from attention_gallery.views.generation.steps import BY, Steps

TITLE = marked("Generation")

PARTS: frozenset[Extra] = frozenset({"predictions"})
"""What a capture has to hold for this view besides weights."""


def fits(exhibit: Exhibit) -> bool:
    """Only a decoder writes; whether a model has one is known when it is captured."""
    return exhibit.attention in (None, "decoder", "cross")


def draw(packed: Packed) -> alt.LayerChart:
    """The chart."""
    layout = Layout(Steps(packed))
    layers: list[alt.Chart | alt.LayerChart] = [ground(layout.width, layout.height)]
    if layout.pictured:
        layers += [picture.image(layout), picture.squares(layout), picture.strongest(layout)]
    else:
        layers.append(text.weights(layout))
    if layout.crossed and not layout.pictured:
        layers.append(text.keys(layout))
    layers += [
        text.chosen(layout),
        text.words(layout),
        candidates.bars(layout),
        candidates.headings(layout),
    ]
    # What is drawn widens the chart as far as it needs, on a page and on a phone.
    params = (*charts.shared_params(packed), *_params(layout))
    return charts.stacked(layers, params, width=1, height=1)


def describe(packed: Packed) -> str:
    """The step first shown, and how surprising the text is on the whole."""
    steps = Steps(packed)
    return f"{said.in_words(steps, steps.start)} {said.on_the_whole(steps)}".rstrip()


def tabulate(packed: Packed) -> Table:
    """Each step in numbers."""
    steps = Steps(packed)
    rows = []
    for step in range(len(steps)):
        others = [
            f"{steps.likely[step][i]} {number(steps.chances[step][i])}"
            for i in steps.others(step)[:2]
        ]
        told = steps.told(step)
        rows.append(
            (
                str(step + 1),
                steps.words[step + 1],
                _(BY[steps.by[step]]),
                number(steps.given[step]) if told else "",
                f"{steps.bits[step]:.2f}" if told else "",
                *others,
                *[""] * (2 - len(others)),
            )
        )
    return Table(
        caption=_("What the model gave each token, and what it held likely besides"),
        columns=(
            _("position"),
            _("token"),
            _("written by"),
            _("probability"),
            _("surprisal in bits"),
            _("likeliest other"),
            _("second other"),
        ),
        rows=tuple(rows),
    )


def _params(layout: Layout) -> list[alt.Parameter]:
    """What is told of each step, and which is shown.

    ``said`` is what a screen reader is told of it: the same as `describe`, by other code.
    """
    steps, packed = layout.steps, layout.packed
    every = range(len(steps))
    data: dict[str, object] = {
        "words": steps.words,
        "brief": steps.brief,
        "by": steps.by,
        "likely": steps.likely,
        "chances": steps.chances.tolist(),
        "given": steps.given.tolist(),
        "rests": steps.rests.tolist(),
        "ranks": steps.ranks,
        "told": [steps.told(step) for step in every],
        "steps": steps.names(),
    }
    if layout.pictured:
        data["key_patches"] = [token.patch for token in packed.attention.keys]
    slider = alt.binding_range(min=0, max=len(steps) - 1, step=1, name=_("Step") + " ")
    first, last = ("step * (step + 1)", "(step + 1) * (step + 2)")
    if not packed.triangle:
        first, last = f"{2 * packed.n_keys} * step", f"{2 * packed.n_keys} * (step + 1)"
    return [
        *layout.params(),
        *(alt.param(name=name, value=value) for name, value in data.items()),
        alt.param(name="step", value=steps.start, bind=slider),
        # The row's digits, two a weight: sorted as text they are sorted by weight.
        alt.param(
            name="row",
            expr=f"split(trim(replace(substring(weights[slot], {first}, {last}), "
            "regexp('(..)', 'g'), '$1 ')), ' ')",
        ),
        alt.param(name="most", expr="peek(sort(row))"),
        alt.param(name="said", expr=said.expression(steps)),
    ]
