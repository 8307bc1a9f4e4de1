# ruff: noqa: TID253 - the libraries are what is tested here
"""A folder that is not a whole, loadable model is told in one line; nothing unsafe is opened."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from attention_gallery.capture.libraries import quiet
from attention_gallery.capture.loading import load
from attention_gallery.errors import ModelError, Where
from attention_gallery.terms import Model
from tiny_models import byte_level_tokenizer, save_tiny

PLACE = Where("galleries/x.yml", 3, 5)
QUERY = "encoder.layer.1.attention.self.query.weight"

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("whole") / "model", "bert")


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Model:
    """A model in a folder that the test may spoil."""
    folder = shutil.copytree(whole, tmp_path / "model")
    return Model("m", "./model", "folder", str(folder), where=PLACE)


def config(**values: object) -> Change:
    """Write into config.json."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def weights(edit: Callable[[dict[str, torch.Tensor]], object]) -> Change:
    """Edit model.safetensors."""

    def change(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        edit(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return change


def remove(*names: str) -> Change:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def rename(old: str, new: str) -> Change:
    return lambda folder: (folder / old).rename(folder / new)


def write(name: str, text: str) -> Change:
    return lambda folder: (folder / name).write_text(text)


FAULTS: dict[str, tuple[Change, str]] = {
    "no folder": (shutil.rmtree, "there is no folder "),
    "no config": (rename("config.json", "c"), "there is no config.json in "),
    "config not JSON": (write("config.json", "{"), "./model has no readable config.json: Expect"),
    "config a list": (write("config.json", "[]"), "./model has no readable config.json: "),
    "unknown type": (
        config(model_type="quux"),
        f'./model: transformers {transformers.__version__} knows no model type "quux"; a newer ',
    ),
    "own code": (
        config(model_type="own", auto_map={"AutoModel": "m.M"}),
        'knows no model type "own"; it brings its own code: write trust_remote_code: true',
    ),
    "impossible config": (config(num_attention_heads=5), "./model cannot be loaded: The hidden si"),
    "no weights": (
        rename("model.safetensors", "w"),
        "./model has no weights in safetensors form; the folder needs a model.safetensors",
    ),
    "weights cut short": (write("model.safetensors", "short"), "./model cannot be loaded: Error"),
    "a weight missing": (
        weights(lambda tensors: tensors.pop(QUERY)),
        "the weights of ./model do not make a BertModel: 1 of its parameters are missing or of "
        f"another size, such as {QUERY}; ",
    ),
    "a weight of another size": (
        weights(lambda tensors: tensors.update({QUERY: torch.zeros(3, 3)})),
        f"1 of its parameters are missing or of another size, such as {QUERY}; ",
    ),
    "no tokenizer": (
        remove("tokenizer.json", "tokenizer_config.json"),
        "./model has no tokenizer; the folder needs a tokenizer.json",
    ),
    "tokenizer not JSON": (
        write("tokenizer.json", "{"),
        "the tokenizer of ./model cannot be loaded: Expect",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_cannot_be_loaded_says_why(model: Model, fault: str) -> None:
    change, message = FAULTS[fault]
    change(Path(model.location))
    with pytest.raises(ModelError) as caught:
        load(model)
    assert str(caught.value).startswith("galleries/x.yml:3:5: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


class Bomb:
    """Goes off when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return pytest.fail, ("a pickle was opened",)


def test_pickled_weights_are_never_opened(model: Model) -> None:
    folder = Path(model.location)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match=r"only pickled ones \(pytorch_model.bin\)"):
        load(model)


def test_a_model_is_loaded_with_what_it_needs_to_read_or_to_see(
    model: Model, tmp_path: Path
) -> None:
    def needs(shape: str) -> list[bool]:
        folder = save_tiny(tmp_path / shape, shape)
        loaded = load(replace(model, location=str(folder)))
        return [part is not None for part in (loaded.tokenizer, loaded.image_processor)]

    assert needs("bert") == [True, False]
    assert needs("vit") == [False, True]
    assert needs("vit2gpt2") == [True, True]


def test_a_captioner_without_a_tokenizer_says_so(model: Model, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "vit2gpt2", "vit2gpt2")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match=r"tokenizer"):
        load(replace(model, location=str(folder)))


def test_parts_that_no_attention_depends_on_may_be_missing(model: Model) -> None:
    def drop_pooler(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if name.startswith("pooler")]:
            del tensors[name]

    weights(drop_pooler)(Path(model.location))
    assert type(load(model).network).__name__ == "BertModel"


def test_code_of_a_model_runs_only_when_the_author_trusts_it(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "c"))
    folder = Path(model.location)
    config(
        model_type="own_bert",
        auto_map={"AutoConfig": "own_bert.OwnConfig", "AutoModel": "own_bert.OwnModel"},
    )(folder)
    (folder / "own_bert.py").write_text(
        "from transformers import BertConfig, BertModel\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own_bert'\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(ModelError, match="brings its own code"):
        load(model)
    assert type(load(replace(model, trust_remote_code=True)).network).__name__ == "OwnModel"


def test_the_model_runs_as_it_was_trained_to_be_used(model: Model) -> None:
    network = load(model).network
    assert not network.training
    assert network.config._attn_implementation == "eager"
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_a_tokenizer_of_another_model_is_loaded_as_it_is(model: Model) -> None:
    """It is found out with the first sentence that needs a word the model lacks."""
    byte_level_tokenizer().save_pretrained(model.location)
    tokenizer = load(model).tokenizer
    assert tokenizer is not None
    assert len(tokenizer) > 300


def test_settings_of_the_libraries_come_back_after_a_failure() -> None:
    before = transformers.logging.get_verbosity()
    with pytest.raises(ZeroDivisionError), quiet():
        _ = 1 / (transformers.logging.get_verbosity() - transformers.logging.ERROR)
    assert transformers.logging.get_verbosity() == before != transformers.logging.ERROR
