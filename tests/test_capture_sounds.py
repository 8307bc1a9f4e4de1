# ruff: noqa: TID253 - the libraries are what is tested here
"""What a model hears is captured exactly, and each token is the moment its name says."""

from __future__ import annotations

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
from tokenizers import processors

from attention_gallery import build
from attention_gallery.capture import capture_all
from attention_gallery.capture.hearing.sounds import hear, moment_tokens
from attention_gallery.codes import ERROR
from attention_gallery.errors import CaptureError, InputError, ModelError, Where
from attention_gallery.plan import make_plan
from attention_gallery.store import Store
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
from projects import write_manifest
from sounds import RATE, sweep, write_wav
from tiny_ears import extractor, save_ear
from tiny_models import save_tiny, sentence_piece_tokenizer

PLACE, SENTENCE = Where("galleries/x.yml", 3, 5), Where("galleries/x.yml", 9, 3)
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter has all zero values")

Saved = Callable[[str], Path]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Folder of a tiny model, each made once."""

    @cache
    def folder(shape: str) -> Path:
        return save_ear(tmp_path_factory.mktemp(shape) / "model", shape)

    return folder


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of a tone that rises."""
    return write_wav(tmp_path_factory.mktemp("sounds") / "sweep.wav")


def request_of(folder: Path, sentence: Sentence) -> CaptureRequest:
    return CaptureRequest("0" * 64, Model("m", "m", "folder", str(folder), where=PLACE), sentence)


def captured(folder: Path, sound: Path, target: str = "") -> Capture:
    sentence = Sentence("s", "", target, audio=str(sound), where=SENTENCE)
    (capture,) = capture_all([request_of(folder, sentence)])
    return capture


def eager(folder: Path, auto: Any = transformers.AutoModel) -> Any:
    return auto.from_pretrained(folder, attn_implementation="eager").eval()


def heard(shape: str) -> Any:
    """What a model is fed of the sound in the file, from the numbers it was made of."""
    samples = np.rint(sweep() * 2**15) / 2**15
    return extractor(shape)(samples, sampling_rate=RATE, return_tensors="pt")


def run(network: Any, **inputs: Any) -> Any:
    with torch.no_grad():
        return network(**inputs, output_attentions=True)


def assert_same(capture: Capture, kind: AttentionKind, reference: Any) -> None:
    layers = capture.attentions[kind].layers
    assert len(layers) == len(reference) > 1
    for ours, theirs in zip(layers, reference, strict=True):
        assert ours.std() * ours.shape[-1] > 0.2  # far from uniform, so that a mistake shows
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=ERROR + 2e-6, rtol=0)


def texts(tokens: tuple[Token, ...]) -> list[str]:
    return [token.text for token in tokens]


# --- Encoders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["wav2vec2", "hubert"])
def test_weights_are_those_of_the_model_called_with_the_samples(
    saved: Saved, sound: Path, shape: str
) -> None:
    capture = captured(saved(shape), sound)
    reference = run(eager(saved(shape)), **heard(shape)).attentions
    assert list(capture.attentions) == ["encoder"]
    assert_same(capture, "encoder", reference)
    assert not capture.attentions["encoder"].causal


def test_of_wavlm_which_reports_the_mean_of_its_heads_each_head_is_seen(
    saved: Saved, sound: Path
) -> None:
    layers = captured(saved("wavlm"), sound).attentions["encoder"].layers
    reported = run(eager(saved("wavlm")), **heard("wavlm")).attentions
    assert len(layers) == len(reported) == 2
    for layer, mean in zip(layers, reported, strict=True):
        assert layer.shape == (4, 24, 24)
        assert layer.std(axis=0).max() > 0.05  # the heads differ
        np.testing.assert_allclose(layer.mean(axis=0), mean[0, 0].numpy(), atol=ERROR + 2e-6)


def test_moments_are_named_by_the_time_at_which_they_begin(saved: Saved, sound: Path) -> None:
    attention = captured(saved("wav2vec2"), sound).attentions["encoder"]
    assert attention.queries == attention.keys
    assert texts(attention.keys)[:6] == ["0.00 s", "0.02 s", "0.04 s", "0.06 s", "0.08 s", "0.10 s"]
    assert texts(attention.keys)[-2:] == ["0.44 s", "0.46 s"]
    assert set(attention.keys) == {
        Token(text, special=False, id=-1) for text in texts(attention.keys)
    }


