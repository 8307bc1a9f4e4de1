# ruff: noqa: TID253 - the libraries are what is tested here
"""Models that see and read: all they look at is captured exactly, and each token named rightly."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image

from attention_gallery import build
from attention_gallery.capture import capture_all
from attention_gallery.capture.seam.sites import connectors
from attention_gallery.capture.seam.towers import eye, image_id, reader, sees_and_reads
from attention_gallery.capture.sight.images import tokens_in_text
from attention_gallery.codes import ERROR
from attention_gallery.errors import CaptureError, GalleryError, ModelError, Where
from attention_gallery.store import Store
from attention_gallery.terms import (
    Attention,
    AttentionKind,
    Capture,
    CaptureRequest,
    Head,
    Model,
    Page,
    Part,
    Sentence,
    Token,
)
from tiny_models import build_tiny, save_tiny
from tiny_towers import EYE, MEAN, SIDE, STD, save_tower
from tiny_towers import TEXT as STACK

SENTENCE = Where("galleries/x.yml", 9, 3)
TEXT = "the black cat"
WORDS = ["the", "black", "cat", "</s>"]
SPANS = [(0, 3), (4, 9), (10, 13), None]
GRID = [f"r{row}c{column}" for row in range(4) for column in range(4)]
MERGED = ["r0c0", "r0c1", "r1c0", "r1c1"]

# What each reads: the sentence above, with the image where its processor puts it.
TOKENS = {
    "clip": WORDS,
    "siglip": WORDS,
    "llava": [*GRID, *WORDS],
    "paligemma": [*GRID, "<s>", "the", "black", "cat", "⏎"],
    "gemma3": [
        *("␣", "⏎", "⏎", "<start_of_image>", *MERGED, "<end_of_image>", "␣", "⏎", "⏎"),
        *("t", "he", "black", "cat", "</s>"),  # a word is cut in another way after a line break
    ],
    "idefics3": [
        *("<fake_token_around_image>", "<global-img>", *MERGED, "<fake_token_around_image>"),
        *WORDS,
    ],
    "mllama": ["<|image|>", "<s>", *WORDS],
    "blip-2": ["image 0", "image 1", "image 2", "image 3", *WORDS],
}
KINDS: dict[str, list[AttentionKind]] = {
    **{shape: ["decoder", "vision"] for shape in TOKENS},
    "siglip": ["encoder", "vision"],
    # Its eye adds tokens until their number divides by eight: which is which is not told.
    "mllama": ["decoder", "cross"],
}
SEEN = {  # in the order in which an eye puts them out
    "clip": ["[CLS]", *GRID],
    "siglip": GRID,
    "llava": ["[CLS]", *GRID],
    "paligemma": GRID,
    "gemma3": GRID,
    "idefics3": GRID,
    "blip-2": ["[CLS]", *GRID],
}
IN_TEXT = [shape for shape in TOKENS if shape not in ("clip", "siglip")]

Saved = Callable[[str], Path]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Folder of a tiny model, each made once."""
    return cache(lambda shape: save_tower(tmp_path_factory.mktemp(shape) / "model", shape))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of the size the models see: their processors only scale it."""
    path = tmp_path_factory.mktemp("images") / "noise.png"
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def captured(folder: Path, *sentences: Sentence) -> list[Capture]:
    model = Model("m", "m", "folder", str(folder))
    requests = [CaptureRequest(f"{n:064}", model, each) for n, each in enumerate(sentences)]
    return sorted(capture_all(requests), key=lambda capture: capture.key)


def both(folder: Path, image: Path, text: str = TEXT) -> Capture:
    (capture,) = captured(folder, Sentence("s", text, image=str(image)))
    return capture


def texts(tokens: tuple[Token, ...]) -> list[str]:
    return [token.text for token in tokens]


def processed(folder: Path, image: Path, text: str = TEXT) -> Any:
    """What a model's own processor makes of a text that has the mark of an image before it."""
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    by_itself = isinstance(processor, transformers.Blip2Processor)
    mark = "" if by_itself else str(getattr(processor, "image_token", ""))
    with Image.open(image) as picture, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the library's own making
        return processor(text=mark + text, images=picture.convert("RGB"), return_tensors="pt")


