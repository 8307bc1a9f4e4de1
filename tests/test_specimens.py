"""Every specimen is whole: its files, its card, and that it loads by plain means, cut off."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attention_gallery import resources

SPECIMENS = resources.specimens()
FOLDER = resources.galleries() / "specimens"

# Those with a script of their own; the others are twins and checkpoints inside them.
CARDS = sorted(script.parent.name for script in FOLDER.glob("*/train.py"))

# What transformers calls the class to load an architecture by, by the end of its name.
AUTO_CLASSES = {
    "ForCausalLM": "AutoModelForCausalLM",
    "MTModel": "AutoModelForSeq2SeqLM",
    "ForMaskedLM": "AutoModelForMaskedLM",
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "VisionEncoderDecoderModel": "AutoModelForImageTextToText",
}

LOAD_ALL = """
import json, os, socket, sys
class Cut(socket.socket):
    def __init__(self, *args, **options):
        raise OSError("the network is cut")
socket.socket = Cut
import transformers
for folder, auto_class in json.loads(sys.stdin.read()).items():
    model, about = getattr(transformers, auto_class).from_pretrained(
        folder, output_loading_info=True
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if os.path.exists(f"{folder}/preprocessor_config.json"):
        transformers.AutoImageProcessor.from_pretrained(folder)
    print(json.dumps({
        "folder": folder,
        "class": type(model).__name__,
        "dtype": str(model.dtype),
        "amiss": sorted(map(str, (*about["missing_keys"], *about["unexpected_keys"]))),
        "tokens": len(tokenizer),
        "vocabulary": model.config.get_text_config(decoder=True).vocab_size,
    }))
"""


def architecture(folder: Path) -> str:
    """The class that the configuration names."""
    [name] = json.loads((folder / "config.json").read_text("utf-8"))["architectures"]
    return str(name)


def files() -> list[Path]:
    """Everything that the wheel carries of the specimens."""
    found = (path for path in FOLDER.rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]


@pytest.fixture(scope="module")
def loaded() -> dict[str, dict[str, Any]]:
    """What one fresh process without a network says of each specimen it loads, by folder."""
    wanted = {}
    for folder in SPECIMENS.values():
        [auto_class] = [AUTO_CLASSES[e] for e in AUTO_CLASSES if architecture(folder).endswith(e)]
        wanted[str(folder)] = auto_class
    ran = subprocess.run(
        [sys.executable, "-c", LOAD_ALL],
        input=json.dumps(wanted),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return {one["folder"]: one for one in map(json.loads, ran.stdout.splitlines())}


@pytest.mark.parametrize("name", SPECIMENS)
def test_it_loads_whole_by_its_auto_class_in_a_fresh_process_without_network(
    loaded: dict[str, dict[str, Any]], name: str
) -> None:
    one = loaded[str(SPECIMENS[name])]
    assert one["class"] == architecture(SPECIMENS[name])
    assert one["dtype"] == "torch.float32"
    assert one["amiss"] == []
    assert one["tokens"] == one["vocabulary"]


@pytest.mark.parametrize("name", SPECIMENS)
def test_its_folder_has_what_loading_needs(name: str) -> None:
    for file in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        assert (SPECIMENS[name] / file).is_file(), file


@pytest.mark.parametrize("name", CARDS)
def test_its_folder_tells_where_it_comes_from(name: str) -> None:
    assert name in SPECIMENS
    for file in ("README.md", "grammar.py", "train.py", "measure.py"):
        assert (FOLDER / name / file).is_file(), file


def test_nothing_but_twins_and_checkpoints_lacks_a_script() -> None:
    assert {name.split("/")[0] for name in SPECIMENS} == set(CARDS)


@pytest.mark.parametrize("name", CARDS)
def test_its_card_has_a_licence_and_scores_beside_the_untrained_models(name: str) -> None:
    card = (FOLDER / name / "README.md").read_text("utf-8")
    assert re.match(r"---\n(.+\n)*license: apache-2\.0\n(.+\n)*---\n", card)
    assert "\n## Licence\n" in card
    # A table with a head by name, and a column about the untrained model.
    headings = re.findall(r"^(\|.*\|)\n\| ?---", card, re.M)
    assert any("untrained" in heading for heading in headings)
    assert re.search(r"^\|.*\bL\d H\d\b.*\|$", card, re.M)


@pytest.mark.parametrize("name", CARDS)
def test_its_card_names_the_headline_scores(name: str) -> None:
    """As far as their names are written out; others are put together when they are measured."""
    card = " ".join((FOLDER / name / "README.md").read_text("utf-8").split())
    code = (FOLDER / name / "measure.py").read_text("utf-8")
    assert "Score(" in code
    scores = re.findall(r'Score\(\s*"([^"]+)"', code)
    assert [score for score in scores if score not in card] == []


@pytest.mark.parametrize("name", CARDS)
def test_its_card_says_how_to_load_it_and_make_it_again(name: str) -> None:
    card = (FOLDER / name / "README.md").read_text("utf-8")
    assert f"galleries/specimens/{name}" in card
    assert f"python galleries/specimens/{name}/train.py" in card


def test_all_of_them_together_are_small_enough_to_mail() -> None:
    assert sum(path.stat().st_size for path in files()) <= 12_000_000


def test_everyone_may_read_every_file() -> None:
    assert [path for path in files() if path.stat().st_mode & 0o444 != 0o444] == []
