"""Sizes told in advance, against what is then written."""

from __future__ import annotations

import pytest

from attention_gallery import budget, pages, resources, views
from attention_gallery.terms import Attention, Exhibit, Model, Sentence
from attentions import FOX, attention, capture, exhibit


@pytest.mark.parametrize(
    "source",
    [
        attention(),
        attention(n_heads=(12,) * 6, kind="encoder"),
        attention(FOX * 5, n_heads=(12,) * 4),
        attention(FOX * 3, kind="cross", keys=FOX, n_heads=(4, 4)),
        attention(FOX * 20, n_heads=(2, 2)),
        attention(FOX * 20, n_heads=(2, 2), kind="encoder"),
    ],
    ids=["small", "encoder", "long", "cross", "longest", "longest-encoder"],
)
def test_a_stored_exhibit_is_estimated_within_a_third(source: Attention) -> None:
    shown, held = exhibit(), capture(source)
    packed = views.pack(shown, held)
    page, assets = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    real = sum(len(asset.content) for asset in assets)
    real += sum(len(fragment) for fragment in page.fragments.values()) + len(page.markdown)
    estimate = budget.exhibit_bytes(shown, held)
    assert estimate is not None
    assert 0.67 < estimate / real < 1.5, (estimate, real)


def specimen(text: str) -> Exhibit:
    folder = str(resources.specimens()["story"])
    model = Model("story", "specimen:story", "specimen", folder)
    return Exhibit("x", "X", model, Sentence("s", text))


def test_a_longer_text_is_estimated_larger_before_it_is_captured() -> None:
    short, long = (budget.exhibit_bytes(specimen("a word " * n), None) for n in (3, 60))
    assert short is not None
    assert long is not None
    assert long > short


@pytest.mark.parametrize(
    ("text", "same"),
    [("注意力是什么", "one two three four five"), ("x" * 10_000, "x" * 100)],
    ids=["signs are tokens", "words end somewhere"],
)
def test_a_text_of_any_script_is_estimated_by_its_tokens(text: str, same: str) -> None:
    one, other = (budget.exhibit_bytes(specimen(text), None) for text in (text, same))
    assert one is not None
    assert other is not None
    assert 0.9 < one / other < 1.1


def test_nothing_is_known_of_a_model_on_the_hub_before_it_is_captured() -> None:
    hub = Exhibit("x", "X", Model("g", "gpt2", "hub", "gpt2", "0" * 40), Sentence("s", "a"))
    assert budget.exhibit_bytes(hub, None) is None