def network_in(folder: Path) -> Any:
    return transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()


def reported(network: Any, inputs: Any) -> dict[str, list[NDArray[np.float32]]]:
    """All attention that the library itself reports, by the part of the model that it is of."""
    fed: dict[str, tuple[Any, Any, Any]] = {}

    def note(name: str) -> Callable[..., None]:
        def keep(part: Any, args: Any, options: Any) -> None:
            fed[name] = part, args, {**options, "output_attentions": True, "return_dict": True}

        return keep

    hooks = [
        part.register_forward_pre_hook(note(name), with_kwargs=True)
        for name, part in {"vision": eye(network), "text": reader(network)}.items()
        if part
    ]
    with torch.no_grad():
        network(**inputs, use_cache=False)
        for hook in hooks:
            hook.remove()
        found = {name: part(*args, **options) for name, (part, args, options) in fed.items()}
    return {name: [layer[0].numpy() for layer in out.attentions] for name, out in found.items()}


def assert_same(ours: Attention, theirs: list[NDArray[np.float32]]) -> None:
    assert ours.n_layers == len(theirs) > 0
    for layer, reference in zip(ours.layers, theirs, strict=True):
        np.testing.assert_allclose(layer, reference, rtol=0, atol=ERROR + 2e-6)


# --- Weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", TOKENS)
def test_weights_are_those_the_library_reports_of_each_tower(
    saved: Saved, image: Path, shape: str
) -> None:
    capture = both(saved(shape), image)
    theirs = reported(network_in(saved(shape)), processed(saved(shape), image))
    assert list(capture.attentions) == KINDS[shape]
    if shape == "mllama":
        crossing = [layer for layer in theirs["text"] if layer.shape[-1] == 17]
        assert len(crossing) == 1
        assert_same(capture.attentions["cross"], crossing)
        rest = [layer for layer in theirs["text"] if layer.shape[-1] != 17]
        assert_same(capture.attentions["decoder"], rest)
        return
    assert_same(capture.attentions[KINDS[shape][0]], theirs["text"])
    assert_same(capture.attentions["vision"], theirs["vision"])
    assert any(layer.std() * layer.shape[-1] > 0.2 for layer in theirs["vision"])


@pytest.mark.parametrize("shape", TOKENS)
def test_weights_are_made_of_the_parts_that_are_captured_with_them(
    saved: Saved, image: Path, shape: str
) -> None:
    """Also where a head that pools an eye hides its own."""
    model = Model("m", "m", "folder", str(saved(shape)))
    parts: frozenset[Part] = frozenset({"query", "key", "scores"})
    (capture,) = capture_all(
        [CaptureRequest("0" * 64, model, Sentence("s", TEXT, image=str(image)), parts=parts)]
    )
    assert list(capture.attentions) == KINDS[shape]
    for attention in capture.attentions.values():
        for layer, scores in zip(attention.layers, attention.parts["scores"], strict=True):
            weights = torch.tensor(scores).softmax(dim=-1).numpy()
            np.testing.assert_allclose(layer, weights, rtol=0, atol=ERROR + 1e-6)
        assert {part.shape[1] for part in attention.parts["query"]} == {len(attention.queries)}
        assert {part.shape[1] for part in attention.parts["key"]} == {len(attention.keys)}


@pytest.mark.parametrize("shape", ["llava", "idefics3"])
def test_a_causal_decoder_sees_the_image_before_the_text_and_no_token_ahead(
    saved: Saved, image: Path, shape: str
) -> None:
    assert both(saved(shape), image).attentions["decoder"].causal


@pytest.mark.parametrize("shape", ["paligemma", "gemma3"])
def test_a_decoder_that_sees_an_image_whole_is_a_decoder_all_the_same(
    saved: Saved, image: Path, shape: str
) -> None:
    (alone,) = captured(saved(shape), Sentence("s", TEXT))
    assert alone.attentions["decoder"].causal
    assert not both(saved(shape), image).attentions["decoder"].causal


