"""The two pictures of the view of patches: the image, and the map of weights beside it."""

from __future__ import annotations

import base64
from typing import cast

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.views.patches.layout import MARGIN, ROW, Layout

X = alt.X("x:Q", scale=None, axis=None)
Y = alt.Y("y:Q", scale=None, axis=None)
# The sides of a patch. Whatever is computed from them has names of its own: a chart that is alive
# runs a formula again and again, and one that wrote to what it reads would move things each time.
_LEFT = alt.X("left:Q", scale=None, axis=None)
_TOP = alt.Y("top:Q", scale=None, axis=None)

_RANKS = 3
# The square of a smaller weight would be a dot; its colour beside the image still shows.
_SQUARE = 0.01


def image(layout: Layout) -> alt.Chart:
    """What the model saw, each of its pixels a square."""
    png = base64.b64encode(layout.packed.image).decode("ascii")
    width, height = layout.image
    return alt.Chart(alt.sequence(0, 1, as_="picture")).mark_image(
        url=f"data:image/png;base64,{png}", x=layout.left[0], y=layout.top, align="left",
        baseline="top", width=width, height=height, aspect=False, smooth=False, aria=False,
        tooltip=None,
    )  # fmt: skip


def targets(layout: Layout) -> alt.Chart:
    """The patches of the image, to be pointed at; those of the map are there to be seen."""
    return (
        _weighted(layout)
        .transform_filter("datum.picture == 0")
        .mark_rect(fillOpacity=0, cursor="pointer", aria=False)
        .encode(x=_LEFT, y=_TOP, x2="right:Q", y2="bottom:Q", tooltip="tip:N")
    )


def heatmap(layout: Layout) -> alt.Chart:
    """The map: brighter is more."""
    width, _height = layout.image
    legend = alt.Legend(
        title=_("weight"),
        orient="none",
        direction="horizontal",
        legendX=layout.left[1],
        legendY=layout.bottom + 12 + ROW * len(layout.others),
        gradientLength=width - 24,
        tickCount=3,
        labelFontSize=13,
        titleFontSize=13,
    )
    scale = alt.Scale(
        # All may be zero; colours must still have somewhere to start and to end.
        domain={"unionWith": [0, 0.01]},
        domainMax=alt.expr("stretched ? null : 1"),
        range=list(charts.CIVIDIS),
    )
    return (
        _weighted(layout)
        .transform_filter("datum.picture == 1")
        .mark_rect(aria=False, cursor="pointer")
        .encode(
            x=_LEFT,
            y=_TOP,
            x2="right:Q",
            y2="bottom:Q",
            tooltip="tip:N",
            color=alt.Color("weight:Q", scale=scale, legend=legend),
        )
    )


def grid(layout: Layout) -> alt.LayerChart:
    """The borders of the patches of the image."""
    left, (width, height) = layout.left[0], layout.image
    n_rows, n_columns = layout.n_rows, layout.n_columns
    n_lines = n_rows + n_columns + 2
    lines = (
        alt.Chart(alt.sequence(0, n_lines, as_="line"))
        .transform_calculate(across=f"datum.line <= {n_rows}")
        .transform_calculate(
            part=f"datum.across ? datum.line / {n_rows} : (datum.line - {n_rows + 1}) / {n_columns}"
        )
        .transform_calculate(
            x=f"{left} + (datum.across ? 0 : {width} * datum.part)",
            x2=f"{left} + {width} * (datum.across ? 1 : datum.part)",
            y=f"{layout.top} + (datum.across ? {height} * datum.part : 0)",
            y2=f"{layout.top} + {height} * (datum.across ? datum.part : 1)",
        )
    )
    return _dashed(lines, 1, [2, 2], opacity=0.4)


def numbering(layout: Layout) -> alt.Chart:
    """Numbers of columns above both pictures, and of rows left of the image."""
    n, (width, height) = layout.n_columns, layout.step
    return (
        alt.Chart(alt.sequence(0, 2 * n + layout.n_rows, as_="i"))
        .transform_calculate(
            above=f"datum.i < {2 * n}",
            number=f"datum.i < {2 * n} ? datum.i % {n} : datum.i - {2 * n}",
        )
        .transform_calculate(
            x=f"datum.above ? {list(layout.left)}[floor(datum.i / {n})]"
            f" + {width} * (datum.number + 0.5) : {MARGIN - 9}",
            y=f"datum.above ? {layout.top - 8} : {layout.top} + {height} * (datum.number + 0.5)",
        )
        .mark_text(
            baseline="middle",
            # A phone shows the picture at three quarters of its size.
            fontSize=13 if width >= 18 else 10,
            opacity=0.8,
            aria=False,
            tooltip=None,
        )
        .encode(x=X, y=Y, text="number:N")
    )


def squares(layout: Layout, selection: str, colour: str) -> alt.LayerChart:
    """On the image, a hollow square in each patch that the selected token gives weight to."""
    token = charts.selected(selection, "token")
    # Hovering the pinned token would only repaint the same squares.
    once = f" && {token} != {charts.selected('pin', 'token')}" if selection == "hover" else ""
    # What a patch is given by words is told beside the words.
    looks = "" if layout.looking else f" && {token} < {layout.n}"
    return _outlined(
        layout,
        _patches(layout)
        .transform_filter(f"datum.picture == 0 && {token} >= 0{looks}{once}")
        .transform_calculate(weight=layout.given(token, "datum.key"))
        .transform_filter(f"datum.weight >= {_SQUARE}"),
        "sqrt(datum.weight)",
        colour,
        1.5,
    )


