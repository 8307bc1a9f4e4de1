# ruff: noqa: TID253 - real models are run, to hold the picture against their own projections
"""The neuron view: what it prints adds up, and is what the model computed."""

from __future__ import annotations

import dataclasses
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import vl_convert
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from attention_gallery import charts, views
from attention_gallery.capture import capture_all
from attention_gallery.codes import Layers
from attention_gallery.errors import InputError
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, CaptureRequest, Exhibit, Head, Model, Sentence, Start
from attention_gallery.views import neuron
from attention_gallery.views.neuron.digits import LARGEST, Decimals, written
from attention_gallery.views.neuron.vectors import Vectors
from attentions import FOX, capture, exhibit
from dot_products import made_of, softmax
from tiny_models import save_tiny

SHOWN = exhibit(views=("neuron",))


def packed(source: Attention, shown: Exhibit = SHOWN) -> Packed:
    return views.pack(shown, capture(source)) if shown is not SHOWN else as_it_opens(source)


@cache
def as_it_opens(source: Attention) -> Packed:
    """Cached, and so is its picture below: many tests look at the same ones."""
    return views.pack(SHOWN, capture(source))


def half_precise(source: Attention) -> Attention:
    """As from a model that rounds scores to bfloat16, and makes weights of these."""
    scores = []
    for each in source.parts["scores"]:
        bits = np.ascontiguousarray(each).view(np.uint32)
        scores.append((bits & np.uint32(0xFFFF0000)).view(np.float32))
    parts = {**source.parts, "scores": tuple(scores)}
    layers = Layers.of([softmax(each.astype(np.float64)) for each in scores])
    return dataclasses.replace(source, parts=parts, layers=layers)


def outlying(source: Attention, factor: float) -> Attention:
    """With one dimension of all keys far larger than the others, as in some large models."""
    keys = []
    for each in source.parts["key"]:
        key = each.copy()
        key[..., 0] *= factor
        keys.append(key)
    return recomputed(source, "key", keys)


def recomputed(source: Attention, part: Any, layers: list[NDArray[np.float32]]) -> Attention:
    """With other vectors, and what follows from them; causal, without bias."""
    parts = {**source.parts, part: tuple(layers)}
    scores = []
    for q, k, scale in zip(parts["query"], parts["key"], source.scales, strict=True):
        assert scale is not None
        made = np.einsum("hqd,hkd->hqk", q.astype(np.float64), k.astype(np.float64)) * scale
        seen = np.tri(len(source.queries), dtype=bool)
        scores.append(np.where(seen, made, np.finfo(np.float32).min).astype(np.float32))
    parts["scores"] = tuple(scores)
    weights = Layers.of([softmax(each.astype(np.float64)) for each in scores])
    return dataclasses.replace(source, parts=parts, layers=weights)


CASES = {
    "causal": made_of(),
    "encoder": made_of(kind="encoder"),
    "cross": made_of(("<s>", "the", "fox"), kind="cross", keys=("le", "renard")),
    "shared-keys": made_of(n_heads=4, n_key_heads=2),
    "bias": made_of(kind="encoder", bias=0.3, scale=1.0),
    "causal-bias": made_of(bias=0.25),
    "odd-scale": made_of(scale=0.2357),
    "large-scale": made_of(scale=20.0, spread=0.3),
    "window": made_of(window=3),
    "sink": made_of(sink=True),
    "sink-and-bias": made_of(sink=True, bias=0.5, kind="encoder"),
    "wide": made_of(n_dims=256, spread=1.0),
    "long": made_of(FOX * 6, n_dims=16),
    "tiny-numbers": made_of(n_dims=32, spread=0.02, scale=2000.0),
    "outliers": outlying(made_of(n_dims=32, spread=0.7), 300.0),
    "half-precision": half_precise(made_of(n_dims=32, spread=1.2)),
}
each_case = pytest.mark.parametrize("source", CASES.values(), ids=CASES)


@cache
def drawn(shown: Packed) -> tuple[dict[str, Any], dict[float, list[tuple[float, str]]]]:
    """The chart's parameters, and the texts of its picture: by their height, from left to right."""
    spec = charts.finish(neuron.draw(shown), shown, "")
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    texts = re.findall(r"<text[^>]*translate\(([-\d.]+),([-\d.]+)\)[^>]*>([^<]*)</text>", svg)
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in texts:
        lines.setdefault(float(y), []).append((float(x), text))
    params = {param["name"]: param.get("value") for param in spec["params"]}
    return params, {y: sorted(line) for y, line in lines.items()}


