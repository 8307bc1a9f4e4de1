"""The view of generation: what it prints is what the model held, and adds up."""

from __future__ import annotations

import dataclasses
import html
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
import vl_convert

from attention_gallery import charts, views
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import (
    ATTENTION_KINDS,
    Attention,
    Exhibit,
    Head,
    Predictions,
    Sentence,
    Start,
    Token,
)
from attention_gallery.views import generation
from attention_gallery.views.generation.layout import Layout
from attention_gallery.views.generation.steps import LONGEST, Steps
from attentions import FOX, HOSTILE, attention, capture, exhibit
from pictures import captioner, png
from predicted import predicted

SHOWN = exhibit(views=("generation",), start=Start(Head(1, 1), 4))
SOURCE = predicted(attention(FOX), n_given=6)
TRANSLATED = predicted(
    attention(("<s>", "a", "black", "cat"), kind="cross", keys=("un", "chat", "noir")), last="</s>"
)


def packed(source: Attention = SOURCE, shown: Exhibit = SHOWN, image: bytes = b"") -> Packed:
    return views.pack(shown, dataclasses.replace(capture(source), image=image))


OPENED = packed()


@cache
def texts(shown: Packed) -> list[str]:
    """All that is written in the static picture."""
    spec = charts.finish(generation.draw(shown), shown, "")
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return [plain(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def plain(text: str) -> str:
    """Without the marks that isolate a token from the text around it."""
    return html.unescape(text).replace("\u2068", "").replace("\u2069", "")


def printed(chance: float) -> str:
    return f"{chance:.3f}" if chance >= 0.0005 else "< 0.001"


def of(source: Attention) -> Predictions:
    assert source.predictions is not None
    return source.predictions


def test_it_fits_what_a_decoder_may_write() -> None:
    fitting = {None, "decoder", "cross"}
    for kind in (None, *ATTENTION_KINDS):
        assert generation.fits(dataclasses.replace(SHOWN, attention=kind)) == (kind in fitting)
    assert views.parts(SHOWN) == {"predictions"}


def test_the_picture_opens_with_the_row_that_is_pinned() -> None:
    said = texts(OPENED)
    found = of(SOURCE)
    assert "What may come after “fox”" in said
    assert "Next, by the author: “jumps”" in said
    assert "L1 H1: where “fox” looks in the text" in said
    bits = found.surprisals[4]
    assert f"probability {2.0**-bits:.3f}, surprisal {bits:.2f} bits" in said
    for token, chance in zip(found.likeliest[4], found.probabilities[4], strict=True):
        assert token.text in said
        assert f"{chance:.3f}" in said
    row = OPENED.shown[4]
    for weight in row[row >= 0.01]:
        assert f"{weight:.2f}" in said
    assert "Dashed boxes: written by the model itself." in said
    assert "Dashed boxes: written by the model itself." not in texts(packed(predicted(SOURCE)))


def test_the_numbers_of_a_step_add_up_to_one() -> None:
    steps = Steps(OPENED)
    for step in range(len(steps)):
        own = 0 if steps.ranks[step] >= 0 else steps.given[step]
        assert steps.chances[step].sum() + own + steps.rests[step] == pytest.approx(1, abs=1e-9)


def test_what_follows_is_told_wherever_it_ranks() -> None:
    """Among the likeliest it has one row; else it gets its own; where nothing follows, none."""
    found = of(SOURCE)
    likeliest = (*found.likeliest[:4], (*found.likeliest[4][:2], SOURCE.queries[5]))
    first = dataclasses.replace(found, likeliest=(*likeliest, *found.likeliest[5:]))
    source = dataclasses.replace(SOURCE, predictions=first)
    assert Steps(packed(source)).ranks[4] == 2
    assert Steps(OPENED).ranks[4] == -1
    # In the text, as what comes next and, where it has a row of its own, in the list.
    assert [texts(packed(each)).count("jumps") for each in (source, SOURCE)] == [2, 2]
    assert len(texts(OPENED)) == len(texts(packed(source))) + 2
    last = exhibit(views=("generation",), start=Start(Head(1, 1), 9))
    said = texts(packed(SOURCE, last))
    assert "No word follows." in said
    assert said.count("…") == 1


def test_it_is_said_in_words_and_in_numbers() -> None:
    [figure] = views.figures(SHOWN, OPENED)
    found = of(SOURCE)
    bits = found.surprisals[4]
    first, second, third = (
        f"“{token.text}” {chance:.3f}"
        for token, chance in zip(found.likeliest[4][:3], found.probabilities[4], strict=False)
    )
    row = OPENED.shown[4]
    summary = plain(figure.summary)
    assert summary.startswith(
        f"After “<s> The quick brown fox”, the model gives {first}, then {second}, {third}. "
        f"The next token, by the author, is “jumps”: probability {2.0**-bits:.3f}, "
        f"surprisal {bits:.2f} bits. To choose what comes, L1 H1 looks most at "
        f"“{FOX[row.argmax()]}”: {row.max():.3f}."
    )
    rounded = np.round(found.surprisals.astype(np.float64), 2)
    assert summary.endswith(
        f"The surprisal of the 5 tokens by the author is {rounded[:5].mean():.2f} bits on average. "
        f"The surprisal of the 4 tokens by the model is {rounded[5:9].mean():.2f} bits on average."
    )


def test_the_table_has_a_row_for_each_step() -> None:
    table = generation.tabulate(packed(TRANSLATED, exhibit(views=("generation",))))
    found = of(TRANSLATED)
    assert [row[:3] for row in table.rows] == [
        ("1", "a", "author"), ("2", "black", "author"), ("3", "cat", "author"),
        ("4", "</s>", "tokenizer"),
    ]  # fmt: skip
    for row, likeliest, chances, follows, bits in zip(
        table.rows, found.likeliest, found.probabilities, found.follows, found.surprisals,
        strict=True,
    ):  # fmt: skip
        assert row[3:5] == (printed(2.0**-bits), f"{bits:.2f}")
        others = [
            f"{token.text} {printed(chance)}"
            for token, chance in zip(likeliest, chances, strict=True)
            if follows and token.id != follows.id
        ]
        assert list(row[5:]) == others[:2]
    assert generation.tabulate(OPENED).rows[-1][:5] == ("10", "…", "", "", "")


def test_a_translation_shows_what_is_looked_at_above_the_text() -> None:
    shown = packed(TRANSLATED, exhibit(views=("generation",), start=Start(Head(0, 0), 1)))
    said = texts(shown)
    assert "L0 H0: where “a” looks in the source" in said
    assert "The target" in said
    for word in ("un", "chat", "noir", "<s>", "a", "black", "cat", "</s>"):
        assert word in said
    row = shown.shown[1]
    assert all(f"{weight:.2f}" in said for weight in row[row >= 0.01])


def test_a_caption_shows_the_image_and_what_is_looked_at_most() -> None:
    source = predicted(captioner(), last="</s>")
    shown = dataclasses.replace(
        exhibit(views=("generation",), start=Start(Head(1, 0), 2)),
        sentence=Sentence("scene", "", image="/scene.png"),
    )
    opened = packed(source, shown, png(16, 12))
    said = texts(opened)
    assert "L1 H0: where “red” looks in the image" in said
    row = opened.shown[2]
    for key in np.argsort(-row)[:5]:
        assert f"{source.keys[key].text} {row[key]:.3f}" in said


def test_the_image_keeps_its_shape_and_its_patches_are_where_they_are() -> None:
    source = predicted(captioner(grid=(3, 4)))
    shown = dataclasses.replace(SHOWN, start=Start())
    layout = Layout(Steps(packed(source, shown, png(16, 12))))
    assert layout.image == (224, 168)
    assert layout.patch == (56, 56)


def test_an_unlikely_token_is_not_said_to_be_impossible() -> None:
    found = of(SOURCE)
    rare = dataclasses.replace(found, surprisals=np.full(10, 288.5, np.float32))
    steps = Steps(packed(dataclasses.replace(SOURCE, predictions=rare)))
    assert steps.told(4) == "probability < 0.001, surprisal 288.50 bits"


def test_without_predictions_it_says_what_is_missing() -> None:
    shown = packed(attention(FOX))
    with pytest.raises(InputError, match="is not told beside its decoder attention; let the"):
        views.figures(SHOWN, shown)


def test_a_text_that_is_too_long_is_refused() -> None:
    words = tuple(f"w{i}" for i in range(LONGEST + 1))
    shown = packed(predicted_long(words), exhibit(views=("generation",)))
    with pytest.raises(InputError, match=f"at most {LONGEST} tokens, and here are {LONGEST + 1};"):
        views.figures(SHOWN, shown)
    assert Steps(packed(predicted_long(words[:-1]), exhibit(views=("generation",))))
    heard = attention(("<s>", "so"), kind="cross", keys=words, n_heads=(1,))
    with pytest.raises(InputError, match=f"and here are {LONGEST + 1}"):
        Steps(packed(predicted(heard), exhibit(views=("generation",))))


def predicted_long(words: tuple[str, ...]) -> Attention:
    """A text longer than the vocabulary of `predicted`."""
    source = attention(words, n_heads=(1,))
    n = len(words)
    return dataclasses.replace(
        source,
        predictions=Predictions(
            ((Token("next", id=1),),) * n,
            np.full((n, 1), 0.5, np.float32),
            (*source.queries[1:], None),
            np.ones(n, np.float32),
        ),
    )


def test_lines_wrap_and_a_paragraph_from_right_to_left_starts_at_the_right() -> None:
    places = Layout(Steps(packed(predicted(attention(FOX * 4))))).params()[1]
    wide, narrow = values(places)
    assert max(x + room for x, _, room in wide) <= 640
    assert max(x + room for x, _, room in narrow) <= 340
    assert wide[-1][1] < narrow[-1][1] <= 11
    arabic = ("قفز", "الثعلب", "البني", "السريع", "فوق", "الكلب", "الكسول")
    shown = packed(predicted(attention(arabic)), exhibit(views=("generation",)))
    first, second, *_ = values(Layout(Steps(shown)).params()[1])[0]
    assert first[0] > second[0]


def values(param: Any) -> Any:
    return param.param.value


def test_hostile_tokens_are_told_as_they_are() -> None:
    shown = packed(predicted(attention(HOSTILE)), exhibit(views=("generation",)))
    rows = generation.tabulate(shown).rows
    assert [row[1] for row in rows[:-1]] == list(HOSTILE[1:])
    spec = charts.finish(generation.draw(shown), shown, "")
    words = next(p["value"] for p in spec["params"] if p["name"] == "words")
    assert words[:-1] == list(HOSTILE)


def test_a_model_that_holds_nothing_likely_says_so() -> None:
    """One that was never trained gives each word of a large vocabulary next to nothing."""
    found = of(SOURCE)
    least = np.full(found.probabilities.shape, 2e-5, np.float32)
    unsure = dataclasses.replace(
        SOURCE, predictions=dataclasses.replace(found, probabilities=least)
    )
    shown = packed(unsure)
    likeliest = found.likeliest[4][0].text
    assert f"the model gives “{likeliest}” < 0.001. The" in plain(generation.describe(shown))
    assert texts(shown).count("< 0.001") >= 5
    assert Steps(shown).rests[4] > 0.9
