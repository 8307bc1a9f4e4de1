# ruff: noqa: TID253 - the libraries are what is tested here
"""What a model sees is captured exactly, and each token is the patch its name says."""

from __future__ import annotations

import io
import json
import shutil
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

from attention_gallery import resources
from attention_gallery.capture import capture_all
from attention_gallery.capture.sight.images import look, patch_tokens, read_image
from attention_gallery.codes import ERROR
from attention_gallery.errors import CaptureError, FaultsError, InputError, ModelError, Where
from attention_gallery.plan import make_plan
from attention_gallery.terms import (
    AttentionKind,
    Capture,
    CaptureRequest,
    Exhibit,
    Gallery,
    Model,
    Sentence,
    Token,
)
from tiny_models import IMAGE, image_processor, save_tiny

PLACE, SENTENCE = Where("galleries/x.yml", 3, 5), Where("galleries/x.yml", 9, 3)
PATCH = 8
MEAN, STD = np.array([0.5, 0.4, 0.3]), np.array([0.5, 0.25, 0.2])

# What each kind of encoder puts before its patches.
BEFORE = {
    "vit": ["[CLS]"],
    "deit": ["[CLS]", "[DIST]"],
    "beit": ["[CLS]"],
    "dinov2": ["[CLS]"],
    "dinov2_with_registers": ["[CLS]", "[REG 0]", "[REG 1]", "[REG 2]"],
    "ijepa": [],
    "clip_vision_model": ["[CLS]"],
}
SIZES = {"clip_vision_model": (32, 32)}  # others see images that are not square

