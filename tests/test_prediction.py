"""Where will a head look? What is asked, and what is answered without a script."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from attention_gallery import prediction, views
from attention_gallery.errors import InputError, Where
from attention_gallery.manifest.prediction_shape import PredictionShape
from attention_gallery.packing import LEVELS
from attention_gallery.terms import Attention, Head, Start, Token
from attentions import HOSTILE, attention, capture, exhibit
from hostile import ATTACK, text_and_tags

WHERE = Where("docs/page.md", 7)


def asked(
    of: Attention | None = None,
    keys: dict[str, Any] | None = None,
    lang: str = "",
    page: str = "page.md",
) -> str:
    """What a block of these keys becomes."""
    of = of or attention()
    shown = exhibit(start=Start(Head(1, 2), min(5, len(of.queries) - 1)))
    shown = replace(shown, sentence=replace(shown.sentence, lang=lang))
    packed = views.pack(shown, capture(of))
    shape = PredictionShape.model_validate(keys or {})
    return prediction.render(shown, packed, shape, name="predict.1", page=page, where=WHERE)


class Boxes(HTMLParser):
    """The check boxes, and the cells of the table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.boxes: list[dict[str, str | None]] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input":
            self.boxes.append(dict(attrs))
        if tag in ("td", "th"):
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def levels(html: str) -> list[int]:
    return [int(box["value"] or "") for box in Boxes(html).boxes]


def test_by_default_it_is_about_the_head_and_the_row_that_the_exhibit_opens_with() -> None:
    of = attention()
    html = asked(of)
    weights = np.array(levels(html)) / LEVELS
    assert np.abs(weights - of.layers[1][2][5]).max() < 0.0005
    assert "<p>Which tokens will this head look at from <strong>jumps</strong>?</p>" in html
    assert "<legend>L1 H2: mark where it looks from <bdi>jumps</bdi></legend>" in html


@pytest.mark.parametrize(
    ("token", "row"), [("fox", 4), (4, 4), ("<s>", 0), ("the", 7), ("The", 1), (9, 9)]
)
def test_it_is_about_the_head_and_the_token_that_are_named(token: str | int, row: int) -> None:
    of = attention()
    weights = np.array(levels(asked(of, {"head": "L0H3", "token": token}))) / LEVELS
    assert np.abs(weights - of.layers[0][3][row]).max() < 0.0005


def test_a_token_that_stands_there_twice_is_called_as_on_the_page() -> None:
    of = attention(("a", "b", "a", "c"), kind="encoder")
    assert levels(asked(of, {"token": "a [2]"})) == levels(asked(of, {"token": 2}))
    with pytest.raises(InputError) as caught:
        asked(of, {"token": "a"})
    assert str(caught.value) == (
        'docs/page.md:7: the sentence has 2 tokens "a"; write one of: a [0], a [2]'
    )


def test_of_a_head_that_does_not_travel_with_the_exhibit_it_can_be_asked_as_well() -> None:
    of, shown = attention(), exhibit(heads=(Head(0, 0),))
    packed = views.pack(shown, capture(of))
    shape = PredictionShape.model_validate({"head": "L2H3", "token": 6})
    html = prediction.render(shown, packed, shape, name="p")
    assert np.abs(np.array(levels(html)) / LEVELS - of.layers[2][3][6]).max() < 0.0005


def test_what_cannot_be_seen_cannot_be_marked_and_it_is_said_why() -> None:
    html = asked(keys={"token": "fox"})
    assert ["disabled" in box for box in Boxes(html).boxes] == [False] * 5 + [True] * 5
    assert "so those after fox cannot be seen yet." in html
    described = re.search(r'aria-describedby="([^"]*)"', html)
    assert described is not None
    assert f'id="{described[1]}"' in html
    everything = asked(attention(kind="encoder"), {"token": "fox"})
    assert "disabled" not in everything
    assert "cannot be seen" not in everything


