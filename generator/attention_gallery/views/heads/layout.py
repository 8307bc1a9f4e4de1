"""Where things stand in the view of heads, in CSS pixels.

Two matrices of layers and heads side by side; below them all heads as dots, and the card of the one
that is shown. On a phone all of it stands one below the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt

from attention_gallery.language import _
from attention_gallery.pixels import NARROW
from attention_gallery.views.heads import words
from attention_gallery.views.heads.scores import Group, Scores

LINE = 17
"""A line of text."""

LEFT = 32
"""Room for the names of layers."""

ABOVE = 40
"""Room above a matrix for its title, and for the names of heads."""

LEGEND = 120
"""Length of the bar of colours below a matrix."""

NUMBERED = 150
"""So many heads can each have their number, and be told apart as dots."""

_WIDTHS = 410, 336  # of a part, in a wide window and on a phone
_GAP = 40
_TALLEST = 400  # a matrix
_CELL = 56, 28  # the largest
_BELOW = 40  # a matrix, for its colours
_AXIS = 52, 44  # left of the dots, and below them
_PLOT = 240  # height of the room for dots
_TITLE = 24
_VALUE = 66  # room for a number in the card
_BAR = 120, 90  # a bar in the card
_NARROWEST = 23  # a cell with a number in it


PROBED, PAIRED = -2, -3
"""Lines of the head card that say what is marked beside the bars of these scores."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the head card.

    Attributes:
        text: A heading; empty where it is a score.
        score: Index of the score; -1 for a heading, `PROBED` or `PAIRED` for what marks mean.
        line: From the top of the card, in lines.
    """

    text: str
    score: int
    line: float


class Layout:
    """Places; all that the window decides are names of parameters.

    Attributes:
        scores: What is shown.
        n: How many heads.
        n_layers, n_columns: Lines and columns of a matrix.
        rows: The lines of the card.
        dot: The size of a dot, as a point mark has it.
    """

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        counts = scores.packed.attention.n_heads
        self.n, self.n_layers, self.n_columns = len(scores.heads), len(counts), max(counts)
        self.rows = _card(scores)
        self.dot = 60 if self.n <= NUMBERED else 24 if self.n <= 1000 else 10

    def params(self) -> list[alt.Parameter]:
        """The places the window decides."""
        wide, phone = (self._cell(width) for width in _WIDTHS)
        numbered = [self.n <= NUMBERED and cell[0] >= _NARROWEST for cell in (wide, phone)]
        card = LINE * (self.rows[-1].line + 1) + _TITLE
        expressions = {
            "narrow": NARROW,
            "part_width": _pick(*_WIDTHS),
            "cell_width": _pick(wide[0], phone[0]),
            "cell_height": _pick(wide[1], phone[1]),
            "numbered": _pick(*(str(each).lower() for each in numbered)),
            "matrix_height": f"{ABOVE} + {self.n_layers} * cell_height + {_BELOW}",
            "beside_x": f"narrow ? 0 : {_WIDTHS[0] + _GAP}",
            "beside_y": "narrow ? matrix_height + 14 : 0",
            "dots_y": "beside_y + matrix_height + 14",
            "plot_x": str(_AXIS[0]),
            "plot_y": f"dots_y + {_TITLE + 20}",
            "plot_width": f"part_width - {_AXIS[0] + 12}",
            "plot_height": str(_PLOT),
            "plot_end": f"plot_y + plot_height + {_AXIS[1]}",
            "card_x": "beside_x",
            "card_y": "narrow ? plot_end + 34 : dots_y",
            "bar_width": _pick(*_BAR),
            "bar_x": f"card_x + part_width - {_VALUE} - bar_width",
            "whole_width": "beside_x + part_width",
            "whole_height": f"max(plot_end + 34, card_y + {card:g})",
        }
        return [alt.param(name=name, expr=expr) for name, expr in expressions.items()]

    def _cell(self, width: int) -> tuple[float, float]:
        """Width and height of a cell, as large as can be while all of them fit."""
        across = min(_CELL[0], (width - LEFT) / self.n_columns)
        return round(across, 2), round(min(_CELL[1], _TALLEST / self.n_layers), 2)


def _card(scores: Scores) -> list[Row]:
    """A heading for each group of scores, and a line for each score."""
    headings: dict[Group, str] = {
        "probe": _("On the probe: share of its attention"),
        "sentence": _("On this sentence"),
        "without": _("Without it, the answer changes by"),
        "pair": _("Its part in the difference of two sentences"),
    }
    legends: dict[Group, int] = {"probe": PROBED, "pair": PAIRED}
    rows: list[Row] = []
    line = 0.0
    for group, heading in headings.items():
        found = scores.of(group)
        if not found:
            continue
        of_group = scores.all[found[0]]
        rows.append(Row(of_group.named(heading) if of_group.signed else heading, -1, line))
        line += 1
        for i in found:
            score = scores.all[i]
            title = words.brief(score.title)
            rows.append(Row(title if score.signed else score.named(title), i, line))
            line += 1
        if group in legends:
            rows.append(Row("", legends[group], line))
            line += 1
        line += 0.5
    return rows


def _pick(wide: float | str, narrow: float | str) -> str:
    """What depends on the width of the window."""
    return str(wide) if wide == narrow else f"narrow ? {narrow} : {wide}"
