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
from transformers import PreTrainedModel

from attention_gallery.capture.libraries import quiet
from attention_gallery.capture.model import devices
from attention_gallery.capture.model.loading import load
from attention_gallery.errors import ModelError, Where
from attention_gallery.terms import Dtype, Model
from tiny_models import N_WORDS, byte_level_tokenizer, network_of, save_tiny

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


def shorten(name: str) -> Change:
    """Cut the end off a file, as a download that is broken off does."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1])


def shard(folder: Path) -> None:
    """Cut the weights into several files, as large models have them."""
    load_network(folder).save_pretrained(folder, max_shard_size="20KB")
    (folder / "model.safetensors").unlink()


def lose_a_shard(folder: Path) -> None:
    shard(folder)
    min(folder.glob("model-00002-of-*.safetensors")).unlink()


def load_network(folder: Path) -> PreTrainedModel:
    return transformers.AutoModel.from_pretrained(folder)


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
    "no weights at all": (
        write("model.safetensors", "short"),
        "model.safetensors of ./model is damaged, or was cut short: Error while deserializing "
        "header: header too small; copy or download it again",
    ),
    "weights cut short": (
        shorten("model.safetensors"),
        "model.safetensors of ./model is damaged, or was cut short: Error while deserializing "
        "header: incomplete metadata, file not fully covered; copy or download it again",
    ),
    "a note of Git LFS": (
        write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "model.safetensors of ./model is not the weights, but a note of Git LFS where they are; "
        "fetch them with: git lfs pull",
    ),
    "a shard missing": (
        lose_a_shard,
        "the weights of ./model are not all here: of 6 files model-00002-of-00006.safetensors is "
        "missing; copy or download the model again",
    ),
    "an index that is none": (
        lambda folder: (
            (folder / "model.safetensors")
            .rename(folder / "model.safetensors.index.json")
            .write_text("[]")
        ),
        "the list of the weights of ./model cannot be read: model.safetensors.index.json does not "
        "say which file holds which weight",
    ),
    "NaN": (
        weights(lambda tensors: tensors[QUERY].view(-1)[7:8].fill_(torch.nan)),
        f"the weights of ./model are not all numbers: there are NaN in {QUERY}; its training has ",
    ),
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


@pytest.fixture
def pickled(model: Model) -> Model:
    """A model whose weights are in a pickle file only."""
    folder = Path(model.location)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return model


def test_pickled_weights_are_opened_only_when_the_author_allows_them(
    pickled: Model, whole: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        load(pickled)
    assert str(caught.value) == (
        "galleries/x.yml:3:5: ./model has no weights in safetensors form, only pickled ones "
        "(pytorch_model.bin); a pickle file can run any code when it is opened: convert it with "
        "save_pretrained, or write allow_pickle: true if you trust whoever made it"
    )
    found = load(replace(pickled, allow_pickle=True)).network.state_dict()
    for name, values in load_network(whole).state_dict().items():
        assert torch.equal(found[name], values), name


@pytest.mark.parametrize("allowed", [False, True])
def test_code_in_pickled_weights_never_runs(pickled: Model, allowed: bool) -> None:
    """What the author allows are weights in an old form, not code."""
    Path(pickled.location, "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(), protocol=2))
    with pytest.raises(ModelError) as caught:
        load(replace(pickled, allow_pickle=allowed))
    if allowed:
        assert "the pickled weights of ./model hold more than weights" in str(caught.value)


def test_a_model_with_safe_weights_beside_pickles_needs_nobodys_leave(model: Model) -> None:
    Path(model.location, "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    assert type(load(model).network).__name__ == "BertModel"


def test_pickles_that_no_model_is_loaded_from_are_named(model: Model) -> None:
    Path(model.location, "model.safetensors").rename(Path(model.location, "weights.pt"))
    with pytest.raises(ModelError) as caught:
        load(replace(model, allow_pickle=True))
    assert "only pickled ones (weights.pt); convert them with save_pretrained" in str(caught.value)


def test_weights_in_several_files_are_one_model(model: Model, whole: Path) -> None:
    folder = Path(model.location)
    shard(folder)
    assert len(list(folder.glob("*.safetensors"))) > 1
    found = load(model).network.state_dict()
    for name, values in load_network(whole).state_dict().items():
        assert torch.equal(found[name], values), name


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


@pytest.mark.parametrize("auto", ["AutoModel", "AutoModelForMaskedLM"])
def test_code_of_a_model_runs_only_when_the_author_trusts_it(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auto: str
) -> None:
    """It may know itself as a body, or with a head only."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "c"))
    folder = Path(model.location)
    config(
        model_type="own_bert",
        auto_map={"AutoConfig": "own_bert.OwnConfig", auto: "own_bert.OwnModel"},
    )(folder)
    (folder / "own_bert.py").write_text(
        "from transformers import BertConfig, BertModel\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own_bert'\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(ModelError, match="brings its own code"):
        load(model)
    assert type(load(replace(model, trust_remote_code=True)).network).__name__ == "OwnModel"


def test_a_tokenizer_that_brings_code_needs_the_authors_trust(tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "n_layer": 1, "n_head": 4}
    network_of(transformers.BloomConfig(vocab_size=N_WORDS, **sizes)).save_pretrained(tmp_path)
    byte_level_tokenizer().save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "own.py").write_text("raise SystemExit")
    with pytest.raises(ModelError) as caught:
        load(Model("m", "./model", "folder", str(tmp_path), where=PLACE))
    assert str(caught.value) == (
        "galleries/x.yml:3:5: the tokenizer of ./model brings its own code; write "
        "trust_remote_code: true if you trust it"
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_model_runs_in_the_data_type_of_the_manifest_not_of_its_file(
    model: Model, dtype: Dtype
) -> None:
    load_network(Path(model.location)).to(torch.bfloat16).save_pretrained(model.location)
    loaded = load(replace(model, dtype=dtype))
    assert {str(values.dtype) for values in loaded.network.parameters()} == {f"torch.{dtype}"}
    assert loaded.provenance.dtype == dtype


def test_a_model_too_large_for_the_machine_is_not_loaded(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_bytes = sum(values.numel() * 4 for values in load_network(Path(model.location)).parameters())
    monkeypatch.setattr(devices, "free_bytes", lambda _device: n_bytes // 2)
    with pytest.raises(ModelError) as caught:
        load(model)
    assert str(caught.value) == (
        "galleries/x.yml:3:5: ./model does not fit into memory in float32: its weights take "
        f"{n_bytes / 1e3:.3g} kB, and cpu has {n_bytes // 2 / 1e3:.3g} kB left; dtype: bfloat16 "
        "halves that, device: split spreads it over all there is; or choose a smaller model"
    )
    assert load(replace(model, dtype="bfloat16")).provenance.dtype == "bfloat16"


def test_memory_that_ends_while_a_model_is_loaded_is_told(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        transformers.AutoModel, "from_pretrained", lambda *_, **__: torch.empty(10**15)
    )
    with pytest.raises(ModelError, match=r"in float32: there is no room for another 4,000.0 TB; d"):
        load(model)


def test_a_device_that_is_not_here_is_told_before_anything_is_read(model: Model) -> None:
    with pytest.raises(ModelError, match=r"x.yml:3:5: this machine has no device cuda:77; it has"):
        load(replace(model, device="cuda:77", location="nowhere"))


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
