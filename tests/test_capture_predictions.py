# ruff: noqa: TID253 - real models are run, to hold captures against passes of their own
"""What a model holds likely to come next, and what it writes, are what the model itself says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerFast

from attention_gallery import resources
from attention_gallery.capture import capture_all
from attention_gallery.capture.predictions import N_LIKELIEST, predictions
from attention_gallery.capture.text.tokens import readable_tokens
from attention_gallery.errors import CaptureError, GalleryError, Where
from attention_gallery.store import Store
from attention_gallery.terms import (
    Attention,
    AttentionKind,
    Capture,
    CaptureRequest,
    Extra,
    Model,
    Sentence,
)
from tiny_models import N_WORDS, byte_level_tokenizer, save_tiny, sentence_piece_tokenizer
from tiny_towers import save_tower

SCENE = resources.galleries() / "scenes" / "red-circle-blue-square.png"
PREDICTIONS: frozenset[Extra] = frozenset({"predictions"})
ONCE = "once upon a time the black fox"

STACK: dict[str, Any] = {
    "vocab_size": N_WORDS,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


def writers() -> dict[str, tuple[PreTrainedConfig, PreTrainedTokenizerFast]]:
    """Models of one stack that write, one with a head of its own and one without."""
    gpt2 = transformers.GPT2Config(
        vocab_size=N_WORDS, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    llama = transformers.LlamaConfig(**STACK, num_key_value_heads=2)
    return {
        "gpt2": (gpt2, byte_level_tokenizer()),
        "llama": (llama, sentence_piece_tokenizer()),
    }


def save_writer(folder: Path, name: str) -> Path:
    config, tokenizer = writers()[name]
    network = transformers.AutoModelForCausalLM.from_config(config)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def folder_of(name: str, tmp_path: Path) -> Path:
    """A specimen, or a tiny model."""
    if name in resources.specimens():
        return resources.specimens()[name]
    if name in writers():
        return save_writer(tmp_path / name, name)
    return save_tiny(tmp_path / name, name)


def model_of(folder: Path) -> Model:
    return Model("m", folder.name, "folder", str(folder), where=Where("g.yml", 3, 5))


def captured(
    folder: Path, *sentences: Sentence, parts: frozenset[Extra] = PREDICTIONS
) -> list[Capture]:
    requests = [
        CaptureRequest(f"{i:064}", model_of(folder), sentence, parts=parts)
        for i, sentence in enumerate(sentences)
    ]
    found = {capture.key: capture for capture in capture_all(requests)}
    return [found[request.key] for request in requests]


def softmax(logits: torch.Tensor) -> NDArray[np.float64]:
    """Written anew: exponentials over their sum, in float64."""
    x = logits.detach().numpy().astype(np.float64)
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return result


def check(attention: Attention, expected: NDArray[np.float64], ids: Sequence[int | None]) -> None:
    """Hold what was captured against the distributions of a pass of its own.

    Args:
        attention: What was captured.
        expected: ``[row, word]``.
        ids: What comes after each row.
    """
    found = attention.predictions
    assert found is not None
    assert len(expected) == len(attention.queries)
    assert found.probabilities.shape == (len(ids), N_LIKELIEST)
    assert (found.probabilities.astype(np.float64).sum(axis=1) <= 1 + 1e-6).all()
    assert [token and token.id for token in found.follows] == list(ids)
    for row, following in enumerate(ids):
        named = [token.id for token in found.likeliest[row]]
        assert len(set(named)) == N_LIKELIEST
        largest = np.sort(expected[row])[::-1][:N_LIKELIEST]
        assert found.probabilities[row] == pytest.approx(largest, abs=2e-6)
        assert expected[row][named] == pytest.approx(largest, abs=2e-6)
        if following is None:
            assert found.surprisals[row] == 0
        else:
            bits = -np.log2(expected[row][following])
            assert found.surprisals[row] == pytest.approx(bits, abs=2e-5, rel=1e-5)


@pytest.mark.parametrize("name", ["story", "gpt2", "llama"])
def test_probabilities_after_each_token_are_those_of_a_pass_of_its_own(
    name: str, tmp_path: Path
) -> None:
    folder = folder_of(name, tmp_path)
    [capture] = captured(folder, Sentence("s", ONCE))
    attention = capture.attentions["decoder"]
    ids = [token.id for token in attention.queries]
    assert ids == AutoTokenizer.from_pretrained(folder)(ONCE)["input_ids"]
    network = transformers.AutoModelForCausalLM.from_pretrained(folder)
    expected = softmax(network(torch.tensor([ids])).logits[0])
    check(attention, expected, [*ids[1:], None])


@pytest.mark.parametrize("name", ["fr-en", "t5", "marian"])
def test_probabilities_of_a_translation_are_of_the_target_shifted_right(
    name: str, tmp_path: Path
) -> None:
    folder = folder_of(name, tmp_path)
    source, target = "le chat noir", "the black cat"
    [capture] = captured(folder, Sentence("s", source, target))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
    ids = tokenizer(text_target=target)["input_ids"]
    fed = [network.config.decoder_start_token_id, *ids[:-1]]
    answer = network(
        input_ids=torch.tensor([tokenizer(source)["input_ids"]]),
        decoder_input_ids=torch.tensor([fed]),
    )
    for kind in ("cross", "decoder"):
        check(capture.attentions[kind], softmax(answer.logits[0]), ids)
    assert capture.attentions["encoder"].predictions is None


def test_probabilities_of_a_caption_are_those_the_image_leads_to() -> None:
    folder = resources.specimens()["shapes"]
    target = "a small red square at the top left"  # which it is not
    [capture] = captured(folder, Sentence("s", "", target, str(SCENE)))
    network = transformers.VisionEncoderDecoderModel.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    ids = tokenizer(target)["input_ids"]
    answer = network(
        pixel_values=processor(Image.open(SCENE).convert("RGB"), return_tensors="pt").pixel_values,
        decoder_input_ids=torch.tensor([[network.config.decoder_start_token_id, *ids[:-1]]]),
    )
    attention = capture.attentions["cross"]
    check(attention, softmax(answer.logits[0]), ids)
    assert attention.predictions is not None
    surprises = dict(zip(target.split(), attention.predictions.surprisals, strict=False))
    assert surprises["square"] > 5 > surprises["at"]


def test_words_around_an_image_are_predicted_and_its_patches_are_not(tmp_path: Path) -> None:
    """A model that sees and reads, its head drawn wide like the rest of it."""
    folder = save_tower(tmp_path / "llava", "llava")
    config = transformers.AutoConfig.from_pretrained(folder)
    network = transformers.AutoModelForImageTextToText.from_config(config)
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.2)
    network.save_pretrained(folder)
    image = tmp_path / "scene.png"
    Image.new("RGB", (40, 40), "red").save(image)
    [capture] = captured(folder, Sentence("s", "<image> the black fox", image=str(image)))
    attention = capture.attentions["decoder"]
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(text="<image> the black fox", images=Image.open(image), return_tensors="pt")
    expected = softmax(network.eval()(**inputs).logits[0])
    after = [None if token.patch else token.id for token in attention.queries[1:]]
    assert after.count(None) > 3
    check(attention, expected, [*after, None])


@pytest.mark.parametrize("name", ["story", "llama", "fr-en"])
def test_weights_are_the_same_whatever_else_is_asked(name: str, tmp_path: Path) -> None:
    """A model of one stack is loaded with its head only where it is asked what it would write."""
    folder = folder_of(name, tmp_path)
    sentence = Sentence("s", ONCE, "the fox" if name == "fr-en" else "")
    [plain] = captured(folder, sentence, parts=frozenset())
    [asked] = captured(folder, sentence)
    for kind, attention in plain.attentions.items():
        assert attention.predictions is None
        assert attention.queries == asked.attentions[kind].queries
        for one, other in zip(attention.layers, asked.attentions[kind].layers, strict=True):
            assert np.abs(one - other).max() < 1e-6
    assert {name: a.parts for name, a in asked.attentions.items() if a.parts} == {}


def test_vectors_and_predictions_can_be_asked_for_at_once() -> None:
    parts: frozenset[Extra] = frozenset({"query", "predictions"})
    [capture] = captured(resources.specimens()["story"], Sentence("s", ONCE), parts=parts)
    assert capture.attentions["decoder"].parts.keys() == {"query"}
    assert capture.attentions["decoder"].predictions is not None


def test_each_sentence_has_its_own_whatever_runs_beside_it() -> None:
    story = resources.specimens()["story"]
    sentences = [Sentence("a", ONCE), Sentence("b", "The quick brown fox"), Sentence("c", "The")]
    together = captured(story, *sentences)
    for sentence, one in zip(sentences, together, strict=True):
        [alone] = captured(story, sentence)
        mine, its = (c.attentions["decoder"].predictions for c in (one, alone))
        assert mine is not None
        assert its is not None
        assert mine.follows == its.follows
        assert mine.likeliest == its.likeliest
        np.testing.assert_array_equal(mine.probabilities, its.probabilities)


@pytest.mark.parametrize(("name", "text"), [("story", "Once upon a time, in"), ("gpt2", ONCE)])
def test_what_is_written_on_is_what_the_library_writes(
    name: str, text: str, tmp_path: Path
) -> None:
    folder = folder_of(name, tmp_path)
    [capture] = captured(folder, Sentence("s", text, generate=12), parts=frozenset())
    network = transformers.AutoModelForCausalLM.from_pretrained(folder)
    read = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    [ids] = network.generate(**read, max_new_tokens=12, do_sample=False).tolist()
    queries = capture.attentions["decoder"].queries
    assert [token.id for token in queries] == ids
    n_given = read["input_ids"].shape[1]
    assert [token.generated for token in queries] == [False] * n_given + [True] * 12
    assert all(token.span is None for token in queries[n_given:])
    assert queries[-1].text.isprintable()


@pytest.mark.parametrize(
    ("name", "text", "settings"),
    [
        ("fr-en", "le chat noir dort dans la maison", {"no_repeat_ngram_size": 1}),
        ("fr-en", "le chat noir dort dans la maison", {"min_new_tokens": 20, "num_beams": 3}),
        ("story", "Once upon a time, in", {"suppress_tokens": None}),
    ],
)
def test_no_setting_of_a_model_makes_it_write_other_than_the_likeliest(
    name: str, text: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    plain = resources.specimens()[name]
    folder = tmp_path / name
    folder.mkdir()
    for file in plain.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    said = Sentence("s", text, generate=12)
    [before] = captured(plain, said)
    kind: AttentionKind = "cross" if name == "fr-en" else "decoder"
    written = [token for token in before.attentions[kind].queries if token.generated]
    if "suppress_tokens" in settings:
        settings = {"suppress_tokens": [written[0].id]}
    place = folder / "generation_config.json"
    place.write_text(json.dumps(json.loads(place.read_text("utf-8")) | settings), "utf-8")
    [after] = captured(folder, said)
    attention = after.attentions[kind]
    assert attention.queries == before.attentions[kind].queries
    assert attention.predictions is not None
    for row, token in enumerate(attention.predictions.follows):
        if token and token.generated:
            assert attention.predictions.likeliest[row][0].id == token.id


def test_what_is_written_has_words_that_are_counted_on() -> None:
    story = resources.specimens()["story"]
    [capture] = captured(story, Sentence("s", "Once upon a time, in", generate=8))
    queries = [token for token in capture.attentions["decoder"].queries if not token.special]
    # Each token of the specimen is a word.
    assert [token.word for token in queries] == list(range(len(queries)))


def test_what_is_written_is_the_likeliest_at_each_step() -> None:
    story = resources.specimens()["story"]
    [capture] = captured(story, Sentence("s", "Once upon a time, in", generate=20))
    attention = capture.attentions["decoder"]
    assert attention.predictions is not None
    n_checked = 0
    for row, token in enumerate(attention.predictions.follows):
        if token and token.generated:
            assert attention.predictions.likeliest[row][0].id == token.id
            n_checked += 1
    assert n_checked == 20


def test_no_model_goes_on_after_the_end_its_tokenizer_wrote(tmp_path: Path) -> None:
    folder = save_writer(tmp_path / "llama", "llama")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read = tokenizer(ONCE, return_tensors="pt")["input_ids"]
    assert read[0, -1] == tokenizer.eos_token_id
    [capture] = captured(folder, Sentence("s", ONCE, generate=5), parts=frozenset())
    network = transformers.AutoModelForCausalLM.from_pretrained(folder)
    expected = network.generate(read[:, :-1], max_new_tokens=5, do_sample=False)
    ids = [token.id for token in capture.attentions["decoder"].queries]
    assert ids == expected[0].tolist()


def test_a_model_stops_at_its_end_token() -> None:
    """The specimen has learned that pangrams end."""
    story = resources.specimens()["story"]
    text = "The quick brown fox jumps over the lazy dog"
    [capture] = captured(story, Sentence("s", text, generate=40), parts=frozenset())
    written = [token for token in capture.attentions["decoder"].queries if token.generated]
    assert len(written) < 20
    assert [token.text for token in written[-3:]] == ["more", ".", "<|endoftext|>"]
    assert [token.special for token in written[-2:]] == [False, True]


def test_a_target_is_written_no_longer_than_is_said() -> None:
    chat = Sentence("s", "le chat noir dort dans la maison")
    whole, cut = captured(
        resources.specimens()["fr-en"], chat, dataclasses.replace(chat, generate=3)
    )
    rows, first = (c.attentions["cross"].queries for c in (whole, cut))
    assert first == rows[:3]
    assert [token.generated for token in first] == [False, True, True]
    assert cut.attentions["cross"].predictions is not None
    assert len(cut.attentions["cross"].predictions.follows) == 3


def test_what_a_chat_s_model_answers_is_written_after_its_template(tmp_path: Path) -> None:
    folder = save_writer(tmp_path / "gpt2", "gpt2")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}<|endoftext|>{% endfor %}"
        "{% if add_generation_prompt %}cat: {% endif %}"
    )
    tokenizer.save_pretrained(folder)
    said = Sentence("s", "the fox", chat=(("user", "the fox"),), generate=4)
    [capture] = captured(folder, said, parts=frozenset())
    queries = capture.attentions["decoder"].queries
    assert sum(token.generated for token in queries) == 4
    assert "<|endoftext|>" in [token.text for token in queries if not token.generated]


def refusal(folder: Path, sentence: Sentence, parts: frozenset[Extra]) -> str:
    with pytest.raises(GalleryError) as caught:
        captured(folder, dataclasses.replace(sentence, where=Where("g.yml", 6, 3)), parts=parts)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [(Sentence("s", "the fox"), PREDICTIONS), (Sentence("s", "the fox", generate=2), frozenset())],
    ids=["predictions", "generate"],
)
def test_a_model_that_does_not_write_is_refused_with_what_to_do(
    sentence: Sentence, parts: frozenset[Extra], tmp_path: Path
) -> None:
    """BERT could be loaded as one that writes; what it gave would mean nothing."""
    folder = save_tiny(tmp_path / "bert", "bert")
    assert refusal(folder, sentence, parts) == (
        'g.yml:6:3: bert on sentence "s": BertModel has no language-model head, so it cannot '
        "write; leave generate out of the sentence and generation out of the views, or choose a "
        "model that was trained to write"
    )


def test_a_writer_whose_weights_lack_its_head_is_refused(tmp_path: Path) -> None:
    """The library would make a head of noise."""
    folder = save_writer(tmp_path / "llama", "llama")
    body = transformers.AutoModel.from_pretrained(folder)
    body.config.architectures = ["LlamaForCausalLM"]
    body.save_pretrained(folder)
    config = (folder / "config.json").read_text("utf-8")
    (folder / "config.json").write_text(config.replace("LlamaModel", "LlamaForCausalLM"), "utf-8")
    assert refusal(folder, Sentence("s", ONCE), PREDICTIONS) == (
        "g.yml:3:5: the weights of llama have no language-model head, so it cannot be said what it "
        "would write; leave generate out of its sentences and generation out of the views, or "
        "choose a model that was trained to write"
    )
    assert captured(folder, Sentence("s", ONCE), parts=frozenset())


def test_what_has_no_room_is_refused(tmp_path: Path) -> None:
    folder = save_writer(tmp_path / "gpt2", "gpt2")
    said = refusal(folder, Sentence("s", ONCE, generate=100), frozenset())
    n = len(AutoTokenizer.from_pretrained(folder)(ONCE)["input_ids"])
    assert said == (
        f'g.yml:6:3: gpt2 on sentence "s": 100 tokens cannot be written after {n}: the model reads '
        f"64 at most; write generate: {64 - n}"
    )


def test_numbers_that_are_none_are_refused() -> None:
    tokenizer = byte_level_tokenizer()
    with pytest.raises(CaptureError, match="are not numbers; a model that runs in half precision"):
        predictions(tokenizer, torch.full((1, N_WORDS), torch.nan), [None])
    with pytest.raises(CaptureError, match="answers at 2 places, where its decoder reads 1"):
        predictions(tokenizer, torch.zeros(2, N_WORDS), [None])


def test_a_surprise_beyond_all_probabilities_is_still_told() -> None:
    """A probability of 2^-288 is zero in float32; its surprisal is not."""
    tokenizer = byte_level_tokenizer()
    logits = torch.zeros(1, N_WORDS)
    logits[0, 7] = 200.0
    [unlikely] = readable_tokens(tokenizer, [9], [False])
    found = predictions(tokenizer, logits, [unlikely])
    assert found.surprisals[0] == pytest.approx(200 / np.log(2), rel=1e-6)
    assert found.probabilities[0, 0] == 1


def test_runners_up_that_are_bytes_or_controls_are_made_readable() -> None:
    tokenizer = byte_level_tokenizer()
    ids = tokenizer.convert_tokens_to_ids(["Ċ", "Ģ", "Ġ", "â", "<|endoftext|>"])
    logits = torch.full((1, N_WORDS), -5.0)
    logits[0, ids] = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])
    [row] = predictions(tokenizer, logits, [None]).likeliest
    assert [token.text for token in row] == ["⏎", "⟨80⟩", "␣", "⟨E2⟩", "<|endoftext|>"]
    assert [token.special for token in row] == [False] * 4 + [True]


def test_the_store_gives_back_all_that_was_put(tmp_path: Path) -> None:
    story = resources.specimens()["story"]
    [capture] = captured(story, Sentence("s", "Once upon", generate=3))
    store = Store(tmp_path / "store")
    store.put(capture)
    back = store.get(capture.key)
    assert back is not None
    [put, got] = [c.attentions["decoder"] for c in (capture, back)]
    assert got.queries == put.queries
    assert [token.generated for token in got.queries] == [False] * 3 + [True] * 3
    assert put.predictions is not None
    assert got.predictions is not None
    assert got.predictions.follows == put.predictions.follows
    assert got.predictions.likeliest == put.predictions.likeliest
    np.testing.assert_array_equal(got.predictions.probabilities, put.predictions.probabilities)
    np.testing.assert_array_equal(got.predictions.surprisals, put.predictions.surprisals)
    with np.load(next((tmp_path / "store").iterdir()), allow_pickle=False) as archive:
        assert archive["decoder/predictions/probabilities"].dtype == np.float32
