# ruff: noqa: TID253 - the libraries are what is tested here
"""Of each attention it is told which module it is of, and which kind it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from attention_gallery.capture.seam.observation import observe
from attention_gallery.capture.seam.passing import Passing
from attention_gallery.capture.seam.sites import Site, UnobservableError, attention_modules, running
from tiny_models import build_tiny
from tiny_towers import SIDE, save_tower

IDS = torch.tensor([[5, 6, 7, 8]])
PIXELS = torch.rand(1, 3, SIDE, SIDE, generator=torch.manual_seed(0))

Towers = Callable[[str], Any]


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Towers:
    @cache
    def network(shape: str) -> Any:
        folder: Path = save_tower(tmp_path_factory.mktemp(shape) / "model", shape)
        return transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()

    return network


def sites(network: Any, **inputs: Any) -> list[Site]:
    seen: list[Site] = []

    def see(site: Site, _: Passing) -> None:
        seen.append(site)

    observe(network, inputs, see)
    return seen


@pytest.mark.parametrize("shape", ["gpt2", "bert"])
def test_a_stack_on_its_own_need_not_say_what_it_is(shape: str) -> None:
    found = sites(build_tiny(shape), input_ids=IDS)
    assert [site.kind for site in found] == [None, None]
    assert len({site.path for site in found}) == 2
    assert [site.run for site in found] == [0, 0]


def test_what_only_sees_is_a_stack_on_its_own() -> None:
    pixels = torch.rand(1, 3, 32, 48)
    assert {site.kind for site in sites(build_tiny("vit"), pixel_values=pixels)} == {None}


def test_runs_of_a_shared_module_are_counted() -> None:
    config = transformers.AlbertConfig(
        vocab_size=400,
        embedding_size=16,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
    )
    network = transformers.AlbertModel._from_config(config, attn_implementation="eager").eval()
    found = sites(network, input_ids=IDS)
    assert len({site.path for site in found}) == 1
    assert [site.run for site in found] == [0, 1, 2]


@pytest.mark.parametrize("shape", ["bart", "t5", "marian"])
def test_the_kinds_of_a_pair_are_told_apart(shape: str) -> None:
    found = sites(build_tiny(shape), input_ids=IDS, decoder_input_ids=IDS[:, :3])
    assert [site.kind for site in found] == ["encoder"] * 2 + ["decoder", "cross"] * 3


def test_each_tower_is_known_by_what_it_is_fed(towers: Towers) -> None:
    found = sites(towers("clip"), input_ids=IDS, pixel_values=PIXELS)
    kinds = {site.path.split(".")[0]: site.kind for site in found}
    # What reads need not say whether it sees ahead: that is told by its mask.
    assert kinds == {"text_model": None, "vision_model": "vision"}


def test_what_has_a_place_for_an_image_in_its_text_is_a_decoder(towers: Towers) -> None:
    network = towers("llava")
    ids = torch.cat([torch.full((1, 16), network.config.image_token_id), IDS], dim=1)
    found = sites(network, input_ids=ids, pixel_values=PIXELS)
    assert [site.kind for site in found] == ["vision"] * 3 + ["decoder"] * 2


def test_layers_that_look_from_the_text_at_the_image_cross(towers: Towers) -> None:
    network = towers("mllama")
    found = sites(
        network,
        input_ids=IDS,
        pixel_values=PIXELS[:, None, None],
        aspect_ratio_ids=torch.ones(1, 1, dtype=torch.long),
        aspect_ratio_mask=torch.ones(1, 1, 1, dtype=torch.long),
        cross_attention_mask=torch.ones(1, 4, 1, 1, dtype=torch.long),
    )
    kinds = {site.path: site.kind for site in found}
    assert kinds.pop("language_model.layers.1.cross_attn") == "cross"
    assert {kind for path, kind in kinds.items() if path.startswith("vision")} == {"vision"}
    assert {kind for path, kind in kinds.items() if path.startswith("lang")} == {"decoder"}


def test_what_neither_sees_nor_reads_lies_between(towers: Towers) -> None:
    network = towers("blip-2")
    ids = torch.cat([torch.full((1, 4), network.config.image_token_id), IDS], dim=1)
    found = sites(network, input_ids=ids, pixel_values=PIXELS)
    assert {site.kind for site in found if site.path.startswith("qformer")} == {"between"}
    assert {site.kind for site in found if not site.path.startswith("qformer")} == {
        "vision",
        "decoder",
    }


def test_a_module_that_is_not_named_after_attention_is_known_once_it_asks() -> None:
    network = build_tiny("gpt2")
    asking = network.get_submodule("h.1.mlp")
    assert asking not in attention_modules(network)
    with running(network) as site_of:
        assert site_of(None) is None
        assert site_of(asking) == Site("h.1.mlp", 0, None)
        assert site_of(asking) == Site("h.1.mlp", 1, None)


def test_of_a_decoder_of_a_pair_it_cannot_be_told_then() -> None:
    network = build_tiny("marian")
    asking = nn.Linear(2, 2)
    with (
        running(network) as site_of,
        pytest.raises(UnobservableError, match="whether Linear attends to the encoder"),
    ):
        site_of(asking)


def test_an_encoder_of_a_pair_says_what_it_is() -> None:
    network = build_tiny("marian")
    asking = network.get_submodule("model.encoder.layers.0.fc1")
    with running(network) as site_of:
        assert site_of(asking) == Site("model.encoder.layers.0.fc1", 0, "encoder")


def test_no_hook_stays_behind() -> None:
    network = build_tiny("marian")
    with running(network):
        assert any(module._forward_pre_hooks for module in network.modules())
    assert not any(
        module._forward_pre_hooks or module._forward_hooks for module in network.modules()
    )
