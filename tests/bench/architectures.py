# ruff: noqa: TID253 - the libraries are what is measured here
"""Which architectures that read text can be captured, and how what is captured compares.

Every causal, masked and sequence-to-sequence model type of the installed transformers is built with
random weights from its own configuration, made tiny, and run. The reference is what the model says
itself when it is asked for its attentions.

Run with model types as arguments to see only those; `make bench` runs all.
"""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
import transformers
from transformers.models.auto import modeling_auto

from attention_gallery.capture import weights
from attention_gallery.capture.libraries import quiet
from attention_gallery.capture.weights import observe
from attention_gallery.errors import CaptureError

# What configurations call their sizes, and what is tiny. The first end of a name counts.
TINY: dict[str, int] = {
    "max_position_embeddings": 64,
    "intermediate_size": 48,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "key_value_heads": 2,
    "experts_per_tok": 2,
    "embedding_size": 32,
    "sliding_window": 4,
    "kv_lora_rank": 8,
    "hidden_size": 32,
    "q_lora_rank": 8,
    "n_positions": 64,
    "vocab_size": 64,
    "rotary_dim": 4,
    "topk_group": 1,
    "v_head_dim": 8,
    "state_size": 4,
    "embed_dim": 32,
    "head_dim": 8,
    "n_layer": 5,
    "d_model": 32,
    "emb_dim": 32,
    "ffn_dim": 48,
    "n_inner": 48,
    "d_inner": 48,
    "experts": 4,
    "n_group": 1,
    "layers": 5,
    "n_head": 4,
    "n_embd": 32,
    "dim_ff": 48,
    "heads": 4,
    "d_ff": 48,
    "d_kv": 8,
    "d_head": 8,
}
# Some need as many keys as heads, wider state-space heads, or enough layers for one to attend.
OTHER_SIZES: list[dict[str, int]] = [
    {},
    {"key_value_heads": 4},
    {"head_dim": 16},
    {"head_dim": 16, "mamba_d_head": 16},
    {"experts": 8},
    {"experts": 8, "key_value_heads": 4},
    {"hidden_dim": 48, "dim": 32},
]
# Made again: as many as there are layers, or about the labels of a classifier.
LEFT_OUT = {
    *("layer_types", "mlp_layer_types", "layers_block_type", "block_types"),
    *("id2label", "label2id", "transformers_version", "architectures", "dtype"),
}
N_PARAMETERS = 20_000_000  # what cannot be made smaller by its names is not built
SECONDS = 10  # for one model type, to be built and run
ROUNDING = 1e-6

N_SOURCE, N_TARGET = 9, 7
REPORTS = {
    "encoder": "encoder_attentions",
    "decoder": "decoder_attentions",
    "cross": "cross_attentions",
}


def main() -> None:
    """Print the counts, and each type that is no match with its reason."""
    torch.set_num_threads(1)
    types = sys.argv[1:] or sorted(
        {
            *modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
            *modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
            *modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        }
    )
    found: dict[str, list[str]] = defaultdict(list)
    ways: Counter[str] = Counter()
    for model_type in types:
        with quiet(), contextlib.redirect_stdout(io.StringIO()):
            verdict, remark = tried(model_type, ways)
        found[verdict].append(f"{model_type}: {remark}" if remark else model_type)
    print(f"transformers {transformers.__version__}, {len(types)} model types that read text")
    print("\n| verdict | model types |\n| --- | --- |")
    for verdict, named in sorted(found.items()):
        print(f"| {verdict} | {len(named)} |")
    print(f"\nOf those that match: {dict(ways)}")
    for verdict, named in sorted(found.items()):
        if not verdict.startswith("matches") or len(types) < 20:
            print(f"\n{verdict}\n" + "\n".join(f"- {line}" for line in named))


def tried(model_type: str, ways: Counter[str]) -> tuple[str, str]:
    """What becomes of one model type, and why."""
    try:
        with limited(SECONDS):
            network = built(model_type)
            inputs = inputs_of(network)
    except Exception as error:  # other people's code may raise anything
        return "not buildable from a tiny config", said(error)
    reference = reported(network, inputs)
    doors: set[str] = set()
    try:
        with limited(SECONDS), noted(doors):
            captured = {kind: list(layers) for kind, layers in observe(network, inputs).items()}
    except CaptureError as error:
        without = "no attention, and none reported" if not reference else "refused"
        return without, said(error)
    except Exception as error:
        return "failed", said(error)
    way = " and ".join(sorted(doors))
    if not reference:
        return f"captured by {way}, the model reports none", shapes(captured)
    if (difference := compared(captured, reference)) is None:
        ways[way] += 1
        return f"matches, by {way}", ""
    if are_scores(captured, reference):
        return f"captured by {way}, the model reports scores", difference
    return f"differs, by {way}", difference


def built(model_type: str) -> Any:
    """A tiny model of random weights that runs, of the first sizes that fit each other.

    Raises:
        Exception: What was wrong with the last of the sizes.
    """
    for other_sizes in OTHER_SIZES:
        try:
            network = of_sizes(model_type, TINY | other_sizes)
            with torch.inference_mode():
                network(**inputs_of(network), use_cache=False, return_dict=True)
        except Exception as error:
            fault = error
        else:
            return network
    raise fault


