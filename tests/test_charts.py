"""The parts all charts share, and the static picture."""

from __future__ import annotations

import json
import re

import altair as alt
import pytest
import vl_convert

from attention_gallery import charts, packing, pages, views
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Head, Token
from attentions import HOSTILE, attention, capture, exhibit
from pictures import captioner, encoder


def packings() -> list[tuple[str, Packed]]:
    cases: list[tuple[str, Attention, dict[str, object]]] = [
        ("causal", attention(), {}),
        ("encoder", attention(kind="encoder"), {}),
        ("cross", attention(kind="cross", keys=("le", "chat")), {}),
        ("unequal", attention(n_heads=(1, 5)), {}),
        ("listed", attention(), {"heads": (Head(1, 1), Head(2, 0))}),
        ("hostile", attention(HOSTILE), {}),
        ("one-token", attention(("fox",)), {}),
    ]
    return [(name, packing.pack(exhibit(**more), a)) for name, a, more in cases]  # type: ignore[arg-type]


@pytest.mark.parametrize("view", ["edges", "heatmap"])
@pytest.mark.parametrize(("name", "packed"), packings())
def test_a_document_is_whole_and_holds_no_rows(name: str, packed: Packed, view: str) -> None:
    """Every case draws; the document names no address to fetch and inlines no data set."""
    spec = charts.finish(views.load(view).draw(packed), packed, "description")
    text = json.dumps({k: v for k, v in spec.items() if k != "$schema"})
    assert "datasets" not in spec
    assert '"url"' not in text
    svg, width = charts.static_svg(spec, "name")
    assert svg.startswith("<svg")
    assert "Infinity" not in svg
    assert "NaN" not in svg
    assert 100 < width < 1000


def test_the_same_document_gives_the_same_picture() -> None:
    """Vega numbers gradients through the life of a process; a rebuilt page must not change."""
    packed = packing.pack(exhibit(), attention())
    spec = charts.finish(views.load("heatmap").draw(packed), packed, "description")
    first, _ = charts.static_svg(spec, "fox")
    assert charts.static_svg(spec, "fox")[0] == first
    assert 'id="fox-0"' in first
    assert "url(#fox-0)" in first


@pytest.mark.parametrize("view", ["edges", "heatmap"])
def test_hostile_tokens_are_text_in_the_static_picture(view: str) -> None:
    packed = packing.pack(exhibit(), attention(HOSTILE))
    spec = charts.finish(views.load(view).draw(packed), packed, HOSTILE[1])
    svg, _ = charts.static_svg(spec, "name")
    assert "<img" not in svg
    assert "</script" not in svg
    assert "&lt;/script&gt;" in svg


def test_packing_a_large_model_stays_small() -> None:
    """12 x 12 heads over 48 tokens, as inline rows 6.58 MB, stay below 0.45 MB."""
    packed = packing.pack(exhibit(), attention(tuple("t" * 48), n_heads=(12,) * 12))
    spec = charts.finish(views.load("edges").draw(packed), packed, "description")
    assert len(json.dumps(spec)) < 450_000


def test_tokens_that_repeat_are_told_apart_by_their_position() -> None:
    tokens = [Token(text) for text in ("the", "fox", "the")]
    assert charts.token_names(tokens) == ["the [0]", "fox", "the [2]"]


def test_a_patch_is_called_by_its_place() -> None:
    names = charts.row_names(encoder((2, 2)))
    assert names == [
        "[CLS]",
        "row 0 column 0",
        "row 0 column 1",
        "row 1 column 0",
        "row 1 column 1",
    ]


def test_a_row_of_a_captioner_is_called_by_the_word_it_looks_for() -> None:
    names = charts.row_names(captioner(("<s>", "a", "cat", "a", "cat")))
    assert names == [
        "a (after <s>)", "cat (after a) [2]", "a (after cat)", "cat (after a) [4]",
        "what follows cat",
    ]  # fmt: skip


def test_a_row_of_a_translator_is_called_by_the_word_it_reads() -> None:
    source = attention(("<s>", "the", "fox"), kind="cross", keys=("le", "renard"))
    assert charts.row_names(source) == ["<s>", "the", "fox"]


def test_right_to_left_names_do_not_shuffle_the_numbers_beside_them() -> None:
    assert charts.token_names([Token("العربية"), Token("a")]) == ["\u2068العربية\u2069", "a"]
    shown = exhibit(title="العربية 1", views=("edges",))
    [figure] = views.figures(shown, views.pack(shown, capture(attention())))
    assert figure.spec["description"].startswith("Edges of “\u2068العربية 1\u2069”.")
    html = pages.figure_html(shown, views.pack(shown, capture(attention())), figure, embedded="א 1")
    assert "Edges of “<bdi>א 1</bdi>”" in html


def test_to_a_screen_reader_the_picture_is_one_image_with_its_description() -> None:
    packed = packing.pack(exhibit(), attention(HOSTILE))
    spec = charts.finish(views.load("edges").draw(packed), packed, 'say "</svg>"')
    svg, _ = charts.static_svg(spec, "name")
    assert svg.startswith('<svg role="img" aria-label="say &quot;&lt;/svg&gt;&quot;"')


def test_quotes_of_a_token_cannot_pass_for_an_attribute() -> None:
    packed = packing.pack(exhibit(), attention(('="site:x"', "b"), n_heads=(1,)))
    spec = charts.finish(views.load("edges").draw(packed), packed, "A picture")
    svg, _ = charts.static_svg(spec, "name")
    assert '="site:x"' not in svg
    assert "=&quot;site:x&quot;" in svg


def test_two_gradients_of_one_picture_keep_apart() -> None:
    shown = exhibit(against=("other",), views=("compare",))
    packed = packing.pack(shown, attention(), others=[attention(seed=1)])
    spec = charts.finish(views.load("compare").draw(packed), packed, "A picture")
    svg, _ = charts.static_svg(spec, "name")
    ids = re.findall(r' id="([^"]*)"', svg)
    assert len(ids) == len(set(ids)) == 2
    assert set(re.findall(r"url\(#([^)]*)\)", svg)) == set(ids)


def test_a_sentence_is_spoken_in_the_order_of_its_language() -> None:
    parts = {"query": "names[0]", "key": "names[1]"}
    assert charts.spoken("{query} looks at {key}.", **parts) == (
        "names[0] + ' looks at ' + names[1] + '.'"
    )
    assert charts.spoken("{key} को {query} देखता है", **parts) == (
        "names[1] + ' को ' + names[0] + ' देखता है'"
    )
    assert charts.spoken("nothing") == "'nothing'"
    assert charts.spoken("") == "''"
    assert charts.spoken("{{braces}} {key}", **parts) == "'{braces} ' + names[1]"


def test_whatever_a_text_holds_is_text_in_an_expression() -> None:
    text = 'it\'s \\ a "test"\nof\u2028lines\u2029,\r\x85\t\0“\u2068אב\u2069” </script>'
    shown = alt.Chart(alt.sequence(0, 1, as_="i")).transform_calculate(
        text=f"{charts.literal(text)} == {json.dumps(text)} ? 'same' : 'other'"
    )
    spec = shown.mark_text().encode(text="text:N").to_dict()
    assert ">same</text>" in vl_convert.vegalite_to_svg(spec)