def test_a_moment_is_the_token_that_changes_with_the_sound(saved: Saved) -> None:
    """A click is felt by the tokens within whose stretch it falls, and by no other."""
    network = eager(saved("wav2vec2"))
    names = texts(moment_tokens(network.config, {24}, 0.5, RATE))
    samples = sweep()

    def features(samples: Any) -> Any:
        with torch.no_grad():
            return network.feature_projection(
                network.feature_extractor(torch.tensor(samples[None]).float()).transpose(1, 2)
            )[1][0]

    # Its first layer is normalised over time, by which all of a sound feels all of it a little.
    network.feature_extractor.conv_layers[0].layer_norm = torch.nn.Identity()
    before = features(samples)
    for at in (0.101, 0.25, 0.401):
        click = samples.copy()
        click[round(at * RATE)] += 0.5
        moved = (features(click) != before).any(-1).nonzero().flatten().tolist()
        assert moved
        # Each hears 170 samples from its beginning on.
        assert all(0 <= at - float(names[n].split()[0]) < 170 / RATE for n in moved)


def test_provenance_names_what_made_numbers_of_the_sound(saved: Saved, sound: Path) -> None:
    provenance = captured(saved("wav2vec2"), sound).provenance
    assert provenance.architecture == "Wav2Vec2Model"
    assert provenance.tokenizer == "Wav2Vec2FeatureExtractor"
    assert provenance.versions.keys() == {"attention-gallery", "torch", "transformers"}


@pytest.mark.parametrize("shape", ["wav2vec2", "whisper"])
def test_nothing_is_printed(
    saved: Saved, sound: Path, capfd: pytest.CaptureFixture[str], shape: str
) -> None:
    captured(saved(shape), sound)
    assert capfd.readouterr() == ("", "")


# --- Those that write down what they hear ---------------------------------------------------------


@pytest.mark.parametrize("shape", ["whisper", "speech_to_text"])
def test_weights_of_one_that_writes_are_those_of_the_model_called_directly(
    saved: Saved, sound: Path, shape: str
) -> None:
    capture = captured(saved(shape), sound, "the black cat")
    words = sentence_piece_tokenizer()("the black cat")["input_ids"]
    reference = run(
        eager(saved(shape), transformers.AutoModelForSpeechSeq2Seq),
        **heard(shape),
        decoder_input_ids=torch.tensor([[2, *words[:-1]]]),
    )
    assert list(capture.attentions) == ["encoder", "decoder", "cross"]
    assert capture.natural == "cross"
    assert_same(capture, "encoder", reference.encoder_attentions)
    assert_same(capture, "decoder", reference.decoder_attentions)
    assert_same(capture, "cross", reference.cross_attentions)
    cross = capture.attentions["cross"]
    assert texts(cross.queries) == ["<unk>", "the", "black", "cat"]  # the start, as configured
    assert [token.span for token in cross.queries] == [None, (0, 3), (4, 9), (10, 13)]
    assert capture.attentions["encoder"].keys == cross.keys
    assert capture.attentions["decoder"].causal


def test_silence_that_a_sound_is_filled_up_with_has_its_moments_too(
    saved: Saved, sound: Path
) -> None:
    """Half a second is heard as a whole one, and no weight is left out."""
    cross = captured(saved("whisper"), sound, "the cat").attentions["cross"]
    assert texts(cross.keys) == [f"0.{hundredths:02d} s" for hundredths in range(0, 100, 2)]
    for layer in cross.layers:
        np.testing.assert_allclose(layer.sum(axis=-1), 1, atol=0.002)
        assert layer[..., 26:].sum() > 0.1


def test_a_start_that_the_tokenizer_writes_is_not_fed_twice(
    saved: Saved, sound: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("whisper"), tmp_path / "model")
    tokenizer = sentence_piece_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<unk> $A </s>", special_tokens=[("<unk>", 2), ("</s>", 1)]
    )
    tokenizer.save_pretrained(folder)
    cross = captured(folder, sound, "the black cat").attentions["cross"]
    assert texts(cross.queries) == ["<unk>", "the", "black", "cat"]