def of_sizes(model_type: str, sizes: dict[str, int]) -> Any:
    """A model whose weights are drawn wide, so that its attention is far from uniform."""
    default = transformers.AutoConfig.for_model(model_type)
    config = type(default)(**tiny(default.to_dict(), sizes))
    pair = config.is_encoder_decoder
    auto = transformers.AutoModelForSeq2SeqLM if pair else transformers.AutoModel
    with torch.device("meta"):
        size = auto.from_config(config).num_parameters()
    if size > N_PARAMETERS:
        raise ValueError(f"still has {size:,} parameters")
    network = auto.from_config(config, attn_implementation="eager", dtype=torch.float32)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
    if network.main_input_name != "input_ids":
        raise ValueError(f"is fed {network.main_input_name}")
    return network.eval()


def tiny(config: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """A configuration with its sizes made small, at every depth."""
    small: dict[str, Any] = {}
    for name, value in config.items():
        if name in LEFT_OUT:
            continue
        size = next((size for end, size in sizes.items() if name.endswith(end)), 0)
        if isinstance(value, dict):
            small[name] = tiny(value, sizes)
        elif isinstance(value, int) and not isinstance(value, bool) and value > size > 0:
            small[name] = size
        elif name.endswith("token_id") and isinstance(value, int):
            small[name] = min(value, 3)
        else:
            small[name] = value
    return small


def inputs_of(network: Any) -> dict[str, torch.Tensor]:
    """Ids that are all different, none of them special."""
    ids = torch.arange(10, 10 + N_SOURCE)[None]
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if network.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = torch.arange(30, 30 + N_TARGET)[None]
    return inputs


def reported(network: Any, inputs: dict[str, torch.Tensor]) -> dict[str, list[Any]]:
    """What the model says its attentions are."""
    try:
        with torch.inference_mode(), limited(SECONDS):
            outputs = network(**inputs, output_attentions=True, use_cache=False, return_dict=True)
    except Exception:
        return {}
    names = REPORTS if network.config.is_encoder_decoder else {"alone": "attentions"}
    reports = {
        kind: [layer for layer in outputs.get(name) or () if torch.is_tensor(layer)]
        for kind, name in names.items()
    }
    return {kind: layers for kind, layers in reports.items() if layers}


def compared(captured: dict[Any, list[Any]], reference: dict[str, list[Any]]) -> str | None:
    """How the two differ; None where they are equal."""
    if "alone" in reference:
        captured = {"alone": [layer for layers in captured.values() for layer in layers]}
    if captured.keys() != reference.keys():
        return f"{list(captured)} captured, {list(reference)} reported"
    worst = 0.0
    for kind, layers in captured.items():
        theirs = [
            array[0] if len(array) == 1 else array for array in map(as_array, reference[kind])
        ]
        if [layer.shape for layer in layers] != [array.shape for array in theirs]:
            return f"{shapes({kind: layers})} captured, {shapes({kind: theirs})} reported"
        worst = max(worst, *(abs(a - b).max() for a, b in zip(layers, theirs, strict=True)))
    return None if worst <= ROUNDING else f"by {worst:.2g}"


def are_scores(captured: dict[Any, list[Any]], reference: dict[str, list[Any]]) -> bool:
    """Whether what is reported are the scores of what was captured, wherever it differs."""
    softmaxed = {
        kind: [
            layer if abs(layer.sum(-1) - 1).max() < 1e-3 else layer.softmax(-1) for layer in layers
        ]
        for kind, layers in reference.items()
    }
    return compared(captured, softmaxed) is None


def as_array(layer: Any) -> Any:
    return np.asarray(layer.float())


def shapes(layers: dict[Any, list[Any]]) -> str:
    """Shapes of layers, equal ones counted."""
    return ", ".join(
        f"{kind} "
        + " ".join(f"{n}x{list(shape)}" for shape, n in Counter(a.shape for a in arrays).items())
        for kind, arrays in layers.items()
    )


@contextlib.contextmanager
def noted(doors: set[str]) -> Iterator[None]:
    """Note by which of its two doors the attention that is kept was seen."""
    names = {"watched_interface": "interface", "tapped": "tap"}
    originals = {name: getattr(weights, name) for name in (*names, "_array")}
    current: list[str] = [""]

    def noting(name: str) -> Any:
        def door(see: Any, *rest: Any) -> Any:
            def seen(array: Any) -> None:
                current[0] = names[name]
                see(array)

            return originals[name](seen, *rest)

        return door

    def kept(array: Any) -> Any:
        doors.add(current[0])
        return originals["_array"](array)

    with contextlib.ExitStack() as patches:
        for name in names:
            patches.enter_context(mock.patch.object(weights, name, noting(name)))
        patches.enter_context(mock.patch.object(weights, "_array", kept))
        yield


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Stop what takes longer; some configurations cannot be made small by their names."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"takes longer than {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def said(error: Exception) -> str:
    """An error in a line."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    return f"{type(error).__name__}: {(lines or [''])[0][:110]}"


if __name__ == "__main__":
    main()
