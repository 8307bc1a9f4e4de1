"""How well labels can be told from the states of each layer, beside what proves little.

Of each state of the words, from what the first layer is given to what the last one leaves: the
accuracy of linear probes, that of probes for random labels, and that of always guessing the same.
"""

from __future__ import annotations

import altair as alt

from attention_gallery.language import _, marked
from attention_gallery.packing import Packed
from attention_gallery.terms import Exhibit, Table
from attention_gallery.views.probing import picture, said
from attention_gallery.views.probing.findings import Findings, number

TITLE = marked("Probing")

MEASURES = frozenset({"probing"})
"""What has to be measured for this view."""


def fits(exhibit: Exhibit) -> bool:
    """Texts are labelled; whether the model reads any is known when it is measured."""
    return not exhibit.shows_patches and not exhibit.sentence.audio


def draw(packed: Packed) -> alt.LayerChart:
    """The chart."""
    findings = Findings(packed.measured["probing"])
    return picture.chart(findings).add_params(*_params(findings))


def describe(packed: Packed) -> str:
    """What stands out, and what it is about."""
    findings = Findings(packed.measured["probing"])
    return f"{said.in_words(findings, findings.start)} {said.on_the_whole(findings)}"


def tabulate(packed: Packed) -> Table:
    """Each state in numbers."""
    findings = Findings(packed.measured["probing"])
    real, control = findings.real, findings.control
    return Table(
        caption=_("How well linear probes tell the labels of {file}").format(file=findings.file),
        columns=(
            _("states"),
            _("accuracy"),
            _("lowest to highest"),
            _("random labels"),
            _("lowest to highest"),
            _("difference"),
            _("commonest label"),
        ),
        rows=tuple(
            (
                name,
                number(real.mean[i]),
                real.range(i),
                number(control.mean[i]),
                control.range(i),
                findings.more(i),
                number(findings.majority),
            )
            for i, name in enumerate(findings.states)
        ),
    )


def _params(findings: Findings) -> list[alt.Parameter]:
    """The numbers, which state is pinned, and what is said of it."""
    every = range(len(findings.states))
    data: dict[str, object] = {
        "states": findings.states,
        "brief": [findings.states[0], *findings.layers[1:]],
        "majority": findings.majority,
        "more": [findings.more(i) for i in every],
        "told": [said.in_words(findings, i) for i in every],
    }
    for name, curve in (("real", findings.real), ("control", findings.control)):
        data |= {
            name: curve.mean.tolist(),
            f"{name}_lowest": curve.lowest.tolist(),
            f"{name}_highest": curve.highest.tolist(),
            f"{name}_range": [curve.range(i) for i in every],
        }
    slider = alt.binding_range(min=0, max=len(findings.states) - 1, step=1, name=_("Layer") + " ")
    return [
        *picture.params(findings),
        *(alt.param(name=name, value=value) for name, value in data.items()),
        alt.param(name="state", value=findings.start, bind=slider),
        alt.param(name="said", expr="told[state]"),
    ]
