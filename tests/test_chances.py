"""Probabilities are printed the same by the build and by a chart."""

from __future__ import annotations

import html
import re

import altair as alt
import pytest
import vl_convert

from attention_gallery import chances
from attention_gallery.chances import number, number_expr


def written(chart: alt.Chart | alt.LayerChart) -> list[str]:
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


@pytest.mark.parametrize("chance", [1, 0.5, 0.0456, 0.0015, 0.001, 0.00099, 0.0004, 1e-9, 0])
def test_what_is_small_is_not_impossible(chance: float) -> None:
    one = alt.Chart(alt.sequence(0, 1, as_="i")).transform_calculate(text=number_expr(str(chance)))
    assert written(one.mark_text().encode(text="text:N")) == [number(chance)]
    assert number(chance) == ("< 0.001" if chance < 0.001 else f"{chance:.3f}")


def test_a_list_has_a_row_for_each_token_with_its_number_and_a_bar_as_long() -> None:
    rows = alt.Chart(alt.sequence(0, 3, as_="at")).transform_calculate(
        text="['fox', 'dog', 'all others'][datum.at]",
        chance="[0.75, 0.0001, 0.2499][datum.at]",
        stands="datum.at == 1",
        rest="datum.at == 2",
    )
    chart = chances.bars(rows, 10, ("100", "110", "200"))
    assert sorted(written(chart)) == sorted(
        ["fox", "dog", "all others", "0.750", "< 0.001", "0.250"]
    )
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    lengths = [float(found) for found in re.findall(r'd="M110,\d+h([\d.]+)', svg)]
    assert lengths == pytest.approx([150, 0.02, 49.98])
