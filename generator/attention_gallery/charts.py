"""What all charts share: how they decode packed weights, the house style, the static picture.

A chart is one self-contained Vega-Lite document that opens unchanged wherever Vega-Lite is read.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from string import Formatter
from typing import Any, cast

import altair as alt
import numpy as np
import vl_convert
from numpy.typing import NDArray

from attention_gallery.language import ENGLISH, _, current
from attention_gallery.maps import POOLS
from attention_gallery.packing import LEVELS, Packed
from attention_gallery.terms import Attention, Token

# Cividis (Nunez, Anderton, Renslow 2018, doi:10.1371/journal.pone.0199239), ten even samples:
# perceptually uniform, and the same picture for readers with red-green colour blindness.
CIVIDIS = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173",
    "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip


def shades(n: int) -> NDArray[np.uint8]:
    """Cividis in `n` even steps from the darkest to the brightest, uint8 ``[shade, rgb]``."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in CIVIDIS], dtype=float)
    at = np.linspace(0, len(stops) - 1, n)
    colours = np.stack([np.interp(at, np.arange(len(stops)), c) for c in stops.T], axis=1)
    return np.rint(colours).astype(np.uint8)


# Two mid-tones with a contrast of at least 3:1 on white and on the dark theme's background, and
# apart from each other for every kind of colour vision.
PIN_COLOUR = "#2f7ed8"
HOVER_COLOUR = "#d9730d"

