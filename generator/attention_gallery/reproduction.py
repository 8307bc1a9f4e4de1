"""A script that reproduces an exhibit's weights with transformers, for its readers.

It takes the library's own way, `output_attentions` of eager attention, which is not how they were
captured: so it is a check of them, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attention_gallery.packing import Packed
from attention_gallery.terms import AttentionKind, Capture, Exhibit, Model, Token

# How far apart two machines may be that compute the same weights.
_TOLERANCE: Mapping[str, float] = {"float32": 0.0001, "bfloat16": 0.02, "float16": 0.005}

_OF_PAIRS: Mapping[AttentionKind, str] = {
    "encoder": "encoder_attentions",
    "decoder": "decoder_attentions",
    "cross": "cross_attentions",
}


def script(exhibit: Exhibit, capture: Capture, packed: Packed) -> str:
    """A Python script that compares a model's weights with ``weights.npz`` beside it.

    Args:
        exhibit: The exhibit.
        capture: Its capture.
        packed: The part of it that is shown.

    Returns:
        Empty where a few lines cannot do it: of an image or a sound, and of a model that was not
        run but asked.
    """
    sentence, model, attention = exhibit.sentence, exhibit.model, packed.attention
    made = capture.provenance
    if sentence.image or sentence.audio or model.kind == "api" or made.dtype not in _TOLERANCE:
        return ""
    is_pair = "cross" in capture.attentions
    outputs = _OF_PAIRS[attention.kind] if is_pair else "attentions"
    lines = [
        f"# Reproduces {exhibit.title!r} from weights.npz, which has to lie beside this file.",
        f"# pip install {' '.join(_packages(model, made.versions))}",
        "import inspect, numpy, torch, transformers",
        # Only the result is told, not which weights of the file AutoModel has no use for.
        "transformers.logging.set_verbosity_error()",
        *["transformers.logging.disable_progress_bar()"] * (model.kind != "hub"),
        *_source(model),
        f"tokenizer = transformers.AutoTokenizer.from_pretrained(source{_options(model)})",
        f"model = transformers.AutoModel.from_pretrained(source{_options(model)},",
        f'    dtype=torch.{made.dtype}, attn_implementation="eager").eval()',
        *_inputs(exhibit, capture, packed),
        "with torch.no_grad():",
        f"    layers = model(**inputs, output_attentions=True).{outputs}",
        "layers = [layer[0].float().numpy() for layer in layers]",
        'stored = numpy.load("weights.npz")',
        *_difference(packed),
        'print(f"The largest difference of two weights is {off:.6f}.")',
        f"assert off < {_TOLERANCE[made.dtype]}",
    ]
    return "\n".join(lines) + "\n"


def _packages(model: Model, versions: Mapping[str, str]) -> list[str]:
    """What has to be installed, as it was when the weights were captured."""
    # What follows a plus, as in 2.9.0+cpu, no package index knows.
    pinned = [
        f"{name}=={versions[name].partition('+')[0]}"
        for name in ("torch", "transformers")
        if name in versions
    ]
    return [*pinned, "numpy", *["attention-gallery"] * (model.kind == "specimen")]


def _source(model: Model) -> list[str]:
    if model.kind != "specimen":
        return [f"source = {model.source!r}"]
    return [
        "from attention_gallery.resources import specimens  # a model that comes with it",
        f"source = specimens()[{model.source.removeprefix('specimen:')!r}]",
    ]


def _options(model: Model) -> str:
    revision = f", revision={model.revision!r}" if model.revision else ""
    return revision + ", trust_remote_code=True" * model.trust_remote_code


def _inputs(exhibit: Exhibit, capture: Capture, packed: Packed) -> list[str]:
    """What the model is fed: the text itself where that is all, tokens where it is not."""
    sentence = exhibit.sentence
    if sentence.chat or (sentence.generate and "cross" not in capture.attentions):
        ids = _ids(packed.attention.queries)
        return [
            f"inputs = {{'input_ids': torch.tensor([{ids}])}}  # with what the model or its chat "
            "template added",
        ]
    texts = ", ".join(repr(text) for text in (sentence.text, sentence.pair) if text)
    lines = [
        f'inputs = tokenizer({texts}, return_tensors="pt")',
        "takes = inspect.signature(model.forward).parameters  # a tokenizer may offer more",
        "inputs = {name: value for name, value in inputs.items() if name in takes}",
    ]
    if "cross" in capture.attentions:
        target = _ids(capture.attentions["cross"].queries)
        lines += [
            f'inputs["decoder_input_ids"] = torch.tensor([{target}])',
            # A start token is often the one for padding, too, and would be hidden.
            'inputs["decoder_attention_mask"] = torch.ones_like(inputs["decoder_input_ids"])',
        ]
    return lines


def _difference(packed: Packed) -> list[str]:
    """How far apart all weights are that are stored."""
    if packed.every_head:
        names, each = "enumerate(layers)", 'stored[f"layer_{n}"] - layer'
        return [f"off = max(abs({each}).max() for n, layer in {names})"]
    slots = (slot.single for slot in packed.own.slots)
    heads = [(head.layer, head.head) for head in slots if head]
    each = 'stored[f"L{n}H{h}"] - layers[n][h]'
    return [f"off = max(abs({each}).max() for n, h in {heads})"]


def _ids(tokens: Sequence[Token]) -> list[int]:
    return [token.id for token in tokens]
