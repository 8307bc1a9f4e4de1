# ruff: noqa: TID253 - a notebook has its models in memory
"""A model in a notebook is captured as it is, and left as it was."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pytest
import torch
import transformers
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from attention_gallery import resources, views
from attention_gallery.codes import ERROR
from attention_gallery.errors import GalleryError
from attention_gallery.notebook import Shown, capture
from runs import MINILM
from tiny_models import byte_level_tokenizer

GOLDEN = Path(__file__).parent / "golden" / "notebook"
SENTENCE = "the quick brown fox jumps over the lazy dog"

Memory = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def in_memory(source: str | Path, auto: str, **options: Any) -> Memory:
    """A model as an author of a notebook loads it: by the library alone, and by its defaults."""
    folder = resources.specimens()[source] if isinstance(source, str) else source
    model = getattr(transformers, auto).from_pretrained(folder, **options)
    return model, AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def story() -> Memory:
    return in_memory("story", "AutoModelForCausalLM")


@pytest.fixture(scope="module")
def shown(story: Memory) -> Shown:
    return capture(*story, "once upon a", measures=["norms"])


# --- What is captured -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "auto"), [("story", "AutoModelForCausalLM"), (MINILM, "AutoModel")]
)
def test_weights_are_those_that_the_model_itself_reports(source: str | Path, auto: str) -> None:
    model, tokenizer = in_memory(source, auto)
    assert model.config._attn_implementation == "sdpa"  # which holds no weights
    shown = capture(model, tokenizer, SENTENCE)

    reporting, _ = in_memory(source, auto, attn_implementation="eager")
    ids = torch.tensor([[token.id for token in shown.attention.queries]])
    with torch.no_grad():
        reported = reporting(input_ids=ids, output_attentions=True).attentions
    assert len(shown.weights) == len(reported)
    for ours, theirs in zip(shown.weights, reported, strict=True):
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=ERROR + 1e-6, rtol=0)
    assert shown.tokens == shown.keys
    assert ids.shape[1] == len(shown.tokens)


def test_a_translator_is_captured_with_the_target_it_is_given() -> None:
    model, tokenizer = in_memory("fr-en", "AutoModelForSeq2SeqLM")
    shown = capture(model, tokenizer, "le chat noir", target="the black cat")
    assert shown.attention.kind == "cross"
    assert "".join(shown.keys).replace("</s>", "").split() != shown.tokens
    assert "cat" in "".join(shown.tokens)
    assert "alignment" in shown.views
    encoder = capture(model, tokenizer, "le chat noir", attention="encoder")
    assert encoder.tokens == encoder.keys == shown.keys


def test_two_texts_are_read_together() -> None:
    shown = capture(*in_memory(MINILM, "AutoModel"), "Who barked?", pair="The dog barked.")
    assert {token.segment for token in shown.attention.keys} == {0, 1}


def test_measures_are_taken_of_the_model_in_memory() -> None:
    model, tokenizer = in_memory("pronoun", "AutoModelForMaskedLM")
    text = "Anna said that [MASK] was tired ."
    asked = {"word": "she", "rather_than": "he"}
    shown = capture(model, tokenizer, text, measures=["gradient"], views=["edges"], ask=asked)
    assert set(shown.measured) == {"gradient"}
    before = shown.measured["gradient"]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
    after = capture(model, tokenizer, text, measures=["gradient"], views=["edges"], ask=asked)
    name = next(name for name in before if name.startswith("map/"))
    assert not np.array_equal(before[name], after.measured["gradient"][name])
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_model_is_given_back_as_it_was(story: Memory) -> None:
    model, tokenizer = story
    model.train()
    model.model.layers[0].eval()
    try:
        capture(model, tokenizer, "once")
        capture(model, tokenizer, "once")
        with pytest.raises(GalleryError):
            capture(model, tokenizer, "once", attention="cross")
        assert model.training
        assert not model.model.layers[0].training
        assert model.model.layers[1].training
        assert model.config._attn_implementation == "sdpa"
    finally:
        model.eval()


def test_a_classifier_that_knows_no_padding_can_be_measured() -> None:
    config = transformers.GPT2Config(
        vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=64, num_labels=2
    )
    model = transformers.GPT2ForSequenceClassification(config)
    shown = capture(model, byte_level_tokenizer(), "once upon", measures=["gradient"])
    assert "gradient" in shown.measured
    assert model.config.pad_token_id is None


def test_a_source_is_loaded_with_its_tokenizer() -> None:
    shown = capture("specimen:shapes", image=resources.galleries() / "scenes" / "yellow-circle.png")
    assert "patches" in shown.views


# --- What is shown ----------------------------------------------------------------------------


def test_each_view_that_can_be_drawn_is_a_method_that_gives_an_altair_chart(shown: Shown) -> None:
    assert set(shown.views) == {"arcs", "edges", "grid", "heatmap"} <= set(dir(shown))
    for name in ("arcs", "grid"):
        assert isinstance(getattr(shown, name)(), alt.LayerChart)


def test_a_chart_is_the_one_that_a_page_shows(shown: Shown) -> None:
    beside = {"config": None, "usermeta": None}
    document = shown.heatmap().to_dict()  # which Altair validates
    on_a_page = views.document(shown._gathered.exhibit, shown._gathered.packed(), "heatmap")
    assert {**document, **beside} == {**on_a_page, **beside}


def test_a_chart_can_be_changed_and_saved_as_any_of_altair(shown: Shown, tmp_path: Path) -> None:
    chart = shown.edges().properties(title="My title")
    chart.save(tmp_path / "edges.json")
    chart.save(tmp_path / "edges.svg")
    assert json.loads((tmp_path / "edges.json").read_text())["title"] == "My title"
    assert "My title" in (tmp_path / "edges.svg").read_text("utf-8")


def test_a_chart_in_a_file_of_html_asks_no_other_host_unless_it_is_told_to(
    shown: Shown, tmp_path: Path
) -> None:
    chart = shown.edges().properties(title="My title")
    chart.save(tmp_path / "edges.html")
    chart.save(tmp_path / "linked.html", inline=False)
    from_elsewhere = re.compile(r"""src=["']?(https?:)?//""")
    assert not from_elsewhere.search((tmp_path / "edges.html").read_text("utf-8"))
    assert from_elsewhere.search((tmp_path / "linked.html").read_text("utf-8"))


