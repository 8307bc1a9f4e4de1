"""What views have in common: found by name, one golden document each."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import test_attribution
import test_explanation
import test_heads
import test_lens
import test_predictions
import test_probing
from attention_gallery import pages, resources, views
from attention_gallery.errors import InputError, Where
from attention_gallery.packing import Packed
from attention_gallery.terms import (
    Attention,
    Capture,
    Exhibit,
    Head,
    Measured,
    Sentence,
    Start,
)
from attentions import attention, capture, exhibit, measured_maps
from dot_products import made_of
from pictures import captioner, encoder, picture
from predicted import predicted

GOLDEN = Path(__file__).parent / "golden" / "views"
SHORT = ("<s>", "a", "fox")
SHE, HE = ("<s>", "she", "slept"), ("<s>", "he", "slept")


def cut_up(source: Attention) -> Attention:
    """The same tokens, but the second and the third are a word, and the last is a text."""
    tokens = tuple(
        dataclasses.replace(token, word=word, segment=segment)
        for token, word, segment in zip(
            source.keys, (-1, 0, 0, -1, 1), (0, 0, 0, 0, 1), strict=True
        )
    )
    return dataclasses.replace(source, queries=tokens, keys=tokens)


# Each is drawn in the views of its exhibit.
CASES: dict[str, tuple[Exhibit, Capture]] = {
    "causal": (
        exhibit(start=Start(Head(1, 0), 2)),
        capture(attention(SHORT, n_heads=(2, 2))),
    ),
    "cross-listed-heads": (
        exhibit(heads=(Head(1, 1), Head(0, 0))),
        capture(attention(SHORT, kind="cross", keys=("un", "renard"), n_heads=(2, 2))),
    ),
    "known": (
        exhibit(gold={"fox": ("a", "<s>")}),
        capture(attention(SHORT, kind="encoder", n_heads=(2, 2))),
    ),
    "two-texts": (
        exhibit(views=("edges",), start=Start(Head(0, 1), 2)),
        capture(
            cut_up(attention(("<s>", "fo", "xes", "<s>", "ran"), kind="encoder", n_heads=(2,)))
        ),
    ),
    "long": (
        exhibit(views=("edges",), heads=(Head(0, 0),), start=Start(token=60)),
        capture(attention(SHORT * 33, n_heads=(1,))),
    ),
    "models-causal": (
        exhibit(views=("compare",), against=("step 1", "step 2")),
        capture(attention(SHORT, n_heads=(2, 2))),
    ),
    "minimal-pair": (
        exhibit(
            views=("compare",), against_sentences=("he slept",), heads=(Head(1, 1), Head(0, 0))
        ),
        capture(attention(SHE, kind="encoder", n_heads=(2, 2))),
    ),
    "captioner": picture(captioner(), gold={"circle": ("r1c0-r2c1",)}),
    "plain": (
        exhibit(views=("neuron",), start=Start(Head(1, 0), 2)),
        capture(made_of(SHORT, n_key_heads=1)),
    ),
    "biased-and-sunk": (
        exhibit(views=("neuron",), heads=(Head(1, 1), Head(0, 0))),
        capture(made_of(SHORT, kind="encoder", bias=0.5, window=2, sink=True, scale=1.0)),
    ),
    "written-on": (
        exhibit(views=("generation",), start=Start(Head(1, 0), 1)),
        capture(predicted(attention(("<s>", "a", "fox", "ran"), n_heads=(2, 2)), n_given=2)),
    ),
    "translated": (
        exhibit(views=("generation",), heads=(Head(1, 1), Head(0, 0))),
        capture(
            predicted(
                attention(SHORT, kind="cross", keys=("un", "renard"), n_heads=(2, 2)), last="</s>"
            )
        ),
    ),
    "translation": (
        exhibit(views=("alignment",), gold={"a": ("un",), "fox": ("un", "renard")}),
        capture(attention(SHORT, kind="cross", keys=("un", "renard"), n_heads=(2, 2))),
    ),
    "unknown-translation": (
        exhibit(views=("alignment",), heads=(Head(1, 1), Head(0, 0))),
        capture(attention(SHORT, kind="cross", keys=("un", "renard"), n_heads=(2, 2))),
    ),
    "row-causal": (
        exhibit(views=("arcs",), start=Start(Head(1, 0), 2)),
        capture(attention(SHORT, n_heads=(2, 2))),
    ),
    "row-known": (
        exhibit(views=("arcs",), gold={"fox": ("a",)}),
        capture(attention(SHORT, kind="encoder", n_heads=(2, 2))),
    ),
    "layers-and-heads": (
        exhibit(views=("grid",), start=Start(Head(1, 0), 2)),
        capture(
            dataclasses.replace(
                attention(SHORT, n_heads=(2, 2)), kv_heads=(1, 1), windows=(2, None)
            )
        ),
    ),
    "listed-heads": (
        exhibit(views=("grid",), heads=(Head(1, 1), Head(0, 0))),
        capture(attention(SHORT, kind="cross", keys=("un", "renard"), n_heads=(2, 2))),
    ),
    "derived": (
        dataclasses.replace(
            exhibit(views=("edges", "heatmap"), start=Start(Head(1, 0), 2)),
            measures=("norms", "rollout"),
        ),
        capture(attention(SHORT)),
    ),
    "vision-encoder": picture(
        encoder((2, 2)), heads=(Head(1, 1), Head(0, 0)), start=Start(token=0), size=(4, 4)
    ),
}
# What the exhibits of some cases are held against.
OTHERS: dict[str, tuple[Capture, ...]] = {
    "models-causal": tuple(capture(attention(SHORT, n_heads=(2, 2), seed=i)) for i in (1, 2)),
    "minimal-pair": (capture(attention(HE, kind="encoder", n_heads=(2, 2), seed=1)),),
}
# What was measured of some. These cases stand beside the tests of their views, which make it up.
MEASURED: dict[str, Mapping[str, Measured]] = {"derived": measured_maps(attention(SHORT))}
for cases in (
    test_attribution.CASES,
    test_explanation.CASES,
    test_heads.CASES,
    test_lens.CASES,
    test_predictions.CASES,
    test_probing.CASES,
):
    CASES |= {name: (shown, held) for name, (shown, held, _) in cases.items()}
    MEASURED |= {name: measured for name, (*_, measured) in cases.items()}
DOCUMENTS = [(view, case) for case, (shown, _) in CASES.items() for view in views.of(shown)]


def packed_of(case: str, view: str = "") -> Packed:
    """A case, packed for all its views, or for one of them."""
    shown, held = CASES[case]
    if view:
        shown = dataclasses.replace(shown, views=(view,))
    return views.pack(shown, held, OTHERS.get(case, ()), MEASURED.get(case))


@pytest.mark.parametrize(("view", "case"), dict(DOCUMENTS).items())
def test_what_a_view_draws_is_vega_lite(view: str, case: str) -> None:
    packed = packed_of(case)
    # Not done in a build: it takes longer than the drawing.
    views.load(view).draw(packed if views.shows_derived(view) else packed.own).to_dict()


@pytest.mark.parametrize(("view", "case"), DOCUMENTS)
def test_the_document_is_the_golden_one(
    golden: Callable[[Path, str], None], view: str, case: str
) -> None:
    shown, _ = CASES[case]
    packed = packed_of(case)
    [figure] = [f for f in views.figures(shown, packed) if f.view == view]
    folder = GOLDEN / f"{view}-{case}"
    if not folder.is_dir():
        folder.mkdir(parents=True)
    text = json.dumps(figure.spec, indent=1, ensure_ascii=False) + "\n"
    golden(folder / "spec.json", text)
    golden(folder / "summary.txt", figure.summary + "\n")
    # What is said about it needs no drawing of its own, so it is looked at here.
    assert run_together(pages.figure_html(shown, packed, figure)) == []


def run_together(html: str) -> list[str]:
    """Sentences without a space between them, within an element."""
    text = re.sub(r"</?(?:em|strong|a|bdi)\b[^>]*>", "", html.partition("<attention-chart")[0])
    return re.findall(r"\S+[.!?][A-Z]\S*", re.sub(r"<[^>]*>", " ", text))


def test_sentences_that_run_together_would_be_found() -> None:
    assert run_together('<p class="a.B">So. <em>Yes.</em> No.</p><p>End.</p>') == []
    assert run_together("<p>One <em>line.</em>Many heads.</p>") == ["line.Many"]


@pytest.mark.parametrize("view", resources.view_names())
def test_every_view_has_a_golden_document(view: str) -> None:
    assert view in {view for view, _ in DOCUMENTS}


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


def test_the_words_of_a_caption_are_words_when_they_look_at_each_other() -> None:
    shown = exhibit(views=(), kind="decoder")
    seen = dataclasses.replace(shown, sentence=Sentence("scene", "", image="/scene.png"))
    assert views.of(seen) == ("edges", "grid", "heatmap")
    assert views.of(dataclasses.replace(seen, attention=None)) == ("patches",)


def test_a_view_that_needs_more_than_weights_is_only_shown_where_it_is_named() -> None:
    assert views.of(exhibit(views=())) == ("edges", "grid", "heatmap")
    assert views.parts(exhibit(views=())) == frozenset()
    assert views.parts(exhibit(views=("edges", "neuron"))) == {"query", "key", "scores"}


def test_what_a_view_cannot_show_is_said_with_the_place() -> None:
    shown = dataclasses.replace(exhibit(views=("neuron",)), where=Where("g.yml", 7, 5))
    packed = views.pack(shown, capture(made_of(SHORT * 22)))
    message = "^g.yml:7:5: the view neuron shows at most 64 tokens, and here are 66; shorten"
    with pytest.raises(InputError, match=message):
        views.figures(shown, packed)


def test_a_comparison_that_no_view_shows_is_refused() -> None:
    hidden = exhibit(views=("edges",), against=("other",))
    with pytest.raises(InputError, match="held against is not shown; add compare to its views"):
        views.check([hidden])
    image = Sentence("scene", "", image="/scene.png")
    seen = dataclasses.replace(exhibit(views=(), against=("other",)), sentence=image)
    with pytest.raises(InputError, match="images cannot be compared"):
        views.check([seen])
    views.check([exhibit(views=(), against=("other",)), exhibit()])
