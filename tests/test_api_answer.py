"""What an API told is read as it is, or it is said which part of it is missing or wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from attention_gallery.api_answer import measured, read_answer
from attention_gallery.errors import GalleryError, InputError

GOLDEN = Path(__file__).parent / "golden" / "api-answer"
CASES = sorted(folder.name for folder in GOLDEN.iterdir())


@pytest.mark.parametrize("case", CASES)
def test_golden(
    case: str, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    monkeypatch.chdir(GOLDEN / case)
    if case.startswith("good"):
        answer = asdict(read_answer(Path("answer.json")))
        text = json.dumps(answer, ensure_ascii=False, indent=1)
        golden(GOLDEN / case / "read.json", f"{text}\n")
        return
    with pytest.raises(GalleryError) as caught:
        read_answer(Path("answer.json"))
    assert caught.value.exit_code == 2
    golden(GOLDEN / case / "error.txt", f"{caught.value}\n")


def test_a_chat_is_in_bits_and_its_guesses_are_the_likeliest_first() -> None:
    arrays, facts = measured(GOLDEN / "good-chat" / "answer.json")
    assert (facts["kind"], facts["model"]) == ("api", "gpt-4o-2024-08-06")
    assert facts["tokens"] == ["The", "cat", "é", "\\xf0\\x9f", "!"]  # one is part of a character
    assert facts["guesses"] == [["The", "A"], ["dog", "cat"], [], [], []]
    assert facts["ranks"] == [0, 1, -1, -1, -1]
    assert facts["special"] == [False] * 5
    assert arrays["surprisal"][1] == pytest.approx(1.25 / math.log(2))
    np.testing.assert_allclose(arrays["probability"][1], [math.exp(-0.75), math.exp(-1.25)])
    assert np.isnan(arrays["probability"][2:]).all()
    assert math.copysign(1, arrays["surprisal"][4]) == 1  # of a logarithm of 0


def test_very_unlikely_is_no_number() -> None:
    """The interface writes -9999 for a token of which it does not tell more."""
    arrays, _ = measured(GOLDEN / "good-chat" / "answer.json")
    assert np.isnan(arrays["surprisal"]).tolist() == [False, False, True, False, False]


def test_where_no_others_are_told_there_are_no_guesses() -> None:
    arrays, facts = measured(GOLDEN / "good-completion-without-others" / "answer.json")
    assert arrays["probability"].shape == (len(facts["tokens"]), 0)
    assert not any(facts["guesses"])


def test_tokens_are_written_as_those_of_other_models(tmp_path: Path) -> None:
    """With signs for what cannot be seen; what stands there is found by what it was before."""
    texts = [" a", "\n\n", "  ", "\t", "a", "\x07", "\u202e"]
    content = [
        {
            "token": text,
            "logprob": -1,
            "top_logprobs": [{"token": "a", "logprob": -0.5}, {"token": " a", "logprob": -1}],
        }
        for text in texts
    ]
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"choices": [{"logprobs": {"content": content}}]}), "utf-8")
    _, facts = measured(path)
    assert facts["tokens"] == ["a", "⏎⏎", "␣␣", "⇥", "a", "\\x07", "\\u202e"]
    assert facts["ranks"] == [1, -1, -1, -1, 0, -1, -1]
    assert facts["model"] == ""


def test_of_several_answers_the_first_is_read(tmp_path: Path) -> None:
    data = json.loads((GOLDEN / "good-chat" / "answer.json").read_text("utf-8"))
    other = {"logprobs": {"content": [{"token": "B", "logprob": -1, "top_logprobs": []}]}}
    path = tmp_path / "two.json"
    path.write_text(json.dumps(data | {"choices": [other, data["choices"][0]]}), "utf-8")
    assert [one.text for one in read_answer(path).tokens] == ["B"]


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_answer(tmp_path / "none.json")
    assert caught.value.where is not None
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_answer(tmp_path / "bytes.json")