Saved = Callable[[str], Path]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Folder of a tiny model, each made once."""

    @cache
    def folder(shape: str) -> Path:
        folder = save_tiny(tmp_path_factory.mktemp(shape) / "model", shape)
        if shape in SIZES:
            processor = image_processor()
            processor.size = dict(zip(("height", "width"), SIZES[shape], strict=True))
            processor.save_pretrained(folder)
        return folder

    return folder


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "noise.png"
    Image.fromarray(noise(50, 71)).save(path)
    return path


def request_of(folder: Path, sentence: Sentence, key: str = "0") -> CaptureRequest:
    return CaptureRequest(key * 64, Model("m", "m", "folder", str(folder), where=PLACE), sentence)


def captured(folder: Path, image: Path, target: str = "") -> Capture:
    sentence = Sentence("s", "", target, str(image), where=SENTENCE)
    (capture,) = capture_all([request_of(folder, sentence)])
    return capture


def shrunk(image: Path, size: tuple[int, int] = IMAGE) -> NDArray[np.uint8]:
    """An image resized by hand, `[row, column, channel]`."""
    return np.asarray(Image.open(image).resize(size[::-1], Image.Resampling.BILINEAR))


def pixels_of(picture: NDArray[np.uint8]) -> torch.Tensor:
    """What a model is fed of a picture, by hand."""
    scaled = (picture / 255 - MEAN) / STD
    return torch.tensor(scaled.transpose(2, 0, 1)[None], dtype=torch.float32)


def eager(folder: Path, auto: Any) -> Any:
    return auto.from_pretrained(folder, attn_implementation="eager").eval()


def run(network: Any, **inputs: Any) -> Any:
    with torch.no_grad():
        return network(**inputs)


def assert_same(capture: Capture, kind: AttentionKind, reference: Any) -> None:
    layers = capture.attentions[kind].layers
    assert len(layers) == len(reference) > 1
    for ours, theirs in zip(layers, reference, strict=True):
        assert ours.std() * ours.shape[-1] > 0.2  # far from uniform, so that a mistake shows
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=ERROR + 2e-6, rtol=0)


# --- Encoders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", BEFORE)
def test_weights_are_those_of_the_model_called_with_pixels_made_by_hand(
    saved: Saved, image: Path, shape: str
) -> None:
    capture = captured(saved(shape), image)
    network = eager(saved(shape), transformers.AutoModel)
    pixels = pixels_of(shrunk(image, SIZES.get(shape, IMAGE)))
    reference = run(network, pixel_values=pixels, output_attentions=True).attentions
    assert list(capture.attentions) == ["encoder"]
    assert_same(capture, "encoder", reference)
    assert not capture.attentions["encoder"].causal


@pytest.mark.parametrize("shape", BEFORE)
def test_patches_are_named_by_row_and_column_from_the_top_left(
    saved: Saved, image: Path, shape: str
) -> None:
    attention = captured(saved(shape), image).attentions["encoder"]
    height, width = SIZES.get(shape, IMAGE)
    assert attention.queries == attention.keys
    assert attention.keys == (
        *(Token(name, special=True, id=-1) for name in BEFORE[shape]),
        *(
            Token(f"r{row}c{column}", special=False, id=-1, patch=(row, column))
            for row in range(height // PATCH)
            for column in range(width // PATCH)
        ),
    )


@pytest.mark.parametrize("shape", BEFORE)
def test_a_patch_is_the_token_that_changes_with_its_pixels(
    saved: Saved, image: Path, shape: str
) -> None:
    network = eager(saved(shape), transformers.AutoModel)
    tokens = captured(saved(shape), image).attentions["encoder"].keys
    pixels = pixels_of(shrunk(image, SIZES.get(shape, IMAGE)))

    def embedded(pixels: torch.Tensor) -> Any:
        return run(network, pixel_values=pixels, output_hidden_states=True).hidden_states[0][0]

    before = embedded(pixels)
    for number, token in enumerate(tokens):
        if token.patch is not None:
            row, column = token.patch
            changed = pixels.clone()
            rows, columns = (slice(i * PATCH, i * PATCH + PATCH) for i in (row, column))
            changed[0, :, rows, columns] += 1
            moved = (embedded(changed) != before).any(-1).nonzero().flatten().tolist()
            assert moved == [number]


def test_provenance_names_what_cut_the_image(saved: Saved, image: Path) -> None:
    provenance = captured(saved("vit"), image).provenance
    assert provenance.architecture == "ViTModel"
    assert provenance.tokenizer == "ViTImageProcessorPil"
    assert "pillow" in provenance.versions
    assert "tokenizers" not in provenance.versions


def test_nothing_is_printed(saved: Saved, image: Path, capfd: pytest.CaptureFixture[str]) -> None:
    captured(saved("vit2gpt2"), image)
    assert capfd.readouterr() == ("", "")


# --- Captioners -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["vit2bert", "vit2gpt2"])
def test_weights_of_a_captioner_are_those_of_the_model_called_directly(
    saved: Saved, image: Path, shape: str
) -> None:
    capture = captured(saved(shape), image, "the black cat")
    network = eager(saved(shape), transformers.VisionEncoderDecoderModel)
    words = transformers.AutoTokenizer.from_pretrained(saved(shape))("the black cat")["input_ids"]
    reference = run(
        network,
        pixel_values=pixels_of(shrunk(image)),
        decoder_input_ids=torch.tensor([[0, *words[:-1]]]),  # starts with <pad>
        decoder_attention_mask=torch.ones(1, 4),
        output_attentions=True,
    )
    assert list(capture.attentions) == ["encoder", "decoder", "cross"]
    assert capture.natural == "cross"
    assert_same(capture, "encoder", reference.encoder_attentions)
    assert_same(capture, "decoder", reference.decoder_attentions)
    assert_same(capture, "cross", reference.cross_attentions)
    cross = capture.attentions["cross"]
    assert [token.text for token in cross.queries] == ["<pad>", "the", "black", "cat"]
    assert [token.special for token in cross.queries] == [True, False, False, False]
    assert [token.text for token in cross.keys][:3] == ["[CLS]", "r0c0", "r0c1"]
    assert cross.keys[-1].patch == (3, 5)
    assert capture.attentions["encoder"].keys == cross.keys
    assert capture.attentions["decoder"].causal
    assert capture.provenance.tokenizer.startswith("ViTImageProcessorPil, ")


@pytest.mark.parametrize("shape", ["vit2bert", "vit2gpt2"])
def test_without_a_target_the_caption_is_the_one_the_model_writes(
    saved: Saved, image: Path, shape: str
) -> None:
    network = eager(saved(shape), transformers.VisionEncoderDecoderModel)
    written = network.generate(
        pixel_values=pixels_of(shrunk(image)), max_new_tokens=24, do_sample=False, num_beams=1
    )
    queries = captured(saved(shape), image).attentions["cross"].queries
    assert [token.id for token in queries] == written[0, :-1].tolist()
    assert len({token.id for token in queries}) > 2


def test_a_caption_longer_than_the_decoder_reads_says_by_how_much(
    saved: Saved, image: Path
) -> None:
    error = failure(saved("vit2gpt2"), image=str(image), target="cat " * 30)
    assert "31 tokens, and the model reads 24 at most" in error.message
    assert error.where == SENTENCE


# --- The picture ----------------------------------------------------------------------------------


def picture_of(capture: Capture) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(capture.image)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        return np.asarray(picture)


@pytest.mark.parametrize("shape", ["vit", "vit2gpt2"])
def test_the_picture_is_what_the_model_saw_to_the_last_level(
    saved: Saved, image: Path, shape: str
) -> None:
    capture = captured(saved(shape), image)
    np.testing.assert_array_equal(picture_of(capture), shrunk(image))
    assert captured(saved(shape), image).image == capture.image


@pytest.mark.parametrize(
    "settings",
    [
        {"do_normalize": False},
        {"do_rescale": False, "do_normalize": False},
        {"do_rescale": False, "image_mean": [120.0, 110.0, 100.0], "image_std": [60.0, 50.0, 40.0]},
        {"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3},
        {"image_mean": 0.5, "image_std": 0.5},
    ],
    ids=["scaled", "as it is", "normalised only", "around zero", "all channels alike"],
)
def test_whatever_the_scale_the_picture_is_the_same(
    image: Path, settings: dict[str, object]
) -> None:
    processor = transformers.ViTImageProcessorPil(size={"height": 32, "width": 48}, **settings)
    sight = look(processor, image)
    with Image.open(io.BytesIO(sight.picture)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), shrunk(image))


def test_what_is_cropped_is_not_shown(image: Path) -> None:
    processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}
    )
    sight = look(processor, image)
    whole = np.asarray(Image.open(image).resize((56, 40), Image.Resampling.BICUBIC))
    assert tuple(sight.pixels.shape) == (1, 3, 32, 32)
    with Image.open(io.BytesIO(sight.picture)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), whole[4:36, 12:44])


def test_a_strip_three_pixels_high_is_not_taken_for_its_channels(tmp_path: Path) -> None:
    strip = noise(3, 40)
    Image.fromarray(strip).save(tmp_path / "strip.png")
    processor = transformers.ViTImageProcessorPil(do_resize=False, image_mean=MEAN, image_std=STD)
    sight = look(processor, tmp_path / "strip.png")
    np.testing.assert_allclose(sight.pixels, pixels_of(strip), atol=1e-6)
    with Image.open(io.BytesIO(sight.picture)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), strip)


def test_a_processor_that_does_something_else_is_found_out(image: Path) -> None:
    class Inverting(transformers.ViTImageProcessorPil):  # type: ignore[misc]
        def normalize(self, image: Any, *args: Any, **kwargs: Any) -> Any:
            return -super().normalize(image, *args, **kwargs) - 3

    with pytest.raises(CaptureError, match="gives colours that do not exist"):
        look(Inverting(), image)


def test_a_processor_that_cuts_an_image_into_several_is_refused(image: Path) -> None:
    with pytest.raises(CaptureError, match=r"shape \[1, 5, 3, 32, 32\].* where \[1, 3, row, col"):
        look(
            transformers.LlavaNextImageProcessorPil(
                size={"shortest_edge": 32},
                crop_size={"height": 32, "width": 32},
                image_grid_pinpoints=[[64, 64]],
            ),
            image,
        )


# --- Files ----------------------------------------------------------------------------------------

SOLID = np.repeat(np.repeat(np.array([[[250, 10, 20], [30, 240, 40]]], np.uint8), 8, 0), 8, 1)


def test_transparency_leaves_the_colour_beneath(tmp_path: Path) -> None:
    alpha = np.full((8, 16, 1), 128, np.uint8)
    Image.fromarray(np.concatenate([SOLID, alpha], axis=-1)).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), SOLID)


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    palette = Image.fromarray(SOLID).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "plain.png")
    palette.save(tmp_path / "see-through.png", transparency=bytes([0, 128]))
    for path in tmp_path.iterdir():
        with Image.open(path) as file:
            assert file.mode == "P"
        np.testing.assert_array_equal(read_image(path), SOLID)


def test_sixteen_bits_of_grey_are_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.arange(0, 65536, 4096, dtype=np.uint16)[None].repeat(4, 0)
    Image.fromarray(levels).save(tmp_path / "grey.png")
    with Image.open(tmp_path / "grey.png") as file:
        assert file.mode.startswith("I")
    grey = np.asarray(read_image(tmp_path / "grey.png"))
    np.testing.assert_array_equal(grey, (levels // 256).astype(np.uint8)[..., None].repeat(3, -1))


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, mode: str) -> None:
    Image.fromarray(SOLID).convert("L").convert(mode).save(tmp_path / "grey.png")
    grey = np.asarray(read_image(tmp_path / "grey.png"))
    assert grey.shape == SOLID.shape
    assert (grey == grey[..., :1]).all()


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (3, SOLID[::-1, ::-1]),
        (5, SOLID.transpose(1, 0, 2)),
        (6, np.rot90(SOLID, -1)),
        (8, np.rot90(SOLID)),
    ],
)
@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_a_photograph_is_held_upright(
    tmp_path: Path, orientation: int, turned: NDArray[np.uint8], form: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    best: dict[str, Any] = {"lossless": True} if form == "webp" else {"quality": 100}
    Image.fromarray(SOLID).save(tmp_path / f"photo.{form}", exif=exif, subsampling=0, **best)
    upright = np.asarray(read_image(tmp_path / f"photo.{form}")).astype(int)
    assert upright.shape == turned.shape
    assert abs(upright - turned).max() <= 1


def test_of_an_animation_the_first_frame_is_seen(tmp_path: Path) -> None:
    frames = [Image.fromarray(frame) for frame in (SOLID, 255 - SOLID)]
    for name in ("moving.png", "moving.webp"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        with Image.open(path) as file:
            assert getattr(file, "n_frames", 1) == 2
        np.testing.assert_array_equal(read_image(path), SOLID)


def test_a_printer_s_jpeg_becomes_red_green_and_blue(tmp_path: Path) -> None:
    Image.fromarray(SOLID).convert("CMYK").save(tmp_path / "print.jpg", quality=100)
    seen = np.asarray(read_image(tmp_path / "print.jpg")).astype(int)
    assert abs(seen - SOLID).max() < 12


def cut_short(image: Path, path: Path) -> None:
    path.write_bytes(image.read_bytes()[:600])


@pytest.mark.parametrize(
    "spoil",
    [
        cut_short,
        lambda _, path: path.write_bytes(b""),
        lambda _, path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        lambda image, path: Image.open(image).save(path, "BMP"),
        lambda _, path: path.mkdir(),
        lambda _, path: None,
    ],
    ids=["cut short", "empty", "a program", "another format", "a folder", "gone"],
)
def test_a_file_that_cannot_be_read_is_a_fault_of_the_sentence(
    saved: Saved, image: Path, tmp_path: Path, spoil: Callable[[Path, Path], object]
) -> None:
    path = tmp_path / "spoilt.png"
    spoil(image, path)
    error = failure(saved("vit"), image=str(path))
    assert isinstance(error, InputError)
    assert error.where == SENTENCE
    assert 'm on sentence "s": the image "spoilt.png" cannot be read: ' in error.message


def test_an_image_edited_since_it_was_planned_is_not_captured(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    path = tmp_path / "scene.png"
    shutil.copy(image, path)
    model = Model("m", "m", "folder", str(saved("vit")), where=PLACE)
    exhibit = Exhibit("x", "", model, Sentence("s", "", image=str(path), where=SENTENCE))
    plan = make_plan([Gallery("", "", "x.yml", (exhibit,))])
    Image.fromarray(noise(50, 71, seed=1)).save(path)
    with pytest.raises(InputError) as caught:
        list(capture_all(plan.requests.values()))
    assert caught.value.message == (
        'm on sentence "s": the image "scene.png" changed while it was captured'
    )
    assert (caught.value.hint, caught.value.where) == ("run again", SENTENCE)
    shutil.copy(image, path)
    [capture] = capture_all(plan.requests.values())
    assert capture.key == plan.keys["x"]


# --- What does not fit ----------------------------------------------------------------------------


def failure(folder: Path, text: str = "", target: str = "", image: str = "") -> Any:
    sentence = Sentence("s", text, target, image, where=SENTENCE)
    with pytest.raises((ModelError, CaptureError, InputError)) as caught:
        list(capture_all([request_of(folder, sentence)]))
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("shape", "text", "with_image", "message", "hint"),
    [
        ("gpt2", "", True, "the model is fed text, not images", "choose a model that is fed im"),
        ("gpt2", "a cat", True, "the model is fed text, not images", "choose a model that is"),
        ("marian", "", True, "the model is fed text, not images", "choose a model that is fed im"),
        ("gpt2", "", False, "the model is fed text, and there is none", "write some text"),
        ("vit", "a cat", False, "the model is fed images, not text", "give the sentence an image"),
        ("vit2bert", "a cat", False, "the model is fed images, not text", "give the sentence an"),
        ("vit", "a cat", True, "the model is fed images, and cannot read", "a caption is written"),
        ("vit2gpt2", "a cat", True, "the model is fed images, and cannot", "a caption is written"),
    ],
)
def test_a_sentence_of_the_wrong_kind_says_what_the_model_is_fed(
    saved: Saved, image: Path, shape: str, text: str, with_image: bool, message: str, hint: str
) -> None:
    error = failure(saved(shape), text, image=str(image) if with_image else "")
    assert isinstance(error, ModelError)
    assert error.message.startswith(f'm on sentence "s": {message}')
    assert error.hint.startswith(hint)
    assert error.where == SENTENCE


def test_other_sentences_of_the_model_are_captured_all_the_same(saved: Saved, image: Path) -> None:
    sentences = [
        Sentence("text", "a cat"),
        Sentence("gone", "", image="gone.png"),
        Sentence("image", "", image=str(image)),
    ]
    done: list[Capture] = []
    with pytest.raises(FaultsError):
        done.extend(
            capture_all([request_of(saved("vit"), s, str(n)) for n, s in enumerate(sentences)])
        )
    assert [capture.key[0] for capture in done] == ["2"]


def test_an_image_the_model_cannot_take_does_not_stop_the_others(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(saved("vit"), folder)
    processor = image_processor()
    processor.do_resize = False
    processor.save_pretrained(folder)
    Image.open(image).resize(IMAGE[::-1]).save(tmp_path / "fits.png")
    sentences = [
        Sentence(name, "", image=str(path))
        for name, path in {"wrong": image, "fits": tmp_path / "fits.png"}.items()
    ]
    done: list[Capture] = []
    with pytest.raises(CaptureError, match='on sentence "wrong": the model failed: '):
        done.extend(capture_all([request_of(folder, s, str(n)) for n, s in enumerate(sentences)]))
    assert [capture.key[0] for capture in done] == ["1"]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("swin", "attend to 16 tokens, where the image has 8 x 12 patches"),
        ("segformer", "states no size of patch"),
        ("yolos", "attend to 34 tokens, where the image has 4 x 6 patches"),
    ],
)
def test_where_patches_cannot_be_told_nothing_is_guessed(
    saved: Saved, image: Path, shape: str, reason: str
) -> None:
    error = failure(saved(shape), image=str(image))
    assert isinstance(error, CaptureError)
    assert "which token is which patch of the image cannot be told: " in error.message
    assert reason in error.message
    assert error.hint.endswith("in windows or at several scales cannot")


@pytest.mark.parametrize("counts", [{16, 64}, {15}, {19}])
def test_every_layer_must_attend_to_the_whole_grid(counts: set[int]) -> None:
    config = transformers.ViTConfig(patch_size=8)
    assert [len(patch_tokens(config, {n}, 32, 32)) for n in (16, 17, 18)] == [16, 17, 18]
    with pytest.raises(CaptureError, match="cannot be told"):
        patch_tokens(config, counts, 32, 32)


def test_patches_need_not_be_square_and_pixels_may_be_left_over() -> None:
    tokens = patch_tokens(transformers.ViTConfig(patch_size=[4, 8]), {13}, 19, 27)
    assert [token.text for token in tokens][-2:] == ["r3c1", "r3c2"]


def test_an_image_of_another_size_than_the_model_s_says_so(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("vit"), tmp_path / "model")
    transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    assert "Input image size (16*16) doesn't match" in failure(folder, image=str(image)).message


def test_a_model_that_is_fed_something_else_is_refused(tmp_path: Path, image: Path) -> None:
    config = transformers.PatchTSTConfig(d_model=8, num_attention_heads=2, ffn_dim=8)
    transformers.PatchTSTModel(config).save_pretrained(tmp_path / "m")
    error = failure(tmp_path / "m", image=str(image))
    assert error.message == "m is fed past_values, which is neither text nor images nor sounds"
    assert error.where == PLACE


def test_a_model_without_its_processor_says_which_file_is_missing(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("vit"), tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    error = failure(folder, image=str(image))
    assert error.message == "m has no image processor"
    assert error.hint == "the folder needs a preprocessor_config.json"
    assert error.where == PLACE


@pytest.mark.skipif(
    transformers.utils.is_torchvision_available(), reason="the missing library is there"
)
def test_a_processor_that_needs_what_is_not_installed_says_what(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("vit"), tmp_path / "model")
    settings = {"image_processor_type": "DINOv3ViTImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    error = failure(folder, image=str(image))
    assert error.message == "the image processor of m needs torchvision, which is not installed"
    assert error.hint == "pip install torchvision"
    assert error.where == PLACE


def test_a_processor_as_older_versions_wrote_it_is_understood(
    saved: Saved, image: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("vit"), tmp_path / "model")
    for kind in ({"feature_extractor_type": "ViTFeatureExtractor"}, {}):
        settings = json.loads((saved("vit") / "preprocessor_config.json").read_text())
        del settings["image_processor_type"]
        (folder / "preprocessor_config.json").write_text(json.dumps(settings | kind))
        np.testing.assert_array_equal(picture_of(captured(folder, image)), shrunk(image))


# --- The specimen ---------------------------------------------------------------------------------


SCENES = sorted((resources.galleries() / "scenes").glob("*.png"))


@pytest.mark.parametrize("scene", [*SCENES, None], ids=lambda scene: scene.stem if scene else "-")
def test_the_specimen_that_sees_is_captured_as_it_is_called(
    image: Path, scene: Path | None
) -> None:
    folder, shown = resources.specimens()["shapes"], scene or image
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    side = (settings["size"]["height"], settings["size"]["width"])
    capture = captured(folder, shown)

    picture = shrunk(shown, side)
    np.testing.assert_array_equal(picture_of(capture), picture)
    mean, std = np.array(settings["image_mean"]), np.array(settings["image_std"])
    pixels = torch.tensor(((picture / 255 - mean) / std).transpose(2, 0, 1)[None]).float()
    network = eager(folder, transformers.VisionEncoderDecoderModel)
    written = network.generate(pixel_values=pixels, max_new_tokens=24, do_sample=False, num_beams=1)
    reference = run(
        network, pixel_values=pixels, decoder_input_ids=written[:, :-1], output_attentions=True
    )
    assert_same(capture, "encoder", reference.encoder_attentions)
    assert_same(capture, "decoder", reference.decoder_attentions)
    assert_same(capture, "cross", reference.cross_attentions)
    queries = capture.attentions["cross"].queries
    assert [token.id for token in queries] == written[0, :-1].tolist()


def test_there_are_scenes_for_the_specimen() -> None:
    assert SCENES