def is_number(text: str) -> bool:
    return re.fullmatch(r"[+−]?\d+\.\d{3,}", text) is not None


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def printed(shown: Packed) -> list[list[str]]:
    """The numbers of each row of the picture, as they stand there: q·k, added, score, weight."""
    _, lines = drawn(shown)
    rows = [[text for _, text in line if is_number(text)] for _, line in sorted(lines.items())]
    return [row for row in rows if len(row) > 1]


def decoded(text: str, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """What four digits stand for, by code of the test's own."""
    numbers = [int(text[i : i + 4], 36) - 36**4 // 2 for i in range(0, len(text), 4)]
    return np.array(numbers).reshape(shape)


@each_case
def test_the_printed_scores_make_the_printed_weights_to_the_last_digit(source: Attention) -> None:
    rows = printed(packed(source))
    scores = np.array([number(row[-2]) for row in rows])
    assert [f"{weight:.3f}" for weight in softmax(scores)] == [row[-1] for row in rows]


@each_case
def test_the_printed_products_make_the_printed_scores_to_the_last_digit(source: Attention) -> None:
    shown = packed(source)
    _, lines = drawn(shown)
    says = " ".join(text for line in lines.values() for _, text in line)
    slot = shown.slots[shown.start].single
    assert slot is not None
    scale = source.scales[slot.layer]
    assert scale is not None
    if root := re.search(r"÷ √(\d+)", says):
        told = 1 / math.sqrt(int(root[1]))
    elif factor := re.search(r"× (\d[\d.e-]*)", says):
        told = float(factor[1])
    else:
        told = 1.0
    assert told == pytest.approx(scale, rel=1e-5)
    for row in printed(shown):
        if len(row) == 2:
            continue  # the sink's, which has no product
        product, *added, score, _ = map(number, row)
        assert score == pytest.approx(product * scale + sum(added), abs=0.00051)
        assert product * told + sum(added) == pytest.approx(score, abs=0.0006 + 1e-5 * abs(score))


@each_case
def test_the_vectors_in_the_document_add_up_to_the_printed_products(source: Attention) -> None:
    shown = packed(source)
    params, _ = drawn(shown)
    slot = params["slots"].index(str(shown.slots[shown.start]))
    n = len(params["query_vectors"][slot]) // 4 // shown.n_queries
    q = decoded(params["query_vectors"][slot], (shown.n_queries, n))[shown.pin]
    k = decoded(params["key_vectors"][params["key_vector"][slot]], (shown.n_keys, n))
    made = (k * (q / params["query_units"][slot]) / params["key_units"][slot]).sum(axis=1)
    seen = [key for key in range(shown.n_keys) if shown.shown[shown.pin, key] > 0]
    rows = [row for row in printed(shown) if len(row) > 2]
    # What rounds to 0 in other views may be seen here.
    assert len(rows) >= len(seen)
    if len(rows) == shown.n_keys:
        half = 0.5 * 10.0 ** -len(rows[0][0].partition(".")[2])
        assert [number(row[0]) for row in rows] == pytest.approx(list(made), abs=half + 1e-9)


@each_case
def test_the_weights_shown_are_the_model_s(source: Attention) -> None:
    """To half of the last digit; half-precision models round their own weights more coarsely."""
    limit = 0.0005 if source is not CASES["half-precision"] else 0.003
    for head in Vectors(packed(source)).heads:
        weights = source.layers[head.name.layer][head.name.head]
        for query, expected in enumerate(weights):
            made = head.row(query).weights[: len(expected)]
            assert np.abs(made - expected).max() <= limit
            assert head.error <= limit


def test_products_and_scores_are_those_of_the_captured_vectors() -> None:
    source = CASES["shared-keys"]
    shown = packed(source, dataclasses.replace(SHOWN, start=Start(Head(1, 3), 7)))
    table = neuron.tabulate(shown)
    assert table.columns == ("key", "q·k", "score: q·k ÷ √8", "weight")
    query = source.parts["query"][1][3, 7].astype(np.float64)
    keys = source.parts["key"][1][1].astype(np.float64)  # heads 2 and 3 share the second
    assert [number(row[1]) for row in table.rows] == pytest.approx(list(keys[:8] @ query), abs=1e-3)
    scores = source.parts["scores"][1][3, 7, :8]
    assert [number(row[2]) for row in table.rows] == pytest.approx(list(scores), abs=1e-3)


def rotated(vectors: NDArray[np.float64], base: float) -> NDArray[np.float64]:
    """Rotary embedding as it was published, with halves as pairs: ``[head, token, dimension]``.

    Source: Su et al. 2021, equation 34, arXiv:2104.09864.
    """
    half = vectors.shape[-1] // 2
    angles = np.arange(vectors.shape[1])[:, None] * base ** (-np.arange(half) / half)
    whole = (vectors[..., :half] + 1j * vectors[..., half:]) * np.exp(1j * angles)
    return np.concatenate([whole.real, whole.imag], axis=-1)


def projected(states: Any, linear: Any, n_dims: int) -> NDArray[np.float64]:
    """``[head, token, dimension]`` from hidden states, by the formula."""
    made: NDArray[np.float64] = states.double().numpy() @ linear.weight.double().detach().numpy().T
    if linear.bias is not None:
        made = made + linear.bias.double().detach().numpy()
    return made.reshape(len(made), -1, n_dims).transpose(1, 0, 2)


def vectors_of(network: Any, shape: str, layer: int, states: Any) -> tuple[Any, Any]:
    """Query and key of a layer from the states that enter it, ``[head, token, dimension]``."""
    with torch.no_grad():
        if shape == "bert":
            attend = network.encoder.layer[layer].attention.self
            ends = [attend.query, attend.key]
        elif shape == "gpt2":
            states = network.h[layer].ln_1(states)
            weight, bias = network.h[layer].attn.c_attn.weight.T, network.h[layer].attn.c_attn.bias
            ends = [torch.nn.Linear(32, 32) for _ in range(2)]
            for i, linear in enumerate(ends):
                linear.weight.copy_(weight[32 * i : 32 * i + 32])
                linear.bias.copy_(bias[32 * i : 32 * i + 32])
        elif shape == "t5":
            block = network.encoder.block[layer].layer[0]
            states = block.layer_norm(states)
            ends = [block.SelfAttention.q, block.SelfAttention.k]
        else:
            states = network.layers[layer].input_layernorm(states)
            attend = network.layers[layer].self_attn
            ends = [attend.q_proj, attend.k_proj]
    query, key = (projected(states, each, 8) for each in ends)
    if shape == "llama":
        base = network.config.rope_parameters["rope_theta"]
        query, key = rotated(query, base), np.repeat(rotated(key, base), 2, axis=0)
    return query, key


@pytest.mark.parametrize("shape", ["bert", "gpt2", "llama", "t5"])
def test_the_numbers_are_those_of_a_real_model_s_hidden_states(shape: str, tmp_path: Path) -> None:
    """Rotary embedding and shared keys in llama, a bias for relative places in T5."""
    folder = str(save_tiny(tmp_path / shape, shape))
    text = "the quick brown fox jumps over"
    model, sentence = Model(shape, shape, "folder", folder), Sentence("s", text)
    [held] = capture_all([CaptureRequest("0" * 64, model, sentence, parts=neuron.PARTS)])
    network, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    layer, head, query = 1, 3, 3
    ran = network.encoder if shape == "t5" else network
    with torch.no_grad():
        out = ran(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    q, k = vectors_of(network, shape, layer, out.hidden_states[layer][0])
    products = q[head, query] @ k[head].T
    scores = products if shape == "t5" else products / np.sqrt(8)
    if shape == "t5":
        # Up to a distance of 7 there is a number for each, and others for later keys.
        # Source: Raffel et al. 2020, section 2.1, arXiv:1910.10683.
        learned = network.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
        assert len(products) <= 8
        places = [abs(key - query) + 16 * (key > query) for key in range(len(products))]
        scores = scores + learned.detach().double().numpy()[places, head]
    if shape in ("gpt2", "llama"):
        products, scores = products[: query + 1], scores[: query + 1]
    shown = dataclasses.replace(
        SHOWN,
        heads=(Head(layer, head),),
        start=Start(Head(layer, head), query),
        attention="encoder" if shape == "t5" else None,
    )
    table = neuron.tabulate(views.pack(shown, held))
    assert [number(row[1]) for row in table.rows] == pytest.approx(list(products), abs=1e-3)
    assert [number(row[-2]) for row in table.rows] == pytest.approx(list(scores), abs=1e-3)
    weights = softmax(scores)
    assert [float(row[-1]) for row in table.rows] == pytest.approx(list(weights), abs=1e-3)
    assert ("added" in table.columns) == (shape == "t5")


def test_what_cannot_be_seen_says_so_and_has_no_numbers() -> None:
    shown = packed(made_of(window=3), dataclasses.replace(SHOWN, start=Start(token=5)))
    _, lines = drawn(shown)
    rows = {
        line[0][1]: tuple(text for _, text in line[1:])
        for y, line in sorted(lines.items())
        if y > 130
    }
    assert rows["quick"] == ("cannot be seen from here",)
    assert rows["dog"] == ("comes later: cannot be seen",)
    assert all(map(is_number, rows["fox"]))
    assert [row[0] for row in neuron.tabulate(shown).rows] == ["brown", "fox", "jumps"]


def test_what_a_model_adds_has_a_column_only_where_it_adds_something() -> None:
    def headings(source: Attention) -> set[str]:
        return {text for line in drawn(packed(source))[1].values() for _, text in line}

    assert not headings(CASES["causal"]) & {"+", "added", "rounding"}
    assert not headings(CASES["window"]) & {"+", "added", "rounding"}
    assert {"+", "added"} <= headings(CASES["bias"])
    assert {"+", "rounding"} <= headings(CASES["half-precision"])
    table = neuron.tabulate(packed(CASES["causal-bias"]))
    assert table.columns == ("key", "q·k", "÷ √8", "added", "score", "weight")
    for row in table.rows:
        assert round(number(row[2]) + number(row[3]), 3) == number(row[4])


def test_a_sink_has_a_row_of_its_own_with_its_share() -> None:
    source = CASES["sink"]
    shown = packed(source)
    slot = shown.slots[shown.start].single
    assert slot is not None
    row = source.layers[slot.layer][slot.head][shown.pin]
    *_, last = neuron.tabulate(shown).rows
    assert last[:2] == ("sink", "")
    assert float(last[-1]) == pytest.approx(1 - row.sum(), abs=0.0006)
    assert f"The head's sink takes {last[-1]}." in neuron.describe(shown)
    _, lines = drawn(shown)
    below = [[text for _, text in line] for _, line in sorted(lines.items())]
    assert ["sink", last[-2], last[-1]] in below


def test_a_picture_of_many_dimensions_says_how_many_share_a_cell() -> None:
    _, lines = drawn(packed(CASES["wide"]))
    says = " ".join(text for _, line in sorted(lines.items()) for _, text in line)
    assert "A cell stands for 4 neighbouring dimensions" in says
    _, lines = drawn(packed(CASES["causal"]))
    assert "neighbouring" not in str(lines)


def test_the_summary_tells_how_the_weight_comes_about() -> None:
    shown = packed(
        made_of(n_dims=4, seed=1), dataclasses.replace(SHOWN, start=Start(Head(0, 1), 3))
    )
    source = shown.attention
    products = source.parts["query"][0][1, 3] * source.parts["key"][0][1]
    sums = products.sum(axis=1)[:4]
    key = int(sums.argmax())
    minus = "−"
    assert neuron.describe(shown) == (
        f"In L0 H1, brown looks at {FOX[key]}: q·k is {sums[key]:.3f}, the score "
        f"{sums[key] / 2:.3f} (q·k ÷ √4), the weight {softmax(sums / 2)[key]:.3f}. "
        f"Of the 4 products that add up to q·k {(products[key] > 0).sum()} are above zero; the "
        f"largest, {products[key].max():.3f}, is that of dimension {products[key].argmax()}."
    ).replace("-", minus)


def test_all_heads_travel_as_long_as_they_are_few() -> None:
    heads = Vectors(packed(made_of(n_layers=3, n_heads=4))).heads
    assert len(heads) == 12


def test_of_many_heads_those_of_the_opening_layer_travel_and_the_page_says_so() -> None:
    source = made_of(FOX * 3, n_layers=6, n_heads=12, n_dims=64)
    shown = packed(source, dataclasses.replace(SHOWN, start=Start(Head(4, 11), 20)))
    vectors = Vectors(shown)
    assert [str(head.name) for head in vectors.heads] == [f"L4 H{i}" for i in range(12)]
    left_out = "Here are 12 heads of layer L4; the vectors of the other 60 heads are left out."
    assert left_out in neuron.describe(shown)
    params, lines = drawn(shown)
    assert params["slots"][params["slot"]] == "L4 H11"
    says = " ".join(text for _, line in sorted(lines.items()) for _, text in line)
    assert left_out in says
    assert sum(map(len, params["query_vectors"] + params["key_vectors"])) <= 200_000


def test_of_a_layer_too_large_the_head_shown_first_travels_in_any_case() -> None:
    source = made_of(FOX * 6, n_heads=4, n_dims=128)
    shown = packed(source, dataclasses.replace(SHOWN, start=Start(Head(1, 3), 20)))
    assert [str(head.name) for head in Vectors(shown).heads] == ["L1 H0", "L1 H1", "L1 H3"]


def test_heads_that_are_listed_travel_and_no_others() -> None:
    listed = dataclasses.replace(SHOWN, heads=(Head(1, 1), Head(0, 0)))
    params, _ = drawn(packed(made_of(), listed))
    assert params["slots"] == ["L1 H1", "L0 H0"]
    assert "weights" not in params, "maps of weights are no part of this document"


def test_shared_keys_travel_once() -> None:
    params, _ = drawn(packed(CASES["shared-keys"]))
    assert (len(params["query_vectors"]), len(params["key_vectors"])) == (8, 4)
    assert params["key_vector"] == [0, 0, 1, 1, 2, 2, 3, 3]


def with_scales(source: Attention, *scales: float | None) -> Attention:
    return dataclasses.replace(source, scales=scales)


def other_weights(source: Attention) -> Attention:
    layers = [np.roll(layer, 1, axis=0) for layer in source.layers]
    return dataclasses.replace(source, layers=Layers.of(layers))


@pytest.mark.parametrize(
    ("source", "heads", "message"),
    [
        (
            with_scales(made_of(), 1.0, None),
            (Head(1, 1),),
            "what L1 H1 multiplies its dot products by is not known; list heads of other layers, "
            "or take neuron out of the views",
        ),
        (
            other_weights(made_of()),
            (Head(0, 1),),
            r"the weights of L0 H1 are not the softmax of its scores: they differ by 0\.\d{3}; "
            "list other heads, or take neuron out of the views",
        ),
        (
            made_of(FOX * 7),
            (),
            "the view neuron shows at most 64 tokens, and here are 70; shorten the text, or take "
            "neuron out of the views",
        ),
        (
            made_of(bias=-95.0, kind="encoder"),
            (Head(0, 0),),
            "the scores of L0 H0 are too far from its dot products to be shown; list other heads, "
            "or take neuron out of the views",
        ),
    ],
    ids=["scale", "other-weights", "long", "far"],
)
def test_what_cannot_be_told_is_refused_with_what_to_do(
    source: Attention, heads: tuple[Head, ...], message: str
) -> None:
    shown = dataclasses.replace(SHOWN, heads=heads)
    with pytest.raises(InputError, match=f"^{message}$"):
        views.figures(shown, packed(source, shown))


def test_an_image_has_too_many_patches_to_be_rows() -> None:
    seen = dataclasses.replace(SHOWN, sentence=Sentence("scene", "", image="/scene.png"))
    assert not neuron.fits(seen)
    assert neuron.fits(dataclasses.replace(seen, attention="decoder"))


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 83.0, 1e5, 1e9])
def test_numbers_lose_at_most_half_of_the_last_place_they_have_room_for(scale: float) -> None:
    numbers = np.random.default_rng(1).normal(size=(5, 7)) * scale
    made = Decimals.of(numbers)
    assert np.abs(made.numbers - numbers).max() <= 0.5000001 * 10.0**-made.places
    assert np.abs(made.whole).max() <= LARGEST
    assert made.places == 8 or np.abs(made.whole).max() >= LARGEST / 10 - 1


def test_numbers_are_written_in_four_digits_each() -> None:
    numbers = np.array([[0, 1, -1], [LARGEST, -LARGEST, 35]])
    text = written(numbers)
    assert text == "i000" + "i001" + "hzzz" + "zzzz" + "0001" + "i00z"
    assert (decoded(text, (2, 3)) == numbers).all()
