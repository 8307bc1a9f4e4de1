"""Lines of text above the columns of the edges."""

from __future__ import annotations

import altair as alt

from attention_gallery import charts
from attention_gallery.language import _
from attention_gallery.views.edges.formulas import Formulas
from attention_gallery.views.edges.layout import SCORE, Layout


def headers(layout: Layout, keys: int) -> alt.Chart:
    """What either column is; that of the keys begins at `keys`."""
    key, query = charts.literal(_("key: is looked at")), charts.literal(_("query: looks"))
    return (
        alt.Chart(alt.sequence(0, 2, as_="side"))
        .transform_calculate(
            text=f"datum.side ? {key} : {query}",
            x=f"datum.side ? {keys} : {layout.left - 6}",
        )
        .mark_text(
            align=alt.expr("datum.side ? 'left' : 'right'"),
            baseline="middle", fontSize=12, opacity=0.75, aria=False, tooltip=None,
            y=layout.header,
        )
        .encode(x=alt.X("x:Q", scale=None, axis=None), text="text:N")
    )  # fmt: skip


def mean(formulas: Formulas, layout: Layout, scores: int) -> alt.Chart:
    """Of several maps the weights are the mean, which is said above them.

    It is drawn from the row that tells in words what is pinned.
    """
    return (
        formulas.told()
        .transform_calculate(
            mean=f"alone ? '' : {charts.literal(_('mean'))}",
            x=f"datum.from_query ? {scores + 6} : {SCORE - 6}",
        )
        .mark_text(
            align=alt.expr("datum.from_query ? 'left' : 'right'"),
            baseline="middle", fontSize=12, opacity=0.75, aria=False, tooltip=None,
            y=layout.mean,
        )
        .encode(x=alt.X("x:Q", scale=None, axis=None), text="mean:N")
    )  # fmt: skip
