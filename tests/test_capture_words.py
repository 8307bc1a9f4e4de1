"""Words are the same for every tokenizer: those of the text, in any script."""

from __future__ import annotations

import pytest

from attention_gallery.capture.text.words import word_at, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the black cat", "the|black|cat"),
        ("  two  spaces\t\n", "two|spaces"),
        ("don't l\u2019été 'quoted'", "don't|l\u2019été|'|quoted|'"),
        ("well-known", "well|-|known"),
        ("3.14, 1,000. .5", "3.14|,|1,000|.|.|5"),
        ("my_name x² T5", "my_name|x²|T5"),
        ("(a+b)…", "(|a|+|b|)|…"),
        ("e\u0301te\u0301", "e\u0301te\u0301"),
        ("Быстрая лиса", "Быстрая|лиса"),
        ("كَتَبَ الولد", "كَتَبَ|الولد"),
        ("שָׁלוֹם עולם", "שָׁלוֹם|עולם"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("नमस्ते दुनिया।", "नमस्ते|दुनिया|।"),
        ("한국어 문장", "한국어|문장"),
        ("敏捷的狐狸。", "敏|捷|的|狐|狸|。"),
        ("食べました、ラーメンが", "食|べました|、|ラーメン|が"),
        ("สวัสดีชาวโลก ฉัน", "สวัสดีชาวโลก|ฉัน"),
        ("ខ្ញុំ\u200bស្រលាញ់", "ខ្ញុំ|ស្រលាញ់"),
        ("👩\u200d🚀❤\ufe0f\u200d🔥", "👩\u200d🚀|❤\ufe0f\u200d🔥"),
        ("🇫🇷🇩🇪👍🏽1\ufe0f\u20e3", "🇫🇷|🇩🇪|👍🏽|1\ufe0f\u20e3"),
        ("\u0301 a\x07", "\u0301|a|\x07"),
        ("", ""),
    ],
)
def test_words_of_a_text(text: str, found: str) -> None:
    assert "|".join(text[start:end] for start, end in words(text)) == found


def test_a_part_belongs_to_the_first_word_it_touches() -> None:
    text = "the black, cat"
    found = words(text)

    def word(part: str) -> int:
        start = text.index(part)
        return word_at((start, start + len(part)), found)

    assert [word("the"), word("ack"), word("k,"), word(","), word(" cat")] == [0, 1, 1, 2, 3]
    assert word("he bl") == 0


def test_space_and_what_has_no_place_belong_to_no_word() -> None:
    found = words("the  cat ")
    assert word_at((3, 5), found) == word_at((8, 9), found) == word_at(None, found) == -1
    assert word_at((0, 1), words(" ")) == -1