@pytest.mark.parametrize(("kind", "first", "last"), [("decoder", 4, 6), ("encoder", 4, 8)])
def test_a_layer_with_a_window_sees_no_further(kind: Any, first: int, last: int) -> None:
    of = replace(attention(kind=kind), windows=(None, 3, None))
    html = asked(of, {"token": 6})
    seen = [i for i, box in enumerate(Boxes(html).boxes) if "disabled" not in box]
    assert seen == list(range(first, last + 1))
    assert "In this layer, tokens that are 3 or more away are out of sight." in html
    assert "out of sight" not in asked(of, {"head": "L0H2", "token": 6})


def test_the_table_has_the_weights_the_largest_first_and_how_many_were_left_out() -> None:
    of = attention()
    cells = Boxes(asked(of, {"token": "dog"})).cells
    assert cells[:2] == ["token", "weight"]
    row = np.rint(of.layers[1][2][9] * LEVELS) / LEVELS
    told = sorted(row[row >= 0.005], reverse=True)
    assert cells[3 : 2 + 2 * len(told) : 2] == [f"{weight:.3f}" for weight in told]
    left_out = len(row) - len(told)
    assert cells[-2:] == [f"{left_out} other{'s' * (left_out > 1)}", "< 0.005"]


def test_tokens_of_the_tokenizer_can_be_marked_and_are_told_apart() -> None:
    html = asked()
    assert html.count("ag-special") == 1
    assert "the tokenizer adds them" in html
    assert "the tokenizer adds them" not in asked(attention(("a", "b"), kind="encoder"))


def test_across_two_texts_the_tokens_of_the_source_are_marked() -> None:
    of = attention(("the", "black", "cat"), kind="cross", keys=("le", "chat", "noir"))
    html = asked(of, {"token": "black"})
    assert np.abs(np.array(levels(html)) / LEVELS - of.layers[1][2][1]).max() < 0.0005
    assert "Which tokens of the source will this head look at from <strong>black</strong>?" in html
    assert "when the decoder has just read it" in html
    assert "ag-looks" not in html


def test_a_sentence_runs_as_its_script_does() -> None:
    arabic = attention(("<s>", "الثعلب", "يقفز"), kind="encoder")
    assert '<div class="ag-chips" dir="rtl" lang="ar">' in asked(arabic, lang="ar")
    assert '<div class="ag-chips" dir="ltr">' in asked()


def test_what_is_asked_and_told_is_markdown_with_the_glossary() -> None:
    ask = "Where does **this** [head](glossary:head) look?"
    html = asked(keys={"ask": ask, "reveal": "- there\n- [here](a.md)"})
    assert "Where does <strong>this</strong> <button" in html
    assert 'id="predict.1-ag-term-head"' in html
    assert '<li>there</li>\n<li><a href="site:a.md">here</a></li>' in html


@pytest.mark.parametrize(
    "text",
    [
        "[a](site:foo)",
        "[a][r]\n\n[r]: site:foo",
        "![a](site:foo)",
        '<i\nclass="b" href="site:foo">',
    ],
)
def test_an_address_that_only_we_write_is_told_with_its_place(text: str) -> None:
    with pytest.raises(InputError) as raised:
        asked(keys={"reveal": text})
    assert str(raised.value).startswith('docs/page.md:7: "site:foo" is no address; link to a page')
    assert "site:foo" in asked(keys={"reveal": f"```\n{text}\n```"}), "code is text"


@pytest.mark.parametrize(
    ("link", "href"),
    [
        ("b.md", "site:week/b.md"),
        ("../exhibits/fox.md#edges?head=1", "site:exhibits/fox.md#edges?head=1"),
        ("my%20page.md", "site:week/my%20page.md"),
        ("../../out.md", "../../out.md"),
        ("/b.md", "/b.md"),
        ("https://example.org/b.md", "https://example.org/b.md"),
        ("mailto:a@b.md", "mailto:a@b.md"),
        ("b.html", "b.html"),
        ("#b.md", "#b.md"),
        ("http://[b.md", "http://[b.md"),
        ("", ""),
    ],
)
def test_a_link_to_a_page_is_one_of_the_page_it_stands_in(link: str, href: str) -> None:
    html = asked(keys={"ask": f"[a]({link})", "reveal": f"[r]({link})"}, page="week/a.md")
    assert re.findall(r'<a href="([^"]*)">(\w)</a>', html) == [(href, "a"), (href, "r")]


