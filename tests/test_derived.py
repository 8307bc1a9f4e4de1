"""Measures that have maps give them to views, of the attention that is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attention_gallery import packing, views
from attention_gallery.derived import derived_maps
from attention_gallery.errors import InputError, Where
from attentions import attention, capture, exhibit, measured_maps

OWN = attention(n_heads=(2, 3))
MEASURED = measured_maps(OWN)


def test_each_choice_is_told_with_its_title_and_its_layers() -> None:
    norms, rollout = (next(derived_maps(found, "decoder")) for found in MEASURED.values())
    assert (norms.title, norms.per_head, rollout.per_head) == ("norm-based weights", True, False)
    assert norms.layers.shapes == ((2, 10, 10), (3, 10, 10))
    assert rollout.layers.shapes == ((1, 10, 10), (1, 10, 10))


def test_a_measure_without_maps_gives_none() -> None:
    bare = replace(MEASURED["norms"], arrays={"zero/0": np.zeros(2)}, facts={"title": "Ablation"})
    assert [*derived_maps(bare, "decoder")] == []


def test_maps_of_another_attention_are_refused() -> None:
    with pytest.raises(InputError, match="no maps of cross attention; it has some of decoder"):
        next(derived_maps(MEASURED["norms"], "cross", Where("a.yml", 3)))


def test_only_what_an_exhibit_names_is_offered_in_its_order() -> None:
    shown = replace(exhibit(), measures=("rollout",))
    packed = views.pack(shown, capture(OWN), (), MEASURED)
    assert [each.title for each in packed.attention.derived] == ["rollout"]
    both = replace(exhibit(), measures=("rollout", "norms"))
    packed = views.pack(both, capture(OWN), (), MEASURED)
    assert [each.title for each in packed.attention.derived] == ["rollout", "norm-based weights"]


def test_what_is_derived_is_not_compared() -> None:
    shown = replace(exhibit(against=("twin",), views=("compare",)), measures=("norms",))
    with pytest.raises(InputError, match="only weights can be compared"):
        views.pack(shown, capture(OWN), [capture(OWN)], MEASURED)


def test_views_that_show_weights_alone_are_given_weights_alone() -> None:
    """They send the same list as those that show more, since a page tells it once."""
    shown = replace(exhibit(views=("grid", "heatmap")), measures=("norms", "rollout"))
    packed = views.pack(shown, capture(OWN), (), MEASURED)
    own = packed.own
    assert own.slots == views.pack(exhibit(), capture(OWN)).slots
    assert own.blobs == packed.blobs[: len(own.slots)]
    assert own.sent == packed.blobs
    assert own.own is own
    grid, heatmap = (figure.spec["params"] for figure in views.figures(shown, packed))
    assert not any(param["name"] == "derived" for param in grid)
    (control,) = (param for param in heatmap if param["name"] == "derived")
    assert control["bind"]["labels"] == ["attention weights", "norm-based weights", "rollout"]


def test_what_is_derived_from_a_head_travels_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BUDGET", 2 * 55 * 6)
    shown = replace(exhibit(), measures=("norms",))
    packed = views.pack(shown, capture(OWN), (), MEASURED)
    assert not packed.every_head
    heads = [slot.single for slot in packed.slots]
    assert heads[: len(heads) // 2] == heads[len(heads) // 2 :]


@pytest.mark.parametrize(
    ("rather_than", "after", "asked"),
    [
        ("", "", "“it”"),
        ("", "the", "“it” at “the”"),
        ("she", "", "“it” rather than “she”"),
        ("she", "the", "“it” rather than “she” at “the”"),
    ],
)
def test_a_map_says_of_which_answer_it_is_even_of_one_with_braces(
    rather_than: str, after: str, asked: str
) -> None:
    norms = MEASURED["norms"]
    [name] = norms.facts["maps"]
    about = {**norms.facts["maps"][name], "says": "What speaks for {answer}: {each} weight."}
    answer = {"word": "it", "rather_than": rather_than, "after": after}
    facts = {**norms.facts, "maps": {name: about}, "answer": answer}
    [derived] = derived_maps(replace(norms, facts=facts), "decoder")
    assert derived.says == f"What speaks for {asked}: {{each}} weight."
