"""One exhibit without a manifest is held to the rules of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from attention_gallery.errors import InputError
from attention_gallery.manifest.lone import lone_exhibit
from attention_gallery.terms import Sentence
from sounds import write_wav


def test_a_long_text_is_kept_to_the_letter_and_cut_in_the_title() -> None:
    text = "Once  upon\na time " * 20
    exhibit = lone_exhibit("specimen:story", text)
    assert exhibit.sentence.text == text
    assert exhibit.title.startswith("specimen:story on “Once upon a time Once")
    assert exhibit.title.endswith("…”")


@pytest.mark.parametrize("name", [b"a\x01.png", b"a\xff.png"], ids=["control", "not UTF-8"])
def test_the_name_of_an_image_that_no_page_can_show_is_mended_in_the_title(
    tmp_path: Path, name: bytes
) -> None:
    image = tmp_path / os.fsdecode(name)
    Image.new("RGB", (4, 3)).save(image)
    exhibit = lone_exhibit("specimen:shapes", image=str(image))
    assert exhibit.title == "specimen:shapes on “a\ufffd.png”"
    assert exhibit.sentence.image == str(image)


@pytest.mark.parametrize("name", [b"a\x01.wav", b"a\xff.wav"], ids=["control", "not UTF-8"])
def test_the_name_of_a_sound_that_no_page_can_show_is_mended_in_the_title(
    tmp_path: Path, name: bytes
) -> None:
    sound = write_wav(tmp_path / os.fsdecode(name))
    exhibit = lone_exhibit("specimen:story", audio=str(sound))
    assert exhibit.title == "specimen:story on “a\ufffd.wav”"
    assert exhibit.sentence == Sentence("text", "", audio=str(sound))


@pytest.mark.parametrize(
    "beside", [{"text": "a"}, {"text": "a", "pair": "b"}, {"image": "x.png"}], ids=str
)
def test_a_sound_stands_alone(tmp_path: Path, beside: dict[str, str]) -> None:
    sound = write_wav(tmp_path / "x.wav")
    with pytest.raises(InputError, match="a sound cannot have a text or an image beside it"):
        lone_exhibit("specimen:story", audio=str(sound), **beside)  # type: ignore[arg-type]


def test_the_name_of_a_folder_that_no_page_can_show_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"m\xff")
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    exhibit = lone_exhibit(str(folder), "once")
    assert (exhibit.title, exhibit.model.source) == ("m\ufffd on “once”", "m\ufffd")
    assert exhibit.model.location == str(folder)


def test_an_image_that_pillow_gives_up_is_said_to_be_unreadable(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("story", "once " * 1_000_000, zip=True)  # Pillow unpacks no more than 1 MB
    Image.new("RGB", (4, 3)).save(tmp_path / "bomb.png", pnginfo=info)
    with pytest.raises(InputError, match=r"cannot be read: it is damaged, or"):
        lone_exhibit("specimen:shapes", image=str(tmp_path / "bomb.png"))


def test_a_second_text_is_read_with_the_first_and_not_without_it(tmp_path: Path) -> None:
    exhibit = lone_exhibit("specimen:story", "who sat?", pair="the cat sat")
    assert (exhibit.sentence.text, exhibit.sentence.pair) == ("who sat?", "the cat sat")
    assert exhibit.title == "specimen:story on “who sat?”"
    image = tmp_path / "scene.png"
    Image.new("RGB", (4, 3)).save(image)
    for text, pair, said in (
        ("", "the cat sat", "the text is empty"),
        ("who sat?", " ", "the text is empty"),
        ("who sat?", "\x07", r"the text holds the character U\+0007"),
    ):
        with pytest.raises(InputError, match=said):
            lone_exhibit("specimen:story", text, pair=pair, image=str(image))