def test_a_view_holds_the_heads_it_is_asked_for(shown: Shown) -> None:
    document = shown.view("heatmap", heads=["L1H2", "L0H3"]).to_dict()
    slots = next(param for param in document["params"] if param["name"] == "slots")
    assert slots["value"][:2] == ["L1 H2", "L0 H3"]
    assert all(slot.startswith(("L1 H2", "L0 H3")) for slot in slots["value"])


def test_measures_are_a_choice_in_charts(shown: Shown) -> None:
    control = next(p for p in shown.edges().to_dict()["params"] if p["name"] == "derived")
    assert control["bind"]["labels"][:2] == ["attention weights", "norms, as shares"]


def test_a_view_that_needs_more_than_weights_is_named_beforehand(story: Memory) -> None:
    shown = capture(*story, "once upon", views=["neuron", "edges"], heads=["L0H1"])
    assert {"neuron", "edges"} <= set(shown.views)
    shown.neuron().to_dict()


def test_the_object_shows_itself_where_html_is_shown(shown: Shown) -> None:
    bundle = shown._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == repr(shown)
    assert bundle["text/html"].startswith("<iframe srcdoc=")


def test_it_says_in_a_line_what_it_is(shown: Shown) -> None:
    assert repr(shown) == (
        "story on “once upon a”: decoder attention of 12 heads in 3 layers, "
        "5 x 5 tokens; views: arcs, edges, grid, heatmap"
    )


def test_a_hostile_text_stays_text_and_no_path_of_this_machine_is_told(story: Memory) -> None:
    text = "</script><script>alert(1)</script>\"'</body> \u202e&amp;"
    frame = capture(*story, text, views=["heatmap"])._repr_html_()
    assert "<script" not in frame  # all of the page is inside an attribute
    assert frame.count('"') == 6
    page = html.unescape(frame.partition('" title=')[0])
    assert "alert(1)" in page
    assert "alert(1)</script>" not in page
    assert Path(story[0].name_or_path).is_absolute()
    assert story[0].name_or_path not in frame


# --- What is wrong ----------------------------------------------------------------------------


def test_what_is_wrong_is_told_with_what_would_be_right(
    story: Memory, shown: Shown, golden: Callable[[Path, str], None]
) -> None:
    model, tokenizer = story
    vision, _ = transformers.ViTModel(_tiny_vit()), None
    asked: list[Callable[[], Any]] = [
        lambda: capture(model, None, "once"),
        lambda: capture(3, None, "once"),
        lambda: capture(vision, tokenizer, "once"),
        lambda: capture("specimen:story", tokenizer, "once"),
        lambda: capture("specimen:storey", None, "once"),
        lambda: capture(model, tokenizer, ""),
        lambda: capture(model, tokenizer, "once", attention="cross"),
        lambda: capture(model, tokenizer, "once", heads=["L1"]),
        lambda: capture(model, tokenizer, "once", heads=["L9H9"]),
        lambda: capture(model, tokenizer, "once", heads={"patern": "induction"}),
        lambda: capture(model, tokenizer, "once", views=["edgse"], measures=["norm"]),
        lambda: capture(model, tokenizer, "once", ask={"wrod": "she"}),
        lambda: capture(model, tokenizer, "once", ask={"at": "last"}),
        lambda: capture(model, tokenizer, "once", measures=["ablation"]),
        lambda: capture("specimen:story", None, "once", heads=["L9H9"]),
        lambda: shown.view("edgse"),
        lambda: shown.neuron(),
        lambda: shown.patches(),
        lambda: shown.edges(heads=["L9H9"]),
        lambda: shown.edges(heads=["first"]),
        lambda: shown.save("no/such/folder.html"),
        lambda: shown.save("fox.pdf"),
        lambda: shown.save("fox"),
    ]
    told = []
    for ask in asked:
        with pytest.raises(GalleryError) as caught:
            ask()
        told.append(str(caught.value))
    golden(GOLDEN / "errors.txt", "\n".join(told) + "\n")


def _tiny_vit() -> transformers.ViTConfig:
    return transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=8
    )