# --- Tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", TOKENS)
def test_every_token_is_named(saved: Saved, image: Path, shape: str) -> None:
    attentions = both(saved(shape), image).attentions
    read = attentions[KINDS[shape][0]]
    assert texts(read.queries) == TOKENS[shape]
    assert read.keys == read.queries
    if "vision" in attentions:
        seen = attentions["vision"]
        assert texts(seen.queries) == SEEN[shape]
        assert seen.keys == seen.queries
    if "cross" in attentions:
        cross = attentions["cross"]
        assert cross.queries == read.queries
        assert texts(cross.keys) == ["[CLS]", *GRID]


@pytest.mark.parametrize("shape", ["llava", "idefics3", "mllama", "blip-2", "clip"])
def test_words_keep_their_place_in_what_the_author_wrote(
    saved: Saved, image: Path, shape: str
) -> None:
    capture = both(saved(shape), image)
    tokens = capture.attentions["decoder"].queries
    assert [token.span for token in tokens[-4:]] == SPANS
    assert [token.word for token in tokens[-4:]] == [0, 1, 2, -1]
    assert not any(token.span for token in tokens[:-4])
    assert [token.special for token in tokens[-4:]] == [False, False, False, True]


def test_the_image_stands_where_the_author_puts_it(saved: Saved, image: Path) -> None:
    folder, text = saved("llava"), "the <image> cat"
    (capture,) = captured(folder, Sentence("s", text, image=str(image)))
    attention = capture.attentions["decoder"]
    assert texts(attention.queries) == ["the", "␣", *GRID, "␣", "cat", "</s>"]
    assert [attention.queries[i].span for i in (0, -2)] == [(0, 3), (12, 15)]
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(text=text, images=Image.open(image).convert("RGB"), return_tensors="pt")
    assert_same(attention, reported(network_in(folder), inputs)["text"])


@pytest.mark.parametrize("shape", ["llava", "paligemma", "gemma3", "idefics3"])
def test_a_token_of_the_image_is_made_from_the_patches_at_its_place(
    saved: Saved, image: Path, shape: str
) -> None:
    """Its eye is cut out, so that what it puts out at a place only depends on that place."""
    folder = saved(shape)
    network, inputs = network_in(folder), processed(folder, image)
    tokens = both(folder, image).attentions["decoder"].queries
    sees, reads = eye(network), reader(network)
    assert sees
    assert reads
    for part in sees.modules():
        if "EncoderLayer" in type(part).__name__:
            part.forward = lambda states, *_, **__: states
    embedded: list[torch.Tensor] = []
    reads.register_forward_pre_hook(
        lambda _, __, options: embedded.append(options["inputs_embeds"][0]), with_kwargs=True
    )

    def run(pixels: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            network(**{**inputs, "pixel_values": pixels})
        return embedded[-1]

    before = run(inputs["pixel_values"])
    patches = [token.patch for token in tokens if token.patch]
    side = SIDE // (max(patches)[0] + 1)
    for number, token in enumerate(tokens):
        if token.patch is None:
            continue
        rows, columns = (slice(i * side, (i + 1) * side) for i in token.patch)
        changed = inputs["pixel_values"].clone()
        changed[..., rows, columns] += 1
        moved = (run(changed) - before).abs().amax(-1) > 1e-6
        assert moved.nonzero().flatten().tolist() == [number]


def grid(rows: int, columns: int) -> tuple[Token, ...]:
    return tuple(
        Token(f"r{row}c{column}", patch=(row, column))
        for row in range(rows)
        for column in range(columns)
    )


def test_tokens_in_a_text_are_patches_squares_of_patches_or_parts_without_a_place() -> None:
    patches = (Token("[CLS]", special=True), *grid(4, 6))
    assert tokens_in_text(25, patches, in_place=True) == patches
    assert tokens_in_text(24, patches, in_place=True) == grid(4, 6)
    assert tokens_in_text(6, patches, in_place=True) == grid(2, 3)
    nameless = tuple(Token(f"image {i}", special=True) for i in range(8))
    assert tokens_in_text(8, patches, in_place=True) == nameless  # a third: no square
    assert tokens_in_text(6, patches, in_place=False) == nameless[:6]
    assert tokens_in_text(6, (), in_place=True) == nameless[:6]


def test_what_lies_between_is_left_out_and_the_page_can_say_so(saved: Saved, image: Path) -> None:
    capture = both(saved("blip-2"), image)
    assert capture.provenance.architecture == ("Blip2Model, without the attention of its qformer")
    assert capture.attentions["decoder"].n_layers == 2
    assert both(saved("llava"), image).provenance.architecture == "LlavaModel"


@pytest.mark.parametrize("shape", TOKENS)
def test_the_picture_is_what_the_model_saw(saved: Saved, image: Path, shape: str) -> None:
    capture = both(saved(shape), image)
    pixels = processed(saved(shape), image)["pixel_values"].reshape(3, SIDE, SIDE).numpy()
    scale, shift = (np.reshape(values, (3, 1, 1)) for values in (STD, MEAN))
    seen = np.rint((pixels * scale + shift) * 255).astype(np.uint8).transpose(1, 2, 0)
    with Image.open(io.BytesIO(capture.image)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), seen)
    assert seen.std() > 50