@pytest.mark.parametrize("token", [*HOSTILE, ATTACK, "x" * 10_000, "**b**", "[a](glossary:head)"])
def test_no_token_writes_the_page(token: str) -> None:
    of = attention(("<s>", token, "z"), kind="encoder")
    plain = attention(("<s>", "plain", "z"), kind="encoder")
    text, tags = text_and_tags(asked(of, {"token": 1}))
    assert tags == text_and_tags(asked(plain, {"token": 1}))[1]
    assert token[:20] in text
    assert len(text) < 2_000


def _patches() -> Attention:
    keys = tuple(Token("", patch=(row, 0)) for row in range(3))
    return replace(attention(("a", "b", "c"), kind="encoder"), keys=keys)


@pytest.mark.parametrize(
    ("of", "keys", "said"),
    [
        (
            attention(),
            {"head": "L3H0"},
            "L3 H0 is not a head of this model; it has layers L0 to L2 with heads H0 to H3",
        ),
        (
            attention(),
            {"token": 10},
            "token 10 is outside the sentence; its 10 tokens are numbered 0 to 9",
        ),
        (
            attention(),
            {"token": "jump"},
            'the sentence has no token "jump"; did you mean "jumps"?',
        ),
        (
            attention(("a", "b"), kind="encoder"),
            {"token": "cat"},
            'the sentence has no token "cat"; its tokens: a, b',
        ),
        (
            attention(tuple(map(str, range(65))), n_heads=(1, 4, 4)),
            {},
            "65 tokens are too many to choose from; choose a text of 64 at most",
        ),
        (_patches(), {}, "patches of an image cannot be marked; choose an exhibit of a text"),
        (
            attention(),
            {"ask": "[x](glossary:heads)"},
            '"heads" is not in the glossary; did you mean "head"?',
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_at_its_block(
    of: Attention, keys: dict[str, Any], said: str
) -> None:
    shown = exhibit(start=Start(Head(1, 2), 1))
    packed = views.pack(shown, capture(of))
    with pytest.raises(InputError) as caught:
        prediction.render(
            shown, packed, PredictionShape.model_validate(keys), name="p", where=WHERE
        )
    assert str(caught.value) == f"docs/page.md:7: {said}"


@pytest.mark.parametrize(("key", "value"), [("head", "L3H0"), ("token", 10)])
def test_a_head_or_token_that_there_is_not_is_told_where_it_is_written(
    key: str, value: object
) -> None:
    packed = views.pack(exhibit(), capture(attention()))
    written = Where("docs/page.md", 9, 8)
    with pytest.raises(InputError) as caught:
        prediction.render(
            exhibit(),
            packed,
            PredictionShape.model_validate({key: value}),
            name="p",
            where=WHERE,
            wheres={key: written},
        )
    assert caught.value.where == written


def test_of_an_answer_without_attention_nothing_can_be_predicted() -> None:
    packed = replace(views.pack(exhibit(), capture(attention())), slots=())
    with pytest.raises(InputError, match="this exhibit has no attention to predict"):
        prediction.render(exhibit(), packed, PredictionShape(), name="p")


@pytest.mark.parametrize("token", [True, -1, "", " ", 1.5, ["a"], None])
def test_a_token_is_a_word_or_a_number(token: Any) -> None:
    if token is None:
        assert PredictionShape.model_validate({"token": None}).token is None
        return
    with pytest.raises(ValidationError, match="must be a token, or its number"):
        PredictionShape.model_validate({"token": token})


def test_a_key_it_does_not_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="tokens"):
        PredictionShape.model_validate({"tokens": "fox"})