VISIBLE = 0.005
"""Below this an edge is thinner than a hair, and its number would read 0.00."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


_ESCAPED = str.maketrans(  # what ends a string or a line in JavaScript
    {"\\": "\\\\", "'": "\\'"}
    | {"\n": "\\n", "\r": "\\r", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def literal(text: str) -> str:
    """A Vega expression for a text: a string of its language, whatever is in it."""
    return f"'{text.translate(_ESCAPED)}'"


def spoken(sentence: str, **parts: str) -> str:
    """A Vega expression for a sentence that is made while a chart runs.

    The sentence says where its parts go, so that another language can have them in another order.

    Args:
        sentence: A text in the reader's language, with a ``{name}`` for each part.
        parts: A Vega expression for each name, in parentheses if it has a ``?``, or a ``+`` that
            adds numbers.
    """
    pieces: list[str] = []
    text = ""
    for said, name, *_how in Formatter().parse(sentence):
        text += said
        if name is not None:
            pieces += [literal(text), parts[name]] if text else [parts[name]]
            text = ""
    return " + ".join([*pieces, literal(text)] if text or not pieces else pieces)


def weight_expr(cell: str, blob: str = "weights[slot]") -> str:
    """A Vega expression for the weight at index `cell` of a blob, as a rule of the slot shown."""
    return f"parseInt(substring({blob}, 2 * ({cell}), 2 * ({cell}) + 2), 36) / {LEVELS}"


def cell_expr(packed: Packed, query: str, key: str) -> str:
    """A Vega expression for the index of the cell at row `query` and column `key`."""
    if packed.triangle:
        return f"({query}) * (({query}) + 1) / 2 + ({key})"
    return f"({query}) * {packed.n_keys} + ({key})"


def cells(packed: Packed) -> alt.Chart:
    """One row per cell of the map shown, with `query`, `key` and `weight`.

    A generated source: the browser makes the rows, the document holds none.
    """
    query, key = f"floor(datum.cell / {packed.n_keys})", f"datum.cell % {packed.n_keys}"
    if packed.triangle:
        # The inverse of the triangular numbers; exact far beyond any length a page can draw.
        query = "floor((sqrt(8 * datum.cell + 1) - 1) / 2)"
        key = "datum.cell - datum.query * (datum.query + 1) / 2"
    return (
        alt.Chart(alt.sequence(0, packed.n_cells, as_="cell"))
        .transform_calculate(query=query)
        .transform_calculate(key=key)
        .transform_calculate(weight=weight_expr("datum.cell"))
    )


def hover(*fields: str) -> alt.Parameter:
    """What the pointer is over, named ``hover``: a preview that leaves with the pointer."""
    return alt.selection_point(
        name="hover", fields=list(fields), on="pointerover", clear="pointerout", empty=False
    )


def pin(start: Mapping[str, int], bind: Mapping[str, alt.BindInputSelect]) -> alt.Parameter:
    """What was clicked or chosen in a native control, named ``pin``; Escape releases it.

    Args:
        start: The first selection, by field.
        bind: The native control of each field; option -1 selects nothing.
    """
    return alt.selection_point(
        name="pin",
        fields=list(start),
        on="click",
        # A second click of a double click is a click: it must not let go of what the first chose.
        clear="window:keydown[event.key === 'Escape']",
        empty=False,
        value=[dict(start)],
        bind=cast(Any, dict(bind)),  # one control per field; Altair's types know one only
    )


def selected(selection: str, field: str) -> str:
    """A Vega expression for the selected value of a field, or -1."""
    return f"({selection}.{field} ? {selection}.{field}[0] : -1)"


def shared_params(packed: Packed) -> list[alt.Parameter]:
    """Parameters every view has: the data, and the choice of the map shown.

    ``slot`` is the index of the map shown. Where all heads travel it follows from two native
    controls, ``layer`` and ``head``, and from a third, ``derived``, where there is more to show
    than weights; otherwise it is a control itself.
    """
    data = [
        # The blobs are put in by `finish`: Altair would validate every character of them.
        alt.param(name="weights", value=[]),
        alt.param(name="slots", value=[str(slot) for slot in packed.slots]),
        alt.param(name="queries", value=[token.text for token in packed.attention.queries]),
        alt.param(name="keys", value=[token.text for token in packed.attention.keys]),
        alt.param(name="query_names", value=row_names(packed.attention)),
        alt.param(name="key_names", value=token_names(packed.attention.keys)),
    ]
    if not packed.every_head:
        labels = [str(slot) for slot in packed.slots]
        bind = alt.binding_select(
            options=list(range(len(labels))), labels=labels, name=_("Head") + " "
        )
        return [*data, alt.param(name="slot", value=packed.start, bind=bind)]
    counts = packed.attention.n_heads
    shown = packed.slots[packed.start]
    several = [-1] if len(counts) > 1 else []
    layers = alt.binding_select(
        options=[*range(len(counts)), *several],
        labels=[
            *(f"L{i}" for i in range(len(counts))),
            *[_("all layers and heads")] * len(several),
        ],
        name=_("Layer") + " ",
    )
    heads = alt.binding_select(
        options=[-1, -2, *range(max(counts))],
        labels=[_("mean of heads"), _("maximum of heads"), *(f"H{i}" for i in range(max(counts)))],
        name=_("Head") + " ",
    )
    n_pools = len(POOLS)
    firsts = np.cumsum([0, *(n + n_pools for n in counts)]).tolist()
    pooled = -1 - POOLS[::-1].index(shown.pool)
    # A layer may have fewer heads than the control offers: its last one is shown then. All layers
    # together have none: their mean is.
    slot = (
        f"layer < 0 ? {firsts[-1]} + min(head, -1) + {n_pools}"
        f" : {firsts}[layer] + min(head, {list(counts)}[layer] - 1) + {n_pools}"
    )
    chosen = [
        alt.param(name="layer", value=-1 if shown.layer is None else shown.layer, bind=layers),
        alt.param(name="head", value=pooled if shown.head is None else shown.head, bind=heads),
    ]
    derived = packed.attention.derived
    if not derived:
        return [*data, *chosen, alt.param(name="slot", expr=slot)]
    titles = [_("attention weights"), *(each.title for each in derived)]
    control = alt.binding_select(
        options=[*range(len(titles))], labels=titles, name=_("Shows") + " "
    )
    places = first_slots(packed)
    whole = [0, *(int(not each.per_head) for each in derived)]
    return [
        *data,
        *chosen,
        alt.param(name="derived", value=0, bind=control),
        # Where a layer has one map, whatever its heads, all layers together show that of the last.
        alt.param(
            name="slot",
            expr=f"{places}[derived] + ({whole}[derived]"
            f" ? (layer < 0 ? {len(counts) - 1} : layer) : {slot})",
        ),
    ]


def first_slots(packed: Packed) -> list[int]:
    """Index of the first map of weights, and of each that is derived, where all heads travel."""
    titles = ["", *(each.title for each in packed.attention.derived)]
    slots = [slot.derived for slot in packed.slots]
    return [slots.index(title) for title in titles]


def layered(
    packed: Packed,
    layers: Sequence[alt.Chart | alt.LayerChart],
    width: int,
    height: int,
    params: Iterable[alt.Parameter] = (),
    title: str = "slots[slot]",
    **properties: Any,
) -> alt.LayerChart:
    """Stack layers, first at the bottom, under a title that names the map shown.

    Args:
        packed: What is drawn.
        layers: What is stacked.
        width: Natural width, pixels.
        height: Natural height, pixels.
        params: Parameters besides `shared_params`.
        title: A Vega expression for the title.
        properties: What else Altair is to know of the chart.
    """
    params = (*shared_params(packed), *params)
    title_ = alt.Title(alt.expr(title))
    return stacked(layers, params, width=width, height=height, title=title_, **properties)


def stacked(
    layers: Sequence[alt.Chart | alt.LayerChart], params: Iterable[alt.Parameter], **properties: Any
) -> alt.LayerChart:
    """Layers, with parameters and all else there is to say, made into a chart at once.

    Altair copies a layered chart, and all that is in it, with each thing that is added later: for
    the charts of one page that was a second.
    """
    *others, last = layers  # the last, so that what is selected in other layers is listed first
    return alt.LayerChart(layer=[*others, last.add_params(*params)], **properties)


def has_patches(tokens: Iterable[Token]) -> bool:
    """Whether some of the tokens are patches of an image."""
    return any(token.patch for token in tokens)


def token_labels(tokens: Sequence[Token]) -> list[str]:
    """Labels that tell equal tokens apart, for controls: position and text."""
    return [f"{i} {short(token.text)}" for i, token in enumerate(tokens)]


def token_names(tokens: Sequence[Token]) -> list[str]:
    """What a sentence calls each token: its text, with its position where the text repeats.

    A patch is called by its place.
    """
    return _told_apart(
        [
            _("row {row} column {column}").format(row=token.patch[0], column=token.patch[1])
            if token.patch
            else short(token.text)
            for token in tokens
        ]
    )


def row_names(attention: Attention) -> list[str]:
    """What a sentence calls each row of a map: its query.

    A row of a captioner belongs to two words: it reads one and looks for the next. Both are named,
    the word it looks for first; which word follows the last is not known here.
    """
    queries = [short(token.text) for token in attention.queries]
    if attention.kind != "cross" or not has_patches(attention.keys):
        return token_names(attention.queries)
    names = [
        _("{word} (after {read})").format(word=word, read=read) for read, word in pairwise(queries)
    ]
    # A word has the number it has wherever it is written: that of the row which reads it.
    return _told_apart([*names, _("what follows {word}").format(word=queries[-1])], first=1)


def _told_apart(names: Sequence[str], first: int = 0) -> list[str]:
    """Names, with their position, counted from `first`, where they repeat."""
    repeated = Counter(names)
    apart = []
    for i, name in enumerate(names, first):
        whole = isolated(name)
        apart.append(f"{whole} [{i}]" if repeated[name] > 1 else whole)
    return apart


def isolated(text: str) -> str:
    """A text within another: one from right to left would shuffle what is around it."""
    return f"\u2068{text}\u2069" if right_to_left(text) else text


def right_to_left(text: str) -> bool:
    """Whether a text has letters of a script that runs from right to left."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)