# --- One of the two -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["clip", "siglip"])
def test_a_tower_is_the_same_alone(saved: Saved, image: Path, shape: str) -> None:
    together = both(saved(shape), image)
    text, picture = captured(
        saved(shape), Sentence("text", TEXT), Sentence("image", "", image=str(image))
    )
    (read,) = text.attentions
    assert [read, "vision"] == KINDS[shape]
    assert list(picture.attentions) == ["vision"]
    assert (text.natural, picture.natural, together.natural) == (read, "vision", read)
    assert (text.image, picture.image) == (b"", together.image)
    for kind, alone in {**text.attentions, **picture.attentions}.items():
        assert alone.queries == together.attentions[kind].queries
        assert_same(alone, list(together.attentions[kind].layers))


@pytest.mark.parametrize("shape", [shape for shape in TOKENS if shape != "blip-2"])
def test_texts_without_an_image_run_in_batches_and_give_what_they_give_alone(
    saved: Saved, shape: str
) -> None:
    sentences = [Sentence(text, text) for text in ("a cat", TEXT, "once upon a time there was")]
    together = captured(saved(shape), *sentences)
    for sentence, capture in zip(sentences, together, strict=True):
        (alone,) = captured(saved(shape), sentence)
        for kind, attention in alone.attentions.items():
            assert capture.attentions[kind].queries == attention.queries
            for ours, theirs in zip(capture.attentions[kind].layers, attention.layers, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=2 * ERROR + 1e-5)


def test_texts_are_captured_where_the_processor_is_missing(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("llava"), tmp_path / "model")
    (folder / "processor_config.json").unlink()
    (capture,) = captured(folder, Sentence("s", TEXT))
    assert texts(capture.attentions["decoder"].queries) == WORDS
    error = failure(folder, TEXT, image)
    assert error.message == 'm on sentence "s": m has no image processor'
    assert error.hint == "the folder needs a preprocessor_config.json"


# --- What does not fit ----------------------------------------------------------------------------


def failure(folder: Path, text: str, image: Path | None, **more: Any) -> GalleryError:
    sentence = Sentence("s", text, image=str(image or ""), where=SENTENCE, **more)
    with pytest.raises(GalleryError) as caught:
        captured(folder, sentence)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("shape", IN_TEXT)
def test_a_model_with_the_image_in_its_text_needs_a_text(
    saved: Saved, image: Path, shape: str
) -> None:
    error = failure(saved(shape), "", image)
    assert isinstance(error, ModelError)
    assert error.message == (
        'm on sentence "s": the model sees an image within a text, and there is no text'
    )
    assert error.hint == "give the sentence a text beside its image, such as a question about it"
    assert error.where == SENTENCE


def test_a_model_that_reads_no_text_without_an_image_says_so(saved: Saved) -> None:
    error = failure(saved("blip-2"), TEXT, None)
    assert error.message.endswith("the model is fed an image with its text, and there is none")
    assert error.hint == "give the sentence an image beside its text"