@pytest.mark.parametrize("prompt", [[], [7]], ids=["no prompt", "a prompt"])
def test_without_a_target_it_is_what_the_model_writes_with_its_prompt(
    saved: Saved, sound: Path, tmp_path: Path, prompt: list[int]
) -> None:
    folder = shutil.copytree(saved("whisper"), tmp_path / "model")
    if prompt:
        settings = {"decoder_start_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
        settings["no_timestamps_token_id"] = prompt[0]
        (folder / "generation_config.json").write_text(json.dumps(settings))
    network = eager(folder, transformers.AutoModelForSpeechSeq2Seq)
    ids = [2, *prompt]
    while len(ids) < 1 + len(prompt) + 12 and ids[-1] != 1:
        logits = run(network, **heard("whisper"), decoder_input_ids=torch.tensor([ids])).logits
        ids.append(int(logits[0, -1].argmax()))
    queries = captured(folder, sound).attentions["cross"].queries
    assert [token.id for token in queries] == ids[:-1]
    assert len(set(ids)) > 3


def test_a_target_longer_than_the_decoder_reads_says_by_how_much(saved: Saved, sound: Path) -> None:
    error = failure(saved("whisper"), sound, target="cat " * 30)
    assert "32 tokens, and the model reads 24 at most" in error.message


# --- What does not fit ----------------------------------------------------------------------------


def failure(folder: Path, audio: Path | None, text: str = "", target: str = "") -> Any:
    sentence = Sentence("s", text, target, audio=str(audio or ""), where=SENTENCE)
    with pytest.raises((ModelError, CaptureError, InputError)) as caught:
        list(capture_all([request_of(folder, sentence)]))
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("shape", ["wav2vec2", "whisper"])
def test_a_sound_of_another_rate_says_both_and_what_to_do(
    saved: Saved, tmp_path: Path, shape: str
) -> None:
    error = failure(saved(shape), write_wav(tmp_path / "song.wav", rate=44_100))
    assert isinstance(error, InputError)
    assert str(error) == (
        'galleries/x.yml:9:3: m on sentence "s": the sound "song.wav" has 44,100 samples a second, '
        "and the model hears 8,000; save it at 8,000 samples a second, as any sound editor can"
    )


def test_a_sound_longer_than_the_model_hears_is_not_cut_off_in_silence(
    saved: Saved, tmp_path: Path
) -> None:
    error = failure(saved("whisper"), write_wav(tmp_path / "long.wav", sweep(RATE + 800)))
    assert error.message == (
        'm on sentence "s": the sound "long.wav" lasts 1.1 seconds, and the model hears 1 at most'
    )
    assert error.hint == "cut it to 1 seconds"


def test_patches_of_pitch_and_time_are_no_moments(saved: Saved, sound: Path) -> None:
    error = failure(saved("audio-spectrogram-transformer"), sound)
    assert error.message == (
        'm on sentence "s": which token is which moment of the sound cannot be told: it cuts them '
        "into patches, each of some pitches for some time"
    )


def test_layers_of_unequal_length_are_no_moments() -> None:
    with pytest.raises(CaptureError, match="its layers attend to 12 and 24 positions"):
        moment_tokens(transformers.Wav2Vec2Config(), {24, 12}, 0.5, RATE)


@pytest.mark.parametrize(
    ("n_tokens", "last"),
    [
        (49, "0.96 s"),  # a second of wav2vec 2.0, which says: 320 samples each, 20 milliseconds
        (25, "0.96 s"),  # merged two by two, so that each gets a twenty-fifth
        (10, "0.90 s"),
    ],
)
def test_moments_are_as_long_as_the_model_says_unless_it_merges_them(
    n_tokens: int, last: str
) -> None:
    tokens = moment_tokens(transformers.Wav2Vec2Config(), {n_tokens}, 1.0, 16_000)
    assert [tokens[0].text, tokens[-1].text] == ["0.00 s", last]


def test_names_have_as_many_digits_as_tell_them_apart() -> None:
    names = texts(moment_tokens(transformers.WhisperConfig(), {400}, 1.0, RATE))
    assert names[:3] == ["0.000 s", "0.003 s", "0.005 s"]
    assert len(set(names)) == 400


@pytest.mark.parametrize(
    ("shape", "text", "with_sound", "message", "hint"),
    [
        ("wav2vec2", "a cat", False, "the model is fed sounds, not text", "give the sentence au"),
        ("whisper", "a cat", False, "the model is fed sounds, not text", "give the sentence audio"),
        ("gpt2", "", True, "the model is fed text, not sounds", "choose a model that is fed so"),
        ("marian", "", True, "the model is fed text, not sounds", "choose a model that is fed so"),
        ("vit", "", True, "the model is fed images, not sounds", "choose a model that is fed so"),
        ("vit2gpt2", "", True, "the model is fed images, not sounds", "choose a model that is"),
    ],
)
def test_a_sentence_of_the_wrong_kind_says_what_the_model_is_fed(
    saved: Saved,
    sound: Path,
    tmp_path: Path,
    shape: str,
    text: str,
    with_sound: bool,
    message: str,
    hint: str,
) -> None:
    hears = shape in ("wav2vec2", "whisper")
    folder = saved(shape) if hears else save_tiny(tmp_path / "model", shape)
    error = failure(folder, sound if with_sound else None, text)
    assert isinstance(error, ModelError)
    assert error.message == f'm on sentence "s": {message}'
    assert error.hint.startswith(hint)
    assert error.where == SENTENCE


def test_a_model_without_its_feature_extractor_says_which_file_is_missing(
    saved: Saved, sound: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("wav2vec2"), tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    error = failure(folder, sound)
    assert error.message == "m has no feature extractor, which turns a sound into what it is fed"
    assert error.hint == "the folder needs a preprocessor_config.json"
    assert error.where == PLACE


def test_a_sound_edited_since_it_was_planned_is_not_captured(
    saved: Saved, sound: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(sound, tmp_path / "tone.wav"))
    model = Model("m", "m", "folder", str(saved("wav2vec2")), where=PLACE)
    exhibit = Exhibit("x", "", model, Sentence("s", "", audio=str(path), where=SENTENCE))
    plan = make_plan([Gallery("", "", "x.yml", (exhibit,))])
    write_wav(path, -sweep())
    with pytest.raises(InputError) as caught:
        list(capture_all(plan.requests.values()))
    assert caught.value.message == (
        'm on sentence "s": the sound "tone.wav" changed while it was captured'
    )
    assert (caught.value.hint, caught.value.where) == ("run again", SENTENCE)
    shutil.copy(sound, path)
    [capture] = capture_all(plan.requests.values())
    assert capture.key == plan.keys["x"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, 'the sound "x.wav" cannot be read: [Errno 2] No such file or directory'),
        (b"OggS", 'the sound "x.wav" is not a WAV file'),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fault_of_the_sentence(
    saved: Saved, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "x.wav"
    if content:
        path.write_bytes(content)
    error = failure(saved("wav2vec2"), path)
    assert isinstance(error, InputError)
    assert error.message.startswith(f'm on sentence "s": {message}')
    assert error.where == SENTENCE


def test_two_channels_are_heard_as_their_mean(saved: Saved, tmp_path: Path) -> None:
    both = np.stack([sweep() + 0.1, sweep() - 0.1], axis=-1)
    stereo = write_wav(tmp_path / "stereo.wav", both, n_channels=2, bits=24)
    mono = write_wav(tmp_path / "mono.wav", sweep(), bits=24)
    network = eager(saved("wav2vec2"))
    ours, theirs = (
        hear(extractor("wav2vec2"), network, path).inputs["input_values"] for path in (stereo, mono)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


# --- From a manifest to a page --------------------------------------------------------------------


def test_a_manifest_with_a_sound_becomes_a_page(saved: Saved, tmp_path: Path) -> None:
    (tmp_path / "galleries").mkdir()
    write_wav(tmp_path / "galleries" / "sweep.wav")
    manifest = write_manifest(
        tmp_path,
        models={name: {"source": str(saved(name))} for name in ("whisper", "wav2vec2")},
        sentences={"said": {"audio": "sweep.wav", "target": "the black cat"}},
        exhibits=[
            {"id": "writes", "model": "whisper", "sentence": "said"},
            {"id": "hears", "title": "An ear", "model": "wav2vec2", "sentence": "said"},
        ],
    )
    built = build.build_site(build.read([manifest]), Store(tmp_path / ".attention"))
    pages = {page.path: page for page in built.site.pages}
    writes, hears = (pages[f"exhibits/{name}.md"] for name in ("writes", "hears"))
    for page in (writes, hears):
        assert page.fragments.keys() == {"look-for", "edges", "grid", "heatmap", "about"}
        about = page.fragments["about"]
        assert "sweep.wav; each moment of it is named by the time at which it begins" in about
    assert "0.24 s" in writes.fragments["edges"]
    assert "the black cat" in writes.markdown
    assert "given by the author, and fed to the decoder as it is" in writes.fragments["about"]
    assert "each row is a moment of the sound; it may look at all of it" in hears.fragments["about"]
    assert "the black cat" not in hears.markdown  # which it did not read


def test_patches_cannot_show_a_sound(saved: Saved, tmp_path: Path) -> None:
    (tmp_path / "galleries").mkdir()
    write_wav(tmp_path / "galleries" / "sweep.wav")
    manifest = write_manifest(
        tmp_path,
        models={"ear": {"source": str(saved("wav2vec2"))}},
        sentences={"said": {"audio": "sweep.wav"}},
        exhibits=[{"id": "x", "model": "ear", "sentence": "said", "views": ["patches"]}],
    )
    with pytest.raises(InputError, match="the view patches cannot show this exhibit"):
        build.read([manifest])