def n_columns(text: str) -> int:
    """How many letters wide a text is about: wide glyphs count double."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def quoted(text: str, length: int = 30) -> str:
    """A token within a sentence, isolated: right-to-left text would shuffle what is around it."""
    return f"“\u2068{short(text, length)}\u2069”"


def short(text: str, length: int = 30) -> str:
    """A token's text, cut where it would push everything else away."""
    return text if len(text) <= length else text[: length - 1] + "…"


def finish(chart: alt.LayerChart, packed: Packed, description: str) -> dict[str, Any]:
    """Turn a chart into a whole document: house style, description, weights inside.

    Returns:
        The Vega-Lite document.
    """
    chart["description"] = description  # in place: see `stacked`
    spec: dict[str, Any] = chart.to_dict(validate=False)  # the tests do
    # Named sources only: rows never pass through Altair, and nothing it adds of its own accord
    # (sizes of a default theme) belongs in a published document.
    spec["config"] = HOUSE_STYLE
    if current().code != ENGLISH and "title" in spec:
        spec["title"]["aria"] = False  # Vega would say in English that it is one
    blobs = {
        "weights": list(packed.sent or packed.blobs),
        "other_weights": [list(other.blobs) for other in packed.others],
    }
    for param in spec["params"]:
        if param["name"] in blobs:
            param["value"] = blobs[param["name"]]
    return spec


HOUSE_STYLE: Mapping[str, Any] = {
    "background": None,
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "text": {"color": "currentColor", "font": FONT},
    "title": {"color": "currentColor", "fontSize": 14, "fontWeight": 600, "anchor": "start"},
    "axis": {
        "domain": False, "ticks": False, "grid": False, "labelColor": "currentColor",
        "titleColor": "currentColor", "titleFontWeight": 400, "titleOpacity": 0.75,
        "labelOverlap": False, "titlePadding": 10, "aria": False,
    },
    "legend": {
        "labelColor": "currentColor", "titleColor": "currentColor", "titleFontWeight": 400,
        "aria": False,
    },
}  # fmt: skip
"""Colours of text are `currentColor`, so a page's theme reaches into the picture."""


def static_svg(spec: Mapping[str, Any], name: str) -> tuple[str, int]:
    """Draw a document's opening state; to a screen reader it is one image with its description.

    Args:
        spec: The document, with a description.
        name: What ids inside the SVG start with, unique on its page.

    Returns:
        The SVG, fit to stand inside an HTML page, and its natural width in CSS pixels.
    """
    svg: str = vl_convert.vegalite_to_svg(dict(spec), allowed_base_urls=[])
    # Vega counts its ids through a process; the same chart has to give the same bytes.
    ids = dict.fromkeys(re.findall(r'(?:id="|url\(#)((?:gradient|clip)_?\d+)', svg))
    for number, id_ in enumerate(ids):
        svg = re.sub(rf'(id="|url\(#){id_}(?!\d)', rf"\g<1>{name}-{number}", svg)
    width = re.match(r'<svg[^>]*? width="(\d+)', svg)
    if width is None:
        raise AssertionError("an SVG without a width")
    # A quote in a text means nothing to XML, but what it encloses could pass for an attribute.
    svg = re.sub(r">[^<]*<", lambda text: text[0].replace('"', "&quot;"), svg)
    label = html.escape(spec["description"])
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1), int(width[1])