def test_more_places_than_images_are_refused(saved: Saved, image: Path) -> None:
    error = failure(saved("llava"), "<image> or <image>", image)
    assert error.message.endswith("the text has 2 places for an image, and there is one image")
    assert error.hint == 'write "<image>" once, or not at all: then the image comes first'


def test_a_place_for_an_image_wants_one(saved: Saved) -> None:
    error = failure(saved("llava"), "the <image> cat", None)
    assert isinstance(error, ModelError)
    assert error.message.endswith("the text has a place for an image, and there is none")
    assert error.hint == "give the sentence an image, or take its mark out of the text"


def test_beside_an_image_there_is_one_text(saved: Saved, image: Path) -> None:
    error = failure(saved("llava"), TEXT, image, pair="a dog")
    assert error.message.endswith("the model cannot be fed two texts with an image")


TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{{ '<image>' if part['type'] == 'image' else part['text'] }}{% endfor %}</s>{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
CHAT = (("system", "a fox"), ("user", TEXT))


def with_template(folder: Path, to: Path, template: str) -> Path:
    shutil.copytree(folder, to)
    processor = transformers.AutoProcessor.from_pretrained(to, backend="pil")
    processor.chat_template = template
    processor.save_pretrained(to)
    return to


def test_in_a_chat_the_image_is_shown_by_its_user(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    folder = with_template(saved("llava"), tmp_path / "model", TEMPLATE)
    said = "\n".join(content for _, content in CHAT)
    (capture,) = captured(folder, Sentence("s", said, image=str(image), chat=CHAT))
    attention = capture.attentions["decoder"]
    assert texts(attention.queries) == [
        *("␣", *"system:", "a", "fox", "</s>", "u", "s", "er", ":", "␣"),
        *(*GRID, "the", "black", "cat", "</s>"),
        *("a", "s", "s", "i", "s", "t", "an", "t", ":"),
    ]
    own = [token for token in attention.queries if token.span]
    assert [said[slice(*token.span)] for token in own if token.span] == said.split()
    assert [token.word for token in own] == [0, 1, 2, 3, 4]
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(
        text=f"system: a fox</s>user: <image>{TEXT}</s>assistant:",
        images=Image.open(image).convert("RGB"),
        return_tensors="pt",
        add_special_tokens=False,
    )
    assert_same(attention, reported(network_in(folder), inputs)["text"])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "the tokenizer has no chat template: the model was not made to chat"),
        ("{{ raise_exception('no fox') }}", "the model's chat template refuses the chat: no fox"),
        ("{{ messages[0]['role'] }}", "the model's chat template has no place for an image"),
    ],
)
def test_a_chat_that_cannot_show_the_image_is_refused(
    saved: Saved, image: Path, tmp_path: Path, template: str, message: str
) -> None:
    folder = with_template(saved("llava"), tmp_path / "model", template)
    assert failure(folder, TEXT, image, chat=CHAT).message.endswith(message)


def test_a_model_that_mixes_both_from_the_start_is_refused(saved: Saved, image: Path) -> None:
    error = failure(saved("vilt"), TEXT, image)
    assert isinstance(error, ModelError)
    assert "which tokens of the model are the image's cannot be told" in error.message
    assert error.hint == "leave the image out, or choose another model"


def test_a_model_that_is_shown_films_too_still_reads(saved: Saved, image: Path) -> None:
    (capture,) = captured(saved("qwen2_vl"), Sentence("s", TEXT))
    assert texts(capture.attentions["decoder"].queries) == WORDS
    error = failure(saved("qwen2_vl"), TEXT, image)
    assert isinstance(error, ModelError)
    assert error.message.endswith("the processor of m cannot be loaded without one for films")
    assert error.hint.endswith("leave the image out")


