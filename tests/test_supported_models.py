# ruff: noqa: TID253 - the libraries are what is tested here
"""The page on supported models says what its record says, and what the installed library does."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from architectures import page, record
from architectures.comparison import compared
from architectures.configurations import model_types
from architectures.verdict import EXCEPTIONS, SUPPORTED, Verdict
from architectures.verdicts import verdict_of

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
RECORD = record.load()
OF_TYPE = {verdict.model_type: verdict for verdict in RECORD.verdicts}

SELECTION = [
    *("gpt2", "llama", "gemma2", "gemma3_text", "qwen3", "mixtral", "gpt_oss", "mistral"),
    *("bloom", "mpt", "falcon", "gptj", "gpt_neo", "gpt_neox", "opt", "phi3", "deepseek_v3"),
    *("t5", "bart", "marian", "whisper", "bert", "roberta", "distilbert", "deberta", "albert"),
    *("xlnet", "longformer", "squeezebert", "wav2vec2", "wavlm", "vit", "clip", "siglip", "swin"),
    *("detr", "llava", "qwen2_vl", "mllama", "blip-2", "mamba"),
]

same_library = pytest.mark.skipif(
    transformers.__version__ != RECORD.transformers,
    reason=f"the page tells of transformers {RECORD.transformers}; `make support` writes it anew "
    f"for {transformers.__version__}",
)


def test_the_page_tells_of_the_version_that_is_pinned() -> None:
    pinned = re.search(r"^transformers==(\S+)$", CONSTRAINTS.read_text("utf-8"), re.MULTILINE)
    assert pinned is not None
    assert RECORD.transformers == pinned[1], "run `make support` and commit what it writes"


def test_the_page_is_what_the_generator_makes_of_the_record() -> None:
    assert page.FILE.read_text("utf-8") == page.text_of(RECORD), "run `make support`"


def test_at_least_97_percent_of_those_that_report_attention_are_supported() -> None:
    n_supported = sum(verdict.outcome in SUPPORTED for verdict in RECORD.verdicts)
    n_others = sum(verdict.outcome in EXCEPTIONS for verdict in RECORD.verdicts)
    assert n_supported >= 500
    assert n_supported / (n_supported + n_others) >= 0.97


def test_each_exception_is_named_with_its_reason() -> None:
    text = page.FILE.read_text("utf-8")
    exceptions = text[text.index("## Exceptions") : text.index("## Nothing to compare")]
    named = dict(re.findall(r"^\| `(\S+)` \| (.+) \|$", exceptions, re.MULTILINE))
    others = (*EXCEPTIONS, "misreported")
    assert named.keys() == {v.model_type for v in RECORD.verdicts if v.outcome in others}
    assert page.EXPLAINED.keys() <= named.keys(), "words are kept for what is no exception"
    assert all(len(reason) > 20 for reason in named.values())


@same_library
def test_the_record_has_a_verdict_on_each_model_type() -> None:
    assert [verdict.model_type for verdict in RECORD.verdicts] == model_types()


@same_library
@pytest.mark.parametrize("model_type", SELECTION)
def test_the_verdict_on_the_page_holds(model_type: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own, on configurations this small
            verdict = verdict_of(model_type)
    finally:
        torch.set_num_threads(threads)
    told = OF_TYPE[model_type]
    assert _without_rounding(verdict) == _without_rounding(told)
    assert verdict.difference < 1e-5


def _without_rounding(verdict: Verdict) -> tuple[str, str, str, int, int, str]:
    """A verdict as every machine gives it: whether a sum is exact depends on its order."""
    outcome = "equal" if verdict.outcome == "rounding" else verdict.outcome
    return (
        *(outcome, verdict.reads, verdict.way),
        *(verdict.reported, verdict.captured, verdict.reason),
    )


Array = NDArray[np.float32]

SHARES = np.random.default_rng(0).dirichlet(np.ones(5), size=(3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("reported", "outcome"),
    [
        (SHARES, "equal"),
        (SHARES[::-1], "different"),  # the right heads, in the wrong layers
        (SHARES + np.float32(2e-7), "rounding"),
        (SHARES + np.float32(1e-4), "different"),
        (SHARES / 2, "different"),  # as if a sink had taken the rest
        (np.roll(SHARES, 1, axis=-1), "different"),
        (np.log(SHARES), "corrected"),  # scores
        (SHARES[:, :, :3, :3], "reshaped"),
        (SHARES[:, :, 1:, 1:], "reshaped"),
        (np.repeat(SHARES.mean(axis=1, keepdims=True), 4, axis=1), "corrected"),
        (SHARES[:, ::-1], "different"),  # heads in another order
        (SHARES.swapaxes(-1, -2), "misreported"),  # its rows are none
        (3 * SHARES[:, :, :, :4], "misreported"),  # nothing that could be weights
        (np.concatenate([SHARES, 3 * SHARES[:1]]), "corrected"),  # a state besides
    ],
)
def test_a_comparison_sees_what_differs(reported: Array, outcome: str) -> None:
    verdict = compared(Verdict("made_up", "equal"), list(SHARES), {"attentions": list(reported)})
    assert verdict.outcome == outcome


def test_what_is_reported_and_was_not_captured_is_named() -> None:
    others = np.random.default_rng(1).dirichlet(np.ones(7), size=(3, 4, 5)).astype(np.float32)
    reference = {"attentions": list(SHARES), "cross_attentions": list(others)}
    verdict = compared(Verdict("made_up", "equal"), list(SHARES), reference)
    assert verdict.outcome == "partial"
    assert verdict.reason == "not captured: cross_attentions 4×5×7"
