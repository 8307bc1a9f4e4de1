"""What views have in common: found by name, one golden document each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from attention_gallery import resources, views
from attention_gallery.errors import InputError
from attention_gallery.terms import Attention, Exhibit, Head, Start
from attentions import attention, capture, exhibit

GOLDEN = Path(__file__).parent / "golden" / "views"
SHORT = ("<s>", "a", "fox")
CASES: dict[str, tuple[Attention, Exhibit]] = {
    "causal": (
        attention(SHORT, n_heads=(2, 2)),
        exhibit(start=Start(Head(1, 0), 2)),
    ),
    "cross-listed-heads": (
        attention(SHORT, kind="cross", keys=("un", "renard"), n_heads=(2, 2)),
        exhibit(heads=(Head(1, 1), Head(0, 0))),
    ),
    "known": (
        attention(SHORT, kind="encoder", n_heads=(2, 2)),
        exhibit(gold={"fox": ("a", "<s>")}),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("view", resources.view_names())
def test_the_document_is_the_golden_one(
    golden: Callable[[Path, str], None], view: str, case: str
) -> None:
    source, shown = CASES[case]
    packed = views.pack(shown, capture(source))
    [figure] = [f for f in views.figures(shown, packed) if f.view == view]
    folder = GOLDEN / f"{view}-{case}"
    if not folder.is_dir():
        folder.mkdir(parents=True)
    text = json.dumps(figure.spec, indent=1, ensure_ascii=False) + "\n"
    golden(folder / "spec.json", text)
    golden(folder / "summary.txt", figure.summary + "\n")


@pytest.mark.parametrize("view", resources.view_names())
def test_every_view_has_a_template_and_says_what_it_is(view: str) -> None:
    assert (resources.templates() / "views" / f"{view}.html.j2").is_file()
    assert views.load(view).TITLE
    assert views.load(view).__doc__


def test_the_natural_attention_is_cross_where_there_is_one() -> None:
    encoder, cross = attention(kind="encoder"), attention(kind="cross", keys=("le",))
    assert views.pack(exhibit(), capture(encoder, cross)).attention is cross
    assert views.pack(exhibit(kind="encoder"), capture(encoder, cross)).attention is encoder


def test_attention_that_was_not_captured_is_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match="has no cross attention; it has decoder"):
        views.pack(exhibit(kind="cross"), capture(attention()))


def test_what_is_known_is_told_of_the_words_a_reader_means() -> None:
    encoder = attention(("un", "renard"), kind="encoder")
    cross = attention(("<s>", "a", "fox"), kind="cross", keys=("un", "renard"))
    known = {"fox": ("renard",)}
    packed = views.pack(exhibit(gold=known), capture(encoder, cross))
    assert [(link.row, link.columns) for link in packed.gold] == [(1, (1,))]
    of_the_source = views.pack(exhibit(gold=known, kind="encoder"), capture(encoder, cross))
    assert of_the_source.gold == ()


def test_figures_come_in_the_order_of_the_exhibit() -> None:
    shown = exhibit(views=("heatmap", "edges"))
    packed = views.pack(shown, capture(attention(SHORT)))
    assert [figure.view for figure in views.figures(shown, packed)] == ["heatmap", "edges"]