def test_an_image_cut_into_tiles_is_refused(saved: Saved, image: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved("idefics3"), tmp_path / "model")
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    processor.image_processor.do_image_splitting = True
    processor.image_processor.size = {"longest_edge": 64}
    processor.save_pretrained(folder)
    Image.open(image).resize((64, 64)).save(tmp_path / "large.png")
    error = failure(folder, TEXT, tmp_path / "large.png")
    assert isinstance(error, CaptureError)
    assert "makes pixels of shape [1, 5, 3, 32, 32] of an image" in error.message
    assert error.hint == "models that cut an image into tiles, or see a film, cannot be shown"


def test_a_text_too_long_beside_its_image_says_by_how_much(saved: Saved, image: Path) -> None:
    error = failure(saved("llava"), "cat " * 60, image)
    assert "and the model reads 64 at most" in error.message
    assert error.where == SENTENCE


# --- The parts of a model -------------------------------------------------------------------------


def test_a_model_of_one_sense_has_no_towers(tmp_path: Path) -> None:
    for shape in ("gpt2", "bert", "vit", "marian", "vit2gpt2"):
        network = build_tiny(shape)
        assert not sees_and_reads(network)
        assert connectors(network) == ()


def test_the_parts_are_found_by_what_they_are_fed(saved: Saved) -> None:
    found = {}
    for shape in ("clip", "llava", "mllama", "blip-2"):
        network = network_in(saved(shape))
        assert sees_and_reads(network)
        names = {module: name for name, module in network.named_modules()}
        found[shape] = (names[eye(network)], names[reader(network)], connectors(network))
        assert (image_id(network) is None) == (shape == "clip")
    assert found == {
        "clip": ("vision_model", "text_model", ()),
        "llava": ("vision_tower", "language_model", ()),
        "mllama": ("vision_model", "language_model", ()),
        "blip-2": ("vision_model", "language_model", ("qformer",)),
    }


def test_a_model_that_only_sees_keeps_its_kind(tmp_path: Path, image: Path) -> None:
    folder = save_tiny(tmp_path / "model", "vit")
    (capture,) = captured(folder, Sentence("s", "", image=str(image)))
    assert list(capture.attentions) == ["encoder"]


# --- From a manifest to a page --------------------------------------------------------------------


def project(folder: Path, saved: Saved, image: Path, *exhibits: dict[str, str]) -> Path:
    """A manifest with a sentence of a text and an image, and the models that exhibits name."""
    shutil.copy(image, folder / "noise.png")
    manifest = {
        "title": "Towers",
        "models": {each["model"]: {"source": str(saved(each["model"]))} for each in exhibits},
        "sentences": {"both": {"text": TEXT, "image": "noise.png"}},
        "exhibits": [{"sentence": "both", "title": each["id"], **each} for each in exhibits],
    }
    file = folder / "gallery.yml"
    file.write_text(json.dumps(manifest), "utf-8")
    return file


def built(folder: Path, manifest: Path) -> dict[str, Page]:
    plan = build.read([manifest])
    site = build.build_site(plan, Store(folder / ".attention")).site
    return {page.title: page for page in site.pages}