def frames(layout: Layout, selection: str, colour: str) -> alt.LayerChart:
    """A frame around the selected patch itself."""
    token = charts.selected(selection, "token")
    patch = _patches(layout).transform_filter(f"datum.token == {token}")
    return _outlined(layout, patch, "1", colour, 2.5)


def gold(layout: Layout) -> alt.LayerChart:
    """On both pictures, a border around what is known to be right for the row shown."""
    lines = (
        alt.Chart(alt.sequence(0, 2 * len(layout.known()), as_="line"))
        .transform_calculate(
            at="known[floor(datum.line / 2)]", left=f"{list(layout.left)}[datum.line % 2]"
        )
        .transform_filter("datum.at[0] == focus")
        .transform_calculate(
            x="datum.left + datum.at[1]",
            y="datum.at[2]",
            x2="datum.left + datum.at[3]",
            y2="datum.at[4]",
        )
    )
    return _dashed(lines, 2.5, [5, 3])


def ranks(layout: Layout) -> alt.Chart:
    """The strongest patches, numbered on the map: black on bright and white on dark."""
    width, height = layout.step
    return (
        _ranked(layout)
        .transform_calculate(
            x=f"datum.left + {width / 2}",
            y=f"datum.top + {height / 2}",
            brightness="datum.weight / (stretched ? max(datum.largest, 0.01) : 1)",
        )
        .mark_text(
            baseline="middle", fontSize=min(13, 0.75 * height), fontWeight=700, cursor="pointer",
            aria=False,
        )
        .encode(
            x=X,
            y=Y,
            text="rank:N",
            tooltip="tip:N",
            color=alt.condition("datum.brightness > 0.5", alt.value("black"), alt.value("white")),
        )
    )  # fmt: skip


def strongest(layout: Layout) -> alt.Chart:
    """The same patches with their weights, listed below the image."""
    return (
        _ranked(layout)
        .transform_calculate(
            text="datum.rank + '. ' + datum.tip",
            y=f"{layout.bottom + 8} + {ROW} * (datum.rank - 0.5)",
        )
        .mark_text(
            align="left", baseline="middle", fontSize=13, x=layout.left[0], limit=layout.image[0],
            cursor="pointer", aria=False, tooltip=None,
        )
        .encode(y=Y, text="text:N")
    )  # fmt: skip


def _patches(layout: Layout) -> alt.Chart:
    """One row per patch and picture, with its place; the image is picture 0, the map picture 1."""
    n, (width, height) = layout.n_patches, layout.step
    # A patch of the image is the one that looks, where patches do.
    first = 0 if layout.looking else layout.n
    return (
        alt.Chart(alt.sequence(0, 2 * n, as_="place"))
        .transform_calculate(picture=f"floor(datum.place / {n})", patch=f"datum.place % {n}")
        .transform_calculate(
            key=f"datum.patch + {layout.first_key}",
            left=f"{list(layout.left)}[datum.picture]"
            f" + {width} * (datum.patch % {layout.n_columns})",
            top=f"{layout.top} + {height} * floor(datum.patch / {layout.n_columns})",
        )
        .transform_calculate(
            token=f"datum.key + (datum.picture ? {layout.n} : {first})",
            right=f"datum.left + {width}",
            bottom=f"datum.top + {height}",
        )
    )


def _weighted(layout: Layout) -> alt.Chart:
    """The same, with the weight that the map shows in each place."""
    return (
        _patches(layout)
        .transform_calculate(weight=layout.focused("datum.key"))
        .transform_calculate(tip="key_names[datum.key] + ': ' + format(datum.weight, '.3f')")
    )


def _ranked(layout: Layout) -> alt.Chart:
    """The strongest patches of the map; `rank` counts from 1."""
    return (
        _weighted(layout)
        .transform_filter("datum.picture == 1")
        .transform_window(rank="row_number()", sort=[alt.SortField("weight", order="descending")])
        .transform_joinaggregate(largest="max(weight)")
        .transform_filter(f"datum.rank <= {_RANKS} && datum.weight >= {charts.VISIBLE}")
    )


def _outlined(
    layout: Layout, patches: alt.Chart, side: str, colour: str, width: float
) -> alt.LayerChart:
    """Squares in the middle of patches: a coloured line on a white one, to be seen on any image.

    Args:
        layout: Where things are.
        patches: The patches.
        side: A Vega expression for the side of the square, 1 being that of the patch.
        colour: Of the line.
        width: Of the line.
    """
    margins = [f"{step / 2} * (1 - {side})" for step in layout.step]
    boxes = patches.transform_calculate(
        x=f"datum.left + {margins[0]}",
        x2=f"datum.right - {margins[0]}",
        y=f"datum.top + {margins[1]}",
        y2=f"datum.bottom - {margins[1]}",
    )
    lines = (
        boxes.mark_rect(
            filled=False, stroke=stroke, strokeWidth=w, opacity=1, cursor="pointer", aria=False,
            tooltip=None,
        ).encode(x=X, y=Y, x2="x2:Q", y2="y2:Q")
        for stroke, w in (("white", width + 2.5), (colour, width))
    )  # fmt: skip
    return cast(alt.LayerChart, alt.layer(*lines))


def _dashed(
    lines: alt.Chart, width: float, dashes: list[int], opacity: float = 1
) -> alt.LayerChart:
    """Black dashes on a white line: one of the two is seen on whatever lies below."""
    layers = (
        lines.mark_rule(
            color=colour, strokeWidth=w, strokeDash=dash, opacity=opacity, aria=False, tooltip=None
        ).encode(x=X, y=Y, x2="x2:Q", y2="y2:Q")
        for colour, w, dash in (("white", width + 1, [1, 0]), ("black", width, dashes))
    )
    return cast(alt.LayerChart, alt.layer(*layers))
