"""What an exhibit opens with: as its author says, or as is worth opening with."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from attention_gallery import packing
from attention_gallery.codes import Layers
from attention_gallery.errors import InputError
from attention_gallery.gold import Link
from attention_gallery.maps import Slot
from attention_gallery.terms import Attention, Head, Model, Sentence, Start, Token, Variant
from attentions import attention, exhibit


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"heads": (Head(3, 0),)},
            "L3 H0 is not a head of this model; it has layers L0 to L2 with heads H0 to H3",
        ),
        (
            {"start": Start(Head(0, 4))},
            "L0 H4 is not a head of this model; it has layers L0 to L2 with heads H0 to H3",
        ),
        (
            {"heads": (Head(0, 1),), "start": Start(Head(0, 2))},
            "start head L0 H2 is not among the exhibit's heads; choose one of L0 H1",
        ),
        (
            {"start": Start(token=10)},
            "start token 10 is outside the sentence; its 10 tokens are numbered 0 to 9",
        ),
    ],
)
def test_what_the_attention_does_not_have_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        packing.pack(exhibit(**changes), attention())  # type: ignore[arg-type]
    assert str(caught.value) == message


def three_tokens(*maps: list[list[float]]) -> Attention:
    tokens = (Token("<s>", special=True), Token("a"), Token("b"))
    return Attention(
        "encoder", tokens, tokens, Layers.of([np.array(maps, dtype=np.float32)]), causal=False
    )


def test_the_head_that_looks_most_decidedly_at_other_words_opens() -> None:
    """A head that rests on a special token, and one that looks at itself, are no better."""
    resting = [[1.0, 0, 0]] * 3
    looking = [[0.4, 0.6, 0], [0.4, 0, 0.6], [0.4, 0.6, 0]]
    itself = [[1.0, 0, 0], [0.0, 1, 0], [0.0, 0, 1]]
    packed = packing.pack(exhibit(), three_tokens(resting, looking, itself))
    assert str(packed.slots[packed.start]) == "L0 H1"


def test_the_last_word_is_pinned_and_not_a_special_token() -> None:
    tokens = (Token("<s>", special=True), Token("a"), Token("</s>", special=True))
    layer = np.full((1, 3, 3), 1 / 3, dtype=np.float32)
    assert (
        packing.pack(exhibit(), Attention("encoder", tokens, tokens, Layers.of([layer]), False)).pin
        == 1
    )


def test_where_something_is_known_an_exhibit_opens_with_the_head_that_gives_it_most() -> None:
    source = attention(kind="encoder", n_heads=(3, 3))
    link = Link("fox", ("dog", "lazy"), row=4, columns=(8, 9))
    packed = packing.pack(exhibit(), source, (link,))
    given = {
        Slot(number, head): weights[4, 8] + weights[4, 9]
        for number, layer in enumerate(source.layers)
        for head, weights in enumerate(layer)
    }
    assert packed.slots[packed.start] == max(given, key=lambda slot: given[slot])
    assert packed.pin == 4


def test_a_start_that_the_author_wrote_is_kept_whatever_is_known() -> None:
    link = Link("fox", ("dog",), row=4, columns=(9,))
    start = Start(Head(2, 1), 7)
    packed = packing.pack(exhibit(start=start), attention(kind="encoder"), (link,))
    assert (str(packed.slots[packed.start]), packed.pin) == ("L2 H1", 7)


def test_a_translation_opens_where_its_last_word_is_about_to_be_written() -> None:
    rows = ("<s>", "the", "black", "cat")
    assert packing.pack(exhibit(), attention(rows, kind="cross", keys=("le",))).pin == 2
    assert packing.pack(exhibit(), attention(rows[:1], kind="cross", keys=("le",))).pin == 0


def test_a_text_that_the_model_goes_on_with_opens_where_it_begins_to() -> None:
    """The row that is pinned is the one that writes the first word, and so comes before it."""
    tokens = tuple(
        Token(text, generated=i > 1) for i, text in enumerate(("Once", "upon", "a", "time"))
    )
    source = attention(tuple(token.text for token in tokens))
    source = dataclasses.replace(source, queries=tokens, keys=tokens)
    assert packing.pack(exhibit(), source).pin == 1


def test_an_image_opens_with_the_token_that_sums_it_up() -> None:
    tokens = (
        Token("[CLS]", special=True),
        Token("r0c0", patch=(0, 0)),
        Token("r0c1", patch=(0, 1)),
    )
    weights = (np.full((1, 3, 3), 1 / 3, dtype=np.float32),)
    seen = Attention("encoder", tokens, tokens, Layers.of(weights), causal=False)
    assert packing.pack(exhibit(), seen).pin == 0
    bare = Attention(
        "encoder", tokens[1:], tokens[1:], Layers.of([weights[0][:, 1:, 1:]]), causal=False
    )
    assert packing.pack(exhibit(), bare).pin == 0


def test_a_comparison_opens_with_the_head_that_differs_most_from_the_first_variant() -> None:
    own = attention(kind="encoder", n_heads=(2, 2))
    layers = [layer.copy() for layer in own.layers]
    layers[1][0] = layers[1][0][:, ::-1]
    other = dataclasses.replace(own, layers=Layers.of(layers))
    variant = Variant("other", Model("other", "specimen:other", "specimen", "/"), Sentence("s", ""))
    shown = dataclasses.replace(exhibit(), against=(variant,))
    packed = packing.pack(shown, own, others=[other])
    assert str(packed.slots[packed.start]) == "L1 H0"