def test_text_and_image_of_a_manifest_become_pages(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    manifest = project(
        tmp_path,
        saved,
        image,
        {"id": "read", "model": "llava"},
        {"id": "seen", "model": "llava", "attention": "vision"},
        {"id": "clip-read", "model": "clip"},
        {"id": "clip-seen", "model": "clip", "attention": "vision"},
        {"id": "crossed", "model": "mllama", "attention": "cross"},
    )
    pages = built(tmp_path, manifest)
    for title, over_the_image in {
        "read": False,
        "seen": True,
        "clip-read": False,
        "clip-seen": True,
        "crossed": True,
    }.items():
        views = pages[title].fragments.keys()
        assert ("patches" in views) == over_the_image
        assert ({"edges", "heatmap"} <= views) == (not over_the_image)
    about = {title: html.unescape(page.fragments.get("about", "")) for title, page in pages.items()}
    assert "each row is a token of the text, or a patch of the image within it" in about["read"]
    assert "each row is the token the decoder reads there; it may" in about["clip-read"]
    for title in ("seen", "clip-seen"):
        assert "vision; 3 layers of 2 heads" in about[title]
        assert "each row is a patch of the image" in about[title]
    assert "written by the model" not in about["crossed"]  # nor by anyone: there is no target

    (capture,) = captured(saved("llava"), Sentence("s", TEXT, image=str(image)))
    layers = capture.attentions["decoder"].layers
    shares = {
        f"{layers[layer][head][16:19, :16].sum(axis=1).mean():.0%}"
        for layer in range(2)
        for head in range(4)
    }
    told = re.search(
        r"Each token of the text gives (\d+%) of its", pages["read"].fragments["edges"]
    )
    assert told
    assert told[1] in shares
    assert "cat looks most at" in pages["read"].fragments["edges"]


@pytest.mark.parametrize(
    ("model", "attention", "message"),
    [
        (
            "llava",
            "cross",
            '"llava" has no cross attention; it has vision, for images, and encoder or decoder for '
            "text",
        ),
        (
            "gpt2",
            "vision",
            '"gpt2" has no vision attention; that is what an eye does in a model that also reads; '
            "of a model that only sees it is called encoder",
        ),
    ],
)
def test_a_kind_that_a_model_has_not_is_refused_before_it_runs(
    saved: Saved, image: Path, tmp_path: Path, model: str, attention: str, message: str
) -> None:
    tiny = save_tiny(tmp_path / "tiny", "gpt2")
    exhibit = {"id": "x", "model": model, "attention": attention}
    manifest = project(
        tmp_path, lambda shape: tiny if shape == "gpt2" else saved(shape), image, exhibit
    )
    with pytest.raises(GalleryError) as caught:
        build.read([manifest])
    assert str(caught.value).endswith(f"exhibits[0].attention: {message}")


def test_patches_alone_would_mislead_where_they_are_among_words(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    manifest = project(tmp_path, saved, image, {"id": "x", "model": "llava"})
    content = json.loads(manifest.read_text())
    content["exhibits"][0]["views"] = ["patches"]
    manifest.write_text(json.dumps(content))
    with pytest.raises(GalleryError) as caught:
        build.read([manifest])
    assert caught.value.message == "the view patches cannot show this exhibit"
    assert "edges" in caught.value.hint
    assert "patches" not in caught.value.hint


@pytest.mark.parametrize(
    ("attention", "head", "right"),
    [("vision", "L2H1", True), ("vision", "L2H2", False), ("decoder", "L2H1", False)],
)
def test_heads_are_counted_in_the_tower_that_is_meant(
    saved: Saved, image: Path, tmp_path: Path, attention: str, head: str, right: bool
) -> None:
    exhibit: Any = {"id": "x", "model": "clip", "attention": attention, "heads": [head]}
    manifest = project(tmp_path, saved, image, exhibit)
    if right:
        assert build.read([manifest]).exhibits[0].heads == (Head(2, 1),)
        return
    with pytest.raises(GalleryError) as caught:
        build.read([manifest])
    counts = {
        "vision": "3 layers (L0-L2) of 2 heads (H0-H1)",
        "decoder": "2 layers (L0-L1) of 4 heads (H0-H3)",
    }
    assert str(caught.value).endswith(f'"clip" has {counts[attention]}')


def test_an_eye_that_attends_in_line_is_seen_after_a_sentence_without_an_image(
    tmp_path: Path,
) -> None:
    """What a text has shown of a model says nothing of the parts that it does not reach."""
    config = transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**STACK),
        vision_config=transformers.Data2VecVisionConfig(**EYE),
    )
    folder = save_tower(tmp_path / "model", "llava", config)
    picture = tmp_path / "black.png"
    Image.new("RGB", (32, 32)).save(picture)
    model = Model("m", "m", "folder", str(folder))
    sentences = (Sentence("t", "the black cat"), Sentence("b", "the black cat", image=str(picture)))
    requests = [CaptureRequest(str(n) * 64, model, one) for n, one in enumerate(sentences)]
    kinds = {capture.key[0]: set(capture.attentions) for capture in capture_all(requests)}
    assert kinds == {"0": {"decoder"}, "1": {"decoder", "vision"}}
